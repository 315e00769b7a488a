//! One file for all of an index. Its sections come first; those that every search reads lie together before the contents, which are
//! at the end: one read of the file's tail opens it. Blocks of bytes have checksums, so that whatever is read is whole.
//!
//! `sections | what the caller adds | hot sections | checksum of each block | contents as JSON | trailer`

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use tantivy::directory::OwnedBytes;

use crate::failure::{Failure, damaged};
use crate::writer::Contents;

pub const VERSION: u32 = 1;
pub const MAGIC: &[u8; 8] = b"OWINDEX\0";
pub const BLOCK_BYTES: usize = 4 * 1024;
/// Version, bytes of the contents, bytes of the checksums, where the hot sections begin, checksum of all between that and the
/// checksum itself, magic.
pub const TRAILER_BYTES: usize = 4 + 4 + 4 + 8 + 4 + 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub at: u64,
    pub bytes: u64,
    /// It lies `at` bytes behind the beginning of the hot sections, not of the file.
    pub hot: bool,
}

/// What was written.
pub struct Finished {
    /// Of the whole file.
    pub bytes: u64,
    /// Where what the caller added lies.
    pub added_at: u64,
    /// How much of the end opens the index.
    pub end_bytes: u64,
}

pub struct PackedWriter {
    file: BufWriter<File>,
    written: u64,
    hot: Vec<u8>,
    checksums: Vec<u8>,
    block: crc32fast::Hasher,
    in_block: usize,
}

impl PackedWriter {
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let file = BufWriter::with_capacity(256 * 1024, File::create(path)?);
        Ok(PackedWriter {
            file,
            written: 0,
            hot: Vec::new(),
            checksums: Vec::new(),
            block: crc32fast::Hasher::new(),
            in_block: 0,
        })
    }

    pub fn add(&mut self, bytes: &[u8], hot: bool) -> Result<Span, Failure> {
        let length = bytes.len() as u64;
        if hot {
            let at = self.hot.len() as u64;
            self.hot.extend_from_slice(bytes);
            return Ok(Span { at, bytes: length, hot });
        }
        let at = self.written;
        self.write(bytes)?;
        Ok(Span { at, bytes: length, hot })
    }

    /// @param added bytes of the caller's own, in front of what is hot
    pub fn finish(mut self, contents: &Contents, added: &[u8]) -> Result<Finished, Failure> {
        let added_at = self.written;
        self.write(added)?;
        // The hot part has a checksum of its own, with what follows.
        self.end_block();
        let hot_at = self.written;
        let contents = serde_json::to_vec(contents).map_err(|error| Failure::Internal(error.to_string()))?;
        let mut tail = std::mem::take(&mut self.hot);
        tail.extend_from_slice(&self.checksums);
        tail.extend_from_slice(&contents);
        tail.extend_from_slice(&VERSION.to_le_bytes());
        tail.extend_from_slice(&(contents.len() as u32).to_le_bytes());
        tail.extend_from_slice(&(self.checksums.len() as u32).to_le_bytes());
        tail.extend_from_slice(&hot_at.to_le_bytes());
        let checksum = crc32fast::hash(&tail);
        tail.extend_from_slice(&checksum.to_le_bytes());
        tail.extend_from_slice(MAGIC);
        self.file.write_all(&tail)?;
        self.file.flush()?;
        let end_bytes = tail.len() as u64;
        Ok(Finished { bytes: hot_at + end_bytes, added_at, end_bytes })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes)?;
        self.written += bytes.len() as u64;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(BLOCK_BYTES - self.in_block));
            self.block.update(now);
            self.in_block += now.len();
            if self.in_block == BLOCK_BYTES {
                self.end_block();
            }
            rest = later;
        }
        Ok(())
    }

    fn end_block(&mut self) {
        if self.in_block == 0 {
            return;
        }
        let block = std::mem::replace(&mut self.block, crc32fast::Hasher::new());
        self.checksums.extend_from_slice(&block.finalize().to_le_bytes());
        self.in_block = 0;
    }
}

/// An index's file as it is read: whole, or with holes in the places that nobody has brought here yet.
pub struct PackedFile {
    /// It is open while it is read and no longer: else it would stay on the disk when it is removed.
    path: PathBuf,
    /// Where the hot sections begin, which are in memory.
    hot_at: u64,
    hot: OwnedBytes,
    checksums: Vec<u32>,
    /// A bit a block whose checksum was right.
    checked: Vec<AtomicU64>,
    /// Ascending; absent when the file is whole.
    present: Option<Vec<ByteRange>>,
}

pub type ByteRange = (u64, u64);

impl PackedFile {
    /// @error missing when the tail is not here; damaged when the file is no index, or of another version
    /// @param length of the index, where something else follows it in its file
    pub fn open(
        path: &Path,
        length: Option<u64>,
        present: Option<Vec<ByteRange>>,
    ) -> Result<(Self, Contents), Failure> {
        let file = File::open(path)?;
        let whole = file.metadata()?.len();
        let length = length.unwrap_or(whole);
        if length > whole {
            return Err(damaged("the file is shorter than its index"));
        }
        let trailer_at =
            length.checked_sub(TRAILER_BYTES as u64).ok_or_else(|| damaged("the file is too short for an index"))?;
        require(present.as_deref(), (trailer_at, length))?;
        let trailer = read_exactly(&file, trailer_at, length)?;
        let number = |at: usize| u32::from_le_bytes(trailer[at..at + 4].try_into().unwrap());
        if trailer[TRAILER_BYTES - MAGIC.len()..] != MAGIC[..] {
            return Err(damaged("the file is no index"));
        }
        let (version, contents_bytes, checksums_bytes) = (number(0), number(4) as usize, number(8) as usize);
        if version != VERSION {
            return Err(damaged(format!("the index is of another version, version={version} known={VERSION}")));
        }
        let hot_at = u64::from_le_bytes(trailer[12..20].try_into().unwrap());
        let hot_bytes = trailer_at
            .checked_sub(hot_at)
            .and_then(|bytes| (bytes as usize).checked_sub(contents_bytes + checksums_bytes));
        let hot_bytes = hot_bytes.ok_or_else(|| damaged("the index's trailer is damaged"))?;
        require(present.as_deref(), (hot_at, length))?;
        let tail = read_exactly(&file, hot_at, length)?;
        if crc32fast::hash(&tail[..tail.len() - 12]) != number(20) {
            return Err(damaged("the index's contents are damaged"));
        }
        let checksums: Vec<u32> = tail[hot_bytes..hot_bytes + checksums_bytes]
            .as_chunks()
            .0
            .iter()
            .map(|four| u32::from_le_bytes(*four))
            .collect();
        let json = &tail[hot_bytes + checksums_bytes..hot_bytes + checksums_bytes + contents_bytes];
        let contents = serde_json::from_slice(json).map_err(damaged)?;
        let hot = OwnedBytes::new(tail).slice(0..hot_bytes);
        let checked = (0..checksums.len().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Ok((PackedFile { path: path.to_owned(), hot_at, hot, checksums, checked, present }, contents))
    }

    pub fn has_holes(&self) -> bool {
        self.present.is_some()
    }

    /// Bytes of a section.
    pub fn read(&self, section: Span, range: Range<usize>) -> Result<OwnedBytes, Failure> {
        if range.end as u64 > section.bytes || range.start > range.end {
            return Err(damaged("a section of the index is too short"));
        }
        let (start, end) = (section.at + range.start as u64, section.at + range.end as u64);
        if section.hot {
            return Ok(self.hot.slice(start as usize..end as usize));
        }
        if start == end {
            return Ok(OwnedBytes::empty());
        }
        let block = BLOCK_BYTES as u64;
        let (first, after) = (start / block, end.div_ceil(block));
        let blocks = (first * block, (after * block).min(self.hot_at));
        require(self.present.as_deref(), blocks)?;
        let bytes = read_exactly(&File::open(&self.path)?, blocks.0, blocks.1)?;
        for (i, body) in bytes.chunks(BLOCK_BYTES).enumerate() {
            self.check(first as usize + i, body)?;
        }
        Ok(OwnedBytes::new(bytes).slice((start - blocks.0) as usize..(end - blocks.0) as usize))
    }

    fn check(&self, block: usize, body: &[u8]) -> Result<(), Failure> {
        let bit = 1 << (block % 64);
        let checked = self.checked.get(block / 64).ok_or_else(|| damaged("the index has too few checksums"))?;
        if checked.load(Ordering::Relaxed) & bit != 0 {
            return Ok(());
        }
        if self.checksums.get(block) != Some(&crc32fast::hash(body)) {
            return Err(damaged(format!("a block of the index is damaged, block={block}")));
        }
        checked.fetch_or(bit, Ordering::Relaxed);
        Ok(())
    }
}

fn require(present: Option<&[ByteRange]>, (start, end): ByteRange) -> Result<(), Failure> {
    let Some(present) = present else { return Ok(()) };
    let before = present.partition_point(|(from, _)| *from <= start);
    if before > 0 && present[before - 1].1 >= end { Ok(()) } else { Err(Failure::Missing(vec![(start, end)])) }
}

fn read_exactly(file: &File, start: u64, end: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = vec![0; (end - start) as usize];
    #[cfg(unix)]
    std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, start)?;
    #[cfg(windows)]
    {
        let mut at = 0;
        while at < bytes.len() {
            let read = std::os::windows::fs::FileExt::seek_read(file, &mut bytes[at..], start + at as u64)?;
            if read == 0 {
                return Err(damaged("the index is too short"));
            }
            at += read;
        }
    }
    Ok(bytes)
}
