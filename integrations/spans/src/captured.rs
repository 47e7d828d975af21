//! The attributes of one span, within limits.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use modelstat_wire::usage::attributes::AttributeValue;

use crate::keys::{Role, role};

/// Most attributes of one span; the known instrumentations stay below it with long conversations.
pub const MAX_ATTRIBUTES: usize = 256;

/// Longest value that is no prompt or answer. A longer one is left out, as half of an id is another id.
pub const MAX_VALUE_BYTES: usize = 16 * 1024;

/// Longest prompt or answer. It is more than the SDK keeps, so that the SDK knows of the cut and leaves
/// out what may be half of a secret.
const MAX_CONTENT_BYTES: usize = 1024 * 1024 + 4 * 1024;

/// Most bytes of all values of one span; what no longer fits is left out.
pub const MAX_SPAN_BYTES: usize = 4 * 1024 * 1024;

/// The attributes of one span that are read when it ends. Nothing else of the span is kept.
pub struct Captured<'a> {
    has_content: bool,
    attributes: Vec<(Cow<'a, str>, AttributeValue<'a>)>,
    bytes: usize,
    result_bytes: usize,
    is_failed: bool,
}

/// Shows how much it holds only: values are as captured.
impl fmt::Debug for Captured<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured")
            .field("attributes", &self.attributes.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl<'a> Captured<'a> {
    /// Starts with nothing. Without `has_content` no prompt or answer is taken.
    #[must_use]
    pub fn new(has_content: bool) -> Self {
        Self { has_content, attributes: Vec::new(), bytes: 0, result_bytes: 0, is_failed: false }
    }

    /// Takes an attribute, in place of an earlier one of the same key.
    pub fn put(&mut self, key: impl Into<Cow<'a, str>>, value: AttributeValue<'a>) {
        let key = key.into();
        let Some(role) = self.wanted(&key) else { return };
        match (role, &value) {
            (Role::Failure, value) => self.is_failed |= means_failure(&key, value),
            (Role::Result, AttributeValue::Text(text)) => self.result_bytes = text.len(),
            (Role::Result, _) => {}
            (Role::Content | Role::Arguments | Role::Plain, _) => self.keep(key, role, value),
        }
    }

    /// Takes a text that is not borrowed for long, copying no more than is kept.
    pub fn put_copied(&mut self, key: &'static str, text: &str) {
        let Some(role) = self.wanted(key) else { return };
        match role {
            Role::Failure => {
                self.is_failed |= means_failure(key, &AttributeValue::Text(text.into()));
            }
            Role::Result => self.result_bytes = text.len(),
            Role::Content | Role::Arguments | Role::Plain => {
                let limit = limit(role);
                if text.len() <= limit || role == Role::Content {
                    let kept = &text[..text.floor_char_boundary(limit)];
                    self.keep(key.into(), role, AttributeValue::Text(kept.to_owned().into()));
                }
            }
        }
    }

    /// Takes what a value shows of itself. No more is made of it than is kept, and a value that panics
    /// is left out.
    pub fn put_shown(&mut self, key: &'static str, value: &dyn fmt::Debug) {
        let Some(role) = self.wanted(key) else { return };
        if role == Role::Failure && key == "error" {
            // Whatever it says, it is not asked: it would be a message.
            self.is_failed = true;
            return;
        }
        let mut shown = Shown { text: String::new(), limit: limit(role), is_over: false };
        let outcome = catch_unwind(AssertUnwindSafe(|| write!(shown, "{value:?}")));
        let is_whole = matches!(outcome, Ok(Ok(())));
        let is_head = shown.is_over && matches!(role, Role::Content | Role::Result);
        if is_whole || is_head {
            self.put(key, AttributeValue::Text(shown.text.into()));
        }
    }

    /// Adds another's attributes; they win where both have one.
    pub fn merge(&mut self, other: Self) {
        self.is_failed |= other.is_failed;
        self.result_bytes = self.result_bytes.max(other.result_bytes);
        for (key, value) in other.attributes {
            self.put(key, value);
        }
    }

    /// Adds those of another's attributes that this one lacks.
    pub fn complete(&mut self, other: Self) {
        self.is_failed |= other.is_failed;
        for (key, value) in other.attributes {
            if self.get(&key).is_none() {
                self.put(key, value);
            }
        }
    }

    /// Returns the text of an attribute.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            AttributeValue::Text(text) if !text.trim().is_empty() => Some(text),
            _ => None,
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&AttributeValue<'a>> {
        self.attributes.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// The attributes that may be read, with or without the prompts and answers.
    pub(crate) fn readable(
        &self,
        with_content: bool,
    ) -> impl Iterator<Item = (&str, &AttributeValue<'a>)> {
        let attributes = self.attributes.iter().map(|(key, value)| (&**key, value));
        attributes.filter(move |(key, _)| with_content || role(key) != Some(Role::Content))
    }

    pub(crate) fn result_bytes(&self) -> usize {
        self.result_bytes
    }

    pub(crate) fn is_failed(&self) -> bool {
        self.is_failed
    }

    fn wanted(&self, key: &str) -> Option<Role> {
        role(key).filter(|role| self.has_content || *role != Role::Content)
    }

    fn keep(&mut self, key: Cow<'a, str>, role: Role, value: AttributeValue<'a>) {
        let Some(value) = fitting(role, value) else { return };
        let known = self.attributes.iter().position(|(other, _)| *other == key);
        let freed = known.map_or(0, |index| bytes_of(&self.attributes[index].1));
        let bytes = self.bytes - freed + bytes_of(&value);
        let has_room = known.is_some() || self.attributes.len() < MAX_ATTRIBUTES;
        if bytes > MAX_SPAN_BYTES || !has_room {
            return;
        }
        self.bytes = bytes;
        match known {
            Some(index) => self.attributes[index].1 = value,
            None => self.attributes.push((key, value)),
        }
    }
}

fn limit(role: Role) -> usize {
    match role {
        Role::Content | Role::Arguments => MAX_CONTENT_BYTES,
        Role::Result => MAX_SPAN_BYTES,
        Role::Failure | Role::Plain => MAX_VALUE_BYTES,
    }
}

/// Cuts a text that may be cut; `None` where the value is too long.
fn fitting(role: Role, value: AttributeValue<'_>) -> Option<AttributeValue<'_>> {
    let limit = limit(role);
    if bytes_of(&value) <= limit {
        return Some(value);
    }
    match value {
        AttributeValue::Text(text) if role == Role::Content => {
            let end = text.floor_char_boundary(limit);
            Some(AttributeValue::Text(match text {
                Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
                Cow::Owned(mut text) => {
                    text.truncate(end);
                    text.shrink_to_fit();
                    Cow::Owned(text)
                }
            }))
        }
        _ => None,
    }
}

fn bytes_of(value: &AttributeValue<'_>) -> usize {
    match value {
        AttributeValue::Text(text) => text.len(),
        AttributeValue::List(values) => {
            size_of_val(values.as_slice()) + values.iter().map(bytes_of).sum::<usize>()
        }
        AttributeValue::Integer(_) | AttributeValue::Float(_) | AttributeValue::Bool(_) => 8,
    }
}

fn means_failure(key: &str, value: &AttributeValue<'_>) -> bool {
    match value {
        AttributeValue::Text(text) if key == "error" => {
            !text.is_empty() && !text.eq_ignore_ascii_case("false")
        }
        AttributeValue::Text(text) => text.eq_ignore_ascii_case("error"),
        AttributeValue::Bool(value) => *value,
        AttributeValue::Integer(_) | AttributeValue::Float(_) | AttributeValue::List(_) => false,
    }
}

/// Takes as much of what is written as it may, then stops the writer.
struct Shown {
    text: String,
    limit: usize,
    is_over: bool,
}

impl fmt::Write for Shown {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = text.floor_char_boundary(self.limit - self.text.len());
        self.text.push_str(&text[..end]);
        if end == text.len() {
            return Ok(());
        }
        self.is_over = true;
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests;
