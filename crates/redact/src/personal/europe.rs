//! Check digits of Europe's identity and tax numbers. Places are ASCII digits and capitals, as many as one of
//! the shapes in `national` has.

use super::checksum::{
    at, has_day_month, has_iso_11_10, has_luhn, has_month_day, is_day, is_one_digit, number, value,
    weigh,
};

/// The letter of Spanish ids by the remainder modulo 23.
const DNI_LETTERS: &[u8] = b"TRWAGMYFPDXBNJZSQVHLCKE";

/// The last place of Finnish codes by the remainder modulo 31.
const HETU_LETTERS: &[u8] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";

/// The last place as a digit.
fn last(places: &[u8]) -> u32 {
    places.last().copied().map_or(0, value)
}

/// Greek tax number.
pub(super) fn is_afm(places: &[u8]) -> bool {
    !is_one_digit(places)
        && weigh(places, &[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == last(places)
}

/// Swiss insurance number: an article number of the country 756.
pub(super) fn is_ahv(places: &[u8]) -> bool {
    places.starts_with(b"756")
        && weigh(places, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

/// Greek social security number: date of birth and Luhn.
pub(super) fn is_amka(places: &[u8]) -> bool {
    has_day_month(places, 0) && has_luhn(places)
}

/// Austrian insurance number: serial, check digit, date of birth.
pub(super) fn is_austrian_sv(places: &[u8]) -> bool {
    places.first() > Some(&b'0')
        && has_day_month(places, 4)
        && weigh(places, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 == at(places, 3)
}

/// Estonian and Lithuanian code, and Latvia's before 2017, which has another check digit.
pub(super) fn is_baltic(places: &[u8]) -> bool {
    let first = weigh(places, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = weigh(places, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10;
    let check = if first == 10 { second } else { first };
    let latvian = (1 + weigh(places, &[10, 5, 8, 4, 2, 1, 6, 3, 7, 9])) % 11 % 10;
    (has_month_day(places, 3) && (1..=8).contains(&at(places, 0)) && check == last(places))
        || (has_day_month(places, 0) && latvian == last(places))
}

/// Belgian national number: 97 less the remainder, for those born since 2000 with a 2 before.
pub(super) fn is_belgian(places: &[u8]) -> bool {
    let (body, check) = (number(places, 0, 9), number(places, 9, 11));
    let month = number(places, 2, 4) % 20;
    let is_check = |body: u64| 97 - body % 97 == check;
    month <= 12 && number(places, 4, 6) <= 31 && (is_check(body) || is_check(2_000_000_000 + body))
}

/// Dutch citizen number.
pub(super) fn is_bsn(places: &[u8]) -> bool {
    let sum = weigh(places, &[9, 8, 7, 6, 5, 4, 3, 2]);
    !is_one_digit(places) && sum % 11 == last(places)
}

/// Romanian personal code.
pub(super) fn is_cnp(places: &[u8]) -> bool {
    let remainder = weigh(places, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    at(places, 0) > 0
        && has_month_day(places, 3)
        && if remainder == 10 { last(places) == 1 } else { remainder == last(places) }
}

/// Italian tax code: places count differently by whether they stand on odd ones.
pub(super) fn is_codice_fiscale(places: &[u8]) -> bool {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let Some((&check, body)) = places.split_last() else {
        return false;
    };
    let ordinal = |place: u8| {
        usize::from(if place.is_ascii_digit() { place - b'0' } else { place.saturating_sub(b'A') })
    };
    let sum: u32 = body
        .iter()
        .enumerate()
        .map(|(index, &place)| {
            let ordinal = ordinal(place);
            if index % 2 == 0 {
                ODD.get(ordinal).copied().unwrap_or(0)
            } else {
                u32::try_from(ordinal).unwrap_or(0)
            }
        })
        .sum();
    let day = number(places, 9, 11);
    u32::from(check.saturating_sub(b'A')) == sum % 26
        && places.get(8).is_some_and(|month| b"ABCDEHLMPRST".contains(month))
        && ((1..=31).contains(&day) || (41..=71).contains(&day))
}

/// Danish personal number: a date; the check digit is no longer given to all.
pub(super) fn is_cpr(places: &[u8]) -> bool {
    has_day_month(places, 0)
}

/// Whether a Danish number has the check digit too.
pub(super) fn has_cpr_check(places: &[u8]) -> bool {
    weigh(places, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// Spanish id of citizens, and of foreigners, whose first letter is a digit in disguise.
pub(super) fn is_dni(places: &[u8]) -> bool {
    if places.len() == 8 && places.iter().all(u8::is_ascii_digit) {
        return !is_one_digit(places);
    }
    let head = match places.first() {
        Some(b'X') => 0,
        Some(b'Y') => 10_000_000,
        Some(b'Z') => 20_000_000,
        Some(digit) if digit.is_ascii_digit() => u64::from(value(*digit)) * 10_000_000,
        _ => return false,
    };
    let remainder = usize::try_from((head + number(places, 1, 8)) % 23).unwrap_or(0);
    DNI_LETTERS.get(remainder) == places.get(8)
}

/// Bulgarian citizen number; the month says the century.
pub(super) fn is_egn(places: &[u8]) -> bool {
    is_day(number(places, 2, 4) % 20, number(places, 4, 6))
        && weigh(places, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == last(places)
}

/// Norwegian birth number with two check digits; temporary numbers add 40 to the day or the month.
pub(super) fn is_fodselsnummer(places: &[u8]) -> bool {
    is_day(number(places, 2, 4) % 40, number(places, 0, 2) % 40)
        && weigh(places, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11)
        && weigh(places, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// German insurance number: area, date of birth, letter, serial, check digit.
pub(super) fn is_german_sv(places: &[u8]) -> bool {
    let Some(letter) = places.get(8).map(|letter| u32::from(letter.saturating_sub(b'A')) + 1)
    else {
        return false;
    };
    let expanded = [letter / 10, letter % 10];
    let digits = (0..8)
        .map(|place| at(places, place))
        .chain(expanded)
        .chain([at(places, 9), at(places, 10)]);
    let cross_sum = |product: u32| product / 10 + product % 10;
    let sum: u32 = digits
        .zip([2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1])
        .map(|(digit, weight)| cross_sum(digit * weight))
        .sum();
    has_day_month(places, 2) && sum % 10 == last(places)
}

/// Finnish personal code; the century is a sign or a letter.
pub(super) fn is_hetu(places: &[u8]) -> bool {
    let tail = places.len().saturating_sub(4);
    if places.get(6).is_some_and(|&century| tail == 7 && !b"ABCDEFYXWVU".contains(&century)) {
        return false;
    }
    let body = number(places, 0, 6) * 1000 + number(places, tail, tail + 3);
    let remainder = usize::try_from(body % 31).unwrap_or(0);
    has_day_month(places, 0) && HETU_LETTERS.get(remainder) == places.last()
}

/// Russian tax number of a person, with two check digits.
pub(super) fn is_inn(places: &[u8]) -> bool {
    weigh(places, &[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == at(places, 10)
        && weigh(places, &[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10 == last(places)
}

/// Icelandic id: date of birth, check digit, century.
pub(super) fn is_kennitala(places: &[u8]) -> bool {
    has_day_month(places, 0)
        && matches!(last(places), 0 | 8 | 9)
        && weigh(places, &[3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// British health service number.
pub(super) fn is_nhs(places: &[u8]) -> bool {
    !is_one_digit(places) && weigh(places, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// Whether a British number begins with a digit that is given out.
pub(super) fn has_given_nhs_digit(places: &[u8]) -> bool {
    matches!(at(places, 0), 3 | 4 | 6 | 7 | 9)
}

/// Portuguese tax number.
pub(super) fn is_nif(places: &[u8]) -> bool {
    let remainder = weigh(places, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if remainder < 2 { 0 } else { 11 - remainder };
    !matches!(at(places, 0), 0 | 4 | 7) && !is_one_digit(places) && check == last(places)
}

/// British insurance number: no check digit, but letters that are never given.
pub(super) fn is_nino(places: &[u8]) -> bool {
    let (Some(head), Some(tail)) = (places.get(..2), places.last()) else {
        return false;
    };
    let [one, two] = [head.first(), head.get(1)].map(|letter| letter.copied().unwrap_or(b'O'));
    !b"DFIQUV".contains(&one)
        && !b"DFIOQUV".contains(&two)
        && !matches!(head, b"BG" | b"GB" | b"KN" | b"NK" | b"NT" | b"TN")
        && ((b'A'..=b'D').contains(tail) || (head == b"ZZ" && *tail == b'T'))
}

/// Whether a British number has a prefix that is given out, unlike the one of examples.
pub(super) fn has_given_nino_prefix(places: &[u8]) -> bool {
    !places.starts_with(b"ZZ")
}

/// Polish tax number.
pub(super) fn is_nip(places: &[u8]) -> bool {
    !is_one_digit(places) && weigh(places, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == last(places)
}

/// French registration number with or without its key; Corsica's letters count as 19 and 18.
pub(super) fn is_nir(places: &[u8]) -> bool {
    let corsican = match places.get(6) {
        Some(b'A') => 1_000_000,
        Some(b'B') => 2_000_000,
        _ => 0,
    };
    let body = number(places, 0, 13).saturating_sub(corsican);
    let month = number(places, 3, 5);
    let is_month = (1..=12).contains(&month) || (20..=42).contains(&month) || month >= 50;
    let is_key = places.len() == 13 || 97 - body % 97 == number(places, 13, 15);
    matches!(at(places, 0), 1..=4 | 7 | 8)
        && is_month
        && is_key
        && places.get(6).is_some_and(|place| place.is_ascii_digit() || corsican > 0)
}

/// Croatian number, and with thirteen digits that of Serbia and its neighbours.
pub(super) fn is_oib(places: &[u8]) -> bool {
    if places.len() == 11 {
        return has_iso_11_10(places) || has_luhn(places);
    }
    has_day_month(places, 0)
        && weigh(places, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// Swedish personal number: date of birth, with or without the century, and Luhn; 60 is added to the day
/// of those who only pay taxes there.
pub(super) fn is_personnummer(places: &[u8]) -> bool {
    let digits = places.get(places.len().saturating_sub(10)..).unwrap_or_default();
    let is_century = places.len() == 10 || matches!(number(places, 0, 2), 18..=20);
    is_century && is_day(number(digits, 2, 4), number(digits, 4, 6) % 60) && has_luhn(digits)
}

/// Whether the places read as a date of our days and a time, as in the names of files.
pub(super) fn is_recent_time(places: &[u8]) -> bool {
    let digits = places.get(places.len().saturating_sub(10)..).unwrap_or_default();
    let is_this_century = places.len() == 10 || places.starts_with(b"20");
    is_this_century
        && (10..=40).contains(&number(digits, 0, 2))
        && number(digits, 6, 8) < 24
        && number(digits, 8, 10) < 60
}

/// Polish number; the month says the century.
pub(super) fn is_pesel(places: &[u8]) -> bool {
    is_day(number(places, 2, 4) % 20, number(places, 4, 6))
        && weigh(places, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10)
}

/// Irish public service number, the second letter counting 9 times.
pub(super) fn is_pps(places: &[u8]) -> bool {
    let ordinal =
        |place: Option<&u8>| place.map_or(0, |letter| u32::from(letter.saturating_sub(b'A')) + 1);
    let second = places.get(8).filter(|letter| **letter != b'W');
    let sum = weigh(places, &[8, 7, 6, 5, 4, 3, 2]) + ordinal(second) * 9;
    ordinal(places.get(7)) % 23 == sum % 23 && places.get(7).is_some_and(|letter| *letter <= b'W')
}

/// Czech and Slovak birth number; before 1954 it had nine digits and no check.
pub(super) fn is_rodne_cislo(places: &[u8]) -> bool {
    let month = number(places, 2, 4) % 50;
    let is_date = is_day(month % 20, number(places, 4, 6));
    let whole = number(places, 0, 10);
    let is_checked =
        whole.is_multiple_of(11) || (number(places, 0, 9) % 11 == 10 && last(places) == 0);
    is_date && (places.len() == 9 || is_checked)
}

/// Russian insurance number.
pub(super) fn is_snils(places: &[u8]) -> bool {
    !is_one_digit(places)
        && u64::from(weigh(places, &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101 % 100)
            == number(places, 9, 11)
}

/// German tax id: no leading zero, one digit of the first ten repeats two or three times, and a check digit.
pub(super) fn is_steuer_id(places: &[u8]) -> bool {
    let count_of = |digit: u8| places.iter().take(10).filter(|&&place| place == digit).count();
    let repeated = (b'0'..=b'9').filter(|&digit| count_of(digit) > 1);
    let most = (b'0'..=b'9').map(count_of).max();
    !places.starts_with(b"0") && repeated.count() == 1 && most <= Some(3) && has_iso_11_10(places)
}

/// Turkish id with two check digits.
pub(super) fn is_tckn(places: &[u8]) -> bool {
    let odd = weigh(places, &[1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let even = weigh(places, &[0, 1, 0, 1, 0, 1, 0, 1]);
    let sum = weigh(places, &[1; 10]);
    at(places, 0) > 0 && (odd * 7 + even * 9) % 10 == at(places, 9) && sum % 10 == last(places)
}
