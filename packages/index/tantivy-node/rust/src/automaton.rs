//! What a token may look like: a prefix, a wildcard, a regular expression, or a word with letters changed.

use levenshtein_automata::{DFA as FuzzyDfa, LevenshteinAutomatonBuilder, SINK_STATE};
use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;
use regex_automata::{Anchored, util::start};
use regex_syntax::hir::{Hir, HirKind};

use crate::analyser::is_number;
use crate::failure::{Failure, invalid, limit};

/// Of a compiled pattern, and of its making.
const MOST_DFA_BYTES: usize = 4 * 1024 * 1024;
const MOST_PATTERN_BYTES: usize = 1024;
pub const MOST_DISTANCE: u8 = 2;

pub enum TokenAutomaton {
    Regex(Box<dense::DFA<Vec<u32>>>, u32),
    Fuzzy(FuzzyDfa),
}

impl TokenAutomaton {
    /// `*` is any characters, `?` is one.
    pub fn wildcard(pattern: &str) -> Result<Self, Failure> {
        let mut regex = String::new();
        for character in pattern.chars() {
            match character {
                // A token is whole characters, so that bytes do, and make a smaller automaton.
                '*' => regex.push_str("(?-u:.*)"),
                '?' => regex.push('.'),
                other => regex.push_str(&regex_syntax::escape(other.encode_utf8(&mut [0; 4]))),
            }
        }
        Self::regex(&regex)
    }

    /// A whole token. @error invalid for what is no regular expression, or has look-around; limit for one that is too large
    pub fn regex(pattern: &str) -> Result<Self, Failure> {
        if pattern.len() > MOST_PATTERN_BYTES {
            return Err(limit(format!("the pattern is too long, limit={MOST_PATTERN_BYTES} bytes")));
        }
        let config = dense::Config::new()
            .start_kind(StartKind::Anchored)
            .dfa_size_limit(Some(MOST_DFA_BYTES))
            .determinize_size_limit(Some(MOST_DFA_BYTES));
        let dfa = dense::Builder::new()
            .configure(config)
            .syntax(syntax::Config::new().dot_matches_new_line(true).utf8(false))
            .build(&format!("(?:{pattern})\\z"))
            .map_err(|error| {
                if error.is_size_limit_exceeded() {
                    limit(format!("the pattern is too complex, pattern=`{pattern}`"))
                } else {
                    invalid(format!("the pattern is no regular expression, pattern=`{pattern}`: {}", reason(&error)))
                }
            })?;
        let start = dfa
            .start_state(&start::Config::new().anchored(Anchored::Yes))
            .map_err(|_| invalid(format!("the pattern cannot be used, pattern=`{pattern}`")))?;
        Ok(TokenAutomaton::Regex(Box::new(dfa), start.as_u32()))
    }

    pub fn fuzzy(text: &str, distance: u8) -> Result<Self, Failure> {
        if distance > MOST_DISTANCE {
            return Err(invalid(format!("the distance is too large, limit={MOST_DISTANCE}")));
        }
        Ok(TokenAutomaton::Fuzzy(LevenshteinAutomatonBuilder::new(distance, true).build_dfa(text)))
    }

    pub fn accepts(&self, token: &[u8]) -> bool {
        use tantivy_fst::Automaton;
        let mut state = self.start();
        for byte in token {
            state = self.accept(&state, *byte);
            if !self.can_match(&state) {
                return false;
            }
        }
        self.is_match(&state)
    }
}

impl tantivy_fst::Automaton for TokenAutomaton {
    type State = u32;

    fn start(&self) -> u32 {
        match self {
            TokenAutomaton::Regex(_, start) => *start,
            TokenAutomaton::Fuzzy(dfa) => dfa.initial_state(),
        }
    }

    fn is_match(&self, state: &u32) -> bool {
        match self {
            TokenAutomaton::Regex(dfa, _) => dfa.is_match_state(dfa.next_eoi_state(state_of(*state))),
            TokenAutomaton::Fuzzy(dfa) => matches!(dfa.distance(*state), levenshtein_automata::Distance::Exact(_)),
        }
    }

    fn can_match(&self, state: &u32) -> bool {
        match self {
            TokenAutomaton::Regex(dfa, _) => !dfa.is_dead_state(state_of(*state)),
            TokenAutomaton::Fuzzy(_) => *state != SINK_STATE,
        }
    }

    fn accept(&self, state: &u32, byte: u8) -> u32 {
        match self {
            TokenAutomaton::Regex(dfa, _) => dfa.next_state(state_of(*state), byte).as_u32(),
            TokenAutomaton::Fuzzy(dfa) => dfa.transition(*state, byte),
        }
    }
}

fn state_of(id: u32) -> StateID {
    StateID::new_unchecked(id as usize)
}

fn reason(error: &dense::BuildError) -> String {
    use std::error::Error;
    error
        .source()
        .map_or_else(|| error.to_string(), |source| source.to_string().lines().last().unwrap_or_default().to_owned())
}

/// The longest run without a number that is in whatever a wildcard finds.
pub fn literal_of_wildcard(pattern: &str) -> Option<String> {
    longest_run(pattern.split(['*', '?']))
}

/// So of a regular expression, as far as it shows at its top.
pub fn literal_of_regex(pattern: &str) -> Option<String> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let parts: Vec<&Hir> = match hir.kind() {
        HirKind::Concat(parts) => parts.iter().collect(),
        _ => vec![&hir],
    };
    let literals = parts.iter().map(|part| match part.kind() {
        HirKind::Literal(literal) => std::str::from_utf8(&literal.0).unwrap_or(""),
        _ => "",
    });
    longest_run(literals)
}

fn longest_run<'a>(pieces: impl Iterator<Item = &'a str>) -> Option<String> {
    pieces
        .flat_map(|piece| piece.split(is_number))
        .max_by_key(|run| run.len())
        .filter(|run| run.chars().count() >= crate::parts::SHORTEST)
        .map(str::to_owned)
}
