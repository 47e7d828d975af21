//! One count, wherever and however a provider writes it.

use serde_json::Value;

use super::anomaly::AnomalyKind;
use crate::limits::MAX_COUNT;

/// [`MAX_COUNT`] as a float, which holds it exactly.
const MAX_COUNT_FLOAT: f64 = 9_007_199_254_740_991.0;

/// The keys by which entries of a provider's list say what they count.
const LABELS: [&str; 3] = ["modality", "ttl", "type"];

/// A count as it was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Given {
    /// Not at all, or as `null`.
    #[default]
    Absent,
    /// As a number of tokens.
    Count(u64),
    /// As something that is no number of tokens.
    Refused(AnomalyKind),
}

impl Given {
    /// Reads a JSON value; numbers in texts and floats are taken, as some providers send them.
    pub(super) fn from_json(value: &Value) -> Self {
        match value {
            Value::Null => Self::Absent,
            Value::Number(number) => match (number.as_u64(), number.as_f64()) {
                (Some(count), _) => Self::from_unsigned(count),
                (None, Some(count)) => Self::from_float(count),
                (None, None) => Self::Refused(AnomalyKind::NotANumber),
            },
            Value::String(text) => Self::from_text(text),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                Self::Refused(AnomalyKind::NotANumber)
            }
        }
    }

    pub(super) const fn from_unsigned(count: u64) -> Self {
        if count > MAX_COUNT { Self::Refused(AnomalyKind::TooLarge) } else { Self::Count(count) }
    }

    pub(super) fn from_signed(count: i64) -> Self {
        u64::try_from(count).map_or(Self::Refused(AnomalyKind::Negative), Self::from_unsigned)
    }

    pub(super) fn from_float(count: f64) -> Self {
        if !count.is_finite() {
            return Self::Refused(AnomalyKind::NotFinite);
        }
        let count = count.round();
        if count < 0.0 {
            return Self::Refused(AnomalyKind::Negative);
        }
        if count > MAX_COUNT_FLOAT {
            return Self::Refused(AnomalyKind::TooLarge);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole, not negative and at most MAX_COUNT, as checked above"
        )]
        Self::Count(count as u64)
    }

    pub(super) fn from_text(text: &str) -> Self {
        let text = text.trim();
        if let Ok(count) = text.parse::<u64>() {
            return Self::from_unsigned(count);
        }
        text.parse::<f64>().map_or(Self::Refused(AnomalyKind::NotANumber), Self::from_float)
    }

    /// Returns the number of tokens; none were counted where none were given.
    pub(super) const fn or_zero(self) -> u64 {
        match self {
            Self::Count(count) => count,
            Self::Absent | Self::Refused(_) => 0,
        }
    }

    pub(super) fn is_absent(self) -> bool {
        self == Self::Absent
    }

    pub(super) const fn is_refused(self) -> bool {
        matches!(self, Self::Refused(_))
    }

    /// Adds what is counted apart; a refusal of either is one of the sum.
    pub(super) fn plus(self, more: Self) -> Self {
        match (self, more) {
            (Self::Refused(kind), _) | (_, Self::Refused(kind)) => Self::Refused(kind),
            (Self::Absent, other) | (other, Self::Absent) => other,
            (Self::Count(count), Self::Count(more)) => {
                Self::from_unsigned(count.saturating_add(more))
            }
        }
    }
}

/// Finds the value at a path of keys with dots between them.
pub(super) fn find<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let found = path.split('.').try_fold(value, |value, key| value.get(key))?;
    (!found.is_null()).then_some(found)
}

/// Reads the count at a path; `list[label].key` is the sum over the entries with that label.
pub(super) fn read(value: &Value, path: &str) -> Given {
    let Some((list, rest)) = path.split_once('[') else {
        return find(value, path).map_or(Given::Absent, Given::from_json);
    };
    let Some((label, key)) = rest.split_once("].") else { return Given::Absent };
    let entries = find(value, list).and_then(Value::as_array);
    let labelled = entries.into_iter().flatten().filter(|entry| has_label(entry, label));
    labelled.fold(Given::Absent, |sum, entry| sum.plus(read(entry, key)))
}

fn has_label(entry: &Value, label: &str) -> bool {
    LABELS.iter().any(|key| {
        let name = entry.get(key).and_then(Value::as_str);
        name.is_some_and(|name| name.eq_ignore_ascii_case(label))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(value: &Value, given: Given) {
        assert_eq!(Given::from_json(value), given, "{value}");
    }

    #[test]
    fn floats_and_numbers_in_texts_are_taken() {
        check(&json!(12), Given::Count(12));
        check(&json!(12.0), Given::Count(12));
        check(&json!(11.6), Given::Count(12));
        check(&json!(-0.0), Given::Count(0));
        check(&json!(" 12 "), Given::Count(12));
        check(&json!("1.2e1"), Given::Count(12));
        check(&json!(MAX_COUNT), Given::Count(MAX_COUNT));
    }

    #[test]
    fn what_is_no_number_of_tokens_is_refused() {
        check(&json!(-1), Given::Refused(AnomalyKind::Negative));
        check(&json!("-0.7"), Given::Refused(AnomalyKind::Negative));
        check(&json!("NaN"), Given::Refused(AnomalyKind::NotFinite));
        check(&json!("1e999"), Given::Refused(AnomalyKind::NotFinite));
        check(&json!(MAX_COUNT + 1), Given::Refused(AnomalyKind::TooLarge));
        check(&json!(1e300), Given::Refused(AnomalyKind::TooLarge));
        check(&json!(true), Given::Refused(AnomalyKind::NotANumber));
        check(&json!(""), Given::Refused(AnomalyKind::NotANumber));
        check(&json!([1]), Given::Refused(AnomalyKind::NotANumber));
        check(&json!(null), Given::Absent);
    }

    #[test]
    fn entries_of_a_list_are_summed_by_label() {
        let usage = json!({"details": [
            {"modality": "AUDIO", "count": 3}, {"modality": "TEXT", "count": 5}, {"modality": "audio", "count": 4}, 7
        ]});
        assert_eq!(read(&usage, "details[AUDIO].count"), Given::Count(7));
        assert_eq!(read(&usage, "details[IMAGE].count"), Given::Absent);
    }
}
