//! The schemes of headers: `Bearer`, `Basic` and the like, before a token.

use crate::bytes::{Charset, end_of, end_of_blank, is_left_boundary, slice};
use crate::likeness::{Likeness, RANDOM};
use crate::rule::BEARER;
use crate::scan::Scanner;
use crate::value::opening_quote;

/// Shortest token after `Bearer`.
const MIN_BEARER: usize = 20;

/// Shortest encoded `user:password` after `Basic`.
pub(crate) const MIN_BASIC: usize = 8;

/// Where the scheme of an `Authorization` ends whose token follows, if `value` begins with one.
pub(crate) fn scheme_end(text: &[u8], value: usize) -> Option<usize> {
    let (start, _) = opening_quote(text, value);
    let schemes: [&[u8]; 8] = [
        b"basic ",
        b"bearer ",
        b"token ",
        b"apikey ",
        b"key ",
        b"bot ",
        b"api-token ",
        b"api-key ",
    ];
    schemes.iter().find_map(|scheme| {
        let end = start + scheme.len();
        slice(text, start, end).eq_ignore_ascii_case(scheme).then_some(end)
    })
}

/// Finds the token at `from`, after the scheme of a header.
pub(crate) fn find_token(scanner: &mut Scanner<'_>, from: usize, least: usize) {
    let text = scanner.text;
    let start = end_of(text, from, |byte| byte == b' ');
    let token_end = scanner.run_end(Charset::BEARER, start);
    let token = slice(text, start, token_end);
    let likeness = Likeness::of(token);
    if token.len() >= least
        && (likeness.digits > 0 || likeness.surprise() >= RANDOM || token.len() >= MIN_BEARER)
    {
        let end = end_of(text, token_end, |byte| byte == b'=');
        scanner.found_value(BEARER, start, end);
    }
}

/// Looks at the `Bearer` whose first `r` and all before it end at `at`.
pub(crate) fn look_at_bearer(scanner: &mut Scanner<'_>, at: usize) {
    const WORD: &[u8] = b"bearer";
    let text = scanner.text;
    let Some(start) = (at + 1).checked_sub(WORD.len()) else {
        return;
    };
    let word = slice(text, start, at + 1);
    if !word.eq_ignore_ascii_case(WORD) {
        return;
    }
    let from = end_of_blank(text, at + 1);
    if from == at + 1 {
        return;
    }
    let token = slice(text, from, scanner.run_end(Charset::BEARER, from));
    let is_header = word == b"Bearer"
        || (is_left_boundary(text, start) && token.iter().any(u8::is_ascii_digit));
    if is_header {
        find_token(scanner, from, MIN_BEARER);
    }
}
