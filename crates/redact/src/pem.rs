//! Private keys between PEM lines, also encrypted ones and ones that were cut off.

use crate::bytes::{Charset, byte_before, end_of, is_in_placeholder, slice, starts_at, up_to};
use crate::engine::{Form, Span};
use crate::rule::PRIVATE_KEY;
use crate::scan::Scanner;

/// How the line before a key begins.
const HEAD: &[u8] = b"-----BEGIN ";

/// How the line after it begins.
const TAIL: &[u8] = b"-----END ";

/// What both lines say after the kind of key.
const TITLE: &[u8] = b"PRIVATE KEY";

/// How both lines end.
const DASHES: &[u8] = b"-----";

/// Longest title of a line: no kind of key comes near.
const MAX_TITLE: usize = 64;

/// How much is hidden after a beginning whose end is missing; no key is longer.
const MAX_LENGTH: usize = 64 * 1024;

/// Shortest run that tells the next line of a key from other text.
const MIN_LINE: usize = 16;

/// Looks at the dashes of which the fourth is at `at`.
pub(crate) fn look_at(scanner: &mut Scanner<'_>, at: usize) {
    let Some(start) =
        at.checked_sub(3).filter(|&start| byte_before(scanner.text, start) != Some(b'-'))
    else {
        return;
    };
    // More than five dashes: the line begins with the last five.
    let window = slice(scanner.text, 0, scanner.text.len().min(at + MAX_TITLE));
    let dashes_end = end_of(window, start, |byte| byte == b'-');
    let line = dashes_end.saturating_sub(DASHES.len());
    if line >= start && line >= scanner.pem.1 {
        find_private_key(scanner, line);
    }
}

/// Finds the private key whose first line begins at `start`.
fn find_private_key(scanner: &mut Scanner<'_>, start: usize) -> Option<()> {
    let text = scanner.text;
    let body = line_end(text, start, HEAD)?;
    let limit = (start + MAX_LENGTH).min(text.len());
    // What was searched for another beginning in vain needs no second search, nor what was found for one.
    let tail = match scanner.pem_tail {
        Some((from, end)) if (from..=end).contains(&body) => Some(end),
        _ => tail_end(text, body.max(scanner.no_pem_tail_before), limit),
    };
    if let Some(end) = tail {
        scanner.pem_tail = Some((body, end));
    } else {
        let begun = TAIL.len() + MAX_TITLE + DASHES.len();
        scanner.no_pem_tail_before = limit.saturating_sub(begun);
    }
    let end = match tail {
        Some(end) if end <= limit && is_one_text(text, body, end) => end,
        _ => cut_off_end(text, body, limit),
    };
    // Also over placeholders: what is left of a key behind one would never be known again.
    if !is_in_placeholder(text, start) {
        scanner.spans.push(Span { rule: PRIVATE_KEY, start, end, form: Form::Plain });
    }
    scanner.pem = (start, end);
    Some(())
}

/// Where the private key begins that a cut at `cut` would split, or whose last line may come with more text.
pub(crate) fn key_across(text: &[u8], cut: usize) -> Option<usize> {
    let mut from = 0;
    loop {
        let start = from + memchr::memmem::find(slice(text, from, text.len()), HEAD)?;
        if start >= cut {
            return None;
        }
        let Some(body) = line_end(text, start, HEAD) else {
            if text.len() - start < HEAD.len() + MAX_TITLE + DASHES.len() {
                return Some(start);
            }
            from = start + HEAD.len();
            continue;
        };
        let limit = start + MAX_LENGTH;
        from = match tail_end(text, body, limit.min(text.len())) {
            Some(end) if is_one_text(text, body, end) => end,
            None if limit > text.len() => return Some(start),
            _ => cut_off_end(text, body, limit.min(text.len())),
        };
        if from > cut {
            return Some(start);
        }
    }
}

/// Where a line that begins so and names a private key ends.
fn line_end(text: &[u8], start: usize, begins: &[u8]) -> Option<usize> {
    if !starts_at(text, start, begins) {
        return None;
    }
    let title_start = start + begins.len();
    let is_title = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ';
    let window = up_to(text, title_start + MAX_TITLE);
    let title_end = end_of(window, title_start, is_title);
    let names_key =
        slice(text, title_start, title_end).windows(TITLE.len()).any(|words| words == TITLE);
    (names_key && starts_at(text, title_end, DASHES)).then_some(title_end + DASHES.len())
}

/// Where the last line ends, if there is one before the limit.
fn tail_end(text: &[u8], body: usize, limit: usize) -> Option<usize> {
    let mut from = body;
    loop {
        let dash = end_of(slice(text, 0, limit), from, |byte| byte != b'-');
        if dash >= limit {
            return None;
        }
        if let Some(end) = line_end(text, dash, TAIL) {
            return Some(end);
        }
        from = dash + 1;
    }
}

/// Where a key without a last line ends: at the quote that closes the string it is in, or at the limit.
fn cut_off_end(text: &[u8], body: usize, limit: usize) -> usize {
    if !begins_key(text, body) {
        return body;
    }
    let mut at = body;
    while at < limit {
        at = end_of(slice(text, 0, limit), at, |byte| byte != b'"');
        if at >= limit {
            break;
        }
        match line_after(text, at) {
            Some(line) => at = line,
            None => break,
        }
    }
    at.min(limit)
}

/// Whether each quote from `body` to `end` is followed by another line of the key, as where source code or a
/// list joins them: behind any other quote another text begins.
fn is_one_text(text: &[u8], body: usize, end: usize) -> bool {
    let key = slice(text, 0, end);
    let mut at = end_of(key, body, |byte| byte != b'"');
    let mut has_line = false;
    while at < end {
        let in_joint = |byte: u8| b"\"\\+., \t\r\n".contains(&byte);
        let line = end_of(key, at, in_joint);
        let is_last = has_line && starts_at(key, line, TAIL);
        let is_line = end_of(key, line, in_base64) >= line + MIN_LINE;
        has_line |= is_line;
        if !is_last && !is_line && line < end {
            return false;
        }
        at = end_of(key, line.max(at + 1), |byte| byte != b'"');
    }
    true
}

/// Whether what follows the first line is a line of a key, and not the rest of a sentence about keys.
fn begins_key(text: &[u8], body: usize) -> bool {
    let in_joint = |byte: u8| b"\"\\+., \t\r\n'nr".contains(&byte);
    let window = up_to(text, body + MAX_TITLE);
    let line = end_of(window, body, in_joint);
    let in_line = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-".contains(&byte);
    let end = end_of(up_to(text, line + MAX_TITLE), line, in_line);
    let is_header = slice(text, end, end + 1) == b":";
    end >= line + MIN_LINE - 2 || (end > line && is_header)
}

fn in_base64(byte: u8) -> bool {
    Charset::PADDED.has(byte)
}

/// Where the next line of the key begins after the quote, as in source code that joins strings.
fn line_after(text: &[u8], quote: usize) -> Option<usize> {
    let in_joint =
        |byte: u8| matches!(byte, b'"' | b'+' | b'.' | b'\\' | b' ' | b'\t' | b'\r' | b'\n');
    let window = up_to(text, quote + MAX_TITLE);
    // A comma separates the strings of a list, of which the next is another text.
    let line = end_of(window, quote, in_joint);
    (line > quote + 1 && end_of(window, line, in_base64) >= line + MIN_LINE).then_some(line)
}
