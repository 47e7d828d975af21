//! A ledger so simple that it is plainly right, to which engines are compared.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use modelstat_redact::RedactedText;
use modelstat_wire::{DEFAULT_APP, Event, PicoUsd};

use crate::{
    Applied, AppliedBatch, Costing, Dimension, Filter, FilterOp, Measure, Query, QueryTable,
    QueryValue,
};

/// An event that is held.
pub(crate) struct Held {
    org: String,
    app: String,
    event: Event<RedactedText>,
    costing: Costing,
    /// Whether another event of the same id was there before.
    is_conflict: bool,
}

/// Everything that was applied, in lists.
#[derive(Default)]
pub(crate) struct Model {
    held: Vec<Held>,
    /// Org, app, id of the call and id of its event.
    calls: BTreeSet<(String, String, String, String)>,
}

impl Model {
    pub(crate) fn apply(&mut self, batches: &[AppliedBatch]) -> Applied {
        let mut applied = Applied::default();
        for batch in batches {
            applied.duplicate += batch.repeated_events;
            let Some(content) = &batch.batch else { continue };
            let app = content.app.as_deref().unwrap_or(DEFAULT_APP);
            for (event, costing) in content.events.iter().zip(&batch.costings) {
                let held = (self.held.iter()).filter(|held| held.is_of(&batch.org_id, app, event));
                let contents: Vec<_> = held.map(|held| unsent(&held.event)).collect();
                if contents.contains(&unsent(event)) {
                    applied.duplicate += 1;
                    continue;
                }
                let is_conflict = !contents.is_empty();
                applied.id_conflict += u64::from(is_conflict);
                applied.accepted += u64::from(!is_conflict);
                self.held.push(Held {
                    org: batch.org_id.clone(),
                    app: app.to_owned(),
                    event: event.clone(),
                    costing: costing.clone(),
                    is_conflict,
                });
            }
            for call in &content.tool_calls {
                let event = call.source_event_id.as_deref().unwrap_or_default().to_owned();
                let id = call.external_call_id.to_string();
                self.calls.insert((batch.org_id.clone(), app.to_owned(), id, event));
            }
        }
        applied
    }

    pub(crate) fn answer(&self, org: &str, query: &Query) -> QueryTable {
        let in_range =
            |held: &&Held| held.event.ts >= query.range.from && held.event.ts < query.range.to;
        let passes = |held: &&Held| query.filters.iter().all(|filter| held.passes(filter));
        let of_org = self.held.iter().filter(|held| held.org == org);
        let events: Vec<&Held> = of_org.filter(in_range).filter(passes).collect();

        let mut groups: BTreeMap<Vec<Option<String>>, Vec<&Held>> = BTreeMap::new();
        for held in &events {
            let key = query.dimensions.iter().map(|dimension| held.value(dimension)).collect();
            groups.entry(key).or_default().push(held);
        }
        let mut ranked: Vec<_> = groups.into_iter().collect();
        let order = query.measures[query.order_by];
        ranked.sort_by(|(left_key, left), (right_key, right)| {
            let values = (self.measure(left, order), self.measure(right, order));
            descending(&values.0, &values.1).then_with(|| nulls_last(left_key, right_key))
        });
        let cut =
            if query.dimensions.is_empty() { ranked.len() } else { query.limit.min(ranked.len()) };
        let rest: Vec<&Held> =
            ranked.split_off(cut).into_iter().flat_map(|(_, group)| group).collect();

        let mut table = QueryTable::default();
        for (key, group) in &ranked {
            table.rows.extend(self.rows(query, key, group));
        }
        sort_rows(&mut table.rows, query);
        let absent = vec![None; query.dimensions.len()];
        table.other = self.rows(query, &absent, &rest);
        table.totals =
            query.measures.iter().map(|measure| self.measure(&events, *measure)).collect();
        let count =
            |test: fn(&Held) -> bool| events.iter().filter(|held| test(held)).count() as u64;
        table.unpriced_calls = count(|held| held.costing.cost.is_none());
        table.unknown_usage_calls = count(|held| !held.usage_known());
        table
    }

    /// A group's rows: one for each bucket that has an event, or one.
    fn rows(&self, query: &Query, key: &[Option<String>], group: &[&Held]) -> Vec<Vec<QueryValue>> {
        let mut parts: BTreeMap<Option<usize>, Vec<&Held>> = BTreeMap::new();
        for held in group {
            let is_in = |ts| move |bucket: &crate::Bucket| bucket.from <= ts && ts < bucket.to;
            let bucket = query.buckets.iter().position(is_in(held.event.ts));
            parts.entry(bucket).or_default().push(held);
        }
        let row = |(bucket, part): (Option<usize>, Vec<&Held>)| {
            let mut row: Vec<QueryValue> = bucket.map(QueryValue::Bucket).into_iter().collect();
            row.extend(
                key.iter().cloned().map(|value| value.map_or(QueryValue::Null, QueryValue::Text)),
            );
            row.extend(query.measures.iter().map(|measure| self.measure(&part, *measure)));
            row
        };
        parts.into_iter().map(row).collect()
    }

    fn measure(&self, events: &[&Held], measure: Measure) -> QueryValue {
        let count =
            |test: &dyn Fn(&Held) -> bool| events.iter().filter(|held| test(held)).count() as u128;
        let tokens = |class: fn(&modelstat_wire::TokenUsage) -> u128| {
            events.iter().filter_map(|held| held.event.tokens.as_ref()).map(class).sum()
        };
        QueryValue::Count(match measure {
            Measure::Calls => events.len() as u128,
            Measure::Errors => count(&|held| held.event.error.is_some()),
            Measure::Sessions => {
                let sessions =
                    events.iter().map(|held| (&held.app, held.event.session_id.as_str()));
                sessions.collect::<BTreeSet<_>>().len() as u128
            }
            Measure::ToolCalls => events.iter().map(|held| self.calls_of(held)).sum(),
            Measure::Cost => {
                let costs: Vec<PicoUsd> =
                    events.iter().filter_map(|held| held.costing.cost).collect();
                let is_known = !costs.is_empty();
                let cost = QueryValue::Cost(costs.into_iter().sum());
                return if is_known { cost } else { QueryValue::Null };
            }
            Measure::UnpricedCalls => count(&|held| held.costing.cost.is_none()),
            Measure::UnknownUsageCalls => count(&|held| !held.usage_known()),
            Measure::InputTokens => tokens(|tokens| tokens.input.into()),
            Measure::OutputTokens => tokens(|tokens| tokens.output.into()),
            Measure::CacheCreationTokens => tokens(|tokens| tokens.cache_creation.into()),
            Measure::CacheReadTokens => tokens(|tokens| tokens.cache_read.into()),
            Measure::ReasoningTokens => tokens(|tokens| tokens.reasoning.into()),
            Measure::TotalTokens => tokens(modelstat_wire::TokenUsage::total),
            Measure::LatencyMs(percent) => {
                return nearest_rank(
                    events.iter().filter_map(|held| held.event.duration_ms),
                    percent,
                );
            }
            Measure::FirstTokenMs(percent) => {
                return nearest_rank(
                    events.iter().filter_map(|held| held.first_token_ms()),
                    percent,
                );
            }
        })
    }

    fn calls_of(&self, held: &Held) -> u128 {
        if held.is_conflict {
            return 0;
        }
        let is_of = |(org, app, _, event): &&(String, String, String, String)| {
            *org == held.org && *app == held.app && *event == *held.event.source_event_id
        };
        self.calls.iter().filter(is_of).count() as u128
    }
}

impl Held {
    fn is_of(&self, org: &str, app: &str, event: &Event<RedactedText>) -> bool {
        let same_day = self.event.ts.utc_day() == event.ts.utc_day();
        self.org == org
            && self.app == app
            && same_day
            && self.event.source_event_id == event.source_event_id
    }

    fn usage_known(&self) -> bool {
        self.event.tokens.is_some() && self.event.usage_known != Some(false)
    }

    fn first_token_ms(&self) -> Option<u64> {
        let micros = self.event.first_token_at?.as_micros() - self.event.started_at?.as_micros();
        Some(u64::try_from(micros).expect("the samples' clocks run forwards") / 1_000)
    }

    fn value(&self, dimension: &Dimension) -> Option<String> {
        let event = &self.event;
        match dimension {
            Dimension::Provider => Some(event.provider.to_string()),
            Dimension::Model => event.model.as_ref().map(ToString::to_string),
            Dimension::App => Some(self.app.clone()),
            Dimension::Agent => Some(event.agent.to_string()),
            Dimension::Session => Some(event.session_id.to_string()),
            Dimension::Kind => Some(event.kind.to_string()),
            Dimension::Metadata(key) => {
                let mut entries = event.metadata.iter();
                entries.find(|(name, _)| name.as_str() == key).map(|(_, value)| value.to_string())
            }
        }
    }

    fn passes(&self, filter: &Filter) -> bool {
        let is_in = filter.values.contains(&self.value(&filter.dimension));
        is_in == (filter.op == FilterOp::In)
    }
}

fn unsent(event: &Event<RedactedText>) -> Event<RedactedText> {
    Event { sent_at: None, ..event.clone() }
}

fn nearest_rank(values: impl Iterator<Item = u64>, percent: u8) -> QueryValue {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    let rank = (values.len() * usize::from(percent)).div_ceil(100).max(1);
    values.get(rank - 1).map_or(QueryValue::Null, |value| QueryValue::Count(u128::from(*value)))
}

fn sort_rows(rows: &mut [Vec<QueryValue>], query: &Query) {
    let buckets = usize::from(!query.buckets.is_empty());
    let order = buckets + query.dimensions.len() + query.order_by;
    let bucket = |row: &[QueryValue]| match row[0] {
        QueryValue::Bucket(index) => index,
        _ => 0,
    };
    let texts = |row: &[QueryValue]| -> Vec<Option<String>> {
        let dimensions = &row[buckets..buckets + query.dimensions.len()];
        let text = |value: &QueryValue| match value {
            QueryValue::Text(text) => Some(text.clone()),
            _ => None,
        };
        dimensions.iter().map(text).collect()
    };
    rows.sort_by(|left, right| {
        (bucket(left).cmp(&bucket(right)))
            .then_with(|| descending(&left[order], &right[order]))
            .then_with(|| nulls_last(&texts(left), &texts(right)))
    });
}

/// Nothing known comes last.
fn descending(left: &QueryValue, right: &QueryValue) -> Ordering {
    let number = |value: &QueryValue| match value {
        QueryValue::Count(count) => Some(i128::try_from(*count).expect("a small count")),
        QueryValue::Cost(cost) => Some(cost.0),
        _ => None,
    };
    number(right).cmp(&number(left))
}

fn nulls_last(left: &[Option<String>], right: &[Option<String>]) -> Ordering {
    let key = |texts: &[Option<String>]| -> Vec<(bool, Option<String>)> {
        texts.iter().map(|text| (text.is_none(), text.clone())).collect()
    };
    key(left).cmp(&key(right))
}
