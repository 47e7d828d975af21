//! The thread that makes abstracts, so that a slow engine delays abstracts alone.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use modelstat_redact::{Floor, RedactedText};
use modelstat_summarize::{Engines, SegmentLimits};
use modelstat_wire::egress::EgressPolicy;
use modelstat_wire::{Clock, Timestamp};

use super::bench::{Bench, Broken, Done, Job};
use super::queue::{Queue, Waiting};
use super::segments::{Asking, Made};
use super::sessions::{Due, Sessions, crowd};
use crate::config::Pace;
use crate::database::DatabaseError;
use crate::spool::{SessionKey, Spool};
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
    /// Under which contents are hashed that a model was asked about.
    pub(crate) content_key: [u8; 32],
    /// How many segments may wait for a model.
    pub(crate) model_queue: usize,
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

/// What waits for models, and the threads that ask them.
struct Models<'a> {
    bench: &'a Bench,
    queue: Queue<Made>,
    /// How many threads there are; none where there is no model.
    workers: usize,
}

impl Models<'_> {
    fn asking(&self, due: &Due) -> Asking {
        match (self.workers, due.is_crowded) {
            (0, _) => Asking::Now,
            (_, true) => Asking::Never,
            (_, false) => Asking::Later,
        }
    }

    /// Gives each thread that is free the oldest segment that waits.
    fn hand_over(&mut self) {
        while self.bench.in_work() < self.workers {
            let Some(Waiting { ticket, session, planned }) = self.queue.next() else { return };
            self.bench.hand(Job { ticket, session, planned });
        }
    }
}

impl Abstracts {
    /// Runs until it is told to end; what is due then stays on the disk, and is made at the next start.
    pub(crate) fn run(self) {
        let bench = Bench::default();
        let mut models = Models { bench: &bench, queue: Queue::new(self.model_queue), workers: 0 };
        std::thread::scope(|scope| {
            for _ in 0..self.engines.model_drafts() {
                let named = std::thread::Builder::new().name("modelstat-model".to_owned());
                match named.spawn_scoped(scope, || self.serve(&bench)) {
                    Ok(_) => models.workers += 1,
                    Err(error) => tracing::warn!(%error, "a thread for the model did not start"),
                }
            }
            while !self.is_ending() {
                self.work_safely(&mut models);
                self.wake.wait(Phase::Running, self.pace.tick);
            }
            bench.close();
        });
        if let Err(error) = self.settle(&mut models) {
            tracing::warn!(%error, "the last abstracts are made again at the next start");
        }
    }

    /// Works. A panic or a failure costs one round: every step is a transaction, and what is kept in
    /// memory is read again.
    fn work_safely(&self, models: &mut Models<'_>) {
        match catch_unwind(AssertUnwindSafe(|| self.work(models))) {
            Ok(Ok(())) => return,
            Ok(Err(error)) if self.spool.mend_if_damaged(error, self.clock.now().as_millis()) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "abstracts could not be made, will retry");
                self.spool.empty_log_soon();
            }
            Err(_) => tracing::error!("making abstracts panicked, will retry"),
        }
        models.queue.clear();
        self.sessions.forget();
    }

    /// Closes what can be closed of every session.
    fn work(&self, models: &mut Models<'_>) -> Result<(), DatabaseError> {
        self.settle(models)?;
        self.sessions.load(&self.spool)?;
        // Of a session with turns in a batch that is not taken apart, nobody knows that it is quiet.
        let now = self.clock.now();
        let now = self.spool.oldest_incoming()?.map_or(now, |oldest| oldest.min(now));
        let mut due = self.sessions.due(now, &self.limits);
        due.retain(|due| !models.queue.holds(&due.session));
        if models.workers > 0 {
            crowd(&mut due, models.queue.limit());
        }
        let mut by_app = DueByApp::new();
        for due in due {
            let app = (due.session.key, due.session.app.clone());
            by_app.entry(app).or_default().push(due);
        }
        for ((key, app), due) in &by_app {
            let made = Vec::new();
            let mut gathered =
                Gathered { key: *key, app: app.as_ref(), now, made, since: Instant::now() };
            for due in due {
                self.close_due(due, &mut gathered, models)?;
                self.keep_busy(models, &mut gathered)?;
            }
            self.queue_gathered(&mut gathered)?;
        }
        Ok(())
    }

    /// Closes what can be closed of one session, unless the daemon is being stopped. What needs a model
    /// waits for one, and what comes after it in the session waits with it.
    fn close_due(
        &self,
        due: &Due,
        gathered: &mut Gathered<'_>,
        models: &mut Models<'_>,
    ) -> Result<(), DatabaseError> {
        let session = &due.session;
        let places = self.spool.places(session)?;
        let plan = self.plan(due, &places, gathered.now)?;
        for closing in &plan.closing {
            if self.is_ending() || models.queue.is_full(session) {
                return Ok(());
            }
            match self.make(session, closing, models.asking(due))? {
                None => models.queue.wait(session, closing.clone()),
                Some(made) if models.queue.holds(session) => {
                    models.queue.hold(session, closing.clone(), made);
                }
                Some(made) => self.gather(made, gathered)?,
            }
        }
        if !models.queue.holds(session) {
            self.sessions.keep(due, &plan.left);
        }
        Ok(())
    }

    fn gather(&self, next: Made, gathered: &mut Gathered<'_>) -> Result<(), DatabaseError> {
        let is_other = |last: &Made| !last.shares_device(&next);
        let is_late = gathered.since.elapsed() >= GATHER_TIME;
        if is_late
            || gathered.made.len() >= MAX_SEGMENTS
            || gathered.made.last().is_some_and(is_other)
        {
            self.queue_gathered(gathered)?;
        }
        gathered.made.push(next);
        Ok(())
    }

    fn queue_gathered(&self, gathered: &mut Gathered<'_>) -> Result<(), DatabaseError> {
        let made = std::mem::take(&mut gathered.made);
        gathered.since = Instant::now();
        self.queue(gathered.key, gathered.app, made, self.clock.now())
    }

    /// Lets the threads of the models work, between two sessions of a long round too.
    fn keep_busy(
        &self,
        models: &mut Models<'_>,
        gathered: &mut Gathered<'_>,
    ) -> Result<(), DatabaseError> {
        while let Some(Waiting { ticket, session, planned }) = models.queue.next_too_many() {
            if let Some(made) = self.make(&session, &planned, Asking::Never)? {
                models.queue.made(&session, ticket, made);
                // An earlier segment of the session may be among those that are gathered.
                self.queue_gathered(gathered)?;
                self.release(models, &session)?;
            }
        }
        if models.bench.has_done() {
            self.queue_gathered(gathered)?;
            self.settle(models)?;
        }
        models.hand_over();
        Ok(())
    }

    /// Queues what was made with models, in the order of each session, and hands over what is next.
    fn settle(&self, models: &mut Models<'_>) -> Result<(), DatabaseError> {
        for Done { ticket, session, made } in models.bench.collect() {
            match made {
                Ok(made) => models.queue.made(&session, ticket, made),
                Err(Broken::Database(error)) => return Err(error),
                Err(Broken::Panicked) => {
                    tracing::error!("making an abstract panicked, will retry");
                    models.queue.clear();
                    self.sessions.forget();
                    return Ok(());
                }
                Err(Broken::Ending) => {}
            }
            self.release(models, &session)?;
        }
        models.hand_over();
        Ok(())
    }

    fn release(&self, models: &mut Models<'_>, session: &SessionKey) -> Result<(), DatabaseError> {
        let Some(released) = models.queue.release(session) else { return Ok(()) };
        let app = session.app.as_ref();
        let made = Vec::new();
        let mut gathered =
            Gathered { key: session.key, app, now: self.clock.now(), made, since: Instant::now() };
        for made in released.made {
            self.gather(made, &mut gathered)?;
        }
        self.queue_gathered(&mut gathered)?;
        if released.is_over {
            self.sessions.look_again(session);
        }
        Ok(())
    }
}
