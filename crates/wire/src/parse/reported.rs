//! The usage of a client that sends what its provider reported, as it is.

use modelstat_redact::RawText;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::limits::MAX_PROVIDER_USAGE_BYTES;
use crate::usage::{Shape, Usage, normalise};
use crate::{TokenUsage, UsageDetail};

/// What an event says of its usage.
#[derive(Default)]
pub(super) struct Said {
    pub(super) tokens: Option<TokenUsage>,
    pub(super) detail: Option<UsageDetail<RawText>>,
    pub(super) is_known: Option<bool>,
}

impl Said {
    /// Reads what the provider reported, unless the event has the five classes already.
    ///
    /// What cannot be read makes the usage unknown and never costs the event.
    pub(super) fn or_reported(self, reported: Option<&RawValue>, shape: Option<&str>) -> Self {
        let Some(reported) = reported.filter(|_| self.tokens.is_none()) else { return self };
        let usage = read(reported.get(), shape);
        Self {
            tokens: Some(usage.tokens),
            detail: self.detail.or_else(|| detail(usage.detail)),
            is_known: self.is_known.or_else(|| (!usage.is_known).then_some(false)),
        }
    }
}

fn read(reported: &str, shape: Option<&str>) -> Usage {
    if reported.len() > MAX_PROVIDER_USAGE_BYTES {
        return Usage::default();
    }
    let Ok(reported) = serde_json::from_str::<Value>(reported) else { return Usage::default() };
    let shape = match shape {
        Some(name) => Shape::from_name(name),
        None => Shape::guess(&reported),
    };
    shape.map(|shape| normalise(shape, &reported)).unwrap_or_default()
}

fn detail(detail: UsageDetail<String>) -> Option<UsageDetail<RawText>> {
    let UsageDetail {
        cache_creation_1h,
        audio_input,
        audio_output,
        web_search_requests,
        service_tier,
        speed,
        batch,
    } = detail;
    let raw = |text: Option<String>| text.map(RawText::from);
    let detail = UsageDetail {
        cache_creation_1h,
        audio_input,
        audio_output,
        web_search_requests,
        service_tier: raw(service_tier),
        speed: raw(speed),
        batch,
    };
    (detail != UsageDetail::default()).then_some(detail)
}
