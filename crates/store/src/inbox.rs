//! Acknowledged batches that the ledger does not cover yet.

use modelstat_redact::RedactedText;
use modelstat_summarize::{ClosedPlace, ClosedSegment, SegmentLimits, StoredTurn, TurnPlace};
use modelstat_wire::{IngestBatch, StoredBatchError, Timestamp};

use crate::{
    CarriedReceipt, DueSession, EntryTurns, LookedAt, ReceiptFilter, ReceiptPage, ReceiptSummary,
    TextClosing, TextSession, TextSummary,
};

/// An event's id, and its turn unless that is damaged.
pub type ReadTurn = (RedactedText, Option<StoredTurn<RedactedText>>);

/// Durable between acknowledgement and the ledger's checkpoint.
///
/// One writer commits in groups: at most 2 ms or 1 MiB wait for one disk flush. Beside the batches it
/// keeps the text of whole turns until an abstract is made of them.
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

    /// Returns sessions whose text waits and of which a segment may be closed, up to a number.
    fn due_sessions(
        &self,
        now: Timestamp,
        limits: &SegmentLimits,
        most: usize,
    ) -> Result<Vec<DueSession>, InboxError>;

    /// Returns sessions with text that came before a time, those that wait longest first.
    fn expired_sessions(
        &self,
        before: Timestamp,
        most: usize,
    ) -> Result<Vec<DueSession>, InboxError>;

    /// Returns the places of a session's turns in the order of time.
    fn places(&self, session: &TextSession) -> Result<Vec<TurnPlace>, InboxError>;

    /// Reads a turn that waits, with its event's id: `None` when it is gone, and no turn when it is
    /// damaged.
    fn turn(&self, row: i64) -> Result<Option<ReadTurn>, InboxError>;

    /// Returns the closed segments of a session that end at a time or later, in the order of time.
    fn closed_places(
        &self,
        session: &TextSession,
        since: Timestamp,
    ) -> Result<Vec<ClosedPlace>, InboxError>;

    /// Reads what is kept of a closed segment; `None` when it is damaged or forgotten.
    fn closed_segment(&self, row: i64) -> Result<Option<ClosedSegment<RedactedText>>, InboxError>;

    /// Commits abstracts like a batch that came, and overwrites the text that they are made of, all at once.
    /// Returns whether it did: not when some of that text is gone, as another closed it meanwhile.
    fn close_text(&self, closing: TextClosing) -> Result<bool, InboxError>;

    /// Notes what was seen of sessions at looks that closed nothing: they are due when more has come.
    fn note_looked_at(&self, looked_at: Vec<LookedAt>) -> Result<(), InboxError>;

    /// Forgets what is kept of closed segments and of summarised events when its time is over, and the empty
    /// rows of text that is gone.
    fn forget_closed(&self, now: Timestamp) -> Result<(), InboxError>;

    /// Overwrites copies that the engine still holds of text that is gone, such as those in a log. Returns whether
    /// it could; a reader at work may stand in the way.
    fn erase_deleted(&self) -> Result<bool, InboxError>;

    /// Sums up the text that waits and what became of it, of one org or of all.
    fn text_summary(&self, org_id: Option<&str>) -> Result<TextSummary, InboxError>;

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
    /// The request's size on the wire; 0 where no request brought it.
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
    /// Turns that wait for their abstract; they are committed with the batch, which does not hold them.
    pub turns: Option<EntryTurns>,
}

impl InboxEntry {
    /// What it takes in memory while it waits for its commit.
    pub(crate) fn waiting_bytes(&self) -> usize {
        let turns = self.turns.iter().flat_map(|turns| &turns.turns);
        self.encoded.len() + turns.map(|turn| turn.body.len()).sum::<usize>()
    }
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
