//! Prompts and completions, which every instrumentation writes in its own way.

use std::collections::BTreeMap;

use serde_json::Value;

use super::keys::Text;
use super::value::Attributes;

/// What stands between two texts that are joined.
const BETWEEN: &str = "\n";

/// Deepest nesting of messages that texts are taken from; the known forms need four.
const MAX_DEPTH: usize = 8;

/// The keys under which messages, parts and contents hold texts or more of themselves.
const TEXT_KEYS: [&str; 5] = ["messages", "parts", "content", "text", "message"];

/// Returns the text in the first place that has one.
pub(super) fn read(attributes: &Attributes<'_>, places: &[Text]) -> Option<String> {
    places.iter().find_map(|place| match place {
        Text::Plain(key) => attributes.text(&[key]).map(str::to_owned),
        Text::Messages(key) => attributes.text(&[key]).map(texts_of_messages),
        Text::Numbered(before, after) => numbered(attributes, before, after),
    })
}

fn numbered(attributes: &Attributes<'_>, before: &str, after: &str) -> Option<String> {
    let mut texts = BTreeMap::new();
    for (rest, value) in attributes.beginning_with(before) {
        let number = rest.strip_suffix(after).and_then(|number| number.parse::<u32>().ok());
        if let (Some(number), Some(text)) = (number, value.as_text()) {
            texts.insert(number, text);
        }
    }
    let texts: Vec<&str> = texts.into_values().collect();
    (!texts.is_empty()).then(|| texts.join(BETWEEN))
}

/// Takes the texts out of messages; what is not JSON, or holds no text that is known, stays whole,
/// since a text that is not recognised must still be seen by the floor.
fn texts_of_messages(messages: &str) -> String {
    let Ok(parsed) = serde_json::from_str::<Value>(messages) else { return messages.to_owned() };
    let mut texts = Vec::new();
    gather(&parsed, MAX_DEPTH, &mut texts);
    if texts.is_empty() { messages.to_owned() } else { texts.join(BETWEEN) }
}

fn gather<'a>(value: &'a Value, depth: usize, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if !text.is_empty() => texts.push(text),
        Value::Array(values) if depth > 0 => {
            for value in values {
                gather(value, depth - 1, texts);
            }
        }
        Value::Object(fields) if depth > 0 => {
            for value in TEXT_KEYS.iter().filter_map(|key| fields.get(*key)) {
                gather(value, depth - 1, texts);
            }
        }
        _ => {}
    }
}
