//! The operator of this machine, who may manage orgs and keys.

use std::fmt;

/// The org that holds sample data.
pub const DEMO_ORG: &str = "demo";

/// The secret of one running process, which its 0600 `run.json` tells to the operator's verbs.
#[derive(Clone, PartialEq, Eq)]
pub struct OperatorToken(String);

impl OperatorToken {
    /// Takes a random secret.
    pub fn new(secret: String) -> Self {
        Self(secret)
    }

    /// Compares in time that does not depend on where the texts differ.
    pub(crate) fn matches(&self, secret: &str) -> bool {
        blake3::hash(self.0.as_bytes()) == blake3::hash(secret.as_bytes())
    }
}

impl fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorToken(…)")
    }
}
