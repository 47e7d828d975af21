//! Which sessions have turns that wait, kept in memory so that a tick asks the disk for few of them.

use std::collections::BTreeMap;
use std::time::Duration;

use modelstat_summarize::SegmentLimits;
use modelstat_wire::Timestamp;

use crate::spool::{SessionKey, SessionTurns, TurnPlace, TurnRow};

/// Most sessions in memory, about 20 MB of them. Others wait in the spool until some of these are closed:
/// an outage that brings millions of sessions at once must not bring millions of entries here.
pub(super) const MAX_OPEN: usize = 65_536;

/// Most sessions that are looked at before what has arrived is: the abstracts of a backlog must not hold
/// up the numbers of now.
pub(super) const MAX_DUE: usize = 256;

/// The open sessions, or as many as fit.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: BTreeMap<SessionKey, Open>,
    /// Whether the spool may hold sessions that are not here.
    is_cut: bool,
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
    /// Takes what the spool holds, of at most [`MAX_OPEN`] sessions.
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
        let is_cut = found.len() >= MAX_OPEN;
        Self { open: found.into_iter().map(open).collect(), is_cut }
    }

    /// Whether there is room for sessions that were left in the spool.
    pub(super) fn should_read_again(&self) -> bool {
        self.is_cut && self.open.len() <= MAX_OPEN / 2
    }

    /// Notes turns that arrived.
    pub(super) fn note(&mut self, turns: &[TurnRow], at: Timestamp) {
        for turn in turns {
            if self.open.len() >= MAX_OPEN && !self.open.contains_key(&turn.session) {
                self.is_cut = true;
                continue;
            }
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

    /// Returns how many sessions are known.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Returns sessions of which a segment may be closed, up to [`MAX_DUE`], and when their last turn
    /// arrived.
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
        due.take(MAX_DUE).map(|(session, open)| (session.clone(), open.last_arrival)).collect()
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
    fn sessions_beyond_the_bound_wait_in_the_spool() {
        let mut sessions = Sessions::default();
        for number in 0..MAX_OPEN + 10 {
            sessions.note(&[turn(number)], Timestamp::from_micros(0));
        }
        assert_eq!(sessions.open.len(), MAX_OPEN);
        assert!(!sessions.should_read_again());
        for number in 0..=MAX_OPEN / 2 {
            sessions.keep(&turn(number).session, &[]);
        }
        assert!(sessions.should_read_again());
    }

    #[test]
    fn a_backlog_of_sessions_is_looked_at_in_steps() {
        let mut sessions = Sessions::default();
        for number in 0..MAX_DUE + 10 {
            sessions.note(&[turn(number)], Timestamp::from_micros(0));
        }
        let later = Timestamp::from_millis(3_600_000);
        let due = sessions.due(later, &SegmentLimits::default());
        assert_eq!(due.len(), MAX_DUE);
        for (session, _) in &due {
            sessions.keep(session, &[]);
        }
        assert_eq!(sessions.due(later, &SegmentLimits::default()).len(), 10);
    }
}
