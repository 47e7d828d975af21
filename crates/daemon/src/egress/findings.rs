//! What redaction had taken out of the events of a payload, by rule.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Counts by rule.
pub(super) type Findings = BTreeMap<String, u64>;

#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    redactions: Findings,
}

/// Adds up what the events of a payload say, before it is packed. A body that is no batch has none.
pub(super) fn count(plain: &[u8]) -> Findings {
    let mut findings = Findings::new();
    let Ok(payload) = serde_json::from_slice::<Payload>(plain) else { return findings };
    for (rule, count) in payload.events.into_iter().flat_map(|event| event.redactions) {
        let sum = findings.entry(rule).or_default();
        *sum = sum.saturating_add(count);
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, u64)]) {
        let found = count(text.as_bytes());
        let expected = expected.iter().map(|(rule, count)| ((*rule).to_owned(), *count));
        assert_eq!(found, expected.collect::<Findings>(), "{text}");
    }

    #[test]
    fn counts_of_all_events_are_added_up() {
        check(
            r#"{"events":[{"redactions":{"email":2}},{},{"redactions":{"email":1,"iban":1}}]}"#,
            &[("email", 3), ("iban", 1)],
        );
        check(r#"{"events":[]}"#, &[]);
        check(r#"{"platform":"linux"}"#, &[]);
        check("no json", &[]);
        assert!(count(b"no gzip").is_empty());
    }
}
