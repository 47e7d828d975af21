//! International bank account numbers: country, length and the remainder by 97.

use super::digits::{before, byte};

/// How far before a group of digits its account number may begin.
const MAX_BEFORE: usize = 16;

/// Shortest and longest account number.
const LENGTHS: std::ops::RangeInclusive<usize> = 15..=34;

/// Countries by the length of their account numbers.
#[rustfmt::skip]
static COUNTRIES: &[(usize, &[&[u8; 2]])] = &[
    (15, &[b"NO"]),
    (16, &[b"BE"]),
    (18, &[b"DK", b"FI", b"FK", b"FO", b"GL", b"NL", b"SD"]),
    (19, &[b"MK", b"SI"]),
    (20, &[b"AT", b"BA", b"EE", b"KZ", b"LT", b"LU", b"MN", b"XK"]),
    (21, &[b"CH", b"HR", b"LI", b"LV"]),
    (22, &[b"BG", b"BH", b"CR", b"DE", b"GB", b"GE", b"IE", b"ME", b"RS", b"VA"]),
    (23, &[b"AE", b"GI", b"IL", b"IQ", b"OM", b"SO", b"TL"]),
    (24, &[b"AD", b"CZ", b"DZ", b"ES", b"MD", b"PK", b"RO", b"SA", b"SE", b"SK", b"TN", b"VG"]),
    (25, &[b"LY", b"PT", b"ST"]),
    (26, &[b"IS", b"TR"]),
    (27, &[b"BI", b"DJ", b"FR", b"GR", b"IT", b"MC", b"MR", b"SM"]),
    (28, &[b"AL", b"AZ", b"BY", b"CI", b"CY", b"DO", b"GT", b"HU", b"LB", b"NI", b"PL", b"SN", b"SV"]),
    (29, &[b"BR", b"EG", b"PS", b"QA", b"UA"]),
    (30, &[b"JO", b"KW", b"MU", b"YE"]),
    (31, &[b"MT", b"SC"]),
    (32, &[b"LC"]),
    (33, &[b"RU"]),
];

/// Where an account number starts and ends that is written in groups of four and holds the digits from
/// `group` on.
pub(super) fn find_grouped(text: &[u8], group: usize) -> Option<(usize, usize)> {
    (0..=MAX_BEFORE)
        .filter_map(|distance| group.checked_sub(distance))
        .filter(|&start| starts_like_one(text, start) && byte(text, start + 4) == Some(b' '))
        .find_map(|start| Some((start, grouped_end(text, start)?)))
}

/// Whether the whole run from `start` to `end` is an account number.
pub(super) fn is_compact(text: &[u8], start: usize, end: usize) -> bool {
    let run = text.get(start..end).unwrap_or_default();
    starts_like_one(text, start)
        && length_of_country(run) == Some(run.len())
        && is_right(run.iter().copied())
        && byte(text, end) != Some(b'_')
}

/// Whether two letters and two digits stand there, glued to nothing.
fn starts_like_one(text: &[u8], start: usize) -> bool {
    let is_free = match before(text, start, 1) {
        Some(b'n' | b't' | b'r') => before(text, start, 2) == Some(b'\\'),
        Some(byte) => !byte.is_ascii_alphanumeric() && byte != b'_',
        None => true,
    };
    let head = text.get(start..start + 4).unwrap_or_default();
    is_free
        && matches!(head, [one, two, three, four]
            if one.is_ascii_alphabetic() && two.is_ascii_alphabetic() && three.is_ascii_digit() && four.is_ascii_digit())
}

fn length_of_country(head: &[u8]) -> Option<usize> {
    let country = [head.first()?.to_ascii_uppercase(), head.get(1)?.to_ascii_uppercase()];
    COUNTRIES.iter().find(|(_, countries)| countries.contains(&&country)).map(|(length, _)| *length)
}

/// Where the number ends that starts at `start`, in groups of four and a rest.
fn grouped_end(text: &[u8], start: usize) -> Option<usize> {
    let length = length_of_country(text.get(start..)?)?;
    let mut number = [0; *LENGTHS.end()];
    let mut at = start;
    for (place, slot) in number.iter_mut().take(length).enumerate() {
        if place > 0 && place % 4 == 0 {
            at += usize::from(byte(text, at) == Some(b' '));
        }
        *slot = byte(text, at).filter(u8::is_ascii_alphanumeric)?;
        at += 1;
    }
    let is_free = !byte(text, at).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (is_free && is_right(number.into_iter().take(length))).then_some(at)
}

/// Whether the number, with its first four places at the end and letters as two digits, is 1 modulo 97.
fn is_right(number: impl Iterator<Item = u8> + Clone) -> bool {
    let rearranged = number.clone().skip(4).chain(number.take(4));
    let remainder = rearranged.fold(0_u32, |remainder, place| match place.to_ascii_uppercase() {
        digit @ b'0'..=b'9' => (remainder * 10 + u32::from(digit - b'0')) % 97,
        letter => (remainder * 100 + u32::from(letter.saturating_sub(b'A')) + 10) % 97,
    });
    remainder == 1
}

#[cfg(test)]
mod tests {
    use super::super::Personal::Iban;
    use super::super::testing::{check, check_none};
    use super::{COUNTRIES, LENGTHS, is_right};

    /// An account number of the country with the right check digits.
    fn account(country: &str, body: &str) -> String {
        (2..=98)
            .map(|digits| format!("{country}{digits:02}{body}"))
            .find(|number| is_right(number.bytes()))
            .expect("one of 97 remainders is right")
    }

    fn in_fours(number: &str) -> String {
        let groups: Vec<_> = number.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
        groups.join(" ")
    }

    #[test]
    fn accounts_of_every_country_are_found() {
        for (length, countries) in COUNTRIES {
            assert!(LENGTHS.contains(length));
            for country in *countries {
                let body: String = "5312867409".chars().cycle().take(length - 4).collect();
                let number = account(&String::from_utf8_lossy(*country), &body);
                check(&format!("IBAN {number}."), &[(Iban, &number)]);
                check(&number.to_lowercase(), &[(Iban, &number.to_lowercase())]);
                let spaced = in_fours(&number);
                check(&format!("IBAN: {spaced}, thanks"), &[(Iban, &spaced)]);
                check_none(&[&format!("{number}7"), &format!("_{number}"), &format!("A{number}")]);
            }
        }
    }

    #[test]
    fn letters_in_accounts_are_read() {
        for (country, body) in [
            ("GB", "BUKB20201555555555"),
            ("NL", "ABNA0417164300"),
            ("FR", "20041010050500013M02606"),
            ("IT", "X0542811101000000123456"),
            ("MT", "MALT011000012345MTLCAST001S"),
        ] {
            let number = account(country, body);
            check(&format!("(iban={number})"), &[(Iban, &number)]);
            let spaced = in_fours(&number);
            check(&format!("pay to {spaced} now"), &[(Iban, &spaced)]);
        }
    }

    #[test]
    fn wrong_check_digits_are_no_account() {
        let number = account("DE", "370400440532013000");
        let check_digits = number.get(2..4).map_or(0, |digits| digits.parse::<u32>().unwrap_or(0));
        for other in (2..98).filter(|other| *other != check_digits) {
            check_none(&[&format!("DE{other:02}370400440532013000")]);
        }
    }
}
