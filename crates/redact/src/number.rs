//! Groups of digits: cuts them out of the text and asks what number of a person each is.

use crate::bytes::{Charset, byte_at, byte_before, slice};
use crate::engine::{Form, Span};
use crate::personal::{Found, Personal, find_in_digits, find_in_run};
use crate::rule::{CARD, IBAN, IP, NATIONAL_ID, PHONE, Rule, SSN};
use crate::run::MIN_RUN;
use crate::scan::Scanner;

/// Shortest group that is looked at.
const MIN_GROUP: usize = 7;

/// The rule of a kind of number.
fn rule_of(what: Personal) -> Rule {
    match what {
        Personal::Card => CARD,
        Personal::Phone => PHONE,
        Personal::Iban => IBAN,
        Personal::Ssn => SSN,
        Personal::NationalId => NATIONAL_ID,
        Personal::Ip => IP,
    }
}

/// Looks at the group of which the byte at `at` is the seventh.
pub(crate) fn look_at(scanner: &mut Scanner<'_>, at: usize) {
    let text = scanner.text;
    let mut start = at + 1 - MIN_GROUP;
    // The first digits may belong to a group that began before separators that were too many.
    while start > scanner.group_end
        && byte_at(text, start - 1).is_some_and(|byte| byte.is_ascii_digit())
    {
        start -= 1;
    }
    if start < scanner.group_end {
        return;
    }
    let mut end = start;
    let mut last_digit = start;
    while let Some(byte) = byte_at(text, end) {
        if byte.is_ascii_digit() {
            last_digit = end;
        } else if !is_separator(byte) || end - last_digit > 1 {
            break;
        }
        end += 1;
    }
    crate::bytes::count_work(end - start);
    scanner.group_end = end;
    let end = last_digit + 1;
    if end - start < MIN_GROUP {
        return;
    }
    let with_ip = scanner.settings.finds_ip;
    let spans = &mut scanner.spans;
    find_in_digits(text, start, end, with_ip, &mut |found| spans.push(span_of(found)));
    find_around(scanner, start, end);
}

/// Asks about the letters and digits of which the group is a part, unless they are a run of their own.
fn find_around(scanner: &mut Scanner<'_>, start: usize, end: usize) {
    let text = scanner.text;
    let is_part = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !is_part(byte_before(text, start)) && !is_part(byte_at(text, end)) {
        return;
    }
    let before = slice(text, start.saturating_sub(MIN_RUN), start);
    let after = slice(text, end, end + MIN_RUN);
    let from = start - before.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let to = end + after.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    if to - from < MIN_RUN {
        let spans = &mut scanner.spans;
        find_in_run(text, from, to, &mut |found| spans.push(span_of(found)));
    }
}

/// The span of a number.
pub(crate) fn span_of(found: Found) -> Span {
    let Found { what, start, end } = found;
    Span { rule: rule_of(what), start, end, form: Form::Number }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'.' | b'(' | b')' | b'+' | b'/' | b'-')
}

/// How deep the quotes of the JSON text are in which the digits at `start..end` are a number, if they are one.
///
/// A placeholder in their place needs such quotes, or the text is JSON no more.
pub(crate) fn json_depth(text: &[u8], start: usize, end: usize) -> Option<usize> {
    let is_blank = |byte: &u8| Charset::SPACE.has(*byte);
    let after = slice(text, end, end + 64).iter().find(|byte| !is_blank(byte));
    if !matches!(after, None | Some(b',' | b'}' | b']')) {
        return None;
    }
    // Back over the numbers of a list to the name that it belongs to.
    let before = slice(text, start.saturating_sub(MAX_LIST), start);
    let in_list = |byte: &u8| is_blank(byte) || byte.is_ascii_digit() || b"[,.+-eE".contains(byte);
    let list = before.iter().rev().take_while(|byte| in_list(byte)).count();
    let before = before.get(..before.len() - list)?;
    let Some(before) = before.strip_suffix(b":") else {
        let opens = slice(text, start - list, start).contains(&b'[');
        return (before.is_empty() && opens).then_some(0);
    };
    let name = before.trim_ascii_end().strip_suffix(b"\"")?;
    let depth = name.iter().rev().take_while(|&&byte| byte == b'\\').count();
    let ends_name = name
        .get(..name.len() - depth)?
        .last()
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    ends_name.then_some(depth)
}

/// How far before a number its list may begin.
const MAX_LIST: usize = 1_024;
