//! Spans that mean harm, or are broken.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tracing::field::Empty;
use tracing::{Subscriber, info, info_span};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use modelstat_tracing::Layer;

use crate::{client, flushed, recorded};

#[test]
fn long_fields_take_no_more_than_their_share() {
    let (client, transport) = client();
    let subscriber = tracing_subscriber::registry().with(Layer::new(client.clone()));
    let long = "x".repeat(100_000);
    let huge = "a secret 'of' sorts, ".repeat(1_000_000);
    let counted = allocation_counter::measure(|| {
        tracing::subscriber::with_default(subscriber, || {
            let span = info_span!(
                "chat",
                gen_ai.operation.name = "chat",
                gen_ai.request.model = Empty,
                gen_ai.provider.name = long,
                gen_ai.input.messages = Empty,
                gen_ai.output.messages = ?huge,
                unread = Empty,
            );
            for _ in 0..100 {
                span.record("gen_ai.request.model", long.as_str());
                span.record("gen_ai.input.messages", huge.as_str());
                span.record("unread", huge.as_str());
            }
            span.record("gen_ai.request.model", "gpt-x");
        });
    });
    assert!(counted.bytes_max < 8 * 1024 * 1024, "{} bytes at once", counted.bytes_max);
    let recorded = flushed(&client, &transport);
    let event = recorded.only_event();
    assert_eq!((event.model.as_deref(), &*event.provider), (Some("gpt-x"), "unknown"));
    assert!(event.content_excerpt.is_some());
}

#[test]
fn counts_that_are_none_are_unknown() {
    let recorded = recorded(|| {
        let span = info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.request.model = "gpt-x",
            gen_ai.usage.input_tokens = -5_i64,
            gen_ai.usage.output_tokens = f64::NAN,
            gen_ai.usage.cache_read.input_tokens = u128::MAX,
            gen_ai.usage.reasoning_tokens = i128::MIN,
            gen_ai.response.time_to_first_chunk = f64::INFINITY,
        );
        drop(span);
    });
    let event = recorded.only_event();
    assert_eq!(event.usage_known, Some(false));
    assert!(event.tokens.input == 0 && event.tokens.output == 0);
    assert_eq!(event.first_token_at, None);
}

#[test]
fn spans_that_follow_one_another_in_a_circle_end() {
    let recorded = recorded(|| {
        let first = info_span!("chat", gen_ai.request.model = "gpt-x");
        let second = info_span!("chat", gen_ai.request.model = "gpt-x");
        first.follows_from(&second);
        second.follows_from(&first);
        first.follows_from(&first);
    });
    assert_eq!(recorded.events.len(), 2);
}

#[test]
fn a_span_that_never_closes_is_not_recorded() {
    let recorded = recorded(|| {
        let span = info_span!("chat", gen_ai.request.model = "gpt-x");
        let kept = span.clone();
        std::mem::forget(kept);
        drop(span);
    });
    assert!(recorded.events.is_empty());
}

#[test]
fn a_call_that_a_panic_cut_short_has_failed() {
    let recorded = recorded(|| {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let _span = info_span!("chat", gen_ai.request.model = "gpt-x").entered();
            panic!("in the program");
        }));
        assert!(outcome.is_err());
    });
    let event = recorded.only_event();
    assert_eq!(event.error.as_ref().expect("an error").kind, "panic");
    assert_eq!(event.usage_known, Some(false));
}

/// A value that panics, and one that makes spans and events while it is shown.
struct Panics;
struct Traces;

impl fmt::Debug for Panics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("a value that cannot be shown")
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        info!(gen_ai.usage.output_tokens = 2_u64, "while a value is shown");
        drop(info_span!("inner", gen_ai.operation.name = "invoke_agent"));
        tracing::Span::current().record("gen_ai.usage.input_tokens", 3_u64);
        f.write_str("gpt-x")
    }
}

#[test]
fn values_may_panic_and_trace() {
    let recorded = recorded(|| {
        let span = info_span!(
            "chat",
            gen_ai.provider.name = ?Panics,
            gen_ai.request.model = Empty,
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
            error = ?Panics,
        );
        let _entered = span.enter();
        span.record("gen_ai.request.model", tracing::field::debug(Traces));
    });
    let event = recorded.only_event();
    assert_eq!((event.model.as_deref(), &*event.provider), (Some("gpt-x"), "unknown"));
    assert_eq!((event.tokens.input, event.tokens.output), (3, 2));
    assert_eq!(event.error.as_ref().expect("an error").kind, "error");
}

/// A layer that panics while it holds a span, once, and so poisons what the span holds.
struct Poisons(Arc<AtomicUsize>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Poisons {
    fn on_enter(&self, id: &tracing::Id, context: Context<'_, S>) {
        let span = context.span(id).expect("a span");
        let _held = span.extensions_mut();
        assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "once");
    }
}

#[test]
fn a_layer_that_panics_does_not_make_this_one_panic() {
    let (client, transport) = client();
    let entered = Arc::new(AtomicUsize::new(0));
    let subscriber = tracing_subscriber::registry()
        .with(Layer::new(client.clone()))
        .with(Poisons(Arc::clone(&entered)));
    tracing::subscriber::with_default(subscriber, || {
        let span = info_span!("chat", gen_ai.request.model = Empty);
        let outcome = catch_unwind(AssertUnwindSafe(|| drop(span.clone().entered())));
        assert!(outcome.is_err());
        let recording = catch_unwind(AssertUnwindSafe(|| {
            span.record("gen_ai.request.model", "gpt-x");
            info_span!(parent: &span, "inner", gen_ai.request.model = "gpt-x");
            info!(parent: &span, gen_ai.request.model = "gpt-x", "answered");
        }));
        assert!(recording.is_ok());
    });
    drop(flushed(&client, &transport));
}

#[test]
fn spans_of_many_threads_are_each_recorded_once() {
    let (client, transport) = client();
    let subscriber = tracing_subscriber::registry().with(Layer::new(client.clone()));
    let dispatch = tracing::Dispatch::new(subscriber);
    let shared = tracing::dispatcher::with_default(&dispatch, || {
        info_span!("agent", gen_ai.operation.name = "invoke_agent")
    });
    thread::scope(|scope| {
        for thread in 0..4 {
            let (dispatch, shared) = (dispatch.clone(), shared.clone());
            scope.spawn(move || {
                tracing::dispatcher::with_default(&dispatch, || {
                    for index in 0..100 {
                        let span = info_span!(parent: &shared, "chat", gen_ai.request.model = "gpt-x",
                            gen_ai.response.id = format!("threads-{thread}-{index}"));
                        shared.record("gen_ai.operation.name", "invoke_agent");
                        drop(span);
                    }
                });
            });
        }
    });
    assert_eq!(flushed(&client, &transport).events.len(), 400);
}

#[test]
fn a_second_layer_records_for_its_own_client() {
    let (first, first_transport) = client();
    let (second, second_transport) = client();
    let subscriber = tracing_subscriber::registry()
        .with(Layer::new(first.clone()))
        .with(Layer::new(second.clone()).with_content(false));
    tracing::subscriber::with_default(subscriber, || {
        drop(info_span!("chat", gen_ai.request.model = "gpt-x", gen_ai.input.messages = "asked"));
    });
    let with_content = flushed(&first, &first_transport);
    assert_eq!(with_content.only_event().content_excerpt.as_deref(), Some("asked"));
    let without = flushed(&second, &second_transport);
    assert_eq!(without.only_event().content_excerpt, None);
}

#[test]
fn spans_of_anything_else_cost_no_memory_of_ours() {
    let (client, _transport) = client();
    let subscriber = tracing_subscriber::registry().with(Layer::new(client));
    tracing::subscriber::with_default(subscriber, || {
        drop(info_span!("warm", a = 1));
        let counted = allocation_counter::measure(|| {
            for index in 0..1_000 {
                let span = info_span!("request", http.url = "https://example.test", index);
                span.record("index", 2);
                info!(parent: &span, "an event");
            }
        });
        assert!(counted.count_total < 100, "{} allocations", counted.count_total);
    });
}
