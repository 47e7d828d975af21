//! Records the LLM calls of a backend without slowing or leaking them.
//!
//! [`Client::record`] moves a call into a bounded queue and returns. One thread redacts, batches and
//! sends, by default to the modelstat daemon on this machine. What cannot be taken or sent is dropped
//! and counted ([`Client::stats`]); nothing blocks, panics, or grows without bound.
//!
//! ```no_run
//! use modelstat::{Client, Config, LlmCall, TokenUsage};
//! use std::time::Duration;
//!
//! let ms = Client::new(Config::new("msk_live_…", "raw_sdk_openai", "checkout-api"));
//! ms.record(
//!     LlmCall::new("openai", "session-or-trace-id")
//!         .model("gpt-x")
//!         .tokens(TokenUsage { input: 800, output: 120, ..Default::default() })
//!         .text("the prompt", "the completion"),
//! );
//! let flushed = ms.shutdown_blocking(Duration::from_secs(5));
//! assert!(flushed.complete);
//! ```
//!
//! It needs no runtime and works in any: `ms.flush().await` is woken by the thread.
//!
//! What this crate deliberately does not do: it writes no file, installs no signal handler, and
//! prints nothing.

mod ambient;
mod batch;
mod call;
mod client;
mod config;
#[doc(hidden)]
pub mod engine;
mod environment;
mod http;
mod instant;
mod names;
mod redact;
mod transport;
mod wire;

pub use ambient::{Tagged, WithMetadata, with_metadata};
pub use call::{CallExtra, LlmCall, ToolCallInput};
pub use client::Client;
pub use config::{Config, Mode, RedactionPolicy};
pub use engine::{DropReason, Flushed, Stats, WorkerState};
pub use redact::{Redacted, redact};
pub use transport::{FakeTransport, HttpTransport, Sending, Transport, TransportError};
pub use wire::{
    CallError, EventKind, GitContext, IngestBatch, METADATA_MAX_ENTRIES, METADATA_MAX_KEY_CHARS,
    METADATA_MAX_VALUE_CHARS, RawEvent, ReportedOutcomes, SessionInstall, TokenUsage,
    ToolCallStatus, ToolCallWire, UsageDetail, cap_metadata,
};

/// The programs of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
