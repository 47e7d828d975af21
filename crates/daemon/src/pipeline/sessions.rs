//! Which sessions have turns that wait, kept in memory so that a tick asks the disk for few of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use modelstat_summarize::{SegmentLimits, TurnPlace};
use modelstat_wire::Timestamp;

use crate::database::DatabaseError;
use crate::spool::{SessionKey, SessionTurns, Spool, TurnRow};

/// Most sessions in memory, about 20 MB of them. Others wait in the spool until some of these are closed:
/// an outage that brings millions of sessions at once must not bring millions of entries here.
const MAX_OPEN: usize = 65_536;

/// The open sessions, or as many as fit, noted by the thread that takes batches apart and closed by the
/// one that makes abstracts.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// Nothing until the spool was read.
    open: Mutex<Option<Known>>,
}

/// What is known of the spool's sessions.
#[derive(Debug, Default)]
struct Known {
    open: BTreeMap<SessionKey, Open>,
    /// Whether the spool may hold sessions that are not here.
    is_cut: bool,
}

impl Known {
    /// Whether there is room for sessions that were left in the spool.
    fn should_read_again(&self) -> bool {
        self.is_cut && self.open.len() <= MAX_OPEN / 2
    }
}

#[derive(Clone, Copy, Debug)]
struct Open {
    turns: u64,
    chars: u64,
    first: Timestamp,
    last: Timestamp,
    last_arrival: Timestamp,
    /// Whether a turn came since the last look.
    is_new: bool,
    /// How many turns were noted, which tells whether more came during a look.
    noted: u64,
}

/// A session of which a segment may be closed.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) session: SessionKey,
    /// When its last turn arrived.
    pub(super) last_arrival: Timestamp,
    /// Whether more sessions wait with it than models can serve soon.
    pub(super) is_crowded: bool,
    /// How many turns were noted of it.
    noted: u64,
}

/// Marks all sessions but so many of the newest.
pub(super) fn crowd(due: &mut [Due], most: usize) {
    let Some(crowded) = due.len().checked_sub(most).filter(|crowded| *crowded > 0) else { return };
    let mut order: Vec<usize> = (0..due.len()).collect();
    order.sort_by_key(|at| due[*at].last_arrival);
    for at in &order[..crowded] {
        due[*at].is_crowded = true;
    }
}

impl Sessions {
    /// Reads what the spool holds, unless it is known; of very many sessions, the rest once there is room.
    pub(super) fn load(&self, spool: &Spool) -> Result<(), DatabaseError> {
        let mut known = self.lock();
        if known.as_ref().is_none_or(Known::should_read_again) {
            let found = spool.sessions(MAX_OPEN)?;
            let is_cut = found.len() >= MAX_OPEN;
            *known = Some(Known { open: found.into_iter().map(found_open).collect(), is_cut });
        }
        Ok(())
    }

    /// Forgets everything, so that it is read again.
    pub(super) fn forget(&self) {
        *self.lock() = None;
    }

    /// Notes turns that the spool holds since now.
    pub(super) fn note(&self, turns: &[TurnRow], at: Timestamp) {
        // What is not known yet will be read from the spool.
        let mut known = self.lock();
        let Some(known) = known.as_mut() else { return };
        for turn in turns {
            if known.open.len() >= MAX_OPEN && !known.open.contains_key(&turn.session) {
                known.is_cut = true;
                continue;
            }
            let fresh = Open {
                turns: 0,
                chars: 0,
                first: turn.ts,
                last: turn.ts,
                last_arrival: at,
                is_new: true,
                noted: 0,
            };
            let open = known.open.entry(turn.session.clone()).or_insert(fresh);
            open.turns += 1;
            open.noted += 1;
            open.chars += turn.chars as u64;
            open.first = open.first.min(turn.ts);
            open.last = open.last.max(turn.ts);
            open.last_arrival = at;
            open.is_new = true;
        }
    }

    /// Returns the sessions of which a segment may be closed.
    pub(super) fn due(&self, now: Timestamp, limits: &SegmentLimits) -> Vec<Due> {
        let is_due = |open: &Open| {
            let is_quiet = apart(open.last_arrival, now) >= limits.quiet;
            let may_split = open.turns >= limits.max_turns as u64
                || open.chars >= limits.max_chars as u64
                || apart(open.first, open.last) >= limits.gap.min(limits.max_span);
            is_quiet || (open.is_new && may_split)
        };
        let known = self.lock();
        let due = known.iter().flat_map(|known| &known.open).filter(|(_, open)| is_due(open));
        let due = due.map(|(session, open)| Due {
            session: session.clone(),
            last_arrival: open.last_arrival,
            is_crowded: false,
            noted: open.noted,
        });
        due.collect()
    }

    /// Looks at a session again, of which segments were closed since the last look.
    pub(super) fn look_again(&self, session: &SessionKey) {
        if let Some(open) = self.lock().as_mut().and_then(|known| known.open.get_mut(session)) {
            open.is_new = true;
        }
    }

    /// Notes which turns of a session were left at a look. If more came meanwhile, it is looked at again.
    pub(super) fn keep(&self, due: &Due, left: &[TurnPlace]) {
        let mut known = self.lock();
        let Some(Known { open: sessions, .. }) = known.as_mut() else { return };
        let Some(open) = sessions.get_mut(&due.session) else { return };
        if open.noted != due.noted {
            return;
        }
        let (Some(first), Some(last)) = (left.first(), left.last()) else {
            sessions.remove(&due.session);
            return;
        };
        open.turns = left.len() as u64;
        open.chars = left.iter().map(|place| place.mark.chars as u64).sum();
        (open.first, open.last) = (first.mark.ts, last.mark.ts);
        open.is_new = false;
    }

    /// A panic under the lock leaves at worst too many sessions to look at.
    fn lock(&self) -> MutexGuard<'_, Option<Known>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn found_open(found: SessionTurns) -> (SessionKey, Open) {
    let open = Open {
        turns: found.turns,
        chars: found.chars,
        first: found.first,
        last: found.last,
        last_arrival: found.last_arrival,
        is_new: true,
        noted: 0,
    };
    (found.session, open)
}

fn apart(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_micros(from.as_micros().abs_diff(to.as_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use modelstat_redact::RedactedText;

    fn turn(number: usize) -> TurnRow {
        let id = modelstat_redact::RawText::from(format!("sess_{number}")).redact().0;
        let session = SessionKey { key: 1, app: None, session_id: id };
        let event_id = RedactedText::from_static("evt");
        TurnRow { session, event_id, ts: Timestamp::from_micros(0), chars: 1, body: Vec::new() }
    }

    #[test]
    fn the_newest_are_not_crowded() {
        let due = |(number, arrival)| {
            let session = turn(number).session;
            let last_arrival = Timestamp::from_micros(arrival);
            Due { session, last_arrival, is_crowded: false, noted: 1 }
        };
        let crowded = |most| {
            let mut due: Vec<Due> = [5, 1, 4, 2, 4].into_iter().enumerate().map(due).collect();
            crowd(&mut due, most);
            due.iter().map(|due| due.is_crowded).collect::<Vec<_>>()
        };
        assert_eq!(crowded(5), [false; 5]);
        assert_eq!(crowded(3), [false, true, false, true, false]);
        assert_eq!(crowded(0), [true; 5]);
    }

    #[test]
    fn sessions_beyond_the_bound_wait_in_the_spool() {
        let sessions = Sessions { open: Mutex::new(Some(Known::default())) };
        for number in 0..MAX_OPEN + 10 {
            sessions.note(&[turn(number)], Timestamp::from_micros(0));
        }
        let known = |look: fn(&Known) -> bool| sessions.lock().as_ref().is_some_and(look);
        assert!(known(|known| known.open.len() == MAX_OPEN));
        assert!(!known(Known::should_read_again));
        for number in 0..=MAX_OPEN / 2 {
            let session = turn(number).session;
            let last_arrival = Timestamp::from_micros(0);
            let due = Due { session, last_arrival, is_crowded: false, noted: 1 };
            sessions.keep(&due, &[]);
        }
        assert!(known(Known::should_read_again));
    }
}
