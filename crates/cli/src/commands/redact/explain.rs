//! What was found and where, never the value.

use std::ops::ControlFlow;

use anyhow::Context;
use modelstat_redact::{Class, Floor};
use modelstat_wire::FindingCounts;
use serde::Serialize;

use super::{Found, Input};
use crate::output;

/// How much is redacted and told at once.
const PIECE_BYTES: usize = 256 * 1024;

/// One finding, as scripts read it.
#[derive(Serialize)]
struct Explained {
    #[serde(flatten)]
    found: Found,
    class: &'static str,
    tier: &'static str,
    line: usize,
    column: usize,
}

/// Prints one line for each finding.
pub(super) fn run(mut input: Input, floor: &Floor, json: bool) -> anyhow::Result<FindingCounts> {
    let text = input.read_whole()?;
    let mut redactor = floor.redactor();
    let mut redacted = Vec::new();
    for piece in text.chunks(PIECE_BYTES) {
        redactor.push(piece, &mut redacted);
        redacted.clear();
    }
    let findings = redactor.finish(&mut redacted);
    let mut place = Place { at: 0, line: 1, column: 1 };
    let mut lines = String::new();
    for finding in &findings {
        place.advance(&text, finding.start);
        let explained = Explained {
            found: Found::from(finding),
            class: match finding.rule.class() {
                Class::Secret => "secret",
                Class::Pii => "pii",
            },
            tier: finding.rule.tier().name(),
            line: place.line,
            column: place.column,
        };
        lines.push_str(&if json { as_json(&explained) } else { as_text(&explained) });
        lines.push('\n');
        if lines.len() >= PIECE_BYTES {
            if write(&lines)?.is_break() {
                break;
            }
            lines.clear();
        }
    }
    write(&lines)?.is_break();
    let mut counts = FindingCounts::default();
    counts.add(&findings);
    Ok(counts)
}

fn write(lines: &str) -> anyhow::Result<ControlFlow<()>> {
    output::bytes(lines.as_bytes()).context("could not write the findings")
}

fn as_json(explained: &Explained) -> String {
    serde_json::to_string(explained).expect("names and numbers only")
}

fn as_text(explained: &Explained) -> String {
    let Explained { found: Found { rule, name, start, end }, tier, line, column, .. } = explained;
    format!("{rule} {name} {tier} {start}..{end} {line}:{column}")
}

/// A place in a text; the column counts characters, as editors do.
struct Place {
    at: usize,
    line: usize,
    column: usize,
}

impl Place {
    /// Goes forward to a byte. Findings come in order, so all of them together read the text once.
    fn advance(&mut self, text: &[u8], to: usize) {
        for &byte in text.get(self.at..to).unwrap_or_default() {
            if byte == b'\n' {
                self.line += 1;
                self.column = 1;
            } else if byte & 0b1100_0000 != 0b1000_0000 {
                // Any byte but those that continue a character of UTF-8.
                self.column += 1;
            }
        }
        self.at = self.at.max(to);
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn columns_count_characters() {
        let mut place = Place { at: 0, line: 1, column: 1 };
        place.advance("é…x\nab".as_bytes(), 6);
        assert_eq!((place.line, place.column), (1, 4));
        place.advance("é…x\nab".as_bytes(), 8);
        assert_eq!((place.line, place.column), (2, 2));
    }
}
