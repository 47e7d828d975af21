//! Keys and tokens that are known by their own form.

use crate::bytes::{Charset, byte_at, end_of, is_left_boundary, slice, starts_at, up_to};
use crate::context::names_one_of;
use crate::likeness::Likeness;
use crate::rule::{DISCORD_TOKEN, JWT};
use crate::run::reads_as_words;
use crate::scan::Scanner;
use crate::schema::{filter_hash, head_hash};
use crate::tables::{FREE, FREE_BUCKETS, FREE_FILTER, HEAD_BUCKETS, HEAD_FILTER, HEADED, Shape};

/// How much of a body is looked at to tell words from a key.
const MAX_WORDS: usize = 64;

/// Longest head that is looked for before a joint.
const MAX_HEAD: usize = 24;

/// Shortest run of mixed letters and digits that is a key even where a head could end a word.
const MIN_MIXED: usize = 10;

/// Fewest letters and digits of the body of a key that is glued to another.
const MIN_GLUED: u32 = 12;

/// Shortest part of a JSON web token; the first is three longer, for its `eyJ`.
const MIN_JWT_PART: usize = 10;

/// Lengths of the parts of a Discord token; the first and the last have grown over the years.
const DISCORD_FIRST: std::ops::RangeInclusive<usize> = 24..=26;
const DISCORD_SECOND: usize = 6;
const MIN_DISCORD_LAST: usize = 27;

/// Finds the key whose head begins at `start`.
#[inline]
pub(crate) fn find_headed(scanner: &mut Scanner<'_>, start: usize) {
    let Some(&[first, second, third]) =
        scanner.text.get(start..).and_then(|rest| rest.first_chunk())
    else {
        return;
    };
    let hash = filter_hash(first, second, third);
    if HEAD_FILTER[hash / 64] & (1 << (hash % 64)) == 0 {
        return;
    }
    if [first, second, third] == *b"eyJ" {
        find_jwt(scanner, start);
    }
    let here = first_eight(scanner.text, start);
    for shape in bucket(head_hash(first, second, third)) {
        let may_begin = (here ^ shape.prefix) & shape.prefix_mask == 0;
        if may_begin
            && starts_at(scanner.text, start, shape.head)
            && find_shape(scanner, shape, start, false)
        {
            return;
        }
    }
}

/// The eight bytes from `start` on as a number, with zeros behind the end of the text.
fn first_eight(text: &[u8], start: usize) -> u64 {
    let rest = slice(text, start, text.len());
    let bytes = rest.first_chunk().copied().unwrap_or_else(|| {
        let mut bytes = [0; 8];
        for (place, byte) in bytes.iter_mut().zip(rest) {
            *place = *byte;
        }
        bytes
    });
    u64::from_le_bytes(bytes)
}

fn bucket(hash: usize) -> &'static [Shape] {
    let start = HEAD_BUCKETS.get(hash).copied().unwrap_or(0);
    let end = HEAD_BUCKETS.get(hash + 1).copied().unwrap_or(0);
    HEADED.get(usize::from(start)..usize::from(end)).unwrap_or_default()
}

/// Finds the key whose head ends with the joint at `joint` and begins within a word.
///
/// Only heads that say of themselves that anything may stand before them count, and only before a body that
/// no word has.
#[inline]
pub(crate) fn find_headed_before(scanner: &mut Scanner<'_>, joint: usize) {
    let text = scanner.text;
    let Some(&[first, second, third]) =
        joint.checked_sub(2).and_then(|from| text.get(from..)).and_then(|rest| rest.first_chunk())
    else {
        return;
    };
    let hash = filter_hash(first, second, third);
    if FREE_FILTER[hash / 64] & (1 << (hash % 64)) == 0 {
        return;
    }
    let hash = head_hash(first, second, third);
    let (from, to) = (FREE_BUCKETS[hash], FREE_BUCKETS[hash + 1]);
    if scanner.is_covered(joint) {
        return;
    }
    let upto = slice(text, joint.saturating_sub(MAX_HEAD), joint + 1);
    let rows = FREE.get(usize::from(from)..usize::from(to)).unwrap_or_default();
    for shape in rows.iter().filter_map(|&row| HEADED.get(usize::from(row))) {
        if upto.ends_with(shape.head) {
            let start = joint + 1 - shape.head.len();
            if !is_left_boundary(text, start) && find_shape(scanner, shape, start, true) {
                return;
            }
        }
    }
}

/// Finds keys whose first part stands before the run at `run`, joined to it by a dot or a colon.
pub(crate) fn find_headed_parts(scanner: &mut Scanner<'_>, earliest: usize, run: usize) {
    let text = scanner.text;
    let in_parts = |byte: u8| Charset::DOTTED.has(byte) || b":/~$!*=|#^&?+".contains(&byte);
    let parts = slice(text, earliest, run);
    let count = parts.iter().rev().take_while(|&&byte| in_parts(byte)).count();
    for at in run - count..run {
        if is_left_boundary(text, at) && !scanner.is_covered(at) {
            find_headed(scanner, at);
        }
    }
}

/// Notes the key of that shape at `start`, if there is one.
fn find_shape(
    scanner: &mut Scanner<'_>,
    shape: &'static Shape,
    start: usize,
    is_glued: bool,
) -> bool {
    let text = scanner.text;
    let may_stand = if is_glued { shape.is_free } else { is_left_boundary(text, start) };
    if scanner.is_covered(start) || !may_stand {
        return false;
    }
    let end = shape.end(text, start, |set, at| scanner.run_end(set, at));
    let Some(end) = end else {
        return false;
    };
    let body = slice(text, start + shape.head.len(), end.min(start + shape.head.len() + MAX_WORDS));
    let is_proven =
        shape.checksum.is_some_and(|checksum| checksum.is_right(slice(text, start, end)));
    let is_refused = !is_proven
        && ((shape.refuses_words && reads_as_words(body)) || (is_glued && !is_mixed(body)));
    if is_refused || !(shape.context.is_empty() || names_one_of(text, start, shape.context)) {
        return false;
    }
    scanner.found_key(shape.rule, start, end_of_glued(text, end));
    true
}

/// Where what is glued to the key that ends at `end` ends: the body of another key, if it is no word.
fn end_of_glued(text: &[u8], end: usize) -> usize {
    let window = up_to(text, end + MAX_WORDS);
    if !byte_at(text, end).is_some_and(|byte| Charset::JOINT.has(byte)) {
        return end;
    }
    let glued = end_of(window, end, |byte| Charset::RUN.has(byte));
    let likeness = Likeness::of(slice(text, end, glued));
    let is_key = likeness.length >= MIN_GLUED && likeness.is_random();
    if is_key { end_of(text, glued, |byte| Charset::RUN.has(byte)) } else { end }
}

/// Whether a run of letters and digits is long and mixes cases and digits, as no word does.
fn is_mixed(body: &[u8]) -> bool {
    let runs = body.split(|byte| !byte.is_ascii_alphanumeric());
    runs.filter(|run| run.len() >= MIN_MIXED).any(|run| {
        run.iter().any(u8::is_ascii_digit)
            && run.iter().any(u8::is_ascii_lowercase)
            && run.iter().any(u8::is_ascii_uppercase)
    })
}

/// Finds the JSON web token that begins at `start`.
fn find_jwt(scanner: &mut Scanner<'_>, start: usize) {
    if start < scanner.no_jwt_before {
        return;
    }
    let header_end = scanner.run_end(Charset::TOKEN, start);
    // Whatever starts within this header has the same parts after it: found with it, or not at all.
    scanner.no_jwt_before = header_end;
    if header_end - start < MIN_JWT_PART + 3 {
        return;
    }
    let Some(claims_end) = next_part(scanner.text, header_end) else {
        return;
    };
    let Some(mut end) = next_part(scanner.text, claims_end) else {
        return;
    };
    // An encrypted one has five parts.
    while let Some(further) = next_part(scanner.text, end) {
        end = further;
    }
    scanner.no_jwt_before = end;
    scanner.found_key(JWT, start, end);
}

/// Where the part of a web token ends that a dot at `dot` begins.
fn next_part(text: &[u8], dot: usize) -> Option<usize> {
    if byte_at(text, dot) != Some(b'.') {
        return None;
    }
    let end = end_of(text, dot + 1, |byte| Charset::TOKEN.has(byte));
    (end - dot > MIN_JWT_PART).then_some(end)
}

/// Finds the Discord token whose first dot is at `dot`.
pub(crate) fn find_discord_token(scanner: &mut Scanner<'_>, dot: usize) {
    let text = scanner.text;
    let second_dot = dot + 1 + DISCORD_SECOND;
    let is_token = |part: &[u8]| part.iter().all(|&byte| Charset::TOKEN.has(byte));
    if byte_at(text, second_dot) != Some(b'.') || !is_token(slice(text, dot + 1, second_dot)) {
        return;
    }
    let starts = DISCORD_FIRST.filter_map(|length| Some((length, dot.checked_sub(length)?)));
    let mut start = starts.filter(|&(length, start)| {
        let is_shortest = length == *DISCORD_FIRST.start();
        matches!(byte_at(text, start), Some(b'M' | b'N' | b'O'))
            && is_token(slice(text, start, dot))
            && (is_shortest || is_left_boundary(text, start))
    });
    // The longest that fits, so that nothing of it is left over.
    let Some((_, start)) = start.next_back() else {
        return;
    };
    let end = scanner.run_end(Charset::TOKEN, second_dot + 1);
    if end - second_dot > MIN_DISCORD_LAST {
        scanner.found(DISCORD_TOKEN, start, end);
    }
}
