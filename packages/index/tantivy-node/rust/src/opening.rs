//! What Tantivy reads of a segment's files when it opens them: that is to be hot.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tantivy::directory::{FileHandle, OwnedBytes};
use tantivy::schema::Field;
use tantivy::{HasLen, Index, SegmentReader};

use crate::failure::{Failure, damaged};
use crate::read_only::{Files, ReadOnly};

/// A file of a segment by its name, and its bytes.
pub type SegmentFile = (String, OwnedBytes);

/// Of each file the ranges that are read when the segment and all its fields are opened, ascending and apart.
pub fn ranges_of(files: &[SegmentFile], fields: usize) -> Result<Vec<Vec<Range<usize>>>, Failure> {
    let by_path = files.iter().map(|(name, bytes)| (name.into(), bytes.clone())).collect();
    let watched = Watched { files: Arc::new(by_path), reads: Arc::default() };
    let index = Index::open(ReadOnly(watched.clone()))?;
    let segments = index.searchable_segments()?;
    let segment = segments.first().ok_or_else(|| damaged("a segment without rows"))?;
    let reader = SegmentReader::open(segment)?;
    for field in 0..fields {
        reader.inverted_index(Field::from_field_id(field as u32))?;
    }
    let mut reads = watched.reads.lock().unwrap();
    Ok(files.iter().map(|(name, _)| joined(reads.remove(Path::new(name)).unwrap_or_default())).collect())
}

fn joined(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    let mut apart: Vec<Range<usize>> = Vec::new();
    for range in ranges.into_iter().filter(|range| !range.is_empty()) {
        match apart.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

/// Files that keep in mind what was read of them.
#[derive(Clone)]
struct Watched {
    files: Arc<HashMap<PathBuf, OwnedBytes>>,
    reads: Arc<Mutex<HashMap<PathBuf, Vec<Range<usize>>>>>,
}

impl Files for Watched {
    fn file(&self, path: &Path) -> Option<Arc<dyn FileHandle>> {
        let bytes = self.files.get(path)?.clone();
        Some(Arc::new(WatchedFile { path: path.to_owned(), bytes, watched: self.clone() }))
    }
}

struct WatchedFile {
    path: PathBuf,
    bytes: OwnedBytes,
    watched: Watched,
}

impl fmt::Debug for WatchedFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "WatchedFile({})", self.path.display())
    }
}

impl HasLen for WatchedFile {
    fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl FileHandle for WatchedFile {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        let mut reads = self.watched.reads.lock().unwrap();
        reads.entry(self.path.clone()).or_default().push(range.clone());
        Ok(self.bytes.slice(range))
    }
}
