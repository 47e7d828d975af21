//! Text in, redacted text and findings out; the floor that runs before anything leaves a process.
//!
//! [`redact`] replaces what looks like a secret or like personal data by a placeholder such as
//! `[REDACTED:email]`. It works on bytes, in time linear in the length of the text, borrows when there is
//! nothing to hide, and a second pass changes nothing. Which forms it knows and how to add one:
//! `docs/redaction.md`.
//!
//! ```
//! let redacted = modelstat_redact::redact("ask jane@example.com");
//! assert_eq!(redacted.text, "ask [REDACTED:email]");
//! assert_eq!((redacted.secrets(), redacted.pii()), (0, 1));
//! ```
//!
//! Text as captured ([`RawText`]) and text that passed the floor ([`RedactedText`]) are two types, and only
//! the second one serialises.

#![forbid(unsafe_code)]

mod address;
mod assignment;
mod bytes;
mod engine;
mod key;
mod pem;
mod rule;
mod scan;
mod text;

use std::borrow::Cow;

pub use rule::{Class, Rule};
pub use text::{RawText, RedactedText};

/// Names the behaviour of the floor; it changes whenever some text would be redacted differently.
pub const FLOOR_VERSION: &str = "1";

/// One replaced stretch of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    /// What was found there.
    pub rule: Rule,
    /// The first replaced byte of the input.
    pub start: usize,
    /// One past the last replaced byte of the input.
    pub end: usize,
}

/// What [`redact`] returns: the text without what was found, and what was found where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted<'a> {
    /// The input itself when nothing was found.
    pub text: Cow<'a, str>,
    /// In the order of the input, never overlapping.
    pub findings: Vec<Finding>,
}

impl Redacted<'_> {
    /// How many findings are secrets.
    pub fn secrets(&self) -> usize {
        self.count(Class::Secret)
    }

    /// How many findings are personal data.
    pub fn pii(&self) -> usize {
        self.count(Class::Pii)
    }

    /// Whether nothing was found, so that the text is the input.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn count(&self, class: Class) -> usize {
        self.findings.iter().filter(|finding| finding.rule.class() == class).count()
    }
}

/// Replaces secrets and personal data by typed placeholders.
///
/// Never panics and fails closed: should the engine ever break its own rules, the whole text becomes one
/// placeholder of the rule `redaction_failed`.
pub fn redact(text: &str) -> Redacted<'_> {
    if cfg!(feature = "switched-off") {
        return Redacted { text: Cow::Borrowed(text), findings: Vec::new() };
    }
    engine::redact_with(text, scan::scan)
}
