//! The threads that make abstracts with a model, as many as it makes together.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use modelstat_summarize::{Draft, Engine, EngineError, Model, Planned, Quoting, Turn};

use super::abstracts::Abstracts;
use super::segments::{Asking, Made};
use crate::database::DatabaseError;
use crate::spool::SessionKey;
use crate::wake::{Phase, Wake};

/// A segment to make. Its text stays on the disk until a thread has it at hand.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) ticket: u64,
    pub(super) session: SessionKey,
    pub(super) planned: Planned,
}

/// What came of a job.
pub(super) struct Done {
    pub(super) ticket: u64,
    pub(super) session: SessionKey,
    pub(super) made: Result<Made, Broken>,
}

/// Why a thread made nothing.
pub(super) enum Broken {
    Database(DatabaseError),
    Panicked,
    /// The daemon ends: the turns stay for the next start.
    Ending,
}

/// What the threads share with the one that plans.
#[derive(Default)]
pub(super) struct Bench {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    done: Vec<Done>,
    /// Jobs that were handed over and are not done.
    in_work: usize,
    is_over: bool,
}

impl Bench {
    /// Returns how many jobs were handed over and are not done.
    pub(super) fn in_work(&self) -> usize {
        self.lock().in_work
    }

    pub(super) fn has_done(&self) -> bool {
        !self.lock().done.is_empty()
    }

    /// Hands a job over.
    pub(super) fn hand(&self, job: Job) {
        let mut state = self.lock();
        state.jobs.push_back(job);
        state.in_work += 1;
        drop(state);
        self.changed.notify_one();
    }

    /// Takes what is done.
    pub(super) fn collect(&self) -> Vec<Done> {
        std::mem::take(&mut self.lock().done)
    }

    /// Ends the threads after the job that each has at hand.
    pub(super) fn close(&self) {
        self.lock().is_over = true;
        self.changed.notify_all();
    }

    fn take(&self) -> Option<Job> {
        let is_idle = |state: &mut State| !state.is_over && state.jobs.is_empty();
        let waited = self.changed.wait_while(self.lock(), is_idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.is_over { None } else { state.jobs.pop_front() }
    }

    fn give(&self, done: Done) {
        let mut state = self.lock();
        state.done.push(done);
        state.in_work -= 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Abstracts {
    /// Makes abstracts until there is no more to make.
    pub(super) fn serve(&self, bench: &Bench) {
        while let Some(Job { ticket, session, planned }) = bench.take() {
            let work = || self.make(&session, &planned, Asking::Now);
            let made = match catch_unwind(AssertUnwindSafe(work)) {
                Err(_) => Err(Broken::Panicked),
                Ok(Err(error)) => Err(Broken::Database(error)),
                // An engine that is being ended fails; what it would have said is worth another start.
                Ok(Ok(Some(made))) if !self.is_ending() || !made.is_fallback() => Ok(made),
                Ok(Ok(_)) => Err(Broken::Ending),
            };
            bench.give(Done { ticket, session, made });
            self.wake.ring();
        }
    }

    pub(super) fn is_ending(&self) -> bool {
        self.wake.phase() != Phase::Running
    }
}

/// An engine that is asked no more once the daemon is told to end, so that its end waits for one draft of
/// one engine at most.
pub(super) struct UntilEnding<'a> {
    pub(super) engine: &'a dyn Engine,
    pub(super) wake: &'a Wake,
}

impl Engine for UntilEnding<'_> {
    fn name(&self) -> &'static str {
        self.engine.name()
    }

    fn version(&self) -> &str {
        self.engine.version()
    }

    fn quoting(&self) -> Quoting {
        self.engine.quoting()
    }

    fn model(&self) -> Option<Model> {
        self.engine.model()
    }

    fn parallel(&self) -> usize {
        self.engine.parallel()
    }

    fn draft(&self, turns: &[Turn]) -> Result<Draft, EngineError> {
        match self.wake.phase() {
            Phase::Running => self.engine.draft(turns),
            Phase::Finishing | Phase::Ending => Err(EngineError::Unavailable),
        }
    }
}
