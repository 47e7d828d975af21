//! Questions about events: one small typed tree, rendered by each engine.

use modelstat_wire::{PicoUsd, Timestamp};

/// Events from a time (inclusive) to a time (exclusive).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// Inclusive.
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Events.
    Calls,
    /// Events whose call failed.
    Errors,
    /// Distinct sessions (app and session id).
    Sessions,
    /// Tool calls of the events.
    ToolCalls,
    /// The sum of costs; null when nothing is priced.
    Cost,
    /// Events without a known price.
    UnpricedCalls,
    /// Events without known token counts.
    UnknownUsageCalls,
    /// Input tokens.
    InputTokens,
    /// Output tokens.
    OutputTokens,
    /// Tokens written to a cache.
    CacheCreationTokens,
    /// Tokens read from a cache.
    CacheReadTokens,
    /// Reasoning tokens.
    ReasoningTokens,
    /// The sum of the five classes.
    TotalTokens,
    /// A percentile (50, 95, 99) of the duration in milliseconds; null when none is known.
    LatencyMs(u8),
    /// A percentile of the time to the first token in milliseconds; null when none is known.
    FirstTokenMs(u8),
}

/// What events are grouped by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// Who served it.
    Provider,
    /// What served it.
    Model,
    /// The service that is instrumented.
    App,
    /// The integration that made the call.
    Agent,
    /// The conversation.
    Session,
    /// What the event is.
    Kind,
    /// The value of a metadata key.
    Metadata(String),
}

/// Which events count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// What is looked at.
    pub dimension: Dimension,
    /// How it is compared.
    pub op: FilterOp,
    /// With what; `None` is an absent value.
    pub values: Vec<Option<String>>,
}

/// How a filter compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterOp {
    /// One of the values.
    In,
    /// None of the values.
    NotIn,
}

/// One bucket of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Inclusive.
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// What is counted, at least one.
    pub measures: Vec<Measure>,
    /// What it is grouped by.
    pub dimensions: Vec<Dimension>,
    /// Which events count; all must hold.
    pub filters: Vec<Filter>,
    /// When.
    pub range: TimeRange,
    /// The buckets that cover the range in order, computed in the caller's time zone; empty for
    /// one answer over the whole range.
    pub buckets: Vec<Bucket>,
    /// The measure by which groups are ranked, descending: an index of `measures`.
    pub order_by: usize,
    /// How many groups are listed; the rest is summed up as other.
    pub limit: usize,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryTable {
    /// The top groups: bucket index if there are buckets, then dimensions, then measures.
    pub rows: Vec<Vec<QueryValue>>,
    /// What was cut, in the same shape with null dimensions.
    pub other: Vec<Vec<QueryValue>>,
    /// The measures over everything.
    pub totals: Vec<QueryValue>,
    /// Events in the range and filters without a known price.
    pub unpriced_calls: u64,
    /// Events in the range and filters without known token counts.
    pub unknown_usage_calls: u64,
    /// Events in the range and filters whose own time was implausible.
    pub flagged_time: u64,
}

/// One cell of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryValue {
    /// Nothing known.
    Null,
    /// The index of a bucket.
    Bucket(usize),
    /// A dimension's value.
    Text(String),
    /// A count.
    Count(u128),
    /// Money.
    Cost(PicoUsd),
}
