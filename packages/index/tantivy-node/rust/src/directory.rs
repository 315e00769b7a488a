//! Tantivy's view of one segment in a packed file.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::HasLen;
use tantivy::directory::{FileHandle, OwnedBytes};

use crate::failure::damaged;
use crate::packed::PackedFile;
use crate::read_only::Files;
use crate::writer::PackedSegmentFile;

/// What an index has of a segment.
#[derive(Clone)]
pub struct SegmentFiles {
    pub packed: Arc<PackedFile>,
    pub files: Arc<HashMap<PathBuf, PackedSegmentFile>>,
}

impl Files for SegmentFiles {
    fn file(&self, path: &Path) -> Option<Arc<dyn FileHandle>> {
        let file = self.files.get(path)?.clone();
        Some(Arc::new(Section { packed: self.packed.clone(), file }))
    }
}

struct Section {
    packed: Arc<PackedFile>,
    file: PackedSegmentFile,
}

impl fmt::Debug for Section {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Section({})", self.file.name)
    }
}

impl HasLen for Section {
    fn len(&self) -> usize {
        self.file.bytes as usize
    }
}

impl FileHandle for Section {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        let PackedSegmentFile { body, hot, .. } = &self.file;
        let holds = |from: usize, bytes: u64| from <= range.start && range.end <= from + bytes as usize;
        match (hot.iter().find(|part| holds(part.from, part.span.bytes)), body) {
            (Some(part), _) => self.packed.read(part.span, range.start - part.from..range.end - part.from),
            (None, Some(body)) => self.packed.read(*body, range),
            (None, None) => Err(damaged("a file of the index is too short")),
        }
        .map_err(io::Error::other)
    }
}
