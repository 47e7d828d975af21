//! Which closed segment a late turn belongs to.

use std::time::Duration;

use modelstat_wire::Timestamp;

use crate::segment::{SegmentLimits, TurnMark, elapsed, is_full};

/// What is known of a closed segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedMark {
    /// When its first turn happened.
    pub first: Timestamp,
    /// When its last turn happened.
    pub last: Timestamp,
    /// How many turns it has.
    pub turns: usize,
    /// How long their texts are together.
    pub chars: usize,
}

impl ClosedMark {
    /// How far a turn lies from the segment, if it belongs there by the rules of [`crate::split`].
    fn distance(&self, turn: &TurnMark, limits: &SegmentLimits) -> Option<Duration> {
        let distance = if turn.ts < self.first {
            elapsed(turn.ts, self.first)
        } else if turn.ts > self.last {
            elapsed(self.last, turn.ts)
        } else {
            Duration::ZERO
        };
        let span = elapsed(self.first.min(turn.ts), self.last.max(turn.ts));
        let has_room = !is_full(self.turns, self.chars, limits)
            && self.chars.saturating_add(turn.chars) <= limits.max_chars;
        // One who is within the span does not widen it.
        let fits = distance.is_zero() || (distance < limits.gap && span < limits.max_span);
        (has_room && fits).then_some(distance)
    }

    fn add(&mut self, turn: &TurnMark) {
        self.first = self.first.min(turn.ts);
        self.last = self.last.max(turn.ts);
        self.turns += 1;
        self.chars = self.chars.saturating_add(turn.chars);
    }
}

/// Finds for each turn, sorted by time, the closed segment that it belongs to: one that it lies within, else
/// the nearest that has room. Of equals, the earlier one.
pub fn assign(
    turns: &[TurnMark],
    closed: &[ClosedMark],
    limits: &SegmentLimits,
) -> Vec<Option<usize>> {
    let mut closed = closed.to_vec();
    let mut place = |turn: &TurnMark| {
        let near = closed.iter().enumerate();
        let near = near.filter_map(|(at, mark)| Some((mark.distance(turn, limits)?, at)));
        let (_, nearest) = near.min()?;
        closed[nearest].add(turn);
        Some(nearest)
    };
    turns.iter().map(&mut place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    const fn closed(first: i64, last: i64, turns: usize, chars: usize) -> ClosedMark {
        ClosedMark { first: at(first), last: at(last), turns, chars }
    }

    fn check(closed: &[ClosedMark], turns: &[(i64, usize)], expected: &[Option<usize>]) {
        let turns: Vec<_> =
            turns.iter().map(|&(second, chars)| TurnMark { ts: at(second), chars }).collect();
        assert_eq!(assign(&turns, closed, &SegmentLimits::default()), expected);
    }

    #[test]
    fn a_turn_within_the_span_or_the_gap_belongs() {
        let segment = [closed(10_000, 10_600, 2, 10)];
        check(&segment, &[(10_300, 1)], &[Some(0)]);
        check(&segment, &[(9_101, 1)], &[Some(0)]);
        check(&segment, &[(9_100, 1)], &[None]);
        check(&segment, &[(11_499, 1), (11_500, 1)], &[Some(0), Some(0)]);
        check(&segment, &[(11_500, 1)], &[None]);
    }

    #[test]
    fn the_nearest_of_two_is_taken() {
        let segments = [closed(0, 600, 2, 10), closed(1_500, 1_600, 2, 10)];
        check(&segments, &[(700, 1), (1_450, 1), (1_550, 1)], &[Some(0), Some(1), Some(1)]);
    }

    #[test]
    fn a_full_segment_takes_no_more() {
        check(&[closed(0, 60, 99, 0)], &[(1, 1), (2, 1)], &[Some(0), None]);
        check(&[closed(0, 60, 2, 11_000)], &[(1, 1_001), (2, 1_000)], &[None, Some(0)]);
        check(&[closed(0, 1_700, 2, 0)], &[(1_799, 1), (1_800, 1)], &[Some(0), None]);
    }
}
