//! Numbers that belong to a person: payment cards, phones, bank accounts, social security and national ids,
//! and the addresses of machines.
//!
//! The scanner hands over groups of digits and runs of letters and digits; what stands around them is looked
//! at here, at most 64 bytes to either side. Where digits alone say little, a word before the number must say
//! what it is.

mod calling_code;
mod card;
mod checksum;
mod context;
mod digits;
mod europe;
mod iban;
mod ip;
mod national;
mod phone;
mod ssn;
mod world;

use context::Context;
use digits::{Ahead, before, is_digit, starts_free};

/// Fewest digits of anything that is looked for here.
const MIN_DIGITS: usize = 4;

/// What a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Personal {
    /// A payment card.
    Card,
    /// A phone number, with its extension.
    Phone,
    /// A bank account.
    Iban,
    /// A social security number of the United States.
    Ssn,
    /// A national identity, insurance or tax number.
    NationalId,
    /// An IPv4 address.
    Ip,
}

/// A stretch of the text that is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// What it is.
    pub(crate) what: Personal,
    /// Its first byte, which may stand before the group: a country's letters, a `+`, a bracket.
    pub(crate) start: usize,
    /// One past its last byte, which may stand after the group: a check letter, an extension.
    pub(crate) end: usize,
}

/// Finds the numbers in the maximal group of digits and separators from `start` to `end`.
///
/// A group may hold several numbers, and numbers beside other digits. IPv4 addresses are found if `ip`.
pub(crate) fn find_in_digits(
    text: &[u8],
    start: usize,
    end: usize,
    ip: bool,
    found: &mut impl FnMut(Found),
) {
    let mut at = start;
    if let Some((start, end)) = iban::find_grouped(text, start) {
        found(Found { what: Personal::Iban, start, end });
        at = end;
    }
    while at < end {
        if !is_digit(text, at) {
            at += 1;
            continue;
        }
        let ahead = Ahead::new(text, at, end);
        let number = (ahead.digits(ahead.count()).len() >= MIN_DIGITS)
            .then(|| classify(&ahead, ip))
            .flatten();
        if let Some(number) = number {
            found(number);
            at = number.end;
            continue;
        }
        while at < end && is_digit(text, at) {
            at += 1;
        }
    }
}

/// Finds out whether the run of letters and digits from `start` to `end` is an account or an id.
pub(crate) fn find_in_run(text: &[u8], start: usize, end: usize, found: &mut impl FnMut(Found)) {
    if text.get(start..end).is_none_or(|run| run.iter().all(u8::is_ascii_digit)) {
        return;
    }
    let what = if iban::is_compact(text, start, end) {
        Personal::Iban
    } else if national::is_compact(text, start, end) {
        Personal::NationalId
    } else {
        return;
    };
    found(Found { what, start, end });
}

/// What begins with the first run. Forms with check digits come before those without.
fn classify(ahead: &Ahead<'_>, ip: bool) -> Option<Found> {
    let start = ahead.start();
    let context = &mut Context::new(ahead.text, start);
    let from_start = |what: Personal| move |end: usize| Found { what, start, end };
    let of = |what: Personal| move |(start, end): (usize, usize)| Found { what, start, end };
    let address = if ip { ip::find(ahead, context) } else { None };
    if address.is_some() || !may_begin(ahead.text, start) {
        return address.map(from_start(Personal::Ip));
    }
    card::find(ahead, context)
        .map(from_start(Personal::Card))
        .or_else(|| ssn::find(ahead, context).map(from_start(Personal::Ssn)))
        .or_else(|| national::find(ahead, context).map(of(Personal::NationalId)))
        .or_else(|| phone::find(ahead, context).map(of(Personal::Phone)))
}

/// Whether a number may begin with the digit at `start`, or with a sign or a letter right before it.
fn may_begin(text: &[u8], start: usize) -> bool {
    let has_letter = |distance: usize| {
        before(text, start, distance).is_some_and(|byte| byte.is_ascii_alphabetic())
    };
    starts_free(text, start)
        || before(text, start, 1) == Some(b'+')
        || has_letter(1)
        || has_letter(2)
}

#[cfg(test)]
mod testing;

#[cfg(test)]
mod tests {
    use super::find_in_digits;
    use super::testing::{all, check_none};

    #[test]
    fn any_bytes_are_read_without_panic_and_found_in_order() {
        let alphabet = b"0123456789012345678901234567890123456789 .-()/+,:xXAZnk_\\\n";
        let mut state = 1_u64;
        for _ in 0..20_000 {
            let text: String = (0..48)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    let place = usize::try_from(state >> 33).unwrap_or(0) % alphabet.len();
                    char::from(alphabet.get(place).copied().unwrap_or(b' '))
                })
                .collect();
            all(&text);
            for (start, end) in [(0, text.len()), (7, 3), (40, 400)] {
                find_in_digits(text.as_bytes(), start, end, true, &mut |one| {
                    assert!(one.start < one.end);
                });
            }
        }
    }

    #[test]
    fn long_groups_are_read_in_linear_time() {
        for unit in
            ["1 ", "12 ", "1", "4111 1111 ", "0.", "+1 (", "06 12 34 56 ", "555-", "GB12 1234 "]
        {
            all(&unit.repeat(20_000));
        }
    }

    #[test]
    fn numbers_of_code_and_logs_are_left_alone() {
        check_none(&[
            "let mask = 0x1234_5678; let max = 4_294_967_295;",
            "[1.0, 2.5, 3.75, 1234567.891]",
            "{\"id\":1234567890,\"ts\":1718000000000,\"tokens\":128000}",
            "2024-01-02T03:04:05.678901Z 2024-01-02 03:04:05,678",
            "checksum = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"",
            "version = \"1.20.300\" 10.0.19045.3930-beta v1.2.3.4",
            "https://example.com/items/1234567890123/edit?page=20 30 40",
            "100 - 200 - 3000, 1990-2000, 1 000 000 000, 12/31/2024 10-20-30",
            "rows: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20",
            "fn call(1234567890) -> u64 { 18446744073709551615 }",
        ]);
    }
}
