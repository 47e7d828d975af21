//! The value of one attribute, and all attributes of a span.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::usage::count::Given;

/// The value of an attribute, as OpenTelemetry has them.
#[derive(Clone, PartialEq)]
pub enum AttributeValue<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// A whole number.
    Integer(i64),
    /// Any number.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// Several values.
    List(Vec<AttributeValue<'a>>),
}

/// Shows the kind only: a value can be a prompt.
impl fmt::Debug for AttributeValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text(…)",
            Self::Integer(_) => "Integer(…)",
            Self::Float(_) => "Float(…)",
            Self::Bool(_) => "Bool(…)",
            Self::List(_) => "List(…)",
        })
    }
}

impl<'a> AttributeValue<'a> {
    /// Takes a JSON value; an object becomes its JSON text, and `null` is no value.
    pub fn from_json(value: &'a Value) -> Option<Self> {
        Some(match value {
            Value::Null => return None,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Self::Integer(integer),
                (None, float) => Self::Float(float?),
            },
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(values) => Self::List(values.iter().filter_map(Self::from_json).collect()),
            Value::Object(_) => Self::Text(Cow::Owned(value.to_string())),
        })
    }

    /// Returns the text, or the first of several.
    pub(super) fn as_text(&self) -> Option<&str> {
        let text = match self {
            Self::Text(text) => text,
            Self::List(values) => values.first()?.as_text()?,
            Self::Integer(_) | Self::Float(_) | Self::Bool(_) => return None,
        };
        (!text.trim().is_empty()).then_some(text)
    }

    pub(super) fn as_count(&self) -> Given {
        match self {
            Self::Text(text) => Given::from_text(text),
            Self::Integer(count) => Given::from_signed(*count),
            Self::Float(count) => Given::from_float(*count),
            Self::Bool(value) => Given::from_json(&Value::Bool(*value)),
            Self::List(_) => Given::from_json(&Value::Array(Vec::new())),
        }
    }

    pub(super) fn as_float(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "durations this long are not measured")]
        match self {
            Self::Float(value) => Some(*value),
            Self::Integer(value) => Some(*value as f64),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Bool(_) | Self::List(_) => None,
        }
    }

    /// Returns the value as metadata carries it.
    pub(super) fn to_tag(&self) -> Option<String> {
        Some(match self {
            Self::Text(text) => text.clone().into_owned(),
            Self::Integer(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::List(values) => {
                let tags: Vec<String> = values.iter().filter_map(Self::to_tag).collect();
                tags.join(",")
            }
        })
        .filter(|tag| !tag.is_empty())
    }
}

/// The attributes of one span by key.
pub(super) struct Attributes<'a>(pub(super) BTreeMap<&'a str, AttributeValue<'a>>);

impl<'a> Attributes<'a> {
    pub(super) fn get(&self, key: &str) -> Option<&AttributeValue<'a>> {
        self.0.get(key)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Returns the text under the first of the keys that has one.
    pub(super) fn text(&self, keys: &[&str]) -> Option<&str> {
        keys.iter().find_map(|key| self.get(key)?.as_text())
    }

    /// Goes through the attributes whose key begins so, with the rest of the key.
    pub(super) fn beginning_with<'b>(
        &'b self,
        prefix: &'b str,
    ) -> impl Iterator<Item = (&'b str, &'b AttributeValue<'a>)> {
        let from_prefix = self.0.range(prefix..);
        from_prefix.map_while(move |(key, value)| Some((key.strip_prefix(prefix)?, value)))
    }
}
