//! Looking at bytes: character sets, boundaries, escapes and placeholders. Nothing here can panic.

use crate::cut::MAX_BLANK;

/// How a placeholder begins.
pub(crate) const PLACEHOLDER_HEAD: &[u8] = b"[REDACTED:";

/// Longest name in a placeholder: longer ones are text, lest a secret hides in brackets, and this one
/// is shorter than an AWS secret key, which is known by its length.
const MAX_NAME: usize = 39;

/// Most digits in the name of a placeholder, for the same reason.
const MAX_NAME_DIGITS: usize = 2;

/// Longest placeholder, brackets included.
pub(crate) const MAX_PLACEHOLDER: usize = PLACEHOLDER_HEAD.len() + MAX_NAME + 1;

/// Most spaces that a rule looks over within a line.
const MAX_SPACES: usize = 40;

/// Longest terminal colour code that counts as a boundary, from its bracket to its `m`.
const MAX_COLOUR_CODE: usize = 12;

/// A set of bytes: one bit of [`MEMBERSHIP`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Charset(u32);

macro_rules! charsets {
    ($($name:ident: $what:literal, $pattern:pat,)*) => {
        charsets!(@consts 0, $($name $what)*);

        const fn sets_of(byte: u8) -> u32 {
            let mut sets = 0;
            $(if matches!(byte, $pattern) {
                sets |= Charset::$name.0;
            })*
            sets
        }

        impl Charset {
            /// How many sets there are.
            pub(crate) const COUNT: usize = [$(stringify!($name)),*].len();
        }
    };
    (@consts $bit:expr, $name:ident $what:literal $($rest:tt)*) => {
        impl Charset {
            #[doc = $what]
            pub(crate) const $name: Self = Self(1 << ($bit));
        }
        charsets!(@consts $bit + 1, $($rest)*);
    };
    (@consts $bit:expr,) => {};
}

charsets! {
    // Those that shapes name, in the order of `schema::SETS`.
    ALNUM: "`A-Z a-z 0-9`", b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9',
    WORD: "Alphanumeric and `_`", b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_',
    KEBAB: "Alphanumeric and `-`", b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-',
    TOKEN: "Alphanumeric, `_` and `-`", b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-',
    DOTTED: "Token and `.`", b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.',
    BASE64: "Alphanumeric, `+` and `/`", b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/',
    UPPER: "`A-Z 0-9`", b'A'..=b'Z' | b'0'..=b'9',
    DIGIT: "`0-9`", b'0'..=b'9',
    LOWER: "`a-z 0-9`", b'a'..=b'z' | b'0'..=b'9',
    LETTERS: "`A-Z a-z`", b'A'..=b'Z' | b'a'..=b'z',
    CAPITALS: "`A-Z`", b'A'..=b'Z',
    SMALL: "`a-z`", b'a'..=b'z',
    HEX: "`0-9 a-f`", b'0'..=b'9' | b'a'..=b'f',
    XDIGIT: "`0-9 a-f A-F`", b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F',
    PADDED: "Base64 and `=`", b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'=',
    TOKENPAD: "Token and `=`", b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'=',
    BASE58: "Alphanumeric but `0 I O l`",
        b'1'..=b'9' | b'A'..=b'H' | b'J'..=b'N' | b'P'..=b'Z' | b'a'..=b'k' | b'm'..=b'z',
    BASE32: "`A-Z 2-7`", b'A'..=b'Z' | b'2'..=b'7',
    BECH32: "Digits but `1` and letters but `B I O`, in both cases",
        b'0' | b'2'..=b'9' | b'A' | b'C'..=b'H' | b'J'..=b'N' | b'P'..=b'Z' | b'a' | b'c'..=b'h' | b'j'..=b'n' | b'p'..=b'z',
    PERCENT: "Token and `. % ~`",
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'%' | b'~',
    ANY: "Printable but quotes, backslash, angle brackets and `)`",
        b'!' | b'#'..=b'&' | b'(' | b'*'..=b';' | b'=' | b'?'..=b'[' | b']'..=b'_' | b'a'..=b'~',
    // Ours.
    BEARER: "What may follow `Bearer`: token and `. ~ + /`",
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'~' | b'+' | b'/',
    LOCAL_PART: "The part of an address before `@`: token and `. % +`",
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'%' | b'+',
    HOST: "A host name: alphanumeric, `.` and `-`",
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-',
    SCHEME: "A URL's scheme: host and `+`",
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'+',
    UPPER_NAME: "The name of an environment variable: `A-Z 0-9 _`",
        b'A'..=b'Z' | b'0'..=b'9' | b'_',
    SPACE: "ASCII white space", b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c,
    RUN: "What a run is made of: alphanumeric and `_ + / -`",
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'+' | b'/' | b'-',
    AUTHORITY: "What may stand in a URL between `//` and the path, in ASCII, bar the `@`",
        0..=8 | 0x0e..=0x1f | b'!' | b'$'..=b'&' | b'('..=b'.' | b'0'..=b';' | b'=' | b'A'..=b'Z' | b'^' | b'_' | b'a'..=0x7f,
    JOINT: "What joins letters and digits in a run", b'_' | b'+' | b'/' | b'-',
}

impl Charset {
    /// Whether the byte is in the set.
    pub(crate) fn has(self, byte: u8) -> bool {
        MEMBERSHIP[usize::from(byte)] & self.0 != 0
    }

    /// The set whose number in `schema::SETS` this is.
    #[cfg(test)]
    pub(crate) const fn numbered(number: usize) -> Self {
        Self(1 << number)
    }

    /// A number from 0 to [`Charset::COUNT`] that is the set's own.
    pub(crate) fn index(self) -> usize {
        self.0.trailing_zeros() as usize
    }
}

/// For each byte, the sets that it is in.
static MEMBERSHIP: [u32; 256] = membership();

const fn membership() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0u8;
    while byte < 128 {
        table[byte as usize] = sets_of(byte);
        byte += 1;
    }
    table
}

/// The byte at `at`, if there is one.
pub(crate) fn byte_at(text: &[u8], at: usize) -> Option<u8> {
    text.get(at).copied()
}

/// The byte before `at`, if there is one.
pub(crate) fn byte_before(text: &[u8], at: usize) -> Option<u8> {
    text.get(at.checked_sub(1)?).copied()
}

/// Whether `needle` stands at `at`.
pub(crate) fn starts_at(text: &[u8], at: usize, needle: &[u8]) -> bool {
    text.get(at..).is_some_and(|rest| rest.starts_with(needle))
}

/// The bytes from `start` to `end`, none if that is no range of the text.
pub(crate) fn slice(text: &[u8], start: usize, end: usize) -> &[u8] {
    text.get(start..end).unwrap_or_default()
}

/// Up to `count` bytes from `from` on: fewer where the text ends before.
pub(crate) fn ahead(text: &[u8], from: usize, count: usize) -> &[u8] {
    slice(text, from, text.len().min(from + count))
}

/// The text up to `end`: a rule that looks ahead within it looks no farther.
pub(crate) fn up_to(text: &[u8], end: usize) -> &[u8] {
    slice(text, 0, text.len().min(end))
}

/// One past the last of the bytes from `from` on that are accepted.
pub(crate) fn end_of(text: &[u8], from: usize, accepts: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let length = rest.iter().position(|&byte| !accepts(byte)).unwrap_or(rest.len());
    count_work(length + 1);
    from + length
}

/// The first of the bytes right before `to` that are accepted.
pub(crate) fn start_of(text: &[u8], to: usize, accepts: impl Fn(u8) -> bool) -> usize {
    let before = text.get(..to).unwrap_or_default();
    let start = before.iter().rposition(|&byte| !accepts(byte)).map_or(0, |at| at + 1);
    count_work(to.saturating_sub(start) + 1);
    start
}

/// Where the white space at `from` ends, if it is not longer than any rule looks over.
pub(crate) fn end_of_blank(text: &[u8], from: usize) -> usize {
    let window = up_to(text, from + MAX_BLANK - 1);
    end_of(window, from, |byte| Charset::SPACE.has(byte))
}

/// Where the spaces at `from` end, if they are not more than any rule looks over.
pub(crate) fn end_of_spaces(text: &[u8], from: usize) -> usize {
    let window = up_to(text, from + MAX_SPACES);
    end_of(window, from, |byte| byte == b' ')
}

/// Whether a token may begin at `at`: what stands before is no letter or digit, or ends an escape.
pub(crate) fn is_left_boundary(text: &[u8], at: usize) -> bool {
    let touches = byte_before(text, at).is_some_and(|byte| Charset::ALNUM.has(byte));
    !touches || ends_escape(text, at)
}

/// Whether an escape ends before `at`, whose last byte touches what follows without being part of it.
///
/// That is the `n` of `\n`, the last digit of `\u003d`, `\x3d` and `%3D`, and the `m` of a terminal's colour.
pub(crate) fn ends_escape(text: &[u8], at: usize) -> bool {
    let hex_escape = |head: &[u8], digits: usize| {
        at.checked_sub(head.len() + digits).is_some_and(|start| {
            starts_at(text, start, head)
                && slice(text, at - digits, at).iter().all(u8::is_ascii_hexdigit)
        })
    };
    let letter_escape = byte_before(text, at).is_some_and(is_escape_letter)
        && at.checked_sub(2).is_some_and(|start| starts_at(text, start, b"\\"));
    letter_escape
        || hex_escape(b"%", 2)
        || hex_escape(b"\\x", 2)
        || hex_escape(b"\\u", 4)
        || ends_colour_code(text, at)
}

fn is_escape_letter(byte: u8) -> bool {
    matches!(byte, b'n' | b'r' | b't' | b'b' | b'f')
}

fn ends_colour_code(text: &[u8], at: usize) -> bool {
    if byte_before(text, at) != Some(b'm') {
        return false;
    }
    let code = slice(text, at.saturating_sub(MAX_COLOUR_CODE), at - 1);
    let parameters = code.iter().rev().take_while(|byte| matches!(byte, b'0'..=b'9' | b';'));
    let bracket = code.len().checked_sub(parameters.count() + 1);
    bracket.is_some_and(|bracket| byte_at(code, bracket) == Some(b'['))
}

/// Where a span that would start at `start` may start without cutting an escape of the text around it.
pub(crate) fn after_escape(text: &[u8], start: usize) -> usize {
    for back in 1..=5 {
        let Some(backslash) = start.checked_sub(back) else {
            break;
        };
        if byte_at(text, backslash) != Some(b'\\') {
            continue;
        }
        let letter = byte_at(text, backslash + 1);
        let digits = slice(text, backslash + 2, backslash + 6);
        if letter == Some(b'u') && digits.len() == 4 && digits.iter().all(u8::is_ascii_hexdigit) {
            return backslash + 6;
        }
        let is_escape = letter.is_some_and(|letter| is_escape_letter(letter) || letter == b'/');
        return if back == 1 && is_escape { start + 1 } else { start };
    }
    start
}

/// Whether the two bytes at `at` are the escape of a line break or a tab.
pub(crate) fn is_escaped_space(text: &[u8], at: usize) -> bool {
    byte_at(text, at) == Some(b'\\') && matches!(byte_at(text, at + 1), Some(b'n' | b'r' | b't'))
}

/// Where the placeholder that starts at `start` ends, if one does.
pub(crate) fn placeholder_end(text: &[u8], start: usize) -> Option<usize> {
    let name = text.get(start..)?.strip_prefix(PLACEHOLDER_HEAD)?;
    let length = name.iter().take(MAX_NAME + 1).position(|&byte| byte == b']')?;
    let name = name.get(..length)?;
    let may_follow = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    let digits = name.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_name = name.first()?.is_ascii_lowercase() && name.iter().all(may_follow);
    (is_name && digits <= MAX_NAME_DIGITS).then_some(start + PLACEHOLDER_HEAD.len() + length + 1)
}

/// Whether the byte at `at` belongs to a placeholder.
pub(crate) fn is_in_placeholder(text: &[u8], at: usize) -> bool {
    let earliest = at.saturating_sub(MAX_PLACEHOLDER);
    let before = slice(text, earliest, at + 1);
    before
        .iter()
        .rposition(|&byte| byte == b'[')
        .is_some_and(|open| placeholder_end(text, earliest + open).is_some_and(|end| end > at))
}

#[cfg(test)]
thread_local! {
    /// How many bytes this thread looked at, for the test that work grows with the length only.
    pub(crate) static WORK: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
pub(crate) fn count_work(bytes: usize) {
    WORK.set(WORK.get() + bytes);
}

#[cfg(not(test))]
pub(crate) fn count_work(_bytes: usize) {}
