//! From spans to text: joins what overlaps, replaces it, looks again, and fails closed.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::bytes::{PLACEHOLDER_HEAD, after_escape, byte_at, byte_before};
use crate::rule::{REDACTION_FAILED, Rule};
use crate::{Finding, Redacted};

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
}

/// A stretch of text to hide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) rule: Rule,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) form: Form,
}

/// The engine broke a rule of its own; the text must not be used.
struct Broken;

/// Redacts what `scan` finds.
pub(crate) fn redact_with(text: &str, scan: impl Fn(&[u8]) -> Vec<Span>) -> Redacted<'_> {
    // What a panic leaves behind is dropped with the closure, so nothing broken is seen afterwards.
    let outcome = catch_unwind(AssertUnwindSafe(|| replace_all(text.as_bytes(), scan)));
    match outcome {
        Ok(Ok(None)) => Redacted { text: Cow::Borrowed(text), findings: Vec::new() },
        Ok(Ok(Some((redacted, findings)))) => Redacted { text: Cow::Owned(redacted), findings },
        Ok(Err(Broken)) | Err(_) => refuse(text),
    }
}

/// One placeholder in place of the whole text.
fn refuse(text: &str) -> Redacted<'_> {
    let mut placeholder = String::from("[REDACTED:");
    placeholder.push_str(REDACTION_FAILED.name());
    placeholder.push(']');
    let finding = Finding { rule: REDACTION_FAILED, start: 0, end: text.len() };
    Redacted { text: Cow::Owned(placeholder), findings: vec![finding] }
}

fn replace_all(
    text: &[u8],
    scan: impl Fn(&[u8]) -> Vec<Span>,
) -> Result<Option<(String, Vec<Finding>)>, Broken> {
    let mut spans = join(text, scan(text));
    if spans.is_empty() {
        return Ok(None);
    }
    for _ in 1..MAX_LOOKS {
        let output = Output::of(text, &spans)?;
        let more = join(&output.bytes, scan(&output.bytes));
        if more.is_empty() {
            let redacted = String::from_utf8(output.bytes).map_err(|_| Broken)?;
            let finding =
                |span: &Span| Finding { rule: span.rule, start: span.start, end: span.end };
            return Ok(Some((redacted, spans.iter().map(finding).collect())));
        }
        for span in more {
            spans.push(output.in_input(span)?);
        }
        spans = join(text, spans);
    }
    Err(Broken)
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
            output.replace(span);
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

    fn replace(&mut self, span: &Span) {
        self.begin_piece(span.start, span.end, false);
        if span.form == Form::Userinfo {
            self.bytes.extend_from_slice(b"<user>:");
        }
        self.bytes.extend_from_slice(PLACEHOLDER_HEAD);
        self.bytes.extend_from_slice(span.rule.name().as_bytes());
        self.bytes.push(b']');
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
    use super::{Form, Span, redact_with};
    use crate::rule::{EMAIL, REDACTION_FAILED};

    const REFUSED: &str = "[REDACTED:redaction_failed]";

    fn span(start: usize, end: usize) -> Span {
        Span { rule: EMAIL, start, end, form: Form::Plain }
    }

    fn check_refused(text: &str, scan: impl Fn(&[u8]) -> Vec<Span>) {
        let redacted = redact_with(text, scan);
        assert_eq!(redacted.text, REFUSED);
        assert_eq!((redacted.secrets(), redacted.pii()), (1, 0));
        assert_eq!(redacted.findings.first().map(|finding| finding.rule), Some(REDACTION_FAILED));
    }

    #[test]
    fn a_panic_refuses_the_whole_text() {
        check_refused("as captured", |_| panic!("broken on purpose"));
    }

    #[test]
    fn a_span_outside_of_the_text_refuses_the_whole_text() {
        check_refused("as captured", |_| vec![span(4, 400)]);
    }

    #[test]
    fn a_cut_code_point_refuses_the_whole_text() {
        check_refused("é", |text| if text.len() == 2 { vec![span(1, 2)] } else { Vec::new() });
    }

    #[test]
    fn a_scan_that_never_ends_refuses_the_whole_text() {
        check_refused("as captured", |text| vec![span(text.len() - 1, text.len())]);
    }

    #[test]
    fn what_a_replacement_uncovers_is_replaced_in_the_same_call() {
        let redacted = redact_with("secret,next", |text| match text {
            b"secret,next" => vec![span(0, 6)],
            text if text.ends_with(b",next") => vec![span(text.len() - 4, text.len())],
            _ => Vec::new(),
        });
        assert_eq!(redacted.text, "[REDACTED:email],[REDACTED:email]");
        let ranges: Vec<_> =
            redacted.findings.iter().map(|finding| (finding.start, finding.end)).collect();
        assert_eq!(ranges, [(0, 6), (7, 11)]);
    }
}
