//! Phone numbers: with `+` or `00`, of North America, of other countries as they are written inside them,
//! and whatever a word before says to be one.

use super::calling_code::{is_calling_code, is_international};
use super::checksum::{is_day, number};
use super::context::{Context, Topic};
use super::digits::{
    Ahead, before, byte, digits_after, ends_free, is_digit_before, is_in_row, is_year, starts_free,
};

/// Most runs of digits in a phone number.
const MAX_RUNS: usize = 7;

/// Fewest digits of a phone number.
const MIN_DIGITS: usize = 7;

/// Most digits of an extension.
const MAX_EXTENSION: usize = 6;

/// What stands right before the first digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    Nothing,
    Paren,
    Plus,
}

/// Where the phone number starts and ends whose first digits are the first run.
pub(super) fn find(ahead: &Ahead<'_>, context: &mut Context<'_>) -> Option<(usize, usize)> {
    let runs = joined_runs(ahead);
    let closing = closing_run(ahead, runs);
    let (head, start) = head(ahead, closing.is_some());
    if ahead.digits(runs).len() < MIN_DIGITS {
        return None;
    }
    let count = match head {
        Head::Plus => longest(ahead, runs, |count| {
            let is_decimal = count == 2 && ahead.separator(0) == b".";
            // North American areas begin with 2 or more; binary numbers do not.
            let is_binary = count == 1 && matches!(ahead.digits(1), [b'1', b'0' | b'1', ..]);
            !is_decimal && !is_binary && is_international(ahead.digits(count))
        }),
        Head::Nothing | Head::Paren => longest(ahead, runs, |count| {
            let paren = head == Head::Paren && closing < Some(count);
            is_north_american(ahead, count, paren)
                || is_with_exit_code(ahead, count)
                || is_national(ahead, count, paren)
                || is_behind_paren_code(ahead, count, paren)
                || is_called_phone(ahead, count, paren, context)
        }),
    }?;
    // A bracket that closes only after the number is around it and stays.
    let is_around = byte(ahead.text, start) == Some(b'(') && closing >= Some(count);
    let end = ahead.end(count);
    Some((start + usize::from(is_around), extension_end(ahead.text, end).unwrap_or(end)))
}

/// What stands before the number, and where the number starts with that. A bracket is part of it only if it
/// closes.
fn head(ahead: &Ahead<'_>, closes: bool) -> (Head, usize) {
    let (text, at) = (ahead.text, ahead.start());
    let is_free = |at: usize| starts_free(text, at) && before(text, at, 1) != Some(b')');
    match (before(text, at, 2), before(text, at, 1)) {
        (Some(b'('), Some(b'+')) | (Some(b'+'), Some(b'(')) if closes && is_free(at - 2) => {
            (Head::Plus, at - 2)
        }
        (_, Some(b'+')) if is_free(at - 1) => (Head::Plus, at - 1),
        (_, Some(b'(')) if closes && is_free(at - 1) => (Head::Paren, at - 1),
        _ => (Head::Nothing, at),
    }
}

/// How many runs may be one number by what stands between them.
fn joined_runs(ahead: &Ahead<'_>) -> usize {
    let (text, at) = (ahead.text, ahead.start());
    let mut is_open = before(text, at, 1) == Some(b'(')
        || (before(text, at, 1) == Some(b'+') && before(text, at, 2) == Some(b'('));
    let mut may_open = true;
    let most = ahead.count().min(MAX_RUNS);
    for count in 1..most {
        // Single digits in a row are a list; the only one in a phone number is the zero of `+44 (0)20`.
        if ahead.len(count) == 1 && ahead.len(count - 1) == 1 && ahead.run_digits(count - 1) != b"0"
        {
            return count;
        }
        match ahead.separator(count - 1) {
            b" " | b"-" | b"." | b"/" => {}
            b")" | b") " | b")-" | b")." | b")/" if is_open => (is_open, may_open) = (false, true),
            b"(" | b" (" | b"-(" if may_open => (is_open, may_open) = (true, false),
            _ => return count,
        }
    }
    most
}

/// After how many runs a bracket closes that was open before the first.
fn closing_run(ahead: &Ahead<'_>, runs: usize) -> Option<usize> {
    (1..runs)
        .find(|&count| ahead.separator(count - 1).iter().any(|byte| b"()".contains(byte)))
        .filter(|&count| ahead.separator(count - 1).starts_with(b")"))
}

/// The most of up to `runs` runs that are a whole number.
fn longest(
    ahead: &Ahead<'_>,
    runs: usize,
    mut is_right: impl FnMut(usize) -> bool,
) -> Option<usize> {
    (1..=runs).rev().find(|&count| {
        let end = ahead.end(count);
        let is_free = ends_free(ahead.text, end)
            || byte(ahead.text, end) == Some(b'/')
            || extension_end(ahead.text, end).is_some();
        is_free && !leaves_open(ahead, count) && is_right(count)
    })
}

/// Whether a bracket between the runs is still open at the end.
fn leaves_open(ahead: &Ahead<'_>, count: usize) -> bool {
    let last = (1..count)
        .rev()
        .flat_map(|run| ahead.separator(run - 1).iter().rev())
        .find(|byte| b"()".contains(byte));
    last == Some(&b'(')
}

/// `(212) 555-0173`, `212-555-0173`, `1 212 555 0173`.
fn is_north_american(ahead: &Ahead<'_>, count: usize, paren: bool) -> bool {
    let first = match count {
        3 if ahead.has_shape(&[3, 3, 4]) => 0,
        4 if ahead.has_shape(&[1, 3, 3, 4]) && ahead.run_digits(0) == b"1" => 1,
        2 if paren && ahead.has_shape(&[3, 7]) => 0,
        _ => return false,
    };
    let area = ahead.run_digits(first);
    let exchange = ahead.run_digits(first + 1).first();
    let separators = (ahead.separator(first), ahead.separator(first + 1));
    let is_loose = separators == (b" ", b" ");
    let is_marked =
        paren || first == 1 || separators.0.starts_with(b")") || separators == (b"-", b"-");
    let is_exchange = exchange >= Some(&b'2') || area == b"555" || is_marked;
    area.first() >= Some(&b'2')
        && is_exchange
        && is_north_american_start(ahead, paren)
        && !(is_loose && is_in_row(ahead.text, ahead.start(), ahead.end(count)))
}

fn is_north_american_start(ahead: &Ahead<'_>, paren: bool) -> bool {
    paren || starts_free(ahead.text, ahead.start())
}

/// `0044 20 7946 0958`, `001-212-555-0173`.
fn is_with_exit_code(ahead: &Ahead<'_>, count: usize) -> bool {
    count >= 2
        && ahead.len(0) >= 3
        && !(0..count).all(|run| matches!(ahead.len(run), 4 | 5))
        && ahead.digits(count).strip_prefix(b"00").is_some_and(is_international)
        && starts_free(ahead.text, ahead.start())
}

/// `(351) 912 345 678`.
fn is_behind_paren_code(ahead: &Ahead<'_>, count: usize, paren: bool) -> bool {
    paren
        && count >= 2
        && ahead.separator(0).starts_with(b")")
        && is_calling_code(ahead.run_digits(0))
        && is_international(ahead.digits(count))
}

/// Forms that are a phone number by their looks in some country.
fn is_national(ahead: &Ahead<'_>, count: usize, paren: bool) -> bool {
    if !paren && !starts_free(ahead.text, ahead.start()) {
        return false;
    }
    let in_row = is_in_row(ahead.text, ahead.start(), ahead.end(count));
    is_with_leading_zero(ahead, count, paren) && !(in_row && ahead.is_separated_by(count, b' '))
        || !in_row && (is_by_shape(ahead, count) || is_brazilian(ahead, count, paren))
}

/// `020 7946 0958`, `030/1234567`, `06 12 34 56 78`, `(089) 123456`.
fn is_with_leading_zero(ahead: &Ahead<'_>, count: usize, paren: bool) -> bool {
    let digits = ahead.digits(count);
    let area = ahead.len(0);
    let is_trunk = digits.starts_with(b"0") && digits.get(1) > Some(&b'0');
    if count < 2 || !is_trunk || !(2..=5).contains(&area) || is_date(ahead) {
        return false;
    }
    let separator = ahead.separator(0);
    // Sweden's shortest ones, as in `08-12 34 56`.
    let is_swedish =
        separator == b"-" && ahead.separator(1) == b" " && ahead.has_shape(&[2, 2, 2, 2]);
    let shortest = match count {
        2 if area == 2 && !paren => 10,
        _ if is_swedish => 8,
        _ => 9,
    };
    (shortest..=13).contains(&digits.len())
        && has_one_separator(ahead, count)
        && (1..count).all(|run| ahead.len(run) >= 2)
        && !is_other_with_leading_zero(ahead, count)
}

/// Whether it is a decimal, a postal code of the United States, padded parts of an address, or part of a row
/// of code points or bytes.
fn is_other_with_leading_zero(ahead: &Ahead<'_>, count: usize) -> bool {
    let separator = ahead.separator(0);
    let all_have = |length: usize| (0..count).all(|run| ahead.len(run) == length);
    match count {
        2 if separator == b"." || ahead.has_shape(&[4, 5]) => true,
        2 if separator == b"-" && ahead.has_shape(&[5, 4]) => true,
        _ if separator == b"." && all_have(3) => true,
        _ if ahead.len(0) == 2 => is_in_hex_dump(ahead.text, ahead.start(), ahead.end(count)),
        _ => all_have(4),
    }
}

/// Whether two pairs of hexadecimal digits stand before or after.
fn is_in_hex_dump(text: &[u8], start: usize, end: usize) -> bool {
    let are_pairs = |bytes: Option<&[u8]>| {
        bytes.is_some_and(|bytes| match *bytes {
            [a, b, b' ', c, d] => [a, b, c, d].iter().all(u8::is_ascii_hexdigit),
            _ => false,
        })
    };
    let head = start.checked_sub(6).and_then(|from| text.get(from..from + 5));
    are_pairs(head) || are_pairs(text.get(end + 1..end + 6))
}

/// Whether the same separator stands everywhere after the first one, or spaces do.
fn has_one_separator(ahead: &Ahead<'_>, count: usize) -> bool {
    let second = ahead.separator(1);
    (2..count).all(|run| ahead.separator(run - 1) == second || ahead.separator(run - 1) == b" ")
}

/// Forms without a zero that hardly anything else has: of India, Spain, and Australia's service numbers.
fn is_by_shape(ahead: &Ahead<'_>, count: usize) -> bool {
    let first = ahead.digits(1).first();
    match count {
        2 if ahead.has_shape(&[5, 5]) => {
            first >= Some(&b'6')
                && matches!(ahead.separator(0), b" " | b"-")
                && !ahead.digits(2).ends_with(b"00")
        }
        3 if ahead.has_shape(&[4, 3, 3]) => {
            ahead.is_separated_by(3, b' ') && matches!(ahead.run_digits(0), b"1300" | b"1800")
        }
        4 if ahead.has_shape(&[3, 2, 2, 2]) => {
            first >= Some(&b'6') && ahead.is_separated_by(4, b' ')
        }
        _ => false,
    }
}

/// `(11) 98765-4321`, `11 98765-4321`.
fn is_brazilian(ahead: &Ahead<'_>, count: usize, paren: bool) -> bool {
    if count != 3
        || ahead.run_digits(0).contains(&b'0')
        || !matches!(ahead.separator(1), b"-" | b" ")
    {
        return false;
    }
    let is_mobile = ahead.has_shape(&[2, 5, 4])
        && ahead.run_digits(1).starts_with(b"9")
        && ahead.separator(0) != b".";
    let exchange = ahead.run_digits(1);
    let is_marked = paren
        || (ahead.separator(0) == b" " && ahead.separator(1) == b"-" && !exchange.ends_with(b"00"));
    let is_landline = ahead.has_shape(&[2, 4, 4]) && exchange >= &b"2"[..] && !is_year(exchange);
    is_mobile || (is_marked && is_landline)
}

/// Whether a word before says that this is a phone number and nothing about it says otherwise.
fn is_called_phone(
    ahead: &Ahead<'_>,
    count: usize,
    paren: bool,
    context: &mut Context<'_>,
) -> bool {
    let digits = ahead.digits(count);
    let is_timestamp = count == 1 && matches!(digits.len(), 10 | 13) && digits.starts_with(b"1");
    let is_decimal = count == 2 && ahead.separator(0) == b"." && !matches!(ahead.len(0), 3 | 4);
    (MIN_DIGITS..=15).contains(&digits.len())
        && !is_timestamp
        && !is_decimal
        && !is_date(ahead)
        && !(2..=count).any(|run| ahead.len(run - 1) < 2)
        && !(count == 2 && is_year(ahead.run_digits(0)) && is_year(ahead.run_digits(1)))
        && (paren || starts_free(ahead.text, ahead.start()))
        && !is_digit_before(ahead.text, ahead.start(), 2)
        && context.has(Topic::Phone)
}

/// Whether the number begins with a date.
fn is_date(ahead: &Ahead<'_>) -> bool {
    let part = |run: usize| number(ahead.run_digits(run), 0, ahead.len(run));
    let is_day_and_month = |one: u64, other: u64| is_day(one, other) || is_day(other, one);
    if ahead.count() < 3 || ahead.separator(0) != ahead.separator(1) {
        return false;
    }
    if ahead.has_shape(&[4, 2, 2]) {
        return is_year(ahead.run_digits(0)) && is_day_and_month(part(1), part(2));
    }
    // A year of two digits ends the date, so what follows does not go on in the same way.
    let is_short_year = ahead.len(2) == 2
        && ahead.separator(0) != b" "
        && (ahead.count() == 3 || ahead.separator(2) != ahead.separator(0));
    ahead.len(0) <= 2
        && ahead.len(1) <= 2
        && (is_short_year || is_year(ahead.run_digits(2)))
        && is_day_and_month(part(0), part(1))
}

/// Where the extension ends that follows a number: `x123`, ` ext. 123`.
fn extension_end(text: &[u8], at: usize) -> Option<usize> {
    let mut at = at + usize::from(byte(text, at) == Some(b' '));
    let mark = [&b"extension"[..], b"ext", b"x"].into_iter().find(|mark| {
        text.get(at..at + mark.len()).is_some_and(|word| word.eq_ignore_ascii_case(mark))
    })?;
    at += mark.len();
    at += usize::from(matches!(byte(text, at), Some(b'.' | b':')));
    at += usize::from(byte(text, at) == Some(b' '));
    let digits = digits_after(text, at);
    let end = at + digits;
    ((1..=MAX_EXTENSION).contains(&digits) && ends_free(text, end)).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::super::Personal::Phone;
    use super::super::testing::{check, check_none};

    /// Finds the number in several surroundings.
    fn finds(numbers: &[&str]) {
        for number in numbers {
            for (head, tail) in [
                ("", ""),
                ("call me at ", "."),
                ("\"", "\""),
                ("Number: ", ", or later"),
                ("my\\n", "\\n"),
                ("(", ")"),
                ("it is ", " today"),
            ] {
                check(&format!("{head}{number}{tail}"), &[(Phone, number)]);
            }
        }
    }

    #[test]
    fn international_numbers_are_found() {
        finds(&[
            "+12025550173",
            "+1-202-555-0173",
            "+1 (202) 555-0173",
            "+1.202.555.0173",
            "+44 20 7946 0958",
            "+44 (0)20 7946 0958",
            "+44(0)2079460958",
            "+41 44 668 18 00",
            "+49 30 123456",
            "+49 (0) 30 123456",
            "+33 6 12 34 56 78",
            "+33 (0)1 23 45 67 89",
            "+34 612 345 678",
            "+39 06 1234567",
            "+351 912 345 678",
            "+31 6 12345678",
            "+31(0)20 1234567",
            "+46 (0)70 123 45 67",
            "+45 12 34 56 78",
            "+4512345678",
            "+358 40 1234567",
            "+47 412 34 567",
            "+48 600 123 456",
            "+420 601 123 456",
            "+61 2 9876 5432",
            "+61.412.345.678",
            "+64 21 123 4567",
            "+91 98765 43210",
            "+91-9876543210",
            "+27 82 123 4567",
            "+55 11 98765-4321",
            "+55 (011) 3456 7890",
            "0044 20 7946 0958",
            "001-202-555-0173",
            "0049 171 1234567",
            "(+44) 20 7946 0958",
            "(351) 912 345 678",
        ]);
    }

    #[test]
    fn north_american_numbers_are_found() {
        finds(&[
            "(555) 123-4567",
            "(202)555-0173",
            "(202) 555 0173",
            "555-123-4567",
            "555.123.4567",
            "202 555 0173",
            "1-800-555-0199",
            "1 (202) 555-0173",
            "212/555-0173",
            "202-555-0173x23",
            "202-555-0173 x23",
            "202-555-0173 ext. 123",
            "(202) 555-0173 extension 4",
        ]);
    }

    #[test]
    fn national_forms_are_found() {
        finds(&[
            "020 7946 0958",
            "01234 567890",
            "07700 900123",
            "030/1234567",
            "(089) 123456",
            "0171-1234567",
            "06 12 34 56 78",
            "01.23.45.67.89",
            "06-12-34-56-78",
            "(02) 9876 5432",
            "0412 345 678",
            "1300 123 456",
            "021 123 4567",
            "082 123 4567",
            "070-123 45 67",
            "08-123 456 78",
            "06-12345678",
            "020-1234567",
            "040 1234567",
            "98765 43210",
            "(11) 98765-4321",
            "11 98765-4321",
            "(11) 3456-7890",
            "11 3456-7890",
            "08-12 34 56",
            "612 34 56 78",
            "(04321) 12345",
        ]);
    }

    #[test]
    fn words_make_bare_and_rare_forms_phones() {
        for number in [
            "2025550173",
            "612345678",
            "600 123 456",
            "12 34 56 78",
            "412 34 567",
            "912 345 678",
            "07700900123",
            "9876543210",
            "555-0173",
            "601-123-456",
            "123-456-7890",
        ] {
            check(&format!("phone: {number}"), &[(Phone, number)]);
            check(&format!("Telefon {number}, abends"), &[(Phone, number)]);
            check_none(&[&format!("order {number}")]);
        }
    }

    #[test]
    fn other_numbers_are_no_phones() {
        check_none(&[
            "2024-01-02",
            "2024-01-02 10:30:00",
            "02.01.2024 1230",
            "phone 2024-01-02",
            "called on 02/01/2024",
            "1990-2000",
            "phones 1990-2000",
            "978-3-16-148410-0",
            "0-306-40615-2",
            "100 - 200 - 3000",
            "1718000000000",
            "phone at 1718000000",
            "3.14159265358979",
            "0.123456789",
            "phone 0.1234567",
            "1,234,567",
            "$555 123 4567",
            "10 20 30 40 50 60 70 80 90",
            "00 01 02 03 04 05 06 07 08 09",
            "01 02 03 04 05 06 07",
            "1.555.123.4567.8",
            "555-123-4567-8",
            "x555-123-4567",
            "/555-123-4567",
            "2,500 000 0000",
            "+0100",
            "a+12025550173",
            "1++12025550173",
            "+999 123 456 789",
            "65000 70000",
            "202 555 0173 404 555 0112",
            "01 23 45 67 89 ab cd 01",
            "0123456789",
            "550e8400-e29b-41d4-a716-446655440000",
            "12:30 2024",
            "Boston, MA 02110-1301",
            "0300 0315 0062",
            "01/14/04 01/15/04",
            "+35236450.6",
            "+10011010010",
            "pp. 532-563 (2007)",
            "016.016.016.016",
            "0061 0315 0300",
            "0061 3099 11134",
            "0334 16120",
            "00 55 44 77 66 88 99",
            "0.0699999999",
            "0.0938 0.0896",
            "IOCTL_CALL: u32 = 3225439754",
            "SET_SMS_ATN = 536916224",
        ]);
    }
}
