//! Secrets that are known by what stands before them: a telling name, or the scheme of a header.

use crate::bytes::{
    Charset, byte_at, byte_before, end_of, is_escaped_space, is_left_boundary, placeholder_end,
    slice, start_of,
};
use crate::rule::{BEARER, ENV_SECRET};
use crate::scan::Scanner;

/// Shortest value that is hidden: shorter ones are mostly settings.
const MIN_VALUE: usize = 12;

/// Deepest escaping of a quote, in backslashes: a JSON text in a JSON text in a JSON text.
const MAX_QUOTE_DEPTH: usize = 7;

/// Shortest token after `Bearer`.
const MIN_BEARER: usize = 20;

/// Shortest encoded `user:password` after `Basic`.
const MIN_BASIC: usize = 8;

/// How far before `Basic` the header's name may begin.
const MAX_HEADER: usize = 32;

/// What makes the upper-case name of a variable telling, and whether it does so as its first word too.
const UPPER_WORDS: &[(&[u8], bool)] = &[
    (b"TOKEN", true),
    (b"SECRET", true),
    (b"PASSWORD", true),
    (b"PASSWD", true),
    (b"KEY", false),
    (b"API", false),
];

/// How any other telling name ends, without its `_`, `-` and `.` and in lower case.
const NAME_ENDS: &[&[u8]] = &[
    b"token",
    b"secret",
    b"password",
    b"passwd",
    b"passphrase",
    b"apikey",
    b"accesskey",
    b"secretkey",
    b"privatekey",
    b"authkey",
    b"signingkey",
    b"encryptionkey",
    b"masterkey",
    b"accountkey",
    b"sharedkey",
];

/// Longest end of a name that is looked at.
const MAX_NAME_END: usize = 24;

/// How a name tells that a secret follows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Telling {
    /// As variables of the environment do; their value may be anything.
    UpperCase,
    /// As fields and parameters do, of which code and prose are full.
    Otherwise,
}

/// A quote and how many backslashes stand before it.
#[derive(Clone, Copy)]
struct Quote {
    byte: u8,
    depth: usize,
}

/// Finds the secret that is assigned by the `=` or `:` at `at`.
pub(crate) fn find_assignment(scanner: &mut Scanner<'_>, at: usize) {
    let text = scanner.text;
    if at < scanner.value_end {
        return;
    }
    let name_end = start_of(text, at, |byte| Charset::SPACE.has(byte));
    let quoted_name_end = before_quote(text, name_end);
    let Some(telling) = telling(text, quoted_name_end.unwrap_or(name_end), at) else {
        return;
    };
    // Also `:=`, `=>` and `==`.
    let window = slice(text, 0, text.len().min(at + 3));
    let operator_end = end_of(window, at + 1, |byte| matches!(byte, b'=' | b':' | b'>'));
    let value = end_of(text, operator_end, |byte| Charset::SPACE.has(byte));
    let (start, quote) = opening_quote(text, value);
    let end = match (telling, quote) {
        // A number or a list after a quoted name: hiding it would leave no JSON.
        (_, None) if quoted_name_end.is_some() => None,
        (Telling::UpperCase, _) => Some(value_end(text, start, quote)),
        (Telling::Otherwise, Some(_)) => literal_end(text, start, quote),
        (Telling::Otherwise, None) if slice(text, operator_end, value).contains(&b'\n') => None,
        (Telling::Otherwise, None) => bare_end(text, start),
    };
    if let Some(end) = end.filter(|end| end - start >= MIN_VALUE) {
        scanner.value_end = end;
        scanner.found(ENV_SECRET, start, end);
    }
}

/// The end of what a quote before `end` closes, if there is a quote.
fn before_quote(text: &[u8], end: usize) -> Option<usize> {
    matches!(byte_before(text, end)?, b'"' | b'\'')
        .then(|| start_of(text, end - 1, |byte| byte == b'\\'))
}

/// How the name that ends at `end` tells that a secret follows the operator at `at`, if it does.
fn telling(text: &[u8], end: usize, at: usize) -> Option<Telling> {
    let start = start_of(text, end, |byte| Charset::UPPER_NAME.has(byte));
    if is_left_boundary(text, start)
        && is_telling_variable(slice(text, start, end), byte_at(text, at))
    {
        return Some(Telling::UpperCase);
    }
    let mut letters = [0; MAX_NAME_END];
    let mut kept = MAX_NAME_END;
    for &byte in slice(text, end.saturating_sub(2 * MAX_NAME_END), end).iter().rev() {
        if byte.is_ascii_alphabetic() {
            let Some(before) = kept.checked_sub(1) else {
                break;
            };
            kept = before;
            letters[kept] = byte.to_ascii_lowercase();
        } else if !Charset::DOTTED.has(byte) {
            break;
        }
    }
    NAME_ENDS.iter().any(|name_end| letters.ends_with(name_end)).then_some(Telling::Otherwise)
}

/// Whether the upper-case name of a variable holds one of the words.
fn is_telling_variable(name: &[u8], operator: Option<u8>) -> bool {
    let holds = |word: &[u8], as_first: bool| {
        name.windows(word.len()).enumerate().any(|(at, window)| {
            let is_word = !name.get(word.len()).is_some_and(u8::is_ascii_uppercase);
            let is_alone = name.len() == word.len() && operator == Some(b'=');
            window == word && (at > 0 || is_alone || (as_first && is_word))
        })
    };
    UPPER_WORDS.iter().any(|&(word, as_first)| holds(word, as_first))
}

/// Where the value begins, after its quote if there is one.
fn opening_quote(text: &[u8], value: usize) -> (usize, Option<Quote>) {
    let window = slice(text, 0, text.len().min(value + MAX_QUOTE_DEPTH));
    let at = end_of(window, value, |byte| byte == b'\\');
    match byte_at(text, at) {
        Some(byte @ (b'"' | b'\'')) => (at + 1, Some(Quote { byte, depth: at - value })),
        _ => (value, None),
    }
}

/// Where a value ends: at white space, also escaped, at its closing quote, or at a placeholder.
fn value_end(text: &[u8], start: usize, quote: Option<Quote>) -> usize {
    let is_special =
        |byte: u8| matches!(byte, b'"' | b'\'' | b'\\' | b'[') || Charset::SPACE.has(byte);
    let mut at = start;
    loop {
        at = end_of(text, at, |byte| !is_special(byte));
        let is_end = match byte_at(text, at) {
            Some(b'\\') => is_escaped_space(text, at),
            Some(b'[') => placeholder_end(text, at).is_some(),
            Some(byte @ (b'"' | b'\'')) => closes(text, start, at, byte, quote),
            _ => true,
        };
        if is_end {
            return at;
        }
        at += 1;
    }
}

/// Whether the quote at `at` ends the value that begins at `start`.
fn closes(text: &[u8], start: usize, at: usize, byte: u8, quote: Option<Quote>) -> bool {
    match quote {
        // A single quote may stand in a JSON string; a double quote always ends one.
        Some(quote) if quote.byte == b'"' && byte == b'\'' => false,
        Some(quote) if quote.byte == byte => {
            let depth = at - start_of(text, at, |byte| byte == b'\\').max(start);
            depth <= quote.depth || depth.is_multiple_of(2)
        }
        _ => true,
    }
}

/// Where a quoted value ends that is one word and no template.
fn literal_end(text: &[u8], start: usize, quote: Option<Quote>) -> Option<usize> {
    let end = value_end(text, start, quote);
    let is_closed = matches!(byte_at(text, end), None | Some(b'"' | b'\''));
    let is_template = matches!(byte_at(text, start), Some(b'$' | b'{' | b'<' | b'%' | b'('));
    (is_closed && !is_template).then_some(end)
}

/// Where a value without quotes ends that looks like a secret rather than like code or prose.
fn bare_end(text: &[u8], start: usize) -> Option<usize> {
    if matches!(byte_at(text, start), Some(b'/' | b'$' | b'%' | b'*')) {
        return None;
    }
    let in_value = |byte: u8| {
        (Charset::BEARER.has(byte) && byte != b'.')
            || matches!(byte, b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'*')
    };
    let padding = end_of(text, start, in_value);
    let value = slice(text, start, padding);
    let is_mixed =
        value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic);
    let end = end_of(text, padding, |byte| byte == b'=');
    let after = if byte_at(text, end) == Some(b'.') { end + 1 } else { end };
    let is_ended = byte_at(text, after).is_none_or(|byte| {
        Charset::SPACE.has(byte)
            || byte.is_ascii_control()
            || (after == end && b"\"'`,;)}]&<|\\".contains(&byte))
    });
    (is_mixed && is_ended).then_some(end)
}

/// Finds what follows the `Bearer` or `Basic` that begins at `at`.
pub(crate) fn find_authorization(scanner: &mut Scanner<'_>, at: usize) {
    let text = scanner.text;
    let is_word = |word: &[u8]| slice(text, at, at + word.len()).eq_ignore_ascii_case(word);
    let (scheme, charset, min) = if is_word(b"bearer") {
        (b"Bearer".as_slice(), Charset::BEARER, MIN_BEARER)
    } else if is_word(b"basic") && is_authorization(text, at) {
        (b"Basic".as_slice(), Charset::BASE64, MIN_BASIC)
    } else {
        return;
    };
    let scheme_end = at + scheme.len();
    let start = end_of(text, scheme_end, |byte| Charset::SPACE.has(byte));
    if start == scheme_end {
        return;
    }
    let token_end = scanner.run_end(charset, start);
    let token = slice(text, start, token_end);
    let is_header = slice(text, at, scheme_end) == scheme
        || (is_left_boundary(text, at) && token.iter().any(u8::is_ascii_digit));
    if token.len() >= min && is_header {
        let end = end_of(text, token_end, |byte| byte == b'=');
        scanner.found(BEARER, start, end);
    }
}

/// Whether the header's name stands shortly before.
fn is_authorization(text: &[u8], at: usize) -> bool {
    const NAME: &[u8] = b"authorization";
    let before = slice(text, at.saturating_sub(MAX_HEADER), at);
    before.windows(NAME.len()).any(|window| window.eq_ignore_ascii_case(NAME))
}
