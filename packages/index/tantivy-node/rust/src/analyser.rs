//! How text becomes tokens: the same for what is indexed, what is searched for, and rows that no index has.

use serde::{Deserialize, Serialize};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// A token with a number in it that is longer than this is an identifier.
const LONGEST_NUMBERED_WORD: usize = 3;
/// A token of more bytes is an identifier, whatever is in it.
const LONGEST_WORD_BYTES: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Analyser {
    /// Runs of letters, marks and numbers, in lower case.
    Log,
    /// As `Log`, but runs of Chinese, Japanese and Korean characters become pairs of neighbours.
    Cjk,
    /// The whole text is one token, as it is.
    Raw,
}

/// Which of the two structures of an index has a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In the term dictionary, with positions.
    Word,
    /// One of very many that hardly repeat: a number of an order, a hash, an address. In the table of identifiers.
    Identifier,
}

/// One token after the other of a text, in a buffer of its own.
pub struct Tokens<'a> {
    analyser: Analyser,
    text: &'a str,
    /// Byte offset of what comes next.
    at: usize,
    position: u32,
    /// Of the pairs of a run: where the second character of the last pair begins, and where the run ends.
    pairs: Option<(usize, usize)>,
}

impl<'a> Tokens<'a> {
    pub fn of(analyser: Analyser, text: &'a str) -> Self {
        Tokens { analyser, text, at: 0, position: 0, pairs: None }
    }

    /// Puts the next token into `token`. Returns its position and kind.
    pub fn next_into(&mut self, token: &mut String) -> Option<(u32, Kind)> {
        token.clear();
        let kind = match self.analyser {
            Analyser::Raw => self.whole(token),
            Analyser::Log => self.word(token, false),
            Analyser::Cjk => self.pair(token).or_else(|| self.word(token, true)),
        }?;
        self.position += 1;
        Some((self.position - 1, kind))
    }

    fn whole(&mut self, token: &mut String) -> Option<Kind> {
        if self.at == self.text.len() {
            return None;
        }
        self.at = self.text.len();
        token.push_str(self.text);
        let has_number = token.chars().any(is_number);
        Some(kind_of(token, has_number))
    }

    /// The next run of word characters.
    fn word(&mut self, token: &mut String, splits_cjk: bool) -> Option<Kind> {
        let bytes = self.text.as_bytes();
        let mut has_number = false;
        while self.at < bytes.len() {
            let byte = bytes[self.at];
            if byte < 0x80 {
                self.at += 1;
                match ASCII[byte as usize] {
                    0 => {
                        if !token.is_empty() {
                            break;
                        }
                    }
                    lower => {
                        has_number |= lower.is_ascii_digit();
                        token.push(lower as char);
                    }
                }
                continue;
            }
            let character = self.text[self.at..].chars().next().unwrap();
            if splits_cjk && is_cjk(character) {
                if token.is_empty() {
                    return self.first_pair(token);
                }
                break;
            }
            self.at += character.len_utf8();
            if is_word(character) {
                has_number |= is_number(character);
                token.extend(character.to_lowercase());
            } else if !token.is_empty() {
                break;
            }
        }
        if token.is_empty() { None } else { Some(kind_of(token, has_number)) }
    }

    /// A run of CJK characters begins here.
    fn first_pair(&mut self, token: &mut String) -> Option<Kind> {
        let rest = &self.text[self.at..];
        let length = rest.find(|c| !is_cjk(c)).unwrap_or(rest.len());
        let end = self.at + length;
        let first = rest.chars().next().unwrap().len_utf8();
        let second = self.at + first;
        self.pairs = Some((second, end));
        if second == end {
            // It stands alone.
            self.pairs = None;
            token.push_str(&self.text[self.at..end]);
            self.at = end;
            return Some(Kind::Word);
        }
        self.push_pair(token, self.at)
    }

    fn pair(&mut self, token: &mut String) -> Option<Kind> {
        let (second, _) = self.pairs?;
        self.push_pair(token, second)
    }

    /// The pair whose first character begins at `from`.
    fn push_pair(&mut self, token: &mut String, from: usize) -> Option<Kind> {
        let (_, end) = self.pairs?;
        let mut characters = self.text[from..end].chars();
        let (first, second) = (characters.next()?, characters.next()?);
        token.push(first);
        token.push(second);
        let next = from + first.len_utf8();
        let is_last = next + second.len_utf8() == end;
        self.pairs = if is_last { None } else { Some((next, end)) };
        self.at = end;
        Some(Kind::Word)
    }
}

pub fn kind_of(token: &str, has_number: bool) -> Kind {
    let is_long = token.len() > LONGEST_NUMBERED_WORD && token.chars().nth(LONGEST_NUMBERED_WORD).is_some();
    // The dictionary has terms of its own behind this mark.
    let is_marked = token.as_bytes().first() == Some(&crate::parts::MARK);
    if (has_number && is_long) || token.len() > LONGEST_WORD_BYTES || is_marked { Kind::Identifier } else { Kind::Word }
}

/// Whether a token is in the dictionary.
pub fn is_word_kind(token: &str) -> bool {
    kind_of(token, token.chars().any(is_number)) == Kind::Word
}

/// Of each ASCII character: 0 when it is in no word, else its lower case.
const ASCII: [u8; 128] = {
    let mut table = [0u8; 128];
    let mut byte = 0u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() {
            table[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    table
};

pub fn is_word(character: char) -> bool {
    use GeneralCategoryGroup::{Letter, Mark, Number};
    matches!(character.general_category_group(), Letter | Mark | Number)
}

pub fn is_number(character: char) -> bool {
    character.is_ascii_digit()
        || (!character.is_ascii() && character.general_category_group() == GeneralCategoryGroup::Number)
}

/// The scripts that are written without spaces between words: Han, Hiragana, Katakana, and Hangul for its endings.
fn is_cjk(character: char) -> bool {
    matches!(character as u32,
        0x1100..=0x11FF // Hangul Jamo
        | 0x3005..=0x3007 | 0x3041..=0x3096 | 0x30A1..=0x30FA | 0x30FC..=0x30FE
        | 0x31F0..=0x31FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF
        | 0xAC00..=0xD7A3 // Hangul syllables
        | 0xF900..=0xFAFF | 0xFF66..=0xFF9D | 0x20000..=0x3FFFD)
}
