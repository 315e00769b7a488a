//! A file with holes: what a step lacks keeps the next steps from nothing.

use crate::failure::Failure;
use crate::packed::ByteRange;

/// Gathers what is missing of several steps, so that it is fetched at once.
#[derive(Default)]
pub struct Missing(Vec<ByteRange>);

impl Missing {
    pub fn heed<T>(&mut self, result: Result<T, Failure>) -> Result<Option<T>, Failure> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Failure::Missing(mut ranges)) => {
                self.0.append(&mut ranges);
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn end(self) -> Result<(), Failure> {
        if self.0.is_empty() { Ok(()) } else { Err(Failure::Missing(self.0)) }
    }
}
