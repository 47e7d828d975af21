//! Whether every byte that the published floor hides is hidden by ours too.

use std::collections::BTreeMap;
use std::ops::Range;

use modelstat_redact::{Finding, redact};

use crate::cases::Case;
use crate::corpus::{self, Crates};
use crate::hits::shape;
use crate::peer;

/// How many stretches that only the published floor hides are shown per reason.
const SAMPLES: usize = 8;

/// What was compared so far.
#[derive(Default)]
struct Comparison {
    texts: usize,
    /// Texts whose output by the published floor could not be laid over the input.
    left_out: usize,
    hidden: usize,
    /// What only the published floor hides: rule and reason, how often, the first shapes.
    only_peer: BTreeMap<(String, &'static str), (usize, Vec<String>)>,
}

/// Prints what only the published floor hides, in the cases and in the clean sources.
pub(crate) fn report(cases: &[Case]) {
    println!("\n## What only the peer hides\n");
    if !cases.is_empty() {
        let mut comparison = Comparison::default();
        for case in cases {
            comparison.take("", &case.text);
        }
        comparison.print("the cases");
    }
    let sources = [
        corpus::rust_library(),
        corpus::python_library(),
        corpus::dependencies(Crates::Written, "rs"),
        corpus::dependencies(Crates::Bindings, "rs"),
        corpus::dependencies(Crates::Written, "md"),
    ];
    for sources in sources.into_iter().flatten() {
        let mut comparison = Comparison::default();
        for (file, text) in sources.texts() {
            comparison.take(&file, &text);
        }
        comparison.print(&sources.name);
    }
}

impl Comparison {
    fn take(&mut self, file: &str, text: &str) {
        self.texts += 1;
        let Some(hidden) = peer::hidden(text) else {
            self.left_out += 1;
            return;
        };
        if hidden.is_empty() {
            return;
        }
        self.hidden += hidden.len();
        let findings = redact(text).findings;
        for stretch in hidden {
            let Some(left) = first_left(&findings, &stretch.range) else { continue };
            let value = text.get(stretch.range.clone()).unwrap_or_default();
            let left = text.get(left).unwrap_or_default();
            let (count, samples) =
                self.only_peer.entry((stretch.rule, reason(value, left))).or_default();
            *count += 1;
            if samples.len() < SAMPLES {
                let left = if left.len() < value.len() { shape(left) } else { "all".to_owned() };
                samples.push(format!("`{}`, left: `{left}` {file}", shape(value)));
            }
        }
    }

    fn print(&self, name: &str) {
        let only_peer: usize = self.only_peer.values().map(|(count, _)| count).sum();
        println!(
            "{name}: {} texts ({} could not be compared), the peer hides {} stretches, \
             {only_peer} of them not wholly hidden by ours.",
            self.texts, self.left_out, self.hidden,
        );
        for ((rule, reason), (count, samples)) in &self.only_peer {
            println!("- {rule}, {reason}: {count}");
            for sample in samples {
                println!("  - {}", sample.trim_end());
            }
        }
        println!();
    }
}

/// The first part of the stretch that findings, which are sorted, leave.
fn first_left(findings: &[Finding], stretch: &Range<usize>) -> Option<Range<usize>> {
    let mut from = stretch.start;
    let first = findings.partition_point(|finding| finding.end <= stretch.start);
    for finding in findings.iter().skip(first) {
        if finding.start > from {
            return Some(from..finding.start.min(stretch.end));
        }
        from = finding.end;
        if from >= stretch.end {
            return None;
        }
    }
    (from < stretch.end).then_some(from..stretch.end)
}

/// Why ours may well leave it, judging by its form.
fn reason(value: &str, left: &str) -> &'static str {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_word = |part: &str| part.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_punctuation = |letter: char| letter.is_ascii_punctuation();
    if left.starts_with('\\') {
        "what follows an escaped line break or quote"
    } else if left.chars().all(is_punctuation) {
        "punctuation at an end"
    } else if left.len() < value.len() {
        "the rest of a stretch that ours hides in part"
    } else if value.len() == 40 && value.bytes().all(is_hex) {
        "a bare digest of 40 hex digits"
    } else if value.contains('-') && value.split('-').filter(|part| is_word(part)).count() > 2 {
        "hyphenated words"
    } else if value.contains(['(', '{', '$', '<']) {
        "an expression or a template"
    } else {
        "anything else"
    }
}
