//! What the words before a value on its line say of it.

use crate::bytes::{
    Charset, byte_at, byte_before, end_of, is_escaped_space, placeholder_end, slice,
};
use crate::likeness::{Likeness, RANDOM};
use crate::rule::Rule;
use crate::run::MIN_RUN;
use crate::schema::{filter_hash, head_hash};
use crate::tables::{Says, Shape, Stands, WORD_BUCKETS, WORD_FILTER, WORDS, Word};

/// How far before a value its context may begin.
const REACH: usize = 96;

/// Longest end of a line by which the next is known to be the value of a pair.
const MAX_PAIR: usize = 128;

/// Most shapes that one context asks for: no vendor has as many.
const MAX_SHAPES: usize = 16;

/// What the words before a value say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Context {
    /// The nearest vendor that was named.
    pub(crate) vendor: Option<Rule>,
    /// Whether the vendor's name is a word of prose too, and not the last one before the value.
    pub(crate) is_weak: bool,
    /// Whether a word says that this is a secret, and none after it that it is a digest.
    pub(crate) is_secret: bool,
    /// Whether a word says that this is a digest or an identifier, and none after it that it is a secret.
    pub(crate) is_digest: bool,
    /// The shapes that words asked for; the nearest word's come last.
    shapes: [Option<&'static Shape>; MAX_SHAPES],
    shape_count: usize,
}

/// The text before a value in small letters, without what stands between the parts of a name.
struct Before {
    letters: [u8; REACH],
    length: usize,
    /// One bit for each letter that begins a word.
    starts: u128,
}

impl Before {
    /// Reads up to the value at `at`, from behind the last placeholder or key before it.
    ///
    /// Nothing reaches over either, so that hiding one thing never gives the next a context that it had not.
    fn read(text: &[u8], at: usize) -> Self {
        let mut before = Self { letters: [0; REACH], length: 0, starts: 0 };
        let upto = slice(text, 0, at);
        let (mut position, mut previous) = (line_start(text, at), b' ');
        while let Some(byte) = byte_at(upto, position) {
            if byte == b'['
                && let Some(end) = placeholder_end(text, position)
            {
                (before.length, before.starts) = (0, 0);
                (position, previous) = (end, b' ');
                continue;
            }
            if is_escaped_space(upto, position) {
                before.push(0, true);
                (position, previous) = (position + 2, b' ');
                continue;
            }
            let is_word = byte.is_ascii_alphanumeric();
            if is_word && !Charset::RUN.has(previous) {
                let end = end_of(upto, position, |byte| Charset::RUN.has(byte));
                if is_key(slice(text, position, end)) {
                    (before.length, before.starts) = (0, 0);
                    (position, previous) = (end, b' ');
                    continue;
                }
            }
            let is_start = is_word
                && (!previous.is_ascii_alphanumeric()
                    || (byte.is_ascii_uppercase() && previous.is_ascii_lowercase()));
            if is_word {
                before.push(byte.to_ascii_lowercase(), is_start);
            } else if !matches!(byte, b'_' | b'-' | b'.' | b' ') {
                before.push(0, true);
            }
            previous = byte;
            position += 1;
        }
        before
    }

    fn push(&mut self, letter: u8, is_start: bool) {
        if let Some(place) = self.letters.get_mut(self.length) {
            *place = letter;
            self.starts |= u128::from(is_start) << self.length;
            self.length += 1;
        }
    }

    fn is_start(&self, at: usize) -> bool {
        at >= self.length || self.starts >> at & 1 == 1
    }

    fn has(&self, word: &Word, at: usize) -> bool {
        let end = at + word.letters.len();
        if slice(&self.letters, at, end.min(self.length)) != word.letters {
            return false;
        }
        match word.stands {
            Stands::Anywhere => true,
            Stands::Begins => self.is_start(at),
            Stands::Alone => self.is_start(at) && self.is_start(end),
        }
    }
}

/// Whether a run before a value is one itself.
fn is_key(run: &[u8]) -> bool {
    if run.len() < MIN_RUN {
        return false;
    }
    let likeness = Likeness::of(run);
    likeness.digits > 1 && (likeness.is_hex() || likeness.surprise() >= RANDOM)
}

/// Where the context of a value at `at` begins: on its line, or on the one before if nothing else does.
fn line_start(text: &[u8], at: usize) -> usize {
    let earliest = at.saturating_sub(REACH);
    let mut start = start_of_line(text, earliest, at);
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'"' | b'\'');
    let is_begun = |line: &[u8]| line.iter().all(is_blank) || is_value_of_pair(line);
    if is_begun(slice(text, start, at)) && byte_before(text, start) == Some(b'\n') {
        let mut end = start - 1;
        while end > earliest && matches!(byte_before(text, end), Some(b'\r' | b' ' | b'\t')) {
            end -= 1;
        }
        if goes_on(slice(text, 0, end)) {
            start = start_of_line(text, earliest, end);
        }
    }
    if start == earliest && byte_before(text, start).is_some_and(|byte| byte != b'\n') {
        // What the reach cuts may be half of a key or of a placeholder.
        let upto = slice(text, 0, at);
        return end_of(upto, start, |byte| !is_blank(&byte) && byte != b'\n');
    }
    start
}

/// Whether nothing but the name `value` stands on a line before a value.
fn is_value_of_pair(line: &[u8]) -> bool {
    let in_name = |byte: &u8| byte.is_ascii_alphabetic();
    let begin = line.iter().position(in_name).unwrap_or(line.len());
    let name = slice(line, begin, line.len());
    let end = name.iter().position(|byte| !in_name(byte)).unwrap_or(name.len());
    slice(name, 0, end).eq_ignore_ascii_case(b"value")
        && slice(name, end, name.len()).iter().all(|byte| b" \t\"':=".contains(byte))
}

/// Whether what a line ends with says that the next line belongs to it: what opens a value or an element, or the
/// name of a pair whose value follows, as in `"name": "DB_PASSWORD",`.
pub(crate) fn goes_on(text: &[u8]) -> bool {
    let line = slice(text, text.len().saturating_sub(MAX_PAIR), text.len());
    match line {
        [.., b'>' | b':' | b'=' | b'(' | b'|' | b'\\'] | [.., b'|' | b'>', b'-' | b'+'] => true,
        _ => names_a_value(line),
    }
}

fn names_a_value(line: &[u8]) -> bool {
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'' | b'\\');
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let trimmed = |line: &[u8], is_left: &dyn Fn(&u8) -> bool| {
        line.len() - line.iter().rev().take_while(|byte| is_left(byte)).count()
    };
    let is_end = |byte: &u8| *byte == b',' || is_quote(byte) || is_blank(byte);
    let line = slice(line, 0, trimmed(line, &is_end));
    let name = trimmed(line, &|byte| Charset::DOTTED.has(*byte));
    let operator = trimmed(slice(line, 0, name), &|byte| is_quote(byte) || is_blank(byte));
    let Some((b':' | b'=', field)) = slice(line, 0, operator).split_last() else { return false };
    let field = slice(field, 0, trimmed(field, &|byte| is_quote(byte) || is_blank(byte)));
    let ends_with = |word: &[u8]| {
        field.len() >= word.len()
            && slice(field, field.len() - word.len(), field.len()).eq_ignore_ascii_case(word)
    };
    name < line.len() && (ends_with(b"name") || ends_with(b"key"))
}

fn start_of_line(text: &[u8], earliest: usize, at: usize) -> usize {
    let mut start = at;
    while start > earliest {
        let Some(byte) = byte_before(text, start) else { break };
        if byte == b'\n' {
            break;
        }
        if is_escaped_space(text, start - 1) && byte_at(text, start) == Some(b'n') {
            return start + 1;
        }
        start -= 1;
    }
    start
}

impl Context {
    /// Reads the context of the value at `at`.
    pub(crate) fn of(text: &[u8], at: usize) -> Self {
        let before = Before::read(text, at);
        let mut context = Self::default();
        let mut secret_end = 0;
        let mut digest_end = 0;
        for at in 0..before.length {
            let Some(&[first, second, third]) =
                before.letters.get(at..).and_then(|letters| letters.first_chunk())
            else {
                break;
            };
            let hash = filter_hash(first, second, third);
            if WORD_FILTER[hash / 64] & 1 << (hash % 64) == 0 {
                continue;
            }
            for word in words_at(&before, at, head_hash(first, second, third)) {
                match word.says {
                    Says::Vendor { rule, is_weak } => {
                        context.vendor = Some(rule);
                        let end = at + word.letters.len();
                        let rest = slice(&before.letters, end, before.length);
                        context.is_weak = is_weak && rest.iter().any(|&letter| letter != 0);
                    }
                    Says::Shape(shape) => context.ask_for(shape),
                    Says::Secret => secret_end = secret_end.max(at + word.letters.len()),
                    Says::Digest => digest_end = digest_end.max(at + word.letters.len()),
                }
            }
        }
        context.is_secret = secret_end > digest_end;
        context.is_digest = digest_end > secret_end;
        context
    }

    fn ask_for(&mut self, shape: &'static Shape) {
        if self.shape_count == MAX_SHAPES {
            self.shapes.rotate_left(1);
            self.shape_count -= 1;
        }
        if let Some(place) = self.shapes.get_mut(self.shape_count) {
            *place = Some(shape);
            self.shape_count += 1;
        }
    }

    /// The shapes that words asked for, those of the nearest word first.
    pub(crate) fn shapes(&self) -> impl Iterator<Item = &'static Shape> {
        self.shapes.iter().rev().filter_map(|shape| *shape)
    }
}

/// The words at `at`.
fn words_at(before: &Before, at: usize, hash: usize) -> impl Iterator<Item = &'static Word> {
    let start = WORD_BUCKETS.get(hash).copied().unwrap_or(0);
    let end = WORD_BUCKETS.get(hash + 1).copied().unwrap_or(0);
    let words = WORDS.get(usize::from(start)..usize::from(end)).unwrap_or_default();
    words.iter().filter(move |word| before.has(word, at))
}

/// Whether one of the words stands before `at` on its line.
pub(crate) fn names_one_of(text: &[u8], at: usize, words: &[&str]) -> bool {
    let before = Before::read(text, at);
    let letters = slice(&before.letters, 0, before.length);
    words.iter().any(|word| letters.windows(word.len()).any(|window| window == word.as_bytes()))
}
