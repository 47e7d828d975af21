//! Exact fractions, and the one rounding that an amount sees.

use std::fmt;

use modelstat_wire::PicoUsd;

/// Largest numerator and denominator in the book. Two multipliers may meet (a batch in a region), so
/// with rates up to [`MAX_RATE`](crate::price::MAX_RATE) no line can overflow an `i128`.
const MAX_TERM: u32 = 1_000;

/// An exact, positive fraction that a rate is multiplied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Multiplier {
    numerator: u32,
    denominator: u32,
}

impl Multiplier {
    /// The multiplier that changes nothing.
    pub const ONE: Self = Self { numerator: 1, denominator: 1 };

    /// Reads `numerator/denominator`, both between 1 and 1,000.
    pub fn parse(text: &str) -> Option<Self> {
        let (numerator, denominator) = text.split_once('/')?;
        let term = |digits: &str| {
            let term: u32 = digits.parse().ok()?;
            (1..=MAX_TERM).contains(&term).then_some(term)
        };
        Some(Self { numerator: term(numerator)?, denominator: term(denominator)? })
    }

    /// Returns the product, not reduced, so that a line shows both factors' terms.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        Self {
            numerator: self.numerator * other.numerator,
            denominator: self.denominator * other.denominator,
        }
    }

    /// Returns numerator and denominator.
    pub fn terms(self) -> (u32, u32) {
        (self.numerator, self.denominator)
    }

    /// Returns `quantity` × `rate` × this, rounded once, half to even, to a pico-USD.
    pub(crate) fn amount(self, quantity: u64, rate: PicoUsd) -> PicoUsd {
        let product = i128::from(quantity) * rate.0 * i128::from(self.numerator);
        PicoUsd(divide_half_even(product, i128::from(self.denominator)))
    }
}

impl fmt::Display for Multiplier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

/// Divides two non-negative numbers; a half goes to the even neighbour.
fn divide_half_even(dividend: i128, divisor: i128) -> i128 {
    let quotient = dividend / divisor;
    let twice_remainder = dividend % divisor * 2;
    let rounds_up = twice_remainder > divisor || (twice_remainder == divisor && quotient % 2 == 1);
    quotient + i128::from(rounds_up)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_the_even_neighbour() {
        for (dividend, divisor, expected) in
            [(1, 2, 0), (3, 2, 2), (5, 2, 2), (7, 2, 4), (1, 3, 0), (2, 3, 1), (6, 3, 2), (0, 7, 0)]
        {
            assert_eq!(divide_half_even(dividend, divisor), expected, "{dividend}/{divisor}");
        }
    }

    #[test]
    fn a_line_is_rounded_once() {
        // 3 × 1 × 1/2 = 1.5 → 2, and 5 × 1 × 1/2 = 2.5 → 2.
        let half = Multiplier::parse("1/2").expect("a valid multiplier");
        assert_eq!(half.amount(3, PicoUsd(1)), PicoUsd(2));
        assert_eq!(half.amount(5, PicoUsd(1)), PicoUsd(2));
        // 10 × 1 × (1/2 × 11/10) = 5.5 → 6; rounding in between would give 5.
        let both = half.times(Multiplier::parse("11/10").expect("a valid multiplier"));
        assert_eq!(both.terms(), (11, 20));
        assert_eq!(both.amount(10, PicoUsd(1)), PicoUsd(6));
    }

    #[test]
    fn what_is_no_small_fraction_is_refused() {
        for text in ["", "1", "0/1", "1/0", "1001/1", "-1/2", "1/2/3", "0.5/1"] {
            assert_eq!(Multiplier::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_largest_line_fits() {
        let largest = Multiplier::parse("1000/1").expect("a valid multiplier");
        let amount = largest.times(largest).amount(u64::MAX, PicoUsd(crate::price::MAX_RATE));
        assert_eq!(amount.0, i128::from(u64::MAX) * 1_000_000_000_000_000_000);
    }
}
