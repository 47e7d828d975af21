//! What was received of an org, what is kept of it, and what became of the rest.

use std::collections::BTreeMap;

use duckdb::Connection;
use modelstat_redact::{Class, Rule};

use super::incoming::MAX_AHEAD_MICROS;
use super::render::Sql;
use super::row::Cells;
use crate::query::TimeRange;
use crate::{
    LedgerError, OutcomeCount, PrivacyReport, Received, ReportedInstance, RuleCount, TextCounts,
};

/// Most rows of each list: what a page can show.
const MAX_ROWS: usize = 1_000;

/// Outcomes that are always listed, also when nothing came to them.
const COUNTED: [&str; 3] = ["accepted", "duplicate", "id_conflict"];

/// Reports over a range. What is counted by day of receipt is reported for the whole UTC days that the
/// range touches.
pub(super) fn report(
    connection: &Connection,
    org_id: &str,
    range: TimeRange,
) -> Result<PrivacyReport, LedgerError> {
    let reported = reported(connection, org_id, range)?;
    let mut outcomes = outcomes(connection, org_id, range)?;
    outcomes.extend(dropped(&reported));
    Ok(PrivacyReport {
        received: received(connection, org_id, range)?,
        text: text(connection, org_id, range)?,
        findings: findings(connection, org_id, range)?,
        outcomes,
        reported,
        floor_versions: floor_versions(connection, org_id, range)?,
    })
}

fn within_days(sql: &mut Sql, org_id: &str, range: TimeRange) -> String {
    let last = modelstat_wire::Timestamp::from_micros(range.to.as_micros().saturating_sub(1));
    let org_id = sql.bind(org_id.to_owned());
    let (first, last) = (sql.bind(range.from.utc_day()), sql.bind(last.utc_day()));
    format!("org_id = {org_id} AND day BETWEEN {first} AND {last}")
}

fn received(
    connection: &Connection,
    org_id: &str,
    range: TimeRange,
) -> duckdb::Result<Vec<Received>> {
    let mut sql = Sql::default();
    let within = within_days(&mut sql, org_id, range);
    let text = format!(
        "SELECT producer, app, device_id, sum(requests), sum(events), sum(bytes), sum(excerpts),
                sum(abstracts), sum(titles), min(first_at), max(last_at)
         FROM requests WHERE {within} GROUP BY producer, app, device_id
         ORDER BY sum(requests) DESC, producer, app, device_id LIMIT {MAX_ROWS}"
    );
    sql.rows(connection, &text, |row| {
        let cells = &mut Cells::of(row);
        Ok(Received {
            producer: cells.take()?,
            app: cells.take()?,
            device_id: cells.take()?,
            requests: cells.take()?,
            events: cells.take()?,
            bytes: cells.take()?,
            excerpts: cells.take()?,
            abstracts: cells.take()?,
            titles: cells.take()?,
            first_at: cells.time()?,
            last_at: cells.time()?,
        })
    })
}

/// Counts the text that is kept of the range: of a segment the newest generation, as it is shown. An
/// event's abstract is received after the event, whose own time may be ahead of its receipt.
fn text(connection: &Connection, org_id: &str, range: TimeRange) -> duckdb::Result<TextCounts> {
    let mut sql = Sql::default();
    let within = sql.within(org_id, range);
    let org = sql.bind(org_id.to_owned());
    let (from, to) = (sql.bind(range.from.as_micros()), sql.bind(range.to.as_micros()));
    let earliest = sql.bind(range.from.as_micros().saturating_sub(MAX_AHEAD_MICROS));
    let text = format!(
        "WITH newest AS (
            SELECT summary, title, ended_at FROM segments WHERE org_id = {org}
            QUALIFY row_number() OVER (PARTITION BY app, segment_id ORDER BY generation DESC) = 1),
         abstracts AS (
            SELECT count(summary) AS abstracts, coalesce(sum(length(summary)), 0) AS abstract_chars,
                   count(title) AS titles
            FROM newest WHERE ended_at >= {from} AND ended_at < {to}),
         titles AS (
            SELECT count(*) AS titles FROM session_titles
            WHERE org_id = {org} AND received_at >= {from} AND received_at < {to}),
         excerpts AS (
            SELECT count(content_excerpt) + count(reasoning_excerpt) AS excerpts,
                   coalesce(sum(length(content_excerpt)), 0) + coalesce(sum(length(reasoning_excerpt)), 0)
                       AS excerpt_chars
            FROM events WHERE {within}),
         told AS (
            SELECT DISTINCT app, unnest(source_event_ids) AS event_id
            FROM segments WHERE org_id = {org} AND received_at >= {earliest}),
         dropped AS (
            SELECT app, coalesce(original_event_id, source_event_id) AS event_id
            FROM events WHERE {within} AND dropped_text),
         untold AS (
            SELECT count(*) AS no_abstract FROM dropped ANTI JOIN told USING (app, event_id))
         SELECT abstracts, abstract_chars, abstracts.titles + titles.titles, excerpts, excerpt_chars,
                no_abstract
         FROM abstracts, titles, excerpts, untold"
    );
    let counts = sql.rows(connection, &text, |row| {
        let cells = &mut Cells::of(row);
        Ok(TextCounts {
            abstracts: cells.take()?,
            abstract_chars: cells.take()?,
            titles: cells.take()?,
            excerpts: cells.take()?,
            excerpt_chars: cells.take()?,
            no_abstract: cells.take()?,
        })
    })?;
    Ok(counts.into_iter().next().unwrap_or_default())
}

fn findings(
    connection: &Connection,
    org_id: &str,
    range: TimeRange,
) -> duckdb::Result<Vec<RuleCount>> {
    let mut sql = Sql::default();
    let within = sql.within(org_id, range);
    let text = format!(
        "SELECT rule, sum(count) AS found FROM (
            SELECT unnest(map_keys(redactions)) AS rule, unnest(map_values(redactions)) AS count
            FROM events WHERE {within})
         GROUP BY rule ORDER BY found DESC, rule LIMIT {MAX_ROWS}"
    );
    sql.rows(connection, &text, |row| {
        let rule: String = row.get(0)?;
        // A rule of the sender's own is unknown here, and counts as what would be worse.
        let class = match Rule::from_name(&rule).map_or(Class::Secret, Rule::class) {
            Class::Secret => "secret",
            Class::Pii => "pii",
        };
        Ok(RuleCount { rule, class, count: row.get(1)? })
    })
}

fn outcomes(
    connection: &Connection,
    org_id: &str,
    range: TimeRange,
) -> duckdb::Result<Vec<OutcomeCount>> {
    let mut sql = Sql::default();
    let within = within_days(&mut sql, org_id, range);
    let text = format!(
        "SELECT outcome, nullif(reason, ''), sum(count) AS counted FROM outcomes WHERE {within}
         GROUP BY outcome, reason ORDER BY outcome, counted DESC, reason LIMIT {MAX_ROWS}"
    );
    let counted = sql.rows(connection, &text, |row| {
        Ok(OutcomeCount { outcome: row.get(0)?, reason: row.get(1)?, count: row.get(2)? })
    })?;
    let mut outcomes: Vec<OutcomeCount> = COUNTED
        .iter()
        .map(|outcome| OutcomeCount { outcome: (*outcome).to_owned(), reason: None, count: 0 })
        .collect();
    for row in counted {
        match outcomes
            .iter_mut()
            .find(|known| known.outcome == row.outcome && known.reason == row.reason)
        {
            Some(known) => known.count = row.count,
            None => outcomes.push(row),
        }
    }
    Ok(outcomes)
}

/// What producing processes say of themselves, of those heard of within the range.
fn reported(
    connection: &Connection,
    org_id: &str,
    range: TimeRange,
) -> duckdb::Result<Vec<ReportedInstance>> {
    let mut sql = Sql::default();
    let org_id = sql.bind(org_id.to_owned());
    let (from, to) = (sql.bind(range.from.as_micros()), sql.bind(range.to.as_micros()));
    let text = format!(
        "SELECT instance_id, app, counter, reason, count FROM reported
         WHERE org_id = {org_id} AND last_at >= {from} AND first_at < {to}
         ORDER BY app, instance_id, counter, reason"
    );
    let counters = sql.rows(connection, &text, |row| {
        let cells = &mut Cells::of(row);
        let instance: (String, String) = (cells.take()?, cells.take()?);
        let counter: (String, String, u64) = (cells.take()?, cells.take()?, cells.take()?);
        Ok((instance, counter))
    })?;
    let mut instances: Vec<ReportedInstance> = Vec::new();
    for ((instance_id, app), (counter, reason, count)) in counters {
        let is_next =
            instances.last().is_none_or(|last| last.instance_id != instance_id || last.app != app);
        if is_next {
            let dropped = BTreeMap::new();
            instances.push(ReportedInstance { instance_id, app, recorded: 0, sent: 0, dropped });
        }
        let Some(instance) = instances.last_mut() else { continue };
        match counter.as_str() {
            "recorded" => instance.recorded = count,
            "sent" => instance.sent = count,
            _ => drop(instance.dropped.insert(reason, count)),
        }
    }
    instances.truncate(MAX_ROWS);
    Ok(instances)
}

/// Calls that producers gave up never arrive; their own counters stand for them.
fn dropped(reported: &[ReportedInstance]) -> impl Iterator<Item = OutcomeCount> {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for (reason, count) in reported.iter().flat_map(|instance| &instance.dropped) {
        let sum = sums.entry(reason).or_default();
        *sum = sum.saturating_add(*count);
    }
    let rows: Vec<OutcomeCount> = sums
        .into_iter()
        .map(|(reason, count)| OutcomeCount {
            outcome: "dropped".to_owned(),
            reason: Some(reason.to_owned()),
            count,
        })
        .collect();
    rows.into_iter()
}

fn floor_versions(
    connection: &Connection,
    org_id: &str,
    range: TimeRange,
) -> duckdb::Result<Vec<String>> {
    let mut sql = Sql::default();
    let within = sql.within(org_id, range);
    let text = format!(
        "SELECT DISTINCT floor_version FROM events WHERE {within} ORDER BY 1 LIMIT {MAX_ROWS}"
    );
    sql.rows(connection, &text, |row| row.get(0))
}
