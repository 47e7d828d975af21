//! Points in time, as the wire carries them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest accepted time text; RFC 3339 with nanoseconds and an offset has 35 characters.
const MAX_TIME_CHARS: usize = 40;

/// A point in time in UTC microseconds.
///
/// Any RFC 3339 offset is accepted; what lies below a microsecond is cut. Printed in UTC with three
/// decimals, or six where the microseconds need them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The text was no RFC 3339 time with an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time with an offset")]
pub struct TimestampError;

impl Timestamp {
    /// Takes microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Takes milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Returns microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Returns milliseconds since the epoch, floored.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Returns whole days since the epoch, floored: the UTC day.
    pub fn utc_day(self) -> i32 {
        i32::try_from(self.0.div_euclid(86_400_000_000)).unwrap_or(i32::MAX)
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(time: jiff::Timestamp) -> Self {
        Self(time.as_microsecond())
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        if text.len() > MAX_TIME_CHARS {
            return Err(TimestampError);
        }
        let time: jiff::Timestamp = text.parse().map_err(|_| TimestampError)?;
        // Flooring keeps the published ids: they use floored milliseconds.
        let nanos = time.as_nanosecond();
        i64::try_from(nanos.div_euclid(1_000)).map(Self).map_err(|_| TimestampError)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(time) = jiff::Timestamp::from_microsecond(self.0) else {
            return write!(f, "@{}us", self.0);
        };
        let decimals = if self.0.rem_euclid(1_000) == 0 { 3 } else { 6 };
        write!(f, "{time:.decimals$}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time with an offset")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, printed: &str) {
        let time: Timestamp = text.parse().expect("a valid time");
        assert_eq!(time.to_string(), printed);
    }

    #[test]
    fn any_offset_is_read_and_utc_is_printed() {
        check("2026-06-19T12:34:56.789Z", "2026-06-19T12:34:56.789Z");
        check("2026-06-19T14:34:56+02:00", "2026-06-19T12:34:56.000Z");
        check("2026-06-19T12:34:56.123456789Z", "2026-06-19T12:34:56.123456Z");
        check("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z");
        check("2200-01-01T00:00:00Z", "2200-01-01T00:00:00.000Z");
    }

    #[test]
    fn milliseconds_are_floored_before_the_epoch_too() {
        let time: Timestamp = "1969-12-31T23:59:59.9995Z".parse().expect("a valid time");
        assert_eq!(time.as_millis(), -1);
        assert_eq!(time.utc_day(), -1);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "2026-06-19", "2026-06-19T12:34:56", "yesterday", &"1".repeat(60)] {
            assert_eq!(text.parse::<Timestamp>(), Err(TimestampError), "{text}");
        }
    }
}
