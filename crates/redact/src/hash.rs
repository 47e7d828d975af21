//! Hashes of passwords as systems store them: `$2b$10$…`, `$6$salt$…`, `$argon2id$v=19$…`.

use crate::bytes::{Charset, byte_at, end_of, is_left_boundary, slice, up_to};
use crate::rule::PASSWORD_HASH;
use crate::scan::Scanner;

/// Names of the methods between the first two signs.
const METHODS: &[&[u8]] = &[
    b"1",
    b"2",
    b"2a",
    b"2b",
    b"2x",
    b"2y",
    b"5",
    b"6",
    b"7",
    b"8",
    b"9",
    b"14",
    b"y",
    b"gy",
    b"sha1",
    b"apr1",
    b"argon2i",
    b"argon2d",
    b"argon2id",
    b"scrypt",
    b"bcrypt-sha256",
    b"pbkdf2",
    b"pbkdf2-sha256",
    b"pbkdf2-sha512",
    b"P",
    b"H",
    b"S",
    b"md5",
];

/// Longest name of a method.
const MAX_METHOD: usize = 16;

/// Shortest rest after the method: salt and hash.
const MIN_REST: usize = 24;

/// Longest hash with its parameters.
const MAX_HASH: usize = 512;

/// Looks at the hash whose second sign, behind the name of the method, is at `sign`.
pub(crate) fn look_at(scanner: &mut Scanner<'_>, sign: usize) {
    let text = scanner.text;
    let before = slice(text, sign.saturating_sub(MAX_METHOD + 1), sign);
    let Some(first) = before.iter().rposition(|&byte| byte == b'$') else {
        return;
    };
    let at = sign - (before.len() - first);
    let method = slice(text, at + 1, sign);
    let body = sign + 1;
    let is_portable = matches!(method, b"P" | b"H" | b"S");
    if !METHODS.contains(&method) || !is_left_boundary(text, at) {
        return;
    }
    let in_hash = |byte: u8| Charset::BASE64.has(byte) || b".$=,-_".contains(&byte);
    let end = end_of(up_to(text, body + MAX_HASH), body, in_hash);
    let rest = slice(text, body, end);
    let has_parts = is_portable || rest.contains(&b'$') || method.starts_with(b"2");
    if rest.len() >= MIN_REST && has_parts && byte_at(text, body) != Some(b'$') {
        scanner.found_key(PASSWORD_HASH, at, end);
    }
}
