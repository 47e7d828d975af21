//! `POST /v1/query`: from words to the typed tree, and from the tree's answer to words.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as AppState;
use axum::http::HeaderMap;
use jiff::tz::TimeZone;
use modelstat_door::Refusal;
use modelstat_store::{
    Bucket, Dimension, Filter, FilterOp, Measure, Query, QueryTable, QueryValue, TimeRange,
};
use modelstat_wire::Timestamp;
use modelstat_wire::limits::MAX_METADATA_KEY_CHARS;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::{ask, invalid, unanswered};
use crate::state::State;
use crate::time_zone::{self, Width};

const MAX_MEASURES: usize = 12;
const MAX_DIMENSIONS: usize = 3;
const MAX_FILTERS: usize = 16;
const MAX_FILTER_VALUES: usize = 200;
const MAX_LIMIT: usize = 1_000;
const DEFAULT_LIMIT: usize = 100;
/// Largest question in bytes: full filters of long names.
pub(crate) const MAX_QUESTION_BYTES: usize = 256 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    measures: Vec<String>,
    #[serde(default)]
    dimensions: Vec<String>,
    #[serde(default)]
    filters: Vec<FilterWords>,
    from: Timestamp,
    to: Timestamp,
    bucket: Option<Width>,
    time_zone: Option<String>,
    compare: Option<Compare>,
    order_by: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FilterWords {
    dimension: String,
    op: OpWord,
    values: Vec<Option<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OpWord {
    In,
    NotIn,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Compare {
    Previous,
}

/// A question that was understood.
struct Plan {
    query: Query,
    measures: Vec<String>,
    dimensions: Vec<String>,
    has_buckets: bool,
    zone: TimeZone,
    previous: Option<TimeRange>,
}

#[derive(Serialize)]
pub(crate) struct Answer {
    columns: Vec<Column>,
    rows: Vec<Row>,
    other: Vec<Row>,
    totals: Totals,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Previous>,
    coverage: Coverage,
}

#[derive(Serialize)]
struct Column {
    name: String,
    kind: &'static str,
}

#[derive(Serialize)]
struct Coverage {
    unpriced_calls: u64,
    unknown_usage_calls: u64,
    flagged_time: u64,
}

#[derive(Serialize)]
struct Previous {
    from: Timestamp,
    to: Timestamp,
    totals: Totals,
}

/// `POST /v1/query`
pub(crate) async fn query(
    AppState(state): AppState<Arc<State>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Answer>, Refusal> {
    let answer = ask(state, headers, move |state, key| {
        let plan = understand(&body)?;
        let table =
            state.ledger.query(&key.org_id, &plan.query).map_err(|error| unanswered(&error))?;
        let previous = plan.previous.map(|range| {
            let query =
                Query { range, buckets: Vec::new(), dimensions: Vec::new(), ..plan.query.clone() };
            let table =
                state.ledger.query(&key.org_id, &query).map_err(|error| unanswered(&error))?;
            let totals = Totals::new(&plan.measures, table.totals);
            Ok(Previous { from: range.from, to: range.to, totals })
        });
        Ok(show(&plan, table, previous.transpose()?))
    });
    answer.await.map(Json)
}

fn understand(body: &[u8]) -> Result<Plan, Refusal> {
    let question: Question = parse(body)?;
    check_sizes(&question)?;
    let range = TimeRange { from: question.from, to: question.to };
    if range.from >= range.to {
        return Err(invalid("`from` must be before `to`"));
    }
    let zone_name = question.time_zone.as_deref().unwrap_or("UTC");
    let zone = time_zone::find(zone_name)
        .ok_or_else(|| invalid("`time_zone` must be an IANA name such as `Europe/Berlin`"))?;
    let measures = question.measures.iter().map(|word| measure(word)).collect::<Result<_, _>>()?;
    let dimensions = question.dimensions.iter().map(|word| dimension(word));
    let buckets = question.bucket.map(|width| cut(range, width, &zone)).transpose()?;
    let query = Query {
        measures,
        dimensions: dimensions.collect::<Result<_, _>>()?,
        filters: question.filters.into_iter().map(filter).collect::<Result<_, _>>()?,
        range,
        buckets: buckets.unwrap_or_default(),
        order_by: order_by(question.order_by.as_deref(), &question.measures)?,
        limit: question.limit.unwrap_or(DEFAULT_LIMIT),
    };
    let length = range.to.as_micros().saturating_sub(range.from.as_micros());
    let previous = question.compare.map(|Compare::Previous| TimeRange {
        from: Timestamp::from_micros(range.from.as_micros().saturating_sub(length)),
        to: range.from,
    });
    Ok(Plan {
        query,
        measures: question.measures,
        dimensions: question.dimensions,
        has_buckets: question.bucket.is_some(),
        zone,
        previous,
    })
}

/// Says where a question is malformed without quoting it: filters may hold private names.
fn parse(body: &[u8]) -> Result<Question, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let what = if error.is_data() {
            "a field is unknown, missing or of the wrong type"
        } else {
            "the body is not JSON"
        };
        invalid(format!("{what} (line {line}, column {column}); see docs/protocol.md#query"))
    })
}

fn check_sizes(question: &Question) -> Result<(), Refusal> {
    let values = question.filters.iter().map(|filter| filter.values.len()).max().unwrap_or(0);
    let limit = question.limit.unwrap_or(DEFAULT_LIMIT);
    let rules = [
        (!question.measures.is_empty(), "name at least one measure".to_owned()),
        (question.measures.len() <= MAX_MEASURES, format!("at most {MAX_MEASURES} measures")),
        (
            question.dimensions.len() <= MAX_DIMENSIONS,
            format!("at most {MAX_DIMENSIONS} dimensions"),
        ),
        (question.filters.len() <= MAX_FILTERS, format!("at most {MAX_FILTERS} filters")),
        (values <= MAX_FILTER_VALUES, format!("at most {MAX_FILTER_VALUES} values in a filter")),
        ((1..=MAX_LIMIT).contains(&limit), format!("`limit` must be 1 to {MAX_LIMIT}")),
    ];
    match rules.into_iter().find(|(holds, _)| !holds) {
        Some((_, message)) => Err(invalid(message)),
        None => Ok(()),
    }
}

fn cut(range: TimeRange, width: Width, zone: &TimeZone) -> Result<Vec<Bucket>, Refusal> {
    time_zone::buckets(range, width, zone).ok_or_else(|| {
        invalid(format!(
            "more than {} buckets: choose a wider bucket or a shorter range",
            time_zone::MAX_BUCKETS
        ))
    })
}

fn order_by(word: Option<&str>, measures: &[String]) -> Result<usize, Refusal> {
    let Some(word) = word else { return Ok(0) };
    let place = measures.iter().position(|measure| measure == word);
    place.ok_or_else(|| invalid("`order_by` must be one of the measures"))
}

fn measure(word: &str) -> Result<Measure, Refusal> {
    Ok(match word {
        "calls" => Measure::Calls,
        "errors" => Measure::Errors,
        "sessions" => Measure::Sessions,
        "tool_calls" => Measure::ToolCalls,
        "cost" => Measure::Cost,
        "unpriced_calls" => Measure::UnpricedCalls,
        "unknown_usage_calls" => Measure::UnknownUsageCalls,
        "tokens.input" => Measure::InputTokens,
        "tokens.output" => Measure::OutputTokens,
        "tokens.cache_creation" => Measure::CacheCreationTokens,
        "tokens.cache_read" => Measure::CacheReadTokens,
        "tokens.reasoning" => Measure::ReasoningTokens,
        "tokens.total" => Measure::TotalTokens,
        "latency_ms.p50" => Measure::LatencyMs(50),
        "latency_ms.p95" => Measure::LatencyMs(95),
        "latency_ms.p99" => Measure::LatencyMs(99),
        "first_token_ms.p50" => Measure::FirstTokenMs(50),
        "first_token_ms.p95" => Measure::FirstTokenMs(95),
        _ => return Err(invalid("there is no such measure; docs/protocol.md#query lists them")),
    })
}

fn dimension(word: &str) -> Result<Dimension, Refusal> {
    Ok(match word {
        "provider" => Dimension::Provider,
        "model" => Dimension::Model,
        "app" => Dimension::App,
        "agent" => Dimension::Agent,
        "session" => Dimension::Session,
        "kind" => Dimension::Kind,
        _ => match word.strip_prefix("metadata.") {
            Some(key) if !key.is_empty() && key.chars().count() <= MAX_METADATA_KEY_CHARS => {
                Dimension::Metadata(key.to_owned())
            }
            _ => return Err(invalid("there is no such dimension; GET /v1/dimensions lists them")),
        },
    })
}

fn filter(words: FilterWords) -> Result<Filter, Refusal> {
    let op = match words.op {
        OpWord::In => FilterOp::In,
        OpWord::NotIn => FilterOp::NotIn,
    };
    Ok(Filter { dimension: dimension(&words.dimension)?, op, values: words.values })
}

fn show(plan: &Plan, table: QueryTable, previous: Option<Previous>) -> Answer {
    let named = |kind| move |name: &String| Column { name: name.clone(), kind };
    let bucket = plan.has_buckets.then(|| Column { name: "bucket".to_owned(), kind: "bucket" });
    let columns = bucket
        .into_iter()
        .chain(plan.dimensions.iter().map(named("dimension")))
        .chain(plan.measures.iter().map(named("measure")));
    let rows = |rows: Vec<Vec<QueryValue>>| {
        rows.into_iter()
            .map(|row| row.into_iter().map(|value| cell(plan, value)).collect())
            .collect()
    };
    Answer {
        columns: columns.collect(),
        rows: rows(table.rows),
        other: rows(table.other),
        totals: Totals::new(&plan.measures, table.totals),
        previous,
        coverage: Coverage {
            unpriced_calls: table.unpriced_calls,
            unknown_usage_calls: table.unknown_usage_calls,
            flagged_time: table.flagged_time,
        },
    }
}

type Row = Vec<Cell>;

/// One cell as it is shown.
#[derive(Debug, PartialEq, Eq)]
enum Cell {
    Null,
    Text(String),
    Count(u128),
}

fn cell(plan: &Plan, value: QueryValue) -> Cell {
    match value {
        QueryValue::Null => Cell::Null,
        QueryValue::Bucket(index) => match plan.query.buckets.get(index) {
            Some(bucket) => Cell::Text(time_zone::label(bucket.from, &plan.zone)),
            None => Cell::Null,
        },
        QueryValue::Text(text) => Cell::Text(text),
        QueryValue::Count(count) => Cell::Count(count),
        QueryValue::Cost(cost) => Cell::Text(cost.to_string()),
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Count(count) => match u64::try_from(*count) {
                Ok(count) => serializer.serialize_u64(count),
                Err(_) => serializer.serialize_u128(*count),
            },
        }
    }
}

/// The measures over everything, by name.
struct Totals(Vec<(String, Cell)>);

impl Totals {
    fn new(measures: &[String], values: Vec<QueryValue>) -> Self {
        let cell = |value| match value {
            QueryValue::Count(count) => Cell::Count(count),
            QueryValue::Cost(cost) => Cell::Text(cost.to_string()),
            _ => Cell::Null,
        };
        Self(measures.iter().cloned().zip(values.into_iter().map(cell)).collect())
    }
}

impl Serialize for Totals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_refused(question: &str) {
        let refusal = understand(question.as_bytes()).err().expect("refused");
        assert_eq!((refusal.status().as_u16(), refusal.code()), (400, "invalid_query"));
    }

    #[test]
    fn malformed_questions_are_refused() {
        let range = r#""from":"2026-06-01T00:00:00Z","to":"2026-07-01T00:00:00Z""#;
        check_refused("{");
        check_refused(&format!(r#"{{"measures":[],{range}}}"#));
        check_refused(&format!(r#"{{"measures":["spend"],{range}}}"#));
        check_refused(&format!(r#"{{"measures":["calls"],"dimensions":["metadata."],{range}}}"#));
        check_refused(&format!(r#"{{"measures":["calls"],"limit":0,{range}}}"#));
        check_refused(&format!(r#"{{"measures":["calls"],"order_by":"cost",{range}}}"#));
        check_refused(&format!(r#"{{"measures":["calls"],"where":1,{range}}}"#));
        check_refused(&format!(r#"{{"measures":["calls"],"time_zone":"Mars",{range}}}"#));
        check_refused(
            r#"{"measures":["calls"],"from":"2026-07-01T00:00:00Z","to":"2026-06-01T00:00:00Z"}"#,
        );
    }

    #[test]
    fn a_question_becomes_a_plan() {
        let question = r#"{"measures":["calls","cost"],"dimensions":["model","metadata.feature"],
            "filters":[{"dimension":"app","op":"not_in","values":["a",null]}],"order_by":"cost","limit":10,
            "from":"2026-06-01T00:00:00Z","to":"2026-06-03T00:00:00Z","bucket":"day","compare":"previous"}"#;
        let plan = understand(question.as_bytes()).expect("understood");
        assert_eq!(plan.query.buckets.len(), 2);
        assert_eq!(plan.query.order_by, 1);
        assert_eq!(plan.query.dimensions[1], Dimension::Metadata("feature".to_owned()));
        let previous = plan.previous.expect("asked for");
        assert_eq!(previous.from.to_string(), "2026-05-30T00:00:00.000Z");
    }
}
