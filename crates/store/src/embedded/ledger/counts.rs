//! The small tables that a drain adds to: one row for each thing counted, not for each drain.

use std::collections::BTreeMap;

use duckdb::Connection;
use modelstat_wire::Timestamp;

use super::columns::{Cell, Rows, Table};
use super::held::Verdict;
use super::incoming::{IncomingBatch, IncomingEvent};
use super::records::optional;
use super::schema::{OUTCOMES, REPORTED, REQUESTS, SESSION_INSTALLS, SESSION_TITLES};
use crate::{Applied, AppliedBatch};

type Named<'a> = (&'static str, Cell<'a>);

/// The tables that are merged into. Each has a temporary twin that holds a drain's rows.
pub(super) static MERGED: [Merge; 5] = [
    Merge {
        table: &SESSION_TITLES,
        staged: Table { name: "staged_titles", columns: SESSION_TITLES.columns },
        keys: 3,
        update: "title = new.title, received_at = new.received_at",
    },
    Merge {
        table: &SESSION_INSTALLS,
        staged: Table { name: "staged_installs", columns: SESSION_INSTALLS.columns },
        keys: 3,
        update: "provider_account_id = new.provider_account_id, provider = new.provider,
                 received_at = new.received_at",
    },
    Merge {
        table: &OUTCOMES,
        staged: Table { name: "staged_outcomes", columns: OUTCOMES.columns },
        keys: 4,
        update: "count = held.count + new.count",
    },
    Merge {
        table: &REQUESTS,
        staged: Table { name: "staged_requests", columns: REQUESTS.columns },
        keys: 5,
        update: "requests = held.requests + new.requests, events = held.events + new.events,
                 bytes = held.bytes + new.bytes, excerpts = held.excerpts + new.excerpts,
                 abstracts = held.abstracts + new.abstracts, titles = held.titles + new.titles,
                 first_at = least(held.first_at, new.first_at),
                 last_at = greatest(held.last_at, new.last_at)",
    },
    Merge {
        table: &REPORTED,
        staged: Table { name: "staged_reported", columns: REPORTED.columns },
        keys: 5,
        update: "count = greatest(held.count, new.count),
                 first_at = least(held.first_at, new.first_at),
                 last_at = greatest(held.last_at, new.last_at)",
    },
];

/// How a drain's rows meet the rows held.
pub(super) struct Merge {
    table: &'static Table,
    pub(super) staged: Table,
    /// How many of the first columns identify a row.
    keys: usize,
    /// What a row held takes from a new one.
    update: &'static str,
}

impl Merge {
    fn run<'a, R>(
        &'static self,
        connection: &Connection,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<(), duckdb::Error>
    where
        R: IntoIterator<Item = Named<'a>>,
    {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let (table, staged) = (self.table.name, self.staged.name);
        connection.execute_batch(&format!("DELETE FROM {staged}"))?;
        let mut appended = Rows::new(connection, &self.staged)?;
        for row in rows {
            appended.push(row)?;
        }
        appended.finish()?;
        let equal: Vec<String> = (self.table.columns.iter().take(self.keys))
            .map(|(name, _)| format!("held.{name} = new.{name}"))
            .collect();
        let (equal, update) = (equal.join(" AND "), self.update);
        connection.execute_batch(&format!(
            "MERGE INTO {table} AS held USING {staged} AS new ON {equal}
             WHEN MATCHED THEN UPDATE SET {update} WHEN NOT MATCHED THEN INSERT"
        ))
    }
}

/// Keeps the last title and account of each session.
pub(super) fn merge_sessions(
    connection: &Connection,
    batches: &[IncomingBatch<'_>],
) -> Result<(), duckdb::Error> {
    let (mut titles, mut installs) = (BTreeMap::new(), BTreeMap::new());
    for batch in batches {
        let received_at = batch.applied.received_at;
        for (session, title) in &batch.content.session_titles {
            titles.insert((batch.org_id(), batch.app, session.as_str()), (title, received_at));
        }
        for (session, install) in &batch.content.session_installs {
            installs.insert((batch.org_id(), batch.app, session.as_str()), (install, received_at));
        }
    }
    let [title_rows, install_rows, ..] = &MERGED;
    let head = |(org_id, app, session_id)| {
        [
            ("org_id", Cell::Text(org_id)),
            ("app", Cell::Text(app)),
            ("session_id", Cell::Text(session_id)),
        ]
    };
    let titles = titles.into_iter().map(|(session, (title, received_at))| {
        let tail = [("title", title.as_str().into()), ("received_at", received_at.into())];
        head(session).into_iter().chain(tail)
    });
    title_rows.run(connection, titles)?;
    let installs = installs.into_iter().map(|(session, (install, received_at))| {
        let tail = [
            ("provider_account_id", optional(install.provider_account_id.as_ref())),
            ("provider", optional(install.provider.as_ref())),
            ("received_at", received_at.into()),
        ];
        head(session).into_iter().chain(tail)
    });
    install_rows.run(connection, installs)
}

#[derive(Default)]
struct Received {
    requests: u64,
    events: u64,
    bytes: u64,
    excerpts: u64,
    abstracts: u64,
    titles: u64,
    times: Times,
}

/// Adds up what was received, by producer, app and device.
pub(super) fn merge_requests(
    connection: &Connection,
    batches: &[IncomingBatch<'_>],
) -> Result<(), duckdb::Error> {
    let mut sums: BTreeMap<_, Received> = BTreeMap::new();
    // The server's own abstracts come by no request.
    for batch in batches.iter().filter(|batch| batch.applied.request_bytes > 0) {
        let (content, applied) = (batch.content, batch.applied);
        let (producer, device) = (content.daemon_version.as_str(), content.device_id.as_str());
        let day = applied.received_at.utc_day();
        let sum = sums.entry((batch.org_id(), day, producer, batch.app, device)).or_default();
        sum.requests += 1;
        sum.events += content.events.len() as u64;
        sum.bytes = sum.bytes.saturating_add(applied.request_bytes);
        for event in &content.events {
            sum.excerpts += u64::from(event.content_excerpt.is_some());
            sum.excerpts += u64::from(event.reasoning_excerpt.is_some());
        }
        for segment in &content.segments {
            sum.abstracts += u64::from(segment.summary.is_some());
            sum.titles += u64::from(segment.title.is_some());
        }
        sum.titles += content.session_titles.len() as u64;
        sum.times.add(applied.received_at);
    }
    let rows = sums.into_iter().map(|((org_id, day, producer, app, device), sum)| {
        [
            ("org_id", Cell::from(org_id)),
            ("day", Cell::Day(day)),
            ("producer", producer.into()),
            ("app", app.into()),
            ("device_id", device.into()),
            ("requests", sum.requests.into()),
            ("events", sum.events.into()),
            ("bytes", sum.bytes.into()),
            ("excerpts", sum.excerpts.into()),
            ("abstracts", sum.abstracts.into()),
            ("titles", sum.titles.into()),
            ("first_at", sum.times.first().into()),
            ("last_at", sum.times.last().into()),
        ]
    });
    let [_, _, _, requests, _] = &MERGED;
    requests.run(connection, rows)
}

/// Keeps the largest of each cumulative counter: the counters of one process only ever grow.
pub(super) fn merge_reported(
    connection: &Connection,
    batches: &[IncomingBatch<'_>],
) -> Result<(), duckdb::Error> {
    let mut largest: BTreeMap<_, (u64, Times)> = BTreeMap::new();
    for batch in batches {
        let (Some(instance), Some(outcomes)) =
            (&batch.content.instance_id, &batch.content.outcomes)
        else {
            continue;
        };
        let mut keep = |counter: &'static str, reason, count: u64| {
            let key = (batch.org_id(), batch.app, instance.as_str(), counter, reason);
            let (held, times) = largest.entry(key).or_default();
            *held = count.max(*held);
            times.add(batch.applied.received_at);
        };
        keep("recorded", "", outcomes.recorded);
        keep("sent", "", outcomes.sent);
        for (reason, count) in &outcomes.dropped {
            keep("dropped", reason.as_str(), *count);
        }
    }
    let rows =
        largest.into_iter().map(|((org_id, app, instance, counter, reason), (count, times))| {
            [
                ("org_id", Cell::from(org_id)),
                ("app", app.into()),
                ("instance_id", instance.into()),
                ("counter", counter.into()),
                ("reason", reason.into()),
                ("count", count.into()),
                ("first_at", times.first().into()),
                ("last_at", times.last().into()),
            ]
        });
    let [_, _, _, _, reported] = &MERGED;
    reported.run(connection, rows)
}

/// Counts the one outcome of each event.
pub(super) fn merge_outcomes(
    connection: &Connection,
    batches: &[&AppliedBatch],
    events: &[IncomingEvent<'_>],
    verdicts: &[Verdict],
) -> Result<Applied, duckdb::Error> {
    let mut applied = Applied::default();
    let mut sums: BTreeMap<(&str, i32, &str, &str), u64> = BTreeMap::new();
    for (incoming, verdict) in events.iter().zip(verdicts) {
        let (outcome, count) = match verdict {
            Verdict::Accepted => ("accepted", &mut applied.accepted),
            Verdict::Duplicate => ("duplicate", &mut applied.duplicate),
            Verdict::Conflict(_) => ("id_conflict", &mut applied.id_conflict),
        };
        *count += 1;
        let day = incoming.batch.applied.received_at.utc_day();
        *sums.entry((incoming.batch.org_id(), day, outcome, "")).or_default() += 1;
    }
    for batch in batches {
        let (org_id, day) = (batch.org_id.as_str(), batch.received_at.utc_day());
        if batch.repeated_events > 0 {
            applied.duplicate += batch.repeated_events;
            *sums.entry((org_id, day, "duplicate", "")).or_default() += batch.repeated_events;
        }
        for (reason, count) in &batch.rejected {
            *sums.entry((org_id, day, "rejected", reason)).or_default() += count;
        }
    }
    let rows = sums.into_iter().map(|((org_id, day, outcome, reason), count)| {
        [
            ("org_id", Cell::from(org_id)),
            ("day", Cell::Day(day)),
            ("outcome", outcome.into()),
            ("reason", reason.into()),
            ("count", count.into()),
        ]
    });
    let [_, _, outcomes, ..] = &MERGED;
    outcomes.run(connection, rows)?;
    Ok(applied)
}

/// The first and last of some times.
#[derive(Clone, Copy, Default)]
struct Times(Option<(Timestamp, Timestamp)>);

impl Times {
    fn add(&mut self, time: Timestamp) {
        let (first, last) = self.0.unwrap_or((time, time));
        self.0 = Some((first.min(time), last.max(time)));
    }

    fn first(self) -> Option<Timestamp> {
        self.0.map(|(first, _)| first)
    }

    fn last(self) -> Option<Timestamp> {
        self.0.map(|(_, last)| last)
    }
}
