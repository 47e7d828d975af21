//! What holds for one text, redacted at once or in chunks.

use modelstat_redact::{Floor, redact};

use crate::specimens;

/// A second pass finds nothing; findings are sorted, disjoint and within the text; what lies between them is
/// kept as it was, in the same order.
pub fn whole(input: &[u8]) {
    let text = specimens::text(input);
    let redacted = redact(&text);
    let mut end = 0;
    let mut rest = redacted.text.as_ref();
    for finding in &redacted.findings {
        assert!(end <= finding.start && finding.start < finding.end, "not sorted or not disjoint");
        let kept = text.get(end..finding.start).expect("a finding cuts no letter");
        rest = rest.strip_prefix(kept).expect("what is not found is kept");
        // A number in JSON becomes a string.
        let quotes = |text: &str| text.len() - text.trim_start_matches(['\\', '"']).len();
        if text.as_bytes().get(finding.start).is_some_and(u8::is_ascii_digit) {
            rest = rest.get(quotes(rest)..).expect("a quote is no part of a letter");
        }
        let placeholder = format!("[REDACTED:{}]", finding.rule.name());
        rest = rest
            .strip_prefix("<user>:")
            .filter(|rest| rest.starts_with(&placeholder))
            .unwrap_or(rest);
        rest = rest.strip_prefix(&placeholder).expect("a finding leaves a placeholder");
        end = finding.end;
        let is_kept = text.get(end..).is_some_and(|kept| kept.starts_with(['\\', '"']));
        if text.as_bytes().get(end - 1).is_some_and(u8::is_ascii_digit) && !is_kept {
            rest = rest.get(quotes(rest)..).expect("a quote is no part of a letter");
        }
    }
    assert_eq!(text.get(end..), Some(rest), "the end is kept");
    assert_eq!(redacted.is_clean(), redacted.text == text, "clean text is untouched");
    let twice = redact(&redacted.text);
    assert!(twice.is_clean(), "a second pass makes {:?} of {:?}", twice.text, redacted.text);
}

/// Chunks of any size give what the whole text gives. The first byte says how many sizes follow it; the
/// chunks take the sizes in turn.
pub fn chunked(input: &[u8]) {
    let Some((&count, rest)) = input.split_first() else { return };
    let (sizes, rest) = rest.split_at(usize::from(count % 16).min(rest.len()));
    let text = specimens::text(rest);
    let mut redactor = Floor::built_in().redactor();
    let mut output = Vec::new();
    let mut left = text.as_bytes();
    let mut sizes = sizes.iter().copied().cycle();
    while !left.is_empty() {
        // A size of zero is tried too, though never twice in a row, which would not end.
        let size = usize::from(sizes.next().unwrap_or(u8::MAX));
        redactor.push(left.get(..size.min(left.len())).unwrap_or_default(), &mut output);
        redactor.settle(&mut output);
        let (now, later) = left.split_at(size.max(1).min(left.len()));
        if size == 0 {
            redactor.push(now, &mut output);
            redactor.settle(&mut output);
        }
        left = later;
    }
    let findings = redactor.finish(&mut output);
    let expected = redact(&text);
    assert_eq!(String::from_utf8_lossy(&output), expected.text, "chunks of {text:?}");
    assert_eq!(findings, expected.findings, "chunks of {text:?}");
}
