//! The thread that makes abstracts, so that a slow engine delays abstracts alone.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use modelstat_redact::{Floor, RedactedText};
use modelstat_summarize::{Engines, SegmentLimits};
use modelstat_wire::egress::EgressPolicy;
use modelstat_wire::{Clock, Timestamp};

use super::segments::Made;
use super::sessions::{Due, Sessions};
use crate::config::Pace;
use crate::database::DatabaseError;
use crate::spool::Spool;
use crate::wake::{Phase, Wake};

/// Most segments of one request, so that little text is in memory at a time.
const MAX_SEGMENTS: usize = 50;

/// How long an abstract waits for others to share a request with.
const GATHER_TIME: Duration = Duration::from_secs(1);

/// What the thread works with.
pub(crate) struct Abstracts {
    pub(crate) spool: Arc<Spool>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) engines: Engines,
    /// What the turns passed, and abstracts pass too.
    pub(crate) floor: Floor,
    /// Under which removed words are hashed.
    pub(crate) removed_key: [u8; 32],
    pub(crate) policy: EgressPolicy,
    pub(crate) limits: SegmentLimits,
    pub(crate) pace: Pace,
    pub(crate) sessions: Arc<Sessions>,
    /// Rung when turns came.
    pub(crate) wake: Arc<Wake>,
    /// Rung when something can be shipped.
    pub(crate) shipper: Arc<Wake>,
}

/// Sessions of one app that share a key.
type DueByApp = BTreeMap<(u32, Option<RedactedText>), Vec<Due>>;

/// Segments of one app and device that leave together.
struct Gathered<'a> {
    key: u32,
    app: Option<&'a RedactedText>,
    /// When it is judged what is quiet.
    now: Timestamp,
    made: Vec<Made>,
    since: Instant,
}

impl Abstracts {
    /// Runs until it is told to end; what is due then stays on the disk, and is made at the next start.
    pub(crate) fn run(self) {
        while self.wake.phase() == Phase::Running {
            self.work_safely();
            self.wake.wait(self.pace.tick);
        }
    }

    /// Works. A panic or a failure costs one round: every step is a transaction, and what is kept in
    /// memory is read again.
    fn work_safely(&self) {
        match catch_unwind(AssertUnwindSafe(|| self.work())) {
            Ok(Ok(())) => return,
            Ok(Err(error)) if self.spool.mend_if_damaged(error, self.clock.now().as_millis()) => {}
            Ok(Err(error)) => tracing::warn!(%error, "abstracts could not be made, will retry"),
            Err(_) => tracing::error!("making abstracts panicked, will retry"),
        }
        self.sessions.forget();
    }

    /// Closes what can be closed of every session.
    fn work(&self) -> Result<(), DatabaseError> {
        self.sessions.load(&self.spool)?;
        // Of a session with turns in a batch that is not taken apart, nobody knows that it is quiet.
        let now = self.clock.now();
        let now = self.spool.oldest_incoming()?.map_or(now, |oldest| oldest.min(now));
        let mut by_app = DueByApp::new();
        for due in self.sessions.due(now, &self.limits) {
            let app = (due.session.key, due.session.app.clone());
            by_app.entry(app).or_default().push(due);
        }
        for ((key, app), due) in &by_app {
            let made = Vec::new();
            let mut gathered =
                Gathered { key: *key, app: app.as_ref(), now, made, since: Instant::now() };
            for due in due {
                self.close_due(due, &mut gathered)?;
            }
            self.queue_gathered(&mut gathered)?;
        }
        Ok(())
    }

    /// Closes what can be closed of one session, unless the daemon is being stopped.
    fn close_due(&self, due: &Due, gathered: &mut Gathered<'_>) -> Result<(), DatabaseError> {
        let places = self.spool.places(&due.session)?;
        let plan = self.plan(due, &places, gathered.now)?;
        for closing in &plan.closing {
            if self.wake.phase() != Phase::Running {
                return Ok(());
            }
            let next = self.make(&due.session, closing)?;
            let is_other = |last: &Made| !last.shares_device(&next);
            let is_late = gathered.since.elapsed() >= GATHER_TIME;
            if is_late
                || gathered.made.len() >= MAX_SEGMENTS
                || gathered.made.last().is_some_and(is_other)
            {
                self.queue_gathered(gathered)?;
            }
            gathered.made.push(next);
        }
        self.sessions.keep(due, &plan.left);
        Ok(())
    }

    fn queue_gathered(&self, gathered: &mut Gathered<'_>) -> Result<(), DatabaseError> {
        let made = std::mem::take(&mut gathered.made);
        gathered.since = Instant::now();
        self.queue(gathered.key, gathered.app, made, self.clock.now())
    }
}
