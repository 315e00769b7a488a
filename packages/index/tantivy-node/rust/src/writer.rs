//! Makes an index of rows, which come in batches of columns.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use tantivy::directory::{OwnedBytes, RamDirectory};
use tantivy::indexer::SingleSegmentIndexWriter;
use tantivy::schema::{Document, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{Token, TokenStream, Tokenizer, TokenizerManager};
use tantivy::{Directory, Index, IndexSettings};

use crate::analyser::{Analyser, Kind, Tokens, is_word_kind};
use crate::columns::TextColumn;
use crate::failure::{Failure, invalid};
use crate::identifiers::{IdentifierWriter, hash_of};
use crate::opening::{SegmentFile, ranges_of};
use crate::packed::{Finished, PackedWriter, Span};
use crate::parts::each_part;

/// Tantivy's own description of an index.
const META: &str = "meta.json";
/// Tantivy takes a third of it for its first table of terms.
const TABLE_BUDGET_BYTES: usize = 15_000_000;

const STORE: &str = ".store";
/// The dictionaries of terms: every search reads them.
const TERMS: &str = ".term";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldOptions {
    pub name: String,
    pub analyser: Analyser,
    /// Whether phrases of words are found without reading the rows.
    pub positions: bool,
}

/// What an index says of itself at its end.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contents {
    pub rows: u64,
    pub fields: Vec<FieldOptions>,
    pub segments: Vec<SegmentContents>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SegmentContents {
    /// The first of its rows.
    pub first_row: u64,
    pub rows: u32,
    /// Tantivy's files.
    pub files: Vec<PackedSegmentFile>,
    pub identifiers: crate::identifiers::Layout,
    pub heads: Span,
    pub blocks: Span,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PackedSegmentFile {
    pub name: String,
    pub bytes: u64,
    /// All of it; absent when that is hot.
    pub body: Option<Span>,
    /// What of it is hot.
    pub hot: Vec<HotPart>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HotPart {
    /// Where it begins in the file that it is a part of.
    pub from: usize,
    pub span: Span,
}

/// A segment is closed when it has so many rows or takes so much memory.
#[derive(Clone, Copy)]
pub struct SegmentLimits {
    pub rows: u32,
    pub memory_bytes: usize,
}

pub struct IndexWriter {
    fields: Vec<FieldOptions>,
    limits: SegmentLimits,
    packed: PackedWriter,
    contents: Contents,
    segment: Option<SegmentWriter>,
}

impl IndexWriter {
    pub fn create(path: &Path, fields: Vec<FieldOptions>, limits: SegmentLimits) -> Result<Self, Failure> {
        let contents = Contents { rows: 0, fields: fields.clone(), segments: Vec::new() };
        Ok(IndexWriter { fields, limits, packed: PackedWriter::create(path)?, contents, segment: None })
    }

    /// Rows after those that came before. A field without a column has no value in them.
    pub fn add(&mut self, columns: Vec<Option<TextColumn>>, rows: usize) -> Result<(), Failure> {
        if columns.len() != self.fields.len() {
            return Err(invalid(format!(
                "wanted a column for each field, fields={} columns={}",
                self.fields.len(),
                columns.len()
            )));
        }
        let columns = Arc::new(columns);
        for row in 0..rows {
            let segment = match &mut self.segment {
                Some(segment) => segment,
                none => none.insert(SegmentWriter::new(&self.fields)?),
            };
            segment.add(&columns, row)?;
            if segment.is_full(&self.limits) {
                self.close_segment()?;
            }
        }
        Ok(())
    }

    /// The file is whole then, and not yet durable.
    pub fn finish(mut self, added: &[u8]) -> Result<Finished, Failure> {
        self.close_segment()?;
        self.packed.finish(&self.contents, added)
    }

    fn close_segment(&mut self) -> Result<(), Failure> {
        let Some(segment) = self.segment.take() else { return Ok(()) };
        let rows = segment.rows;
        let written = segment.write(&mut self.packed, self.contents.rows)?;
        self.contents.segments.push(written);
        self.contents.rows += u64::from(rows);
        Ok(())
    }
}

struct SegmentWriter {
    directory: RamDirectory,
    tantivy: SingleSegmentIndexWriter<Row>,
    identifiers: Arc<Mutex<Sink>>,
    fields: Arc<[(Field, Analyser)]>,
    rows: u32,
}

/// Where the tokenizers leave the identifiers.
#[derive(Default)]
struct Sink {
    row: u32,
    identifiers: IdentifierWriter,
}

impl SegmentWriter {
    fn new(fields: &[FieldOptions]) -> Result<Self, Failure> {
        let identifiers = Arc::new(Mutex::new(Sink::default()));
        let schema = schema_of(fields);
        let tokenizers = TokenizerManager::new();
        for (i, field) in fields.iter().enumerate() {
            let sink = identifiers.clone();
            tokenizers.register(
                &tokenizer_name(i),
                FieldTokenizer { field: i as u32, analyser: field.analyser, sink, buffers: Buffers::default() },
            );
        }
        let directory = RamDirectory::create();
        let fields = fields.iter().zip(0..).map(|(field, id)| (Field::from_field_id(id), field.analyser)).collect();
        let tantivy = Index::builder()
            .schema(schema)
            .settings(IndexSettings::default())
            .tokenizers(tokenizers)
            .single_segment_index_writer(directory.clone(), TABLE_BUDGET_BYTES)?;
        Ok(SegmentWriter { directory, tantivy, identifiers, fields, rows: 0 })
    }

    fn add(&mut self, columns: &Arc<Vec<Option<TextColumn>>>, row: usize) -> Result<(), Failure> {
        {
            let sink = &mut *self.identifiers.lock().unwrap();
            sink.row = self.rows;
            for ((field, analyser), column) in self.fields.iter().zip(columns.iter()) {
                let Some(text) = column.as_ref().and_then(|column| column.text(row)) else { continue };
                if is_whole_identifier(*analyser, text) {
                    sink.identifiers.add(hash_of(field.field_id(), text), self.rows);
                }
            }
        }
        self.rows += 1;
        self.tantivy.add_document(Row { columns: columns.clone(), fields: self.fields.clone(), row })?;
        Ok(())
    }

    fn is_full(&self, limits: &SegmentLimits) -> bool {
        const BETWEEN_CHECKS: u32 = 1024;
        self.rows >= limits.rows
            || (self.rows.is_multiple_of(BETWEEN_CHECKS) && self.memory_bytes() >= limits.memory_bytes)
    }

    fn memory_bytes(&self) -> usize {
        self.tantivy.mem_usage() + self.identifiers.lock().unwrap().identifiers.memory_bytes()
    }

    fn write(self, packed: &mut PackedWriter, first_row: u64) -> Result<SegmentContents, Failure> {
        let index = self.tantivy.finalize()?;
        let mut files: Vec<SegmentFile> = Vec::new();
        for path in index.directory().list_managed_files() {
            let name = path.to_string_lossy().into_owned();
            if name == META {
                continue;
            }
            let Ok(file) = self.directory.open_read(&path) else { continue };
            let bytes = if name.ends_with(STORE) { OwnedBytes::new(store_of_nothing()?) } else { file.read_bytes()? };
            files.push((name, bytes));
        }
        let meta = self.directory.atomic_read(Path::new(META)).map_err(|error| Failure::Internal(error.to_string()))?;
        files.push((META.to_owned(), OwnedBytes::new(meta)));
        let opened = ranges_of(&files, self.fields.len())?;
        let packed_files = files.iter().zip(opened).map(|(file, ranges)| pack(packed, file, ranges));
        let files = packed_files.collect::<Result<Vec<_>, Failure>>()?;
        let sink = std::mem::take(&mut *self.identifiers.lock().unwrap());
        let encoded = sink.identifiers.encode(self.rows);
        Ok(SegmentContents {
            first_row,
            rows: self.rows,
            files,
            identifiers: encoded.layout,
            heads: packed.add(&encoded.heads, true)?,
            blocks: packed.add(&encoded.blocks, false)?,
        })
    }
}

/// @param opened what is read of the file when the segment is opened
fn pack(
    packed: &mut PackedWriter,
    (name, bytes): &SegmentFile,
    opened: Vec<Range<usize>>,
) -> Result<PackedSegmentFile, Failure> {
    let whole = 0..bytes.len();
    let is_hot = name.ends_with(TERMS) || opened.first() == Some(&whole);
    let mut hot = Vec::new();
    for range in if is_hot { vec![whole] } else { opened } {
        hot.push(HotPart { from: range.start, span: packed.add(&bytes[range], true)? });
    }
    let body = if is_hot { None } else { Some(packed.add(bytes, false)?) };
    Ok(PackedSegmentFile { name: name.clone(), bytes: bytes.len() as u64, body, hot })
}

/// Nothing is stored of documents, and still the store takes four bytes of each: the store of none takes its place.
fn store_of_nothing() -> Result<Vec<u8>, Failure> {
    let directory = RamDirectory::create();
    let writer: SingleSegmentIndexWriter<Row> = Index::builder()
        .schema(Schema::builder().build())
        .single_segment_index_writer(directory.clone(), TABLE_BUDGET_BYTES)?;
    let index = writer.finalize()?;
    let files = index.directory().list_managed_files();
    let path = files.iter().find(|path| path.to_string_lossy().ends_with(STORE));
    let path = path.ok_or_else(|| Failure::Internal("an index has no store".to_owned()))?;
    let file = directory.open_read(path).map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(file.read_bytes()?.to_vec())
}

pub fn schema_of(fields: &[FieldOptions]) -> Schema {
    let mut schema = Schema::builder();
    for (i, field) in fields.iter().enumerate() {
        let record = if field.positions { IndexRecordOption::WithFreqsAndPositions } else { IndexRecordOption::Basic };
        let indexing = TextFieldIndexing::default()
            .set_tokenizer(&tokenizer_name(i))
            .set_index_option(record)
            .set_fieldnorms(false);
        schema.add_text_field(&field.name, TextOptions::default().set_indexing_options(indexing));
    }
    schema.build()
}

fn tokenizer_name(field: usize) -> String {
    format!("field {field}")
}

/// Tantivy need not see it.
fn is_whole_identifier(analyser: Analyser, text: &str) -> bool {
    analyser == Analyser::Raw && !text.is_empty() && !is_word_kind(text)
}

/// A row of a batch as Tantivy reads it.
struct Row {
    columns: Arc<Vec<Option<TextColumn>>>,
    fields: Arc<[(Field, Analyser)]>,
    row: usize,
}

impl Document for Row {
    type Value<'a> = &'a str;
    type FieldsValuesIter<'a> = Box<dyn Iterator<Item = (Field, &'a str)> + 'a>;

    fn iter_fields_and_values(&self) -> Self::FieldsValuesIter<'_> {
        Box::new(self.fields.iter().zip(self.columns.iter()).filter_map(|((field, analyser), column)| {
            let text = column.as_ref()?.text(self.row)?;
            if is_whole_identifier(*analyser, text) { None } else { Some((*field, text)) }
        }))
    }
}

#[derive(Clone)]
struct FieldTokenizer {
    field: u32,
    analyser: Analyser,
    sink: Arc<Mutex<Sink>>,
    buffers: Buffers,
}

#[derive(Clone, Default)]
struct Buffers {
    token: Token,
    /// Terms that are to come before the next token.
    parts: Vec<String>,
    part: String,
}

impl Tokenizer for FieldTokenizer {
    type TokenStream<'a> = FieldTokens<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> FieldTokens<'a> {
        self.buffers.token.reset();
        FieldTokens {
            field: self.field,
            tokens: Tokens::of(self.analyser, text),
            sink: &self.sink,
            buffers: &mut self.buffers,
        }
    }
}

/// The words of a text, and the parts of its identifiers, which go to the sink.
struct FieldTokens<'a> {
    field: u32,
    tokens: Tokens<'a>,
    sink: &'a Mutex<Sink>,
    buffers: &'a mut Buffers,
}

impl TokenStream for FieldTokens<'_> {
    fn advance(&mut self) -> bool {
        let Buffers { token, parts, part } = &mut *self.buffers;
        if let Some(next) = parts.pop() {
            token.text = next;
            return true;
        }
        while let Some((position, kind)) = self.tokens.next_into(&mut token.text) {
            token.position = position as usize;
            if kind == Kind::Word {
                return true;
            }
            let mut sink = self.sink.lock().unwrap();
            let row = sink.row;
            sink.identifiers.add(hash_of(self.field, &token.text), row);
            each_part(&token.text, part, |term| parts.push(term.to_owned()));
            if let Some(next) = parts.pop() {
                token.text = next;
                return true;
            }
        }
        false
    }

    fn token(&self) -> &Token {
        &self.buffers.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.buffers.token
    }
}
