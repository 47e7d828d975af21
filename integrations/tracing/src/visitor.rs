//! From the fields of a span or an event to attributes.

use std::fmt;

use modelstat_spans::{AttributeValue, Captured};
use tracing_core::field::{Field, Visit};

/// Takes what is read later. A value that has to show itself may run code of the program, so that no
/// lock may be held while it visits.
pub(crate) struct Visitor<'a>(pub(crate) &'a mut Captured<'static>);

impl Visit for Visitor<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.put(field.name(), AttributeValue::Float(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.put(field.name(), AttributeValue::Integer(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.put(field.name(), whole(i64::try_from(value).ok()));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.0.put(field.name(), whole(i64::try_from(value).ok()));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.0.put(field.name(), whole(i64::try_from(value).ok()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.put(field.name(), AttributeValue::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.put_copied(field.name(), value);
    }

    fn record_bytes(&mut self, _: &Field, _: &[u8]) {}

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.0.put_shown(field.name(), &value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.put_shown(field.name(), value);
    }
}

/// A number that no count can have stays one that is no count.
fn whole(value: Option<i64>) -> AttributeValue<'static> {
    AttributeValue::Integer(value.unwrap_or(i64::MAX))
}
