//! The core that clients and bindings are made of: a bounded queue, one worker thread, and delivery
//! of encoded batches.
//!
//! Nothing here is promised to users of the crate; bindings follow along.

mod delivery;
mod live;
mod making;
mod outcome;
mod queue;
mod recorder;
mod slots;
mod tickets;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

pub use crate::call::ArgumentDigest;
use crate::call::LlmCall;
use crate::config::Config;
pub use outcome::{DropReason, Flushed, Notice, Stats, WorkerState};
pub use recorder::{Recorder, Settling};

pub use crate::http::HttpSender;

/// What waits in the queue.
pub trait Item: Send + 'static {
    /// Bytes that it holds, against the budget: the same whenever asked.
    fn size(&self) -> usize;

    /// What an empty slot holds: nothing on the heap.
    fn vacant() -> Self;
}

/// Turns what waited into calls, on the worker thread.
pub trait Convert<T>: Send + 'static {
    /// Appends a call for each item. An item that fails is left out alone; how many failed is
    /// returned, and counted as `conversion_failed`.
    fn convert(&mut self, items: Vec<T>, to: &mut Vec<LlmCall>) -> usize;

    /// Makes one for a forked child, which inherits no thread.
    fn fresh(&self) -> Box<dyn Convert<T>>;
}

/// Sends encoded batches, one at a time, on the worker thread.
pub trait Transport: Send + 'static {
    /// Sends one batch; returns within [`Body::timeout`].
    fn send(&mut self, body: &Body) -> Outcome;

    /// Asks a receiver on this machine whether it wants whole turns. Called before a batch is
    /// made; the answer is kept by the transport for as long as its connection holds.
    fn ask(&mut self, _timeout: Duration) -> Wanted {
        Wanted::Excerpts
    }

    /// Makes one for a forked child, which must not touch the parent's connections.
    fn fresh(&self) -> Box<dyn Transport>;
}

/// An encoded batch. A retry sends the same bytes.
#[derive(Clone, Debug)]
pub struct Body {
    /// The JSON.
    pub bytes: Arc<Vec<u8>>,
    /// Where it goes.
    pub path: Path,
    /// How many events it carries; 0 when it only reports counters.
    pub events: usize,
    /// How long sending may take.
    pub timeout: Duration,
}

/// Where a batch goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// `/v1/ingest`, or the daemon's address.
    Ingest,
    /// `/v1/ingest/raw`.
    IngestRaw,
}

/// What became of a batch that was sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was acknowledged.
    Sent {
        /// The answer, where it was JSON.
        answer: Option<Value>,
    },
    /// It was not, and may be later.
    Retry {
        /// How long the receiver asks to wait.
        after: Option<Duration>,
    },
    /// It is larger than the receiver takes.
    TooLarge,
    /// The credential is not accepted.
    Unauthorized,
    /// It never will be.
    Rejected {
        /// The answer's status; 0 when there is no destination.
        status: u16,
    },
}

/// What a receiver wants of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Its first 320 characters.
    Excerpts,
    /// All of it.
    FullTurns,
    /// The receiver did not answer.
    Unreachable,
}

/// Makes the batch that the published clients make of these calls: pure, without a client's
/// counters. `seq` is advanced by one a call.
#[must_use]
pub fn build_batch(config: &Config, calls: Vec<LlmCall>, seq: &mut u64) -> Value {
    serde_json::to_value(crate::batch::build(config, calls, seq)).unwrap_or_default()
}
