//! Lists of sessions.

use std::collections::BTreeMap;

use duckdb::{Connection, Row};

use super::render::Sql;
use super::row::Cells;
use crate::query::TimeRange;
use crate::{LedgerError, SessionFilter, SessionPage, SessionRow};

/// One page of an org's sessions, the newest activity first.
pub(super) fn page(
    connection: &Connection,
    org_id: &str,
    filter: &SessionFilter,
) -> Result<SessionPage, LedgerError> {
    let mut sql = Sql::default();
    let mut chosen = vec!["true".to_owned()];
    for word in &filter.words {
        let word = sql.bind(word.clone());
        chosen.push(format!("contains(words, lower({word}))"));
    }
    if let Some(cursor) = &filter.cursor {
        let (last_at, app, session_id) = read_cursor(cursor)?;
        let (last_at, app, session_id) = (sql.bind(last_at), sql.bind(app), sql.bind(session_id));
        chosen.push(format!("(last_at, app, session_id) < ({last_at}, {app}, {session_id})"));
    }
    let mut within = vec![sql.within(org_id, filter.range)];
    within.extend(filter.app.iter().map(|app| format!("app = {}", sql.bind(app.clone()))));
    let scope = Scope {
        org_id,
        within: within.join(" AND "),
        chosen: chosen.join(" AND "),
        limit: filter.limit.saturating_add(1),
    };
    let mut sessions = rows(connection, sql, scope)?;
    let next_cursor = if sessions.len() > filter.limit {
        sessions.truncate(filter.limit);
        sessions.last().map(write_cursor)
    } else {
        None
    };
    Ok(SessionPage { sessions, next_cursor })
}

/// One session over all time.
pub(super) fn one(
    connection: &Connection,
    org_id: &str,
    app: &str,
    session_id: &str,
    range: TimeRange,
) -> Result<Option<SessionRow>, LedgerError> {
    let mut sql = Sql::default();
    let within = sql.within(org_id, range);
    let (app, session_id) = (sql.bind(app.to_owned()), sql.bind(session_id.to_owned()));
    let within = format!("{within} AND app = {app} AND session_id = {session_id}");
    let scope = Scope { org_id, within, chosen: "true".to_owned(), limit: 1 };
    Ok(rows(connection, sql, scope)?.pop())
}

struct Scope<'a> {
    org_id: &'a str,
    /// Conditions on events and tool calls.
    within: String,
    /// Conditions on sessions.
    chosen: String,
    limit: usize,
}

/// The sessions that are chosen are found by their last event and their words; only those of the page
/// are summed up.
fn rows(
    connection: &Connection,
    mut sql: Sql,
    scope: Scope<'_>,
) -> duckdb::Result<Vec<SessionRow>> {
    let Scope { org_id, within, chosen, limit } = scope;
    let org = sql.bind(org_id.to_owned());
    let limit = sql.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let text = format!(
        "WITH scoped AS NOT MATERIALIZED (SELECT * FROM events WHERE {within}),
         active AS MATERIALIZED (
            SELECT app, session_id, max(counted_at) AS last_at FROM scoped GROUP BY app, session_id),
         newest AS (
            SELECT * FROM segments SEMI JOIN active USING (app, session_id) WHERE org_id = {org}
            QUALIFY row_number() OVER (PARTITION BY app, segment_id ORDER BY generation DESC) = 1),
         texts AS (
            SELECT app, session_id, arg_max(title, (ended_at, segment_id)) AS segment_title,
                   arg_max(summary, (ended_at, segment_id)) AS summary,
                   string_agg(concat_ws(chr(10), title, summary), chr(10)) AS segment_words
            FROM newest GROUP BY app, session_id),
         titles AS (SELECT app, session_id, title FROM session_titles WHERE org_id = {org}),
         named AS (
            SELECT app, session_id, last_at, coalesce(title, segment_title) AS title, summary,
                   lower(concat_ws(chr(10), session_id, title, segment_words)) AS words
            FROM active LEFT JOIN texts USING (app, session_id) LEFT JOIN titles USING (app, session_id)),
         page AS MATERIALIZED (
            SELECT * FROM named WHERE {chosen}
            ORDER BY last_at DESC, app DESC, session_id DESC LIMIT {limit}),
         sums AS (
            SELECT app, session_id, min(counted_at) AS first_at, count(*) AS calls,
                   count(*) FILTER (WHERE has_error) AS errors,
                   sum(input_tokens) AS input, sum(output_tokens) AS output,
                   sum(cache_creation_tokens) AS cache_creation, sum(cache_read_tokens) AS cache_read,
                   sum(reasoning_tokens) AS reasoning, sum(cost) AS cost,
                   count(*) FILTER (WHERE cost IS NULL) AS unpriced,
                   histogram(model) AS models, histogram(provider) AS providers, histogram(agent) AS agents
            FROM scoped SEMI JOIN page USING (app, session_id) GROUP BY app, session_id),
         called AS (
            SELECT app, session_id, count(*) AS tool_calls
            FROM tool_calls SEMI JOIN page USING (app, session_id) WHERE {within} GROUP BY app, session_id),
         installs AS (
            SELECT app, session_id, provider_account_id FROM session_installs WHERE org_id = {org})
         SELECT app, session_id, title, summary, first_at, last_at, calls, errors,
                coalesce(tool_calls, 0), input, output, cache_creation, cache_read, reasoning, cost,
                unpriced, models, providers, agents, provider_account_id
         FROM page JOIN sums USING (app, session_id) LEFT JOIN called USING (app, session_id)
              LEFT JOIN installs USING (app, session_id)
         ORDER BY last_at DESC, app DESC, session_id DESC"
    );
    sql.rows(connection, &text, read)
}

fn read(row: &Row<'_>) -> duckdb::Result<SessionRow> {
    let cells = &mut Cells::of(row);
    Ok(SessionRow {
        app: cells.take()?,
        session_id: cells.take()?,
        title: cells.take()?,
        summary: cells.take()?,
        first_at: cells.time()?,
        last_at: cells.time()?,
        calls: cells.take()?,
        errors: cells.take()?,
        tool_calls: cells.take()?,
        tokens: cells.tokens()?,
        cost: cells.money()?,
        unpriced_calls: cells.take()?,
        models: most_used_first(cells.count_map()?),
        providers: most_used_first(cells.count_map()?),
        agents: most_used_first(cells.count_map()?),
        provider_account_id: cells.take()?,
    })
}

fn most_used_first(counts: BTreeMap<String, u64>) -> Vec<String> {
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.into_iter().map(|(name, _)| name).collect()
}

/// A cursor is the key of the last session, in hexadecimal so that it fits a URL as it is.
fn write_cursor(last: &SessionRow) -> String {
    let key = serde_json::json!([last.last_at.as_micros(), last.app, last.session_id]).to_string();
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    key.bytes().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn read_cursor(cursor: &str) -> Result<(i64, String, String), LedgerError> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |pair: &[u8]| match *pair {
        [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = cursor.as_bytes().chunks(2).map(byte).collect();
    bytes
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or(LedgerError::Query("the cursor is none that was given out"))
}
