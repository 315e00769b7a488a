//! What is searched for: the tree that the parser of the grammar makes, and the same with its texts analysed.

use std::sync::Arc;

use serde::Deserialize;

use crate::analyser::{Analyser, Kind, Tokens, is_word};
use crate::automaton::{TokenAutomaton, literal_of_regex, literal_of_wildcard};
use crate::failure::{Failure, invalid};

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Query {
    /// Tokens one after the other.
    Text {
        field: String,
        text: String,
    },
    /// The same with `*` and `?` in them.
    Wildcard {
        field: String,
        pattern: String,
    },
    /// One whole token.
    Regex {
        field: String,
        pattern: String,
    },
    /// Words one after the other, each with so many letters changed at most.
    Fuzzy {
        field: String,
        text: String,
        distance: u8,
    },
    /// The text has this in it, letter by letter; the index only narrows it down.
    Contains {
        field: String,
        text: String,
    },
    And {
        children: Vec<Query>,
    },
    Or {
        children: Vec<Query>,
    },
    Not {
        child: Box<Query>,
    },
}

/// A query whose fields are numbers.
pub enum Node {
    Sequence(Sequence),
    Contains(Contains),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
}

/// Neighbouring tokens of a field.
pub struct Sequence {
    pub field: Option<usize>,
    pub tokens: Vec<TokenPattern>,
}

pub enum TokenPattern {
    Literal(String, Kind),
    Pattern(Arc<Pattern>),
}

impl TokenPattern {
    /// Of a literal.
    pub fn text(&self) -> &str {
        match self {
            TokenPattern::Literal(text, _) => text,
            TokenPattern::Pattern(_) => "",
        }
    }
}

pub struct Pattern {
    pub automaton: TokenAutomaton,
    /// Whether it finds identifiers too.
    pub finds_identifiers: bool,
    /// A run of characters without a number that is in whatever it finds.
    pub literal: Option<String>,
}

/// A substring, by what must be true of the tokens around it.
pub struct Contains {
    pub field: Option<usize>,
    pub text: String,
    pub tokens: Vec<TokenPattern>,
}

/// The fields of an index or of rows.
pub trait Fields {
    /// The field's number and analyser; `None` when it is not there.
    fn find(&self, name: &str) -> Option<(usize, Analyser)>;
}

impl Query {
    pub fn parse(json: &str) -> Result<Query, Failure> {
        serde_json::from_str(json).map_err(|error| invalid(format!("the query's tree is wrong: {error}")))
    }

    pub fn compile(&self, fields: &impl Fields) -> Result<Node, Failure> {
        let all =
            |children: &[Query]| children.iter().map(|child| child.compile(fields)).collect::<Result<Vec<_>, _>>();
        Ok(match self {
            Query::And { children } => Node::And(all(children)?),
            Query::Or { children } => Node::Or(all(children)?),
            Query::Not { child } => Node::Not(Box::new(child.compile(fields)?)),
            Query::Text { field, text } => sequence(fields, field, text, |analyser| Ok(literals(analyser, text)))?,
            Query::Wildcard { field, pattern } => {
                sequence(fields, field, pattern, |analyser| wildcards(analyser, pattern))?
            }
            Query::Regex { field, pattern } => sequence(fields, field, pattern, |_| {
                let automaton = TokenAutomaton::regex(pattern)?;
                Ok(vec![pattern_of(automaton, true, literal_of_regex(pattern))])
            })?,
            Query::Fuzzy { field, text, distance } => sequence(fields, field, text, |analyser| {
                literals(analyser, text).into_iter().map(|token| fuzzy(token, *distance)).collect()
            })?,
            Query::Contains { field, text } => {
                let found = fields.find(field);
                let analyser = found.map_or(Analyser::Log, |(_, analyser)| analyser);
                let tokens = surroundings(analyser, text)?;
                Node::Contains(Contains { field: found.map(|(field, _)| field), text: text.clone(), tokens })
            }
        })
    }
}

fn sequence(
    fields: &impl Fields,
    field: &str,
    written: &str,
    tokens: impl Fn(Analyser) -> Result<Vec<TokenPattern>, Failure>,
) -> Result<Node, Failure> {
    let found = fields.find(field);
    let tokens = tokens(found.map_or(Analyser::Log, |(_, analyser)| analyser))?;
    if tokens.is_empty() {
        return Err(invalid(format!("there is no word in a term, term=`{written}`")));
    }
    Ok(Node::Sequence(Sequence { field: found.map(|(field, _)| field), tokens }))
}

fn literals(analyser: Analyser, text: &str) -> Vec<TokenPattern> {
    let mut tokens = Tokens::of(analyser, text);
    let mut all = Vec::new();
    let mut token = String::new();
    while let Some((_, kind)) = tokens.next_into(&mut token) {
        all.push(TokenPattern::Literal(token.clone(), kind));
    }
    all
}

/// Pieces between characters of no word, where `*` and `?` are of one.
fn wildcards(analyser: Analyser, pattern: &str) -> Result<Vec<TokenPattern>, Failure> {
    if analyser == Analyser::Raw {
        return Ok(vec![wildcard(pattern)?]);
    }
    let mut all = Vec::new();
    for piece in pattern.split(|c| !is_word(c) && c != '*' && c != '?').filter(|piece| !piece.is_empty()) {
        if piece.contains(['*', '?']) {
            let lower: String = piece.chars().flat_map(char::to_lowercase).collect();
            all.push(wildcard(&lower)?);
        } else {
            all.append(&mut literals(analyser, piece));
        }
    }
    Ok(all)
}

fn wildcard(pattern: &str) -> Result<TokenPattern, Failure> {
    Ok(pattern_of(TokenAutomaton::wildcard(pattern)?, true, literal_of_wildcard(pattern)))
}

fn fuzzy(token: TokenPattern, distance: u8) -> Result<TokenPattern, Failure> {
    match token {
        TokenPattern::Literal(text, Kind::Word) => Ok(pattern_of(TokenAutomaton::fuzzy(&text, distance)?, false, None)),
        exact => Ok(exact),
    }
}

fn pattern_of(automaton: TokenAutomaton, finds_identifiers: bool, literal: Option<String>) -> TokenPattern {
    TokenPattern::Pattern(Arc::new(Pattern { automaton, finds_identifiers, literal }))
}

/// What tokens a text has that has `text` in it: the first may be the end of a longer one, the last the beginning.
fn surroundings(analyser: Analyser, text: &str) -> Result<Vec<TokenPattern>, Failure> {
    if analyser != Analyser::Log {
        return Ok(Vec::new());
    }
    let lower: String = text.chars().flat_map(char::to_lowercase).collect();
    let pieces: Vec<&str> = lower.split(|c| !is_word(c)).collect();
    let last = pieces.len() - 1;
    let mut all = Vec::new();
    for (i, piece) in pieces.into_iter().enumerate().filter(|(_, piece)| !piece.is_empty()) {
        let (open, close) = (i == 0, i == last);
        if !open && !close {
            all.append(&mut literals(analyser, piece));
        } else if piece.len() <= MOST_AROUND_BYTES {
            let pattern = format!("{}{piece}{}", if open { "*" } else { "" }, if close { "*" } else { "" });
            all.push(wildcard(&pattern)?);
        }
    }
    Ok(all)
}

/// A longer piece does not narrow anything down.
const MOST_AROUND_BYTES: usize = 256;
