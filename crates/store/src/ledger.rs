//! Events, tool calls and segments with their costs, and what is asked of them.

use modelstat_redact::RedactedText;
use modelstat_wire::{IngestBatch, PicoUsd, Timestamp};

use crate::query::{Query, QueryTable, TimeRange};
use crate::rows::{
    Activity, EventRow, PrivacyReport, SessionDetail, SessionFilter, SessionPage, ToolCallRow,
};

/// The one truth of what was spent.
///
/// Applying is exact: rows and the inbox position that they came from are one transaction, so a
/// replay after a crash finds either both or neither.
pub trait Ledger: Send + Sync {
    /// Returns the inbox position up to which batches are applied.
    fn position(&self) -> Result<u64, LedgerError>;

    /// Appends a drain. Drops events that the ledger holds already, keeps an event under a derived
    /// id whose own id names other content, and counts each event's one outcome.
    fn apply(&self, drain: &Drain) -> Result<Applied, LedgerError>;

    /// Makes everything applied durable in the ledger's own file; returns the position covered.
    fn checkpoint(&self) -> Result<u64, LedgerError>;

    /// Answers a question about an org's events.
    fn query(&self, org_id: &str, query: &Query) -> Result<QueryTable, LedgerError>;

    /// Lists the metadata keys that an org's events carry.
    fn metadata_keys(&self, org_id: &str, range: TimeRange) -> Result<Vec<String>, LedgerError>;

    /// Lists an org's sessions, the newest activity first.
    fn sessions(&self, org_id: &str, filter: &SessionFilter) -> Result<SessionPage, LedgerError>;

    /// Returns one session with its newest `max_events` events; `None` when there is none.
    fn session(
        &self,
        org_id: &str,
        app: Option<&str>,
        session_id: &str,
        max_events: usize,
    ) -> Result<Option<SessionDetail>, LedgerError>;

    /// Returns one event and its tool calls.
    fn event(
        &self,
        org_id: &str,
        app: Option<&str>,
        source_event_id: &str,
    ) -> Result<Option<(EventRow, Vec<ToolCallRow>)>, LedgerError>;

    /// Reports what of an org's text and numbers was received, and what became of it.
    fn privacy(&self, org_id: &str, range: TimeRange) -> Result<PrivacyReport, LedgerError>;

    /// Returns when an org's first and last events happened.
    fn activity(&self, org_id: &str) -> Result<Activity, LedgerError>;

    /// Deletes everything of an org.
    fn forget_org(&self, org_id: &str) -> Result<(), LedgerError>;
}

/// Batches to append together.
#[derive(Debug, Default)]
pub struct Drain {
    /// The inbox position that the drain reaches.
    pub through: u64,
    /// The batches, in the order of the inbox.
    pub batches: Vec<AppliedBatch>,
}

/// A batch with the cost of each of its events.
#[derive(Debug)]
pub struct AppliedBatch {
    /// Its inbox position.
    pub position: u64,
    /// The org that it belongs to.
    pub org_id: String,
    /// When it came.
    pub received_at: Timestamp,
    /// Whether it came to `/v1/ingest/raw`; its turns are not stored.
    pub is_raw: bool,
    /// The request's size on the wire.
    pub request_bytes: u64,
    /// The version of the floor that it passed.
    pub floor_version: String,
    /// Records refused at the door, by reason.
    pub rejected: Vec<(String, u64)>,
    /// Events of a repeat, which are counted only.
    pub repeated_events: u64,
    /// The batch; `None` for a repeat.
    pub batch: Option<Box<IngestBatch<RedactedText>>>,
    /// One for each event of the batch, in its order.
    pub costings: Vec<Costing>,
}

/// The cost of one event when it was applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Costing {
    /// The cost; `None` when the event is unpriced.
    pub cost: Option<PicoUsd>,
    /// Which price.
    pub price_id: Option<String>,
    /// Which version of the price book.
    pub price_book: Option<String>,
    /// Why there is no cost.
    pub unpriced_reason: Option<&'static str>,
}

/// What became of a drain's events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Stored.
    pub accepted: u64,
    /// Held already.
    pub duplicate: u64,
    /// Stored under a derived id.
    pub id_conflict: u64,
}

/// What can fail in a ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The engine refused; the transaction was rolled back.
    #[error("the ledger refused ({code})")]
    Engine {
        /// The kind of failure, never the engine's message.
        code: String,
    },
    /// The question cannot be asked.
    #[error("{0}")]
    Query(&'static str),
}
