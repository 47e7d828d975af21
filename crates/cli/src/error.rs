//! An error with the remedy that a person can use.

use std::fmt;

/// What failed, and what to do about it.
#[derive(Debug)]
struct Hinted {
    message: String,
    hint: String,
}

/// Makes an error with a remedy.
pub(crate) fn hinted(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Hinted { message: message.into(), hint: hint.into() })
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Hinted {}

/// Finds the remedy in a chain of errors.
pub(crate) fn hint(error: &anyhow::Error) -> Option<&str> {
    error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Hinted>())
        .map(|hinted| hinted.hint.as_str())
}
