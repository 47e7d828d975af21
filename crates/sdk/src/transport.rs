//! The transports of the published crate: asynchronous, one batch at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::engine::{self, Body, HttpSender, Outcome, Path};
use crate::http::Refusal;
use crate::wire::IngestBatch;

/// Sending failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The receiver answered with a status that is no success.
    #[error("http status {0}")]
    Status(u16),
    /// There was no answer.
    #[error("transport: {0}")]
    Other(String),
}

/// What sending a batch will come to.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), TransportError>> + Send + 'a>>;

/// Sends batches for a [`Client`](crate::Client).
///
/// An implementation by `#[async_trait]`, as for the published crate, is one of this trait. Its
/// futures are polled on the SDK's thread, where there is no runtime: one that needs a runtime
/// enters it itself.
pub trait Transport: Send + Sync {
    /// Sends one batch.
    fn send<'life0, 'life1, 'async_trait>(
        &'life0 self,
        batch: &'life1 IngestBatch,
    ) -> Sending<'async_trait>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait;
}

/// Keeps batches in memory, for tests.
#[derive(Debug, Default)]
pub struct FakeTransport {
    batches: Mutex<Vec<IngestBatch>>,
}

impl FakeTransport {
    /// Makes one that holds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns every batch that was sent so far.
    #[must_use]
    pub fn batches(&self) -> Vec<IngestBatch> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Transport for FakeTransport {
    fn send<'life0, 'life1, 'async_trait>(
        &'life0 self,
        batch: &'life1 IngestBatch,
    ) -> Sending<'async_trait>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait,
    {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).push(batch.clone());
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Posts batches to where a configuration says, with its credential.
pub struct HttpTransport {
    sender: Mutex<HttpSender>,
    path: Path,
}

impl HttpTransport {
    /// Makes the transport of a configuration.
    #[must_use]
    pub fn from_config(config: &Config) -> Self {
        let path = if config.sends_full_turns() { Path::IngestRaw } else { Path::Ingest };
        Self { sender: Mutex::new(HttpSender::new(config)), path }
    }

    fn post(&self, batch: &IngestBatch) -> Result<(), TransportError> {
        let bytes = serde_json::to_vec(batch)
            .map_err(|_| TransportError::Other("the batch could not be encoded".into()))?;
        let body = Body {
            bytes: Arc::new(bytes),
            path: self.path,
            events: batch.events.len(),
            timeout: SEND_TIMEOUT,
        };
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        match sender.status(&body) {
            Ok(200..=299) => Ok(()),
            Ok(status) => Err(TransportError::Status(status)),
            Err(Refusal::Impossible) => Err(TransportError::Other("no such destination".into())),
            Err(Refusal::Unreachable) => Err(TransportError::Other("no answer".into())),
        }
    }
}

/// How long one request may take.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Blocks while it is polled, as nothing here has a runtime; the SDK's own thread is meant to.
impl Transport for HttpTransport {
    fn send<'life0, 'life1, 'async_trait>(
        &'life0 self,
        batch: &'life1 IngestBatch,
    ) -> Sending<'async_trait>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move { self.post(batch) })
    }
}

/// Lets the engine send through a transport of the published kind.
pub(crate) struct Adapter(pub(crate) Arc<dyn Transport>);

impl engine::Transport for Adapter {
    fn send(&mut self, body: &Body) -> Outcome {
        if body.events == 0 {
            // Counters alone are no batch that a published transport would know.
            return Outcome::Sent { answer: None };
        }
        let Ok(batch) = serde_json::from_slice::<IngestBatch>(&body.bytes) else {
            return Outcome::Rejected { status: 0 };
        };
        let until = Instant::now() + body.timeout;
        let sent = catch_unwind(AssertUnwindSafe(|| block_on(self.0.send(&batch), until)));
        match sent {
            Ok(Some(Ok(()))) => Outcome::Sent { answer: None },
            Ok(Some(Err(TransportError::Status(status)))) => match status {
                401 | 403 => Outcome::Unauthorized,
                413 => Outcome::TooLarge,
                408 | 425 | 429 | 500..=599 => Outcome::Retry { after: None },
                status => Outcome::Rejected { status },
            },
            Ok(Some(Err(TransportError::Other(_))) | None) | Err(_) => {
                Outcome::Retry { after: None }
            }
        }
    }

    fn fresh(&self) -> Box<dyn engine::Transport> {
        Box::new(Self(Arc::clone(&self.0)))
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls a future on this thread until it is done, or until a time.
fn block_on<F: Future + Unpin>(mut work: F, until: Instant) -> Option<F::Output> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = Pin::new(&mut work).poll(&mut context) {
            return Some(output);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        thread::park_timeout(left);
    }
}
