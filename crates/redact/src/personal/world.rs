//! Check digits of identity and tax numbers outside Europe. Places are ASCII digits and capitals, as many as
//! one of the shapes in `national` has.

use super::checksum::{
    at, has_luhn, has_month_day, has_verhoeff, is_one_digit, number, value, weigh,
};
use super::digits::is_year;

/// The last place as a digit.
fn last(places: &[u8]) -> u32 {
    places.last().copied().map_or(0, value)
}

/// The place of a letter in the alphabet, counted from 0.
fn ordinal(place: Option<&u8>) -> u32 {
    place.map_or(0, |letter| u32::from(letter.saturating_sub(b'A')))
}

/// Indian number: Verhoeff, no leading 0 or 1.
pub(super) fn is_aadhaar(places: &[u8]) -> bool {
    at(places, 0) >= 2 && !is_one_digit(places) && has_verhoeff(places)
}

/// Whether the places are three years one after another.
pub(super) fn is_row_of_years(places: &[u8]) -> bool {
    places.chunks(4).all(is_year)
}

/// Australian business number.
pub(super) fn is_abn(places: &[u8]) -> bool {
    let sum = weigh(places, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    at(places, 0) > 0 && sum.checked_sub(10).is_some_and(|sum| sum.is_multiple_of(89))
}

/// Pakistani id: no check digit; the first is a province.
pub(super) fn is_cnic(places: &[u8]) -> bool {
    (1..=8).contains(&at(places, 0))
}

/// Brazilian company number with two check digits.
pub(super) fn is_cnpj(places: &[u8]) -> bool {
    !is_one_digit(places)
        && mod_11(weigh(places, &[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])) == at(places, 12)
        && mod_11(weigh(places, &[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])) == last(places)
}

/// Brazilian number of a person with two check digits.
pub(super) fn is_cpf(places: &[u8]) -> bool {
    !is_one_digit(places)
        && mod_11(weigh(places, &[10, 9, 8, 7, 6, 5, 4, 3, 2])) == at(places, 9)
        && mod_11(weigh(places, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2])) == last(places)
}

/// Brazilian worker's number.
pub(super) fn is_pis(places: &[u8]) -> bool {
    !is_one_digit(places) && mod_11(weigh(places, &[3, 2, 9, 8, 7, 6, 5, 4, 3, 2])) == last(places)
}

/// 11 less the remainder, and 0 where that has two digits.
fn mod_11(sum: u32) -> u32 {
    let remainder = sum % 11;
    if remainder < 2 { 0 } else { 11 - remainder }
}

/// Argentine tax number.
pub(super) fn is_cuil(places: &[u8]) -> bool {
    let sum = weigh(places, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]);
    let check = match 11 - sum % 11 {
        11 => 0,
        10 => 9,
        check => check,
    };
    matches!(number(places, 0, 2), 20 | 23..=27 | 30 | 33 | 34 | 50 | 51 | 55)
        && check == last(places)
}

/// Mexican population code: name, date, sex, state, and a check digit over base 37.
pub(super) fn is_curp(places: &[u8]) -> bool {
    let worth = |place: u8| match place {
        b'0'..=b'9' => u32::from(place - b'0'),
        b'A'..=b'N' => u32::from(place - b'A') + 10,
        _ => u32::from(place.saturating_sub(b'O')) + 25,
    };
    let sum: u32 = places
        .iter()
        .take(17)
        .zip((2..=18).rev())
        .map(|(&place, weight)| worth(place) * weight)
        .sum();
    has_month_day(places, 6)
        && places.get(10).is_some_and(|sex| b"HMX".contains(sex))
        && (10 - sum % 10) % 10 == last(places)
}

/// Mexican tax code: name and date.
pub(super) fn is_rfc(places: &[u8]) -> bool {
    has_month_day(places, 6)
}

/// Hong Kong's id: one letter, six digits and a check place.
pub(super) fn is_hong_kong(places: &[u8]) -> bool {
    let sum = 36 * 9
        + (ordinal(places.first()) + 10) * 8
        + weigh(places.get(1..).unwrap_or_default(), &[7, 6, 5, 4, 3, 2, 1]);
    sum.is_multiple_of(11)
}

/// New Zealand's tax number, with other weights where the first ones give no digit.
pub(super) fn is_ird(places: &[u8]) -> bool {
    let first: &[u32] =
        if places.len() == 9 { &[3, 2, 7, 6, 5, 4, 3, 2] } else { &[2, 7, 6, 5, 4, 3, 2] };
    let second: &[u32] =
        if places.len() == 9 { &[7, 4, 3, 2, 5, 2, 7, 6] } else { &[4, 3, 2, 5, 2, 7, 6] };
    let check = |weights: &[u32]| (11 - weigh(places, weights) % 11) % 11;
    let check = if check(first) == 10 { check(second) } else { check(first) };
    !is_one_digit(places) && check == last(places)
}

/// Israeli id.
pub(super) fn is_israeli(places: &[u8]) -> bool {
    !is_one_digit(places) && has_luhn(places)
}

/// Number of a taxpayer of the United States who has no social security number.
pub(super) fn is_itin(places: &[u8]) -> bool {
    places.starts_with(b"9")
        && matches!(number(places, 3, 5), 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// Malaysian id: date of birth, place of birth, serial.
pub(super) fn is_malaysian(places: &[u8]) -> bool {
    let place = number(places, 6, 8);
    has_month_day(places, 2)
        && matches!(place, 1..=16 | 21..=59 | 60..=68 | 71 | 72 | 74..=79 | 82..=93 | 98 | 99)
}

/// Australian health care number, with or without the reference on the card.
pub(super) fn is_medicare(places: &[u8]) -> bool {
    (2..=6).contains(&at(places, 0))
        && weigh(places, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == at(places, 8)
}

/// Japanese number.
pub(super) fn is_my_number(places: &[u8]) -> bool {
    let remainder = weigh(places, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    !is_one_digit(places)
        && if remainder < 2 { last(places) == 0 } else { last(places) == 11 - remainder }
}

/// Indonesian id: region, date of birth with 40 added to women's days, serial.
pub(super) fn is_nik(places: &[u8]) -> bool {
    super::checksum::is_day(number(places, 8, 10), number(places, 6, 8) % 40)
}

/// Singapore's id; the first letter says which letters the check comes from.
pub(super) fn is_nric(places: &[u8]) -> bool {
    let sum = weigh(places.get(1..).unwrap_or_default(), &[2, 7, 6, 5, 4, 3, 2]);
    let (offset, letters) = match places.first() {
        Some(b'S') => (0, b"JZIHGFEDCBA"),
        Some(b'T') => (4, b"JZIHGFEDCBA"),
        Some(b'F') => (0, b"XWUTRQPNMLK"),
        Some(b'G') => (4, b"XWUTRQPNMLK"),
        Some(b'M') => (3, b"XWUTRQPNJLK"),
        _ => return false,
    };
    let remainder = (sum + offset) % 11;
    let place = if places.starts_with(b"M") { 10 - remainder } else { remainder };
    letters.get(place as usize) == places.last()
}

/// Indian tax id: its fourth letter is a kind of taxpayer.
pub(super) fn is_pan(places: &[u8]) -> bool {
    places.get(3).is_some_and(|kind| b"ABCFGHJLPTK".contains(kind))
}

/// Chinese id: region, date of birth, serial, and a check place that may be X.
pub(super) fn is_resident_id(places: &[u8]) -> bool {
    let sum = weigh(places, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    let check = b"10X98765432".get((sum % 11) as usize);
    matches!(number(places, 0, 2), 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83)
        && matches!(number(places, 6, 8), 18..=20)
        && has_month_day(places, 10)
        && check == places.last()
}

/// Korean number: date of birth, sex and century, serial; numbers since 2020 have no check digit.
pub(super) fn is_rrn(places: &[u8]) -> bool {
    has_month_day(places, 2) && (1..=8).contains(&at(places, 6))
}

/// Whether a Korean number has the check digit too.
pub(super) fn has_rrn_check(places: &[u8]) -> bool {
    let sum = weigh(places, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    (11 - sum % 11) % 10 == last(places)
}

/// Chilean number; the check place may be K.
pub(super) fn is_rut(places: &[u8]) -> bool {
    let Some((&check, body)) = places.split_last() else {
        return false;
    };
    let sum: u32 =
        body.iter().rev().zip((2..=7).cycle()).map(|(&digit, weight)| value(digit) * weight).sum();
    let expected = match 11 - sum % 11 {
        11 => b'0',
        10 => b'K',
        digit => u8::try_from(digit).map_or(0, |digit| digit + b'0'),
    };
    !is_one_digit(body) && body.iter().all(u8::is_ascii_digit) && check == expected
}

/// Canadian number.
pub(super) fn is_sin(places: &[u8]) -> bool {
    !matches!(at(places, 0), 0 | 8) && !is_one_digit(places) && has_luhn(places)
}

/// South African id: date of birth, serial, citizenship and Luhn.
pub(super) fn is_south_african(places: &[u8]) -> bool {
    has_month_day(places, 2) && at(places, 10) <= 2 && has_luhn(places)
}

/// Taiwanese id: its letter counts as two digits.
pub(super) fn is_taiwanese(places: &[u8]) -> bool {
    const REGIONS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";
    let Some(region) = REGIONS.iter().position(|letter| Some(letter) == places.first()) else {
        return false;
    };
    let code = u32::try_from(region + 10).unwrap_or(0);
    let sum = code / 10
        + code % 10 * 9
        + weigh(places.get(1..).unwrap_or_default(), &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
    matches!(at(places, 1), 1 | 2 | 8 | 9) && sum.is_multiple_of(10)
}

/// Australian tax file number; the older ones have eight digits.
pub(super) fn is_tfn(places: &[u8]) -> bool {
    let weights: &[u32] =
        if places.len() == 8 { &[10, 7, 8, 4, 6, 3, 5, 1] } else { &[1, 4, 3, 7, 5, 8, 6, 9, 10] };
    !is_one_digit(places) && weigh(places, weights).is_multiple_of(11)
}

/// Thai id.
pub(super) fn is_thai(places: &[u8]) -> bool {
    let sum = weigh(places, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    at(places, 0) > 0 && (11 - sum % 11) % 10 == last(places)
}
