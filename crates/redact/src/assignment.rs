//! Secrets that are known by what stands before them: a telling name, a tag, a word of prose, or the scheme of
//! a header.

use crate::bytes::{
    Charset, ahead, byte_at, byte_before, end_of, end_of_blank, is_escaped_space, is_left_boundary,
    placeholder_end, slice, start_of,
};
use crate::likeness::{Likeness, RANDOM};
use crate::name::{Telling, may_end_telling, may_tell, telling, telling_end};
use crate::number::json_depth;
use crate::rule::{BEARER, ENV_SECRET};
use crate::scan::Scanner;
use crate::{address, run};

/// Shortest value that is hidden after any telling name: shorter ones are mostly settings.
const MIN_VALUE: usize = 12;

/// Shortest value that is hidden after the name of a token if it is random.
const MIN_RANDOM: usize = 8;

/// Shortest value that is hidden after a word for password.
const MIN_PASSWORD: usize = 6;

/// Shortest number that is hidden after a quoted word for password.
const MIN_NUMBER: usize = 4;

/// Longest type between a name and its value.
const MAX_TYPE: usize = 48;

/// Most white space between a name and what assigns.
const MAX_SPACE: usize = 40;

/// Deepest escaping of a quote, in backslashes: a JSON text in a JSON text in a JSON text.
const MAX_QUOTE_DEPTH: usize = 7;

/// Shortest token after `Bearer`.
const MIN_BEARER: usize = 20;

/// Shortest encoded `user:password` after `Basic`.
const MIN_BASIC: usize = 8;

/// Shortest password of a command's option.
const MIN_OPTION: usize = 6;

/// Longest user before the password of a command's option.
const MAX_USER: usize = 64;

/// A quote and how many backslashes stand before it.
#[derive(Clone, Copy)]
struct Quote {
    byte: u8,
    depth: usize,
}

/// A telling name before an operator.
struct Name {
    end: usize,
    is_quoted: bool,
    telling: Telling,
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
            Some(_) if before != Some(b'"') => find_option_password(scanner, at),
            Some(_) => {}
        }
    }
    let (end, is_quoted) = end_of_name(text, at, before);
    // Most names are known to tell nothing by their last letters.
    if !may_end_telling(text, end) || scanner.is_value(at) {
        return;
    }
    if let Some(telling) = telling(text, end, at) {
        find_assigned(scanner, at, &Name { end, is_quoted, telling });
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
    let end = end - marks;
    before_quote(text, end).map_or((end, false), |end| (end, is_plain))
}

/// Finds the secret that the operator at `at` assigns to a telling name.
fn find_assigned(scanner: &mut Scanner<'_>, at: usize, name: &Name) {
    let text = scanner.text;
    let operator = Operator::at(text, at);
    // Also `:=`, `=>` and `==`.
    let window = slice(text, 0, text.len().min(at + 3));
    let operator_end = end_of(window, at + 1, |byte| matches!(byte, b'=' | b':' | b'>' | b'*'));
    let value = end_of_blank(text, operator_end);
    if let Some(scheme_end) = scheme_end(text, value) {
        find_token(scanner, scheme_end, MIN_BASIC);
        return;
    }
    let (start, quote) = match opening_quote(text, value) {
        // Between a name and its value a type may stand.
        (value, None) if !name.is_quoted && operator == Operator::Colon => behind_type(text, value),
        opened => opened,
    };
    let end = match (name.telling, quote) {
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
        (_, None) if slice(text, operator_end, value).contains(&b'\n') => None,
        (_, None) => bare_end(text, start, name.telling, operator),
    };
    if let Some(end) = end {
        scanner.found_value(ENV_SECRET, start, end);
    }
}

/// The end of what a quote before `end` closes, if there is a quote.
fn before_quote(text: &[u8], end: usize) -> Option<usize> {
    matches!(byte_before(text, end)?, b'"' | b'\'')
        .then(|| start_of(text, end - 1, |byte| byte == b'\\'))
}

/// Where the value begins, after its quote if there is one.
fn opening_quote(text: &[u8], value: usize) -> (usize, Option<Quote>) {
    let window = slice(text, 0, text.len().min(value + MAX_QUOTE_DEPTH));
    let at = end_of(window, value, |byte| byte == b'\\');
    // The letters that say what kind of string follows, as in `b"…"` and `rb'…'`.
    let prefix = ahead(text, value, 2).iter().take_while(|byte| b"bfrBFRuU".contains(byte)).count();
    match (byte_at(text, at), byte_at(text, value + prefix)) {
        (Some(byte @ (b'"' | b'\'' | b'`')), _) => {
            (at + 1, Some(Quote { byte, depth: at - value }))
        }
        (_, Some(byte @ (b'"' | b'\''))) => (value + prefix + 1, Some(Quote { byte, depth: 0 })),
        _ => (value, None),
    }
}

/// Where a value ends: at white space, also escaped, at its closing quote, or at a placeholder.
fn value_end(text: &[u8], start: usize, quote: Option<Quote>) -> usize {
    let is_special =
        |byte: u8| matches!(byte, b'"' | b'\'' | b'`' | b'\\' | b'[') || Charset::SPACE.has(byte);
    let mut at = start;
    loop {
        at = end_of(text, at, |byte| !is_special(byte));
        let is_end = match byte_at(text, at) {
            Some(b'\\') => is_escaped_space(text, at),
            Some(b'[') => placeholder_end(text, at).is_some(),
            Some(byte @ (b'"' | b'\'' | b'`')) => closes(text, start, at, byte, quote),
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
        Some(quote) if quote.byte == b'"' && byte != b'"' => false,
        // A backtick ends nothing that it did not begin.
        _ if byte == b'`' && quote.is_none_or(|quote| quote.byte != b'`') => false,
        Some(quote) if quote.byte == byte => {
            let depth = at - start_of(text, at, |byte| byte == b'\\').max(start);
            depth <= quote.depth || depth.is_multiple_of(2)
        }
        _ => true,
    }
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

/// How a name and its value are joined.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    /// By an equals sign without space, as in the environment.
    Tight,
    /// By a colon, behind which a type may stand.
    Colon,
    /// By an equals sign with space.
    Loose,
}

impl Operator {
    fn at(text: &[u8], at: usize) -> Self {
        let is_space = |byte: Option<u8>| byte.is_some_and(|byte| Charset::SPACE.has(byte));
        if byte_at(text, at) == Some(b':') {
            Self::Colon
        } else if is_space(byte_before(text, at)) || is_space(byte_at(text, at + 1)) {
            Self::Loose
        } else {
            Self::Tight
        }
    }
}

/// Where the value of a variable ends: anything of some length that is no code.
fn upper_end(
    text: &[u8],
    start: usize,
    quote: Option<Quote>,
    operator: Operator,
    otherwise: Telling,
) -> Option<usize> {
    let end = value_end(text, start, quote);
    let value = slice(text, start, end);
    let is_code =
        quote.is_none() && (reads_as_code(value, operator) || is_type(text, end, operator));
    if value.len() >= MIN_VALUE && !is_code && !is_template(value) {
        return Some(end);
    }
    match quote {
        Some(_) => literal_end(text, start, quote, otherwise),
        None => bare_end(text, start, otherwise, operator),
    }
}

/// Whether a value without quotes is a type, a call, a path, a name or a number in code.
fn reads_as_code(value: &[u8], operator: Operator) -> bool {
    let has = |needle: &[u8]| value.windows(needle.len()).any(|window| window == needle);
    let is_call = has(b"(") && !has(b"$(");
    let is_type = has(b"::") || has(b"<") || value.first() == Some(&b'&') || value.ends_with(b"{");
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.;,'-".contains(byte);
    let is_word = operator != Operator::Tight
        && value.iter().all(in_name)
        && !Likeness::of(value).is_random();
    is_call || is_type || is_word
}

/// Where a quoted value ends that is one word, no template and no dummy.
fn literal_end(text: &[u8], start: usize, quote: Option<Quote>, telling: Telling) -> Option<usize> {
    let end = value_end(text, start, quote);
    let is_closed = matches!(byte_at(text, end), None | Some(b'"' | b'\'' | b'`'));
    (is_closed && is_secret(slice(text, start, end), telling)).then_some(end)
}

/// Where a value without quotes ends that looks like a secret rather than like code or prose.
fn bare_end(text: &[u8], start: usize, telling: Telling, operator: Operator) -> Option<usize> {
    if matches!(byte_at(text, start), Some(b'/' | b'$' | b'%' | b'*')) {
        return None;
    }
    let in_value = |byte: u8| {
        (Charset::BEARER.has(byte) && byte != b'.')
            || matches!(byte, b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'*')
    };
    let padding = end_of(text, start, in_value);
    let value = slice(text, start, padding);
    let likeness = Likeness::of(value);
    let is_mixed = likeness.digits > 0 && likeness.digits < likeness.length;
    let is_plausible = match telling {
        Telling::Password => is_mixed,
        // Of names and types that code assigns without quotes, none is random.
        Telling::UpperCase | Telling::Otherwise => {
            is_mixed && (operator == Operator::Tight || likeness.is_random() || likeness.is_hex())
        }
    };
    let end = end_of(text, padding, |byte| byte == b'=');
    let after = if byte_at(text, end) == Some(b'.') { end + 1 } else { end };
    let is_ended = byte_at(text, after).is_none_or(|byte| {
        Charset::SPACE.has(byte)
            || byte.is_ascii_control()
            || (after == end && b"\"'`,;)}]&<|\\".contains(&byte))
    });
    (is_plausible && is_ended && !is_type(text, end, operator) && is_secret(value, telling))
        .then_some(end)
}

/// Whether a value is a name for a password rather than one.
fn says_password(value: &[u8]) -> bool {
    value.windows(4).any(|window| window.eq_ignore_ascii_case(b"pass"))
}

/// Whether a value names where the secret comes from: a variable, a template, an entity, another file.
fn is_template(value: &[u8]) -> bool {
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./:#-".contains(byte);
    match value {
        [b'$', b'{' | b'(' | b'$', ..]
        | [b'\'' | b'"', b'$', ..]
        | [b'%', b'(' | b'{', ..]
        | [b'{', b'{' | b'%', ..]
        | [b'<', b'%', ..]
        | [b'#', b'{' | b'#', ..]
        | [b'{', .., b'}']
        | [b'<', .., b'>']
        | [b'[', .., b']']
        | [b'(', .., b')']
        | [b'%', .., b'%']
        | [b'&', .., b';'] => true,
        [b'$', name @ ..] => name.iter().all(in_name) && !Likeness::of(name).is_random(),
        [b'#', name @ ..] => name.iter().all(in_name) && !name.iter().any(u8::is_ascii_digit),
        _ => false,
    }
}

/// Whether what ends at `end` is a type, to which a value is assigned.
fn is_type(text: &[u8], end: usize, operator: Operator) -> bool {
    let rest = ahead(text, end, MAX_SPACE);
    let spaces = rest.iter().take_while(|&&byte| byte == b' ').count();
    operator == Operator::Colon && spaces > 0 && rest.get(spaces) == Some(&b'=')
}

/// Whether the value after a telling name is a secret rather than a template, a dummy or a word.
fn is_secret(value: &[u8], telling: Telling) -> bool {
    let likeness = Likeness::of(value);
    if is_template(value) || value.contains(&b' ') || likeness.distinct < 3 {
        return false;
    }
    let has_symbol =
        value.iter().any(|byte| byte.is_ascii_punctuation() && !b"_-./:,".contains(byte));
    let is_path = value.contains(&b'/') && !likeness.is_random();
    if is_path && telling != Telling::UpperCase {
        return false;
    }
    match telling {
        Telling::UpperCase => value.len() >= MIN_VALUE,
        Telling::Password => {
            let is_chosen = likeness.digits > 0 || has_symbol || likeness.surprise() >= RANDOM;
            let is_long = value.len() >= MIN_VALUE && !says_password(value);
            value.len() >= MIN_PASSWORD && (is_chosen || is_long)
        }
        Telling::Otherwise => {
            value.len() >= MIN_VALUE
                || (value.len() >= MIN_RANDOM
                    && likeness.digits > 0
                    && likeness.surprise() >= RANDOM)
        }
    }
}

/// Where the scheme of an `Authorization` ends whose token follows, if `value` begins with one.
fn scheme_end(text: &[u8], value: usize) -> Option<usize> {
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
fn find_token(scanner: &mut Scanner<'_>, from: usize, least: usize) {
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

/// Finds the password of an option such as `-u user:password`, whose colon is at `colon`.
fn find_option_password(scanner: &mut Scanner<'_>, colon: usize) {
    let text = scanner.text;
    let before = slice(text, colon.saturating_sub(MAX_USER), colon);
    let in_user = |byte: &&u8| **byte > b' ' && **byte != b'=';
    let user = before.iter().rev().take_while(in_user).count();
    let rest = before.get(..before.len() - user).unwrap_or_default();
    let option = rest.trim_ascii_end();
    if !option.last().is_some_and(|byte| matches!(byte, b'u' | b'U' | b'r' | b'=')) {
        return;
    }
    let is_option = [&b"-u"[..], b"--user", b"--proxy-user", b"-U"].iter().any(|name| {
        option.ends_with(name)
            && !option.get(..option.len() - name.len()).is_some_and(|before| {
                before
                    .last()
                    .is_some_and(|byte| !Charset::SPACE.has(*byte) && !matches!(byte, b'"' | b'\''))
            })
    });
    let option_or_equals = is_option
        || (rest.ends_with(b"=")
            && option.strip_suffix(b"=").is_some_and(|option| option.ends_with(b"--user")));
    if !option_or_equals || user == 0 {
        return;
    }
    let quote =
        before.get(before.len() - user).copied().filter(|byte| matches!(byte, b'"' | b'\''));
    let ends = |byte: u8| match quote {
        Some(quote) => byte == quote || byte == b'\n',
        None => Charset::SPACE.has(byte) || matches!(byte, b'"' | b'\'' | b'\\'),
    };
    let start = colon + 1;
    let window = slice(text, 0, text.len().min(start + run::MAX_RUN));
    let end = end_of(window, start, |byte| !ends(byte));
    let value = slice(text, start, end);
    let value = value.strip_suffix(b"'").unwrap_or(value);
    if value.len() >= MIN_OPTION && is_secret(value, Telling::Password) {
        scanner.found_value(ENV_SECRET, start, end);
    }
}

/// Looks at the element whose start tag ends with the `>` at `at`: `<password>…</password>`.
pub(crate) fn look_at_element(scanner: &mut Scanner<'_>, at: usize) {
    let text = scanner.text;
    if !may_tell(text, at) || scanner.is_value(at) {
        return;
    }
    let start = start_of(slice(text, 0, at), at, |byte| Charset::DOTTED.has(byte) || byte == b':');
    let Some(telling) = telling_end(text, at) else {
        return;
    };
    if byte_before(text, start) != Some(b'<') {
        return;
    }
    let value = end_of_blank(text, at + 1);
    let end = end_of(slice(text, 0, text.len().min(value + run::MAX_RUN)), value, |byte| {
        !matches!(byte, b'<' | b'[') && !Charset::SPACE.has(byte)
    });
    let is_ended = byte_at(text, end).is_some_and(|byte| byte == b'<' || Charset::SPACE.has(byte));
    if is_ended && is_secret(slice(text, value, end), telling) {
        scanner.found_value(ENV_SECRET, value, end);
    }
}

/// Looks at the word for password of which `at` is the third letter of `ssw`: `the password is …`.
pub(crate) fn look_at_prose(scanner: &mut Scanner<'_>, at: usize) {
    let text = scanner.text;
    if scanner.is_value(at) {
        return;
    }
    let word_end = end_of(text, at, |byte| byte.is_ascii_alphabetic());
    if telling_end(text, word_end) != Some(Telling::Password) {
        return;
    }
    let gap_end =
        end_of(slice(text, 0, text.len().min(word_end + MAX_SPACE)), word_end, |byte| byte == b' ');
    if gap_end == word_end {
        return;
    }
    let is_word =
        |word: &[u8]| slice(text, gap_end, gap_end + word.len()).eq_ignore_ascii_case(word);
    let links: [&[u8]; 9] =
        [b"is: ", b"is ", b"was ", b"ist ", b"of ", b"to ", b"be ", b"est ", b"es "];
    // Before `ss`, which the mask has seen, stand the two letters that begin the word.
    let word = at.saturating_sub(4);
    let is_option = byte_before(text, word) == Some(b'-');
    let start =
        links.iter().find(|link| is_word(link)).map_or(gap_end, |link| gap_end + link.len());
    let (start, quote) = opening_quote(text, start);
    if start == gap_end && !is_option {
        return;
    }
    let found = match quote {
        Some(_) => literal_end(text, start, quote, Telling::Password),
        None => prose_end(text, start),
    };
    if let Some(end) = found {
        scanner.found_value(ENV_SECRET, start, end);
    }
}

/// Where a password in prose ends, which must mix letters with digits or signs.
fn prose_end(text: &[u8], start: usize) -> Option<usize> {
    let window = slice(text, 0, text.len().min(start + run::MAX_RUN));
    let mut end = end_of(window, start, |byte| {
        !Charset::SPACE.has(byte) && !matches!(byte, b'"' | b'\'' | b'`' | b'[' | b'\\' | b'<')
    });
    while byte_before(text, end).is_some_and(|byte| b".,;:!?)".contains(&byte)) && end > start {
        end -= 1;
    }
    let value = slice(text, start, end);
    let likeness = Likeness::of(value);
    let has_symbol =
        value.iter().any(|byte| byte.is_ascii_punctuation() && !b"_-./:,()".contains(byte));
    let is_chosen = likeness.digits > 0 && likeness.digits < likeness.length || has_symbol;
    (is_chosen && is_secret(value, Telling::Password)).then_some(end)
}
