//! Acknowledged batches that the ledger does not cover yet.

use modelstat_redact::RedactedText;
use modelstat_wire::{IngestBatch, StoredBatchError, Timestamp};

use crate::{CarriedReceipt, ReceiptFilter, ReceiptPage, ReceiptSummary};

/// Durable between acknowledgement and the ledger's checkpoint.
///
/// One writer commits in groups: at most 2 ms or 1 MiB wait for one disk flush.
pub trait Inbox: Send + Sync {
    /// Commits an entry, and calls `done` once it is on disk or has failed. Never blocks.
    fn commit(&self, entry: InboxEntry, done: Box<dyn FnOnce(Result<Receipt, InboxError>) + Send>);

    /// Reads the batches after a position, in order, until they hold `max_events` events. A batch
    /// that cannot be decoded is returned as such.
    fn read_after(&self, position: u64, max_events: usize) -> Result<Vec<InboxBatch>, InboxError>;

    /// Returns the position of the newest entry, 0 when there never was one.
    fn newest_position(&self) -> Result<u64, InboxError>;

    /// Deletes the entries up to a position that a checkpoint of the ledger covers.
    fn forget_through(&self, position: u64) -> Result<(), InboxError>;

    /// Keeps an entry aside that the ledger refuses, with the reason, so that the applier goes on.
    fn quarantine(&self, position: u64, reason: &str, now: Timestamp) -> Result<(), InboxError>;

    /// Returns how many entries are in quarantine.
    fn quarantined(&self) -> Result<u64, InboxError>;

    /// Returns how many entries and bytes wait.
    fn depth(&self) -> Result<(u64, u64), InboxError>;

    /// Forgets repeats that were taken before a time.
    fn forget_repeats_before(&self, time: Timestamp) -> Result<(), InboxError>;

    /// Reads an org's receipts, in the order of their coming.
    fn receipts(&self, org_id: &str, filter: &ReceiptFilter) -> Result<ReceiptPage, InboxError>;

    /// Says what is known of an org's receipts, naming at most so many devices.
    fn receipt_summary(&self, org_id: &str, devices: usize) -> Result<ReceiptSummary, InboxError>;

    /// Deletes what an org has in the inbox.
    fn forget_org(&self, org_id: &str) -> Result<(), InboxError>;
}

/// One acknowledged request.
#[derive(Clone, Debug)]
pub struct InboxEntry {
    /// The org that the key belongs to.
    pub org_id: String,
    /// The key or device that brought it.
    pub key_id: String,
    /// When it came.
    pub received_at: Timestamp,
    /// Whether it came to `/v1/ingest/raw`.
    pub is_raw: bool,
    /// The request's size on the wire.
    pub request_bytes: u64,
    /// The batch's own id.
    pub batch_id: RedactedText,
    /// blake3 of the encoded batch: with org and batch id it tells a repeat.
    pub content_hash: [u8; 32],
    /// How many events it holds.
    pub events: u64,
    /// The batch as `modelstat_wire::encode_batch` made it; the inbox compresses it.
    pub encoded: Vec<u8>,
    /// Why records were refused at the door, with counts.
    pub rejected: Vec<(String, u64)>,
    /// The version of the floor that it passed.
    pub floor_version: &'static str,
    /// What vouches for the request at its sender; it is committed with the batch.
    pub receipt: CarriedReceipt,
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// The batch is on disk.
    Taken,
    /// The same batch was taken within the last seven days; only the fact is on disk.
    Repeat,
}

/// One entry read back.
#[derive(Debug)]
pub struct InboxBatch {
    /// The entry's place in the order of commits, from 1.
    pub position: u64,
    /// The org that the key belongs to.
    pub org_id: String,
    /// When it came.
    pub received_at: Timestamp,
    /// Whether it came to `/v1/ingest/raw`.
    pub is_raw: bool,
    /// The request's size on the wire.
    pub request_bytes: u64,
    /// Why records were refused at the door, with counts.
    pub rejected: Vec<(String, u64)>,
    /// The version of the floor that it passed.
    pub floor_version: String,
    /// What it holds.
    pub payload: InboxPayload,
}

/// What an entry holds.
#[derive(Debug)]
pub enum InboxPayload {
    /// A batch.
    Batch(Box<IngestBatch<RedactedText>>),
    /// A repeat of a batch with this many events.
    Repeat(u64),
    /// A batch that cannot be decoded.
    Damaged(StoredBatchError),
}

/// What can fail in an inbox.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InboxError {
    /// The disk's free space is below the reserve; the sender should come back later.
    #[error("free disk space is below the reserve")]
    DiskReserve,
    /// The engine failed; nothing of this call was stored.
    #[error("the inbox failed ({code})")]
    Engine {
        /// The engine's error code, never its message.
        code: String,
    },
    /// Too much waits for the disk; the sender should come back later.
    #[error("too much waits to be committed")]
    Full,
    /// The inbox is closing.
    #[error("the inbox is closed")]
    Closed,
}
