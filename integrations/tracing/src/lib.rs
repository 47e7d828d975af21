//! Records the model calls that a program's `tracing` spans tell of.
//!
//! Crates such as `genai` and `rig` describe each call of a model in a span, by OpenTelemetry's
//! `gen_ai.*` names; others use `OpenInference`'s or older ones. [`Layer`] reads those fields, and
//! records a call when such a span closes.
//!
//! ```
//! use modelstat::{Client, Config};
//! use tracing_subscriber::layer::SubscriberExt;
//!
//! let client = Client::new(Config::new("msk_live_…", "raw_sdk_openai", "checkout-api"));
//! let subscriber = tracing_subscriber::registry()
//!     .with(modelstat_tracing::Layer::new(client).with_metadata("team", "search"));
//! tracing::subscriber::with_default(subscriber, || {
//!     // genai, rig, or spans of your own
//! });
//! ```
//!
//! The session of a call is what its span names (`gen_ai.conversation.id`, `session.id`), else what a
//! span around it names, else [`Layer::with_session`], else one that is made for the outermost span and
//! marked by the tag `session_derived`. Spans of agents and chains, which repeat what the calls within
//! them report, are not recorded; a tool's span goes with the call that it ran within, or with the next
//! one beside it.
//!
//! What this crate deliberately does not do: it sends nothing, blocks nothing, and keeps nothing of a
//! span but what it reads of it, within limits. A span that never closes is never recorded.

mod layer;
mod session;
mod visitor;

pub use layer::Layer;
