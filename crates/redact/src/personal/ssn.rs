//! Social security numbers of the United States.

use super::context::{Context, Topic};
use super::digits::{Ahead, ends_free, is_in_row, starts_free};

/// Where the number ends that begins with the first run.
pub(super) fn find(ahead: &Ahead<'_>, context: &mut Context<'_>) -> Option<usize> {
    let count = if ahead.has_shape(&[3, 2, 4]) { 3 } else { 1 };
    let end = ahead.end(count);
    let fits = is_issued(ahead.digits(count))
        && starts_free(ahead.text, ahead.start())
        && ends_free(ahead.text, end)
        && (is_written_like_one(ahead, count) || context.has(Topic::Ssn));
    fits.then_some(end)
}

/// `123-45-6789` and, beside no other number, `123 45 6789`.
fn is_written_like_one(ahead: &Ahead<'_>, count: usize) -> bool {
    count == 3
        && (ahead.is_separated_by(count, b'-')
            || (ahead.is_separated_by(count, b' ')
                && !is_in_row(ahead.text, ahead.start(), ahead.end(count))))
}

/// Whether the parts are ones that are given out.
fn is_issued(digits: &[u8]) -> bool {
    let Some((area, rest)) = digits.split_at_checked(3) else {
        return false;
    };
    digits.len() == 9
        && !matches!(area, b"000" | b"666" | [b'9', _, _])
        && !rest.starts_with(b"00")
        && !rest.ends_with(b"0000")
}

#[cfg(test)]
mod tests {
    use super::super::Personal::Ssn;
    use super::super::testing::{check, check_none};

    #[test]
    fn numbers_are_found() {
        for (head, tail) in
            [("", ""), ("My SSN is ", "."), ("\"", "\""), ("(", ")"), ("\\n", "\\n"), ("a,", ",b")]
        {
            for number in ["123-45-6789", "123 45 6789", "078-05-1120"] {
                check(&format!("{head}{number}{tail}"), &[(Ssn, number)]);
            }
        }
        for text in ["ssn: 123456789", "Social Security Number 123456789", "ssn 123.45.6789"] {
            let number = text.get(text.find('1').unwrap_or(0)..).unwrap_or_default();
            check(text, &[(Ssn, number)]);
        }
    }

    #[test]
    fn other_numbers_are_none() {
        check_none(&[
            "000-12-3456",
            "666-12-3456",
            "900-12-3456",
            "123-00-4567",
            "123-45-0000",
            "123456789",
            "order 123456789",
            "123-45-6789-0",
            "1-123-45-6789",
            "x123-45-6789",
            "123-45-6789a",
            "123.45.6789",
            "12 123 45 6789 12",
            "123-45 6789",
            "ssn 000123456",
            "0.123-45-6789",
        ]);
    }
}
