//! Names of variables, fields, options and elements, and what they tell of their value.

use crate::bytes::{Charset, byte_at, byte_before, is_left_boundary, slice, start_of};

/// What makes the upper-case name of a variable telling, and whether it does so as its first word too.
const UPPER_WORDS: &[(&[u8], bool)] = &[
    (b"TOKEN", true),
    (b"SECRET", true),
    (b"PASSWORD", true),
    (b"PASSWD", true),
    (b"KEY", false),
    (b"API", false),
];

/// How the name of a password ends, without its `_`, `-` and `.` and in lower case.
const PASSWORD_ENDS: &[&[u8]] = &[
    b"password",
    b"passwd",
    b"passphrase",
    b"passcode",
    b"passwort",
    b"kennwort",
    b"pwd",
    b"pass",
    b"senha",
    b"contrasena",
    b"motdepasse",
];

/// How any other telling name ends.
const SECRET_ENDS: &[&[u8]] = &[
    b"token",
    b"secret",
    b"apikey",
    b"accesskey",
    b"secretkey",
    b"privatekey",
    b"authkey",
    b"signingkey",
    b"encryptionkey",
    b"masterkey",
    b"accountkey",
    b"sharedkey",
    b"licensekey",
    b"appkey",
    b"clientkey",
    b"credential",
    b"credentials",
    b"authorization",
    b"xauth",
    b"signature",
    b"sessionid",
    b"cookie",
];

/// Longest end of a name that is looked at.
const MAX_NAME_END: usize = 24;

/// Shortest name of a telling variable.
const MIN_VARIABLE: usize = 3;

/// How a name tells that a secret follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// As variables of the environment do; their value may be anything.
    UpperCase,
    /// As the names of passwords do; people choose their values.
    Password,
    /// As fields and parameters do, of which code and prose are full.
    Otherwise,
}

/// One bit for each three letters that a telling name may end with.
static NAME_ENDS: [u64; 512] = name_ends();

const fn name_ends() -> [u64; 512] {
    let mut table = [0; 512];
    let lists = [PASSWORD_ENDS, SECRET_ENDS];
    let mut list = 0;
    while list < lists.len() {
        let mut row = 0;
        while row < lists[list].len() {
            let name = lists[list][row];
            let end = name.len();
            let letters = joined(name[end - 3], name[end - 2], name[end - 1]);
            table[letters / 64] |= 1 << (letters % 64);
            row += 1;
        }
        list += 1;
    }
    table
}

/// Three letters in any case, five bits each.
const fn joined(first: u8, second: u8, third: u8) -> usize {
    ((first & 0x1F) as usize) << 10 | ((second & 0x1F) as usize) << 5 | (third & 0x1F) as usize
}

/// How the name that ends at `end` tells that a secret follows the operator at `at`, if it does.
pub(crate) fn telling(text: &[u8], end: usize, at: usize) -> Option<Telling> {
    let is_upper = byte_before(text, end).is_some_and(|byte| Charset::UPPER_NAME.has(byte));
    if is_upper {
        let start = start_of(text, end, |byte| Charset::UPPER_NAME.has(byte));
        let is_variable = end - start >= MIN_VARIABLE
            && is_telling_variable(slice(text, start, end), byte_at(text, at))
            && is_left_boundary(text, start);
        if is_variable {
            return Some(Telling::UpperCase);
        }
    }
    if may_tell(text, end) { telling_end(text, end) } else { None }
}

/// Whether the last letters of a name allow that it tells, by its end or as a variable.
#[inline]
pub(crate) fn may_end_telling(text: &[u8], end: usize) -> bool {
    let is_upper = slice(text, end.saturating_sub(2), end)
        .first_chunk()
        .is_some_and(|&[second, third]| second < b'a' && Charset::UPPER_NAME.has(third));
    is_upper || may_tell(text, end)
}

/// Whether the last letters of a name allow that it is a telling one.
pub(crate) fn may_tell(text: &[u8], end: usize) -> bool {
    let Some(&[first, second, third]) = slice(text, end.saturating_sub(3), end).first_chunk()
    else {
        return false;
    };
    let letters = joined(first, second, third);
    let is_numbered = third.is_ascii_digit() || third == b'_';
    is_numbered || NAME_ENDS[letters / 64] & 1 << (letters % 64) != 0
}

/// What the end of a name tells, whatever its case and separators.
pub(crate) fn telling_end(text: &[u8], end: usize) -> Option<Telling> {
    let mut letters = [0; MAX_NAME_END];
    let mut kept = MAX_NAME_END;
    for &byte in slice(text, end.saturating_sub(2 * MAX_NAME_END), end).iter().rev() {
        if byte.is_ascii_alphabetic() {
            let Some(before) = kept.checked_sub(1) else {
                break;
            };
            kept = before;
            letters[kept] = byte.to_ascii_lowercase();
        } else if !Charset::DOTTED.has(byte) {
            break;
        }
    }
    // Comparing two letters first spares nearly all comparisons of names.
    let last = letters.last_chunk::<2>();
    let ends_with_one = |names: &[&[u8]]| {
        names.iter().any(|name| name.last_chunk::<2>() == last && letters.ends_with(name))
    };
    if ends_with_one(PASSWORD_ENDS) {
        return Some(Telling::Password);
    }
    ends_with_one(SECRET_ENDS).then_some(Telling::Otherwise)
}

/// Whether the upper-case name of a variable holds one of the words.
fn is_telling_variable(name: &[u8], operator: Option<u8>) -> bool {
    let letters = name.iter().fold(0_u32, |letters, byte| letters | 1 << (byte & 0x1F));
    UPPER_WORDS.iter().any(|&(word, as_first)| {
        let needed = word.iter().fold(0_u32, |needed, byte| needed | 1 << (byte & 0x1F));
        let may_hold = letters & needed == needed;
        let is_alone = name.len() == word.len() && operator == Some(b'=');
        let is_word = !name.get(word.len()).is_some_and(u8::is_ascii_uppercase);
        may_hold
            && name
                .windows(word.len())
                .enumerate()
                .any(|(at, window)| window == word && (at > 0 || is_alone || (as_first && is_word)))
    })
}
