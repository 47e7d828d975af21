//! The values behind telling names and words: where they end, and whether they are secrets.

use crate::bytes::{
    Charset, ahead, byte_at, byte_before, end_of, end_of_spaces, is_escaped_space, placeholder_end,
    slice, start_of, up_to,
};
use crate::likeness::{Likeness, RANDOM};
use crate::name::Telling;

/// Shortest value that is hidden after any telling name: shorter ones are mostly settings.
const MIN_VALUE: usize = 12;

/// Shortest value that is hidden after the name of a token if it is random.
const MIN_RANDOM: usize = 8;

/// Shortest value that is hidden after a word for password.
const MIN_PASSWORD: usize = 6;

/// Most space between a type and what assigns to it.
const MAX_TYPE_GAP: usize = 40;

/// Longest password of several words.
const MAX_PHRASE: usize = 96;

/// Longest phrase that opens a wallet: twenty-four words and what separates them.
const MAX_WORDS: usize = 256;

/// Shortest word by which a password of several words is known.
const MIN_CHOSEN: usize = 4;

/// Deepest escaping of a quote, in backslashes: a JSON text in a JSON text in a JSON text.
const MAX_QUOTE_DEPTH: usize = 7;

/// A quote and how many backslashes stand before it.
#[derive(Clone, Copy)]
pub(crate) struct Quote {
    byte: u8,
    depth: usize,
}

/// Where the value begins, after its quote if there is one.
pub(crate) fn opening_quote(text: &[u8], value: usize) -> (usize, Option<Quote>) {
    let window = up_to(text, value + MAX_QUOTE_DEPTH);
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
pub(crate) fn value_end(text: &[u8], start: usize, quote: Option<Quote>) -> usize {
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

/// How a name and its value are joined.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// By an equals sign without space, as in the environment.
    Tight,
    /// By a colon, behind which a type may stand.
    Colon,
    /// By an equals sign with space.
    Loose,
}

impl Operator {
    /// Reads the operator at `at`.
    pub(crate) fn at(text: &[u8], at: usize) -> Self {
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
pub(crate) fn upper_end(
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

/// Whether a quote before `start` ended a text rather than began a value: a string of JSON may end with an operator or
/// a word for password, and then these follow.
pub(crate) fn is_behind_text(text: &[u8], start: usize) -> bool {
    matches!(byte_at(text, start), Some(b',' | b']' | b'}' | b':' | b' ' | b'\r' | b'\n') | None)
}

/// Where a quoted value ends that is one word, no template and no dummy.
pub(crate) fn literal_end(
    text: &[u8],
    start: usize,
    quote: Option<Quote>,
    telling: Telling,
) -> Option<usize> {
    if is_behind_text(text, start) {
        return None;
    }
    let end = value_end(text, start, quote);
    let is_closed = matches!(byte_at(text, end), None | Some(b'"' | b'\'' | b'`'));
    if byte_at(text, end) == Some(b' ') && telling == Telling::Password {
        return phrase_end(text, start, end, quote?);
    }
    (is_closed && is_secret(slice(text, start, end), telling)).then_some(end)
}

/// Where a password of several words in quotes ends, the first of which ends at `from`.
fn phrase_end(text: &[u8], start: usize, from: usize, quote: Quote) -> Option<usize> {
    let mut end = from;
    while byte_at(text, end) == Some(b' ') && end < start + MAX_PHRASE {
        end = value_end(text, end_of(text, end, |byte| byte == b' '), Some(quote));
    }
    let value = slice(text, start, end);
    let is_closed = byte_at(text, end) == Some(quote.byte)
        || (end > start && byte_at(text, end) == Some(b'\\'));
    let is_chosen = value.split(|&byte| byte == b' ').any(is_chosen_word);
    (is_closed && is_chosen && !says_password(value) && !is_template(value)).then_some(end)
}

/// Where a phrase of small words ends by which a wallet or a key is opened: one of many words, or what `least` says.
pub(crate) fn words_end(text: &[u8], start: usize, least: usize) -> Option<usize> {
    let window = up_to(text, start + MAX_WORDS);
    let (mut at, mut end, mut count) = (start, start, 0);
    loop {
        let word_end = end_of(window, at, |byte| byte.is_ascii_lowercase());
        if !(3..=8).contains(&(word_end - at)) {
            break;
        }
        (end, count) = (word_end, count + 1);
        at = end_of_spaces(window, word_end);
        if at == word_end {
            break;
        }
    }
    let is_ended = byte_at(text, end).is_none_or(|byte| {
        matches!(byte, b'"' | b'\'' | b'`' | b'\\' | b'.' | b',' | b'<') || Charset::SPACE.has(byte)
    });
    (count >= least && is_ended).then_some(end)
}

/// Whether a word is one as only passwords have: letters with digits or signs among them.
fn is_chosen_word(word: &[u8]) -> bool {
    let word = word.strip_suffix(b"!").unwrap_or(word);
    let likeness = Likeness::of(word);
    let is_sign = |byte: &u8| byte.is_ascii_punctuation() && !b"_-./:,;'()".contains(byte);
    let has_sign = slice(word, 1, word.len().saturating_sub(1)).iter().any(is_sign);
    word.len() >= MIN_CHOSEN
        && (has_sign || (likeness.digits > 0 && likeness.digits < likeness.length))
}

/// Where a value without quotes ends that looks like a secret rather than like code or prose.
pub(crate) fn bare_end(
    text: &[u8],
    start: usize,
    telling: Telling,
    operator: Operator,
) -> Option<usize> {
    if matches!(byte_at(text, start), Some(b'/' | b'$' | b'%' | b'*')) {
        return None;
    }
    let in_value = |byte: u8| {
        (Charset::BEARER.has(byte) && byte != b'.')
            || matches!(byte, b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'*')
    };
    let padding = end_of(text, start, in_value);
    if telling == Telling::Password
        && operator == Operator::Colon
        && let Some(end) = line_value_end(text, start, padding)
    {
        return Some(end);
    }
    let value = slice(text, start, padding);
    let likeness = Likeness::of(value);
    let is_mixed = likeness.digits > 0 && likeness.digits < likeness.length;
    let is_plausible = match telling {
        Telling::Password => is_mixed,
        Telling::Words => false,
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

/// Where a password ends that is the rest of its line, with signs in it that end other values.
fn line_value_end(text: &[u8], start: usize, from: usize) -> Option<usize> {
    if !matches!(byte_at(text, from), Some(b'&' | b';' | b',')) {
        return None;
    }
    let window = up_to(text, start + MAX_PHRASE);
    let end = end_of(window, from, |byte| byte > b' ' && !b"\"'`()[]{}<>\\".contains(&byte));
    let value = slice(text, start, end);
    let likeness = Likeness::of(value);
    let is_line = byte_at(text, end).is_none_or(|byte| matches!(byte, b'\n' | b'\r'));
    let is_whole = is_line && value.last().is_some_and(u8::is_ascii_alphanumeric);
    let is_mixed = likeness.digits > 0 && likeness.digits < likeness.length;
    (is_whole && is_mixed && is_secret(value, Telling::Password)).then_some(end)
}

/// Whether a value asks for a password rather than being one: a dummy, or the name of another field.
pub(crate) fn names_password(value: &[u8]) -> bool {
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let says =
        |word: &[u8]| value.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word));
    says(b"passw") || (letters == 4 && says(b"pass"))
}

/// Whether a value is a name for a password rather than one.
fn says_password(value: &[u8]) -> bool {
    value.windows(4).any(|window| window.eq_ignore_ascii_case(b"pass"))
}

/// Whether a value names where the secret comes from: a variable, a template, an entity, another file.
pub(crate) fn is_template(value: &[u8]) -> bool {
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
    let rest = ahead(text, end, MAX_TYPE_GAP);
    let spaces = rest.iter().take_while(|&&byte| byte == b' ').count();
    operator == Operator::Colon && spaces > 0 && rest.get(spaces) == Some(&b'=')
}

/// Whether the value after a telling name is a secret rather than a template, a dummy or a word.
pub(crate) fn is_secret(value: &[u8], telling: Telling) -> bool {
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
        Telling::Words => false,
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
