//! What modelstat's integrations share: from a span to a call, and each call once.
//!
//! A span's attributes are gathered within limits ([`Captured`]). When the span ends, a [`Recording`]
//! reads them by the table in `modelstat_wire::usage::attributes`, adds the tools that ran within it,
//! and records a call unless another integration has recorded the same answer ([`record_once`]). For
//! clients that hand over answers there is [`Asked`].
//!
//! This crate is for the integrations `modelstat-tracing`, `modelstat-opentelemetry`,
//! `modelstat-async-openai` and `modelstat-rig`; programs use those.

mod asked;
mod captured;
mod keys;
mod once;
mod reading;
mod recording;
mod tools;
mod usage;

pub use asked::{Asked, Gathered, requested_tool};
pub use captured::{Captured, MAX_ATTRIBUTES, MAX_SPAN_BYTES, MAX_VALUE_BYTES};
pub use keys::tells_of_models;
pub use modelstat_wire::usage::attributes::AttributeValue;
pub use once::{Source, record_once};
pub use reading::Facts;
pub use recording::{Options, Recording};
pub use tools::SpanKey;
pub use usage::{usage_in, with_usage};
