//! The floor as the published crate offers it.

/// A text that passed the floor, and how much was found in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redacted {
    /// The text with placeholders.
    pub text: String,
    /// How many secrets were found.
    pub secrets: u32,
    /// How many personal data were found.
    pub pii: u32,
}

/// Replaces secrets and personal data by placeholders.
///
/// ```
/// let redacted = modelstat::redact("ask jane@example.com");
/// assert_eq!((redacted.text.as_str(), redacted.pii), ("ask [REDACTED:email]", 1));
/// ```
#[must_use]
pub fn redact(input: &str) -> Redacted {
    let redacted = modelstat_redact::redact(input);
    let count = |found: usize| u32::try_from(found).unwrap_or(u32::MAX);
    Redacted {
        secrets: count(redacted.secrets()),
        pii: count(redacted.pii()),
        text: redacted.text.into_owned(),
    }
}
