//! Keys and tokens that are known by their own form.

use crate::bytes::{
    Charset, after_escape, byte_at, end_of, ends_escape, is_left_boundary, slice, start_of,
};
use crate::rule::{AWS_SECRET_KEY, DISCORD_TOKEN, Edge, JWT, KEY_FORMS, KeyForm};
use crate::scan::Scanner;

/// How much of a body is looked at to tell hyphenated words from a key.
const MAX_WORDS: usize = 64;

/// Longest word in a body of hyphenated words.
const MAX_WORD: usize = 15;

/// Longest number in a body of hyphenated words: a year.
const MAX_NUMBER: usize = 4;

/// Shortest run of mixed letters and digits that is a key even where a head could end a word.
const MIN_MIXED: usize = 10;

/// Shortest part of a JSON web token; the first is three longer, for its `eyJ`.
const MIN_JWT_PART: usize = 10;

/// Lengths of the parts of a Discord token; the first and the last have grown over the years.
const DISCORD_FIRST: std::ops::RangeInclusive<usize> = 24..=26;
const DISCORD_SECOND: usize = 6;
const MIN_DISCORD_LAST: usize = 27;

/// Length of an AWS secret key, of which nothing else is known.
const AWS_SECRET_LENGTH: usize = 40;

/// For each [`ending`], whether a head may end so: one bit each.
static HEAD_ENDS: [u64; 1024] = head_ends();

const fn head_ends() -> [u64; 1024] {
    let mut table = [0; 1024];
    let mut row = 0;
    while row < KEY_FORMS.len() {
        let head = KEY_FORMS[row].head.as_bytes();
        let end = head.len();
        let ending = ending(head[end - 3], head[end - 2], head[end - 1]);
        table[ending / 64] |= 1 << (ending % 64);
        row += 1;
    }
    table
}

/// Three bytes in 16 bits. That some share theirs costs a look at the heads, and there are few such.
const fn ending(first: u8, second: u8, third: u8) -> usize {
    ((first as usize) << 8) ^ ((second as usize) << 4) ^ (third as usize)
}

/// Finds the keys whose head ends with the byte at `at`.
pub(crate) fn find_keys(scanner: &mut Scanner<'_>, at: usize) {
    let upto = slice(scanner.text, 0, at + 1);
    let Some(&[first, second, third]) = upto.last_chunk() else {
        return;
    };
    let ending = ending(first, second, third);
    if HEAD_ENDS[ending / 64] & (1 << (ending % 64)) == 0 {
        return;
    }
    for form in KEY_FORMS {
        if upto.ends_with(form.head.as_bytes()) {
            find_key(scanner, form, at + 1);
        }
    }
}

fn find_key(scanner: &mut Scanner<'_>, form: &KeyForm, body: usize) {
    let start = body - form.head.len();
    let end = scanner.run_end(form.body, body);
    if end - body < form.min {
        return;
    }
    let text = scanner.text;
    let fits = match form.edge {
        Edge::Free => true,
        Edge::Left => is_left_boundary(text, start),
        Edge::Exact => {
            let ends = !byte_at(text, end).is_some_and(|byte| Charset::ALPHANUMERIC.has(byte));
            end - body == form.min && ends && is_left_boundary(text, start)
        }
        Edge::NotWords => {
            let looked_at = slice(text, body, end.min(body + MAX_WORDS));
            !is_words(looked_at) && (is_left_boundary(text, start) || is_mixed(looked_at))
        }
    };
    if !fits {
        return;
    }
    match scanner.spans.last_mut() {
        // A longer head at the same place says more.
        Some(last) if last.start == start => {
            last.rule = form.rule;
            last.end = last.end.max(end);
        }
        // Inside of one that says the same.
        Some(last) if last.start < start && end <= last.end && last.rule == form.rule => {}
        _ => scanner.found(form.rule, start, end),
    }
}

/// Whether hyphens join nothing but words and years, as in `analysis-report-2024`.
fn is_words(body: &[u8]) -> bool {
    let is_word = |part: &[u8]| {
        let letters = part.len() <= MAX_WORD && part.iter().all(u8::is_ascii_lowercase);
        let number = part.len() <= MAX_NUMBER && part.iter().all(u8::is_ascii_digit);
        letters || number
    };
    body.split(|&byte| byte == b'-' || byte == b'_').all(is_word)
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

/// Finds the JSON web token whose `eyJ` ends at `at`.
pub(crate) fn find_jwt(scanner: &mut Scanner<'_>, at: usize) {
    let Some(start) = at.checked_sub(2) else {
        return;
    };
    if start < scanner.no_jwt_before || slice(scanner.text, start, at) != b"ey" {
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
    scanner.found(JWT, start, end);
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

/// Finds the runs of base64 that are exactly as long as an AWS secret key and no digest.
///
/// Looks at every fortieth byte and measures only the runs that it meets.
pub(crate) fn find_aws_secret_keys(scanner: &mut Scanner<'_>) {
    let in_run = |byte: u8| Charset::BASE64.has(byte) || byte == b'=';
    let mut searched = 0;
    while let Some(probe) = byte_at(scanner.text, searched + AWS_SECRET_LENGTH - 1) {
        let at = searched + AWS_SECRET_LENGTH - 1;
        if !in_run(probe) {
            searched = at + 1;
            continue;
        }
        let end = end_of(scanner.text, at, in_run);
        let start = start_of(scanner.text, at, in_run).max(searched);
        find_aws_secret_key(scanner, start, end);
        searched = end;
    }
}

/// Finds a key in a run of base64 and equals signs, which is all of it or stands after the signs.
fn find_aws_secret_key(scanner: &mut Scanner<'_>, start: usize, end: usize) {
    let text = scanner.text;
    let signs = slice(text, start, end);
    let after_signs =
        signs.iter().rposition(|&byte| byte == b'=').map_or(start, |at| start + at + 1);
    let key = [start, after_signs].into_iter().find_map(|start| {
        let key = end.checked_sub(AWS_SECRET_LENGTH).filter(|&key| key >= start)?;
        (key == start || ends_escape(text, key)).then_some(key)
    });
    if let Some(key) = key {
        let is_digest = slice(text, after_escape(text, key), end).iter().all(u8::is_ascii_hexdigit);
        if !is_digest {
            scanner.found(AWS_SECRET_KEY, key, end);
        }
    }
}
