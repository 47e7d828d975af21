//! Country calling codes and how long the numbers behind them are.

use std::ops::RangeInclusive;

/// Whether the digits after `+` are a number of some country: its calling code and a number of its length,
/// with or without the zero that is dialled inside the country.
pub(super) fn is_international(digits: &[u8]) -> bool {
    (1..=3).any(|length| {
        let Some((code, number)) = digits.split_at_checked(length) else {
            return false;
        };
        let without_zero = number.strip_prefix(b"0").unwrap_or(number);
        lengths(code).is_some_and(|lengths| {
            lengths.contains(&number.len()) || lengths.contains(&without_zero.len())
        })
    })
}

/// Whether the digits are a calling code.
pub(super) fn is_calling_code(digits: &[u8]) -> bool {
    lengths(digits).is_some()
}

/// How many digits follow the code, if it is one.
fn lengths(code: &[u8]) -> Option<RangeInclusive<usize>> {
    let lengths = match code {
        b"1" | b"7" => 10..=10,
        b"33" | b"34" | b"351" | b"48" | b"420" | b"421" | b"32" | b"27" | b"41" | b"380"
        | b"971" | b"966" | b"972" => 8..=9,
        b"44" | b"91" | b"61" | b"64" | b"90" | b"52" | b"54" | b"57" | b"58" | b"63" | b"92" => {
            8..=11
        }
        b"45" | b"47" | b"65" | b"852" => 8..=8,
        b"31" | b"81" | b"82" => 8..=10,
        b"55" => 10..=11,
        b"86" => 9..=11,
        b"30" | b"36" | b"40" | b"43" | b"46" | b"49" | b"39" | b"20" | b"51" | b"53" | b"56"
        | b"60" | b"62" | b"66" | b"84" | b"93" | b"94" | b"95" | b"98" => 6..=13,
        [first, second, third] if is_code_of_three(*first, *second, *third) => 5..=12,
        _ => return None,
    };
    Some(lengths)
}

fn is_code_of_three(first: u8, second: u8, third: u8) -> bool {
    match (first, second) {
        (b'2', b'1' | b'2' | b'3' | b'4' | b'5' | b'6' | b'9')
        | (b'3', b'5' | b'7')
        | (b'6', b'7' | b'8' | b'9') => true,
        (b'5', b'0' | b'9') | (b'8', b'5') | (b'9', b'6') => third != b'9' || second != b'6',
        (b'3', b'8') => third != b'4' && third != b'8',
        (b'4', b'2') => third == b'3',
        (b'8', b'0' | b'7') => matches!(third, b'0' | b'8'),
        (b'8', b'8') => matches!(third, b'0' | b'1' | b'2' | b'3' | b'6' | b'8'),
        (b'9', b'7') => third != b'8',
        (b'9', b'9') => matches!(third, b'2'..=b'6' | b'8'),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_international;

    #[test]
    fn codes_and_lengths_are_known() {
        for digits in [
            "12025550173",
            "442079460958",
            "4915112345678",
            "33123456789",
            "5511987654321",
            "358401234567",
            "41446681800",
            "390612345678",
            "4930123456",
        ] {
            assert!(is_international(digits.as_bytes()), "{digits}");
        }
        for digits in ["120255501", "4420794", "999123456789", "12", "", "330"] {
            assert!(!is_international(digits.as_bytes()), "{digits}");
        }
    }
}
