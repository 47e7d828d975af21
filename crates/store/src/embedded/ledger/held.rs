//! What the ledger holds already of a drain's records.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use duckdb::Connection;
use modelstat_wire::conflict_event_id;

use super::columns::{Cell, Rows};
use super::incoming::{Fingerprint, IncomingEvent, key};
use super::schema::WANTED;

/// What becomes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is new.
    Accepted,
    /// It is held with the same content.
    Duplicate,
    /// Its id is held with other content; it is kept under this one.
    Conflict(String),
}

/// What identifies a record: org, day, app and id. A record always carries the same time.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Identity<'a> {
    pub(super) org_id: Cow<'a, str>,
    pub(super) day: i32,
    pub(super) app: Cow<'a, str>,
    pub(super) id: Cow<'a, str>,
}

impl<'a> Identity<'a> {
    pub(super) fn new(org_id: &'a str, day: i32, app: &'a str, id: &'a str) -> Self {
        Self { org_id: org_id.into(), day, app: app.into(), id: id.into() }
    }

    fn key(&self) -> u64 {
        key(&self.org_id, &self.app, &self.id)
    }
}

/// Where records of a kind are looked for.
pub(super) struct Place {
    table: &'static str,
    key_column: &'static str,
    /// The day column, or a constant where identity has no day.
    day: &'static str,
    /// Selected after org, day and app: the id and two numbers.
    rest: &'static str,
    /// Which of the table's rows.
    only: &'static str,
}

const EVENTS: Place = Place {
    table: "events",
    key_column: "event_key",
    day: "held.stored_day",
    rest: "held.source_event_id, held.fingerprint_high, held.fingerprint_low",
    only: "len(held.flags) = 0",
};

/// Events that are stored under the day they came: an event is identified by the day of its own
/// time, which it always carries. There are few of them.
const FLAGGED_EVENTS: Place = Place {
    day: "((held.ts - ((held.ts % 86400000000 + 86400000000) % 86400000000)) // 86400000000)::INTEGER",
    only: "len(held.flags) > 0",
    ..EVENTS
};

pub(super) const TOOL_CALLS: Place = Place {
    table: "tool_calls",
    key_column: "call_key",
    day: "held.stored_day",
    rest: "held.external_call_id, 0::UBIGINT, 0::UBIGINT",
    only: "true",
};

pub(super) const SEGMENTS: Place = Place {
    table: "segments",
    key_column: "segment_key",
    day: "0",
    rest: "held.segment_id, held.generation, 0::UBIGINT",
    only: "true",
};

/// Decides on every event of a drain, in order.
///
/// A conflicting event is looked up once more under its derived id, since it may be a duplicate of a
/// conflict kept earlier. Each round uses up ids that are held, so that the rounds end.
pub(super) fn judge(
    connection: &Connection,
    events: &[IncomingEvent<'_>],
) -> Result<Vec<Verdict>, duckdb::Error> {
    let mut verdicts = vec![Verdict::Accepted; events.len()];
    let mut held = HashMap::new();
    let mut open: Vec<(usize, Identity<'_>)> = (events.iter().enumerate())
        .map(|(index, incoming)| {
            let (batch, id) = (incoming.batch, &incoming.event.source_event_id);
            (index, Identity::new(batch.org_id(), incoming.event.ts.utc_day(), batch.app, id))
        })
        .collect();
    let mut derived = false;
    while !open.is_empty() {
        let wanted: Vec<_> = open.iter().map(|(_, identity)| identity).collect();
        for place in [&EVENTS, &FLAGGED_EVENTS] {
            for (identity, (high, low)) in find(connection, place, &wanted)? {
                held.entry(identity).or_insert(Fingerprint { high, low });
            }
        }
        let mut next = Vec::new();
        for (index, identity) in open {
            let fingerprint = events[index].fingerprint;
            match held.get(&identity) {
                Some(same) if *same == fingerprint => verdicts[index] = Verdict::Duplicate,
                Some(_) => {
                    let id = conflict_event_id(&identity.id, &fingerprint.hex()).into();
                    next.push((index, Identity { id, ..identity }));
                }
                None => {
                    if derived {
                        verdicts[index] = Verdict::Conflict(identity.id.clone().into_owned());
                    }
                    held.insert(identity, fingerprint);
                }
            }
        }
        open = next;
        derived = true;
    }
    Ok(verdicts)
}

/// A record that is held, with the two numbers that its place selects.
pub(super) type Found = (Identity<'static>, (u64, u64));

/// Finds which records of a drain are held.
pub(super) fn find(
    connection: &Connection,
    place: &Place,
    wanted: &[&Identity<'_>],
) -> Result<Vec<Found>, duckdb::Error> {
    let days = || wanted.iter().map(|identity| identity.day);
    let (Some(first), Some(last)) = (days().min(), days().max()) else {
        return Ok(Vec::new());
    };
    connection.execute_batch("DELETE FROM wanted")?;
    let mut rows = Rows::new(connection, &WANTED)?;
    let keys: HashSet<(i32, u64)> =
        wanted.iter().map(|wanted| (wanted.day, wanted.key())).collect();
    for (day, key) in keys {
        rows.push([("stored_day", Cell::Day(day)), ("wanted_key", Cell::Count(key))])?;
    }
    rows.finish()?;

    let Place { table, key_column, day, rest, only } = place;
    let held = format!(
        "FROM {table} AS held SEMI JOIN wanted
         ON held.{key_column} = wanted.wanted_key AND {day} = wanted.stored_day
         WHERE {only} AND {day} BETWEEN ? AND ?"
    );
    // Nearly always nothing is held; then two columns of numbers are all that is read.
    let count: u64 =
        connection
            .query_row(&format!("SELECT count(*) {held}"), [first, last], |row| row.get(0))?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let mut statement =
        connection.prepare(&format!("SELECT held.org_id, {day}, held.app, {rest} {held}"))?;
    let found = statement.query_map([first, last], |row| {
        let identity = Identity {
            org_id: row.get::<_, String>(0)?.into(),
            day: row.get(1)?,
            app: row.get::<_, String>(2)?.into(),
            id: row.get::<_, String>(3)?.into(),
        };
        Ok((identity, (row.get(4)?, row.get(5)?)))
    })?;
    found.collect()
}
