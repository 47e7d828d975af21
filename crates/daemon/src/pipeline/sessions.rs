//! Which sessions have turns that wait, kept in memory so that a tick asks the disk for few of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use modelstat_summarize::SegmentLimits;
use modelstat_wire::Timestamp;

use crate::database::DatabaseError;
use crate::spool::{SessionKey, SessionTurns, Spool, TurnPlace, TurnRow};

/// The open sessions, noted by the thread that takes batches apart and closed by the one that makes
/// abstracts; bounded by the spool, which holds a turn of each.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// Nothing until the spool was read.
    open: Mutex<Option<BTreeMap<SessionKey, Open>>>,
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
    /// How many turns were noted of it.
    noted: u64,
}

impl Sessions {
    /// Reads what the spool holds, unless it is known.
    pub(super) fn load(&self, spool: &Spool) -> Result<(), DatabaseError> {
        let mut open = self.lock();
        if open.is_none() {
            *open = Some(spool.sessions()?.into_iter().map(found).collect());
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
        let Some(sessions) = known.as_mut() else { return };
        for turn in turns {
            let fresh = Open {
                turns: 0,
                chars: 0,
                first: turn.ts,
                last: turn.ts,
                last_arrival: at,
                is_new: true,
                noted: 0,
            };
            let open = sessions.entry(turn.session.clone()).or_insert(fresh);
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
        let due = known.iter().flatten().filter(|(_, open)| is_due(open));
        let due = due.map(|(session, open)| Due {
            session: session.clone(),
            last_arrival: open.last_arrival,
            noted: open.noted,
        });
        due.collect()
    }

    /// Notes which turns of a session were left at a look. If more came meanwhile, it is looked at again.
    pub(super) fn keep(&self, due: &Due, left: &[TurnPlace]) {
        let mut known = self.lock();
        let Some(sessions) = known.as_mut() else { return };
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
    fn lock(&self) -> MutexGuard<'_, Option<BTreeMap<SessionKey, Open>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn found(found: SessionTurns) -> (SessionKey, Open) {
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

pub(super) fn apart(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_micros(from.as_micros().abs_diff(to.as_micros()))
}
