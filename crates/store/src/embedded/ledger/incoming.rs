//! An event of a drain, with what is derived of it before the ledger is asked.

use std::borrow::Cow;

use modelstat_redact::RedactedText;
use modelstat_wire::{DEFAULT_APP, Event, IngestBatch, Timestamp};

use crate::{AppliedBatch, Costing};

const DAY_MICROS: i64 = 86_400_000_000;

/// How far an event's own time may be ahead of its receipt: clocks in wrong zones, and no more.
pub(super) const MAX_AHEAD_MICROS: i64 = 2 * DAY_MICROS;

/// How far an event's own time may lie back: a year of logs read in late, with some room.
const MAX_BEHIND_MICROS: i64 = 400 * DAY_MICROS;

/// Separates hashed parts; redacted text may hold it, but two identities that it confuses are told
/// apart by their strings.
const SEPARATOR: &[u8] = &[0x1F];

/// Content of an event as far as it identifies it: all but the time of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    pub(super) high: u64,
    pub(super) low: u64,
}

impl Fingerprint {
    /// Hashes an event's canonical encoding, so that a retry has the fingerprint of the first try.
    pub(super) fn of(event: &Event<RedactedText>) -> Self {
        let event = match event.sent_at {
            Some(_) => Cow::Owned(Event { sent_at: None, ..event.clone() }),
            None => Cow::Borrowed(event),
        };
        let encoded =
            serde_json::to_vec(&*event).expect("an event has text keys and finite numbers only");
        let hash = blake3::hash(&encoded);
        let [high, low] = [0, 8].map(|at| word(hash.as_bytes(), at));
        Self { high, low }
    }

    /// The fingerprint in hexadecimal, as conflicting ids are derived from it.
    pub(super) fn hex(self) -> String {
        format!("{:016x}{:016x}", self.high, self.low)
    }
}

/// Under which time an event is stored, found and summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    pub(super) counted_at: Timestamp,
    /// Why the event's own time was not believed.
    pub(super) flag: Option<&'static str>,
}

impl Placement {
    pub(super) fn of(own: Timestamp, received_at: Timestamp) -> Self {
        let ahead = own.as_micros().saturating_sub(received_at.as_micros());
        if ahead > MAX_AHEAD_MICROS {
            return Self { counted_at: received_at, flag: Some("ts_future") };
        }
        if ahead < -MAX_BEHIND_MICROS {
            return Self { counted_at: received_at, flag: Some("ts_past") };
        }
        Self { counted_at: own, flag: None }
    }

    pub(super) fn day(self) -> i32 {
        self.counted_at.utc_day()
    }
}

/// A batch of a drain that is not applied yet.
#[derive(Clone, Copy)]
pub(super) struct IncomingBatch<'a> {
    pub(super) applied: &'a AppliedBatch,
    pub(super) content: &'a IngestBatch<RedactedText>,
    pub(super) app: &'a str,
}

impl<'a> IncomingBatch<'a> {
    pub(super) fn of(applied: &'a AppliedBatch) -> Option<Self> {
        let content = applied.batch.as_deref()?;
        let app = content.app.as_ref().map_or(DEFAULT_APP, RedactedText::as_str);
        Some(Self { applied, content, app })
    }

    pub(super) fn org_id(&self) -> &'a str {
        &self.applied.org_id
    }

    pub(super) fn events(self) -> impl Iterator<Item = IncomingEvent<'a>> {
        (self.content.events.iter().zip(&self.applied.costings)).map(move |(event, costing)| {
            IncomingEvent {
                batch: self,
                event,
                costing,
                placement: Placement::of(event.ts, self.applied.received_at),
                fingerprint: Fingerprint::of(event),
            }
        })
    }
}

/// An event of a drain.
pub(super) struct IncomingEvent<'a> {
    pub(super) batch: IncomingBatch<'a>,
    pub(super) event: &'a Event<RedactedText>,
    pub(super) costing: &'a Costing,
    pub(super) placement: Placement,
    pub(super) fingerprint: Fingerprint,
}

/// Hashes an identity to the number by which it is looked for; strings are compared only where the
/// numbers meet.
pub(super) fn key(org_id: &str, app: &str, id: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in [org_id, app, id] {
        hasher.update(part.as_bytes()).update(SEPARATOR);
    }
    word(hasher.finalize().as_bytes(), 0)
}

fn word(bytes: &[u8; 32], at: usize) -> u64 {
    bytes[at..at + 8].iter().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn implausible_times_are_counted_at_their_receipt() {
        let received = Timestamp::from_micros(500 * DAY_MICROS);
        let at = |days: i64, micros: i64| Timestamp::from_micros(days * DAY_MICROS + micros);
        for (own, flag) in [
            (at(502, 0), None),
            (at(502, 1), Some("ts_future")),
            (at(100, 0), None),
            (at(100, -1), Some("ts_past")),
            (Timestamp::from_micros(i64::MAX), Some("ts_future")),
            (Timestamp::from_micros(i64::MIN), Some("ts_past")),
        ] {
            let counted_at = if flag.is_some() { received } else { own };
            assert_eq!(Placement::of(own, received), Placement { counted_at, flag });
        }
    }
}
