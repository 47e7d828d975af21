//! JSON stays JSON of the same structure, whatever is hidden in its strings.

use modelstat_redact::redact;
use serde_json::Value;

use crate::specimens;

/// Deepest nesting that a program builds.
const MAX_DEPTH: usize = 8;

/// Names of fields, of which some make their value a secret.
const NAMES: &[&str] = &[
    "id",
    "content",
    "messages",
    "password",
    "api_key",
    "token",
    "Authorization",
    "url",
    "usage",
    "MY_SECRET",
    "arguments",
    "email",
    "cookie",
    "é \"quoted\"",
];

/// Reads the input as a program that builds a JSON value, and redacts the value as written.
pub fn json(input: &[u8]) {
    let mut program = input.iter().copied();
    let value = build(&mut program, 0);
    let written = if input.len().is_multiple_of(2) {
        value.to_string()
    } else {
        serde_json::to_string_pretty(&value).expect("a value is written")
    };
    let redacted = redact(&written);
    let read: Value = match serde_json::from_str(&redacted.text) {
        Ok(read) => read,
        Err(error) => panic!("{error}: {written} became {}", redacted.text),
    };
    assert!(is_like(&value, &read), "{written} became {}", redacted.text);
}

fn build(program: &mut impl Iterator<Item = u8>, depth: usize) -> Value {
    let (Some(kind), Some(operand)) = (program.next(), program.next()) else { return Value::Null };
    let is_flat = depth >= MAX_DEPTH;
    match kind % 8 {
        0 => Value::Bool(operand.is_multiple_of(2)),
        1 => Value::from(i64::from(operand) * 1_000_003),
        2 => Value::String(specimens::specimen(operand)),
        3 | 4 => {
            let letters: Vec<u8> = program.take(usize::from(operand % 64)).collect();
            Value::String(specimens::text(&letters))
        }
        5 if !is_flat => (0..operand % 8).map(|_| build(program, depth + 1)).collect(),
        // Tool calls carry JSON as a string in JSON.
        6 if !is_flat => Value::String(build(program, depth + 1).to_string()),
        _ if !is_flat => {
            let field = |number: u8| {
                let name = usize::from(program.next().unwrap_or(0)) % NAMES.len();
                let name = NAMES.get(name).copied().unwrap_or_default();
                // Numbered, as two fields of one name would be read as one.
                (format!("{name}_{number}"), build(program, depth + 1))
            };
            Value::Object((0..operand % 8).map(field).collect())
        }
        _ => Value::Null,
    }
}

/// Whether both have the same fields and elements; strings may differ, and a hidden number is one.
fn is_like(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::String(_), Value::String(_)) => true,
        // A number that is hidden, such as a card's, leaves a string.
        (Value::Number(_), Value::String(after)) => after.starts_with("[REDACTED:"),
        // The lines of a private key in a list are one secret.
        (Value::Array(before), Value::Array(after)) if after.len() < before.len() => {
            holds_private_key(before)
        }
        (Value::Array(before), Value::Array(after)) => {
            before.len() == after.len()
                && before.iter().zip(after).all(|(before, after)| is_like(before, after))
        }
        (Value::Object(before), Value::Object(after)) => {
            let is_field =
                |(name, value)| after.get(name).is_some_and(|after| is_like(value, after));
            before.len() == after.len() && before.iter().all(is_field)
        }
        _ => before == after,
    }
}

/// Whether the first and the last line of a private key are strings of the list.
fn holds_private_key(list: &[Value]) -> bool {
    let holds = |line: &str| {
        list.iter().any(|value| value.as_str().is_some_and(|text| text.contains(line)))
    };
    holds("-----BEGIN ") && holds("-----END ")
}
