//! The dated price book, and the cost of an event in integer pico-USD.
//!
//! [`PriceBook::builtin`] holds the prices of `prices/*.toml`; [`PriceBook::price`] turns one
//! [`Call`] into a [`Cost`] whose total is exactly the sum of its lines, or says why it cannot. What
//! the book has no rate for is *unpriced*, never zero and never a guess.
//!
//! What this crate deliberately does not do: no files at run time, no network, no clock, no floats.

mod book;
mod cost;
mod date;
mod matching;
mod multiplier;
mod price;
mod source;

pub use book::{BookError, Model, PriceBook};
pub use cost::{Call, Cost, CostLine, Pricing, UnpricedReason};
pub use date::PriceDate;
pub use multiplier::Multiplier;
pub use price::{Class, LongContext, Mode, Price, Rates};
