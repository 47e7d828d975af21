//! Which sessions have turns that wait, kept in memory so that a tick asks the disk for few of them.

use std::collections::BTreeMap;
use std::time::Duration;

use modelstat_summarize::SegmentLimits;
use modelstat_wire::Timestamp;

use crate::spool::{SessionKey, SessionTurns, TurnPlace, TurnRow};

/// The open sessions; bounded by the spool, which holds a turn of each.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: BTreeMap<SessionKey, Open>,
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
}

impl Sessions {
    /// Takes what the spool holds at the start.
    pub(super) fn new(found: Vec<SessionTurns>) -> Self {
        let open = |found: SessionTurns| {
            let state = Open {
                turns: found.turns,
                chars: found.chars,
                first: found.first,
                last: found.last,
                last_arrival: found.last_arrival,
                is_new: true,
            };
            (found.session, state)
        };
        Self { open: found.into_iter().map(open).collect() }
    }

    /// Notes turns that arrived.
    pub(super) fn note(&mut self, turns: &[TurnRow], at: Timestamp) {
        for turn in turns {
            let fresh = Open {
                turns: 0,
                chars: 0,
                first: turn.ts,
                last: turn.ts,
                last_arrival: at,
                is_new: true,
            };
            let open = self.open.entry(turn.session.clone()).or_insert(fresh);
            open.turns += 1;
            open.chars += turn.chars as u64;
            open.first = open.first.min(turn.ts);
            open.last = open.last.max(turn.ts);
            open.last_arrival = at;
            open.is_new = true;
        }
    }

    /// Returns the sessions of which a segment may be closed, and when their last turn arrived.
    pub(super) fn due(
        &self,
        now: Timestamp,
        limits: &SegmentLimits,
    ) -> Vec<(SessionKey, Timestamp)> {
        let is_due = |open: &Open| {
            let is_quiet = apart(open.last_arrival, now) >= limits.quiet;
            let may_split = open.turns > limits.max_turns as u64
                || open.chars > limits.max_chars as u64
                || apart(open.first, open.last) > limits.gap.min(limits.max_span);
            is_quiet || (open.is_new && may_split)
        };
        let due = self.open.iter().filter(|(_, open)| is_due(open));
        due.map(|(session, open)| (session.clone(), open.last_arrival)).collect()
    }

    /// Notes which turns of a session are left.
    pub(super) fn keep(&mut self, session: &SessionKey, left: &[TurnPlace]) {
        let (Some(first), Some(last)) = (left.first(), left.last()) else {
            self.open.remove(session);
            return;
        };
        if let Some(open) = self.open.get_mut(session) {
            open.turns = left.len() as u64;
            open.chars = left.iter().map(|place| place.mark.chars as u64).sum();
            (open.first, open.last) = (first.mark.ts, last.mark.ts);
            open.is_new = false;
        }
    }
}

fn apart(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_micros(from.as_micros().abs_diff(to.as_micros()))
}
