//! Runs: sixteen and more letters, digits and joints, of which clean text has a few in a thousand bytes.
//!
//! A run is a credential by its head, by its shape as a whole, by being random where the words before it
//! speak of a secret, or by being long and random beyond doubt.

use crate::bytes::{
    Charset, after_escape, byte_at, byte_before, end_of, ends_escape, is_left_boundary, slice,
    starts_at, up_to,
};
use crate::context::Context;
use crate::key;
use crate::likeness::{Likeness, RANDOM, SURELY_RANDOM};
use crate::masks::BLOCK;
use crate::number;
use crate::personal::find_in_run;
use crate::rule::{AWS_SECRET_KEY, CONTEXT_SECRET, HIGH_ENTROPY};
use crate::scan::Scanner;
use crate::tables::{HEADLESS, HEADLESS_BY_LENGTH, HEADLESS_NEEDS, Shape};

/// Shortest run that is looked at.
pub(crate) const MIN_RUN: usize = 16;

/// Longest run that can be a credential without a head: longer ones are data.
pub(crate) const MAX_RUN: usize = 4_096;

/// Fewest letters and digits in a row of parts that a random token has.
const MIN_RANDOM: u32 = 12;

/// Shortest run that no name is: heads within shorter ones are looked for only where a digit speaks for a key.
const MIN_WORDS: usize = 40;

/// Fewest letters and digits in a row of the longest part with a digit, or digits in all, of a token without
/// a head: names and paths have fewer.
const MIN_PART: usize = 8;
const MIN_ALL_DIGITS: usize = 6;

/// Shortest outer part of a run without digits that may be a key.
const MIN_LETTERS: usize = 12;
const MAX_LETTERS: usize = 64;

/// Fewest digits of a token without a head.
const MIN_DIGITS: u32 = 2;

/// Fewest different letters and digits of a random token: fewer make a dummy.
const MIN_DISTINCT: u32 = 8;

/// Fewest digits of a hexadecimal key.
const MIN_HEX: u32 = 20;

/// Fewest digits of a number that is a secret where a vendor's name says so.
const MIN_NUMBER: usize = 15;

/// Lengths of a token that is taken for a secret without a word before it.
const ALONE: std::ops::RangeInclusive<u32> = 20..=100;

/// Its least length where all letters are of one case, and its fewest different letters and digits.
const MIN_ALONE_IN_ONE_CASE: u32 = 24;
const MIN_DISTINCT_ALONE: u32 = 13;

/// How random names begin that are no secrets: ids of model providers, and symbols of compilers.
const NAMES: &[&[u8]] = &[
    b"toolu_",
    b"msg_",
    b"req_",
    b"chatcmpl-",
    b"run_",
    b"resp_",
    b"call_",
    b"asst_",
    b"thread_",
    b"file-",
    b"batch_",
    b"ftjob-",
    b"_Z",
    b"_R",
];

/// Widths at which data are wrapped.
const WRAPPED: &[usize] = &[60, 64, 65, 70, 72, 76];

/// What may stand before a line of data, which may be commented out, and how much of it.
const INDENT: &[u8] = b" \t*#\"'>|";
const MAX_INDENT: usize = 32;

/// Longest line of data with its indent.
const MAX_DATA_LINE: usize = 112;

/// Length of an AWS secret key, of which nothing else is known.
const AWS_SECRET_LENGTH: usize = 40;

/// Fewest digits and the lengths of a number of a person that is written with letters.
const MIN_PERSONAL_DIGITS: usize = 5;
const PERSONAL: std::ops::RangeInclusive<usize> = 8..=40;

/// How far before a run its first part may begin, where dots join the parts.
const MAX_PARTS_BEFORE: usize = 64;

/// How far behind a run its last part may end.
const MAX_PARTS_AFTER: usize = 128;

/// What a run is made of: one bit for each of its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub(crate) joint: u64,
    pub(crate) digit: u64,
}

/// Looks at the run at `start..end`; what it is made of is known if it lies in one block.
#[inline]
pub(crate) fn look_at(scanner: &mut Scanner<'_>, start: usize, end: usize, made: Option<Made>) {
    let text = scanner.text;
    let begin = start_of_run(text, start, end);
    key::find_headed(scanner, start);
    if begin > start {
        key::find_headed(scanner, begin);
    }
    if byte_at(text, end) == Some(b'.') {
        key::find_discord_token(scanner, end);
    }
    let measured = match made {
        Some(made) if begin == start => Measured::of_bits(end - start, made),
        _ => Measured::of_bytes(slice(text, begin, end)),
    };
    if measured.is_likely() || end - start >= MIN_WORDS {
        look_behind_joints(scanner, begin, end);
    }
    let joins = |byte: u8| {
        matches!(
            byte,
            b'.' | b':' | b'~' | b'$' | b'|' | b'!' | b'#' | b'^' | b'&' | b'?' | b'=' | b'*'
        )
    };
    if byte_before(text, start).is_some_and(joins) {
        find_parts(scanner, start, end, measured);
    }
    if measured.is_likely() && !scanner.is_covered(begin) && end - begin <= MAX_RUN {
        look_closer(scanner, begin, end, measured.digits);
    }
}

/// What tells a run that may be a credential from names and paths.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    digits: usize,
    /// The longest part between joints with a digit in it.
    longest: usize,
    /// The longer of the parts before the first joint and behind the last.
    outer: usize,
}

impl Measured {
    #[inline]
    fn of_bits(length: usize, made: Made) -> Self {
        let first = length.min(made.joint.trailing_zeros() as usize);
        let behind = BLOCK - made.joint.leading_zeros() as usize;
        let outer = first.max(length - behind);
        let mut measured = Self { digits: made.digit.count_ones() as usize, longest: 0, outer };
        if made.digit == 0 {
            return measured;
        }
        let (mut part, mut joints) = (0, made.joint);
        loop {
            let next = if joints == 0 { length } else { joints.trailing_zeros() as usize };
            if next > part && made.digit >> part << (BLOCK - (next - part)) != 0 {
                measured.longest = measured.longest.max(next - part);
            }
            if joints == 0 {
                return measured;
            }
            part = next + 1;
            joints &= joints - 1;
        }
    }

    fn of_bytes(run: &[u8]) -> Self {
        crate::bytes::count_work(run.len());
        let parts = run.split(|&byte| Charset::JOINT.has(byte));
        let outer = parts.clone().next_back().map_or(0, <[u8]>::len);
        let first = parts.clone().next().map_or(0, <[u8]>::len);
        let measured = Self { outer: outer.max(first), ..Self::default() };
        parts.fold(measured, |measured, part| {
            let digits = part.iter().filter(|byte| byte.is_ascii_digit()).count();
            let longest = if digits > 0 { part.len() } else { 0 };
            Self {
                digits: measured.digits + digits,
                longest: measured.longest.max(longest),
                outer: measured.outer,
            }
        })
    }

    /// Whether it may be a credential without a head.
    fn is_likely(self) -> bool {
        self.longest >= MIN_PART || self.digits >= MIN_ALL_DIGITS
    }
}

/// Looks for heads behind each joint, and for those that end with one.
fn look_behind_joints(scanner: &mut Scanner<'_>, begin: usize, end: usize) {
    for at in begin..end {
        if byte_at(scanner.text, at).is_some_and(|byte| Charset::JOINT.has(byte)) {
            key::find_headed_before(scanner, at);
            key::find_headed(scanner, at + 1);
        }
    }
}

/// Looks for a head before what joins it to the run.
fn find_parts(scanner: &mut Scanner<'_>, start: usize, end: usize, measured: Measured) {
    let is_likely = measured.is_likely()
        || (measured.outer >= MIN_LETTERS && reads_as_letters(scanner.text, start, end));
    if is_likely && !scanner.is_covered(start) {
        key::find_headed_parts(scanner, start.saturating_sub(MAX_PARTS_BEFORE), start);
    }
}

/// Looks at a run that may be a credential without a head.
fn look_closer(scanner: &mut Scanner<'_>, start: usize, end: usize, digits: usize) {
    find_personal(scanner, start, end, digits);
    if find_headless(scanner, start, end).is_some() {
        return;
    }
    find_aws_secret_key(scanner, start, end);
    if !scanner.is_value(end - 1) {
        find_random(scanner, start, end, digits);
    }
}

/// Whether a run without digits is no word: a key by chance, if a head stands before it.
fn reads_as_letters(text: &[u8], start: usize, end: usize) -> bool {
    let likeness = Likeness::of(slice(text, start, end.min(start + MAX_LETTERS)));
    likeness.capitals > 2 && likeness.small > 2 && likeness.surprise() >= RANDOM
}

/// Where the run begins when what is left of an escape before it is taken off.
fn start_of_run(text: &[u8], start: usize, end: usize) -> usize {
    let lengths: &[usize] = match byte_before(text, start) {
        Some(b'\\') => &[1, 3, 5],
        Some(b'%') => &[2],
        Some(b'[' | b';') => &[2, 3, 4],
        _ => return start,
    };
    lengths
        .iter()
        .map(|length| start + length)
        .find(|&at| at < end && ends_escape(text, at))
        .unwrap_or(start)
}

/// A run by itself, and with what dots and the like join to it on either side.
struct Parts {
    bounds: [(usize, usize); 4],
}

impl Parts {
    fn around(text: &[u8], start: usize, end: usize) -> Self {
        let in_parts = |byte: u8| Charset::PERCENT.has(byte) || b":|+/=$".contains(&byte);
        let window = up_to(text, end + MAX_PARTS_AFTER);
        let parts_end = end_of(window, end, in_parts);
        let before = slice(text, start.saturating_sub(MAX_PARTS_BEFORE), start);
        let count = before.iter().rev().take_while(|&&byte| in_parts(byte) && byte != b'=').count();
        let parts_start = after_escape(text, start - count).min(start);
        Self {
            bounds: [
                (start, end),
                (start, parts_end),
                (parts_start, end),
                (parts_start, parts_end),
            ],
        }
    }

    /// The bounds between which the text has the shape.
    fn fit(&self, text: &[u8], shape: &Shape) -> Option<(usize, usize)> {
        self.bounds.iter().copied().find(|&(from, to)| {
            let upto = slice(text, 0, to);
            let run_end = |set: Charset, at: usize| end_of(upto, at, |byte| set.has(byte));
            is_left_boundary(text, from) && shape.end(text, from, run_end) == Some(to)
        })
    }
}

/// Finds shapes that begin with a set: compared with the whole run, and with all parts that are joined to it.
fn find_headless(scanner: &mut Scanner<'_>, start: usize, end: usize) -> Option<()> {
    let text = scanner.text;
    let parts = Parts::around(text, start, end);
    let lengths = parts.bounds.iter().map(|&(from, to)| to - from);
    let mut mask =
        lengths.fold(0, |mask, length| mask | HEADLESS_BY_LENGTH.get(length).copied().unwrap_or(0));
    if mask == 0 {
        return None;
    }
    let (from, to) = parts.bounds[3];
    let has = slice(text, from, to).iter().fold(0_u128, |has, byte| has | 1 << (byte & 0x7F));
    while mask != 0 {
        let row = mask.trailing_zeros() as usize;
        mask &= mask - 1;
        let (shape, needs) = (HEADLESS.get(row)?, HEADLESS_NEEDS.get(row)?);
        if needs & !has == 0
            && let Some((from, to)) = parts.fit(text, shape)
        {
            scanner.found_key(shape.rule, from, to);
            return Some(());
        }
    }
    None
}

/// Finds parts of a run that are exactly as long as an AWS secret key and read as one.
fn find_aws_secret_key(scanner: &mut Scanner<'_>, start: usize, end: usize) {
    let text = scanner.text;
    let mut part = start;
    while part < end {
        let part_end = end_of(slice(text, 0, end), part, |byte| Charset::BASE64.has(byte));
        let is_symbol = text.get(start..).is_some_and(|run| run.starts_with(b"_Z"));
        if !is_symbol
            && part_end - part == AWS_SECRET_LENGTH
            && byte_at(text, part_end) != Some(b'=')
        {
            let likeness = Likeness::of(slice(text, part, part_end));
            let is_mixed = likeness.digits > 0 && likeness.capitals > 0 && likeness.small > 0;
            if is_mixed && !likeness.is_hex() && likeness.surprise() >= RANDOM {
                scanner.found(AWS_SECRET_KEY, part, part_end);
            }
        }
        part = part_end + 1;
    }
}

/// Finds numbers of a person that are written with letters.
fn find_personal(scanner: &mut Scanner<'_>, start: usize, end: usize, digits: usize) {
    if digits < MIN_PERSONAL_DIGITS {
        return;
    }
    let text = scanner.text;
    let mut part = start;
    while part < end {
        let part_end = end_of(slice(text, 0, end), part, |byte| byte.is_ascii_alphanumeric());
        if PERSONAL.contains(&(part_end - part)) {
            let spans = &mut scanner.spans;
            find_in_run(text, part, part_end, &mut |found| spans.push(number::span_of(found)));
        }
        part = part_end + 1;
    }
}

/// Finds random tokens where the words before speak of a secret, and long ones anywhere.
fn find_random(scanner: &mut Scanner<'_>, start: usize, end: usize, digits: usize) {
    let text = scanner.text;
    let core = core_start(text, start, end);
    let likeness = Likeness::of(slice(text, core, end));
    if likeness.length < MIN_RANDOM || likeness.digits < MIN_DIGITS {
        return;
    }
    let is_hex = likeness.is_hex();
    let is_number = likeness.digits == likeness.length;
    let is_random = !is_hex && likeness.is_random();
    let context = Context::of(text, core);
    let parts = Parts::around(text, core, end);
    for shape in context.shapes() {
        if let Some((from, to)) = parts.fit(text, shape) {
            scanner.found_key(shape.rule, from, to);
            return;
        }
    }
    let is_key = is_random || (is_hex && likeness.length >= MIN_HEX);
    let is_dummy = likeness.distinct < MIN_DISTINCT;
    if is_dummy || !(is_key || is_number && digits >= MIN_NUMBER) {
        return;
    }
    let is_said =
        context.is_secret || (context.vendor.is_some() && !context.is_weak && !context.is_digest);
    let rule = match context.vendor {
        Some(vendor) if is_said => vendor,
        _ if is_said && !is_number => CONTEXT_SECRET,
        _ if is_random && is_surely_random(&likeness) && !context.is_digest => HIGH_ENTROPY,
        _ => return,
    };
    if rule == HIGH_ENTROPY && names_something(slice(text, start, end)) {
        return;
    }
    if rule == HIGH_ENTROPY && (!stands_alone(text, core, end) || is_line_of_data(text, core, end))
    {
        return;
    }
    let (from, to) = with_parts(text, core, end);
    scanner.found(rule, from, to);
}

/// Whether a token is the id of an answer, a call or a file of a model's provider, or a mangled symbol.
fn names_something(run: &[u8]) -> bool {
    NAMES.iter().any(|name| run.starts_with(name))
}

/// Whether a token is random without a word that says so.
fn is_surely_random(likeness: &Likeness) -> bool {
    let mixes_cases = likeness.capitals > 1 && likeness.small > 1;
    let is_long =
        likeness.length >= if mixes_cases { *ALONE.start() } else { MIN_ALONE_IN_ONE_CASE };
    is_long
        && likeness.length <= *ALONE.end()
        && likeness.surprise() >= SURELY_RANDOM
        && likeness.digits > 1
        && likeness.distinct >= MIN_DISTINCT_ALONE
        // An alphabet is in order, and no key.
        && likeness.successions * 2 < likeness.length
}

/// Whether nothing around a token says that it is a part of something else, such as of a URL or of data.
fn stands_alone(text: &[u8], start: usize, end: usize) -> bool {
    let opens = byte_before(text, start).is_none_or(|byte| {
        matches!(byte, b' ' | b'\t' | b'\n' | b'"' | b'\'' | b'`' | b'=' | b':' | b'(' | b'>')
    });
    let closes = byte_at(text, end).is_none_or(|byte| {
        matches!(
            byte,
            b' ' | b'\t'
                | b'\n'
                | b'\r'
                | b'"'
                | b'\''
                | b'`'
                | b','
                | b';'
                | b')'
                | b'<'
                | b'\\'
                | b'='
        )
    });
    opens && closes
}

/// Whether a token is a line of wrapped data, such as of a certificate, or what is left for their last line.
fn is_line_of_data(text: &[u8], start: usize, end: usize) -> bool {
    let before = slice(text, start.saturating_sub(MAX_INDENT), start);
    let indent = before.iter().rev().take_while(|byte| INDENT.contains(byte)).count();
    let line = start - indent;
    let begins_line = line == 0 || byte_before(text, line) == Some(b'\n');
    begins_line && (WRAPPED.contains(&(end - start)) || follows_data(text, line))
}

/// Whether the line before the one at `line` is one of wrapped data.
pub(crate) fn follows_data(text: &[u8], line: usize) -> bool {
    let Some(end) = line.checked_sub(1) else { return false };
    let before = slice(text, end.saturating_sub(MAX_DATA_LINE), end).trim_ascii_end();
    let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    is_data(slice(before, start, before.len()))
}

/// Whether the line at `line` is there to its end and one of wrapped data.
pub(crate) fn begins_data(text: &[u8], line: usize) -> bool {
    let rest = slice(text, line, text.len().min(line + MAX_DATA_LINE));
    let end = rest.iter().position(|&byte| byte == b'\n');
    end.is_some_and(|end| is_data(slice(rest, 0, end).trim_ascii_end()))
}

fn is_data(line: &[u8]) -> bool {
    let indent = line.iter().take_while(|byte| INDENT.contains(byte)).count();
    let data = slice(line, indent, line.len());
    WRAPPED.contains(&data.len()) && data.iter().all(|&byte| Charset::PADDED.has(byte))
}

/// Where the last parts begin that are no words: a path or a name before them is no part of a token.
fn core_start(text: &[u8], start: usize, end: usize) -> usize {
    let mut core = start;
    for at in start..end {
        if byte_at(text, at) == Some(b'/') && is_wordlike(slice(text, core, at)) {
            core = at + 1;
        }
    }
    core
}

fn is_wordlike(part: &[u8]) -> bool {
    let likeness = Likeness::of(part);
    let is_mixed = likeness.digits > 0 && likeness.capitals > 0 && likeness.small > 0;
    (likeness.length < 6 && !is_mixed)
        || (likeness.surprise() < RANDOM && !(likeness.is_hex() && likeness.length >= MIN_HEX))
}

/// The token with the parts that dots, tildes and padding join to it.
fn with_parts(text: &[u8], start: usize, end: usize) -> (usize, usize) {
    let window = up_to(text, end + MAX_RUN);
    let mut to = end;
    while let Some(b'.' | b'~' | b'=' | b'+' | b'/' | b'%') = byte_at(window, to) {
        let next = end_of(window, to + 1, |byte| Charset::RUN.has(byte));
        let is_padding = byte_at(window, to) == Some(b'=') && next == to + 1;
        let part = slice(text, to + 1, next);
        if !is_padding && (part.len() < 4 || is_wordlike(part) && part.len() < MIN_RUN) {
            break;
        }
        to = next;
    }
    let mut from = start;
    while let Some(b'.' | b'~') = byte_before(text, from) {
        let earliest = from.saturating_sub(MAX_PARTS_BEFORE);
        let part = slice(text, earliest, from - 1);
        let length = part.iter().rev().take_while(|&&byte| Charset::TOKEN.has(byte)).count();
        let part_start = from - 1 - length;
        if length < 4 || is_wordlike(slice(text, part_start, from - 1)) {
            break;
        }
        from = part_start;
    }
    (after_escape(text, from), to)
}

/// Whether a body reads as words that hyphens or underscores join.
pub(crate) fn reads_as_words(body: &[u8]) -> bool {
    let likeness = Likeness::of(body);
    likeness.surprise() < RANDOM && !(likeness.is_hex() && likeness.digits > 3)
        || starts_at(body, 0, b"-")
}
