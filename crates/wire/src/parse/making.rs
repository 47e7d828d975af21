//! What is said of how an abstract was made: closed forms, so that no text can stand there.

use modelstat_redact::RawText;

use crate::problem::{Fault, Problem};

/// Digits of a sha256.
const SHA256_DIGITS: usize = 64;

/// Longest version of a prompt.
const MAX_VERSION_CHARS: usize = 32;

/// Longest reason, with the engine's name.
const MAX_REASON_CHARS: usize = 64;

/// Checks the sha256 of a model.
pub(super) fn sha256(
    field: &'static str,
    text: Option<RawText>,
) -> Result<Option<RawText>, Problem> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_one = |text: &str| text.len() == SHA256_DIGITS && text.bytes().all(is_digit);
    checked(field, text, is_one, "64 digits of lower-case hexadecimal")
}

/// Checks the version of a prompt.
pub(super) fn version(
    field: &'static str,
    text: Option<RawText>,
) -> Result<Option<RawText>, Problem> {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.';
    let is_one = |text: &str| {
        !text.is_empty() && text.len() <= MAX_VERSION_CHARS && text.bytes().all(is_part)
    };
    checked(field, text, is_one, "at most 32 lower-case letters, digits and dots")
}

/// Checks why an engine made nothing: its name and one of its reasons.
pub(super) fn reason(
    field: &'static str,
    text: Option<RawText>,
) -> Result<Option<RawText>, Problem> {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(is_part);
    let is_one = |text: &str| {
        text.len() <= MAX_REASON_CHARS
            && text.split_once('.').is_some_and(|(engine, why)| is_word(engine) && is_word(why))
    };
    checked(field, text, is_one, "an engine and a reason such as llama.timeout")
}

#[expect(clippy::disallowed_methods, reason = "its form is looked at, and it is handed on as raw")]
fn checked(
    field: &'static str,
    text: Option<RawText>,
    is_one: impl Fn(&str) -> bool,
    form: &'static str,
) -> Result<Option<RawText>, Problem> {
    match text {
        Some(text) if !is_one(text.reveal()) => Err(Problem::new(field, Fault::Expected(form))),
        text => Ok(text),
    }
}
