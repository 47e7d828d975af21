//! Shared by the tests: what is found in a text, when groups and runs are handed over as the scanner does.

use super::{Found, Personal, find_in_digits, find_in_run};

const SEPARATORS: &[u8] = b" .-()/+";

/// Everything that is found in the text.
pub(super) fn all(text: &str) -> Vec<(Personal, String)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut note = |one: Found| found.push(one);
    for (start, end) in groups(bytes) {
        find_in_digits(bytes, start, end, true, &mut note);
    }
    for (start, end) in runs(bytes) {
        find_in_run(bytes, start, end, &mut note);
    }
    found.sort_by_key(|one| one.start);
    found
        .into_iter()
        .map(|one| {
            (one.what, text.get(one.start..one.end).expect("found stretches are text").to_owned())
        })
        .collect()
}

/// Checks that exactly this is found.
pub(super) fn check(text: &str, expected: &[(Personal, &str)]) {
    let found = all(text);
    let found: Vec<_> = found.iter().map(|(what, number)| (*what, number.as_str())).collect();
    assert_eq!(found, expected, "{text:?}");
}

/// Checks that nothing is found in any of the texts.
pub(super) fn check_none(texts: &[&str]) {
    for text in texts {
        check(text, &[]);
    }
}

/// Fills each `?` of a text with every digit, and returns the texts that end in a number of the kind.
pub(super) fn completions(shape: &str, what: Personal) -> Vec<String> {
    let mut texts = vec![shape.to_owned()];
    while texts.first().is_some_and(|text| text.contains('?')) {
        texts = texts
            .iter()
            .flat_map(|text| ('0'..='9').map(|digit| text.replacen('?', &digit.to_string(), 1)))
            .collect();
    }
    texts.retain(|text| {
        all(text).last().is_some_and(|(kind, number)| *kind == what && text.ends_with(number))
    });
    texts
}

/// Checks how many digits make the shape a number of the kind, and returns the first one made so.
pub(super) fn complete(shape: &str, right: usize, what: Personal) -> String {
    let texts = completions(shape, what);
    assert_eq!(texts.len(), right, "{shape}: {texts:?}");
    texts.into_iter().next().unwrap_or_default()
}

fn groups(text: &[u8]) -> Vec<(usize, usize)> {
    let mut groups = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let start = at;
        let (mut end, mut separators) = (start, 0);
        while at < text.len() && separators <= 2 {
            match text[at] {
                digit if digit.is_ascii_digit() => (end, separators) = (at + 1, 0),
                byte if SEPARATORS.contains(&byte) && end > start => separators += 1,
                _ => break,
            }
            at += 1;
        }
        at = end.max(start + 1);
        if end - start >= 7 {
            groups.push((start, end));
        }
    }
    groups
}

fn runs(text: &[u8]) -> Vec<(usize, usize)> {
    let mut runs = Vec::new();
    let mut start = 0;
    for run in text.split(|byte| !byte.is_ascii_alphanumeric()) {
        let digits = run.iter().filter(|byte| byte.is_ascii_digit()).count();
        if (8..=40).contains(&run.len()) && digits >= 4 {
            runs.push((start, start + run.len()));
        }
        start += run.len() + 1;
    }
    runs
}
