//! What is wrong with a record: field and position, never a value.

use std::fmt::{self, Write};

/// Why one record was refused.
///
/// Names the field and what it should hold. A value never appears: parsers quote what they choke on,
/// so their messages are mapped to the phrases of this module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    field: String,
    fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Missing,
    TooLong { limit_chars: usize },
    TooMany { limit: usize },
    GivenTwice,
    Expected(&'static str),
    Malformed,
}

pub(crate) const A_COUNT: &str = "a whole number from 0 to 9007199254740991";
pub(crate) const A_TIME: &str = "an RFC 3339 time with an offset";
pub(crate) const MONEY: &str = "a decimal amount in USD with at most 12 places, as text";

/// What a parser says it expected, and what we say for it. The left side is never a value: it is
/// compared with the end of the parser's message, after its last `expected`.
const EXPECTED: [(&str, &str); 7] = [
    (A_COUNT, A_COUNT),
    (A_TIME, A_TIME),
    (MONEY, MONEY),
    ("a string", "text"),
    ("a boolean", "true or false"),
    ("a sequence", "a list"),
    ("an object", "an object"),
];

impl Problem {
    pub(crate) fn new(field: impl Into<String>, fault: Fault) -> Self {
        Self { field: field.into(), fault }
    }

    /// Maps what a JSON parser said about a record of ours.
    pub(crate) fn from_parser(error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        let field = known_path(error.path());
        Self { field, fault: fault_of(&error.inner().to_string()) }
    }

    /// Puts the place of the record in front of the field.
    #[must_use]
    pub(crate) fn within(mut self, place: &str) -> Self {
        self.field = match self.field.as_str() {
            "" => place.to_owned(),
            field => format!("{place}.{field}"),
        };
        self
    }
}

fn fault_of(message: &str) -> Fault {
    if message.starts_with("duplicate field") {
        return Fault::GivenTwice;
    }
    if message == A_TIME || message.starts_with("not an RFC 3339") {
        return Fault::Expected(A_TIME);
    }
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let message = if message.starts_with("not an RFC 3339") { A_TIME } else { message };
    let expected = message.rsplit_once("expected ").map_or(message, |(_, expected)| expected);
    let known = EXPECTED.iter().find(|(phrase, _)| expected.starts_with(phrase));
    match known {
        Some((_, ours)) => Fault::Expected(ours),
        None if expected.starts_with("struct ") => Fault::Expected("an object"),
        None => Fault::Malformed,
    }
}

/// Prints a path with the names of our fields only: the keys of a caller's maps become `*`.
fn known_path(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut printed = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                write!(printed, "[{index}]").expect("writing to a string cannot fail");
            }
            Segment::Map { key } => {
                if !printed.is_empty() {
                    printed.push('.');
                }
                printed.push_str(if is_field(key) { key } else { "*" });
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    printed
}

/// Fields are ours when they are spelt as ours are and known to the wire.
fn is_field(key: &str) -> bool {
    FIELDS.contains(&key)
}

const FIELDS: [&str; 100] = [
    "abstract",
    "actor_id",
    "agent",
    "app",
    "args_bytes",
    "args_hash",
    "attempt",
    "audio_input",
    "audio_output",
    "auto_taxonomy",
    "batch",
    "batch_id",
    "billing",
    "branch",
    "cache_creation",
    "cache_creation_1h",
    "cache_read",
    "call_index",
    "command_families",
    "content_bytes",
    "content_excerpt",
    "content_hash",
    "cwd",
    "daemon_version",
    "device_id",
    "dropped",
    "duration_ms",
    "ended_at",
    "engine",
    "engine_version",
    "error",
    "events",
    "external_call_id",
    "fallback_reason",
    "files_touched",
    "finish_reason",
    "first_token_at",
    "generation",
    "git",
    "host",
    "input",
    "instance_id",
    "kind",
    "metadata",
    "model",
    "model_sha256",
    "name",
    "outcomes",
    "output",
    "parent_event_id",
    "prompt_version",
    "provider",
    "provider_account_id",
    "reasoning",
    "reasoning_bytes",
    "reasoning_excerpt",
    "recipient_actor_id",
    "recorded",
    "redaction",
    "redactions",
    "remote_host",
    "remote_slug",
    "remote_url",
    "reported_cost",
    "response_id",
    "result_bytes",
    "root_key",
    "segment_id",
    "segments",
    "sent",
    "sent_at",
    "seq",
    "server",
    "service_tier",
    "session_id",
    "session_installs",
    "session_titles",
    "signature_hash",
    "slug_source",
    "source_byte_offset",
    "source_event_id",
    "source_event_ids",
    "source_file",
    "speed",
    "started_at",
    "status",
    "summarizer_mode",
    "tags",
    "title",
    "tokens",
    "tokens_unmapped",
    "tool_calls",
    "ts",
    "turn_index",
    "type",
    "tz",
    "usage_detail",
    "usage_known",
    "web_search_requests",
    "work_type",
];

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = if self.field.is_empty() { "record" } else { &self.field };
        match &self.fault {
            Fault::Missing => write!(f, "{field}: missing"),
            Fault::TooLong { limit_chars } => {
                write!(f, "{field}: longer than {limit_chars} characters")
            }
            Fault::TooMany { limit } => write!(f, "{field}: more than {limit} entries"),
            Fault::GivenTwice => write!(f, "{field}: a field is given twice"),
            Fault::Expected(what) => write!(f, "{field}: not {what}"),
            Fault::Malformed => write!(f, "{field}: malformed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &serde_json::Value) {
        let serde_json::Value::Object(fields) = value else {
            value.as_array().into_iter().flatten().for_each(check);
            return;
        };
        for (key, value) in fields {
            assert!(key.starts_with('<') || is_field(key), "{key} would be shown as *");
            check(value);
        }
    }

    #[test]
    fn every_field_of_the_wire_can_be_named() {
        check(&serde_json::from_slice(include_bytes!("egress/full.json")).expect("valid"));
    }
}
