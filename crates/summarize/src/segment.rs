//! Which turns of a session belong together.

use std::ops::Range;
use std::time::Duration;

use modelstat_wire::Timestamp;

/// When a segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentLimits {
    /// A pause of this length between two turns starts a new segment: work was put down.
    pub gap: Duration,
    /// Most turns: what one title can still name. A segment that has them is closed.
    pub max_turns: usize,
    /// A turn this long after the first starts a new segment: what a timeline can still show as one.
    pub max_span: Duration,
    /// Most characters of text: what a small model reads in one prompt. A segment that has them is closed,
    /// and a longer turn stands alone.
    pub max_chars: usize,
    /// After this long without an arrival the last segment is closed: most late turns have come.
    pub quiet: Duration,
}

impl Default for SegmentLimits {
    fn default() -> Self {
        Self {
            gap: Duration::from_mins(15),
            max_turns: 100,
            max_span: Duration::from_mins(30),
            max_chars: 12_000,
            quiet: Duration::from_mins(1),
        }
    }
}

/// What splitting needs to know of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnMark {
    /// When it happened.
    pub ts: Timestamp,
    /// How long its text is.
    pub chars: usize,
}

/// Turns that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Their places in the list that was split.
    pub turns: Range<usize>,
    /// Whether no turn that comes in order can join them any more.
    pub is_closed: bool,
}

/// Splits the turns of one session, sorted by time.
///
/// All spans but the last are closed. The last is closed once it is full, or once nothing has arrived for
/// the quiet time; the distance counts in both directions, so that a clock that was set back keeps no text
/// waiting.
pub fn split(
    turns: &[TurnMark],
    last_arrival: Timestamp,
    now: Timestamp,
    limits: &SegmentLimits,
) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut start = 0;
    let mut chars = 0;
    for (index, turn) in turns.iter().enumerate() {
        let breaks = index > start
            && (is_full(index - start, chars, limits)
                || chars + turn.chars > limits.max_chars
                || elapsed(turns[index - 1].ts, turn.ts) >= limits.gap
                || elapsed(turns[start].ts, turn.ts) >= limits.max_span);
        if breaks {
            spans.push(Span { turns: start..index, is_closed: true });
            (start, chars) = (index, 0);
        }
        chars += turn.chars;
    }
    if start < turns.len() {
        let is_closed = is_full(turns.len() - start, chars, limits)
            || elapsed(last_arrival, now) >= limits.quiet;
        spans.push(Span { turns: start..turns.len(), is_closed });
    }
    spans
}

/// Whether no turn has room any more.
pub(crate) fn is_full(turns: usize, chars: usize, limits: &SegmentLimits) -> bool {
    turns >= limits.max_turns || chars >= limits.max_chars
}

pub(crate) fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_micros(from.as_micros().abs_diff(to.as_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Timestamp = Timestamp::from_millis(10_000_000);

    fn marks(turns: &[(i64, usize)]) -> Vec<TurnMark> {
        let mark =
            |&(second, chars)| TurnMark { ts: Timestamp::from_millis(second * 1_000), chars };
        turns.iter().map(mark).collect()
    }

    fn check(turns: &[(i64, usize)], expected: &[(usize, usize)]) {
        let spans =
            split(&marks(turns), Timestamp::from_millis(0), LATER, &SegmentLimits::default());
        let ranges: Vec<_> = spans.iter().map(|span| (span.turns.start, span.turns.end)).collect();
        assert_eq!(ranges, expected);
    }

    #[test]
    fn a_pause_as_long_as_the_gap_splits() {
        check(&[(0, 1), (899, 1)], &[(0, 2)]);
        check(&[(0, 1), (900, 1)], &[(0, 1), (1, 2)]);
    }

    #[test]
    fn a_long_span_splits() {
        check(&[(0, 1), (600, 1), (1_200, 1), (1_799, 1), (1_800, 1)], &[(0, 4), (4, 5)]);
    }

    #[test]
    fn many_turns_split() {
        let turns: Vec<_> = (0..250).map(|second| (second, 1)).collect();
        check(&turns, &[(0, 100), (100, 200), (200, 250)]);
    }

    #[test]
    fn much_text_splits_and_a_longer_turn_stands_alone() {
        check(&[(0, 6_000), (1, 6_000), (2, 0)], &[(0, 2), (2, 3)]);
        check(&[(0, 6_000), (1, 5_999), (2, 1)], &[(0, 3)]);
        check(&[(0, 1), (1, 50_000), (2, 1)], &[(0, 1), (1, 2), (2, 3)]);
    }

    #[test]
    fn the_last_segment_closes_after_quiet() {
        let turns = marks(&[(0, 1), (1_000, 1)]);
        let limits = SegmentLimits::default();
        let arrival = Timestamp::from_millis(5_000_000);
        let is_closed = |now_ms: i64| {
            let spans = split(&turns, arrival, Timestamp::from_millis(now_ms), &limits);
            spans.iter().map(|span| span.is_closed).collect::<Vec<_>>()
        };
        assert_eq!(is_closed(5_059_999), [true, false]);
        assert_eq!(is_closed(5_060_000), [true, true]);
        assert_eq!(is_closed(1_000_000), [true, true], "the clock was set back");
    }

    #[test]
    fn a_full_segment_closes_without_waiting() {
        let now = Timestamp::from_millis(0);
        let is_closed = |turns: &[(i64, usize)]| {
            let spans = split(&marks(turns), now, now, &SegmentLimits::default());
            spans.last().map(|span| span.is_closed)
        };
        let many = |count| (0..count).map(|second| (second, 1)).collect::<Vec<_>>();
        assert_eq!((is_closed(&many(99)), is_closed(&many(100))), (Some(false), Some(true)));
        assert_eq!(is_closed(&[(0, 6_000), (1, 5_999)]), Some(false));
        assert_eq!(is_closed(&[(0, 6_000), (1, 6_000)]), Some(true));
    }

    #[test]
    fn no_turns_make_no_segment() {
        check(&[], &[]);
    }
}
