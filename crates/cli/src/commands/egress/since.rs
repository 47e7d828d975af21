//! `--since`: a time, a day, or how long ago.

use modelstat_wire::Timestamp;

const MICROS: i64 = 1_000_000;

/// What can be given, for the error and the help.
const FORMS: &str = "give a time (2026-06-19T08:00:00Z), a day (2026-06-19, in UTC), or a time span \
                     before now in s, m, h or d (90m, 7d)";

/// A moment, or a distance from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    Time(Timestamp),
    AgoMicros(i64),
}

impl Since {
    /// Returns the moment.
    pub(crate) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Time(time) => time,
            Self::AgoMicros(ago) => Timestamp::from_micros(now.as_micros().saturating_sub(ago)),
        }
    }
}

impl std::str::FromStr for Since {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(time) = text.parse().or_else(|_| format!("{text}T00:00:00Z").parse()) {
            return Ok(Self::Time(time));
        }
        ago(text).map(Self::AgoMicros).ok_or(FORMS)
    }
}

fn ago(text: &str) -> Option<i64> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let count: u32 = count.parse().ok()?;
    i64::from(count).checked_mul(seconds * MICROS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let now: Timestamp = "2026-06-19T12:00:00Z".parse().expect("a time");
        let at = text.parse::<Since>().ok().map(|since| since.at(now).to_string());
        assert_eq!(at.as_deref(), expected, "{text}");
    }

    #[test]
    fn times_days_and_spans_are_read() {
        check("2026-06-01T08:30:00Z", Some("2026-06-01T08:30:00.000Z"));
        check("2026-06-01", Some("2026-06-01T00:00:00.000Z"));
        check("90m", Some("2026-06-19T10:30:00.000Z"));
        check("2d", Some("2026-06-17T12:00:00.000Z"));
        check("30s", Some("2026-06-19T11:59:30.000Z"));
        for bad in ["", "d", "-1d", "1w", "yesterday", "1é", "99999999999h"] {
            check(bad, None);
        }
    }
}
