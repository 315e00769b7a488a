//! What Tantivy reads of a segment's files when it opens them: that is to be hot.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    Directory, DirectoryLock, FileHandle, Lock, OwnedBytes, WatchCallback, WatchHandle, WritePtr,
};
use tantivy::schema::Field;
use tantivy::{HasLen, Index, SegmentReader};

use crate::directory::read_only;
use crate::failure::{Failure, damaged};

/// A file of a segment by its name, and its bytes.
pub type SegmentFile = (String, OwnedBytes);

/// Of each file the ranges that are read when the segment and all its fields are opened, ascending and apart.
pub fn ranges_of(files: &[SegmentFile], fields: usize) -> Result<Vec<Vec<Range<usize>>>, Failure> {
    let directory = Opening {
        files: Arc::new(files.iter().map(|(name, bytes)| (name.into(), bytes.clone())).collect()),
        reads: Arc::default(),
    };
    let reads = directory.reads.clone();
    let index = Index::open(directory)?;
    let segments = index.searchable_segments()?;
    let segment = segments.first().ok_or_else(|| damaged("a segment without rows"))?;
    let reader = SegmentReader::open(segment)?;
    for field in 0..fields {
        reader.inverted_index(Field::from_field_id(field as u32))?;
    }
    let mut reads = reads.lock().unwrap();
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

#[derive(Clone)]
struct Opening {
    files: Arc<HashMap<PathBuf, OwnedBytes>>,
    reads: Arc<Mutex<HashMap<PathBuf, Vec<Range<usize>>>>>,
}

impl fmt::Debug for Opening {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Opening({} files)", self.files.len())
    }
}

impl Opening {
    fn file(&self, path: &Path) -> Result<OpenedFile, OpenReadError> {
        let bytes = self.files.get(path).ok_or_else(|| OpenReadError::FileDoesNotExist(path.to_owned()))?;
        Ok(OpenedFile { path: path.to_owned(), bytes: bytes.clone(), opening: self.clone() })
    }
}

impl Directory for Opening {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        Ok(Arc::new(self.file(path)?))
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(self.files.contains_key(path))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        let file = self.file(path)?;
        let bytes =
            file.read_bytes(0..file.len()).map_err(|error| OpenReadError::wrap_io_error(error, path.to_owned()))?;
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

struct OpenedFile {
    path: PathBuf,
    bytes: OwnedBytes,
    opening: Opening,
}

impl fmt::Debug for OpenedFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "OpenedFile({})", self.path.display())
    }
}

impl HasLen for OpenedFile {
    fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl FileHandle for OpenedFile {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        let mut reads = self.opening.reads.lock().unwrap();
        reads.entry(self.path.clone()).or_default().push(range.clone());
        Ok(self.bytes.slice(range))
    }
}
