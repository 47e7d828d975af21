//! What holds for every call.

use modelstat_pricing::{Call, Class, PriceBook, Pricing, UnpricedReason};
use modelstat_wire::{Timestamp, TokenUsage};
use proptest::prelude::*;
use proptest::sample::select;

/// Far beyond any window, and small enough that parts and wholes both occur.
const MAX_TOKENS: u64 = 1 << 50;

fn usage() -> impl Strategy<Value = TokenUsage> {
    let count = || prop_oneof![Just(0), 0..1_000_000_u64, 0..MAX_TOKENS];
    (count(), count(), count(), count(), count()).prop_map(
        |(input, output, cache_creation, cache_read, reasoning)| TokenUsage {
            input,
            output,
            cache_creation,
            cache_read,
            reasoning,
        },
    )
}

fn names() -> Vec<(&'static str, &'static str)> {
    PriceBook::builtin().models().map(|model| (&*model.provider, model.id.as_str())).collect()
}

proptest! {
    #[test]
    fn the_total_is_the_sum_of_the_lines(
        name in select(names()),
        tokens in usage(),
        one_hour in proptest::option::of(0..MAX_TOKENS),
        searches in proptest::option::of(0..1_000_u64),
        tier in proptest::option::of(select(vec!["default", "priority", "flex", "batch", "auto"])),
        batch in any::<bool>(),
        day in 0..30_000_i64,
    ) {
        let call = Call {
            provider: name.0,
            model: Some(name.1),
            at: Timestamp::from_millis(day * 86_400_000),
            tokens: &tokens,
            usage_known: true,
            cache_creation_1h: one_hour,
            audio_input: None,
            audio_output: None,
            web_search_requests: searches,
            service_tier: tier,
            speed: None,
            batch,
        };
        let cost = match PriceBook::builtin().price(&call) {
            Pricing::Priced(cost) => cost,
            Pricing::Unpriced(reason) => {
                prop_assert!(reason != UnpricedReason::UnknownModel);
                return Ok(());
            }
        };
        prop_assert_eq!(cost.total, cost.lines.iter().map(|line| line.amount).sum());
        let mut tokens_in_lines = 0_u128;
        for line in &cost.lines {
            // |amount × denominator − quantity × rate × numerator| is at most half a denominator.
            let (numerator, denominator) = line.multiplier;
            let exact = i128::from(line.quantity) * line.rate.0 * i128::from(numerator);
            let error = line.amount.0 * i128::from(denominator) - exact;
            prop_assert!(error.abs() * 2 <= i128::from(denominator));
            if line.class != Class::WebSearch.as_str() {
                tokens_in_lines += u128::from(line.quantity);
            }
        }
        prop_assert_eq!(tokens_in_lines, tokens.total());
    }

    #[test]
    fn no_name_makes_it_panic(provider in "\\PC{0,12}", model in "\\PC{0,40}") {
        let tokens = TokenUsage::default();
        for provider in [provider.as_str(), "openai", "anthropic"] {
            let call = Call {
                provider,
                model: Some(&model),
                at: Timestamp::from_millis(0),
                tokens: &tokens,
                usage_known: true,
                cache_creation_1h: None,
                audio_input: None,
                audio_output: None,
                web_search_requests: None,
                service_tier: Some(&model),
                speed: None,
                batch: false,
            };
            let pricing = PriceBook::builtin().price(&call);
            prop_assert!(matches!(pricing, Pricing::Unpriced(_)));
        }
    }
}
