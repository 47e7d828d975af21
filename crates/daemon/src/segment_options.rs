//! When a segment ends, as an operator says it.

use std::time::Duration;

use modelstat_summarize::SegmentLimits;
use serde::Deserialize;

use crate::config::DEFAULT_MODEL_QUEUE;

/// How far a limit may be moved, as a factor up and down: beyond it, a segment is no unit of work any more.
const FACTOR: u64 = 10;

/// The section `[segments]` of the configuration; what is left out keeps its default.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentOptions {
    /// A pause of this length starts a new segment.
    pub gap_seconds: Option<u64>,
    /// Most turns.
    pub max_turns: Option<u64>,
    /// A turn this long after the first starts a new segment.
    pub max_span_seconds: Option<u64>,
    /// Most characters of text.
    pub max_chars: Option<u64>,
    /// After this long without an arrival the last segment is closed.
    pub quiet_seconds: Option<u64>,
    /// Most segments that wait for a model; beyond it the oldest do without.
    pub model_queue: Option<u64>,
}

/// A limit is moved too far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("segments.{key} is {given}, and may be {least} to {most}")]
pub struct SegmentOptionError {
    /// The key in the section.
    pub key: &'static str,
    /// What it says.
    pub given: u64,
    /// The least that it may say.
    pub least: u64,
    /// The most that it may say.
    pub most: u64,
}

impl SegmentOptionError {
    /// Returns the key with its section.
    pub fn name(&self) -> String {
        format!("segments.{}", self.key)
    }
}

impl SegmentOptions {
    /// Returns the limits, each within a tenth and ten times its default.
    pub fn limits(&self) -> Result<SegmentLimits, SegmentOptionError> {
        let default = SegmentLimits::default();
        let seconds = |key, given, default: Duration| {
            checked(key, given, default.as_secs()).map(Duration::from_secs)
        };
        let number = |key, given, default: usize| {
            let number = checked(key, given, default as u64)?;
            Ok(usize::try_from(number).unwrap_or(usize::MAX))
        };
        Ok(SegmentLimits {
            gap: seconds("gap_seconds", self.gap_seconds, default.gap)?,
            max_turns: number("max_turns", self.max_turns, default.max_turns)?,
            max_span: seconds("max_span_seconds", self.max_span_seconds, default.max_span)?,
            max_chars: number("max_chars", self.max_chars, default.max_chars)?,
            quiet: seconds("quiet_seconds", self.quiet_seconds, default.quiet)?,
        })
    }

    /// Returns how many segments may wait for a model, within a tenth and ten times the default.
    pub fn model_queue(&self) -> Result<usize, SegmentOptionError> {
        let queue = checked("model_queue", self.model_queue, DEFAULT_MODEL_QUEUE as u64)?;
        Ok(usize::try_from(queue).unwrap_or(usize::MAX))
    }
}

fn checked(key: &'static str, given: Option<u64>, default: u64) -> Result<u64, SegmentOptionError> {
    let (least, most) = (default / FACTOR, default * FACTOR);
    match given {
        None => Ok(default),
        Some(given) if (least..=most).contains(&given) => Ok(given),
        Some(given) => Err(SegmentOptionError { key, given, least, most }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(options: SegmentOptions, error: Option<&str>) {
        let error = error.map(str::to_owned);
        assert_eq!(options.limits().err().map(|error| error.to_string()), error);
    }

    #[test]
    fn a_limit_out_of_range_is_refused_by_name() {
        let none = SegmentOptions::default();
        assert_eq!(none.limits(), Ok(SegmentLimits::default()));
        for (gap, error) in [
            (89, Some("segments.gap_seconds is 89, and may be 90 to 9000")),
            (90, None),
            (9_000, None),
            (9_001, Some("segments.gap_seconds is 9001, and may be 90 to 9000")),
        ] {
            check(SegmentOptions { gap_seconds: Some(gap), ..none }, error);
        }
        check(
            SegmentOptions { max_turns: Some(9), ..none },
            Some("segments.max_turns is 9, and may be 10 to 1000"),
        );
        check(
            SegmentOptions { max_span_seconds: Some(18_001), ..none },
            Some("segments.max_span_seconds is 18001, and may be 180 to 18000"),
        );
        check(
            SegmentOptions { max_chars: Some(0), ..none },
            Some("segments.max_chars is 0, and may be 1200 to 120000"),
        );
        check(
            SegmentOptions { quiet_seconds: Some(601), ..none },
            Some("segments.quiet_seconds is 601, and may be 6 to 600"),
        );
        assert_eq!(none.model_queue(), Ok(DEFAULT_MODEL_QUEUE));
        let few = SegmentOptions { model_queue: Some(9), ..none }.model_queue();
        let said = few.expect_err("too few").to_string();
        assert_eq!(said, "segments.model_queue is 9, and may be 10 to 1000");
    }
}
