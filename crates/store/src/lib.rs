//! Ledger, directory and inbox: the three traits and their embedded engines.
//!
//! The server knows its stores only through these traits. [`EmbeddedStores`] holds the engines of
//! one machine: DuckDB for the [`Ledger`], SQLite for the [`Directory`] and the [`Inbox`].
//!
//! What this crate deliberately does not do: it prices nothing and redacts nothing. It takes
//! redacted batches with their costs, and refuses any other text by type.

#[cfg(test)]
mod contract;
mod directory;
mod embedded;
mod inbox;
mod ledger;
mod pending;
mod query;
mod receipts;
mod rows;

pub use directory::{
    CreatedKey, DEVICE_SECRET_PREFIX, Device, DeviceState, Directory, DirectoryError, Fingerprint,
    HEARTBEAT_INTERVAL_MICROS, Heartbeat, Key, MAX_UNCLAIMED_DEVICES, NewDevice, NewKey, Org,
    RegisteredDevice, Scope, UNCLAIMED_DAYS,
};
pub use embedded::{DiskReserve, EmbeddedOptions, EmbeddedStores, OpenError};
pub use inbox::{Inbox, InboxBatch, InboxEntry, InboxError, InboxPayload, ReadTurn, Receipt};
pub use ledger::{Applied, AppliedBatch, Costing, Drain, Ledger, LedgerError};
pub use pending::{
    ClosedText, DEFAULT_TEXT_BYTES, DueSession, EntryTurns, LookedAt, MAX_TEXT_MS, PendingTurn,
    TextClosing, TextSession, TextSummary,
};
pub use query::{
    Bucket, Dimension, Filter, FilterOp, Measure, Query, QueryTable, QueryValue, TimeRange,
};
pub use receipts::{
    CarriedReceipt, InvalidReceipt, KeptReceipt, ReceiptDevice, ReceiptFilter, ReceiptPage,
    ReceiptSummary,
};
pub use rows::{
    Activity, EventRow, OutcomeCount, PrivacyReport, Received, ReportedInstance, RuleCount,
    SegmentRow, SessionDetail, SessionFilter, SessionPage, SessionRow, TextCounts, ToolCallRow,
};
