//! The meaning of a query on rows that are there as columns, without an index.

use crate::analyser::{Analyser, Tokens};
use crate::columns::TextColumn;
use crate::failure::Failure;
use crate::prefilter::Prefilter;
use crate::query::{Contains, Fields, Node, Query, Sequence, TokenPattern};

/// A field of rows.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
pub struct RowField {
    pub name: String,
    pub analyser: Analyser,
}

impl Fields for Vec<RowField> {
    fn find(&self, name: &str) -> Option<(usize, Analyser)> {
        let field = self.iter().position(|field| field.name == name)?;
        Some((field, self[field].analyser))
    }
}

pub struct Matcher {
    node: Node,
    prefilter: Option<Prefilter>,
    fields: Vec<RowField>,
    texts: Vec<TokenizedText>,
}

impl Matcher {
    pub fn new(query: &Query, fields: Vec<RowField>) -> Result<Self, Failure> {
        let node = query.compile(&fields)?;
        let texts = fields.iter().map(|_| TokenizedText::default()).collect();
        Ok(Matcher { prefilter: Prefilter::of(&node), node, fields, texts })
    }

    /// A byte a row: 1 when it matches.
    pub fn run(&mut self, columns: &[Option<TextColumn>], rows: usize) -> Vec<u8> {
        let Matcher { node, prefilter, fields, texts } = self;
        let may = prefilter.as_ref().map(|prefilter| prefilter.run(columns, rows));
        (0..rows)
            .map(|row| {
                if may.as_ref().is_some_and(|may| !may[row]) {
                    return 0;
                }
                for text in texts.iter_mut() {
                    text.is_current = false;
                }
                u8::from(Evaluation { fields, columns, texts, row }.node(node))
            })
            .collect()
    }
}

/// The tokens of a field's text in the row at hand.
#[derive(Default)]
struct TokenizedText {
    is_current: bool,
    tokens: String,
    ends: Vec<usize>,
    token: String,
}

impl TokenizedText {
    fn make(&mut self, analyser: Analyser, text: &str) {
        self.tokens.clear();
        self.ends.clear();
        let mut tokens = Tokens::of(analyser, text);
        while tokens.next_into(&mut self.token).is_some() {
            self.tokens.push_str(&self.token);
            self.ends.push(self.tokens.len());
        }
        self.is_current = true;
    }

    fn token(&self, i: usize) -> &str {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.tokens[start..self.ends[i]]
    }
}

struct Evaluation<'a> {
    fields: &'a [RowField],
    columns: &'a [Option<TextColumn>],
    texts: &'a mut [TokenizedText],
    row: usize,
}

impl Evaluation<'_> {
    fn node(&mut self, node: &Node) -> bool {
        match node {
            Node::Sequence(sequence) => self.sequence(sequence),
            Node::Contains(contains) => self.contains(contains),
            Node::And(children) => children.iter().all(|child| self.node(child)),
            Node::Or(children) => children.iter().any(|child| self.node(child)),
            Node::Not(child) => !self.node(child),
        }
    }

    fn text(&self, field: usize) -> Option<&str> {
        self.columns.get(field)?.as_ref()?.text(self.row)
    }

    fn contains(&self, Contains { field, text, .. }: &Contains) -> bool {
        field.and_then(|field| self.text(field)).is_some_and(|own| own.contains(text))
    }

    fn sequence(&mut self, Sequence { field, tokens }: &Sequence) -> bool {
        let Some(field) = *field else { return false };
        if !self.texts[field].is_current {
            let text = self.columns.get(field).and_then(|column| column.as_ref()?.text(self.row)).unwrap_or("");
            self.texts[field].make(self.fields[field].analyser, text);
        }
        let text = &self.texts[field];
        let count = text.ends.len();
        count >= tokens.len()
            && (0..=count - tokens.len())
                .any(|at| tokens.iter().enumerate().all(|(i, pattern)| accepts(pattern, text.token(at + i))))
    }
}

fn accepts(pattern: &TokenPattern, token: &str) -> bool {
    match pattern {
        TokenPattern::Literal(literal, _) => literal == token,
        TokenPattern::Pattern(pattern) => {
            // What finds words only takes no identifier.
            (pattern.finds_identifiers || crate::analyser::is_word_kind(token))
                && pattern.automaton.accepts(token.as_bytes())
        }
    }
}
