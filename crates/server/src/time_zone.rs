//! Buckets of time in the asker's time zone, computed here and bound as values, so that every engine
//! cuts at the same places: days of 23 and 25 hours included.

use jiff::tz::TimeZone;
use jiff::{RoundMode, Span, Unit, Zoned, ZonedRound};
use modelstat_store::{Bucket, TimeRange};
use modelstat_wire::Timestamp;

/// Most buckets of one answer: a quarter of hours.
pub(crate) const MAX_BUCKETS: usize = 2_300;

/// How wide a bucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Width {
    /// Sixty minutes.
    Hour,
    /// Midnight to midnight.
    Day,
    /// Monday to Monday.
    Week,
    /// The first to the first.
    Month,
}

/// Finds a time zone by its IANA name.
pub(crate) fn find(name: &str) -> Option<TimeZone> {
    if name == "UTC" {
        return Some(TimeZone::UTC);
    }
    let is_plausible = name.len() <= 64 && !name.starts_with('/') && !name.contains("..");
    is_plausible.then(|| TimeZone::get(name).ok()).flatten()
}

/// Cuts a range into buckets, the first and last of which may reach beyond it. `None` when there
/// would be too many.
pub(crate) fn buckets(range: TimeRange, width: Width, zone: &TimeZone) -> Option<Vec<Bucket>> {
    let from = zoned(range.from, zone)?;
    let mut start = floor(&from, width)?;
    let mut buckets = Vec::new();
    loop {
        let from = Timestamp::from(start.timestamp());
        if from >= range.to {
            return Some(buckets);
        }
        if buckets.len() == MAX_BUCKETS {
            return None;
        }
        let next = start.checked_add(step(width)).ok()?;
        // An hour that is skipped by the clocks must not stop the walk.
        let next = floor(&next, width).filter(|floored| *floored > start).unwrap_or(next);
        buckets.push(Bucket { from, to: Timestamp::from(next.timestamp()) });
        start = next;
    }
}

/// Prints a bucket's beginning with the zone's offset.
pub(crate) fn label(time: Timestamp, zone: &TimeZone) -> String {
    match zoned(time, zone) {
        Some(time) => time.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        None => time.to_string(),
    }
}

fn zoned(time: Timestamp, zone: &TimeZone) -> Option<Zoned> {
    let time = jiff::Timestamp::from_microsecond(time.as_micros()).ok()?;
    Some(time.to_zoned(zone.clone()))
}

fn floor(time: &Zoned, width: Width) -> Option<Zoned> {
    match width {
        Width::Hour => {
            time.round(ZonedRound::new().smallest(Unit::Hour).mode(RoundMode::Trunc)).ok()
        }
        Width::Day => time.start_of_day().ok(),
        Width::Week => {
            let since_monday = i64::from(time.weekday().to_monday_zero_offset());
            time.checked_sub(Span::new().days(since_monday)).ok()?.start_of_day().ok()
        }
        Width::Month => time.first_of_month().ok()?.start_of_day().ok(),
    }
}

fn step(width: Width) -> Span {
    match width {
        Width::Hour => Span::new().hours(1),
        Width::Day => Span::new().days(1),
        Width::Week => Span::new().weeks(1),
        Width::Month => Span::new().months(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: &str, to: &str) -> TimeRange {
        TimeRange { from: from.parse().expect("a time"), to: to.parse().expect("a time") }
    }

    fn check(range: TimeRange, width: Width, zone: &str, hours: &[i64]) {
        let zone = find(zone).expect("a zone");
        let cut = buckets(range, width, &zone).expect("few");
        let widths = cut
            .iter()
            .map(|bucket| (bucket.to.as_micros() - bucket.from.as_micros()) / 3_600_000_000);
        assert_eq!(widths.collect::<Vec<_>>(), hours);
        assert!(cut.windows(2).all(|pair| pair[0].to == pair[1].from));
    }

    #[test]
    fn days_follow_the_clocks_of_the_zone() {
        let spring = range("2026-03-28T23:00:00Z", "2026-03-30T22:00:00Z");
        check(spring, Width::Day, "Europe/Berlin", &[23, 24]);
        let autumn = range("2026-10-24T22:00:00Z", "2026-10-26T23:00:00Z");
        check(autumn, Width::Day, "Europe/Berlin", &[25, 24]);
        check(range("2026-06-01T12:00:00Z", "2026-06-02T12:00:00Z"), Width::Day, "UTC", &[24, 24]);
    }

    #[test]
    fn hours_weeks_and_months_are_cut_at_their_beginnings() {
        check(
            range("2026-10-25T00:00:00Z", "2026-10-25T03:00:00Z"),
            Width::Hour,
            "Europe/Berlin",
            &[1; 3],
        );
        check(range("2026-06-03T00:00:00Z", "2026-06-04T00:00:00Z"), Width::Week, "UTC", &[168]);
        check(
            range("2026-02-10T00:00:00Z", "2026-03-02T00:00:00Z"),
            Width::Month,
            "UTC",
            &[672, 744],
        );
    }

    #[test]
    fn labels_carry_the_offset_of_their_day() {
        let zone = find("Europe/Berlin").expect("a zone");
        let time = "2026-05-31T22:00:00Z".parse().expect("a time");
        assert_eq!(label(time, &zone), "2026-06-01T00:00:00+02:00");
    }

    #[test]
    fn too_many_buckets_and_unknown_zones_are_refused() {
        let years = range("2000-01-01T00:00:00Z", "2026-01-01T00:00:00Z");
        assert_eq!(buckets(years, Width::Hour, &TimeZone::UTC), None);
        assert!(find("Mars/Olympus").is_none());
        assert!(find("../../etc/passwd").is_none());
    }
}
