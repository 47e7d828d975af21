//! Records the model calls among the spans that OpenTelemetry exports.
//!
//! ```
//! use modelstat::{Client, Config};
//! use opentelemetry_sdk::trace::SdkTracerProvider;
//!
//! let client = Client::new(Config::new("msk_live_…", "raw_sdk_openai", "checkout-api"));
//! let provider = SdkTracerProvider::builder()
//!     .with_simple_exporter(modelstat_opentelemetry::Exporter::new(client))
//!     .build();
//! # drop(provider);
//! ```
//!
//! Spans by OpenTelemetry's `gen_ai.*` names, now and of old, by `OpenInference`'s and by others are read
//! by the same table as everywhere in modelstat. Exporting moves a record into the client's queue, so
//! that a simple processor does; a batch processor works as well.
//!
//! The session of a call is the conversation that its span names, else [`Exporter::with_session`], else
//! the trace, marked by the tag `session_derived`. Spans of agents and chains, which repeat what the
//! calls within them report, are not recorded; a tool's span goes with the call that it ran within, or
//! with the next one beside it.
//!
//! What this crate deliberately does not do: it sends nothing itself, and it leaves the client running
//! when it is shut down, as others may record through it.

mod exporter;

pub use exporter::Exporter;
