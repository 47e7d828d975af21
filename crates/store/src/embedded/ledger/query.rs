//! Questions: from the typed tree to a statement, and from its rows to an answer.

use duckdb::{Connection, Row};
use modelstat_wire::{PicoUsd, Timestamp};

use super::render::Sql;
use crate::query::TimeRange;
use crate::{Activity, LedgerError, Measure, Query, QueryTable, QueryValue};

/// Most metadata keys that are listed.
const MAX_METADATA_KEYS: usize = 1_000;

/// What each answer tells of its own completeness.
const COVERAGE: [&str; 3] = [
    "count(*) FILTER (WHERE cost IS NULL)",
    "count(*) FILTER (WHERE NOT usage_known)",
    "count(*) FILTER (WHERE counted_at <> ts)",
];

/// Answers a question about an org's events in one statement.
///
/// Groups are ranked over the whole range; then everything is aggregated by rank and bucket, where the
/// rank is null for what was cut, and once over all. So no measure is ever summed up from groups,
/// which would be wrong for distinct sessions and for percentiles.
pub(super) fn answer(
    connection: &Connection,
    org_id: &str,
    query: &Query,
) -> Result<QueryTable, LedgerError> {
    check(query)?;
    let mut sql = Sql::default();
    let text = render(&mut sql, org_id, query);
    let mut table = QueryTable::default();
    let rows = sql.rows(connection, &text, |row| read(row, query))?;
    for row in rows {
        match row {
            Answer::Listed(cells) => table.rows.push(cells),
            Answer::Other(cells) => table.other.push(cells),
            Answer::Total { totals, coverage: [unpriced, unknown, flagged] } => {
                table.totals = totals;
                table.unpriced_calls = unpriced;
                table.unknown_usage_calls = unknown;
                table.flagged_time = flagged;
            }
        }
    }
    Ok(table)
}

/// Lists the metadata keys that an org's events carry.
pub(super) fn metadata_keys(
    connection: &Connection,
    org_id: &str,
    range: TimeRange,
) -> duckdb::Result<Vec<String>> {
    let mut sql = Sql::default();
    let within = sql.within(org_id, range);
    let text = format!(
        "SELECT DISTINCT unnest(map_keys(metadata)) AS key FROM events WHERE {within}
         ORDER BY key LIMIT {MAX_METADATA_KEYS}"
    );
    sql.rows(connection, &text, |row| row.get(0))
}

/// Returns when an org's first and last events happened.
pub(super) fn activity(connection: &Connection, org_id: &str) -> duckdb::Result<Activity> {
    let text = "SELECT min(counted_at), max(counted_at) FROM events WHERE org_id = ?";
    connection.query_row(text, [org_id], |row| {
        let time =
            |index| row.get(index).map(|micros: Option<i64>| micros.map(Timestamp::from_micros));
        Ok(Activity { first_event_at: time(0)?, last_event_at: time(1)? })
    })
}

fn check(query: &Query) -> Result<(), LedgerError> {
    if query.order_by >= query.measures.len() {
        return Err(LedgerError::Query("order_by names no measure of the question"));
    }
    let (Some(first), Some(last)) = (query.buckets.first(), query.buckets.last()) else {
        return Ok(());
    };
    let is_chain = query.buckets.windows(2).all(|pair| pair[0].to == pair[1].from);
    if !is_chain || first.from > query.range.from || last.to < query.range.to {
        return Err(LedgerError::Query("the buckets do not cover the range without gaps"));
    }
    Ok(())
}

fn render(sql: &mut Sql, org_id: &str, query: &Query) -> String {
    let names: Vec<String> = (0..query.dimensions.len()).map(|index| format!("d{index}")).collect();
    let measures: Vec<String> = query.measures.iter().map(|measure| aggregate(*measure)).collect();
    let mut order = vec![format!("{} DESC NULLS LAST", measures[query.order_by])];
    order.extend(names.iter().map(|name| format!("{name} ASC NULLS LAST")));
    let order = order.join(", ");

    let scoped = scoped(sql, org_id, query, &names);
    let (ranked, placed) = ranked(sql, query, &names, &order);
    let mut columns = ["grouping(bucket)", "place", "bucket"].map(str::to_owned).to_vec();
    columns.extend(names.iter().map(|name| format!("any_value({name}) AS {name}")));
    columns.extend(measures);
    columns.extend(COVERAGE.map(str::to_owned));
    let columns = columns.join(", ");
    format!(
        "WITH scoped AS NOT MATERIALIZED ({scoped}),
              ranked AS MATERIALIZED ({ranked}),
              placed AS NOT MATERIALIZED ({placed})
         SELECT {columns} FROM placed GROUP BY GROUPING SETS ((place, bucket), ())
         ORDER BY bucket, {order}"
    )
}

/// The events that count, each with its dimensions and its bucket.
fn scoped(sql: &mut Sql, org_id: &str, query: &Query, names: &[String]) -> String {
    let mut columns = vec!["*".to_owned()];
    for (dimension, name) in query.dimensions.iter().zip(names) {
        columns.push(format!("{} AS {name}", sql.dimension(dimension)));
    }
    let mut tables = "events".to_owned();
    if query.measures.contains(&Measure::ToolCalls) {
        let org_id = sql.bind(org_id.to_owned());
        tables = format!(
            "events LEFT JOIN (
                SELECT event_key AS called_key, count(*) AS calls FROM tool_calls
                WHERE org_id = {org_id} AND event_key IS NOT NULL GROUP BY event_key)
             ON called_key = event_key"
        );
    }
    if query.buckets.is_empty() {
        columns.push("0 AS bucket".to_owned());
    } else {
        tables =
            format!("{tables} ASOF JOIN ({}) ON counted_at >= edge", sql.edges(&query.buckets));
    }
    let mut conditions = vec![sql.within(org_id, query.range)];
    conditions.extend(query.filters.iter().map(|filter| sql.filter(filter)));
    format!("SELECT {} FROM {tables} WHERE {}", columns.join(", "), conditions.join(" AND "))
}

/// The groups that are listed, and the events with the place of their group.
fn ranked(sql: &mut Sql, query: &Query, names: &[String], order: &str) -> (String, String) {
    if names.is_empty() {
        return ("SELECT 1 AS place".to_owned(), "SELECT *, 1 AS place FROM scoped".to_owned());
    }
    let limit = sql.bind(i64::try_from(query.limit).unwrap_or(i64::MAX));
    let list = names.join(", ");
    let ranked = format!(
        "SELECT {list}, row_number() OVER (ORDER BY {order}) AS place FROM scoped GROUP BY {list}
         ORDER BY place LIMIT {limit}"
    );
    let equal: Vec<String> = names
        .iter()
        .map(|name| format!("scoped.{name} IS NOT DISTINCT FROM ranked.{name}"))
        .collect();
    let equal = equal.join(" AND ");
    let placed = format!("SELECT scoped.*, ranked.place FROM scoped LEFT JOIN ranked ON {equal}");
    (ranked, placed)
}

fn aggregate(measure: Measure) -> String {
    let sum = |column: &str| format!("coalesce(sum({column}), 0)");
    match measure {
        Measure::Calls => "count(*)".to_owned(),
        Measure::Errors => "count(*) FILTER (WHERE has_error)".to_owned(),
        Measure::Sessions => "count(DISTINCT (app, session_id))".to_owned(),
        Measure::ToolCalls => sum("calls"),
        Measure::Cost => "sum(cost)".to_owned(),
        Measure::UnpricedCalls => COVERAGE[0].to_owned(),
        Measure::UnknownUsageCalls => COVERAGE[1].to_owned(),
        Measure::InputTokens => sum("input_tokens"),
        Measure::OutputTokens => sum("output_tokens"),
        Measure::CacheCreationTokens => sum("cache_creation_tokens"),
        Measure::CacheReadTokens => sum("cache_read_tokens"),
        Measure::ReasoningTokens => sum("reasoning_tokens"),
        Measure::TotalTokens => [
            sum("input_tokens"),
            sum("output_tokens"),
            sum("cache_creation_tokens"),
            sum("cache_read_tokens"),
            sum("reasoning_tokens"),
        ]
        .join(" + "),
        Measure::LatencyMs(percent) => percentile("duration_ms", percent),
        Measure::FirstTokenMs(percent) => percentile("first_token_ms", percent),
    }
}

/// The nearest rank: a value that occurred.
fn percentile(column: &str, percent: u8) -> String {
    format!("quantile_disc({column}, {}.{:02})", percent / 100, percent % 100)
}

enum Answer {
    Listed(Vec<QueryValue>),
    Other(Vec<QueryValue>),
    Total { totals: Vec<QueryValue>, coverage: [u64; 3] },
}

fn read(row: &Row<'_>, query: &Query) -> duckdb::Result<Answer> {
    const DIMENSIONS_AT: usize = 3;
    let measures_at = DIMENSIONS_AT + query.dimensions.len();
    let coverage_at = measures_at + query.measures.len();
    let measures = (query.measures.iter().enumerate())
        .map(|(index, measure)| read_measure(row, measures_at + index, *measure))
        .collect::<duckdb::Result<Vec<_>>>()?;
    let is_total = row.get::<_, i64>(0)? != 0;
    if is_total {
        let coverage =
            [row.get(coverage_at)?, row.get(coverage_at + 1)?, row.get(coverage_at + 2)?];
        return Ok(Answer::Total { totals: measures, coverage });
    }
    let place: Option<i64> = row.get(1)?;
    let mut cells = Vec::with_capacity(coverage_at);
    if !query.buckets.is_empty() {
        cells.push(QueryValue::Bucket(row.get(2)?));
    }
    for index in DIMENSIONS_AT..measures_at {
        let value: Option<String> = row.get(index)?;
        let value = value.filter(|_| place.is_some());
        cells.push(value.map_or(QueryValue::Null, QueryValue::Text));
    }
    cells.extend(measures);
    Ok(if place.is_some() { Answer::Listed(cells) } else { Answer::Other(cells) })
}

fn read_measure(row: &Row<'_>, index: usize, measure: Measure) -> duckdb::Result<QueryValue> {
    let Some(number): Option<i128> = row.get(index)? else {
        return Ok(QueryValue::Null);
    };
    Ok(match measure {
        Measure::Cost => QueryValue::Cost(PicoUsd(number)),
        _ => QueryValue::Count(number.unsigned_abs()),
    })
}
