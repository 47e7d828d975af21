//! Where a text may be cut so that its parts, looked at alone, give what the whole gives.
//!
//! After a line break, unless the line before goes on: it ends with what opens a value or an element, or with
//! the scheme of a header; wrapped data ends on the next line; or it is inside of a private key, which
//! [`crate::pem`] knows.

use crate::bytes::{Charset, byte_at, slice};
use crate::context::goes_on;
use crate::run::{begins_data, follows_data};

/// Most white space between what opens a value and the value: no rule looks over more.
pub(crate) const MAX_BLANK: usize = 256;

/// Whether the text may be cut at `at`, where a line begins.
pub(crate) fn is_cut(text: &[u8], at: usize) -> bool {
    if at == 0 || at >= text.len() {
        return true;
    }
    if byte_at(text, at - 1) != Some(b'\n') {
        return false;
    }
    let line = slice(text, 0, at - 1);
    let blanks = line.iter().rev().take(MAX_BLANK);
    let blank = blanks.take_while(|&&byte| Charset::SPACE.has(byte)).count();
    crate::bytes::count_work(blank);
    if blank == MAX_BLANK {
        return true;
    }
    let line = slice(line, 0, line.len() - blank);
    if line.is_empty() {
        return true;
    }
    let ends_with_scheme =
        slice(line, line.len().saturating_sub(6), line.len()).eq_ignore_ascii_case(b"bearer");
    // Whether the rest of wrapped data follows is seen on the line before; a full line needs no such look.
    let is_within_data = follows_data(text, at) && !begins_data(text, at);
    !goes_on(line) && !ends_with_scheme && !is_within_data
}

/// The last cut at or before `at`.
pub(crate) fn before(text: &[u8], at: usize) -> usize {
    let mut cut = at;
    loop {
        let line =
            slice(text, 0, cut).iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        crate::bytes::count_work(cut - line);
        if is_cut(text, line) {
            return line;
        }
        cut = line - 1;
    }
}

/// The first cut at or after `at`.
pub(crate) fn after(text: &[u8], at: usize) -> usize {
    let mut cut = at;
    loop {
        let rest = slice(text, cut, text.len());
        let Some(line) = rest.iter().position(|&byte| byte == b'\n') else {
            return text.len();
        };
        crate::bytes::count_work(line);
        cut += line + 1;
        if is_cut(text, cut) {
            return cut;
        }
    }
}
