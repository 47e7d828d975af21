//! The two types of text, of which only the redacted one serialises.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::bytes::PLACEHOLDER_HEAD;
use crate::rule::HIGH_ENTROPY;
use crate::{Finding, Floor};

/// Text as captured. It can be read in, counted and redacted, and in no other way read out.
///
/// It does not serialise:
///
/// ```compile_fail
/// fn ship<T: serde::Serialize>(_: T) {}
/// ship(modelstat_redact::RawText::from("as captured"));
/// ```
///
/// It does not print, and its `Debug` shows the length only:
///
/// ```compile_fail
/// println!("{}", modelstat_redact::RawText::from("as captured"));
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(transparent)]
pub struct RawText(String);

impl RawText {
    /// The length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Runs the floor, keeping the allocation when nothing is found.
    pub fn redact(self) -> (RedactedText, Vec<Finding>) {
        self.redact_with(Floor::built_in())
    }

    /// Runs the floor with what a host adds to it.
    pub fn redact_with(self, floor: &Floor) -> (RedactedText, Vec<Finding>) {
        let redacted = floor.redact(&self.0);
        let findings = redacted.findings;
        match redacted.text {
            Cow::Owned(text) => (RedactedText(text), findings),
            Cow::Borrowed(_) => (RedactedText(self.0), findings),
        }
    }

    /// Runs the floor, and hands on what it takes out: as raw as it came, so that it can only be counted,
    /// redacted or hashed.
    pub fn redact_noting(
        self,
        floor: &Floor,
        removed: &mut dyn FnMut(RawText),
    ) -> (RedactedText, Vec<Finding>) {
        let redacted = floor.redact(&self.0);
        let findings = redacted.findings;
        match redacted.text {
            Cow::Owned(text) => {
                self.pieces(&findings).for_each(removed);
                (RedactedText(text), findings)
            }
            Cow::Borrowed(_) => (RedactedText(self.0), findings),
        }
    }

    /// The pieces of the text in which something was found.
    pub fn pieces(&self, findings: &[Finding]) -> impl Iterator<Item = RawText> {
        findings.iter().filter_map(|found| self.0.get(found.start..found.end).map(RawText::from))
    }

    /// Passes a name in which the floor finds nothing, and gives any other back with what was found.
    ///
    /// That it is random is no finding here: ids are, by their nature.
    ///
    /// # Errors
    /// The text as captured and the findings, if there are any.
    pub fn pass(self, floor: &Floor) -> Result<RedactedText, (Self, Vec<Finding>)> {
        let mut findings = floor.redact(&self.0).findings;
        findings.retain(|finding| finding.rule != HIGH_ENTROPY);
        if findings.is_empty() { Ok(RedactedText(self.0)) } else { Err((self, findings)) }
    }

    /// Opens the text: a guarded door, allowed in this crate and where `wire` redacts a batch only.
    ///
    /// A lint refuses it elsewhere, so that no log line or request body can be made of raw text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for RawText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for RawText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for RawText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawText({} bytes)", self.0.len())
    }
}

/// Text that passed the floor: the only text that serialises.
///
/// ```
/// let (text, findings) = modelstat_redact::RawText::from("ask jane@example.com").redact();
/// assert_eq!(text.as_str(), "ask [REDACTED:email]");
/// assert_eq!(findings.len(), 1);
/// ```
///
/// It cannot be made of any string:
///
/// ```compile_fail
/// let text = modelstat_redact::RedactedText::from(String::from("as captured"));
/// ```
///
/// Nor read in, since what arrives from outside is raw:
///
/// ```compile_fail
/// fn read<T: serde::de::DeserializeOwned>() {}
/// read::<modelstat_redact::RedactedText>();
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RedactedText(String);

impl RedactedText {
    /// Takes back text that was redacted before one of our own stores kept it.
    ///
    /// `xtask tidy` allows it in `store` and in the daemon's spool alone.
    pub fn from_store(text: String) -> Self {
        Self(text)
    }

    /// Words of ours, which hold nothing captured.
    pub fn from_static(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// `h_` and a digest: what stands for an identifier in which the floor found something.
    ///
    /// `None` unless the digest is lower-case hexadecimal, so that no text passes as one.
    pub fn hashed(digest_hex: &str) -> Option<Self> {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if digest_hex.is_empty() || !digest_hex.bytes().all(is_hex) {
            return None;
        }
        Some(Self(format!("h_{digest_hex}")))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Cuts to at most `max` code points, of which the last is then an ellipsis.
    ///
    /// A placeholder is kept or left out whole: half of one would be redacted again further on.
    #[must_use]
    pub fn truncate_chars(mut self, max: usize) -> Self {
        // A letter has a byte at least, so most texts need no counting.
        if self.0.len() <= max || self.0.char_indices().nth(max).is_none() {
            return self;
        }
        let Some(kept) = max.checked_sub(1) else {
            return Self::default();
        };
        let cut = self.0.char_indices().nth(kept).map_or(self.0.len(), |(at, _)| at);
        self.0.truncate(before_placeholder(self.0.as_bytes(), cut));
        self.0.push('…');
        self
    }
}

/// `cut`, or the start of the placeholder that it would split.
fn before_placeholder(text: &[u8], cut: usize) -> usize {
    let earliest = cut.saturating_sub(crate::bytes::MAX_PLACEHOLDER);
    (earliest..cut)
        .rev()
        .find(|&start| {
            text.get(start..).is_some_and(|rest| rest.starts_with(PLACEHOLDER_HEAD))
                && crate::bytes::placeholder_end(text, start).is_some_and(|end| end > cut)
        })
        .unwrap_or(cut)
}

impl Deref for RedactedText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for RedactedText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for RedactedText {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RedactedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<RedactedText> for String {
    fn from(text: RedactedText) -> Self {
        text.0
    }
}
