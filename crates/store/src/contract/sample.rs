//! Batches that the suites are run with, the same in every run.

use modelstat_redact::RedactedText;
use modelstat_wire::{
    CallError, Event, Git, IngestBatch, Pairs, PicoUsd, Segment, SessionInstall, Tag, Timestamp,
    TokenUsage, ToolCall, UsageDetail, limits::MAX_COUNT,
};

use crate::{AppliedBatch, Costing};

/// The day on which the samples happen.
pub(crate) const DAY: i64 = 20_000;

/// Microseconds of a day.
pub(crate) const DAY_MICROS: i64 = 86_400_000_000;

/// A cost so large that a float would lose most of its digits.
const LARGE_COST: i128 = 999_999_999_999_999_999_999_999_999_999;

/// Reproducible throws, of which each run sees the same.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `sides`.
    pub(crate) fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    pub(crate) fn one_in(&mut self, sides: u64) -> bool {
        self.below(sides) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).expect("a short list")]
    }
}

#[expect(clippy::disallowed_methods, reason = "the samples stand in for what the floor let pass")]
pub(crate) fn text(text: impl Into<String>) -> RedactedText {
    RedactedText::from_store(text.into())
}

/// A time on the day of the samples.
pub(crate) fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(DAY * DAY_MICROS + micros)
}

/// An event with nothing but what it must have.
pub(crate) fn bare_event(id: &str) -> Event<RedactedText> {
    Event {
        source_event_id: text(id),
        ts: at(0),
        kind: text("assistant_message"),
        agent: text("raw_sdk_openai"),
        provider: text("openai"),
        session_id: text("session-0"),
        tokens: None,
        model: None,
        started_at: None,
        first_token_at: None,
        duration_ms: None,
        metadata: Pairs::default(),
        git: None,
        cwd: None,
        content_excerpt: None,
        content_bytes: None,
        reasoning_excerpt: None,
        reasoning_bytes: None,
        redactions: Pairs::default(),
        tool_calls: Pairs::default(),
        tokens_unmapped: Pairs::default(),
        files_touched: Vec::new(),
        actor_id: None,
        recipient_actor_id: None,
        parent_event_id: None,
        seq: None,
        turn_index: None,
        source_file: None,
        source_byte_offset: None,
        billing: None,
        usage_known: None,
        usage_detail: None,
        error: None,
        finish_reason: None,
        response_id: None,
        attempt: None,
        content_hash: None,
        reported_cost: None,
        sent_at: None,
    }
}

/// An event with every field.
pub(crate) fn full_event(id: &str) -> Event<RedactedText> {
    Event {
        tokens: Some(TokenUsage {
            input: 1,
            output: 2,
            cache_creation: 3,
            cache_read: 4,
            reasoning: MAX_COUNT,
        }),
        model: Some(text("gpt-4o")),
        started_at: Some(at(-2_000_001)),
        first_token_at: Some(at(-1_000_000)),
        duration_ms: Some(2_000),
        metadata: Pairs(vec![
            (text("feature"), text("søk \0 🦀")),
            (text("customer"), text("acme")),
        ]),
        git: Some(Git {
            remote_url: Some(text("https://github.com/acme/web")),
            host: Some(text("github.com")),
            remote_slug: Some(text("acme/web")),
            branch: Some(text("main")),
            slug_source: Some(text("remote")),
        }),
        cwd: Some(text("/srv/web")),
        content_excerpt: Some(text("an excerpt")),
        content_bytes: Some(10),
        reasoning_excerpt: Some(text("a thought")),
        reasoning_bytes: Some(9),
        redactions: Pairs(vec![(text("email"), 2), (text("made_up_rule"), 1)]),
        tool_calls: Pairs(vec![(text("bash"), 2)]),
        tokens_unmapped: Pairs(vec![(text("tokens"), 7)]),
        files_touched: vec![text("src/lib.rs"), text("README.md")],
        actor_id: Some(text("actor-1")),
        recipient_actor_id: Some(text("actor-2")),
        parent_event_id: Some(text("parent")),
        seq: Some(3),
        turn_index: Some(4),
        source_file: Some(text("log.jsonl")),
        source_byte_offset: Some(5),
        billing: Some(text("api")),
        usage_known: Some(true),
        usage_detail: Some(UsageDetail {
            cache_creation_1h: Some(1),
            audio_input: Some(2),
            audio_output: Some(3),
            web_search_requests: Some(4),
            service_tier: Some(text("flex")),
            speed: Some(text("fast")),
            batch: Some(false),
        }),
        error: Some(CallError { kind: Some(text("rate_limit")), status: Some(429) }),
        finish_reason: Some(text("stop")),
        response_id: Some(text("resp_1")),
        attempt: Some(2),
        content_hash: Some(text("c0ffee")),
        reported_cost: Some(PicoUsd(LARGE_COST / 1_000)),
        sent_at: Some(at(1)),
        ..bare_event(id)
    }
}

/// An event with a throw for every field that is counted, filtered or grouped by.
pub(crate) fn thrown_event(dice: &mut Dice, id: &str, days: i64) -> Event<RedactedText> {
    let day = i64::try_from(dice.below(days.unsigned_abs())).expect("few days") * DAY_MICROS;
    let ts = at(day + i64::try_from(dice.below(86_400_000_000)).expect("a day"));
    let count = |dice: &mut Dice| {
        if dice.one_in(20) { MAX_COUNT - dice.below(9) } else { dice.below(5_000) }
    };
    let tokens = TokenUsage {
        input: count(dice),
        output: count(dice),
        cache_creation: count(dice),
        cache_read: count(dice),
        reasoning: count(dice),
    };
    let mut metadata = Vec::new();
    if !dice.one_in(3) {
        metadata.push((text("feature"), text(dice.pick(&["search", "chat", "søk", ""]))));
    }
    if dice.one_in(2) {
        metadata.push((text("customer"), text(format!("customer-{}", dice.below(12)))));
    }
    let error = dice.one_in(6).then(|| CallError { kind: Some(text("timeout")), status: None });
    Event {
        ts,
        kind: text(dice.pick(&["assistant_message", "tool_result"])),
        agent: text(dice.pick(&["raw_sdk_openai", "langchain"])),
        provider: text(dice.pick(&["openai", "anthropic", "vertex"])),
        session_id: text(format!("session-{}", dice.below(15))),
        tokens: (!dice.one_in(8)).then_some(tokens),
        model: (!dice.one_in(9)).then(|| text(format!("model-{}", dice.below(7)))),
        started_at: Some(ts),
        first_token_at: dice.one_in(2).then(|| Timestamp::from_micros(ts.as_micros() + 1_234_567)),
        duration_ms: (!dice.one_in(4)).then(|| dice.below(2_000)),
        metadata: Pairs(metadata),
        redactions: Pairs(
            dice.one_in(3).then(|| (text("email"), 1 + dice.below(3))).into_iter().collect(),
        ),
        usage_known: dice.one_in(10).then_some(false),
        error,
        ..bare_event(id)
    }
}

pub(crate) fn thrown_costing(dice: &mut Dice) -> Costing {
    if dice.one_in(5) {
        return Costing { unpriced_reason: Some("unknown_model"), ..Costing::default() };
    }
    let small = i128::from(dice.below(1_000_000_000_007));
    let cost = if dice.one_in(10) { LARGE_COST - small } else { small };
    Costing {
        cost: Some(PicoUsd(cost)),
        price_id: Some("price".to_owned()),
        price_book: Some("2026-11-22".to_owned()),
        unpriced_reason: None,
    }
}

pub(crate) fn tool_call(id: &str, event: Option<&str>, session: &str) -> ToolCall<RedactedText> {
    ToolCall {
        external_call_id: text(id),
        session_id: text(session),
        source_event_id: event.map(text),
        segment_id: None,
        agent: None,
        server: Some(text("builtin")),
        name: text("bash"),
        turn_index: None,
        call_index: Some(0),
        started_at: at(0),
        ended_at: Some(at(5)),
        status: Some(text("success")),
        args_hash: Some(text("aa")),
        signature_hash: None,
        args_bytes: Some(12),
        result_bytes: None,
        model: Some(text("gpt-4o")),
        command_families: vec![text("git"), text("cargo")],
    }
}

pub(crate) fn segment(
    id: &str,
    generation: u64,
    session: &str,
    summary: &str,
) -> Segment<RedactedText> {
    Segment {
        segment_id: text(id),
        generation,
        session_id: text(session),
        agent: Some(text("raw_sdk_openai")),
        started_at: at(0),
        ended_at: at(10),
        summary: Some(text(summary)),
        title: Some(text(format!("title of {summary}"))),
        work_type: Some(text("debugging")),
        engine: Some(text("template")),
        engine_version: Some(text("1")),
        model_sha256: Some(text(
            "6f85a640a97cf2bf5b8e764087b1e83da0fdb51d7c9fab7d0fece9385611df83",
        )),
        prompt_version: Some(text("2")),
        fallback_reason: Some(text("llama.timeout")),
        tokens: Some(TokenUsage { input: 5, ..TokenUsage::default() }),
        tags: vec![Tag { root_key: text("work"), name: text("tests") }],
        redaction: Pairs(vec![(text("email"), 1)]),
        source_event_ids: vec![text("a"), text("b")],
    }
}

/// A batch of an app, with nothing in it.
pub(crate) fn batch(app: Option<&str>) -> IngestBatch<RedactedText> {
    IngestBatch {
        batch_id: text("batch-1"),
        device_id: text("dev_1"),
        daemon_version: text("sdk-0.1.0"),
        app: app.map(text),
        events: Vec::new(),
        segments: Vec::new(),
        tool_calls: Vec::new(),
        session_installs: Pairs::default(),
        session_titles: Pairs::default(),
        auto_taxonomy: Some(true),
        summarizer_mode: Some(text("local")),
        tz: Some(text("Europe/Berlin")),
        instance_id: None,
        outcomes: None,
        sent_at: None,
    }
}

pub(crate) fn install(account: &str) -> SessionInstall<RedactedText> {
    SessionInstall { provider_account_id: Some(text(account)), provider: None }
}

/// A batch as the applier hands it over, priced by what is thrown.
pub(crate) fn applied(
    position: u64,
    org: &str,
    batch: IngestBatch<RedactedText>,
    costing: impl FnMut() -> Costing,
) -> AppliedBatch {
    let costings = std::iter::repeat_with(costing).take(batch.events.len()).collect();
    AppliedBatch {
        position,
        org_id: org.to_owned(),
        received_at: at(2 * DAY_MICROS),
        is_raw: false,
        request_bytes: 1_000,
        floor_version: "1".to_owned(),
        rejected: Vec::new(),
        repeated_events: 0,
        batch: Some(Box::new(batch)),
        costings,
    }
}
