//! IPv4 addresses of somebody's machine.

use super::context::{Context, Topic};
use super::digits::{Ahead, before, byte, is_digit_before};

/// Where the address ends that begins with the first run.
pub(super) fn find(ahead: &Ahead<'_>, context: &mut Context<'_>) -> Option<usize> {
    let end = ahead.end(4);
    let fits = ahead.count() >= 4
        && ahead.is_separated_by(4, b'.')
        && (0..4).all(|run| octet(ahead.run_digits(run)).is_some())
        && names_a_machine(ahead)
        && starts_free(ahead.text, ahead.start())
        && ends_free(ahead.text, end)
        && !context.has(Topic::Version);
    (fits && (!looks_like_other(ahead) || context.has(Topic::Host))).then_some(end)
}

fn octet(digits: &[u8]) -> Option<u8> {
    if digits.len() > 1 && digits.starts_with(b"0") {
        return None;
    }
    digits.iter().try_fold(0_u8, |sum, digit| sum.checked_mul(10)?.checked_add(digit - b'0'))
}

/// Whether the address is neither unspecified, loopback, multicast, a mask nor broadcast.
fn names_a_machine(ahead: &Ahead<'_>) -> bool {
    !matches!(octet(ahead.run_digits(0)), None | Some(0 | 127 | 224..))
}

/// Whether four single digits stand there, as in versions, or the head of X.500's object identifiers.
fn looks_like_other(ahead: &Ahead<'_>) -> bool {
    ahead.digits(4).len() < 6 || (ahead.run_digits(0) == b"2" && ahead.run_digits(1) == b"5")
}

fn starts_free(text: &[u8], at: usize) -> bool {
    match before(text, at, 1) {
        None => true,
        Some(b'.' | b'_') => false,
        // A range goes from one address to another; a package's name goes to its version.
        Some(b'-') => is_digit_before(text, at, 2),
        Some(b'n' | b't' | b'r') => before(text, at, 2) == Some(b'\\'),
        Some(byte) => !byte.is_ascii_alphanumeric(),
    }
}

fn ends_free(text: &[u8], at: usize) -> bool {
    let beyond = byte(text, at + 1);
    match byte(text, at) {
        None => true,
        Some(b'_') => false,
        Some(b'.') => !beyond.is_some_and(|byte| byte.is_ascii_alphanumeric()),
        Some(b'-' | b'+') => !beyond.is_some_and(|byte| byte.is_ascii_alphabetic()),
        Some(byte) => !byte.is_ascii_alphanumeric(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Personal::Ip;
    use super::super::testing::{check, check_none};

    #[test]
    fn addresses_are_found() {
        for address in ["12.34.56.78", "203.0.113.7", "10.20.30.40", "192.168.178.23"] {
            for (head, tail) in [
                ("", ""),
                ("from ", " port 22"),
                ("http://", ":8080/x"),
                ("(", ")"),
                ("", "/24"),
                ("ip=", "."),
                ("\\n", "\\n"),
                ("1.1.1.2x ", ","),
            ] {
                check(&format!("{head}{address}{tail}"), &[(Ip, address)]);
            }
        }
        check("10.20.30.40-10.20.30.50", &[(Ip, "10.20.30.40"), (Ip, "10.20.30.50")]);
        check("ip 8.8.8.8", &[(Ip, "8.8.8.8")]);
    }

    #[test]
    fn versions_and_object_identifiers_are_no_addresses() {
        check_none(&[
            "v12.34.56.78",
            "1.2.3.4",
            "12.34.56.78.90",
            "1.3.6.1.4.1.311",
            "name-12.34.56.78.tar.gz",
            "12.34.56.78-beta",
            "version 12.34.56.78",
            "127.0.0.1",
            "0.0.0.0",
            "255.255.255.0",
            "256.10.10.10",
            "01.02.03.04",
            "12.34.56.789",
            "12.34.56",
            "12.34.56.78.whl",
            "2.5.29.15",
            "224.0.0.251",
        ]);
    }
}
