//! Local Qwen models, run by llama.cpp.
//!
//! [`serve`] is the life of the process that has the model: it reads jobs, makes up to eight answers
//! together, and writes them. [`Model`], [`Context`], [`Batch`] and [`Grammar`] are the library behind it.
//!
//! What this crate deliberately does not do: no download, no check of who made a file, no network, and no
//! word of what it read anywhere but in its answers.

mod confine;
mod cpu;
mod gguf;
mod native;
mod options;
mod serve;
mod unusable;

pub use confine::confine;
pub use gguf::Header;
pub use native::{
    Batch, Context, ContextOptions, DecodeError, Grammar, Model, Sequence, Special, Token, quantise,
};
pub use options::{MAX_SEQUENCES, Options, Priority};
pub use serve::{ServeError, serve};
pub use unusable::Unusable;
