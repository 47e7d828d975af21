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

/// How telling names end, without their `_`, `-` and `.` and in lower case. Of words that may begin with a capital
/// beyond ASCII, the rest.
const ENDS: &[(&[u8], Telling)] = &[
    (b"password", Telling::Password),
    (b"passwords", Telling::Password),
    (b"passwd", Telling::Password),
    (b"passphrase", Telling::Password),
    (b"passcode", Telling::Password),
    (b"passwort", Telling::Password),
    (b"kennwort", Telling::Password),
    (b"pwd", Telling::Password),
    (b"pass", Telling::Password),
    (b"psk", Telling::Password),
    (b"bindpw", Telling::Password),
    (b"rootpw", Telling::Password),
    (b"passe", Telling::Password),
    (b"senha", Telling::Password),
    (b"contrasena", Telling::Password),
    ("contraseña".as_bytes(), Telling::Password),
    (b"parola", Telling::Password),
    (b"wachtwoord", Telling::Password),
    (b"passord", Telling::Password),
    (b"losenord", Telling::Password),
    ("lösenord".as_bytes(), Telling::Password),
    (b"adgangskode", Telling::Password),
    (b"salasana", Telling::Password),
    (b"heslo", Telling::Password),
    (b"haslo", Telling::Password),
    ("hasło".as_bytes(), Telling::Password),
    (b"jelszo", Telling::Password),
    ("jelszó".as_bytes(), Telling::Password),
    (b"sifre", Telling::Password),
    ("şifre".as_bytes(), Telling::Password),
    ("ароль".as_bytes(), Telling::Password),
    ("ωδικός".as_bytes(), Telling::Password),
    ("密码".as_bytes(), Telling::Password),
    ("密碼".as_bytes(), Telling::Password),
    ("口令".as_bytes(), Telling::Password),
    ("パスワード".as_bytes(), Telling::Password),
    ("비밀번호".as_bytes(), Telling::Password),
    ("סיסמה".as_bytes(), Telling::Password),
    ("المرور".as_bytes(), Telling::Password),
    (b"token", Telling::Otherwise),
    (b"secret", Telling::Otherwise),
    (b"apikey", Telling::Otherwise),
    (b"accesskey", Telling::Otherwise),
    (b"secretkey", Telling::Otherwise),
    (b"privatekey", Telling::Otherwise),
    (b"authkey", Telling::Otherwise),
    (b"signingkey", Telling::Otherwise),
    (b"encryptionkey", Telling::Otherwise),
    (b"masterkey", Telling::Otherwise),
    (b"accountkey", Telling::Otherwise),
    (b"sharedkey", Telling::Otherwise),
    (b"licensekey", Telling::Otherwise),
    (b"appkey", Telling::Otherwise),
    (b"clientkey", Telling::Otherwise),
    (b"credential", Telling::Otherwise),
    (b"credentials", Telling::Otherwise),
    (b"authorization", Telling::Otherwise),
    (b"xauth", Telling::Otherwise),
    (b"signature", Telling::Otherwise),
    (b"sessionid", Telling::Otherwise),
    (b"cookie", Telling::Otherwise),
    (b"phrase", Telling::Words),
    (b"mnemonic", Telling::Words),
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
    /// As the names of phrases do, which are words only.
    Words,
    /// As fields and parameters do, of which code and prose are full.
    Otherwise,
}

/// One bit for each three letters that a telling name may end with.
static NAME_ENDS: [u64; 512] = name_ends();

const fn name_ends() -> [u64; 512] {
    let mut table = [0; 512];
    let mut row = 0;
    while row < ENDS.len() {
        let name = ENDS[row].0;
        let end = name.len();
        let letters = joined(name[end - 3], name[end - 2], name[end - 1]);
        table[letters / 64] |= 1 << (letters % 64);
        row += 1;
    }
    table
}

/// The rows of [`ENDS`] by the last letter, and where those of each letter begin.
static BY_LAST: ([u8; ENDS.len()], [u8; 33]) = by_last();

const fn by_last() -> ([u8; ENDS.len()], [u8; 33]) {
    let (mut rows, mut starts) = ([0; ENDS.len()], [0; 33]);
    let (mut count, mut letter) = (0_u8, 0_u8);
    while letter < 32 {
        let mut row = 0_u8;
        while (row as usize) < ENDS.len() {
            let name = ENDS[row as usize].0;
            if name[name.len() - 1] & 0x1F == letter {
                rows[count as usize] = row;
                count += 1;
            }
            row += 1;
        }
        letter += 1;
        starts[letter as usize] = count;
    }
    (rows, starts)
}

/// Three letters in any case, five bits each.
const fn joined(first: u8, second: u8, third: u8) -> usize {
    ((first & 0x1F) as usize) << 10 | ((second & 0x1F) as usize) << 5 | (third & 0x1F) as usize
}

/// How the name that ends at `end` tells that a secret follows the operator at `at`, if it does.
#[inline]
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
        if byte.is_ascii_alphabetic() || !byte.is_ascii() {
            let Some(before) = kept.checked_sub(1) else {
                break;
            };
            kept = before;
            letters[kept] = byte.to_ascii_lowercase();
        } else if !Charset::DOTTED.has(byte) {
            break;
        }
    }
    let last = usize::from(letters[MAX_NAME_END - 1] & 0x1F);
    let (rows, starts) = &BY_LAST;
    let rows = rows.get(usize::from(starts[last])..usize::from(starts[last + 1]))?;
    let ends = rows.iter().filter_map(|&row| ENDS.get(usize::from(row)));
    // The longest end decides: `passphrase` is no `phrase`.
    let told = ends.filter(|(name, _)| letters.ends_with(name)).max_by_key(|(name, _)| name.len());
    told.map(|&(_, telling)| telling)
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
