//! llama.cpp behind types that cannot be misused: the only modules of the crate with unsafe code, beside
//! the one that asks the operating system.
//!
//! What holds in all of them: a pointer of the library lives in exactly one owner, which frees it; what
//! borrows from a model or a context cannot outlive it; every index is checked before it crosses.

mod batch;
mod context;
mod grammar;
#[cfg(target_arch = "x86_64")]
mod instructions;
mod log;
mod model;
mod quantise;

pub use batch::Batch;
pub use context::{Context, ContextOptions, DecodeError};
pub use grammar::Grammar;
#[cfg(target_arch = "x86_64")]
pub(crate) use instructions::Instructions;
pub use model::{Model, Special};
pub use quantise::quantise;

/// A token, as its number in the vocabulary.
pub type Token = i32;

/// A sequence's number in a context.
pub type Sequence = u16;
