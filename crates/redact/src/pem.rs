//! Private keys between PEM lines, also encrypted ones and ones that were cut off.

use crate::bytes::{byte_at, count_work, end_of, slice, starts_at};
use crate::rule::PRIVATE_KEY;
use crate::scan::Scanner;

/// How the line before a key begins.
pub(crate) const HEAD: &[u8] = b"-----BEGIN ";

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

/// Finds the private key whose first line begins at `start`, and returns where it ends.
pub(crate) fn find_private_key(scanner: &mut Scanner<'_>, start: usize) -> Option<usize> {
    let text = scanner.text;
    let body = line_end(text, start, HEAD)?;
    let limit = (start + MAX_LENGTH).min(text.len());
    // What was searched for another beginning in vain needs no second search.
    let from = body.max(scanner.no_pem_tail_before);
    let end = tail_end(text, from, limit).unwrap_or_else(|| {
        scanner.no_pem_tail_before = limit.saturating_sub(TAIL.len() + MAX_TITLE + DASHES.len());
        cut_off_end(text, body, limit)
    });
    scanner.found(PRIVATE_KEY, start, end);
    Some(end)
}

/// Where a line that begins so and names a private key ends.
fn line_end(text: &[u8], start: usize, begins: &[u8]) -> Option<usize> {
    if !starts_at(text, start, begins) {
        return None;
    }
    let title_start = start + begins.len();
    let is_title = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ';
    let window = slice(text, 0, text.len().min(title_start + MAX_TITLE));
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
    let mut at = body;
    while at < limit {
        at = end_of(slice(text, 0, limit), at, |byte| byte != b'"');
        if at < limit && !goes_on_after(text, at) {
            break;
        }
        at += 1;
    }
    at.min(limit)
}

/// Whether another line of the key follows the quote, as in source code that joins strings.
fn goes_on_after(text: &[u8], quote: usize) -> bool {
    let is_joint =
        |byte: u8| matches!(byte, b'"' | b',' | b'+' | b'.' | b'\\' | b' ' | b'\t' | b'\r' | b'\n');
    let window = slice(text, 0, text.len().min(quote + MAX_TITLE));
    let line = end_of(window, quote, is_joint);
    let in_line = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    count_work(1);
    byte_at(text, line).is_some() && end_of(window, line, in_line) >= line + MIN_LINE
}
