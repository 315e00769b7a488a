//! Most rows are ruled out without their tokens: a row that matches has some text in it, letter by letter.

use memchr::memmem::Finder;

use crate::columns::TextColumn;
use crate::query::{Contains, Node, Sequence, TokenPattern};

/// One of these is in each row that matches and whose text is ASCII; texts of other letters may become ASCII in lower case.
pub struct Prefilter {
    alternatives: Vec<(usize, Finder<'static>)>,
}

/// A search for more of them than that is no quicker than reading the tokens.
const MOST_ALTERNATIVES: usize = 8;

impl Prefilter {
    /// `None` when a row may match without any text in particular.
    pub fn of(node: &Node) -> Option<Self> {
        let needed = needed_by(node)?;
        if needed.len() > MOST_ALTERNATIVES {
            return None;
        }
        let alternatives = needed.into_iter().map(|(field, text)| (field, Finder::new(&text).into_owned())).collect();
        Some(Prefilter { alternatives })
    }

    /// Of each row whether it may match.
    pub fn run(&self, columns: &[Option<TextColumn>], rows: usize) -> Vec<bool> {
        let mut may = vec![false; rows];
        let mut lower = Vec::new();
        for (i, (field, finder)) in self.alternatives.iter().enumerate() {
            let Some(column) = columns.get(*field).and_then(Option::as_ref) else { continue };
            if i == 0 || self.alternatives[i - 1].0 != *field {
                lower.clear();
                lower.extend_from_slice(&column.data);
                lower.make_ascii_lowercase();
                mark_other_letters(column, &mut may);
            }
            mark_found(finder, &lower, &column.offsets, &mut may);
        }
        may
    }
}

fn mark_other_letters(column: &TextColumn, may: &mut [bool]) {
    if column.data.is_ascii() {
        return;
    }
    for (row, may) in may.iter_mut().enumerate() {
        *may |= !column.data[column.offsets[row] as usize..column.offsets[row + 1] as usize].is_ascii();
    }
}

/// A text may seem to lie across two rows: then it is in neither for it.
fn mark_found(finder: &Finder, data: &[u8], offsets: &[i32], may: &mut [bool]) {
    let mut at = 0;
    while let Some(found) = finder.find(&data[at..]) {
        let start = at + found;
        let row = offsets.partition_point(|offset| *offset as usize <= start) - 1;
        let end = offsets[row + 1] as usize;
        if start + finder.needle().len() <= end {
            may[row] = true;
            at = end;
        } else {
            at = start + 1;
        }
    }
}

type Needed = Vec<(usize, Vec<u8>)>;

/// Texts of which one is in each row that matches; in lower case, by field.
fn needed_by(node: &Node) -> Option<Needed> {
    match node {
        Node::Sequence(Sequence { field: Some(field), tokens }) => {
            let texts = tokens.iter().filter_map(|token| match token {
                TokenPattern::Literal(text, _) => Some(text.as_str()),
                TokenPattern::Pattern(pattern) => pattern.literal.as_deref(),
            });
            longest(*field, texts)
        }
        Node::Contains(Contains { field: Some(field), text, .. }) => longest(*field, std::iter::once(text.as_str())),
        // No field, no tokens: no row.
        Node::Sequence(_) | Node::Contains(_) => Some(Vec::new()),
        Node::And(children) => children.iter().filter_map(needed_by).min_by_key(|needed| {
            (needed.len(), usize::MAX - needed.iter().map(|(_, text)| text.len()).min().unwrap_or(0))
        }),
        Node::Or(children) => {
            let mut all: Needed = children.iter().map(needed_by).collect::<Option<Vec<_>>>()?.concat();
            all.sort();
            all.dedup();
            Some(all)
        }
        Node::Not(_) => None,
    }
}

fn longest<'a>(field: usize, texts: impl Iterator<Item = &'a str>) -> Option<Needed> {
    let text = texts.filter(|text| text.is_ascii() && !text.is_empty()).max_by_key(|text| text.len())?;
    Some(vec![(field, text.to_ascii_lowercase().into_bytes())])
}
