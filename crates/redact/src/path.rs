//! Home directories, of which the path names a person.

use crate::bytes::{
    Charset, ahead, byte_at, byte_before, end_of, ends_escape, is_escaped_space, is_left_boundary,
    placeholder_end, slice, starts_at, up_to,
};
use crate::rule::PATH;
use crate::scan::Scanner;

/// How the path of a home directory begins, also with escaped slashes.
const HEADS: &[&[u8]] = &[b"/Users/", b"/home/", b"/Users\\/", b"/home\\/"];

/// Longest word of a name with spaces in a Windows path.
const MAX_WORD: usize = 32;

/// Most separators in a row in an escaped Windows path: escaped twice.
const MAX_SEPARATORS: usize = 4;

/// Looks at the path whose slash stands two bytes before `at`.
pub(crate) fn look_at(scanner: &mut Scanner<'_>, at: usize) {
    let Some(slash) = at.checked_sub(2) else {
        return;
    };
    let text = scanner.text;
    let earliest = slash.saturating_sub(MAX_SEPARATORS);
    let before = slice(text, earliest, slash);
    let separators = before.iter().rev().take_while(|&&byte| byte == b'\\' || byte == b'/').count();
    match (slash - separators).checked_sub(1) {
        Some(colon) if byte_at(text, colon) == Some(b':') => find_windows_home(scanner, colon),
        _ => {}
    }
    if byte_at(text, slash) == Some(b'/') {
        find_home(scanner, slash);
    }
}

/// Finds the home directory that begins with the slash at `slash`.
fn find_home(scanner: &mut Scanner<'_>, slash: usize) {
    let text = scanner.text;
    if slash < scanner.path_end {
        return;
    }
    if let Some(head) = HEADS.iter().find(|head| starts_at(text, slash, head)) {
        find_path(scanner, slash, slash + head.len());
        return;
    }
    let is_inside = byte_before(text, slash).is_some_and(|byte| {
        Charset::TOKEN.has(byte) || matches!(byte, b'.' | b'~' | b'/' | b'}' | b']' | b'\\')
    });
    let is_rooted = !is_inside || ends_escape(text, slash);
    if is_rooted && starts_at(text, slash, b"/root") {
        let rest = slash + b"/root".len();
        match byte_at(text, rest) {
            Some(b'/') => find_path(scanner, slash, rest),
            Some(byte) if in_path(byte) => {}
            _ => scanner.found(PATH, slash, rest),
        }
    }
}

/// Finds the home directory on the drive whose colon is at `colon`, also with escaped backslashes.
fn find_windows_home(scanner: &mut Scanner<'_>, colon: usize) {
    let text = scanner.text;
    let Some(drive) = colon.checked_sub(1) else {
        return;
    };
    let is_drive = byte_at(text, drive).is_some_and(|byte| byte.is_ascii_alphabetic());
    if drive < scanner.path_end || !is_drive {
        return;
    }
    let Some(name) = separators_end(text, colon + 1) else {
        return;
    };
    let is_forward = byte_at(text, colon + 1) == Some(b'/');
    let users = slice(text, name, name + b"users".len());
    if !users.eq_ignore_ascii_case(b"users") || (is_forward && !is_left_boundary(text, drive)) {
        return;
    }
    if let Some(user) = separators_end(text, name + users.len()) {
        find_path(scanner, drive, user);
    }
}

/// Where a few separators end, if there is one.
fn separators_end(text: &[u8], from: usize) -> Option<usize> {
    let window = up_to(text, from + MAX_SEPARATORS);
    let end = end_of(window, from, |byte| byte == b'\\' || byte == b'/');
    (end > from).then_some(end)
}

/// Notes the path from `start` on if something follows its head.
fn find_path(scanner: &mut Scanner<'_>, start: usize, after_head: usize) {
    let text = scanner.text;
    let is_posix = byte_at(text, start) == Some(b'/');
    let mut end = after_head;
    loop {
        end = end_of(text, end, |byte| in_path(byte) && !matches!(byte, b'[' | b'\\'));
        match byte_at(text, end) {
            Some(b'[') if placeholder_end(text, end).is_none() => end += 1,
            // In escaped text a line ends so; in a Windows path a name begins so.
            Some(b'\\') if !(is_posix && is_escaped_space(text, end)) => end += 1,
            Some(b' ') if !is_posix && goes_on_after_space(text, end) => end += 1,
            _ => break,
        }
    }
    if end > after_head {
        scanner.found(PATH, start, end);
        scanner.path_end = end;
    }
}

/// Whether a name with a space in it goes on after the space: a separator follows the next word.
fn goes_on_after_space(text: &[u8], space: usize) -> bool {
    let rest = ahead(text, space + 1, MAX_WORD);
    let word = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
    let length = word.count();
    length > 0 && rest.get(length) == Some(&b'\\')
}

/// Whether a byte may stand in a path: all but white space, quotes and a closing parenthesis.
fn in_path(byte: u8) -> bool {
    !Charset::SPACE.has(byte) && !matches!(byte, b'"' | b'\'' | b'`' | b')')
}
