//! What redaction had taken out of the events of a payload, by rule.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;
use serde::Deserialize;

/// Counts by rule.
pub(super) type Findings = BTreeMap<String, u64>;

/// Largest payload that is read: every body that is made here is far below it.
const MAX_PLAIN_BYTES: u64 = 64 * 1024 * 1024;

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

/// Adds up what the events of a payload say, from the very bytes that are sent. A body that is no batch
/// has none.
pub(super) fn count(payload: &[u8]) -> Findings {
    let mut plain = Vec::new();
    let mut findings = Findings::new();
    if GzDecoder::new(payload).take(MAX_PLAIN_BYTES).read_to_end(&mut plain).is_err() {
        return findings;
    }
    let Ok(payload) = serde_json::from_slice::<Payload>(&plain) else { return findings };
    for (rule, count) in payload.events.into_iter().flat_map(|event| event.redactions) {
        let sum = findings.entry(rule).or_default();
        *sum = sum.saturating_add(count);
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn check(text: &str, expected: &[(&str, u64)]) {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("memory");
        let found = count(&encoder.finish().expect("memory"));
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
