//! Which names are which models, and which are none.

use modelstat_pricing::{Call, PriceBook, Pricing, UnpricedReason};
use modelstat_wire::{Timestamp, TokenUsage};

use crate::support::call;

#[track_caller]
fn check(provider: &'static str, model: &'static str, expected: &str) {
    let id = call(provider, model, 1, 1).cost().price_id;
    let named = id.split_once('@').map_or(&*id, |(model, _)| model);
    assert_eq!(named, expected);
}

#[test]
fn names_are_matched_whole_and_without_their_decoration() {
    for (provider, model, expected) in [
        // Exact, in any case.
        ("openai", "gpt-4o", "openai/gpt-4o"),
        ("OpenAI", " GPT-4o ", "openai/gpt-4o"),
        // Aliases: the same price under another id, or another price under a dated one.
        ("openai", "gpt-4o-2024-08-06", "openai/gpt-4o"),
        ("openai", "gpt-4o-2024-05-13", "openai/gpt-4o-2024-05-13"),
        ("openai", "gpt-5.6", "openai/gpt-5.6-sol"),
        ("anthropic", "claude-sonnet-4", "anthropic/claude-sonnet-4-0"),
        ("anthropic", "claude-sonnet-4.5", "anthropic/claude-sonnet-4-5"),
        // The owner's prefix.
        ("openai", "openai/gpt-4o-mini", "openai/gpt-4o-mini"),
        ("google", "models/gemini-2.5-pro", "google/gemini-2.5-pro"),
        ("google", "gemini/gemini-2.5-pro", "google/gemini-2.5-pro"),
        ("anthropic", "anthropic/claude-opus-4-1", "anthropic/claude-opus-4-1"),
        // Regions, versions, dates, windows and `latest`.
        ("anthropic", "anthropic.claude-opus-5", "anthropic/claude-opus-5"),
        ("anthropic", "global.anthropic.claude-opus-5", "anthropic/claude-opus-5"),
        ("anthropic", "eu.anthropic.claude-sonnet-4-20250514-v1:0", "anthropic/claude-sonnet-4-0"),
        ("anthropic", "anthropic.claude-3-5-sonnet-20241022-v2:0", "anthropic/claude-3-5-sonnet"),
        ("anthropic", "claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5"),
        ("anthropic", "claude-sonnet-4-5@20250929", "anthropic/claude-sonnet-4-5"),
        ("anthropic", "claude-sonnet-4-5-20250929[1m]", "anthropic/claude-sonnet-4-5"),
        ("anthropic", "claude-opus-5-20991231", "anthropic/claude-opus-5"),
        ("anthropic", "claude-3-5-haiku-latest", "anthropic/claude-3-5-haiku"),
        ("openai", "gpt-6-sol-2026-09-09", "openai/gpt-6-sol"),
        // Other names of a provider.
        ("gemini", "gemini-2.5-flash", "google/gemini-2.5-flash"),
        ("google_genai", "gemini-2.5-flash", "google/gemini-2.5-flash"),
        ("mistralai", "mistral-large-2512", "mistral/mistral-large-2512"),
    ] {
        check(provider, model, expected);
    }
}

#[test]
fn what_only_looks_like_a_model_is_unknown() {
    for (provider, model) in [
        ("openai", "gpt-x"),
        ("anthropic", "claude-y"),
        ("anthropic", "<synthetic>"),
        ("openai", "my-gpt-4o"),
        ("openai", "gpt-4o-"),
        ("openai", "gpt-4"),
        ("openai", "gpt-4o-audio-preview"),
        ("openai", "gpt-4o-audio-preview-2024-12-17"),
        ("openai", "gpt-4o-mini-transcribe"),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::abc"),
        ("openai", "gpt-5.9-chat-latest"),
        ("openai", "latest"),
        ("openai", "-latest"),
        ("openai", "2024-08-06"),
        ("google", "gemini-2.5-flash-image"),
        ("google", "gemini-1.5-flash-8b"),
        ("google", "gemini-flash-latest"),
        ("mistral", "mistral-large-latest"),
        ("anthropic", "claude-sonnet-4-5-2025"),
        ("anthropic", "claude-sonnet-4-5-v1:0:extra"),
        ("anthropic", "claude-sonnet-4-5\u{2013}20250929"),
        // A region of which the book does not say what it costs.
        ("anthropic", "ca.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("anthropic", "eu.anthropic.claude-fable-5-2"),
        ("anthropic", "mars.anthropic.claude-sonnet-4-5"),
        // Another provider's model, and providers that resell at prices of their own.
        ("openai", "claude-sonnet-4-5"),
        ("openai", "anthropic/claude-sonnet-4-5"),
        ("anthropic", "gpt-4o"),
        ("azure", "gpt-4o"),
        ("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("vertex", "gemini-2.5-pro"),
        ("openrouter", "openai/gpt-4o"),
        ("", "gpt-4o"),
    ] {
        call(provider, model, 1, 1).stays_unpriced(UnpricedReason::UnknownModel);
    }
}

#[test]
fn no_model_is_told_apart_from_an_unknown_one() {
    let tokens = TokenUsage::default();
    for model in [None, Some(""), Some("  ")] {
        let call = Call {
            provider: "openai",
            model,
            at: Timestamp::from_millis(0),
            tokens: &tokens,
            usage_known: true,
            cache_creation_1h: None,
            audio_input: None,
            audio_output: None,
            web_search_requests: None,
            service_tier: None,
            speed: None,
            batch: false,
        };
        let pricing = PriceBook::builtin().price(&call);
        assert_eq!(pricing, Pricing::Unpriced(UnpricedReason::NoModel));
    }
    call("openai", "gpt-4oé", 1, 1).stays_unpriced(UnpricedReason::UnknownModel);
    let endless = String::leak("x".repeat(1 << 20));
    call("openai", endless, 1, 1).stays_unpriced(UnpricedReason::UnknownModel);
}
