//! From spans to text: joins what overlaps, replaces it, looks again around it, and fails closed.
//!
//! The order is fixed: the built-in rules and those of this host find spans in the text as captured; what they
//! found is replaced; then detectors look at what is left, and can only add.

use std::cmp::Reverse;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::bytes::{
    PLACEHOLDER_HEAD, after_escape, byte_at, byte_before, is_in_placeholder, slice,
};
use crate::number::json_depth;
use crate::rule::{REDACTION_FAILED, Rule};
use crate::{Finding, cut};

/// Most looks at one text.
///
/// A replacement can uncover a form that was glued to what it replaced, so the output is scanned until
/// nothing is found: that makes a second pass change nothing. Two looks do for anything but text that was
/// built against this loop, which is then refused as a whole, in linear time.
const MAX_LOOKS: usize = 8;

/// What a span's replacement looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The placeholder.
    Plain,
    /// `<user>:` and the placeholder, for `user:password` in a URL.
    Userinfo,
    /// The placeholder, in quotes where the text is JSON and this a number in it.
    Number,
}

/// A stretch of text to hide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) rule: Rule,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) form: Form,
}

/// The engine broke a rule of its own, or a limit was reached; the text must not be used.
pub(crate) struct Broken;

/// What is left of a text, and what was found in it.
pub(crate) struct Replaced {
    /// The text itself if nothing was found.
    pub(crate) bytes: Option<Vec<u8>>,
    pub(crate) findings: Vec<Finding>,
}

/// Something that finds spans: every rule at once, or a detector.
pub(crate) type Scan<'s> = &'s dyn Fn(&[u8]) -> Vec<Span>;

/// Replaces what the rules find and then what each of the detectors finds in the rest.
///
/// The built-in rules go first and alone, down to what their own replacements uncover, and what they found
/// is only ever joined with more: nothing that a host adds can show what they hide. `local` are the rules of
/// this host, if it has any.
pub(crate) fn replace(
    text: &[u8],
    built_in: Scan<'_>,
    local: Option<Scan<'_>>,
    detectors: &[Scan<'_>],
) -> Result<Replaced, Broken> {
    // What a panic leaves behind is dropped with the closure, so nothing broken is seen afterwards.
    let outcome = catch_unwind(AssertUnwindSafe(|| replace_all(text, built_in, local, detectors)));
    outcome.unwrap_or(Err(Broken))
}

/// One placeholder in place of a whole text of that length.
pub(crate) fn refused(length: usize) -> Replaced {
    let mut placeholder = PLACEHOLDER_HEAD.to_vec();
    placeholder.extend_from_slice(REDACTION_FAILED.name().as_bytes());
    placeholder.push(b']');
    let finding = Finding { rule: REDACTION_FAILED, start: 0, end: length };
    Replaced { bytes: Some(placeholder), findings: vec![finding] }
}

fn replace_all(
    text: &[u8],
    built_in: Scan<'_>,
    local: Option<Scan<'_>>,
    detectors: &[Scan<'_>],
) -> Result<Replaced, Broken> {
    let (mut spans, mut output) = settle(text, join(text, built_in(text)), built_in)?;
    let scan = |text: &[u8]| {
        let mut spans = built_in(text);
        spans.extend(local.into_iter().flat_map(|local| local(text)));
        spans
    };
    if let Some(local) = local {
        spans.extend(local(text));
        (spans, output) = settle(text, join(text, spans), &scan)?;
    }
    let scan: Scan<'_> = if local.is_some() { &scan } else { built_in };
    for detector in detectors {
        let rest = output.as_ref().map_or(text, |output| &output.bytes);
        let found = outside_placeholders(rest, detector(rest));
        if found.is_empty() {
            continue;
        }
        for span in join(rest, found) {
            spans.push(match &output {
                Some(output) => output.in_input(span)?,
                None => span,
            });
        }
        (spans, output) = settle(text, join(text, spans), scan)?;
    }
    let finding = |span: &Span| Finding { rule: span.rule, start: span.start, end: span.end };
    Ok(Replaced {
        findings: spans.iter().map(finding).collect(),
        bytes: output.map(|output| output.bytes),
    })
}

/// Replaces spans until nothing new is found beside them.
fn settle(
    text: &[u8],
    mut spans: Vec<Span>,
    scan: Scan<'_>,
) -> Result<(Vec<Span>, Option<Output>), Broken> {
    if spans.is_empty() {
        return Ok((spans, None));
    }
    for _ in 1..MAX_LOOKS {
        let output = Output::of(text, &spans)?;
        let more = join(&output.bytes, output.look_again(scan));
        if more.is_empty() {
            return Ok((spans, Some(output)));
        }
        for span in more {
            spans.push(output.in_input(span)?);
        }
        spans = join(text, spans);
    }
    Err(Broken)
}

/// The spans of a detector that are within the text and hold nothing of a placeholder.
fn outside_placeholders(text: &[u8], mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|span| {
        let here = slice(text, span.start, span.end);
        !here.is_empty()
            && !here.windows(PLACEHOLDER_HEAD.len()).any(|head| head == PLACEHOLDER_HEAD)
            && !is_in_placeholder(text, span.start)
    });
    spans
}

/// Sorts spans and joins those that overlap, so that no byte of either survives.
fn join(text: &[u8], mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| (span.start, Reverse(span.end)));
    let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans.into_iter().filter_map(|span| aligned(text, span)) {
        match joined.last_mut() {
            Some(last) if span.start < last.end => {
                last.end = last.end.max(span.end);
                if span.rule.tier() > last.rule.tier() {
                    last.rule = span.rule;
                }
                if span.form != last.form {
                    last.form = Form::Plain;
                }
            }
            _ => joined.push(span),
        }
    }
    joined
}

/// The span without a part of an escape at either edge, so that escaped text stays well-formed.
fn aligned(text: &[u8], mut span: Span) -> Option<Span> {
    span.start = after_escape(text, span.start);
    while span.end > span.start && byte_before(text, span.end) == Some(b'\\') {
        span.end -= 1;
    }
    let is_continuation = |byte: u8| byte & 0b1100_0000 == 0b1000_0000;
    while byte_at(text, span.end).is_some_and(is_continuation) {
        span.end += 1;
    }
    (span.start < span.end).then_some(span)
}

/// The text with its spans replaced, and what each stretch of it stands for.
struct Output {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

/// A stretch of the output and the stretch of the input that it stands for.
struct Piece {
    output_start: usize,
    input_start: usize,
    input_end: usize,
    /// Whether both hold the same bytes.
    is_kept: bool,
}

impl Output {
    /// Expects spans sorted and disjoint.
    fn of(text: &[u8], spans: &[Span]) -> Result<Self, Broken> {
        let mut output = Self { bytes: Vec::with_capacity(text.len()), pieces: Vec::new() };
        let mut kept_from = 0;
        for span in spans {
            output.keep(text, kept_from, span.start)?;
            output.replace(text, span);
            kept_from = span.end;
        }
        output.keep(text, kept_from, text.len())?;
        Ok(output)
    }

    fn keep(&mut self, text: &[u8], start: usize, end: usize) -> Result<(), Broken> {
        let kept = text.get(start..end).ok_or(Broken)?;
        self.begin_piece(start, end, true);
        self.bytes.extend_from_slice(kept);
        Ok(())
    }

    fn replace(&mut self, text: &[u8], span: &Span) {
        self.begin_piece(span.start, span.end, false);
        let quotes = match span.form {
            Form::Number => json_depth(text, span.start, span.end),
            Form::Plain | Form::Userinfo => None,
        };
        let quote = |bytes: &mut Vec<u8>| {
            if let Some(depth) = quotes {
                bytes.extend(std::iter::repeat_n(b'\\', depth).chain([b'"']));
            }
        };
        quote(&mut self.bytes);
        if span.form == Form::Userinfo {
            self.bytes.extend_from_slice(b"<user>:");
        }
        self.bytes.extend_from_slice(PLACEHOLDER_HEAD);
        self.bytes.extend_from_slice(span.rule.name().as_bytes());
        self.bytes.push(b']');
        quote(&mut self.bytes);
    }

    /// Looks at the lines in which something was replaced; all others are as they were.
    fn look_again(&self, scan: Scan<'_>) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut looked_to = 0;
        for (at, piece) in self.pieces.iter().enumerate().filter(|(_, piece)| !piece.is_kept) {
            if piece.output_start < looked_to {
                continue;
            }
            let end = self.pieces.get(at + 1).map_or(self.bytes.len(), |next| next.output_start);
            let from = cut::before(&self.bytes, piece.output_start);
            // One line more: what a line of data lets pass on the next, a placeholder does not.
            looked_to = cut::after(&self.bytes, cut::after(&self.bytes, end));
            let found = scan(slice(&self.bytes, from, looked_to)).into_iter();
            let found =
                found.map(|span| Span { start: span.start + from, end: span.end + from, ..span });
            spans.extend(found.filter(|span| !is_in_placeholder(&self.bytes, span.start)));
        }
        spans
    }

    fn begin_piece(&mut self, input_start: usize, input_end: usize, is_kept: bool) {
        self.pieces.push(Piece { output_start: self.bytes.len(), input_start, input_end, is_kept });
    }

    /// The span of the input that a span of the output stands for: all of a replacement or none of it.
    fn in_input(&self, span: Span) -> Result<Span, Broken> {
        let last = span.end.checked_sub(1).ok_or(Broken)?;
        let (first_piece, last_piece) = (self.piece_at(span.start)?, self.piece_at(last)?);
        let start = if first_piece.is_kept {
            first_piece.input_start + (span.start - first_piece.output_start)
        } else {
            first_piece.input_start
        };
        let end = if last_piece.is_kept {
            last_piece.input_start + (span.end - last_piece.output_start)
        } else {
            last_piece.input_end
        };
        Ok(Span { start, end, ..span })
    }

    fn piece_at(&self, at: usize) -> Result<&Piece, Broken> {
        let after = self.pieces.partition_point(|piece| piece.output_start <= at);
        after.checked_sub(1).and_then(|piece| self.pieces.get(piece)).ok_or(Broken)
    }
}

#[cfg(test)]
mod tests {
    use super::{Broken, Form, Replaced, Scan, Span, replace};
    use crate::rule::EMAIL;

    fn span(start: usize, end: usize) -> Span {
        Span { rule: EMAIL, start, end, form: Form::Plain }
    }

    fn check_refused(text: &str, scan: Scan<'_>) {
        assert!(matches!(replace(text.as_bytes(), scan, None, &[]), Err(Broken)));
    }

    #[test]
    fn a_panic_refuses_the_whole_text() {
        check_refused("as captured", &|_| panic!("broken on purpose"));
    }

    #[test]
    fn a_span_outside_of_the_text_refuses_the_whole_text() {
        check_refused("as captured", &|_| vec![span(4, 400)]);
    }

    #[test]
    fn a_scan_that_never_ends_refuses_the_whole_text() {
        // One more letter each time, as if every replacement uncovered the next.
        check_refused("as captured", &|text| {
            let kept = text.iter().position(|&byte| byte == b'[').unwrap_or(text.len());
            kept.checked_sub(1).map(|at| span(at, kept)).into_iter().collect()
        });
    }

    #[test]
    fn what_a_replacement_uncovers_is_replaced_in_the_same_call() {
        let replaced = replace(
            b"secret,next",
            &|text| match text {
                b"secret,next" => vec![span(0, 6)],
                text if text.ends_with(b",next") => vec![span(text.len() - 4, text.len())],
                _ => Vec::new(),
            },
            None,
            &[],
        );
        let Ok(Replaced { bytes: Some(bytes), findings }) = replaced else {
            panic!("two looks are within the limit");
        };
        assert_eq!(bytes, b"[REDACTED:email],[REDACTED:email]");
        let ranges: Vec<_> = findings.iter().map(|found| (found.start, found.end)).collect();
        assert_eq!(ranges, [(0, 6), (7, 11)]);
    }

    #[test]
    fn only_lines_with_a_replacement_and_those_behind_are_looked_at_again() {
        let seen = std::cell::RefCell::new(Vec::new());
        let replaced = replace(
            b"one\ntwo secret\nthree\nfour\n",
            &|text| {
                seen.borrow_mut().push(text.to_vec());
                let at = text.windows(6).position(|word| word == b"secret");
                at.map(|at| span(at, at + 6)).into_iter().collect()
            },
            None,
            &[],
        );
        assert!(replaced.is_ok());
        assert_eq!(
            seen.borrow().last().map(Vec::as_slice),
            Some(&b"two [REDACTED:email]\nthree\n"[..])
        );
    }
}
