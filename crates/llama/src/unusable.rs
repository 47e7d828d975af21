//! Why a model cannot be used.

/// A model cannot be used: its file, this processor or this machine's memory is not fit for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unusable {
    reason: String,
}

impl Unusable {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }

    /// Why, for an operator; no text of a user.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}
