//! Regular expressions of users: only those that need linear time and that a literal gives away.

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ast::ErrorKind;
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::MIN_LITERAL;

/// Longest pattern, in bytes.
const MAX_PATTERN: usize = 4 * 1024;

/// Deepest nesting of groups.
const MAX_NESTING: u32 = 50;

/// Most memory that a compiled pattern may need: repeated counts such as `{1000}` are what fills it.
const MAX_COMPILED: usize = 512 * 1024;

/// Most memory for the states that matching keeps, by thread.
const MAX_STATES: usize = 1024 * 1024;

/// How many literals may stand for a pattern, and how long they are: what is longer says nothing more.
const MAX_LITERALS: usize = 64;
const MAX_LITERAL: usize = 16;

/// The group that narrows a finding.
const SECRET_GROUP: &str = "secret";

/// A pattern that may be run.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// Whether a group says which part is to be hidden.
    has_group: bool,
    /// Each match holds one of them.
    pub(super) literals: Vec<Vec<u8>>,
}

/// Where a pattern matched, and the part of it to hide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) hide_start: usize,
    pub(super) hide_end: usize,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Says why it is refused, in words for the person who wrote it.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if text.len() > MAX_PATTERN {
            return Err(format!(
                "has {} bytes, and at most {MAX_PATTERN} are read: split it into rules of one type",
                text.len()
            ));
        }
        let hir = regex_syntax::ParserBuilder::new()
            .nest_limit(MAX_NESTING)
            .unicode(false)
            .utf8(false)
            .multi_line(true)
            .build()
            .parse(text)
            .map_err(|error| reason_of(&error))?;
        match hir.properties().minimum_len() {
            None => return Err("can never match: drop the rule or mend the pattern".to_owned()),
            Some(0) => {
                return Err("can match an empty text, which hides nothing: demand at least one \
                            character, such as by `+` in place of `*`"
                    .to_owned());
            }
            Some(_) => {}
        }
        if takes_line_break(&hir) {
            return Err("can match a line break, but rules look at single lines: write `[ \\t]` \
                        for `\\s`, `[^x\\n]` for `[^x]`, `[^\\w\\n]` for `\\W`, and no `(?s)`"
                .to_owned());
        }
        let literals = required(&hir).ok_or_else(|| {
            format!(
                "has no text of {MIN_LITERAL} bytes or more that every match holds, so that it would \
                 have to be run everywhere: add what always stands there, such as a prefix or the \
                 name before a value, and hide the value alone by `(?P<{SECRET_GROUP}>…)`"
            )
        })?;
        let regex = RegexBuilder::new(text)
            .nest_limit(MAX_NESTING)
            .unicode(false)
            .multi_line(true)
            .size_limit(MAX_COMPILED)
            .dfa_size_limit(MAX_STATES)
            .build()
            .map_err(|_| "is too large when compiled: lower the counts in `{…}`".to_owned())?;
        let has_group = regex.capture_names().flatten().any(|name| name == SECRET_GROUP);
        Ok(Self { regex, has_group, literals })
    }

    /// The first match in the text that begins at `start` or later.
    pub(super) fn find(&self, text: &[u8], start: usize) -> Option<Match> {
        if !self.has_group {
            let found = self.regex.find_at(text, start)?;
            let (start, end) = (found.start(), found.end());
            return Some(Match { start, end, hide_start: start, hide_end: end });
        }
        let captures = self.regex.captures_at(text, start)?;
        let whole = captures.get(0)?;
        let hide = captures.name(SECRET_GROUP).unwrap_or(whole);
        Some(Match {
            start: whole.start(),
            end: whole.end(),
            hide_start: hide.start(),
            hide_end: hide.end(),
        })
    }

    /// Whether a text holds a literal of the pattern.
    pub(super) fn has_literal(&self, text: &[u8]) -> bool {
        self.literals.iter().any(|literal| memchr::memmem::find(text, literal).is_some())
    }
}

fn reason_of(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => match error.kind() {
            ErrorKind::UnsupportedLookAround => {
                "looks ahead or behind, which takes more than linear time: match what stands around \
                 too, and put the part to hide into `(?P<secret>…)`"
                    .to_owned()
            }
            ErrorKind::UnsupportedBackreference => {
                "refers back to a group, which takes more than linear time: write out what it may \
                 repeat"
                    .to_owned()
            }
            kind => {
                let place = error.span().start;
                format!("is no regular expression at character {}: {kind}", place.offset + 1)
            }
        },
        regex_syntax::Error::Translate(_) => {
            "uses Unicode classes, but rules look at bytes: write out the characters, such as \
             `(?:é|è)` for `[éè]` and `[A-Za-z]` for `\\p{L}`"
                .to_owned()
        }
        _ => "is no regular expression".to_owned(),
    }
}

fn takes_line_break(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => literal.0.contains(&b'\n'),
        HirKind::Class(Class::Unicode(class)) => {
            class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&'\n'))
        }
        HirKind::Class(Class::Bytes(class)) => {
            class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&b'\n'))
        }
        HirKind::Repetition(repetition) => takes_line_break(&repetition.sub),
        HirKind::Capture(capture) => takes_line_break(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(takes_line_break),
    }
}

/// Literals of which every match holds one: at its start if there are such, or else further in.
fn required(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let first = prefixes(hir);
    match hir.kind() {
        HirKind::Capture(capture) => better(first, required(&capture.sub)),
        HirKind::Repetition(repetition) if repetition.min > 0 => {
            better(first, required(&repetition.sub))
        }
        HirKind::Concat(parts) => (0..parts.len()).fold(first, |best, at| {
            let rest = parts.get(at..).unwrap_or_default();
            let inner = rest.first().and_then(required);
            better(better(best, prefixes(&Hir::concat(rest.to_vec()))), inner)
        }),
        HirKind::Alternation(branches) => {
            let each: Option<Vec<_>> = branches.iter().map(required).collect();
            let all = each.map(|each| each.concat()).filter(|all| all.len() <= MAX_LITERALS);
            better(first, all)
        }
        _ => first,
    }
}

/// Literals of which every match begins with one.
fn prefixes(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let mut sequence =
        Extractor::new().limit_total(MAX_LITERALS).limit_literal_len(MAX_LITERAL).extract(hir);
    sequence.dedup();
    let literals = sequence.literals()?;
    let is_telling = !literals.is_empty()
        && literals.iter().all(|literal| literal.as_bytes().len() >= MIN_LITERAL);
    is_telling.then(|| literals.iter().map(|literal| literal.as_bytes().to_vec()).collect())
}

/// The one that is in fewer texts: its shortest literal is longer, or there are fewer.
fn better(one: Option<Vec<Vec<u8>>>, other: Option<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    let rarity = |literals: &Vec<Vec<u8>>| {
        let shortest = literals.iter().map(Vec::len).min().unwrap_or(0);
        (shortest, std::cmp::Reverse(literals.len()))
    };
    match (one, other) {
        (Some(one), Some(other)) => Some(if rarity(&other) > rarity(&one) { other } else { one }),
        (one, other) => one.or(other),
    }
}
