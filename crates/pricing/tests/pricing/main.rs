//! The price book from the outside.

mod book;
mod costs;
mod matching;
mod properties;
mod support;
