//! The models that may summarise: a list of pinned files, and a folder of those that are here.
//!
//! A model is a file of weights, known by its size and sha256. [`MODELS`] names those that we know and where
//! each is published, at a revision that never changes. A [`Store`] is the folder on this machine:
//! [`Store::pull`] brings a file there, [`Store::import`] takes one that somebody else brought, and
//! [`Store::checked`] hands one out once it is certain that its bytes are still the right ones. A
//! [`LooseFile`] is one that somebody keeps elsewhere.
//!
//! What this crate deliberately does not do: it loads no model, sends no credential, and asks nobody for
//! consent; that is the caller's.

mod fetch;
mod hash;
mod loose;
mod registry;
mod store;

pub use fetch::{DEFAULT_SOURCE, FetchError, Source, SourceError};
pub use loose::LooseFile;
pub use registry::{DEFAULT_MODEL, MODELS, Model, find};
pub use store::{Installed, Progress, State, Store, StoreError};
