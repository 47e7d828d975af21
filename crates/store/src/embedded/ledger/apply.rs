//! Appending a drain, all of it or nothing.

use std::collections::HashSet;

use duckdb::Connection;

use super::columns::{Cell, Rows};
use super::held::{self, Identity, Verdict};
use super::incoming::{IncomingBatch, IncomingEvent, Placement, key};
use super::schema::{EVENTS, SEGMENTS, TOOL_CALLS};
use super::{code, counts, records};
use crate::{Applied, AppliedBatch, Drain, LedgerError};

/// Appends the batches of a drain that are not applied yet, and moves the position, in one transaction.
pub(super) fn apply(connection: &Connection, drain: &Drain) -> Result<Applied, LedgerError> {
    if drain.batches.iter().any(|batch| !is_costed(batch)) {
        return Err(LedgerError::Engine { code: "costings missing".to_owned() });
    }
    let applied = append(connection, drain);
    if applied.is_err() && !connection.is_autocommit() {
        // What cannot be rolled back any more is gone with the connection: the first error tells why.
        drop(connection.execute_batch("ROLLBACK"));
    }
    applied.map_err(|error| LedgerError::Engine { code: code(&error) })
}

/// Returns the position that the ledger's rows reach.
pub(super) fn position(connection: &Connection) -> Result<u64, duckdb::Error> {
    connection.query_row("SELECT position FROM meta", [], |row| row.get(0))
}

fn is_costed(batch: &AppliedBatch) -> bool {
    batch.costings.len() == batch.batch.as_ref().map_or(0, |batch| batch.events.len())
}

fn append(connection: &Connection, drain: &Drain) -> Result<Applied, duckdb::Error> {
    let transaction = connection.unchecked_transaction()?;
    let held_position = position(&transaction)?;
    if drain.through <= held_position {
        return Ok(Applied::default());
    }
    let fresh: Vec<&AppliedBatch> =
        drain.batches.iter().filter(|batch| batch.position > held_position).collect();
    let batches: Vec<IncomingBatch<'_>> =
        fresh.iter().filter_map(|applied| IncomingBatch::of(applied)).collect();
    let events: Vec<IncomingEvent<'_>> = batches.iter().flat_map(|batch| batch.events()).collect();

    let verdicts = held::judge(&transaction, &events)?;
    append_events(&transaction, &events, &verdicts)?;
    append_tool_calls(&transaction, &batches)?;
    append_segments(&transaction, &batches)?;
    counts::merge_sessions(&transaction, &batches)?;
    counts::merge_requests(&transaction, &batches)?;
    counts::merge_reported(&transaction, &batches)?;
    let applied = counts::merge_outcomes(&transaction, &fresh, &events, &verdicts)?;

    transaction.execute("UPDATE meta SET position = ?", [drain.through])?;
    transaction.commit()?;
    Ok(applied)
}

fn append_events(
    connection: &Connection,
    events: &[IncomingEvent<'_>],
    verdicts: &[Verdict],
) -> Result<(), duckdb::Error> {
    let mut rows = Rows::new(connection, &EVENTS)?;
    for (incoming, verdict) in events.iter().zip(verdicts) {
        match verdict {
            Verdict::Duplicate => {}
            Verdict::Accepted => {
                rows.push(records::event(incoming, &incoming.event.source_event_id, None))?;
            }
            Verdict::Conflict(derived) => {
                let original = Some(incoming.event.source_event_id.as_str());
                rows.push(records::event(incoming, derived, original))?;
            }
        }
    }
    rows.finish()
}

fn append_tool_calls(
    connection: &Connection,
    batches: &[IncomingBatch<'_>],
) -> Result<(), duckdb::Error> {
    let mut calls = Vec::new();
    for batch in batches {
        for call in &batch.content.tool_calls {
            let placement = Placement::of(call.started_at, batch.applied.received_at);
            let id = &call.external_call_id;
            let identity = Identity::new(batch.org_id(), placement.day(), batch.app, id);
            calls.push((identity, placement, batch, call));
        }
    }
    let wanted: Vec<_> = calls.iter().map(|(identity, ..)| identity).collect();
    let found = held::find(connection, &held::TOOL_CALLS, &wanted)?;
    let mut held: HashSet<Identity<'_>> = found.into_iter().map(|(identity, _)| identity).collect();
    let mut rows = Rows::new(connection, &TOOL_CALLS)?;
    for (identity, placement, batch, call) in calls {
        let call_key = key(batch.org_id(), batch.app, &call.external_call_id);
        let event_key = call.source_event_id.as_ref().map(|id| key(batch.org_id(), batch.app, id));
        let key_cells = [
            ("org_id", Cell::from(batch.org_id())),
            ("stored_day", Cell::Day(placement.day())),
            ("counted_at", placement.counted_at.into()),
            ("call_key", call_key.into()),
            ("event_key", event_key.into()),
            ("app", batch.app.into()),
        ];
        if held.insert(identity) {
            rows.push(key_cells.into_iter().chain(records::tool_call(call)))?;
        }
    }
    rows.finish()
}

fn append_segments(
    connection: &Connection,
    batches: &[IncomingBatch<'_>],
) -> Result<(), duckdb::Error> {
    let mut segments = Vec::new();
    for batch in batches {
        for segment in &batch.content.segments {
            let identity = Identity::new(batch.org_id(), 0, batch.app, &segment.segment_id);
            segments.push((identity, batch, segment));
        }
    }
    let wanted: Vec<_> = segments.iter().map(|(identity, ..)| identity).collect();
    let found = held::find(connection, &held::SEGMENTS, &wanted)?;
    let mut held: HashSet<(Identity<'_>, u64)> =
        found.into_iter().map(|(identity, (generation, _))| (identity, generation)).collect();
    let mut rows = Rows::new(connection, &SEGMENTS)?;
    for (identity, batch, segment) in segments {
        let key_cells = [
            ("org_id", Cell::from(batch.org_id())),
            ("segment_key", key(batch.org_id(), batch.app, &segment.segment_id).into()),
            ("generation", segment.generation.into()),
            ("app", batch.app.into()),
        ];
        let origin = [
            ("received_at", Cell::from(batch.applied.received_at)),
            ("batch_id", batch.content.batch_id.as_str().into()),
            ("floor_version", batch.applied.floor_version.as_str().into()),
        ];
        if held.insert((identity, segment.generation)) {
            let cells = key_cells.into_iter().chain(records::segment(segment)).chain(origin);
            rows.push(cells.chain(records::making(segment)))?;
        }
    }
    rows.finish()
}
