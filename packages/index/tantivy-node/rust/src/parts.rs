//! Terms that say what letters are in a row's identifiers. Patterns find words in the dictionary; of identifiers there is none, and
//! without these terms every row with any would have to be read.

use crate::analyser::is_number;

/// Characters of a run that is worth a term.
pub const SHORTEST: usize = 3;
/// A run of more has no term of its own.
const LONGEST_BYTES: usize = 24;
/// What they begin with, which no token has.
pub const MARK: u8 = 0;
/// Of rows whose identifiers have a run that is too long.
pub const LONG: &str = "\0\0";

/// Calls `visit` with the terms of an identifier.
pub fn each_part(identifier: &str, term: &mut String, mut visit: impl FnMut(&str)) {
    for run in identifier.split(is_number) {
        if run.len() > LONGEST_BYTES {
            visit(LONG);
        } else if run.len() >= SHORTEST && run.chars().nth(SHORTEST - 1).is_some() {
            term.clear();
            term.push(MARK as char);
            term.push_str(run);
            visit(term);
        }
    }
}
