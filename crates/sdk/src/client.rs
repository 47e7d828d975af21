//! The handle that programs record their calls through.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use crate::ambient;
use crate::call::LlmCall;
use crate::config::Config;
use crate::engine::{Convert, DropReason, Flushed, HttpSender, Item, Notice, Recorder, Stats};
use crate::transport::{Adapter, Transport};

/// How long `flush` and `shutdown` wait when they are not told.
const USUAL_TIMEOUT: Duration = Duration::from_secs(30);

/// Records LLM calls and has them sent. Handles are cheap to clone and share one queue.
///
/// Making one starts no thread and opens no connection; the first call does. It works in
/// synchronous code and in any runtime. Dropping the last handle sends what waits within half a
/// second.
#[derive(Clone)]
pub struct Client {
    recorder: Recorder<LlmCall>,
}

// As the published client was: no panic leaves what is shared half changed, as every change to it is
// one atomic step or made behind a lock that is whole whenever it is let go.
impl UnwindSafe for Client {}
impl RefUnwindSafe for Client {}

impl Item for LlmCall {
    fn size(&self) -> usize {
        self.held_bytes()
    }

    fn vacant() -> Self {
        Self::empty()
    }
}

/// Adds ambient tags on the worker, where it costs the caller nothing.
struct AddTags;

impl Convert<LlmCall> for AddTags {
    fn convert(&mut self, mut items: Vec<LlmCall>, to: &mut Vec<LlmCall>) -> usize {
        items.iter_mut().for_each(LlmCall::add_ambient);
        to.append(&mut items);
        0
    }

    fn fresh(&self) -> Box<dyn Convert<LlmCall>> {
        Box::new(Self)
    }
}

impl Client {
    /// Makes a client that sends where the configuration says.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let sender = Box::new(HttpSender::new(&config));
        let recorder = Recorder::with_notices(config, sender, Box::new(AddTags), notice);
        Self { recorder }
    }

    /// Makes a client of the environment; see [`Config::from_env`].
    #[must_use]
    pub fn from_env() -> Self {
        Self::new(Config::from_env())
    }

    /// Makes a client that sends through a transport of its own.
    #[must_use]
    pub fn with_transport(config: Config, transport: Arc<dyn Transport>) -> Self {
        let adapter = Box::new(Adapter(transport));
        let recorder = Recorder::with_notices(config, adapter, Box::new(AddTags), notice);
        Self { recorder }
    }

    /// Records a call. Never blocks and never panics.
    ///
    /// When as much waits as may, the *newest* call is dropped and counted: older ones have paid
    /// for their place, and the caller must not wait. Of a text over 1 MiB the beginning is kept.
    pub fn record(&self, mut call: LlmCall) {
        prepare(&mut call);
        self.recorder.take(&mut call);
    }

    /// Records a call that is made only if it can be taken.
    pub fn record_with(&self, make: impl FnOnce() -> LlmCall) {
        self.recorder.record_with(|| {
            let mut call = make();
            prepare(&mut call);
            call
        });
    }

    /// How many calls were dropped because as much waited as may.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        let stats = self.stats();
        let full = [DropReason::QueueFull, DropReason::BytesFull, DropReason::TooLarge];
        full.into_iter().map(|reason| stats.dropped_for(reason)).sum()
    }

    /// What became of the calls so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.recorder.stats()
    }

    /// Sends what was recorded before, and waits for it at most 30 seconds.
    pub async fn flush(&self) {
        self.recorder.flush_async(USUAL_TIMEOUT).await;
    }

    /// Sends what was recorded before, and waits for it at most so long, give or take an attempt.
    pub async fn flush_within(&self, timeout: Duration) -> Flushed {
        self.recorder.flush_async(timeout).await
    }

    /// Sends what was recorded before, and blocks this thread for it at most so long.
    pub fn flush_blocking(&self, timeout: Duration) -> Flushed {
        self.recorder.flush(timeout)
    }

    /// Sends what was recorded, waits for it at most 30 seconds, and refuses calls from then on,
    /// through every handle.
    pub async fn shutdown(self) {
        self.recorder.shutdown_async(USUAL_TIMEOUT).await;
    }

    /// The same, blocking this thread at most so long. Again is harmless.
    pub fn shutdown_blocking(&self, timeout: Duration) -> Flushed {
        self.recorder.shutdown(timeout)
    }

    /// Gives a forked child a state of its own: to be called in the child, before it records.
    ///
    /// What waited at the fork is the parent's, and is sent by the parent only.
    pub fn after_fork_in_child(&self) {
        self.recorder.after_fork_in_child();
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("config", self.recorder.config()).finish_non_exhaustive()
    }
}

/// What must happen where the call is recorded. In place: a call is large to move.
#[inline]
fn prepare(call: &mut LlmCall) {
    if call.has_long_text() {
        call.cut_long_texts();
    }
    if let Some(tags) = ambient::current() {
        call.extra_mut().ambient = Some(tags);
    }
}

#[cfg(feature = "tracing")]
fn notice(notice: Notice) {
    match notice {
        Notice::Dropped { reason, calls } => {
            tracing::warn!(reason = reason.name(), calls, "calls were dropped");
        }
        Notice::Unauthorized => tracing::warn!("the ingest key is not accepted; sending pauses"),
        Notice::PolicyOverridden => {
            tracing::warn!("text is redacted: unredacted text may go to this machine only");
        }
        Notice::RedactionFailed => tracing::warn!("a text was dropped: the floor failed on it"),
        Notice::Panicked => tracing::error!("the worker panicked and went on"),
    }
}

#[cfg(not(feature = "tracing"))]
fn notice(_: Notice) {}
