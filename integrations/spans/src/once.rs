//! Keeps an answer from being recorded twice when several integrations see it.
//!
//! A tracing layer, a span exporter and a helper may all see one answer. Each asks here before it
//! records, and the first to ask wins. Answers are known by the provider's id alone: where an
//! integration is not told the id, nothing can be said, and its call is recorded.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use modelstat::{Client, LlmCall};

/// Most answers that are remembered; the oldest is forgotten first.
const MAX_ANSWERS: usize = 16_384;

/// Most answers of one id that are remembered: a server that always says the same id must not make
/// each call dearer than the last.
const MAX_OF_ID: usize = 64;

/// How long an answer is remembered. Some servers use an id again.
const MAX_AGE: Duration = Duration::from_mins(1);

/// An integration that sees answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The `tracing` layer.
    Tracing,
    /// The OpenTelemetry exporter.
    Opentelemetry,
    /// The helpers for `async-openai`.
    AsyncOpenai,
    /// The helpers for `rig`.
    Rig,
}

impl Source {
    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Records a call, unless another integration has recorded the answer that it is about.
///
/// What one integration sees twice is two answers, as some servers use an id again.
pub fn record_once(client: &Client, source: Source, call: LlmCall) {
    let id = call.extra.as_ref().and_then(|extra| extra.response_id.as_deref());
    let is_first = id.filter(|id| !id.is_empty()).is_none_or(|id| {
        let mut answers = ANSWERS.lock().unwrap_or_else(PoisonError::into_inner);
        answers.claim(source, id, Instant::now())
    });
    if is_first {
        client.record(call);
    }
}

/// The process's one memory: integrations that never meet would not need it.
static ANSWERS: LazyLock<Mutex<Answers>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Answers {
    hasher: RandomState,
    seen: HashMap<u64, VecDeque<Seen>>,
    order: VecDeque<u64>,
}

struct Seen {
    at: Instant,
    /// The integrations that have seen it.
    by: u8,
}

impl Answers {
    /// Returns whether `source` is to record the answer.
    fn claim(&mut self, source: Source, id: &str, now: Instant) -> bool {
        let key = self.hasher.hash_one(id);
        let known = self.seen.entry(key).or_default();
        let is_recent = |seen: &&mut Seen| now.saturating_duration_since(seen.at) < MAX_AGE;
        let unseen = |seen: &&mut Seen| seen.by & source.bit() == 0;
        if let Some(seen) = known.iter_mut().filter(is_recent).find(unseen) {
            seen.by |= source.bit();
            return false;
        }
        if known.len() == MAX_OF_ID {
            known.pop_front();
        }
        known.push_back(Seen { at: now, by: source.bit() });
        self.order.push_back(key);
        if self.order.len() > MAX_ANSWERS {
            self.forget_oldest();
        }
        true
    }

    fn forget_oldest(&mut self) {
        let Some(key) = self.order.pop_front() else { return };
        if let Some(known) = self.seen.get_mut(&key) {
            known.pop_front();
            if known.is_empty() {
                self.seen.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_source_does_not_record_the_same_answer() {
        let mut answers = Answers::default();
        let now = Instant::now();
        assert!(answers.claim(Source::Tracing, "resp_1", now));
        assert!(!answers.claim(Source::Opentelemetry, "resp_1", now));
        assert!(!answers.claim(Source::Rig, "resp_1", now));
        assert!(answers.claim(Source::Rig, "resp_2", now));
    }

    #[test]
    fn what_one_source_sees_twice_is_two_answers() {
        let mut answers = Answers::default();
        let now = Instant::now();
        let claims = [Source::Rig, Source::Rig, Source::Tracing, Source::Tracing, Source::Tracing];
        let recorded = claims.map(|source| answers.claim(source, "chatcmpl-1", now));
        assert_eq!(recorded, [true, true, false, false, true]);
    }

    #[test]
    fn an_old_answer_is_another_one() {
        let mut answers = Answers::default();
        let now = Instant::now();
        assert!(answers.claim(Source::Rig, "resp_1", now));
        assert!(answers.claim(Source::Tracing, "resp_1", now + MAX_AGE));
    }

    #[test]
    fn what_is_remembered_has_a_limit() {
        let mut answers = Answers::default();
        let now = Instant::now();
        for index in 0..MAX_ANSWERS * 2 {
            assert!(answers.claim(Source::Rig, &format!("resp_{index}"), now));
            assert!(answers.claim(Source::Rig, "the same", now));
        }
        assert_eq!(answers.order.len(), MAX_ANSWERS);
        assert!(answers.seen.len() <= MAX_ANSWERS);
        assert!(answers.seen.values().map(VecDeque::len).sum::<usize>() <= MAX_ANSWERS);
    }
}
