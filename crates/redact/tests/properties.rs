//! What holds for any text.
#![cfg(not(feature = "switched-off"))]

mod common;

use common::{private_key, specimens};
use modelstat_redact::{Floor, RawText, RedactedText, redact};
use proptest::prelude::*;

/// Between specimens: what text, code and escaped text are made of, and what the rules look out for.
const NOISE: &[&str] = &[
    " ",
    "\n",
    "\t",
    ", ",
    ": ",
    " = ",
    "=",
    ":",
    "\"",
    "\\\"",
    "\\\\\\\"",
    "'",
    "`",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    "\\",
    "\\\\",
    "\\n",
    "\\t",
    "\\u003d",
    "%3D",
    "/",
    "//",
    "://",
    "@",
    ".",
    "-",
    "_",
    "é",
    "東京",
    "🚀",
    "word",
    "KEY",
    "A_TOKEN=",
    "password",
    "\"password\": \"",
    "Bearer ",
    "Basic ",
    "Authorization: ",
    "postgres://u:",
    "https://u:",
    "/home/",
    "C:\\\\Users\\\\",
    "git@",
    "eyJ",
    "sk-",
    "ghp_",
    "[REDACTED:email]",
    "[REDACTED:",
    "<user>:",
    "2024",
    "\u{1b}[31m",
    "\r\n",
];

/// A mixture of whole and broken specimens and noise, glued together.
fn mixture() -> impl Strategy<Value = String> {
    let key = (any::<bool>(), 0..8_u64)
        .prop_map(|(is_whole, seed)| private_key("RSA ", "\n", is_whole, seed));
    let line = prop::sample::select(&["-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"])
        .prop_map(str::to_owned);
    prop::collection::vec(prop_oneof![8 => pieces(), 1 => key, 1 => line], 0..3)
        .prop_map(|parts| parts.concat())
}

/// The same without private keys, which may begin in one string of a JSON text and end in another.
fn pieces() -> impl Strategy<Value = String> {
    let specimen = (0..64_u64, any::<prop::sample::Index>()).prop_map(|(seed, which)| {
        let all = specimens(seed);
        all[which.index(all.len())].text.clone()
    });
    let broken = (specimen.clone(), any::<prop::sample::Index>())
        .prop_map(|(text, at)| text.chars().skip(at.index(text.chars().count())).collect());
    let noise = prop::sample::select(NOISE).prop_map(str::to_owned);
    let any_text = "\\PC{0,12}";
    let part = prop_oneof![6 => noise, 3 => specimen, 1 => broken, 1 => any_text];
    prop::collection::vec(part, 0..14).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_second_pass_finds_and_changes_nothing(text in mixture()) {
        let once = redact(&text).text.into_owned();
        let twice = redact(&once);
        prop_assert!(twice.is_clean(), "{:?} became {:?}", once, twice.text);
        prop_assert!(!once.contains("redaction_failed"), "gave up on {:?}", text);
    }

    #[test]
    fn findings_are_sorted_disjoint_and_account_for_the_whole_text(text in mixture()) {
        let redacted = redact(&text);
        let mut end = 0;
        for finding in &redacted.findings {
            prop_assert!(end <= finding.start && finding.start < finding.end);
            end = finding.end;
        }
        prop_assert!(end <= text.len());
        prop_assert_eq!(redacted.secrets() + redacted.pii(), redacted.findings.len());
        prop_assert_eq!(redacted.is_clean(), redacted.text == text);
        // What is kept stands in the output in the same order, between placeholders.
        let mut rest = redacted.text.as_ref();
        let mut kept_from = 0;
        for finding in &redacted.findings {
            let kept = &text[kept_from..finding.start];
            prop_assert!(rest.starts_with(kept));
            rest = rest[kept.len()..].trim_start_matches("<user>:");
            let placeholder = format!("[REDACTED:{}]", finding.rule.name());
            prop_assert!(rest.starts_with(&placeholder));
            rest = &rest[placeholder.len()..];
            kept_from = finding.end;
        }
        prop_assert_eq!(rest, &text[kept_from..]);
    }

    #[test]
    fn json_stays_json(texts in prop::collection::vec(pieces(), 1..4), depth in 1..3) {
        let mut json = serde_json::json!({ "messages": texts.clone(), "a": { "content": texts[0] } }).to_string();
        for _ in 1..depth {
            json = serde_json::json!({ "arguments": json }).to_string();
        }
        let redacted = redact(&json).text;
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(&redacted);
        prop_assert!(parsed.is_ok(), "{:?} became {:?}", json, redacted);
    }

    #[test]
    fn text_in_pieces_gives_what_the_whole_gives(
        texts in prop::collection::vec(mixture(), 1..6),
        sizes in prop::collection::vec(1..80_usize, 1..12),
    ) {
        let text = texts.join("\n");
        let whole = redact(&text);
        let mut redactor = Floor::built_in().redactor();
        let (mut output, mut findings) = (Vec::new(), Vec::new());
        let mut rest = text.as_bytes();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at(rest.len().min(*size));
            redactor.push(piece, &mut output);
            // Looked at as soon as may be, so that every place for a cut is tried.
            redactor.settle(&mut output);
            findings.extend(redactor.take_findings());
            rest = after;
        }
        findings.extend(redactor.finish(&mut output));
        prop_assert_eq!(String::from_utf8_lossy(&output), whole.text);
        prop_assert_eq!(findings, whole.findings);
    }

    #[test]
    fn raw_text_becomes_what_redact_says(text in mixture()) {
        let expected = redact(&text);
        let (redacted, findings) = RawText::from(text.as_str()).redact();
        prop_assert_eq!(redacted.as_str(), expected.text.as_ref());
        prop_assert_eq!(findings, expected.findings);
    }

    #[test]
    fn a_cut_text_is_short_enough_and_still_redacted(text in mixture(), max in 0..80_usize) {
        let (redacted, _) = RawText::from(text).redact();
        let cut = redacted.clone().truncate_chars(max);
        prop_assert!(cut.chars().count() <= max);
        prop_assert!(cut == redacted || redacted.starts_with(cut.trim_end_matches('…')));
        let open = cut.rfind("[REDACTED:").filter(|&at| !cut[at..].contains(']'));
        let is_split = open.is_some_and(|at| redact(&redacted[at..]).is_clean() && redacted[at..].find(']').is_some_and(|end| {
            modelstat_redact::Rule::from_name(&redacted[at + 10..at + end]).is_some()
        }));
        prop_assert!(!is_split, "{:?}", cut);
    }
}

#[test]
fn clean_text_is_borrowed_and_keeps_its_allocation() {
    let text = String::from("nothing to hide: x = 1, https://example.com/a?b=c, naïve 東京");
    assert!(
        matches!(redact(&text).text, std::borrow::Cow::Borrowed(same) if std::ptr::eq(same, text.as_str()))
    );
    let address = text.as_ptr();
    let (redacted, findings) = RawText::from(text).redact();
    assert!(findings.is_empty());
    let kept = String::from(redacted);
    assert_eq!(kept.as_ptr(), address);
}

#[test]
fn raw_text_reads_in_and_prints_its_length_only() {
    let raw: RawText =
        serde_json::from_str("\"jane@example.com\"").expect("a string is a raw text");
    assert_eq!(format!("{raw:?}"), "RawText(16 bytes)");
    assert_eq!((raw.len(), raw.is_empty()), (16, false));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the one test of what the stores' constructor does")]
fn redacted_text_serialises_as_a_string() {
    let (text, _) = RawText::from("ask jane@example.com").redact();
    assert_eq!(serde_json::to_string(&text).expect("text serialises"), "\"ask [REDACTED:email]\"");
    assert_eq!(RedactedText::from_static("done").as_str(), "done");
    assert_eq!(RedactedText::from_store("done".to_owned()), RedactedText::from_static("done"));
}

#[test]
fn only_a_digest_becomes_a_hashed_identifier() {
    assert_eq!(RedactedText::hashed("00ff").as_deref(), Some("h_00ff"));
    for digest in ["", "00FF", "jane", "0 f", "é"] {
        assert_eq!(RedactedText::hashed(digest), None);
    }
}

#[test]
fn text_is_cut_at_code_points_and_never_in_a_placeholder() {
    let (text, _) = RawText::from("東京 jane@example.com").redact();
    assert_eq!(text.clone().truncate_chars(19), text);
    assert_eq!(text.clone().truncate_chars(18).as_str(), "東京 …");
    assert_eq!(text.clone().truncate_chars(2).as_str(), "東…");
    assert_eq!(text.truncate_chars(0).as_str(), "");
}
