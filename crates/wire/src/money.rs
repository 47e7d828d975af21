//! Money as an integer.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;
use std::str::FromStr;

use serde::{Serialize, Serializer};

const PICO_PER_USD: i128 = 1_000_000_000_000;
const DECIMALS: usize = 12;

/// An amount in pico-USD (10⁻¹² USD).
///
/// Printed as a decimal string in USD with 12 places. Never a float.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PicoUsd(pub i128);

/// The text was no decimal amount with at most 12 places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal amount in USD with at most 12 places")]
pub struct PicoUsdError;

impl PicoUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);
}

impl Add for PicoUsd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sum for PicoUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for PicoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let amount = self.0.unsigned_abs();
        let one = PICO_PER_USD.unsigned_abs();
        write!(f, "{sign}{}.{:0DECIMALS$}", amount / one, amount % one)
    }
}

impl FromStr for PicoUsd {
    type Err = PicoUsdError;

    fn from_str(text: &str) -> Result<Self, PicoUsdError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        // Fifteen whole digits are more than all the money there is, and far from overflow.
        if whole.is_empty() || whole.len() > 15 || fraction.len() > DECIMALS {
            return Err(PicoUsdError);
        }
        if !is_digits(whole) || !is_digits(fraction) {
            return Err(PicoUsdError);
        }
        let whole: i128 = whole.parse().map_err(|_| PicoUsdError)?;
        let fraction: i128 = format!("{fraction:0<DECIMALS$}").parse().map_err(|_| PicoUsdError)?;
        let amount = whole * PICO_PER_USD + fraction;
        Ok(Self(if negative { -amount } else { amount }))
    }
}

impl Serialize for PicoUsd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads_twelve_places() {
        for (pico, text) in [
            (0, "0.000000000000"),
            (4_800_000_000, "0.004800000000"),
            (-1, "-0.000000000001"),
            (12_500_000_000_000, "12.500000000000"),
        ] {
            assert_eq!(PicoUsd(pico).to_string(), text);
            assert_eq!(text.parse(), Ok(PicoUsd(pico)));
        }
        assert_eq!("3".parse(), Ok(PicoUsd(3 * PICO_PER_USD)));
        assert_eq!("0.1".parse(), Ok(PicoUsd(PICO_PER_USD / 10)));
    }

    #[test]
    fn refuses_what_is_no_amount() {
        for text in
            ["", "-", ".5", "1e3", "1.0000000000001", "NaN", "+1", "1,5", "9999999999999999"]
        {
            assert_eq!(text.parse::<PicoUsd>(), Err(PicoUsdError), "{text}");
        }
    }
}
