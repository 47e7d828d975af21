//! What became of calls, counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use super::queue::Held;
use crate::wire::ReportedOutcomes;

/// Why a call was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// As many calls waited as may.
    QueueFull,
    /// As many bytes waited as may.
    BytesFull,
    /// It alone is larger than may wait or be sent.
    TooLarge,
    /// It could not be turned into a call.
    ConversionFailed,
    /// It could not be encoded.
    EncodingFailed,
    /// It could not be sent for too long.
    BackoffExpired,
    /// The receiver refused it.
    Rejected,
    /// The receiver does not accept the credential.
    Unauthorized,
    /// It came after `shutdown`.
    AfterShutdown,
    /// It waited in a process that was forked; the parent still has it.
    ForkDiscarded,
    /// It was not sent by the deadline of `shutdown`.
    ExitDeadline,
}

impl DropReason {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::QueueFull,
        Self::BytesFull,
        Self::TooLarge,
        Self::ConversionFailed,
        Self::EncodingFailed,
        Self::BackoffExpired,
        Self::Rejected,
        Self::Unauthorized,
        Self::AfterShutdown,
        Self::ForkDiscarded,
        Self::ExitDeadline,
    ];

    /// The name in statistics and on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::BytesFull => "bytes_full",
            Self::TooLarge => "too_large",
            Self::ConversionFailed => "conversion_failed",
            Self::EncodingFailed => "encoding_failed",
            Self::BackoffExpired => "backoff_expired",
            Self::Rejected => "rejected",
            Self::Unauthorized => "unauthorized",
            Self::AfterShutdown => "after_shutdown",
            Self::ForkDiscarded => "fork_discarded",
            Self::ExitDeadline => "exit_deadline",
        }
    }
}

/// Counters since the process started, or since it was forked.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) sent: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) redaction_failed: AtomicU64,
    pub(crate) policy_overridden: AtomicU64,
    pub(crate) unauthorized_answers: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
}

impl Counters {
    // Relaxed is enough throughout: counts are read on their own, never to decide about memory.
    pub(crate) fn drop_calls(&self, reason: DropReason, calls: usize) {
        self.dropped[reason as usize].fetch_add(to_count(calls), Ordering::Relaxed);
    }

    pub(crate) fn add(counter: &AtomicU64, calls: usize) {
        counter.fetch_add(to_count(calls), Ordering::Relaxed);
    }

    pub(crate) fn read(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    /// Calls given up so far, for one reason.
    pub(crate) fn dropped(&self, reason: DropReason) -> u64 {
        Self::read(&self.dropped[reason as usize])
    }

    /// Calls given up so far, for whatever reason.
    pub(crate) fn all_dropped(&self) -> u64 {
        self.dropped.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    fn dropped_by_reason(&self) -> BTreeMap<&'static str, u64> {
        let counts = DropReason::ALL
            .into_iter()
            .map(|reason| (reason.name(), self.dropped[reason as usize].load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// What the worker tells the receiver: exact, as only the worker turns what is held into what
    /// was sent.
    pub(crate) fn reported(&self, held: Held) -> ReportedOutcomes {
        let sent = Self::read(&self.sent);
        let dropped = self.dropped_by_reason();
        ReportedOutcomes {
            recorded: sent + dropped.values().sum::<u64>() + to_count(held.slots),
            sent,
            dropped: dropped
                .into_iter()
                .map(|(reason, count)| (reason.to_owned(), count))
                .collect(),
        }
    }

    /// What became of the calls; what is held is looked at last, so that no call counts twice.
    pub(crate) fn stats(&self, held: impl FnOnce() -> Held) -> Stats {
        let sent = Self::read(&self.sent);
        let dropped = self.dropped_by_reason();
        let held = held();
        Stats {
            recorded: sent + dropped.values().sum::<u64>() + to_count(held.slots),
            sent,
            duplicates: Self::read(&self.duplicates),
            dropped,
            redaction_failed: Self::read(&self.redaction_failed),
            policy_overridden: Self::read(&self.policy_overridden),
            pending: held.slots,
            bytes: held.bytes,
        }
    }
}

fn to_count(calls: usize) -> u64 {
    u64::try_from(calls).unwrap_or(u64::MAX)
}

/// What became of the calls that were recorded, since the process started or was forked.
///
/// `recorded` is the sum of `sent`, what was dropped, and `pending`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls handed to `record`.
    pub recorded: u64,
    /// Calls that the next hop acknowledged.
    pub sent: u64,
    /// Calls among those that it had already.
    pub duplicates: u64,
    /// Calls given up, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Calls whose text was dropped because the floor failed; their numbers were kept.
    pub redaction_failed: u64,
    /// Calls that were redacted although the configuration said not to.
    pub policy_overridden: u64,
    /// Calls that wait or are being sent.
    pub pending: usize,
    /// Bytes that wait or are being sent.
    pub bytes: usize,
}

impl Stats {
    /// Calls given up, for whatever reason.
    #[must_use]
    pub fn all_dropped(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Calls given up for one reason.
    #[must_use]
    pub fn dropped_for(&self, reason: DropReason) -> u64 {
        self.dropped.get(reason.name()).copied().unwrap_or_default()
    }
}

/// What a `flush` or `shutdown` came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flushed {
    /// Whether every call that was recorded before has its outcome.
    pub complete: bool,
    /// Calls that still wait or are being sent.
    pub pending: usize,
    /// Whether there is somebody to send them.
    pub worker: WorkerState,
}

/// Whether calls are being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerState {
    /// The worker runs, or will when there is something to do.
    Alive,
    /// The worker has ended.
    Dead,
}

/// Something that whoever runs the program should know. It never holds captured text, and the
/// same kind comes at most once a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Calls were given up.
    Dropped {
        /// Why.
        reason: DropReason,
        /// How many since the last notice of this kind.
        calls: u64,
    },
    /// The credential is not accepted; sending pauses.
    Unauthorized,
    /// `RedactionPolicy::None` holds toward this machine only, so the floor ran.
    PolicyOverridden,
    /// The floor failed on a text, which was dropped.
    RedactionFailed,
    /// The worker panicked and went on.
    Panicked,
}
