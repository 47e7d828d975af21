//! Check digits and dates that identity numbers are made with. Digits are ASCII.

/// The value of a digit; letters count as nothing.
pub(super) fn value(digit: u8) -> u32 {
    if digit.is_ascii_digit() { u32::from(digit - b'0') } else { 0 }
}

/// The digits from `from` to `to` as one number.
pub(super) fn number(digits: &[u8], from: usize, to: usize) -> u64 {
    let digits = digits.get(from..to).unwrap_or_default();
    digits
        .iter()
        .fold(0_u64, |sum, &digit| sum.wrapping_mul(10).wrapping_add(u64::from(value(digit))))
}

/// The value of the digit at `at`.
pub(super) fn at(digits: &[u8], at: usize) -> u32 {
    digits.get(at).copied().map_or(0, value)
}

/// The sum of the digits, each times its weight.
pub(super) fn weigh(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(&digit, weight)| value(digit) * weight).sum()
}

/// Whether the Luhn sum of all digits ends in zero.
pub(super) fn has_luhn(digits: &[u8]) -> bool {
    let double = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| if place % 2 == 1 { double(value(digit)) } else { value(digit) })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether the last digit is Verhoeff's check digit of the others.
pub(super) fn has_verhoeff(digits: &[u8]) -> bool {
    const TURN: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let turned = |digit: u32, times: usize| {
        (0..times % 8)
            .fold(digit, |digit, _| TURN.get(digit as usize).copied().map_or(0, u32::from))
    };
    let sum = digits
        .iter()
        .rev()
        .enumerate()
        .fold(0, |sum, (place, &digit)| in_dihedral_group(sum, turned(value(digit), place)));
    sum == 0
}

/// The product in the symmetries of a pentagon: turns are 0 to 4, reflections 5 to 9.
fn in_dihedral_group(left: u32, right: u32) -> u32 {
    match (left < 5, right < 5) {
        (true, true) => (left + right) % 5,
        (true, false) => (left + right) % 5 + 5,
        (false, true) => (left - right) % 5 + 5,
        (false, false) => (left + 5 - right) % 5,
    }
}

/// Whether the last digit is the check digit of ISO 7064 with the moduli 11 and 10.
pub(super) fn has_iso_11_10(digits: &[u8]) -> bool {
    let Some((&check, body)) = digits.split_last() else {
        return false;
    };
    let product = body.iter().fold(10, |product, &digit| {
        let sum = (product + value(digit)) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == value(check)
}

/// Whether there is such a day, in some year.
pub(super) fn is_day(month: u64, day: u64) -> bool {
    let last = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=last).contains(&day)
}

/// Whether the digits from `from` on are a month and a day.
pub(super) fn has_month_day(digits: &[u8], from: usize) -> bool {
    is_day(number(digits, from, from + 2), number(digits, from + 2, from + 4))
}

/// Whether the digits from `from` on are a day and a month.
pub(super) fn has_day_month(digits: &[u8], from: usize) -> bool {
    is_day(number(digits, from + 2, from + 4), number(digits, from, from + 2))
}

/// Whether it is one digit over and over.
pub(super) fn is_one_digit(digits: &[u8]) -> bool {
    digits.first().is_some_and(|first| digits.iter().all(|digit| digit == first))
}

#[cfg(test)]
mod tests {
    use super::{has_iso_11_10, has_luhn, has_verhoeff, is_day};

    /// How many last digits are right for the others.
    fn right_ends(check: fn(&[u8]) -> bool, body: &str) -> usize {
        (0..10).filter(|digit| check(format!("{body}{digit}").as_bytes())).count()
    }

    #[test]
    fn one_check_digit_in_ten_is_right() {
        for check in [has_luhn, has_verhoeff, has_iso_11_10] {
            for body in ["1234567", "99", "00081", "5550123456789"] {
                assert_eq!(right_ends(check, body), 1, "{body}");
            }
        }
    }

    #[test]
    fn check_digits_see_swapped_neighbours() {
        assert!(has_luhn(b"79927398713") && !has_luhn(b"79927398731"));
        assert!(has_verhoeff(b"2363") && !has_verhoeff(b"2336"));
        assert!(has_iso_11_10(b"94577403194") && !has_iso_11_10(b"94577403149"));
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert!(is_day(2, 29) && is_day(12, 31) && is_day(4, 30));
        assert!(
            !is_day(2, 30) && !is_day(13, 1) && !is_day(4, 31) && !is_day(1, 0) && !is_day(0, 1)
        );
    }
}
