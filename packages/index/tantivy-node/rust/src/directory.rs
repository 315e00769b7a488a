//! Tantivy's view of one segment in a packed file.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::HasLen;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    Directory, DirectoryLock, FileHandle, Lock, OwnedBytes, WatchCallback, WatchHandle, WritePtr,
};

use crate::failure::damaged;
use crate::packed::PackedFile;
use crate::writer::PackedSegmentFile;

#[derive(Clone)]
pub struct SegmentDirectory {
    pub packed: Arc<PackedFile>,
    pub files: Arc<HashMap<PathBuf, PackedSegmentFile>>,
}

impl fmt::Debug for SegmentDirectory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SegmentDirectory({} files)", self.files.len())
    }
}

impl SegmentDirectory {
    fn section(&self, path: &Path) -> Result<Section, OpenReadError> {
        let file = self.files.get(path).ok_or_else(|| OpenReadError::FileDoesNotExist(path.to_owned()))?;
        Ok(Section { packed: self.packed.clone(), file: file.clone() })
    }
}

impl Directory for SegmentDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        Ok(Arc::new(self.section(path)?))
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(self.files.contains_key(path))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        let section = self.section(path)?;
        let bytes = section
            .read_bytes(0..section.len())
            .map_err(|error| OpenReadError::wrap_io_error(error, path.to_owned()))?;
        Ok(bytes.to_vec())
    }

    fn watch(&self, _: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }

    fn acquire_lock(&self, _: &Lock) -> Result<DirectoryLock, LockError> {
        Ok(DirectoryLock::from(Box::new(())))
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        Err(DeleteError::IoError { io_error: Arc::new(read_only()), filepath: path.to_owned() })
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        Err(OpenWriteError::wrap_io_error(read_only(), path.to_owned()))
    }

    fn atomic_write(&self, _: &Path, _: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }
}

pub fn read_only() -> io::Error {
    io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "an index is never changed")
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
        let within =
            hot.iter().find(|part| part.from <= range.start && range.end <= part.from + part.span.bytes as usize);
        match (within, body) {
            (Some(part), _) => self.packed.read(part.span, range.start - part.from..range.end - part.from),
            (None, Some(body)) => self.packed.read(*body, range),
            (None, None) => Err(damaged("a file of the index is too short")),
        }
        .map_err(io::Error::other)
    }
}
