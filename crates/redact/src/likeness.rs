//! How unlike words a token is: the one device that tells a key from a long identifier.
//!
//! For each pair of neighbours the table holds how surprising the second is after the first in source code
//! and documentation, in eighths of a bit. Words and identifiers average around four bits a character,
//! random tokens above five. `likeness.py` beside it says how the table was made.

/// Letters without case, any digit, and the edge of a word.
const SYMBOLS: usize = 28;
const DIGIT: u8 = 26;
const EDGE: u8 = 27;

/// Where a small letter is followed by a capital, a new word begins; in words that is rare.
const CASE_CHANGE: u32 = 12;

/// From this average on, in eighths of a bit, a token is no word: one identifier with digits in thirty reaches it.
pub(crate) const RANDOM: u32 = 39;

/// The same for tokens of fewer than [`LONG`] letters and digits, which chance makes look random.
const RANDOM_IF_SHORT: u32 = 43;
const LONG: u32 = 24;

/// From this average on, it is random without any doubt: hardly an identifier does.
pub(crate) const SURELY_RANDOM: u32 = 46;

static SURPRISE: &[u8; SYMBOLS * SYMBOLS] = include_bytes!("likeness.bin");

/// What a token is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Likeness {
    /// Letters and digits.
    pub(crate) length: u32,
    pub(crate) digits: u32,
    pub(crate) capitals: u32,
    pub(crate) small: u32,
    /// Those that no hexadecimal number has.
    pub(crate) beyond_hex: u32,
    /// How many different letters and digits there are, of at most 62.
    pub(crate) distinct: u32,
    /// How many follow the one before in the alphabet or in number.
    pub(crate) successions: u32,
    /// In eighths of a bit, summed over all but digits after digits, which say nothing.
    surprise: u32,
    surprising: u32,
}

impl Likeness {
    /// Measures a token.
    pub(crate) fn of(token: &[u8]) -> Self {
        let mut likeness = Self::default();
        let (mut before, mut seen) = (EDGE, 0_u128);
        let (mut was_small, mut previous) = (false, 0_u8);
        for &byte in token {
            let symbol = match byte {
                b'0'..=b'9' => DIGIT,
                b'a'..=b'z' => byte - b'a',
                b'A'..=b'Z' => byte - b'A',
                _ => {
                    (before, was_small) = (EDGE, false);
                    continue;
                }
            };
            let is_capital = byte.is_ascii_uppercase();
            if is_capital && was_small {
                likeness.surprise += CASE_CHANGE;
                before = EDGE;
            }
            if before != DIGIT || symbol != DIGIT {
                likeness.surprise += surprise(before, symbol);
                likeness.surprising += 1;
            }
            likeness.length += 1;
            likeness.digits += u32::from(symbol == DIGIT);
            likeness.capitals += u32::from(is_capital);
            likeness.beyond_hex += u32::from((b'f' - b'a' + 1..DIGIT).contains(&symbol));
            likeness.successions += u32::from(byte.wrapping_sub(previous) == 1);
            previous = byte;
            seen |= 1 << (byte & 0x7F);
            was_small = byte.is_ascii_lowercase();
            likeness.small += u32::from(was_small);
            before = symbol;
        }
        likeness.distinct = seen.count_ones();
        likeness
    }

    /// Average surprise in eighths of a bit a character.
    pub(crate) fn surprise(&self) -> u32 {
        self.surprise.checked_div(self.surprising).unwrap_or(0)
    }

    /// Whether a token is no word: the shorter, the more surprising it must be.
    pub(crate) fn is_random(&self) -> bool {
        let is_mixed_hex = self.beyond_hex == 0 && !self.is_hex() && self.length >= LONG;
        if is_mixed_hex && self.digits > 4 {
            return true;
        }
        let least = if self.length < LONG { RANDOM_IF_SHORT } else { RANDOM };
        self.surprise() >= least && (self.digits > 1 || self.surprise() >= SURELY_RANDOM)
    }

    /// Whether nothing but hexadecimal digits, of one case, in both kinds.
    pub(crate) fn is_hex(&self) -> bool {
        self.beyond_hex == 0 && (self.capitals == 0 || self.small == 0)
    }
}

fn surprise(before: u8, symbol: u8) -> u32 {
    let at = usize::from(before) * SYMBOLS + usize::from(symbol);
    SURPRISE.get(at).copied().map_or(0, u32::from)
}

#[cfg(test)]
mod tests {
    use super::Likeness;

    #[test]
    fn identifiers_are_less_surprising_than_keys() {
        for word in
            ["disk-usage-analysis-2024", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "getElementById2"]
        {
            assert!(!Likeness::of(word.as_bytes()).is_random(), "{word}");
        }
        for key in ["q7Zx0kVt9mPw3RbY8sLd2HnG", "mhp3w6w7q3gxsc1fnv6xjvr8ftutlfj"] {
            assert!(Likeness::of(key.as_bytes()).is_random(), "{key}");
        }
    }

    #[test]
    fn hexadecimal_digits_of_both_cases_are_no_number() {
        assert!(Likeness::of(b"00ff12ab").is_hex());
        assert!(Likeness::of(b"00FF12AB").is_hex());
        assert!(!Likeness::of(b"00ff12AB").is_hex());
        assert!(!Likeness::of(b"00fg12ab").is_hex());
    }
}
