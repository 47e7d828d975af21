//! Which segments of a session are closed now, and which are opened again.

use std::collections::BTreeMap;

use modelstat_summarize::{ClosedMark, TurnMark, assign, split};
use modelstat_wire::Timestamp;

use super::abstracts::Abstracts;
use super::sessions::{Due, apart};
use crate::database::DatabaseError;
use crate::spool::{ClosedPlace, TurnPlace};

/// What to do with the turns of a session that wait.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// In the order of time.
    pub(super) closing: Vec<Planned>,
    /// Turns that go on waiting, in the order of time.
    pub(super) left: Vec<TurnPlace>,
}

/// A segment that is closed.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    /// Its turns that waited.
    pub(super) turns: Vec<TurnPlace>,
    /// The closed segment that they join.
    pub(super) reopens: Option<ClosedPlace>,
    /// Whether no closed segment of the session began later, so that it may name the session.
    pub(super) is_newest: bool,
}

impl Planned {
    /// When the segment begins, with what it joins.
    fn first(&self) -> Option<Timestamp> {
        let of_turns = self.turns.first().map(|place| place.mark.ts);
        let of_closed = self.reopens.map(|closed| closed.mark.first);
        [of_turns, of_closed].into_iter().flatten().min()
    }

    /// The same, as a segment of its own unless there is something to join.
    pub(super) fn joining(&self, is_kept: bool) -> Self {
        Self { reopens: self.reopens.filter(|_| is_kept), ..self.clone() }
    }

    /// What is known of the whole of it.
    pub(super) fn mark(&self) -> ClosedMark {
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

impl Abstracts {
    /// Plans a session. Late turns join the closed segment that they lie in or beside, by the rules by which
    /// segments are made; one that ends with the newest turn waits for more, as an open segment does.
    pub(super) fn plan(
        &self,
        due: &Due,
        places: &[TurnPlace],
        now: Timestamp,
    ) -> Result<Plan, DatabaseError> {
        let Some(first) = places.first() else { return Ok(Plan::default()) };
        let reach = i64::try_from(self.limits.gap.as_micros()).unwrap_or(i64::MAX);
        let since = Timestamp::from_micros(first.mark.ts.as_micros().saturating_sub(reach));
        let closed = self.spool.closed_places(&due.session, since)?;
        let marks: Vec<ClosedMark> = closed.iter().map(|place| place.mark).collect();
        let joined = assign(&turn_marks(places), &marks, &self.limits);
        let mut late: BTreeMap<usize, Vec<TurnPlace>> = BTreeMap::new();
        let mut fresh: Vec<TurnPlace> = Vec::new();
        for (place, joins) in places.iter().zip(joined) {
            match joins {
                Some(at) => late.entry(at).or_default().push(*place),
                None => fresh.push(*place),
            }
        }
        let newest = places.last().map(|place| place.row);
        let is_quiet = apart(due.last_arrival, now) >= self.limits.quiet;
        let mut plan = Plan::default();
        for (at, turns) in late {
            let planned = Planned { turns, reopens: Some(closed[at]), is_newest: false };
            let mark = planned.mark();
            let is_last = planned.turns.last().map(|place| place.row) == newest
                && closed.iter().all(|other| other.mark.first <= mark.last);
            if is_last && !is_quiet && !self.is_full(&mark) {
                plan.left.extend(planned.turns);
            } else {
                plan.closing.push(planned);
            }
        }
        for span in split(&turn_marks(&fresh), due.last_arrival, now, &self.limits) {
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
        Ok(plan)
    }

    fn is_full(&self, mark: &ClosedMark) -> bool {
        mark.turns >= self.limits.max_turns || mark.chars >= self.limits.max_chars
    }
}

fn turn_marks(places: &[TurnPlace]) -> Vec<TurnMark> {
    places.iter().map(|place| place.mark).collect()
}
