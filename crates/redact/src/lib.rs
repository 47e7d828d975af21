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

mod address;
mod assignment;
mod bytes;
mod context;
mod cut;
mod detector;
mod element;
mod engine;
mod floor;
mod hash;
mod header;
mod key;
mod likeness;
mod local;
mod masks;
mod mention;
mod name;
mod number;
mod option;
mod path;
mod pem;
mod personal;
mod rule;
mod run;
mod scan;
#[expect(dead_code, reason = "the build script uses the rest")]
mod schema;
#[cfg(test)]
mod specimens;
mod stream;
mod tables;
mod text;
#[cfg(feature = "user-rules")]
mod user;
mod value;

use std::borrow::Cow;

pub use detector::{Detection, Detector};
pub use floor::Floor;
pub use rule::{Class, Rule, Tier};
pub use stream::Redactor;
pub use text::{RawText, RedactedText};
#[cfg(feature = "user-rules")]
pub use user::{UserRules, UserRulesError};

/// Names the behaviour of the floor; it changes whenever some text would be redacted differently.
pub const FLOOR_VERSION: &str = "2";

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

/// Replaces secrets and personal data by typed placeholders, with the built-in rules.
///
/// Never panics and fails closed: should the engine ever break its own rules, the whole text becomes one
/// placeholder of the rule `redaction_failed`.
pub fn redact(text: &str) -> Redacted<'_> {
    Floor::built_in().redact(text)
}

/// For the benchmarks and tests that compare the ways of one engine; no part of the interface.
#[doc(hidden)]
pub mod internals {
    use std::sync::LazyLock;

    use crate::{Floor, Redacted, masks};

    static PORTABLE: LazyLock<Floor> = LazyLock::new(|| Floor::with_fill(masks::portable()));
    static BASELINE: LazyLock<Floor> = LazyLock::new(|| Floor::with_fill(masks::baseline()));

    /// Redacts without instructions of one processor.
    pub fn redact_scalar(text: &str) -> Redacted<'_> {
        PORTABLE.redact(text)
    }

    /// Redacts with the instructions that every processor of this architecture has.
    pub fn redact_sse2(text: &str) -> Redacted<'_> {
        BASELINE.redact(text)
    }
}
