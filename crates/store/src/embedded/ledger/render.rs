//! Statements with bound values, and the parts that questions have in common.

use duckdb::types::Value;
use duckdb::{Connection, Row, params_from_iter};

use crate::query::TimeRange;
use crate::{Bucket, Dimension, Filter, FilterOp};

/// A statement under construction. Values are only ever bound, never written into it.
#[derive(Default)]
pub(super) struct Sql {
    values: Vec<Value>,
}

impl Sql {
    /// Binds a value, and returns how the statement refers to it.
    pub(super) fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    pub(super) fn rows<T>(
        &self,
        connection: &Connection,
        text: &str,
        read: impl FnMut(&Row<'_>) -> duckdb::Result<T>,
    ) -> duckdb::Result<Vec<T>> {
        let mut statement = connection.prepare(text)?;
        statement.query_map(params_from_iter(&self.values), read)?.collect()
    }

    /// An org's records within a range.
    pub(super) fn within(&mut self, org_id: &str, range: TimeRange) -> String {
        let org_id = self.bind(org_id.to_owned());
        let (from, to) = (self.bind(range.from.as_micros()), self.bind(range.to.as_micros()));
        format!("org_id = {org_id} AND counted_at >= {from} AND counted_at < {to}")
    }

    pub(super) fn dimension(&mut self, dimension: &Dimension) -> String {
        match dimension {
            Dimension::Provider => "provider".to_owned(),
            Dimension::Model => "model".to_owned(),
            Dimension::App => "app".to_owned(),
            Dimension::Agent => "agent".to_owned(),
            Dimension::Session => "session_id".to_owned(),
            Dimension::Kind => "kind".to_owned(),
            Dimension::Metadata(key) => {
                let key = self.bind(key.clone());
                format!("map_extract_value(metadata, {key})")
            }
        }
    }

    /// An absent value is one like any other: it is in a list that holds `None`, and in no other.
    pub(super) fn filter(&mut self, filter: &Filter) -> String {
        if filter.values.is_empty() {
            return (filter.op == FilterOp::NotIn).to_string();
        }
        let column = self.dimension(&filter.dimension);
        let named: Vec<String> =
            filter.values.iter().flatten().map(|value| self.bind(value.clone())).collect();
        let mut any = Vec::new();
        if !named.is_empty() {
            any.push(format!("coalesce({column} IN ({}), false)", named.join(", ")));
        }
        if filter.values.contains(&None) {
            any.push(format!("{column} IS NULL"));
        }
        let is_in = any.join(" OR ");
        match filter.op {
            FilterOp::In => format!("({is_in})"),
            FilterOp::NotIn => format!("NOT ({is_in})"),
        }
    }

    /// The beginning of each bucket with its index, bound as one value however many there are.
    pub(super) fn edges(&mut self, buckets: &[Bucket]) -> String {
        let edges: Vec<String> =
            buckets.iter().map(|bucket| bucket.from.as_micros().to_string()).collect();
        let (count, edges) = (edges.len(), self.bind(edges.join(",")));
        format!(
            "SELECT unnest(range({count})) AS bucket,
                    unnest(string_split({edges}, ',')::BIGINT[]) AS edge"
        )
    }
}
