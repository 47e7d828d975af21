//! Takes arrived batches apart, and closes segments.
//!
//! Numbers leave at once. Turns wait for their segment to close, become an abstract, and are deleted in the
//! transaction that queues it. Each has a thread of its own, so that no engine holds up a number.

mod abstracts;
mod bench;
mod body;
mod expired;
mod halve;
mod queue;
mod segments;
mod sessions;
mod take_apart;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use modelstat_wire::Clock;
use modelstat_wire::egress::EgressPolicy;

use crate::config::Pace;
use crate::database::DatabaseError;
use crate::spool::{Moved, Spool, Step};
use crate::wake::{Phase, Wake};

pub(crate) use abstracts::Abstracts;
pub(crate) use body::compress;
pub(crate) use expired::{app_and_device, report_of};
pub(crate) use halve::{halve, unzip};
pub(crate) use sessions::Sessions;

/// How long a batch is remembered, so that its repeat is told apart.
const REPEAT_TIME: Duration = Duration::from_hours(7 * 24);

/// Between two looks for repeats that can be forgotten.
const FORGET_INTERVAL: Duration = Duration::from_hours(1);

/// What the thread that takes batches apart works with.
pub(crate) struct Pipeline {
    pub(crate) spool: Arc<Spool>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) policy: EgressPolicy,
    pub(crate) pace: Pace,
    pub(crate) sessions: Arc<Sessions>,
    /// Rung by the spool's writer.
    pub(crate) wake: Arc<Wake>,
    /// Rung when turns came.
    pub(crate) abstracts: Arc<Wake>,
    /// Rung when something can be shipped.
    pub(crate) shipper: Arc<Wake>,
}

impl Pipeline {
    /// Runs until it is told to finish and nothing that arrived is left.
    pub(crate) fn run(self) {
        let (mut checkpointed, mut rewritten) = (Instant::now(), Instant::now());
        let mut forgot = None::<Instant>;
        loop {
            let phase = self.wake.phase();
            let is_done = self.work_safely();
            if checkpointed.elapsed() >= self.pace.checkpoint {
                checkpointed = Instant::now();
                if rewritten.elapsed() >= self.pace.rewrite {
                    rewritten = Instant::now();
                    self.rewrite();
                }
                self.tidy(&mut forgot);
            }
            if phase == Phase::Ending || (phase == Phase::Finishing && is_done) {
                return;
            }
            self.wake.wait(phase, self.pace.tick);
        }
    }

    /// Works, and returns whether nothing was left undone. A panic or a failure costs one round: every
    /// step is a transaction, and what is kept in memory is read again.
    fn work_safely(&self) -> bool {
        match catch_unwind(AssertUnwindSafe(|| self.work())) {
            Ok(Ok(())) => return true,
            Ok(Err(error)) if self.spool.mend_if_damaged(error, self.clock.now().as_millis()) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "the pipeline could not go on, will retry");
                self.spool.empty_log_soon();
            }
            Err(_) => tracing::error!("the pipeline panicked, will retry"),
        }
        self.sessions.forget();
        false
    }

    fn work(&self) -> Result<(), DatabaseError> {
        while self.wake.phase() != Phase::Ending && self.take_apart_some()? {
            self.shorten_log();
        }
        self.shorten_log();
        Ok(())
    }

    fn shorten_log(&self) {
        if let Err(error) = self.spool.shorten_log() {
            tracing::warn!(%error, "the spool's log could not be shortened, will retry");
        }
    }

    /// Takes the oldest batches apart; returns whether there were any.
    fn take_apart_some(&self) -> Result<bool, DatabaseError> {
        let incoming = self.spool.next_incoming()?;
        if incoming.is_empty() {
            return Ok(false);
        }
        let steps: Vec<Step> = incoming
            .into_iter()
            .map(|(incoming, content)| Step {
                moved: take_apart::take_apart(incoming.key, content, &self.policy),
                incoming,
            })
            .collect();
        self.spool.apply(&steps, self.clock.now())?;
        for step in &steps {
            match &step.moved {
                Moved::Apart { turns, .. } => self.sessions.note(turns, step.incoming.received_at),
                Moved::Damaged => tracing::error!("a batch in the spool is damaged, set aside"),
            }
        }
        self.abstracts.ring();
        self.shipper.ring();
        Ok(true)
    }

    fn rewrite(&self) {
        if let Err(error) = self.spool.rewrite_after_drops() {
            tracing::warn!(%error, "the spool's file could not be rewritten, will retry");
        }
    }

    fn tidy(&self, forgot: &mut Option<Instant>) {
        if let Err(error) = self.spool.checkpoint_dropped_text() {
            tracing::warn!(%error, "the spool's log could not be emptied, will retry");
        }
        let now = self.clock.now();
        if let Err(error) = self.spool.forget_closed(now) {
            tracing::warn!(%error, "closed segments could not be forgotten, will retry");
        }
        if let Err(error) = self.spool.forget_known(now) {
            tracing::warn!(%error, "known contents could not be forgotten, will retry");
        }
        let followed = self.spool.follow_clock(self.clock.as_ref());
        let expired = followed.and_then(|()| self.spool.expire_turns(self.clock.now()));
        if let Err(error) = expired {
            tracing::warn!(%error, "turns could not be given up for their age, will retry");
        }
        if forgot.is_some_and(|at| at.elapsed() < FORGET_INTERVAL) {
            return;
        }
        *forgot = Some(Instant::now());
        let before = now.as_millis() - i64::try_from(REPEAT_TIME.as_millis()).unwrap_or(i64::MAX);
        if let Err(error) = self.spool.forget_repeats_before(before) {
            tracing::warn!(%error, "repeats could not be forgotten, will retry");
        }
    }
}
