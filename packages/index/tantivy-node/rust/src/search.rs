//! A query in one segment.

use std::sync::atomic::{AtomicBool, Ordering};

use roaring::RoaringBitmap;
use tantivy::postings::BlockSegmentPostings;
use tantivy::query::{EnableScoring, PhraseQuery, Query as _};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{COLLECT_BLOCK_BUFFER_LEN, DocSet, TERMINATED, Term};
use tantivy_fst::Automaton;

use crate::analyser::{Analyser, Kind};
use crate::automaton::TokenAutomaton;
use crate::bounds::{Bounds, all_rows};
use crate::failure::{Failure, invalid, limit};
use crate::identifiers::{hash_of, rows_of};
use crate::missing::Missing;
use crate::packed::{PackedFile, Span};
use crate::parts::{LONG, MARK};
use crate::query::{Node, Pattern, Sequence, TokenPattern};
use crate::reader::Segment;
use crate::writer::FieldOptions;

/// Terms that one pattern may stand for.
const MOST_TERMS: usize = 100_000;
/// So few are sooner read than narrowed down by words, which may be in every row.
const FEW_ROWS: u64 = 64;

pub struct Search<'a> {
    pub packed: &'a PackedFile,
    pub fields: &'a [FieldOptions],
    pub segment: &'a Segment,
    pub cancelled: &'a AtomicBool,
}

impl Search<'_> {
    pub fn node(&self, node: &Node) -> Result<Bounds, Failure> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Failure::Cancelled);
        }
        match node {
            Node::Sequence(sequence) => self.sequence(sequence),
            Node::Contains(contains) => match contains.field {
                Some(field) => Ok(Bounds::at_most(self.neighbours(field, &contains.tokens)?)),
                None => Ok(self.any()),
            },
            Node::And(children) => self.all(children, Bounds::and),
            Node::Or(children) => self.all(children, Bounds::or),
            Node::Not(child) => Ok(self.node(child)?.not(self.segment.contents.rows)),
        }
    }

    fn any(&self) -> Bounds {
        Bounds::at_most(all_rows(self.segment.contents.rows))
    }

    fn all(&self, children: &[Node], join: impl Fn(Bounds, Bounds) -> Bounds) -> Result<Bounds, Failure> {
        let mut missing = Missing::default();
        let mut joined: Option<Bounds> = None;
        for child in children {
            let Some(bounds) = missing.heed(self.node(child))? else { continue };
            joined = Some(match joined {
                Some(before) => join(before, bounds),
                None => bounds,
            });
        }
        missing.end()?;
        joined.ok_or_else(|| invalid("a group has no terms".to_owned()))
    }

    /// How many rows match, when that is sure; of a single word it is what the dictionary says.
    pub fn count(&self, node: &Node) -> Result<Option<u64>, Failure> {
        if let Node::Sequence(Sequence { field: Some(field), tokens }) = node
            && let [TokenPattern::Literal(word, Kind::Word)] = tokens.as_slice()
        {
            let dictionary = self.segment.reader.inverted_index(field_of(*field))?;
            return Ok(Some(u64::from(dictionary.doc_freq(&self.term(*field, word))?)));
        }
        let bounds = self.node(node)?;
        Ok(if bounds.may.is_none() { Some(bounds.sure.len()) } else { None })
    }

    fn sequence(&self, Sequence { field, tokens }: &Sequence) -> Result<Bounds, Failure> {
        let Some(field) = *field else { return Ok(self.any()) };
        if let [token] = tokens.as_slice() {
            return self.token(field, token);
        }
        let has_positions = self.fields[field].positions;
        let are_words = tokens.iter().all(|token| matches!(token, TokenPattern::Literal(_, Kind::Word)));
        let may = self.neighbours(field, tokens)?;
        Ok(if has_positions && are_words { Bounds::exact(may) } else { Bounds::at_most(may) })
    }

    /// Rows that have all the tokens, and those of them that are words in their places; perhaps some more.
    fn neighbours(&self, field: usize, tokens: &[TokenPattern]) -> Result<RoaringBitmap, Failure> {
        let mut missing = Missing::default();
        let mut rows: Option<RoaringBitmap> = None;
        let (words, others): (Vec<_>, Vec<_>) =
            tokens.iter().enumerate().partition(|(_, token)| matches!(token, TokenPattern::Literal(_, Kind::Word)));
        for (_, token) in &others {
            if let Some(bounds) = missing.heed(self.token(field, token))? {
                rows = Some(within(rows, bounds.into_may()));
            }
        }
        let are_few = rows.as_ref().is_some_and(|rows| rows.len() <= FEW_ROWS);
        if missing.is_empty() && !are_few && !words.is_empty() {
            let terms = words.iter().map(|(at, token)| (*at, self.term(field, token.text()))).collect();
            if words.len() > 1 && self.fields[field].positions {
                if let Some(found) = missing.heed(self.phrase(terms))? {
                    rows = Some(within(rows, found));
                }
            } else {
                for (_, token) in &words {
                    if let Some(found) = missing.heed(self.word(field, token.text()))? {
                        rows = Some(within(rows, found));
                    }
                }
            }
        }
        missing.end()?;
        Ok(rows.unwrap_or_else(|| all_rows(self.segment.contents.rows)))
    }

    fn phrase(&self, words: Vec<(usize, Term)>) -> Result<RoaringBitmap, Failure> {
        if self.packed.has_holes() {
            self.touch(&words)?;
        }
        let first = words[0].0;
        let words = words.into_iter().map(|(at, term)| (at - first, term)).collect();
        let schema = self.segment.reader.schema();
        let weight = PhraseQuery::new_with_offset(words).weight(EnableScoring::disabled_from_schema(schema))?;
        let mut documents = weight.scorer(&self.segment.reader, 1.0)?;
        let mut rows = RoaringBitmap::new();
        let mut buffer = [0; COLLECT_BLOCK_BUFFER_LEN];
        loop {
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(Failure::Cancelled);
            }
            let count = documents.fill_buffer(&mut buffer);
            append(&mut rows, &buffer[..count]);
            if count < buffer.len() {
                return Ok(rows);
            }
        }
    }

    /// Of all words at once what is missing; a phrase would find it word by word.
    fn touch(&self, words: &[(usize, Term)]) -> Result<(), Failure> {
        let mut missing = Missing::default();
        for (_, term) in words {
            let dictionary = self.segment.reader.inverted_index(term.field())?;
            let postings = dictionary.read_postings(term, IndexRecordOption::Basic).map_err(Failure::from);
            missing.heed(postings)?;
            let positions =
                dictionary.read_postings(term, IndexRecordOption::WithFreqsAndPositions).map_err(Failure::from);
            missing.heed(positions)?;
        }
        missing.end()
    }

    fn token(&self, field: usize, token: &TokenPattern) -> Result<Bounds, Failure> {
        match token {
            TokenPattern::Literal(word, Kind::Word) => Ok(Bounds::exact(self.word(field, word)?)),
            TokenPattern::Literal(identifier, Kind::Identifier) => {
                Ok(Bounds::at_most(self.identifier(field, identifier)?))
            }
            TokenPattern::Pattern(pattern) => self.pattern(field, pattern),
        }
    }

    fn word(&self, field: usize, word: &str) -> Result<RoaringBitmap, Failure> {
        let dictionary = self.segment.reader.inverted_index(field_of(field))?;
        let mut rows = RoaringBitmap::new();
        if let Some(postings) = dictionary.read_block_postings(&self.term(field, word), IndexRecordOption::Basic)? {
            each_block(postings, |block| append(&mut rows, block));
        }
        Ok(rows)
    }

    fn identifier(&self, field: usize, identifier: &str) -> Result<RoaringBitmap, Failure> {
        let blocks: Span = self.segment.contents.blocks;
        let read = |start: usize, end: usize| self.packed.read(blocks, start..end);
        let hash = hash_of(field as u32, identifier);
        let rows =
            rows_of(&self.segment.contents.identifiers, &self.segment.heads, blocks.bytes as usize, &read, hash)?;
        Ok(rows.into_iter().collect())
    }

    fn pattern(&self, field: usize, pattern: &Pattern) -> Result<Bounds, Failure> {
        let words = self.terms(field, &WordsOnly(&pattern.automaton))?;
        if !pattern.finds_identifiers || self.segment.contents.identifiers.entries == 0 {
            return Ok(Bounds::exact(words));
        }
        // What is taken as a whole is looked up as a whole: of the letters in it nothing is known.
        let is_whole = self.fields[field].analyser == Analyser::Raw;
        let Some(literal) = pattern.literal.as_ref().filter(|_| !is_whole) else {
            return Ok(Bounds { sure: words, may: Some(all_rows(self.segment.contents.rows)) });
        };
        let around =
            TokenAutomaton::regex(&format!("\\x00(?:\\x00|(?-u:.*){}(?-u:.*))", regex_syntax::escape(literal)))?;
        debug_assert!(around.accepts(LONG.as_bytes()));
        let identifiers = self.terms(field, &around)?;
        if identifiers.is_empty() {
            return Ok(Bounds::exact(words));
        }
        let may = &words | identifiers;
        Ok(Bounds { sure: words, may: Some(may) })
    }

    /// Rows that have any term which the automaton accepts.
    fn terms<A: Automaton>(&self, field: usize, automaton: &A) -> Result<RoaringBitmap, Failure>
    where
        A::State: Clone,
    {
        let dictionary = self.segment.reader.inverted_index(field_of(field))?;
        let mut terms = dictionary.terms().search(automaton).into_stream()?;
        let mut rows = RoaringBitmap::new();
        let mut missing = Missing::default();
        let mut count = 0;
        while terms.advance() {
            count += 1;
            if count > MOST_TERMS {
                return Err(limit(format!("a pattern finds too many words, limit={MOST_TERMS}")));
            }
            if self.cancelled.load(Ordering::Relaxed) {
                return Err(Failure::Cancelled);
            }
            let postings = dictionary.read_block_postings_from_terminfo(terms.value(), IndexRecordOption::Basic);
            if let Some(postings) = missing.heed(postings.map_err(Failure::from))? {
                each_block(postings, |block| rows.extend(block));
            }
        }
        missing.end()?;
        Ok(rows)
    }

    fn term(&self, field: usize, word: &str) -> Term {
        Term::from_field_text(field_of(field), word)
    }
}

fn within(rows: Option<RoaringBitmap>, found: RoaringBitmap) -> RoaringBitmap {
    match rows {
        Some(rows) => rows & found,
        None => found,
    }
}

fn field_of(field: usize) -> Field {
    Field::from_field_id(field as u32)
}

fn each_block(mut postings: BlockSegmentPostings, mut visit: impl FnMut(&[u32])) {
    loop {
        let block = postings.docs();
        // The last block is filled up.
        let length = block.iter().position(|row| *row == TERMINATED).unwrap_or(block.len());
        if length == 0 {
            return;
        }
        visit(&block[..length]);
        postings.advance();
    }
}

/// Rows behind all that are there.
fn append(rows: &mut RoaringBitmap, block: &[u32]) {
    // They ascend, so that it cannot fail.
    let _ = rows.append(block.iter().copied());
}

/// An automaton that takes no term of an identifier's parts.
struct WordsOnly<'a>(&'a TokenAutomaton);

/// The state of a term that begins with the mark.
const REFUSED: u32 = u32::MAX;

impl Automaton for WordsOnly<'_> {
    /// With whether it is at the beginning.
    type State = (u32, bool);

    fn start(&self) -> (u32, bool) {
        (self.0.start(), true)
    }

    fn is_match(&self, (state, _): &(u32, bool)) -> bool {
        *state != REFUSED && self.0.is_match(state)
    }

    fn can_match(&self, (state, _): &(u32, bool)) -> bool {
        *state != REFUSED && self.0.can_match(state)
    }

    fn accept(&self, (state, is_first): &(u32, bool), byte: u8) -> (u32, bool) {
        let refused = *state == REFUSED || (*is_first && byte == MARK);
        (if refused { REFUSED } else { self.0.accept(state, byte) }, false)
    }
}
