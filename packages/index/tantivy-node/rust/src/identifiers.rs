//! Which rows have an identifier. A term dictionary needs about twenty bytes for each that is used once; here it is a part of its
//! hash and its row, sorted, as differences in Rice codes: about three and a half. A part of a hash is not proof: the rows are to be
//! checked.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Entries to a block, of which a look-up decodes one or two.
const BLOCK: usize = 512;
/// Of a block's first entry and of its place.
const HEAD_BYTES: usize = 12;
/// A quotient that is not worth so many ones is written as it is.
const MOST_ONES: u32 = 24;
/// Bits of a hash beyond those that tell as many entries apart as there are.
const SPARE_BITS: u32 = 5;

/// The hash of a token of a field. It is part of the format.
pub fn hash_of(field: u32, token: &str) -> u64 {
    xxh3_64_with_seed(token.as_bytes(), u64::from(field))
}

/// Where the parts of an entry are: `hash << row_bits | row`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Layout {
    pub hash_bits: u32,
    pub row_bits: u32,
    pub entries: u64,
}

impl Layout {
    fn first_of(&self, hash: u64) -> u64 {
        (hash >> (64 - self.hash_bits)) << self.row_bits
    }

    fn row_mask(&self) -> u64 {
        (1 << self.row_bits) - 1
    }
}

/// What is gathered of a segment.
#[derive(Default)]
pub struct IdentifierWriter {
    hashes: Vec<u64>,
    rows: Vec<u32>,
}

pub struct EncodedIdentifiers {
    pub layout: Layout,
    pub heads: Vec<u8>,
    pub blocks: Vec<u8>,
}

impl IdentifierWriter {
    pub fn add(&mut self, hash: u64, row: u32) {
        self.hashes.push(hash);
        self.rows.push(row);
    }

    pub fn memory_bytes(&self) -> usize {
        12 * self.hashes.capacity()
    }

    pub fn encode(self, rows: u32) -> EncodedIdentifiers {
        let row_bits = bits_for(u64::from(rows)).max(1);
        let hash_bits = (bits_for(self.hashes.len() as u64) + SPARE_BITS).clamp(8, 64 - row_bits);
        let mut layout = Layout { hash_bits, row_bits, entries: 0 };
        let mut entries: Vec<u64> =
            self.hashes.iter().zip(&self.rows).map(|(hash, row)| layout.first_of(*hash) | u64::from(*row)).collect();
        drop(self.hashes);
        drop(self.rows);
        entries.sort_unstable();
        entries.dedup();
        layout.entries = entries.len() as u64;
        let mut heads = Vec::with_capacity(HEAD_BYTES * entries.len().div_ceil(BLOCK));
        let mut writer = BitWriter::default();
        for block in entries.chunks(BLOCK) {
            heads.extend_from_slice(&block[0].to_le_bytes());
            heads.extend_from_slice(&(writer.bytes.len() as u32).to_le_bytes());
            writer.differences(block);
        }
        EncodedIdentifiers { layout, heads, blocks: writer.bytes }
    }
}

/// Reads `blocks[start..end]`.
pub type ReadBlocks<'a, E> = &'a dyn Fn(usize, usize) -> Result<tantivy::directory::OwnedBytes, E>;

/// The rows that may have the identifier of a hash, ascending.
pub fn rows_of<E>(
    layout: &Layout,
    heads: &[u8],
    blocks_bytes: usize,
    read: ReadBlocks<E>,
    hash: u64,
) -> Result<Vec<u32>, E> {
    let first = layout.first_of(hash);
    let last = first | layout.row_mask();
    let heads = heads.as_chunks::<HEAD_BYTES>().0;
    let entry_of = |head: &[u8; HEAD_BYTES]| u64::from_le_bytes(head[..8].try_into().unwrap());
    let place = |block: usize| match heads.get(block) {
        Some(head) => u32::from_le_bytes(head[8..].try_into().unwrap()) as usize,
        None => blocks_bytes,
    };
    // The first block that may have such an entry is the last one that begins before or with it.
    let begun = heads.partition_point(|head| entry_of(head) <= first);
    let mut rows = Vec::new();
    for (block, head) in heads.iter().enumerate().skip(begun.saturating_sub(1)) {
        if entry_of(head) > last {
            break;
        }
        let length = BLOCK.min(layout.entries as usize - BLOCK * block);
        let bytes = read(place(block), place(block + 1))?;
        BitReader::new(&bytes).each(entry_of(head), length, |entry| {
            if entry >= first && entry <= last {
                rows.push((entry & layout.row_mask()) as u32);
            }
        });
    }
    Ok(rows)
}

/// How many bits it takes to tell so many values apart.
fn bits_for(count: u64) -> u32 {
    64 - count.saturating_sub(1).leading_zeros()
}

#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    word: u64,
    used: u32,
}

impl BitWriter {
    /// The parameter of the code, then what each entry is more than the one before it, but for the first.
    fn differences(&mut self, block: &[u64]) {
        let total = block[block.len() - 1] - block[0];
        let mean = total / block.len() as u64;
        let low_bits = mean.max(1).ilog2();
        self.bytes.push(low_bits as u8);
        for pair in block.windows(2) {
            let difference = pair[1] - pair[0];
            let quotient = difference >> low_bits;
            if quotient < u64::from(MOST_ONES) {
                self.put((1 << quotient) - 1, quotient as u32 + 1);
                self.put(difference & ((1 << low_bits) - 1), low_bits);
            } else {
                self.put((1 << MOST_ONES) - 1, MOST_ONES);
                self.put(difference & 0xffff_ffff, 32);
                self.put(difference >> 32, 32);
            }
        }
        while self.used > 0 {
            self.bytes.push(self.word as u8);
            self.word >>= 8;
            self.used = self.used.saturating_sub(8);
        }
        self.word = 0;
    }

    /// The lowest bits of a value. Fewer than eight wait before them, so that 56 more fit.
    fn put(&mut self, mut value: u64, mut bits: u32) {
        while bits > 0 {
            let taken = bits.min(56);
            self.word |= (value & ((1u64 << taken) - 1)) << self.used;
            self.used += taken;
            value >>= taken;
            bits -= taken;
            while self.used >= 8 {
                self.bytes.push(self.word as u8);
                self.word >>= 8;
                self.used -= 8;
            }
        }
    }
}

struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        BitReader { bytes, at: 0 }
    }

    fn each(mut self, first: u64, count: usize, mut visit: impl FnMut(u64)) {
        let low_bits = u32::from(self.bytes[0]).min(63);
        self.at = 8;
        let mut entry = first;
        visit(entry);
        for _ in 1..count {
            let mut quotient = 0u64;
            while quotient < u64::from(MOST_ONES) && self.get(1) == 1 {
                quotient += 1;
            }
            let difference = if quotient == u64::from(MOST_ONES) {
                self.get(32) | (self.get(32) << 32)
            } else {
                (quotient << low_bits) | self.get(low_bits)
            };
            entry = entry.wrapping_add(difference);
            visit(entry);
        }
    }

    /// Bits beyond the end are zeros.
    fn get(&mut self, bits: u32) -> u64 {
        let mut value = 0u64;
        let mut got = 0;
        while got < bits {
            let byte = u64::from(self.bytes.get(self.at / 8).copied().unwrap_or(0));
            let skip = (self.at % 8) as u32;
            let taken = (8 - skip).min(bits - got);
            value |= ((byte >> skip) & ((1 << taken) - 1)) << got;
            got += taken;
            self.at += taken as usize;
        }
        value
    }
}
