//! Passwords that a word for password gives away without an operator between them: in calls, in pairs of a name
//! and a value, in options, in tables and in prose.

use crate::bytes::{
    Charset, ahead, byte_at, byte_before, end_of, end_of_blank, end_of_spaces, is_escaped_space,
    slice, start_of, up_to,
};
use crate::context::goes_on;
use crate::element;
use crate::likeness::Likeness;
use crate::name::{Telling, telling_end};
use crate::rule::ENV_SECRET;
use crate::run;
use crate::scan::Scanner;
use crate::value::{Operator, bare_end, is_secret, literal_end, names_password, opening_quote};

/// Longest name that ends with the word.
const MAX_NAME: usize = 64;

/// Farthest that a sentence may place a password behind the word.
const MAX_SENTENCE: usize = 64;

/// Longest remark in brackets behind the word.
const MAX_REMARK: usize = 24;

/// Shortest password that nothing but the word before it gives away.
const MIN_BARE: usize = 8;

/// What follows a word for password before the password: in prose of some languages.
const LINKS: &[&[u8]] = &[
    b"is: ",
    b"is now ",
    b"is ",
    b"was ",
    b"ist ",
    b"lautet ",
    b"of ",
    b"to ",
    b"be ",
    b"est ",
    b"es ",
    b"jest ",
    "è ".as_bytes(),
    "é ".as_bytes(),
    "är ".as_bytes(),
];

/// How a sentence goes on from the word to the password.
const FAR_LINKS: &[&[u8]] =
    &[b" is now ", b" is ", b" is: ", b": ", b" set to ", b" changed to ", b" reset to "];

/// What begins the names of methods and formats that people write behind the word.
const METHODS: &[&[u8]] = &[
    b"sha", b"md5", b"argon", b"bcrypt", b"scrypt", b"pbkdf", b"utf", b"base", b"oauth", b"http",
    b"ipv", b"rfc", b"aes", b"rsa", b"x509", b"x86", b"win", b"python", b"auth", b"saml", b"totp",
    b"crypt", b"hmac", b"ntlm",
];

/// How the field is named that holds the value of a pair.
const VALUE_NAMES: &[&[u8]] = &[b"value", b"val", b"content"];

/// A word for password, with the name that it ends.
struct Mention {
    start: usize,
    end: usize,
}

impl Mention {
    /// Whether the name is an option.
    fn is_option(&self, text: &[u8]) -> bool {
        let is_cut = byte_before(text, self.start).is_some_and(|byte| Charset::DOTTED.has(byte));
        byte_at(text, self.start) == Some(b'-') && !is_cut
    }

    /// Whether the name is one of the environment.
    fn is_variable(&self, text: &[u8]) -> bool {
        slice(text, self.start, self.end).iter().all(|&byte| Charset::UPPER_NAME.has(byte))
    }

    /// Whether the word is more likely the verb, or the end of another word: `pass --flag to it`.
    fn is_verb(&self, text: &[u8]) -> bool {
        let is_setting = slice(text, self.start, self.end) == b"requirepass";
        !self.is_option(text) && !self.is_variable(text) && !is_setting
    }
}

/// Looks at the word for password of which `at` is the third letter of `ssw`, or the space behind `ss`.
pub(crate) fn look_at(scanner: &mut Scanner<'_>, at: usize) {
    let text = scanner.text;
    if scanner.is_value(at.saturating_sub(1)) {
        return;
    }
    let end = end_of(up_to(text, at + MAX_NAME), at, |byte| byte.is_ascii_alphabetic());
    if telling_end(text, end) != Some(Telling::Password) {
        return;
    }
    let window = slice(text, end.saturating_sub(MAX_NAME), end);
    let start =
        end - window.len() + start_of(window, window.len(), |byte| Charset::DOTTED.has(byte));
    let mention = Mention { start, end };
    if byte_at(text, at) == Some(b' ') && mention.is_verb(text) {
        return;
    }
    if let Some((start, end)) = password_behind(text, &mention) {
        scanner.found_value(ENV_SECRET, start, end);
    }
}

/// Start and end of the password that belongs to the word.
fn password_behind(text: &[u8], mention: &Mention) -> Option<(usize, usize)> {
    match byte_at(text, mention.end)? {
        b'(' => literal(text, end_of_spaces(text, mention.end + 1)),
        b'\'' if ahead(text, mention.end, 3) == b"'s " => in_prose(text, mention.end + 3),
        b'"' | b'\'' | b'\\' => behind_quoted(text, mention),
        b' ' => in_tag(text, mention).or_else(|| behind_space(text, mention)),
        b'\n' | b'\r' => in_pair(text, mention.end),
        _ => None,
    }
}

/// The string at `from`, if it is a password.
fn literal(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let (start, quote) = opening_quote(text, from);
    quote?;
    Some((start, literal_end(text, start, quote, Telling::Password)?))
}

/// The password of a name in quotes: the other half of a pair, the next string of a list, or the element.
fn behind_quoted(text: &[u8], mention: &Mention) -> Option<(usize, usize)> {
    let (after, quote) = opening_quote(text, mention.end);
    quote?;
    let next = end_of_spaces(text, after);
    match byte_at(text, next)? {
        b'>' => element::content_behind(text, next),
        b',' => in_pair(text, next + 1).or_else(|| next_in_list(text, mention, next + 1)),
        _ => in_pair(text, after),
    }
}

/// The string behind the comma before `from`: an argument behind the name of a setting, or of an option.
fn next_in_list(text: &[u8], mention: &Mention, from: usize) -> Option<(usize, usize)> {
    let (start, end) = literal(text, end_of_spaces(text, from))?;
    let quote =
        start_of(slice(text, 0, mention.start.checked_sub(1)?), mention.start - 1, |byte| {
            byte == b'\\'
        });
    let before = start_of(slice(text, 0, quote), quote, |byte| byte == b' ');
    let is_argument = byte_before(text, before) == Some(b'(') || mention.is_option(text);
    let value = slice(text, start, end);
    // In JSON, the next string may be a name.
    let is_name = byte_at(text, end_of_spaces(text, opening_quote(text, end).0)) == Some(b':');
    (!is_name && !names_password(value) && (is_argument || is_bare(value))).then_some((start, end))
}

/// The value of a pair whose name ends before `from`: `{"name": "DB_PASSWORD", "value": "…"}`.
fn in_pair(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = end_of_blank(text, from);
    let is_apart = at > from || byte_before(text, from) == Some(b',');
    let is_over_lines = slice(text, from, at).contains(&b'\n');
    // Where a text may be cut, the line behind belongs to nothing.
    if !is_apart || (is_over_lines && !goes_on(slice(text, 0, from))) {
        return None;
    }
    while is_escaped_space(text, at) {
        at = end_of_blank(text, at + 2);
    }
    let (field, quote) = opening_quote(text, at);
    let name = VALUE_NAMES
        .iter()
        .find(|name| slice(text, field, field + name.len()).eq_ignore_ascii_case(name))?;
    let end = field + name.len();
    let end = if quote.is_some() { opening_quote(text, end).0 } else { end };
    let operator = end_of_spaces(text, end);
    if !matches!(byte_at(text, operator), Some(b':' | b'=')) {
        return None;
    }
    value(text, end_of_spaces(text, operator + 1), Operator::at(text, operator))
}

/// The value at `from`, in quotes or not.
fn value(text: &[u8], from: usize, operator: Operator) -> Option<(usize, usize)> {
    let (start, quote) = opening_quote(text, from);
    let end = match quote {
        Some(_) => literal_end(text, start, quote, Telling::Password)?,
        None => bare_end(text, start, Telling::Password, operator)?,
    };
    Some((start, end))
}

/// The text of an element in whose tag the word stands: `<wsse:Password Type="…">…<`.
fn in_tag(text: &[u8], mention: &Mention) -> Option<(usize, usize)> {
    let start = start_of(slice(text, 0, mention.start), mention.start, |byte| {
        byte == b':' || byte.is_ascii_alphanumeric()
    });
    (byte_before(text, start) == Some(b'<'))
        .then(|| element::content_behind(text, mention.end))
        .flatten()
}

/// The password behind a word and a space.
fn behind_space(text: &[u8], mention: &Mention) -> Option<(usize, usize)> {
    let gap = end_of_spaces(text, mention.end);
    if let Some(found) = literal(text, gap) {
        return Some(found);
    }
    match byte_at(text, gap)? {
        b'|' => return in_cell(text, gap + 1),
        b'(' => return behind_remark(text, gap),
        _ => {}
    }
    let is_link = |link: &&&[u8]| slice(text, gap, gap + link.len()).eq_ignore_ascii_case(link);
    if let Some(link) = LINKS.iter().find(is_link) {
        return in_prose(text, gap + link.len());
    }
    if mention.is_option(text) || mention.is_variable(text) {
        return in_prose(text, gap);
    }
    far_behind(text, mention.end).or_else(|| bare(text, gap))
}

/// The cell of a table: `| password | … |`.
fn in_cell(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let start = end_of_cell(text, from);
    let (start, end) = in_prose(text, start)?;
    let after = end_of_cell(text, end);
    (byte_at(text, after) == Some(b'|')).then_some((start, end))
}

/// Where the padding of a cell ends.
fn end_of_cell(text: &[u8], from: usize) -> usize {
    let spaces = end_of_spaces(text, from);
    end_of_spaces(text, if byte_at(text, spaces) == Some(b'`') { spaces + 1 } else { spaces })
}

/// The password behind a remark in brackets: `Password (production): …`.
fn behind_remark(text: &[u8], open: usize) -> Option<(usize, usize)> {
    let remark = ahead(text, open, MAX_REMARK);
    let close = open + remark.iter().position(|byte| matches!(byte, b')' | b'\n'))?;
    let colon = end_of_spaces(text, close + 1);
    let is_remark = byte_at(text, close) == Some(b')');
    let link = match byte_at(text, colon)? {
        b':' => 1,
        b'i' if ahead(text, colon, 3) == b"is " => 3,
        _ => return None,
    };
    is_remark.then(|| in_prose(text, end_of_spaces(text, colon + link))).flatten()
}

/// The password later in the sentence: `the password for the server is …`.
fn far_behind(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let rest = ahead(text, from, MAX_SENTENCE);
    let ends = |byte: &u8| {
        matches!(byte, b'\n' | b'.' | b',' | b';' | b'!' | b'?' | b'"' | b'\\' | b'=' | b'[')
    };
    let rest = slice(rest, 0, rest.iter().position(ends).unwrap_or(rest.len()));
    let mut begins = rest.iter().enumerate().filter(|(_, byte)| matches!(byte, b' ' | b':'));
    let (at, link) = begins.find_map(|(at, _)| {
        let behind = slice(rest, at, rest.len());
        FAR_LINKS.iter().find(|link| behind.starts_with(link)).map(|link| (at, link))
    })?;
    let (start, end) = in_prose(text, end_of_spaces(text, from + at + link.len()))?;
    let is_quoted = matches!(byte_before(text, start), Some(b'"' | b'\'' | b'`'));
    (is_quoted || is_bare(slice(text, start, end))).then_some((start, end))
}

/// A password right behind the word, after the number that says how it is stored if there is one.
fn bare(text: &[u8], gap: usize) -> Option<(usize, usize)> {
    let is_stored = matches!(ahead(text, gap, 2), [b'0'..=b'9', b' ']);
    let (start, end) = in_prose(text, if is_stored { gap + 2 } else { gap })?;
    is_bare(slice(text, start, end)).then_some((start, end))
}

/// Whether a value mixes letters and digits as no word does and no method's name.
fn is_bare(value: &[u8]) -> bool {
    let likeness = Likeness::of(value);
    let is_method = |method: &&[u8]| slice(value, 0, method.len()).eq_ignore_ascii_case(method);
    value.len() >= MIN_BARE
        && likeness.digits > 0
        && likeness.digits < likeness.length
        && !value.iter().any(|byte| b"/()=:".contains(byte))
        && !METHODS.iter().any(is_method)
}

/// A password in prose, which must mix letters with digits or signs, or stand in quotes.
fn in_prose(text: &[u8], from: usize) -> Option<(usize, usize)> {
    if let (start, quote @ Some(_)) = opening_quote(text, from) {
        return Some((start, literal_end(text, start, quote, Telling::Password)?));
    }
    let window = up_to(text, from + run::MAX_RUN);
    let mut end = end_of(window, from, |byte| {
        !Charset::SPACE.has(byte) && !matches!(byte, b'"' | b'\'' | b'`' | b'[' | b'\\' | b'<')
    });
    while byte_before(text, end).is_some_and(|byte| b".,;:!?)".contains(&byte)) && end > from {
        end -= 1;
    }
    let value = slice(text, from, end);
    let likeness = Likeness::of(value);
    let has_symbol =
        value.iter().any(|byte| byte.is_ascii_punctuation() && !b"_-./:,()".contains(byte));
    let is_chosen = likeness.digits > 0 && likeness.digits < likeness.length || has_symbol;
    (is_chosen && is_secret(value, Telling::Password)).then_some((from, end))
}
