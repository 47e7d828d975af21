//! From a usage to the fields of a call.

use modelstat::{LlmCall, UsageDetail};
use modelstat_wire::usage::{Shape, Usage, UsageStream};
use serde_json::{Value, json};

/// Reads a usage by the table of its shape, with the service tier that stands beside it.
#[must_use]
pub fn usage_in(shape: Shape, usage: &Value, service_tier: Option<&Value>) -> Usage {
    let mut stream = UsageStream::new(shape);
    stream.push(&json!({ "usage": usage, "service_tier": service_tier }));
    stream.finish()
}

/// Sets what a call used; a usage that nobody reported stays unknown, which is not zero.
#[must_use]
pub fn with_usage(mut call: LlmCall, usage: Usage) -> LlmCall {
    let Usage { tokens, detail, is_known, .. } = usage;
    call.tokens = tokens.into();
    let detail = UsageDetail {
        cache_creation_1h: detail.cache_creation_1h,
        audio_input: detail.audio_input,
        audio_output: detail.audio_output,
        web_search_requests: detail.web_search_requests,
        service_tier: detail.service_tier,
        speed: detail.speed,
        batch: detail.batch,
    };
    if detail != UsageDetail::default() {
        call = call.usage_detail(detail);
    }
    if is_known { call } else { call.usage_unknown() }
}
