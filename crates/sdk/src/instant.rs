//! Points in time as the published clients print them: UTC with three decimals.

use chrono::{DateTime, Datelike, Timelike, Utc};
use serde::{Deserialize, Deserializer, Serializer};

/// Room for `2026-06-19T12:34:56.789Z`.
const PRINTED_BYTES: usize = 24;

pub(crate) fn serialize<S: Serializer>(
    time: &DateTime<Utc>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    // RFC 3339 has no other years. Written here, as chrono's formatting is slow.
    let printed = match time.year() {
        ..0 => *b"0000-01-01T00:00:00.000Z",
        year @ 0..=9_999 => print(year.unsigned_abs(), time),
        _ => *b"9999-12-31T23:59:59.999Z",
    };
    serializer.serialize_str(str::from_utf8(&printed).expect("only ASCII was written"))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<DateTime<Utc>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let time = DateTime::parse_from_rfc3339(&text).map_err(serde::de::Error::custom)?;
    Ok(time.with_timezone(&Utc))
}

fn print(year: u32, time: &DateTime<Utc>) -> [u8; PRINTED_BYTES] {
    let mut printed = *b"0000-00-00T00:00:00.000Z";
    // A leap second is printed as the 59th with its milliseconds cut.
    let millis = (time.nanosecond() / 1_000_000).min(999);
    put(&mut printed[0..4], year);
    put(&mut printed[5..7], time.month());
    put(&mut printed[8..10], time.day());
    put(&mut printed[11..13], time.hour());
    put(&mut printed[14..16], time.minute());
    put(&mut printed[17..19], time.second());
    put(&mut printed[20..23], millis);
    printed
}

fn put(digits: &mut [u8], mut number: u32) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

/// The same for a time that may be absent.
pub(crate) mod option {
    use chrono::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde passes the field by reference")]
    pub(crate) fn serialize<S: Serializer>(
        time: &Option<DateTime<Utc>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => super::serialize(time, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<DateTime<Utc>>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        let time = DateTime::parse_from_rfc3339(&text).map_err(serde::de::Error::custom)?;
        Ok(Some(time.with_timezone(&Utc)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(time: &str, printed: &str) {
        let time: DateTime<Utc> = time.parse().expect("a time");
        let json = serialize(&time, serde_json::value::Serializer).expect("text");
        assert_eq!(json, printed);
        assert_eq!(deserialize(json).expect("a time").timestamp_millis(), time.timestamp_millis());
    }

    #[test]
    fn times_have_three_decimals_and_are_floored() {
        check("2026-06-19T12:34:56.789999Z", "2026-06-19T12:34:56.789Z");
        check("2026-06-19T14:34:56+02:00", "2026-06-19T12:34:56.000Z");
        check("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999Z");
        check("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z");
    }

    #[test]
    fn years_that_cannot_be_written_become_the_nearest() {
        for (time, printed) in [
            (DateTime::<Utc>::MAX_UTC, "9999-12-31T23:59:59.999Z"),
            (DateTime::<Utc>::MIN_UTC, "0000-01-01T00:00:00.000Z"),
        ] {
            let json = serialize(&time, serde_json::value::Serializer).expect("text");
            assert_eq!(json, printed);
        }
    }
}
