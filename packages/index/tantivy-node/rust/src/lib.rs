//! Tantivy for Node: indexes of text columns, made of batches and searched by row.
#![deny(unsafe_op_in_unsafe_fn)]

pub mod analyser;
pub mod automaton;
pub mod bounds;
pub mod columns;
pub mod directory;
pub mod failure;
pub mod identifiers;
pub mod matcher;
pub mod missing;
mod node;
mod opening;
pub mod packed;
pub mod parts;
pub mod prefilter;
pub mod query;
mod read_only;
pub mod reader;
pub mod search;
pub mod writer;
