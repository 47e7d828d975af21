//! Which segments of a session are closed now, and which are opened again.

use std::collections::BTreeMap;

use modelstat_wire::Timestamp;

use crate::late::{ClosedMark, assign};
use crate::segment::{SegmentLimits, TurnMark, elapsed, is_full, split};

/// Where a turn that waits stands in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnPlace {
    /// The row in which a store keeps it.
    pub row: i64,
    /// When it happened, and how long it is.
    pub mark: TurnMark,
}

/// Where a closed segment stands in its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedPlace {
    /// The row in which a store keeps what is left of it.
    pub row: i64,
    /// From when to when it goes, and how full it is.
    pub mark: ClosedMark,
}

/// What to do with the turns of a session that wait.
#[derive(Debug, Default)]
pub struct Plan {
    /// In the order of time.
    pub closing: Vec<Planned>,
    /// Turns that go on waiting, in the order of time.
    pub left: Vec<TurnPlace>,
}

/// A segment that is closed.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its turns that waited.
    pub turns: Vec<TurnPlace>,
    /// The closed segment that they join.
    pub reopens: Option<ClosedPlace>,
    /// Whether no closed segment of the session began later, so that it may name the session.
    pub is_newest: bool,
}

impl Planned {
    /// When the segment begins, with what it joins.
    fn first(&self) -> Option<Timestamp> {
        let of_turns = self.turns.first().map(|place| place.mark.ts);
        let of_closed = self.reopens.map(|closed| closed.mark.first);
        [of_turns, of_closed].into_iter().flatten().min()
    }

    /// The same, as a segment of its own unless there is something to join.
    #[must_use]
    pub fn joining(&self, is_kept: bool) -> Self {
        Self { reopens: self.reopens.filter(|_| is_kept), ..self.clone() }
    }

    /// What is known of the whole of it.
    pub fn mark(&self) -> ClosedMark {
        let zero = Timestamp::from_micros(0);
        let first = self.turns.first().map_or(zero, |place| place.mark.ts);
        let last = self.turns.last().map_or(zero, |place| place.mark.ts);
        let chars = self.turns.iter().map(|place| place.mark.chars).sum();
        let new = ClosedMark { first, last, turns: self.turns.len(), chars };
        let Some(ClosedPlace { mark, .. }) = self.reopens else { return new };
        ClosedMark {
            first: mark.first.min(new.first),
            last: mark.last.max(new.last),
            turns: mark.turns + new.turns,
            chars: mark.chars.saturating_add(new.chars),
        }
    }
}

/// Says from when on closed segments matter to turns that wait: those that end later can be joined.
pub fn joinable_since(places: &[TurnPlace], limits: &SegmentLimits) -> Option<Timestamp> {
    let reach = i64::try_from(limits.gap.as_micros()).unwrap_or(i64::MAX);
    let first = places.first()?;
    Some(Timestamp::from_micros(first.mark.ts.as_micros().saturating_sub(reach)))
}

/// Plans a session. Late turns join the closed segment that they lie in or beside, by the rules by which
/// segments are made; one that ends with the newest turn waits for more, as an open segment does.
///
/// Turns are sorted by time, `closed` is what ends after [`joinable_since`].
pub fn plan(
    places: &[TurnPlace],
    closed: &[ClosedPlace],
    last_arrival: Timestamp,
    now: Timestamp,
    limits: &SegmentLimits,
) -> Plan {
    let marks: Vec<ClosedMark> = closed.iter().map(|place| place.mark).collect();
    let joined = assign(&turn_marks(places), &marks, limits);
    let mut late: BTreeMap<usize, Vec<TurnPlace>> = BTreeMap::new();
    let mut fresh: Vec<TurnPlace> = Vec::new();
    for (place, joins) in places.iter().zip(joined) {
        match joins {
            Some(at) => late.entry(at).or_default().push(*place),
            None => fresh.push(*place),
        }
    }
    let newest = places.last().map(|place| place.row);
    let is_quiet = elapsed(last_arrival, now) >= limits.quiet;
    let mut plan = Plan::default();
    for (at, turns) in late {
        let planned = Planned { turns, reopens: Some(closed[at]), is_newest: false };
        let mark = planned.mark();
        let is_last = planned.turns.last().map(|place| place.row) == newest
            && closed.iter().all(|other| other.mark.first <= mark.last);
        if is_last && !is_quiet && !is_full(mark.turns, mark.chars, limits) {
            plan.left.extend(planned.turns);
        } else {
            plan.closing.push(planned);
        }
    }
    for span in split(&turn_marks(&fresh), last_arrival, now, limits) {
        let turns = fresh[span.turns].to_vec();
        if span.is_closed {
            plan.closing.push(Planned { turns, reopens: None, is_newest: false });
        } else {
            plan.left.extend(turns);
        }
    }
    plan.left.sort_by_key(|place| (place.mark.ts, place.row));
    plan.closing.sort_by_key(Planned::first);
    for planned in &mut plan.closing {
        let row = planned.reopens.map(|closed| closed.row);
        let mut others = closed.iter().filter(|other| Some(other.row) != row);
        let first = planned.first();
        planned.is_newest = others.all(|other| Some(other.mark.first) <= first);
    }
    plan
}

fn turn_marks(places: &[TurnPlace]) -> Vec<TurnMark> {
    places.iter().map(|place| place.mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    fn turn(row: i64, second: i64) -> TurnPlace {
        TurnPlace { row, mark: TurnMark { ts: at(second), chars: 1 } }
    }

    fn closed(row: i64, first: i64, last: i64) -> ClosedPlace {
        let mark = ClosedMark { first: at(first), last: at(last), turns: 2, chars: 2 };
        ClosedPlace { row, mark }
    }

    /// Each closing segment: the rows of its turns, the row that it reopens, whether it is the newest.
    type Closing<'a> = (&'a [i64], Option<i64>, bool);

    fn check(
        turns: &[TurnPlace],
        kept: &[ClosedPlace],
        now: i64,
        closing: &[Closing<'_>],
        left: &[i64],
    ) {
        let last_arrival = at(10_000);
        let plan = plan(turns, kept, last_arrival, at(now), &SegmentLimits::default());
        let rows = |places: &[TurnPlace]| places.iter().map(|place| place.row).collect::<Vec<_>>();
        let made: Vec<_> = (plan.closing.iter())
            .map(|planned| {
                let reopens = planned.reopens.map(|closed| closed.row);
                (rows(&planned.turns), reopens, planned.is_newest)
            })
            .collect();
        let made: Vec<Closing<'_>> = made
            .iter()
            .map(|(rows, reopens, newest)| (rows.as_slice(), *reopens, *newest))
            .collect();
        assert_eq!(made, closing);
        assert_eq!(rows(&plan.left), left);
    }

    #[test]
    fn turns_wait_until_their_session_is_quiet() {
        let turns = [turn(1, 0), turn(2, 60)];
        check(&turns, &[], 10_059, &[], &[1, 2]);
        check(&turns, &[], 10_060, &[(&[1, 2], None, true)], &[]);
    }

    #[test]
    fn a_pause_closes_what_is_before_it() {
        let turns = [turn(1, 0), turn(2, 900)];
        check(&turns, &[], 10_000, &[(&[1], None, true)], &[2]);
    }

    #[test]
    fn late_turns_join_the_segment_beside_them() {
        let kept = [closed(7, 0, 60), closed(8, 5_000, 5_060)];
        let turns = [turn(1, 30), turn(2, 2_500)];
        check(&turns, &kept, 10_000, &[(&[1], Some(7), false)], &[2]);
        let expected: [Closing<'_>; 2] = [(&[1], Some(7), false), (&[2], None, false)];
        check(&turns, &kept, 10_060, &expected, &[]);
    }

    #[test]
    fn a_session_that_goes_on_waits_though_its_segment_was_closed() {
        let kept = [closed(7, 0, 60)];
        check(&[turn(1, 70)], &kept, 10_000, &[], &[1]);
        check(&[turn(1, 70)], &kept, 10_060, &[(&[1], Some(7), true)], &[]);
    }
}
