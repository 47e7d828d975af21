//! A request that is too large for the server becomes two.

use std::collections::HashSet;
use std::io::Read;

use flate2::read::GzDecoder;
use modelstat_redact::RedactedText;
use modelstat_wire::egress::{EgressBatch, EgressPolicy, Excerpt};
use modelstat_wire::{IngestBatch, Pairs};

use super::body::{own_id, to_ship};
use crate::spool::{ToShip, decode_batch};

type Batch = IngestBatch<RedactedText>;

/// Halves a request; `None` when it holds a single record, or cannot be read back.
pub(crate) fn halve(request: &ToShip) -> Option<[ToShip; 2]> {
    let batch = decode_batch(&unzip(request)?).ok()?;
    // Narrowed and keyed when it was made, so now everything that it holds may leave.
    let policy = EgressPolicy { excerpt: Excerpt::Short, hash_key: None };
    let parts = halves(batch)?;
    Some(parts.map(|part| {
        let (batch_id, events) = (part.batch_id.as_str().to_owned(), part.events.len());
        to_ship(request.key, batch_id, events, &EgressBatch::new(part, &policy))
    }))
}

/// Unpacks a request; `None` when its bytes are not those that were queued, as the packing holds a checksum.
pub(crate) fn unzip(request: &ToShip) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    // Damaged bytes may unpack to any number.
    let decoder = GzDecoder::new(request.body.as_slice());
    decoder.take(request.plain_bytes.saturating_add(1)).read_to_end(&mut plain).ok()?;
    (plain.len() as u64 == request.plain_bytes).then_some(plain)
}

fn halves(batch: Batch) -> Option<[Batch; 2]> {
    let mut first = batch;
    let mut second = Batch {
        events: upper_half(&mut first.events),
        segments: upper_half(&mut first.segments),
        tool_calls: Vec::new(),
        session_installs: Pairs::default(),
        session_titles: Pairs::default(),
        outcomes: None,
        ..Batch {
            events: Vec::new(),
            segments: Vec::new(),
            tool_calls: Vec::new(),
            ..first.clone()
        }
    };
    if second.events.is_empty() {
        second.tool_calls = upper_half(&mut first.tool_calls);
    } else {
        let events: HashSet<&RedactedText> =
            second.events.iter().map(|event| &event.source_event_id).collect();
        let belongs = |id: &Option<RedactedText>| id.as_ref().is_some_and(|id| events.contains(id));
        (second.tool_calls, first.tool_calls) =
            first.tool_calls.into_iter().partition(|call| belongs(&call.source_event_id));
    }
    if second.events.is_empty() && second.segments.is_empty() && second.tool_calls.is_empty() {
        return None;
    }
    let whole = first.batch_id.as_str().to_owned();
    (first.session_installs, second.session_installs) = by_session(first.session_installs, &second);
    (first.session_titles, second.session_titles) = by_session(first.session_titles, &second);
    first.batch_id = own_id(part_id(&first, &whole, "first"));
    second.batch_id = own_id(part_id(&second, &whole, "second"));
    Some([first, second])
}

fn upper_half<T>(records: &mut Vec<T>) -> Vec<T> {
    records.split_off(records.len().div_ceil(2))
}

/// The published formula where there are events; without them it would be one constant.
fn part_id(part: &Batch, whole: &str, place: &str) -> String {
    if part.events.is_empty() {
        return modelstat_wire::batch_id([whole, place]);
    }
    modelstat_wire::batch_id(part.events.iter().map(|event| event.source_event_id.as_str()))
}

/// Entries of the second part's sessions go with it; those of both go with both, harmlessly.
fn by_session<V: Clone>(
    entries: Pairs<RedactedText, V>,
    second: &Batch,
) -> (Pairs<RedactedText, V>, Pairs<RedactedText, V>) {
    let of_events = second.events.iter().map(|event| &event.session_id);
    let of_segments = second.segments.iter().map(|segment| &segment.session_id);
    let sessions: HashSet<&RedactedText> = of_events.chain(of_segments).collect();
    let moved = entries.iter().filter(|(session, _)| sessions.contains(session)).cloned().collect();
    (entries, moved)
}
