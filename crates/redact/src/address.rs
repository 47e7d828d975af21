//! Addresses: of people, and of machines with a password in them.

use crate::bytes::{
    Charset, byte_at, end_of, is_in_placeholder, placeholder_end, slice, start_of, starts_at,
};
use crate::engine::{Form, Span};
use crate::rule::{DB_PASSWORD, EMAIL, URL_PASSWORD};
use crate::scan::Scanner;

/// Schemes whose `user:password` is known to open a store or a queue.
const DB_SCHEMES: &[&[u8]] = &[
    b"postgres",
    b"postgresql",
    b"mysql",
    b"mariadb",
    b"mongodb",
    b"redis",
    b"rediss",
    b"amqp",
    b"amqps",
];

/// How a URL writes an `@` within its parts.
const ENCODED_SIGN: &[u8] = b"%40";

/// Longest user and password before the host of a data source.
const MAX_SOURCE: usize = 160;

/// Shortest last label of a host name in an e-mail address.
const MIN_TOP_LEVEL: usize = 2;

/// What ends names of files and units with an `@` in them, and no host's.
const NO_TOP_LEVELS: &[&[u8]] =
    &[b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"service", b"socket", b"timer"];

/// Whether a byte belongs to a letter with an accent: these take two bytes, of which the first is one of these.
fn in_accented(byte: u8) -> bool {
    matches!(byte, 0x80..=0xBF | 0xC3..=0xC9)
}

/// Looks at the `%` at `at`: in a URL, an address has `%40` for its `@`.
pub(crate) fn look_at_percent(scanner: &mut Scanner<'_>, at: usize) {
    if starts_at(scanner.text, at, ENCODED_SIGN) {
        find_email(scanner, at, ENCODED_SIGN.len());
    }
}

/// Finds the e-mail address around the `@` at `at`, which takes as many bytes as `width` says.
pub(crate) fn find_email(scanner: &mut Scanner<'_>, at: usize, width: usize) {
    let text = scanner.text;
    let in_local = |byte: u8| Charset::LOCAL_PART.has(byte) || in_accented(byte);
    let start = start_of(text, at, in_local);
    let is_rest = |byte: u8| matches!(byte, 0x80..=0xBF);
    let start = end_of(slice(text, 0, at), start, is_rest);
    if start == at || scanner.host_sign == Some(at) {
        return;
    }
    if starts_at(text, at + 1, b"tcp(") || starts_at(text, at + 1, b"unix(") {
        find_source_password(scanner, at);
        return;
    }
    if find_slashed_password(scanner, at) {
        return;
    }
    let host = at + width;
    let host_end = end_of(text, host, |byte| Charset::HOST.has(byte) || in_accented(byte));
    let Some(end) = host_name_end(text, host, host_end) else {
        return;
    };
    let user = slice(text, crate::bytes::after_escape(text, start), at);
    let host = slice(text, host, end);
    let label = host.rsplit(|&byte| byte == b'.').next().unwrap_or_default();
    if NO_TOP_LEVELS.contains(&label) {
        return;
    }
    let is_remote = user == b"git" && matches!(byte_at(text, end), Some(b':' | b'/'));
    if !is_remote {
        scanner.found(EMAIL, start, end);
    }
}

/// Finds the password of a data source as Go's drivers write it: `user:password@tcp(host)/name`.
fn find_source_password(scanner: &mut Scanner<'_>, at: usize) {
    let text = scanner.text;
    let window = slice(text, at.saturating_sub(MAX_SOURCE), at);
    let ends =
        |byte: &u8| Charset::SPACE.has(*byte) || matches!(byte, b'"' | b'\'' | b'`' | b'=' | b'[');
    let source = window.iter().rposition(ends).map_or(0, |end| end + 1);
    let source = slice(window, source, window.len());
    if let Some(colon) = source.iter().position(|&byte| byte == b':').filter(|&colon| colon > 0) {
        scanner.found_value(DB_PASSWORD, at - source.len() + colon + 1, at);
    }
}

/// Whether a byte stands before a data source rather than in it.
fn ends_source(byte: u8) -> bool {
    Charset::SPACE.has(byte) || matches!(byte, b'"' | b'\'' | b'`' | b'=' | b'[')
}

/// Finds the password of an Oracle login: `sqlplus user/password@host`.
fn find_slashed_password(scanner: &mut Scanner<'_>, at: usize) -> bool {
    let text = scanner.text;
    let window = slice(text, at.saturating_sub(MAX_SOURCE), at);
    let ends = |byte: &u8| *byte == b'/' || ends_source(*byte);
    let Some(slash) = window.iter().rposition(ends).filter(|&end| window.get(end) == Some(&b'/'))
    else {
        return false;
    };
    let start = at - window.len() + slash + 1;
    let user = start_of(slice(text, 0, start - 1), start - 1, |byte| Charset::WORD.has(byte));
    let before = slice(text, 0, user);
    let is_login =
        before.ends_with(b"sqlplus ") || before.ends_with(b":thin:") || before.ends_with(b":oci:");
    if is_login {
        scanner.found_value(DB_PASSWORD, start, at);
    }
    is_login
}

/// Where a host name with a plausible last label ends, the last label cut where its letters end.
fn host_name_end(text: &[u8], start: usize, end: usize) -> Option<usize> {
    let mut to = end;
    while let Some(dot) = slice(text, start, to).iter().rposition(|&byte| byte == b'.') {
        let label = start + dot + 1;
        let letters = end_of(slice(text, 0, to), label, |byte| byte.is_ascii_alphabetic());
        if dot > 0 && letters - label >= MIN_TOP_LEVEL {
            return Some(letters);
        }
        to = start + dot;
    }
    None
}

/// Finds the `user:password` of the URL whose `://` begins at `colon`.
pub(crate) fn find_url_password(scanner: &mut Scanner<'_>, colon: usize) {
    let text = scanner.text;
    if !starts_at(text, colon, b"://") {
        return;
    }
    let user = colon + 3;
    let (rule, password) = if is_store(text, colon) {
        (DB_PASSWORD, db_password(scanner, user))
    } else {
        (URL_PASSWORD, url_password(text, user))
    };
    if let Some((password, end)) = password {
        push_userinfo(scanner, rule, user, password, end);
    }
}

/// Whether the scheme that ends at `colon` is a store's.
fn is_store(text: &[u8], colon: usize) -> bool {
    let is_web = |scheme: &[u8]| slice(text, 0, colon).ends_with(scheme);
    if is_web(b"https") || is_web(b"http") {
        return false;
    }
    let scheme = slice(text, start_of(text, colon, |byte| Charset::SCHEME.has(byte)), colon);
    let base = scheme.split(|&byte| byte == b'+').next().unwrap_or_default();
    DB_SCHEMES.iter().any(|name| {
        let tail = base.len().checked_sub(name.len()).map(|start| slice(base, start, base.len()));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(name))
    })
}

fn push_userinfo(
    scanner: &mut Scanner<'_>,
    rule: crate::Rule,
    user: usize,
    password: usize,
    end: usize,
) {
    // A placeholder in the user's place stays.
    let hides_user = password > user + 1 && !slice(scanner.text, user, password).contains(&b'[');
    let (start, form) = if hides_user { (user, Form::Userinfo) } else { (password, Form::Plain) };
    scanner.host_sign = Some(end);
    scanner.spans.push(Span { rule, start, end, form });
}

/// Start and end of the password of a store's URL, where both parts may hold nearly anything.
fn db_password(scanner: &mut Scanner<'_>, user: usize) -> Option<(usize, usize)> {
    let text = scanner.text;
    let ends_user = |byte: u8| matches!(byte, b':' | b'"') || Charset::SPACE.has(byte);
    let colon = end_of(text, user, |byte| !ends_user(byte));
    if is_in_placeholder(text, colon) {
        return None;
    }
    if byte_at(text, colon) != Some(b':') {
        return None;
    }
    let password = colon + 1;
    let mut end = password_end(scanner, password);
    if end == password || byte_at(text, end) != Some(b'@') {
        return None;
    }
    // A password with an `@` in it: the host begins after the last one.
    loop {
        let next = end_of(text, end + 1, in_authority);
        if byte_at(text, next) != Some(b'@') {
            return Some((password, end));
        }
        end = next;
    }
}

/// The first `@`, double quote, white space or placeholder from `from` on.
fn password_end(scanner: &mut Scanner<'_>, from: usize) -> usize {
    if from < scanner.userinfo.0 || from > scanner.userinfo.1 {
        scanner.userinfo = (from, measure_password(scanner.text, from));
    }
    scanner.userinfo.1
}

fn measure_password(text: &[u8], from: usize) -> usize {
    let ends = |byte: u8| matches!(byte, b'@' | b'"' | b'[') || Charset::SPACE.has(byte);
    let mut at = from;
    loop {
        at = end_of(text, at, |byte| !ends(byte));
        let is_text = byte_at(text, at) == Some(b'[') && placeholder_end(text, at).is_none();
        if !is_text {
            return at;
        }
        at += 1;
    }
}

/// Start and end of the password of any other URL.
fn url_password(text: &[u8], user: usize) -> Option<(usize, usize)> {
    let colon = end_of(text, user, |byte| in_authority(byte) && byte != b':');
    if byte_at(text, colon) != Some(b':') {
        return None;
    }
    let password = colon + 1;
    let mut end = end_of(text, password, in_authority);
    if end == password || byte_at(text, end) != Some(b'@') {
        return None;
    }
    loop {
        let next = end_of(text, end + 1, in_authority);
        if byte_at(text, next) != Some(b'@') {
            return Some((password, end));
        }
        end = next;
    }
}

/// Whether a byte may stand in the part of a URL between `//` and the path, bar the `@` itself.
fn in_authority(byte: u8) -> bool {
    Charset::AUTHORITY.has(byte) || !byte.is_ascii()
}
