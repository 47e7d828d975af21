//! What is measured: an SDK, seen through what its users see.

use crate::texts::Texts;

/// Where the calls go.
#[derive(Clone)]
pub enum Destination {
    /// A transport that forgets each batch at once.
    Nowhere,
    /// The same, after encoding the batch as JSON, which a transport that posts it must do.
    Encoded,
    /// A transport that never answers.
    Stalled,
    /// The SDK's own transport to a daemon on this machine.
    Daemon(String),
}

/// How much of the texts goes there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Turns {
    /// The first 320 characters, as by default.
    Excerpts,
    /// All of them, redacted.
    Whole,
}

/// An SDK with its worker.
pub trait Subject: Clone + Send + Sync + 'static {
    /// What is recorded.
    type Call: Send;

    /// Makes a client, with the settings that it has by default.
    fn start(destination: Destination, turns: Turns) -> Self;

    /// Makes a call as its users do; the texts are copied.
    fn call(texts: &Texts) -> Self::Call;

    /// Records a call.
    fn record(&self, call: Self::Call);

    /// Waits until everything that was recorded is sent.
    fn drain(&self);

    /// How many calls found no room.
    fn dropped(&self) -> u64;
}
