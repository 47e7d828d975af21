//! Types, ids and limits of everything that crosses a process boundary.
//!
//! A batch enters through [`parse_batch`] as `IngestBatch<RawText>`, which cannot be serialised.
//! [`redact_batch`] turns it into `IngestBatch<RedactedText>`, the only form that can be stored or
//! sent on. What a daemon ships is narrower still: [`egress::EgressBatch`] is the closed list.
//!
//! What this crate deliberately does not do: no network, no files. Ids are derived from what
//! is passed in, and the time comes from a [`Clock`] that the caller passes in.

mod answer;
mod batch;
mod clock;
pub mod egress;
mod event;
mod findings;
mod ids;
pub mod limits;
mod listed;
mod money;
mod nesting;
mod pairs;
mod parse;
mod problem;
mod receipt;
mod redaction;
mod stored;
mod time;
mod tokens;
pub mod usage;

pub use answer::{Accepted, IngestAnswer, Rejection, count_reasons};
pub use batch::{IngestBatch, ReportedOutcomes, Segment, SessionInstall, Tag, ToolCall};
pub use clock::{Clock, SystemClock};
pub use event::{CallError, Event, Git};
pub use findings::FindingCounts;
pub use ids::{
    batch_id, conflict_event_id, content_hash, segment_id, source_event_id, tool_call_id,
};
pub use money::{PicoUsd, PicoUsdError};
pub use pairs::Pairs;
pub use parse::{ParseError, ParsedBatch, parse_batch};
pub use problem::Problem;
pub use receipt::{EgressReceipt, RECEIPT_HEADER, ReceiptError, SignedReceipt, device_id};
pub use redaction::{
    BatchFloor, FloorAdditions, IdentifierKey, TextRole, redact_batch, redact_batch_noting,
};
pub use stored::{StoredBatchError, decode_stored, encode_batch};
pub use time::{Timestamp, TimestampError};
pub use tokens::{TokenUsage, UsageDetail};

/// The app of a batch that names none, as the seed's clients cannot.
pub const DEFAULT_APP: &str = "default";
