//! Why a `redact.toml` is refused.

use std::error::Error;
use std::fmt;

/// Why a `redact.toml` is refused, and how to mend it.
///
/// A file is taken as a whole or not at all: a rule that silently did nothing would be trusted all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserRulesError {
    /// The file is longer than what is read.
    TooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit_bytes: usize,
    },
    /// It is no TOML, or has a table, a key or a value that no rule has.
    Syntax {
        /// The line, counted from one, where it is known.
        line: Option<usize>,
        /// What is wrong there.
        message: String,
    },
    /// Something outside of the rules is not allowed.
    File {
        /// The key at the top of the file.
        field: &'static str,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// A rule is not allowed.
    Rule {
        /// The rule's `id`; `vendor-` and its type for a vendor.
        id: String,
        /// The key of the rule.
        field: &'static str,
        /// What is wrong with it, and what to do.
        reason: String,
    },
}

impl fmt::Display for UserRulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes, limit_bytes } => write!(
                f,
                "the file has {bytes} bytes, and at most {limit_bytes} are read: drop rules that are not needed"
            ),
            Self::Syntax { line: Some(line), message } => write!(f, "line {line}: {message}"),
            Self::Syntax { line: None, message } => f.write_str(message),
            Self::File { field, reason } => write!(f, "`{field}`: {reason}"),
            Self::Rule { id, field, reason } => write!(f, "rule `{id}`, `{field}`: {reason}"),
        }
    }
}

impl Error for UserRulesError {}
