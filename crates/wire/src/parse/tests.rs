use super::*;
use crate::{BatchFloor, IdentifierKey, redact_batch};
use modelstat_redact::RedactedText;

const EVENT: &str = r#"{"source_event_id":"evt_1","ts":"2026-06-19T12:34:56.789Z","kind":"assistant_message",
    "agent":"a","provider":"openai","session_id":"s","tokens":{"input":1,"output":2}"#;

fn floor() -> BatchFloor {
    BatchFloor::new(IdentifierKey::new([1; 32]))
}

fn body(events: &str) -> String {
    format!(
        r#"{{"batch_id":"b","device_id":"d","daemon_version":"v","app":"x","events":[{events}]}}"#
    )
}

fn event_with(rest: &str) -> String {
    format!("{EVENT},{rest}}}")
}

fn parse(text: &str) -> ParsedBatch {
    parse_batch(text.as_bytes()).expect("readable")
}

/// Parses one good and one bad event; the bad one is refused for `reason`.
fn check_refused(bad: &str, reason: &str) {
    let parsed = parse(&body(&format!("{},{bad}", event_with("\"seq\":1"))));
    assert_eq!(parsed.batch.events.len(), 1);
    let reasons: Vec<_> =
        parsed.rejected.iter().map(|rejection| rejection.reason.as_str()).collect();
    assert_eq!(reasons, [reason]);
}

#[test]
fn a_count_that_is_none_refuses_its_event_only() {
    let whole = "not a whole number from 0 to 9007199254740991";
    for count in ["\"12\"", "1.5", "-1", "9223372036854775808", "9007199254740992", "[1]", "true"] {
        let tokens = format!(
            r#"{{"source_event_id":"evt_2","ts":"2026-06-19T12:34:56Z","kind":"k","agent":"a","provider":"p",
            "session_id":"s","tokens":{{"output":1,"input":{count}}}}}"#
        );
        check_refused(&tokens, &format!("tokens.input: {whole}"));
    }
}

#[test]
fn a_missing_field_names_itself() {
    check_refused("{}", "source_event_id: missing");
    check_refused(r#"{"source_event_id":"e"}"#, "ts: missing");
    check_refused(r#"{"source_event_id":"e","ts":null}"#, "ts: missing");
    check_refused("7", "record: not an object");
}

#[test]
fn reasons_never_hold_a_value() {
    let secret = "canary expected a string at line 1";
    let bad = event_with(&format!(r#""metadata":{{"{secret}":[1]}}"#));
    check_refused(&bad, "metadata.*: not text");
    check_refused(
        &event_with(&format!(r#""duration_ms":"{secret}""#)),
        "duration_ms: not a whole number from 0 to 9007199254740991",
    );
    check_refused(
        &event_with(&format!(r#""started_at":"{secret}""#)),
        "started_at: not an RFC 3339 time with an offset",
    );
    check_refused(
        &event_with(r#""reported_cost":0.1"#),
        "reported_cost: not a decimal amount in USD with at most 12 places, as text",
    );
    check_refused(&event_with(r#""seq":1,"seq":2"#), "record: a field is given twice");
}

#[test]
fn a_long_identifier_is_refused_and_a_long_text_is_cut() {
    let long = "x".repeat(600);
    check_refused(
        &event_with(&format!(r#""model":"{long}""#)),
        "model: longer than 512 characters",
    );
    let excerpt = "é".repeat(crate::limits::MAX_EXCERPT_CHARS + 5);
    let parsed = parse(&body(&event_with(&format!(r#""content_excerpt":"{excerpt}""#))));
    let (batch, _) = redact_batch(parsed.batch, &floor());
    let kept = batch.events[0].content_excerpt.as_ref().expect("kept");
    assert_eq!(kept.as_str().chars().count(), crate::limits::MAX_EXCERPT_CHARS);
}

/// Half a secret is no longer known as one, so the floor sees texts before they are cut.
#[test]
fn a_secret_across_a_cut_is_hidden_whole() {
    let secret = ["ghp_", &"aB3dE6gH9jK2".repeat(3)].concat();
    for place in ["cwd", "source_file", "content_excerpt"] {
        let long = format!("{} {secret}", "x".repeat(1_000));
        let parsed = parse(&body(&event_with(&format!(r#""{place}":"{long}""#))));
        let (batch, _) = redact_batch(parsed.batch, &floor());
        let kept = String::from_utf8(crate::encode_batch(&batch)).expect("JSON");
        assert!(!kept.contains("ghp_"), "{place}: {kept}");
    }
    let rest =
        format!(r#""metadata":{{"{}-{secret}":"{} {secret}"}}"#, "k".repeat(30), "v".repeat(240));
    let parsed = parse(&body(&event_with(&rest)));
    let (batch, _) = redact_batch(parsed.batch, &floor());
    let kept = String::from_utf8(crate::encode_batch(&batch)).expect("JSON");
    assert!(!kept.contains("ghp_"), "{kept}");
}

#[test]
fn unknown_fields_and_nulls_are_let_through() {
    let parsed = parse(&body(&event_with(
        r#""model":null,"git":null,"metadata":{"a":null},"new":[{"x":1}]"#,
    )));
    assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
    assert!(parsed.batch.events[0].metadata.is_empty());
}

#[test]
fn a_batch_without_app_is_taken_with_a_warning() {
    let parsed =
        parse(r#"{"batch_id":"b","device_id":"d","daemon_version":"v","app":"  ","events":[]}"#);
    assert_eq!(parsed.warnings, [WARNING_NO_APP]);
    assert!(parsed.batch.app.is_none());
}

#[test]
fn an_unreadable_body_is_told_by_place() {
    let refused = |body: &[u8]| parse_batch(body).expect_err("unreadable");
    assert_eq!(refused(b"{\"events\": [NaN]}"), ParseError::NotJson { line: 1, column: 13 });
    assert_eq!(refused(b"\xff"), ParseError::NotUtf8);
    assert_eq!(refused(&[b'['; 40]), ParseError::TooDeep);
    assert_eq!(refused(b"[]").to_string(), "record: not an object");
    assert_eq!(refused(b"{\"device_id\": 7}").to_string(), "device_id: not text");
    let many = body(&vec!["{}"; 10_001].join(","));
    assert_eq!(refused(many.as_bytes()), ParseError::TooMany { what: "events", limit: 10_000 });
}

#[test]
fn the_floor_hides_text_and_hashes_identifiers() {
    let mail = "jane@example.com";
    let rest = format!(r#""content_excerpt":"ask {mail}","metadata":{{"user":"{mail}"}}"#);
    let (batch, findings) = redact_batch(parse(&body(&event_with(&rest))).batch, &floor());
    let event = &batch.events[0];
    assert_eq!(
        event.content_excerpt.as_ref().map(RedactedText::as_str),
        Some("ask [REDACTED:email]")
    );
    let user = event.metadata.0[0].1.as_str();
    assert!(user.starts_with("h_") && user.len() == 34, "{user}");
    assert_eq!(event.redactions.0[0].1, 2);
    assert_eq!(
        findings.iter().map(|(rule, count)| (rule.name(), count)).collect::<Vec<_>>(),
        [("email", 2)]
    );
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test stands in for a store")]
fn a_stored_batch_reads_back_as_it_was() {
    let trust =
        |text: RawText| modelstat_redact::RedactedText::from_store(text.reveal().to_owned());
    let full = include_str!("../egress/full.json").to_owned();
    for body in [body(&event_with(r#""git":{},"usage_known":false"#)), full] {
        let (batch, _) = redact_batch(parse(&body).batch, &floor());
        let back = crate::decode_stored(&crate::encode_batch(&batch), trust).expect("readable");
        assert_eq!(batch, back);
    }
}

/// A bad event is told as if it had come alone, and changes nothing for those beside it.
#[test]
fn a_good_event_is_the_same_beside_a_bad_one() {
    let good = event_with(r#""content_excerpt":"a","seq":3"#);
    let alone = parse(&body(&good));
    let beside = parse(&body(&format!("{good},{{\"ts\":1}},null")));
    assert_eq!(alone.batch.events, beside.batch.events);
    assert_eq!(beside.rejected.len(), 2);
}

/// What the floor adds to an event keeps to the limits by which it is read back.
#[test]
#[expect(clippy::disallowed_methods, reason = "the test stands in for a store")]
fn counts_at_their_limits_read_back_after_a_finding() {
    let many: Vec<String> = (0..256).map(|number| format!("\"rule_{number}\":1")).collect();
    let largest = r#""redactions":{"email":9007199254740991}"#.to_owned();
    for redactions in [largest, format!("\"redactions\":{{{}}}", many.join(","))] {
        let rest = format!(r#"{redactions},"content_excerpt":"ask jane@example.com""#);
        let parsed = parse(&body(&event_with(&rest)));
        assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
        let (batch, _) = redact_batch(parsed.batch, &floor());
        let trust = |text: RawText| RedactedText::from_store(text.reveal().to_owned());
        let back = crate::decode_stored(&crate::encode_batch(&batch), trust).expect("readable");
        assert_eq!(batch, back);
    }
}

/// What is said of the making of an abstract has closed forms: nothing else can stand there.
#[test]
fn how_an_abstract_was_made_is_said_in_closed_forms() {
    let refused = |field: &str, value: &str| {
        let segment = format!(
            r#"{{"segment_id":"g","session_id":"s","started_at":"2026-06-19T12:34:56Z",
                "ended_at":"2026-06-19T12:34:56Z","{field}":"{value}"}}"#
        );
        let text = format!(
            r#"{{"batch_id":"b","device_id":"d","daemon_version":"v","events":[],"segments":[{segment}]}}"#
        );
        parse(&text).rejected.first().map(|rejection| rejection.reason.clone())
    };
    let check = |field: &str, good: &[&str], bad: &[&str], form: &str| {
        for value in good {
            assert_eq!(refused(field, value), None, "{value}");
        }
        for value in bad {
            let reason = refused(field, value).unwrap_or_default();
            assert!(reason.ends_with(&format!("{field}: not {form}")), "{value}: {reason}");
        }
    };
    let (digits, upper) = ("0a".repeat(32), "0A".repeat(32));
    let longer = format!("{digits}0");
    check(
        "model_sha256",
        &[&digits],
        &["", "0a", &upper, &longer],
        "64 digits of lower-case hexadecimal",
    );
    check(
        "prompt_version",
        &["1", "2.1", "v3"],
        &["", "a b", "1/2", &longer],
        "at most 32 lower-case letters, digits and dots",
    );
    check(
        "fallback_reason",
        &["llama.timeout", "http.bad_answer"],
        &[
            "",
            "timeout",
            ".timeout",
            "llama.",
            "a.b.c",
            "llama.said Zebedee",
            &format!("a.{longer}"),
        ],
        "an engine and a reason such as llama.timeout",
    );
}
