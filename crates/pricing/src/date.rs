//! The UTC days on which prices change.

use std::fmt;

use modelstat_wire::Timestamp;

/// A UTC day that opens or closes a price.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PriceDate {
    day: i32,
    text: String,
}

impl PriceDate {
    /// Reads `YYYY-MM-DD`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 10 {
            return None;
        }
        let midnight: Timestamp = format!("{text}T00:00:00Z").parse().ok()?;
        Some(Self { day: midnight.utc_day(), text: text.to_owned() })
    }

    /// Returns whole days since the epoch.
    pub fn utc_day(&self) -> i32 {
        self.day
    }

    /// Returns the day as `YYYY-MM-DD`.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for PriceDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_days_only() {
        let day = PriceDate::parse("1970-01-02").expect("a valid day");
        assert_eq!((day.utc_day(), day.as_str()), (1, "1970-01-02"));
        for text in ["", "1970-1-2", "1970-13-01", "1970-01-02Z", "19700102", "yesterday!"] {
            assert_eq!(PriceDate::parse(text), None, "{text}");
        }
    }
}
