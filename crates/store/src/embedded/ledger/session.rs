//! One session, and one event.

use duckdb::Connection;
use modelstat_wire::Timestamp;

use super::render::Sql;
use super::{row, sessions};
use crate::query::TimeRange;
use crate::{EventRow, LedgerError, SegmentRow, SessionDetail, ToolCallRow};

const ALL_TIME: TimeRange =
    TimeRange { from: Timestamp::from_micros(i64::MIN), to: Timestamp::from_micros(i64::MAX) };

/// Most tool calls of a session that are listed for each of its events.
const MAX_CALLS_PER_EVENT: usize = 8;

/// One session with its newest `max_events` events, oldest first.
pub(super) fn detail(
    connection: &Connection,
    org_id: &str,
    app: Option<&str>,
    session_id: &str,
    max_events: usize,
) -> Result<Option<SessionDetail>, LedgerError> {
    let Some(app) = the_app(connection, org_id, app, "session_id", session_id)? else {
        return Ok(None);
    };
    let Some(session) = sessions::one(connection, org_id, &app, session_id, ALL_TIME)? else {
        return Ok(None);
    };
    let key = Key { org_id, app: &app, column: "session_id", value: session_id };
    let mut events = events(connection, &key, max_events.saturating_add(1))?;
    let is_cut = events.len() > max_events;
    events.truncate(max_events);
    events.reverse();
    let max_calls = max_events.saturating_mul(MAX_CALLS_PER_EVENT);
    let mut tool_calls = tool_calls(connection, &key, max_calls.saturating_add(1))?;
    let truncated = is_cut || tool_calls.len() > max_calls;
    tool_calls.truncate(max_calls);
    tool_calls.reverse();
    let segments = segments(connection, &key)?;
    Ok(Some(SessionDetail { session, events, tool_calls, segments, truncated }))
}

/// One event and its tool calls.
pub(super) fn event(
    connection: &Connection,
    org_id: &str,
    app: Option<&str>,
    source_event_id: &str,
) -> Result<Option<(EventRow, Vec<ToolCallRow>)>, LedgerError> {
    let Some(app) = the_app(connection, org_id, app, "source_event_id", source_event_id)? else {
        return Ok(None);
    };
    let key = Key { org_id, app: &app, column: "source_event_id", value: source_event_id };
    let Some(event) = events(connection, &key, 1)?.pop() else {
        return Ok(None);
    };
    let mut calls = tool_calls(connection, &key, modelstat_wire::limits::MAX_BATCH_TOOL_CALLS)?;
    calls.reverse();
    Ok(Some((event, calls)))
}

/// What rows are found by.
struct Key<'a> {
    org_id: &'a str,
    app: &'a str,
    column: &'static str,
    value: &'a str,
}

impl Key<'_> {
    fn condition(&self, sql: &mut Sql) -> String {
        let (org_id, app) = (sql.bind(self.org_id.to_owned()), sql.bind(self.app.to_owned()));
        let value = sql.bind(self.value.to_owned());
        format!("org_id = {org_id} AND app = {app} AND {} = {value}", self.column)
    }
}

/// The app that was named, or else the only one in which the value occurs.
fn the_app(
    connection: &Connection,
    org_id: &str,
    app: Option<&str>,
    column: &'static str,
    value: &str,
) -> Result<Option<String>, LedgerError> {
    if let Some(app) = app {
        return Ok(Some(app.to_owned()));
    }
    let mut sql = Sql::default();
    let (org_id, value) = (sql.bind(org_id.to_owned()), sql.bind(value.to_owned()));
    let text = format!(
        "SELECT DISTINCT app FROM events WHERE org_id = {org_id} AND {column} = {value} LIMIT 2"
    );
    let mut apps: Vec<String> = sql.rows(connection, &text, |row| row.get(0))?;
    if apps.len() > 1 {
        return Err(LedgerError::Query("several apps have it: name one by `app`"));
    }
    Ok(apps.pop())
}

/// The newest events, newest first.
fn events(connection: &Connection, key: &Key<'_>, limit: usize) -> duckdb::Result<Vec<EventRow>> {
    let mut sql = Sql::default();
    let condition = key.condition(&mut sql);
    let columns = row::EVENT;
    let text = format!(
        "SELECT {columns} FROM events WHERE {condition}
         ORDER BY counted_at DESC, turn_index DESC NULLS LAST, seq DESC NULLS LAST, source_event_id DESC
         LIMIT {limit}"
    );
    sql.rows(connection, &text, row::event)
}

/// The newest tool calls, newest first.
fn tool_calls(
    connection: &Connection,
    key: &Key<'_>,
    limit: usize,
) -> duckdb::Result<Vec<ToolCallRow>> {
    let mut sql = Sql::default();
    let condition = key.condition(&mut sql);
    let columns = row::TOOL_CALL;
    let text = format!(
        "SELECT {columns} FROM tool_calls WHERE {condition}
         ORDER BY counted_at DESC, call_index DESC NULLS LAST, external_call_id DESC LIMIT {limit}"
    );
    sql.rows(connection, &text, row::tool_call)
}

/// The segments, oldest first, each in its newest generation.
fn segments(connection: &Connection, key: &Key<'_>) -> duckdb::Result<Vec<SegmentRow>> {
    let mut sql = Sql::default();
    let condition = key.condition(&mut sql);
    let (columns, limit) = (row::SEGMENT, modelstat_wire::limits::MAX_BATCH_SEGMENTS);
    let text = format!(
        "SELECT {columns} FROM segments WHERE {condition}
         QUALIFY row_number() OVER (PARTITION BY segment_id ORDER BY generation DESC) = 1
         ORDER BY started_at, segment_id LIMIT {limit}"
    );
    sql.rows(connection, &text, row::segment)
}
