//! What a server answered.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// Longest answer that is kept; a longer one was no answer to a batch.
pub(crate) const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Status, the wait that was asked for, and the body.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

/// Reads `Retry-After`: seconds, or a date.
pub(crate) fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = DateTime::parse_from_rfc2822(value).ok()?;
    // A date that is past means now.
    Some((at.with_timezone(&Utc) - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_retry_after_are_read() {
        let now: DateTime<Utc> = "2026-06-19T12:00:00Z".parse().expect("a time");
        let check = |value: &str, seconds: Option<u64>| {
            assert_eq!(retry_after(value, now), seconds.map(Duration::from_secs), "{value}");
        };
        check(" 7 ", Some(7));
        check("Fri, 19 Jun 2026 12:00:30 GMT", Some(30));
        check("Fri, 19 Jun 2026 11:00:30 GMT", Some(0));
        check("soon", None);
        check("-1", None);
    }
}
