//! Which sessions are due, for the threads that make abstracts: each has one session at hand at a time, and
//! no session is in two hands, so that its segments stay in their order.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use modelstat_store::{DueSession, InboxError, LookedAt, TextSession};
use modelstat_summarize::Load;
use modelstat_wire::Timestamp;

/// Between two looks for segments that can be closed.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// What a look found.
pub(super) struct Look {
    pub(super) due: Vec<DueSession>,
    /// When it was, by which it is judged what is quiet.
    pub(super) at: Timestamp,
    /// Whether there may be more than it found.
    pub(super) is_crowded: bool,
}

/// A session in the hands of one thread.
pub(super) struct Taken {
    pub(super) due: DueSession,
    pub(super) now: Timestamp,
    pub(super) load: Load,
}

/// Sessions that wait for a thread.
pub(super) struct WaitingSessions {
    state: Mutex<State>,
}

struct State {
    due: VecDeque<DueSession>,
    now: Timestamp,
    load: Load,
    /// They are due until they are closed, so that a look finds them again.
    at_hand: BTreeSet<TextSession>,
    /// Those of which nothing could be closed.
    looked_at: Vec<LookedAt>,
    /// Nothing until the first.
    next_look: Option<Instant>,
}

impl WaitingSessions {
    pub(super) fn new() -> Self {
        let state = State {
            due: VecDeque::new(),
            now: Timestamp::from_micros(0),
            load: Load::Free,
            at_hand: BTreeSet::new(),
            looked_at: Vec::new(),
            next_look: None,
        };
        Self { state: Mutex::new(state) }
    }

    /// Takes the next session, from a new look where none is left; `None` where nobody needs a thread.
    ///
    /// A look is told of which sessions nothing could be closed, so that it does not find them again.
    pub(super) fn take(
        &self,
        look: impl FnOnce(Vec<LookedAt>) -> Result<Look, InboxError>,
    ) -> Result<Option<Taken>, InboxError> {
        let mut state = self.lock();
        if state.due.is_empty() {
            let now = Instant::now();
            if state.next_look.is_some_and(|next| now < next) {
                return Ok(None);
            }
            // One that fails waits as well.
            state.next_look = Some(now + TICK);
            let looked_at = std::mem::take(&mut state.looked_at);
            state.found(look(looked_at)?);
        }
        let Some(due) = state.due.pop_front() else { return Ok(None) };
        state.at_hand.insert(due.session.clone());
        Ok(Some(Taken { due, now: state.now, load: state.load }))
    }

    /// Gives a session back, with what was seen of it where nothing could be closed.
    pub(super) fn give_back(&self, session: &TextSession, looked_at: Option<LookedAt>) {
        let mut state = self.lock();
        state.at_hand.remove(session);
        state.looked_at.extend(looked_at);
    }

    /// Drops what the last look found, so that the next one finds it again.
    pub(super) fn forget(&self) {
        self.lock().due.clear();
    }

    /// A panic under the lock leaves at worst a session that is looked at again.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn found(&mut self, look: Look) {
        let Look { due, at, is_crowded } = look;
        self.now = at;
        self.load = if is_crowded { Load::Crowded } else { Load::Free };
        if is_crowded {
            self.next_look = None;
        }
        let at_hand = &self.at_hand;
        self.due = due.into_iter().filter(|due| !at_hand.contains(&due.session)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use modelstat_redact::RedactedText;

    fn session(name: &'static str) -> TextSession {
        let app = RedactedText::from_static("app");
        TextSession { org_id: "org".to_owned(), app, session_id: RedactedText::from_static(name) }
    }

    /// Takes the next session, where a look would find these.
    fn take(
        waiting: &WaitingSessions,
        found: &[&'static str],
        is_crowded: bool,
        told: &mut Vec<LookedAt>,
    ) -> Option<Taken> {
        let at = Timestamp::from_micros(7);
        let due = found.iter().map(|name| DueSession { session: session(name), last_arrival: at });
        let look = Look { due: due.collect(), at, is_crowded };
        let taken = waiting.take(|looked_at| {
            told.extend(looked_at);
            Ok(look)
        });
        taken.expect("looked")
    }

    fn name(taken: Option<Taken>) -> Option<String> {
        taken.map(|taken| taken.due.session.session_id.as_str().to_owned())
    }

    #[test]
    fn no_session_is_in_two_hands() {
        let (waiting, mut told) = (WaitingSessions::new(), Vec::new());
        let first = take(&waiting, &["a", "b"], true, &mut told).expect("one");
        assert_eq!((first.now, first.load), (Timestamp::from_micros(7), Load::Crowded));
        assert_eq!(name(take(&waiting, &["c"], true, &mut told)).as_deref(), Some("b"));
        // The next look finds them still.
        assert_eq!(name(take(&waiting, &["a", "b", "c"], true, &mut told)).as_deref(), Some("c"));
        assert_eq!(name(take(&waiting, &["a", "b", "c"], true, &mut told)), None);
        let looked_at = LookedAt { session: session("a"), turns: 3 };
        waiting.give_back(&session("a"), Some(looked_at));
        waiting.give_back(&session("b"), None);
        let next = take(&waiting, &["b", "c"], false, &mut told);
        assert_eq!(next.as_ref().map(|taken| taken.load), Some(Load::Free));
        assert_eq!((name(next).as_deref(), told.len(), told[0].turns), (Some("b"), 1, 3));
    }

    #[test]
    fn a_look_that_found_all_or_failed_is_not_made_again_at_once() {
        let waiting = WaitingSessions::new();
        let failed = |_: Vec<LookedAt>| Err(InboxError::Full);
        assert!(waiting.take(failed).is_err());
        let none = waiting.take(|_| panic!("it looked again"));
        assert!(none.expect("nothing to do").is_none());
    }
}
