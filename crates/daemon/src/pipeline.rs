//! Takes arrived batches apart, and closes segments.
//!
//! Numbers leave at once. Turns wait for their segment to close, become an abstract, and are deleted in the
//! transaction that queues it.

mod body;
mod expired;
mod halve;
mod segments;
mod sessions;
mod take_apart;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use modelstat_redact::Floor;
use modelstat_summarize::{Engine, SegmentLimits};
use modelstat_wire::Clock;
use modelstat_wire::egress::EgressPolicy;

use crate::config::Pace;
use crate::database::DatabaseError;
use crate::spool::{Moved, Spool, Step};
use crate::wake::{Phase, Wake};

pub(crate) use expired::{app_and_device, report_of};
pub(crate) use halve::{halve, is_whole};
use sessions::{MAX_DUE, MAX_OPEN, Sessions};

/// How long a batch is remembered, so that its repeat is told apart.
const REPEAT_TIME: Duration = Duration::from_hours(7 * 24);

/// Between two looks for repeats that can be forgotten.
const FORGET_INTERVAL: Duration = Duration::from_hours(1);

/// What the thread works with.
pub(crate) struct Pipeline {
    pub(crate) spool: Arc<Spool>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) engine: Box<dyn Engine>,
    /// What the turns passed, and abstracts pass too.
    pub(crate) floor: Floor,
    pub(crate) policy: EgressPolicy,
    pub(crate) limits: SegmentLimits,
    pub(crate) pace: Pace,
    /// Rung by the spool's writer.
    pub(crate) wake: Arc<Wake>,
    /// Rung when something can be shipped.
    pub(crate) shipper: Arc<Wake>,
}

impl Pipeline {
    /// Runs until it is told to finish and nothing that arrived is left.
    pub(crate) fn run(self) {
        let mut sessions = None;
        let (mut checkpointed, mut forgot) = (Instant::now(), None::<Instant>);
        loop {
            let is_done = self.work_safely(&mut sessions);
            if checkpointed.elapsed() >= self.pace.checkpoint {
                checkpointed = Instant::now();
                self.tidy(&mut forgot);
            }
            let phase = self.wake.phase();
            if phase == Phase::Ending || (phase == Phase::Finishing && is_done) {
                return;
            }
            self.wake.wait(self.pace.tick);
        }
    }

    /// Works, and returns whether nothing was left undone. A panic or a failure costs one round: every
    /// step is a transaction, and what is kept in memory is read again.
    fn work_safely(&self, sessions: &mut Option<Sessions>) -> bool {
        match catch_unwind(AssertUnwindSafe(|| self.work(sessions))) {
            Ok(Ok(())) => return true,
            Ok(Err(error)) if self.spool.mend_if_damaged(error, self.clock.now().as_millis()) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the pipeline could not go on, will retry"),
            Err(_) => tracing::error!("the pipeline panicked, will retry"),
        }
        *sessions = None;
        false
    }

    fn work(&self, known: &mut Option<Sessions>) -> Result<(), DatabaseError> {
        let sessions = match known {
            Some(sessions) if !sessions.should_read_again() => sessions,
            _ => known.insert(Sessions::new(self.spool.sessions(MAX_OPEN)?)),
        };
        loop {
            while self.wake.phase() != Phase::Ending && self.take_apart_some(sessions)? {}
            let before = sessions.len();
            self.close_segments(sessions)?;
            // Sessions closed for good are progress; others may be due again at once, and wait a tick.
            let has_more = before.saturating_sub(sessions.len()) >= MAX_DUE;
            if !has_more || self.wake.phase() == Phase::Ending {
                return Ok(());
            }
        }
    }

    /// Takes the oldest batches apart; returns whether there were any.
    fn take_apart_some(&self, sessions: &mut Sessions) -> Result<bool, DatabaseError> {
        let incoming = self.spool.next_incoming()?;
        if incoming.is_empty() {
            return Ok(false);
        }
        let steps: Vec<Step> = incoming
            .into_iter()
            .map(|incoming| Step {
                moved: take_apart::take_apart(&incoming, &self.policy),
                incoming,
            })
            .collect();
        self.spool.apply(&steps, self.clock.now())?;
        for step in &steps {
            match &step.moved {
                Moved::Apart { turns, .. } => sessions.note(turns, step.incoming.received_at),
                Moved::Damaged => tracing::error!("a batch in the spool is damaged, set aside"),
            }
        }
        self.shipper.ring();
        Ok(true)
    }

    fn tidy(&self, forgot: &mut Option<Instant>) {
        if let Err(error) = self.spool.checkpoint_dropped_text() {
            tracing::warn!(%error, "the spool's log could not be emptied, will retry");
        }
        if let Err(error) = self.spool.expire_turns(self.clock.now()) {
            tracing::warn!(%error, "turns could not be given up for their age, will retry");
        }
        if forgot.is_some_and(|at| at.elapsed() < FORGET_INTERVAL) {
            return;
        }
        *forgot = Some(Instant::now());
        let before = self.clock.now().as_millis()
            - i64::try_from(REPEAT_TIME.as_millis()).unwrap_or(i64::MAX);
        if let Err(error) = self.spool.forget_repeats_before(before) {
            tracing::warn!(%error, "repeats could not be forgotten, will retry");
        }
    }
}
