//! Finds rows by an index.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tantivy::directory::OwnedBytes;
use tantivy::{Index, SegmentReader};

use crate::analyser::Analyser;
use crate::bounds::Bounds;
use crate::directory::SegmentFiles;
use crate::failure::{Failure, damaged};
use crate::missing::Missing;
use crate::packed::{ByteRange, PackedFile};
use crate::query::{Fields, Query};
use crate::read_only::ReadOnly;
use crate::search::Search;
use crate::writer::{Contents, SegmentContents};

pub struct IndexReader {
    contents: Contents,
    segments: Vec<Segment>,
    packed: Arc<PackedFile>,
}

pub struct Segment {
    pub contents: SegmentContents,
    pub reader: SegmentReader,
    /// Of the blocks of identifiers.
    pub heads: OwnedBytes,
}

impl Fields for Contents {
    fn find(&self, name: &str) -> Option<(usize, Analyser)> {
        let field = self.fields.iter().position(|field| field.name == name)?;
        Some((field, self.fields[field].analyser))
    }
}

impl IndexReader {
    /// @param length of the index, where something else follows it in its file
    /// @param present the byte ranges that the file has, ascending; absent when it is whole
    pub fn open(path: &Path, length: Option<u64>, present: Option<Vec<ByteRange>>) -> Result<Self, Failure> {
        let (packed, contents) = PackedFile::open(path, length, present)?;
        let packed = Arc::new(packed);
        let mut segments = Vec::new();
        let mut missing = Missing::default();
        for segment in &contents.segments {
            segments.extend(missing.heed(open_segment(&packed, segment))?);
        }
        missing.end()?;
        Ok(IndexReader { contents, segments, packed })
    }

    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The rows of the whole index, ascending.
    pub fn search(&self, query: &Query, cancelled: &AtomicBool) -> Result<Found, Failure> {
        let node = query.compile(&self.contents)?;
        let mut found = Found::default();
        let mut missing = Missing::default();
        for segment in &self.segments {
            let search = self.search_of(segment, cancelled);
            let Some(bounds) = missing.heed(search.node(&node))? else { continue };
            found.add(bounds, segment.contents.first_row as u32);
        }
        missing.end()?;
        Ok(found)
    }

    /// How many rows match, when that is known without reading any.
    pub fn count(&self, query: &Query, cancelled: &AtomicBool) -> Result<Option<u64>, Failure> {
        let node = query.compile(&self.contents)?;
        let mut count = 0;
        let mut missing = Missing::default();
        for segment in &self.segments {
            let search = self.search_of(segment, cancelled);
            match missing.heed(search.count(&node))? {
                Some(Some(rows)) => count += rows,
                Some(None) => return Ok(None),
                None => {}
            }
        }
        missing.end()?;
        Ok(Some(count))
    }

    fn search_of<'a>(&'a self, segment: &'a Segment, cancelled: &'a AtomicBool) -> Search<'a> {
        Search { packed: &self.packed, fields: &self.contents.fields, segment, cancelled }
    }
}

fn open_segment(packed: &Arc<PackedFile>, contents: &SegmentContents) -> Result<Segment, Failure> {
    let files = contents.files.iter().map(|file| (PathBuf::from(&file.name), file.clone())).collect();
    let files = SegmentFiles { packed: packed.clone(), files: Arc::new(files) };
    let index = Index::open(ReadOnly(files))?;
    let segments = index.searchable_segments()?;
    let segment = segments.first().ok_or_else(|| damaged("an index has a segment without rows"))?;
    let heads = packed.read(contents.heads, 0..contents.heads.bytes as usize)?;
    Ok(Segment { contents: contents.clone(), reader: SegmentReader::open(segment)?, heads })
}

#[derive(Default)]
pub struct Found {
    pub sure: Vec<u32>,
    /// Rows that may match beside those, which are to be read.
    pub check: Vec<u32>,
}

impl Found {
    fn add(&mut self, bounds: Bounds, first_row: u32) {
        if let Some(may) = bounds.may {
            self.check.extend((may - &bounds.sure).into_iter().map(|row| first_row + row));
        }
        self.sure.extend(bounds.sure.into_iter().map(|row| first_row + row));
    }
}
