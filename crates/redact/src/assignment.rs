//! Secrets that a telling name before a `=` or `:` gives away.

use crate::bytes::{
    ahead, byte_at, byte_before, end_of, end_of_blank, end_of_spaces, is_in_placeholder, slice,
    start_of, starts_at, up_to,
};
use crate::name::{Telling, may_end_telling, telling, telling_end};
use crate::number::json_depth;
use crate::rule::ENV_SECRET;
use crate::scan::Scanner;
use crate::value::{
    Operator, Quote, bare_end, is_behind_text, literal_end, opening_quote, upper_end, value_end,
    words_end,
};
use crate::{address, header, option};

/// Shortest number that is hidden after a quoted word for password.
const MIN_NUMBER: usize = 4;

/// Fewest words of a phrase that opens a wallet.
const MIN_WORDS: usize = 11;

/// How the name of a passphrase ends.
const PHRASE: &[u8] = b"phrase";

/// Fewest words of a passphrase.
const MIN_PASSPHRASE: usize = 3;

/// Longest type between a name and its value.
const MAX_TYPE: usize = 48;

/// What may stand before a password in PowerShell.
const SECURE_STRING: &[u8] = b"ConvertTo-SecureString";

/// Most white space between a name and what assigns.
const MAX_SPACE: usize = 40;

/// A telling name before an operator.
struct Name {
    end: usize,
    is_quoted: bool,
    telling: Telling,
}

impl Name {
    /// Whether the value may be several words.
    fn is_phrase(&self, text: &[u8]) -> bool {
        let end = slice(text, self.end.saturating_sub(PHRASE.len()), self.end);
        end.eq_ignore_ascii_case(PHRASE)
    }
}

/// Looks at the `=` or `:` at `at`.
#[inline]
pub(crate) fn look_at(scanner: &mut Scanner<'_>, at: usize) {
    let text = scanner.text;
    let (before, after) = (byte_before(text, at), byte_at(text, at + 1));
    if byte_at(text, at) == Some(b':') {
        match after {
            Some(b'/') => address::find_url_password(scanner, at),
            Some(b' ' | b'\n' | b'"' | b'{' | b'[') | None => {}
            Some(_) if before != Some(b'"') => option::find_user_password(scanner, at),
            Some(_) => {}
        }
    }
    if after == Some(b'(') {
        find_pair(scanner, at);
    }
    let (end, is_quoted) = end_of_name(text, at, before);
    // Most names are known to tell nothing by their last letters.
    if !may_end_telling(text, end) || scanner.is_value(at) {
        return;
    }
    if let Some(telling) = telling(text, end, at) {
        find_assigned(scanner, at, at + 1, &Name { end, is_quoted, telling });
    }
}

/// Looks at the full-width sign whose second byte is at `at`: a colon or an equals sign assigns too.
pub(crate) fn look_at_wide(scanner: &mut Scanner<'_>, at: usize) {
    let text = scanner.text;
    let start = at.saturating_sub(1);
    let sign = slice(text, at, at + 2);
    if !matches!(sign, b"\xBC\x9A" | b"\xBC\x9D") || scanner.is_value(start) {
        return;
    }
    let is_on_line = byte_at(text, end_of_spaces(text, at + 2)).is_some_and(|byte| byte != b'\n');
    if is_on_line
        && may_end_telling(text, start)
        && let Some(telling) = telling(text, start, at)
    {
        find_assigned(scanner, at, at + 2, &Name { end: start, is_quoted: false, telling });
    }
}

/// Finds the second of the strings that are assigned to `auth`: `auth=("user", "…")`.
fn find_pair(scanner: &mut Scanner<'_>, at: usize) {
    let text = scanner.text;
    if !slice(text, 0, at + 1).ends_with(b"auth=") {
        return;
    }
    let (user, quote) = opening_quote(text, at + 2);
    let comma = opening_quote(text, value_end(text, user, quote)).0;
    let (start, quote) = opening_quote(text, end_of_blank(text, comma + 1));
    if quote.is_some()
        && byte_at(text, comma) == Some(b',')
        && let Some(end) = literal_end(text, start, quote, Telling::Password)
    {
        scanner.found_value(ENV_SECRET, start, end);
    }
}

/// Where the name before the operator at `at` ends, and whether it is quoted.
#[inline]
fn end_of_name(text: &[u8], at: usize, before: Option<u8>) -> (usize, bool) {
    if before.is_some_and(|byte| byte.is_ascii_alphanumeric()) {
        return (at, false);
    }
    let window = slice(text, at.saturating_sub(MAX_SPACE), at);
    let spaces = window.iter().rev().take_while(|&&byte| matches!(byte, b' ' | b'\t')).count();
    let end = at - spaces;
    // What marks a name in a document, and what closes an index: `**Password**:`, `config['password'] =`.
    let marks = slice(text, end.saturating_sub(2), end);
    let marks = marks.iter().rev().take_while(|&&byte| matches!(byte, b'*' | b']')).count();
    let is_plain = marks == 0;
    if !is_plain && is_in_placeholder(text, end - 1) {
        return (at, false);
    }
    let end = end - marks;
    before_quote(text, end).map_or((end, false), |end| (end, is_plain))
}

/// Finds the secret that the operator at `at` assigns to a telling name.
fn find_assigned(scanner: &mut Scanner<'_>, at: usize, after: usize, name: &Name) {
    let text = scanner.text;
    let operator = Operator::at(text, at);
    // Also `:=`, `=>` and `==`.
    let window = up_to(text, after + 2);
    let operator_end = end_of(window, after, |byte| matches!(byte, b'=' | b':' | b'>' | b'*'));
    let blank = end_of_blank(text, operator_end);
    let block = behind_block_sign(text, blank);
    let value = block.unwrap_or(blank);
    if let Some(scheme_end) = header::scheme_end(text, value) {
        header::find_token(scanner, scheme_end, header::MIN_BASIC);
        return;
    }
    let (start, quote) = match opening_quote(text, value) {
        // Between a name and its value a type may stand.
        (value, None) if !name.is_quoted && operator == Operator::Colon => behind_type(text, value),
        (value, None) if starts_at(text, value, SECURE_STRING) => {
            opening_quote(text, end_of_spaces(text, value + SECURE_STRING.len()))
        }
        opened => opened,
    };
    if quote.is_some() && is_behind_text(text, start) {
        return;
    }
    let end = match (name.telling, quote) {
        (Telling::Words, _) => words_end(text, start, MIN_WORDS),
        (Telling::Password, _)
            if words_end(text, start, MIN_PASSPHRASE).is_some() && name.is_phrase(text) =>
        {
            words_end(text, start, MIN_PASSPHRASE)
        }
        // A list or a word after a quoted name: hiding it would leave no JSON. A number gets quotes.
        (_, None) if name.is_quoted => number_end(text, start, name.telling),
        (Telling::UpperCase, _) => {
            let otherwise = match telling_end(text, name.end) {
                Some(Telling::Password) => Telling::Password,
                _ => Telling::Otherwise,
            };
            upper_end(text, start, quote, operator, otherwise)
        }
        (_, Some(_)) => literal_end(text, start, quote, name.telling),
        (_, None) if block.is_none() && slice(text, operator_end, value).contains(&b'\n') => None,
        (_, None) => bare_end(text, start, name.telling, operator),
    };
    if let Some(end) = end {
        scanner.found_value(ENV_SECRET, start, end);
    }
}

/// Where the text begins that `|` or `>` announces in YAML, on the line behind it.
fn behind_block_sign(text: &[u8], at: usize) -> Option<usize> {
    let sign = slice(text, at, at + 2);
    let length = match sign {
        [b'|' | b'>', b'-' | b'+'] => 2,
        [b'|' | b'>', ..] => 1,
        _ => return None,
    };
    let line_end = end_of_spaces(text, at + length);
    matches!(byte_at(text, line_end), Some(b'\r' | b'\n')).then(|| end_of_blank(text, line_end))
}

/// The end of what a quote before `end` closes, if there is a quote.
fn before_quote(text: &[u8], end: usize) -> Option<usize> {
    matches!(byte_before(text, end)?, b'"' | b'\'')
        .then(|| start_of(text, end - 1, |byte| byte == b'\\'))
}

/// Where the value begins behind the type at `from`, as in `password: &str = "…"`, or `from` without one.
fn behind_type(text: &[u8], from: usize) -> (usize, Option<Quote>) {
    let window = ahead(text, from, MAX_TYPE);
    let in_type = |byte: &u8| byte.is_ascii_alphanumeric() || b"_<>&:' .[]?|*".contains(byte);
    let length = window.iter().take_while(|byte| in_type(byte)).count();
    if length == 0 || window.get(length) != Some(&b'=') || window.get(length - 1) != Some(&b' ') {
        return (from, None);
    }
    match opening_quote(text, end_of_blank(text, from + length + 1)) {
        (start, Some(quote)) => (start, Some(quote)),
        (_, None) => (from, None),
    }
}

/// Where a number ends that is a password in JSON.
fn number_end(text: &[u8], start: usize, telling: Telling) -> Option<usize> {
    let end = end_of(text, start, |byte| byte.is_ascii_digit());
    let is_password = telling == Telling::Password && end - start >= MIN_NUMBER;
    (is_password && json_depth(text, start, end).is_some()).then_some(end)
}
