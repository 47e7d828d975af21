//! Segments that wait for a model, and those of their sessions that are made and wait for them.

use std::collections::{BTreeMap, VecDeque};

use modelstat_summarize::Planned;

use crate::spool::SessionKey;

/// Most segments of one session that are held here; the others are planned again after them.
const MAX_SLOTS: usize = 16;

/// Segments by session, in the order in which they leave. No text is here but abstracts.
///
/// A session that is here is not planned, so that no turn is in two segments.
pub(super) struct Queue<M> {
    sessions: BTreeMap<SessionKey, VecDeque<Slot<M>>>,
    /// Those that no thread has at hand, oldest first.
    waiting: VecDeque<(SessionKey, u64)>,
    /// How many may wait.
    limit: usize,
    next_ticket: u64,
}

struct Slot<M> {
    ticket: u64,
    planned: Planned,
    made: Option<M>,
}

/// A segment that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) ticket: u64,
    pub(super) session: SessionKey,
    pub(super) planned: Planned,
}

/// What of a session may leave.
pub(super) struct Released<M> {
    /// In their order.
    pub(super) made: Vec<M>,
    /// Whether nothing of the session is left here.
    pub(super) is_over: bool,
}

impl<M> Queue<M> {
    pub(super) fn new(limit: usize) -> Self {
        Self { sessions: BTreeMap::new(), waiting: VecDeque::new(), limit, next_ticket: 0 }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn holds(&self, session: &SessionKey) -> bool {
        self.sessions.contains_key(session)
    }

    /// Whether a session has as many segments here as it may.
    pub(super) fn is_full(&self, session: &SessionKey) -> bool {
        self.sessions.get(session).is_some_and(|slots| slots.len() >= MAX_SLOTS)
    }

    /// Lets a segment wait for a model.
    pub(super) fn wait(&mut self, session: &SessionKey, planned: Planned) {
        let ticket = self.add(session, planned, None);
        self.waiting.push_back((session.clone(), ticket));
    }

    /// Keeps a segment that is made behind those of its session that wait.
    pub(super) fn hold(&mut self, session: &SessionKey, planned: Planned, made: M) {
        self.add(session, planned, Some(made));
    }

    /// Notes that a segment is made; one that was forgotten meanwhile is left out.
    pub(super) fn made(&mut self, session: &SessionKey, ticket: u64, made: M) {
        let slots = self.sessions.get_mut(session);
        let slot = slots.and_then(|slots| slots.iter_mut().find(|slot| slot.ticket == ticket));
        if let Some(slot) = slot {
            slot.made = Some(made);
        }
    }

    /// Takes the oldest that waits, to make it with a model.
    pub(super) fn next(&mut self) -> Option<Waiting> {
        let (session, ticket) = self.waiting.pop_front()?;
        let slots = self.sessions.get(&session)?;
        let slot = slots.iter().find(|slot| slot.ticket == ticket)?;
        let planned = slot.planned.clone();
        Some(Waiting { ticket, session, planned })
    }

    /// Takes the oldest where more wait than may, to make it without a model.
    pub(super) fn next_too_many(&mut self) -> Option<Waiting> {
        if self.waiting.len() > self.limit { self.next() } else { None }
    }

    /// Takes what may leave of a session: what is made, up to the first that is not.
    pub(super) fn release(&mut self, session: &SessionKey) -> Option<Released<M>> {
        let slots = self.sessions.get_mut(session)?;
        let mut made = Vec::new();
        while slots.front().is_some_and(|slot| slot.made.is_some()) {
            made.extend(slots.pop_front().and_then(|slot| slot.made));
        }
        let is_over = slots.is_empty();
        if is_over {
            self.sessions.remove(session);
        }
        Some(Released { made, is_over })
    }

    /// Forgets everything: the turns are planned again.
    pub(super) fn clear(&mut self) {
        self.sessions.clear();
        self.waiting.clear();
    }

    fn add(&mut self, session: &SessionKey, planned: Planned, made: Option<M>) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let slots = self.sessions.entry(session.clone()).or_default();
        slots.push_back(Slot { ticket, planned, made });
        ticket
    }
}

#[cfg(test)]
mod tests {
    use modelstat_redact::RedactedText;

    use super::*;

    fn session(id: &'static str) -> SessionKey {
        SessionKey { key: 1, app: None, session_id: RedactedText::from_static(id) }
    }

    fn planned() -> Planned {
        Planned { turns: Vec::new(), reopens: None, is_newest: false }
    }

    #[test]
    fn segments_of_a_session_leave_in_their_order() {
        let (mut queue, session) = (Queue::new(10), session("a"));
        queue.wait(&session, planned());
        queue.hold(&session, planned(), "second");
        queue.wait(&session, planned());
        let tickets = [queue.next(), queue.next()].map(|next| next.expect("it waits").ticket);
        queue.made(&session, tickets[1], "third");
        let released = queue.release(&session).expect("it is here");
        assert!(released.made.is_empty() && !released.is_over);
        queue.made(&session, tickets[0], "first");
        let released = queue.release(&session).expect("it is here");
        assert_eq!((released.made, released.is_over), (vec!["first", "second", "third"], true));
        assert!(!queue.holds(&session));
    }

    #[test]
    fn the_oldest_goes_where_too_many_wait() {
        let mut queue: Queue<()> = Queue::new(2);
        for id in ["a", "b", "c"] {
            assert!(queue.next_too_many().is_none());
            queue.wait(&session(id), planned());
        }
        assert_eq!(queue.next_too_many().map(|waiting| waiting.session), Some(session("a")));
        assert!(queue.next_too_many().is_none());
        assert_eq!(queue.next().map(|waiting| waiting.session), Some(session("b")));
    }

    #[test]
    fn what_was_forgotten_is_not_made() {
        let (mut queue, session) = (Queue::new(2), session("a"));
        queue.wait(&session, planned());
        let stale = queue.next().expect("it waits").ticket;
        queue.clear();
        queue.wait(&session, planned());
        queue.made(&session, stale, "stale");
        assert!(queue.release(&session).expect("it is here").made.is_empty());
    }

    #[test]
    fn a_session_holds_so_many_and_no_more() {
        let (mut queue, session) = (Queue::new(2), session("a"));
        for _ in 0..MAX_SLOTS {
            assert!(!queue.is_full(&session));
            queue.hold(&session, planned(), ());
        }
        assert!(queue.is_full(&session));
    }
}
