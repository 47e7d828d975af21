//! Groups of digits: cuts them out of the text and asks what number of a person each is.

use crate::bytes::{ahead, byte_at, byte_before, slice};
use crate::engine::{Form, Span};
use crate::personal::{Found, Personal, find_in_digits, find_in_run};
use crate::rule::{CARD, IBAN, IP, NATIONAL_ID, PHONE, Rule, SSN};
use crate::run::MIN_RUN;
use crate::scan::Scanner;

/// Shortest group that is looked at.
const MIN_GROUP: usize = 7;

/// Most separators between two digits of a group.
const MAX_SEPARATORS: usize = 2;

/// How much of its line before and behind a number is looked at.
const MAX_LINE_LOOK: usize = 1_024;

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
        } else if !is_separator(byte) || end - last_digit > MAX_SEPARATORS {
            break;
        }
        end += 1;
    }
    crate::bytes::count_work(end - start);
    scanner.group_end = end;
    let end = last_digit + 1;
    if end - start < MIN_GROUP || is_date(slice(text, start, end)) {
        return;
    }
    let with_ip = scanner.settings.finds_ip;
    let spans = &mut scanner.spans;
    find_in_digits(text, start, end, with_ip, &mut |found| spans.push(span_of(found)));
    find_around(scanner, start, end);
}

/// Whether a group is a date as machines write it.
fn is_date(group: &[u8]) -> bool {
    group.len() == 10
        && group.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// Asks about the letters and digits of which the group is a part, unless they are a run of their own.
fn find_around(scanner: &mut Scanner<'_>, start: usize, end: usize) {
    let text = scanner.text;
    let is_part = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !is_part(byte_before(text, start)) && !is_part(byte_at(text, end)) {
        return;
    }
    let before = slice(text, start.saturating_sub(MIN_RUN), start);
    let after = ahead(text, end, MIN_RUN);
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
/// A placeholder in their place needs such quotes, or the text is JSON no more. What stands around them on
/// their line decides: behind, what ends a number; before, a quoted name, or a list that is in no string.
pub(crate) fn json_depth(text: &[u8], start: usize, end: usize) -> Option<usize> {
    if !slice(text, start, end).iter().all(u8::is_ascii_digit) {
        return None;
    }
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r');
    let after = ahead(text, end, MAX_LINE_LOOK).iter().find(|byte| !is_blank(byte));
    if !matches!(after, None | Some(b',' | b'}' | b']' | b'\n')) {
        return None;
    }
    let window = slice(text, start.saturating_sub(MAX_LINE_LOOK), start);
    let line = window.rsplit(|&byte| byte == b'\n').next()?;
    let blanks = line.iter().rev().take_while(is_blank).count();
    let before = slice(line, 0, line.len() - blanks);
    match before.split_last() {
        Some((b':', name)) => closing_quote(name.trim_ascii_end()),
        Some((b',' | b'[', list)) => {
            let quote = list.iter().rposition(|&byte| byte == b'"');
            quote.map_or(Some(0), |quote| {
                let next = slice(before, quote + 1, before.len()).trim_ascii_start().first();
                let ends_string = next.is_none_or(|byte| b",:]}[".contains(byte));
                closing_quote(slice(list, 0, quote + 1)).filter(|_| ends_string)
            })
        }
        Some(_) => None,
        None => matches!(after, Some(b',' | b']')).then_some(0),
    }
}

/// How many backslashes stand before the quote that closes a string at the end of `text`, if one does.
fn closing_quote(text: &[u8]) -> Option<usize> {
    let string = text.strip_suffix(b"\"")?;
    let depth = string.iter().rev().take_while(|&&byte| byte == b'\\').count();
    let opens = slice(string, 0, string.len() - depth).trim_ascii_end().last();
    // A quote opens a string behind what a string may follow.
    (!opens.is_none_or(|byte| b":,[{".contains(byte))).then_some(depth)
}
