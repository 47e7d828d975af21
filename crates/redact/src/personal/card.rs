//! Payment cards: issuer, length, Luhn sum and the groupings that cards are written in.

use super::checksum::{has_luhn, is_one_digit, number};
use super::context::{Context, Topic};
use super::digits::{Ahead, before, byte, digits_after, digits_before, ends_free, starts_free};

/// How sure the first digits and the length are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Issue {
    /// Nobody issues such cards.
    None,
    /// Rare, or digits that many other numbers begin with: a word must say that it is a card.
    Rare,
    /// Common.
    Common,
}

/// Where the card ends that begins with the first run.
pub(super) fn find(ahead: &Ahead<'_>, context: &mut Context<'_>) -> Option<usize> {
    if !starts_free(ahead.text, ahead.start()) {
        return None;
    }
    (1..=5).rev().find_map(|count| {
        let digits = ahead.digits(count);
        let fits = is_grouped_like_a_card(ahead, count)
            && ends_free(ahead.text, ahead.end(count))
            && is_card(digits, context);
        fits.then(|| ahead.end(count))
    })
}

fn is_card(digits: &[u8], context: &mut Context<'_>) -> bool {
    match issue(digits) {
        Issue::None => false,
        _ if is_one_digit(digits) || !has_luhn(digits) => false,
        Issue::Rare => context.has(Topic::Card),
        Issue::Common => true,
    }
}

/// One run; or fours with a shorter end; or the groups of Amex and Diners.
fn is_grouped_like_a_card(ahead: &Ahead<'_>, count: usize) -> bool {
    if ahead.count() < count {
        return false;
    }
    if count == 1 {
        return (12..=19).contains(&ahead.len(0));
    }
    if !ahead.is_separated_by(count, b' ') && !ahead.is_separated_by(count, b'-') {
        return false;
    }
    if count == 3 && (ahead.has_shape(&[4, 6, 5]) || ahead.has_shape(&[4, 6, 4])) {
        return true;
    }
    let last = ahead.len(count - 1);
    let fours = (0..count - 1).all(|run| ahead.len(run) == 4) && (1..=4).contains(&last);
    fours && ahead.digits(count).len() >= 12 && !is_in_table(ahead, count)
}

/// Whether more runs of four digits stand beside, as in a table.
fn is_in_table(ahead: &Ahead<'_>, count: usize) -> bool {
    let (text, start, end) = (ahead.text, ahead.start(), ahead.end(count));
    let left = start.checked_sub(1).is_some_and(|at| digits_before(text, at) == 4);
    (before(text, start, 1) == Some(b' ') && left)
        || (byte(text, end) == Some(b' ') && digits_after(text, end + 1) == 4)
}

/// Who issues cards that begin and are as long like this.
fn issue(digits: &[u8]) -> Issue {
    let length = digits.len();
    // The usual length, and others that are rare.
    let (usual, others) = match number(digits, 0, 4) {
        // Visa, and what Elo issues in its range.
        4000..=4999 => (16, 13..=19),
        // Mastercard.
        2221..=2720 | 5100..=5599 => (16, 16..=16),
        // American Express, and the older ones of JCB.
        3400..=3499 | 3700..=3799 | 1800 | 2131 => (15, 15..=15),
        // Diners Club.
        3000..=3059 | 3095 | 3600..=3699 | 3800..=3999 => (14, 15..=19),
        // JCB, Mir, Discover and RuPay.
        3528..=3589 | 2200..=2204 | 6011 | 6440..=6599 => (16, 17..=19),
        // UnionPay.
        6200..=6299 if length == 19 => (19, 19..=19),
        6200..=6299 => (16, 17..=18),
        // Maestro, Dankort, Elo, Verve, RuPay, Hipercard and Troy.
        5018..=5020
        | 5038
        | 5041
        | 5060..=5090
        | 5612
        | 5893
        | 6062
        | 6304
        | 6362
        | 6363
        | 6759
        | 6761..=6763
        | 9792 => (16, 12..=19),
        // What JCB does not issue is common in test data.
        3500..=3599 => (0, 16..=16),
        5000..=5099 | 5600..=5899 | 6000..=6999 | 8100..=8299 => (0, 12..=19),
        _ => return Issue::None,
    };
    match length {
        length if length == usual => Issue::Common,
        length if others.contains(&length) => Issue::Rare,
        _ => Issue::None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Personal::Card;
    use super::super::testing::{all, check, check_none, complete};

    #[test]
    fn cards_of_every_issuer_are_found() {
        for shape in [
            "411111111111111?",
            "4916 0123 4567 890?",
            "4916-0123-4567-890?",
            "510510510510510?",
            "2221 0000 0000 001?",
            "2720 9912 3456 789?",
            "37144963539843?",
            "3714 496353 9843?",
            "3056 930902 590?",
            "3622720627166?",
            "6011 1111 1111 111?",
            "6441 2345 6789 012?",
            "353011133330000?",
            "62170012345678901?5",
            "6217 0012 3456 7890 12?",
            "2200 1234 5678 901?",
            "508512345678901?",
            "6759 6498 2643 845?",
            "636297000045701?",
            "21310000000000?",
        ] {
            complete(shape, 1, Card);
        }
    }

    #[test]
    fn rare_ranges_need_a_word() {
        for shape in ["422222222222?", "5612 3456 789?", "491601234567890123?", "60123456789012?"] {
            complete(&format!("my credit card is {shape}"), 1, Card);
            complete(&format!("my order is {shape}"), 0, Card);
        }
    }

    #[test]
    fn a_card_is_found_among_other_numbers() {
        let card = complete("4111 1111 1111 111?", 1, Card);
        check(&format!("1 {card} 12/29"), &[(Card, &card)]);
        check(&format!("pay {card}, 12/29 123"), &[(Card, &card)]);
        check(&format!("{card} or {card}."), &[(Card, &card), (Card, &card)]);
        check(&format!("{{\"card\":\"{card}\"}}"), &[(Card, &card)]);
        check(&format!("id,card\\n{card}"), &[(Card, &card)]);
        let bare = card.replace(' ', "");
        check(&format!("jane,{bare},12/29,123"), &[(Card, &bare)]);
        check(&format!("卡号{bare}。"), &[(Card, &bare)]);
    }

    #[test]
    fn other_long_numbers_are_no_cards() {
        let card = complete("411111111111111?", 1, Card);
        for (head, tail) in [
            ("0.", ""),
            ("x", ""),
            ("", "f"),
            ("_", ""),
            ("-", ""),
            ("/orders/", ""),
            ("", ".5"),
            ("", "-a3"),
            ("1,", ",0x"),
            ("a-", ""),
            ("$", ""),
            ("", ".png"),
            ("0x", ""),
        ] {
            let text = format!("{head}{card}{tail}");
            let free = head == "1,";
            assert_eq!(all(&text).is_empty(), !free, "{text}");
        }
        check_none(&[
            "1718000000000",
            "1718000000000000",
            "4444444444444444",
            "0000 0000 0000 0000",
            "9223372036854775807",
            "2024 4111 1111 1111 1111",
            "4111 1111 1111 1111 2024",
            "4111 11 11111 11111",
            "4111  1111  1111  1111",
            "4111-1111 1111-1111",
            "12345678-4111-1111-1111-111111111111",
            "5500 1000",
        ]);
    }
}
