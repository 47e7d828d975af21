//! Costs worked out by hand. Amounts are in USD; 1 M is a million tokens.

use modelstat_pricing::{PriceBook, Pricing, UnpricedReason};

use crate::support::call;

#[test]
fn the_five_classes_are_priced_each_by_its_rate() {
    // 1,000 × 2.50/M = 0.0025; 500 × 10/M = 0.005; 200 × 1.25/M = 0.00025.
    call("openai", "gpt-4o", 1_000, 500).cached(200, 0).costs("0.007750000000");
    // 12,345 × 0.15/M = 0.00185175; 678 × 0.60/M = 0.0004068.
    call("openai", "gpt-4o-mini", 12_345, 678).costs("0.002258550000");
    // 10,000 × 2/M = 0.02; 2,000 × 8/M = 0.016.
    call("openai", "gpt-4.1", 10_000, 2_000).costs("0.036000000000");
    // 2,000 × 1.25/M = 0.0025; 8,000 × 0.125/M = 0.001; (300 + 700) × 10/M = 0.01.
    call("openai", "gpt-5", 2_000, 300).cached(8_000, 0).reasoning(700).costs("0.013500000000");
    // 1,000 × 2/M = 0.002; 4,000 × 2.50/M = 0.01; 50,000 × 0.10/M = 0.005; 100 × 10/M = 0.001.
    call("openai", "gpt-6.1-sol", 1_000, 100).cached(50_000, 4_000).costs("0.018000000000");
    // 7 × 0.80/M = 0.0000056; 3 × 4/M = 0.000012.
    call("anthropic", "claude-3-5-haiku", 7, 3).costs("0.000017600000");
    // 100,000 × 0.15/M = 0.015; 10,000 × 0.60/M = 0.006; 1,000 × 0.015/M = 0.000015.
    call("mistral", "mistral-small-2603", 100_000, 10_000).cached(1_000, 0).costs("0.021015000000");
    // 1,000 × 0.10/M = 0.0001; 1 × 0.40/M = 0.0000004.
    call("google", "gemini-2.0-flash", 1_000, 1).costs("0.000100400000");
}

#[test]
fn one_hour_cache_writes_and_searches_have_their_own_lines() {
    // 1,000 × 3/M = 0.003; 500 × 15/M = 0.0075; 2,000 × 3.75/M = 0.0075; 1,000 × 6/M = 0.006;
    // 10,000 × 0.30/M = 0.003; 2 × 10/1,000 = 0.02.
    call("anthropic", "claude-sonnet-4-5", 1_000, 500)
        .cached(10_000, 3_000)
        .one_hour(1_000)
        .searches(2)
        .costs("0.047000000000");
    // 1,000 × 2/M = 0.002; 3 × 14/1,000 = 0.042.
    call("google", "gemini-4-argon", 1_000, 0).searches(3).costs("0.044000000000");

    let cost = call("anthropic", "claude-sonnet-4-5", 1, 2).cached(3, 9).one_hour(4).cost();
    let lines: Vec<_> = cost.lines.iter().map(|line| (line.class, line.quantity)).collect();
    let expected =
        [("input", 1), ("cache_read", 3), ("cache_creation", 5), ("cache_creation_1h", 4)];
    assert_eq!(lines[..4], expected);
    assert_eq!(lines[4..], [("output", 2)]);
    assert_eq!(&*cost.price_id, "anthropic/claude-sonnet-4-5@start");
    assert_eq!(&*cost.book_version, PriceBook::builtin().version());
}

#[test]
fn the_price_of_the_day_is_taken() {
    // 1,000 × 10/M = 0.01; 500 × 40/M = 0.02; 2,500 × 40/M = 0.1.
    let dear = call("openai", "o3", 1_000, 500).reasoning(2_500);
    dear.at("2025-06-09T23:59:59.999999Z").costs("0.130000000000");
    // 1,000 × 2/M = 0.002; 500 × 8/M = 0.004; 2,500 × 8/M = 0.02.
    let cut = call("openai", "o3", 1_000, 500).reasoning(2_500).at("2025-06-10T00:00:00Z");
    assert_eq!(&*cut.cost().price_id, "openai/o3@2025-06-10");
    cut.costs("0.026000000000");
    // The day is UTC's: half past one in Berlin is still the day before.
    // 1,000 × 10/M = 0.01.
    call("openai", "o3", 1_000, 0).at("2025-06-10T01:30:00+02:00").costs("0.010000000000");
    // 1,000 × 0.40/M, then 1,000 × 1.50/M.
    let moved = |at| call("mistral", "mistral-medium-latest", 1_000, 0).at(at);
    moved("2026-06-15T23:59:59Z").costs("0.000400000000");
    moved("2026-06-16T00:00:00Z").costs("0.001500000000");
    // 1 M × 0.68/M, 1.36/M, 0.70/M.
    let large = |at| call("mistral", "mistral-large-4", 1_000_000, 0).at(at);
    large("2026-10-19T12:00:00Z").costs("0.680000000000");
    large("2026-10-20T00:00:00Z").costs("1.360000000000");
    large("2026-10-28T23:00:00Z").costs("1.360000000000");
    large("2026-10-29T00:00:00Z").costs("0.700000000000");
    // 1,000 × 0.75/M, then 1,000 × 1.50/M: an announced price.
    let flash = |at| call("google", "gemini-3.8-flash", 1_000, 0).at(at);
    flash("2026-12-31T23:59:59Z").costs("0.000750000000");
    flash("2027-01-01T00:00:00Z").costs("0.001500000000");
}

#[test]
fn long_requests_cost_more_as_a_whole_and_only_above_the_threshold() {
    // 200,000 × 3/M = 0.6; 100 × 15/M = 0.0015.
    call("anthropic", "claude-sonnet-4-5", 200_000, 100).costs("0.601500000000");
    // 200,001 × 6/M = 1.200006; 100 × 22.50/M = 0.00225.
    call("anthropic", "claude-sonnet-4-5", 200_001, 100).costs("1.202256000000");
    // 272,000 × 2.50/M = 0.68; 1,000 × 15/M = 0.015.
    call("openai", "gpt-5.4", 272_000, 1_000).costs("0.695000000000");
    // 272,001 × 5/M = 1.360005; 1,000 × 22.50/M = 0.0225.
    call("openai", "gpt-5.4", 272_001, 1_000).costs("1.382505000000");
    // Caches count: 100,000 × 5/M = 0.5; 172,001 × 0.50/M = 0.0860005.
    call("openai", "gpt-5.4", 100_000, 0).cached(172_001, 0).costs("0.586000500000");
    // 200,000 × 1.25/M = 0.25; 1,000 × 10/M = 0.01.
    call("gemini", "gemini-2.5-pro", 200_000, 1_000).costs("0.260000000000");
    // 200,001 × 2.50/M = 0.5000025; 1,000 × 15/M = 0.015.
    call("gemini", "gemini-2.5-pro", 200_001, 1_000).costs("0.515002500000");
    // 100,000 × 0.10/M = 0.01, then 100,001 × 0.50/M = 0.0500005.
    call("anthropic", "claude-haiku-5-5", 100_000, 0).costs("0.010000000000");
    call("anthropic", "claude-haiku-5-5", 100_001, 0).costs("0.050000500000");
    // The premium ended: 260,000 × 6/M = 1.56, then 260,000 × 3/M = 0.78.
    let long = |at| call("anthropic", "claude-sonnet-4-6", 260_000, 0).at(at);
    long("2026-03-12T23:59:59Z").costs("1.560000000000");
    long("2026-03-13T00:00:00Z").costs("0.780000000000");
}

#[test]
fn batches_tiers_and_speeds_multiply_exactly() {
    // 12,345 × 1/M × 1/2 = 0.0061725; 677 × 5/M × 1/2 = 0.0016925.
    call("anthropic", "claude-haiku-4-5", 12_345, 677).batch().costs("0.007865000000");
    call("anthropic", "claude-haiku-4-5", 12_345, 677).tier("batch").costs("0.007865000000");
    // Cache reads keep their rate: 1,000 × 0.30/M × 1/2 = 0.00015; 1,000 × 0.03/M = 0.00003;
    // 100 × 2.50/M × 1/2 = 0.000125.
    call("google", "gemini-2.5-flash", 1_000, 100).cached(1_000, 0).batch().costs("0.000305000000");
    // Searches too: 1,000 × 1/M × 1/2 = 0.0005; 1 × 10/1,000 = 0.01.
    call("anthropic", "claude-haiku-4-5", 1_000, 0).searches(1).batch().costs("0.010500000000");
    // 10,000 × 1.10/M × 20/11 = 0.02; 1,000 × 4.40/M × 20/11 = 0.008.
    call("openai", "o4-mini", 10_000, 1_000).tier("priority").costs("0.028000000000");
    // 10,000 × 1.10/M × 1/2 = 0.0055; 1,000 × 0.275/M × 138/275 = 0.000138;
    // 1,000 × 4.40/M × 1/2 = 0.0022.
    call("openai", "o4-mini", 10_000, 1_000).cached(1_000, 0).tier("flex").costs("0.007838000000");
    // 1,000 × 5/M × 5/2 = 0.0125; 100 × 30/M × 5/2 = 0.0075.
    call("openai", "gpt-5.5", 1_000, 100).tier("Priority").costs("0.020000000000");
    // 1,000 × 5/M × 2 = 0.01; 200 × 25/M × 2 = 0.01.
    call("anthropic", "claude-opus-4-8", 1_000, 200).speed("fast").costs("0.020000000000");
    // The usual tier and speed by their names: 1,000 × 2.50/M.
    call("openai", "gpt-4o", 1_000, 0).tier("default").speed("standard").costs("0.002500000000");
    // A region: 1,000 × 3/M × 11/10 = 0.0033; 100 × 15/M × 11/10 = 0.00165.
    let regional = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
    call("anthropic", regional, 1_000, 100).costs("0.004950000000");
    // Both: 1,000 × 3/M × 1/2 × 11/10 = 0.00165.
    call("anthropic", regional, 1_000, 0).batch().costs("0.001650000000");
}

#[test]
fn audio_has_its_own_rate_where_the_book_has_one() {
    // 600 × 0.30/M = 0.00018; 400 × 1/M = 0.0004; 100 × 2.50/M = 0.00025.
    call("google", "gemini-2.5-flash", 1_000, 0)
        .audio(400, 0)
        .reasoning(100)
        .costs("0.000830000000");
    // A text model, and cached audio, of which nobody says how much it was.
    let unsupported = UnpricedReason::UnsupportedTier;
    call("openai", "gpt-4o", 1_000, 0).audio(1, 0).stays_unpriced(unsupported);
    call("openai", "gpt-4o", 1_000, 10).audio(0, 1).stays_unpriced(unsupported);
    call("google", "gemini-2.5-flash", 1_000, 0)
        .audio(1, 0)
        .cached(1, 0)
        .stays_unpriced(unsupported);
}

#[test]
fn nothing_costs_nothing() {
    call("openai", "gpt-4o", 0, 0).costs("0.000000000000");
    assert!(call("openai", "gpt-4o", 0, 0).cost().lines.is_empty());
}

#[test]
fn what_has_no_rate_stays_unpriced() {
    let unsupported = UnpricedReason::UnsupportedTier;
    for tier in ["auto", "scale", "ultrafast", "flex"] {
        call("openai", "gpt-4o", 1, 1).tier(tier).stays_unpriced(unsupported);
    }
    call("anthropic", "claude-sonnet-4-5", 1, 1).tier("priority").stays_unpriced(unsupported);
    call("anthropic", "claude-sonnet-4-5", 1, 1).speed("fast").stays_unpriced(unsupported);
    call("anthropic", "claude-opus-4-8", 1, 1).speed("fast").batch().stays_unpriced(unsupported);
    call("openai", "gpt-5.4", 1, 1).tier("flex").batch().stays_unpriced(unsupported);
    // No priority above the threshold, no cache writes and no search for these models.
    call("openai", "gpt-5.5", 272_001, 1).tier("priority").stays_unpriced(unsupported);
    call("openai", "gpt-4o", 1, 1).cached(0, 1).stays_unpriced(unsupported);
    call("openai", "gpt-4o", 1, 1).searches(1).stays_unpriced(unsupported);
    // Batch rates of the old price are not known.
    call("openai", "o3", 1, 1).at("2025-06-01T00:00:00Z").batch().stays_unpriced(unsupported);
}

#[test]
fn unknown_and_contradictory_counts_are_unpriced() {
    let unknown = UnpricedReason::UnknownUsage;
    call("openai", "gpt-4o", 0, 0).usage_unknown().stays_unpriced(unknown);
    call("anthropic", "claude-sonnet-5", 1, 1).cached(0, 5).one_hour(6).stays_unpriced(unknown);
    call("google", "gemini-2.5-flash", 5, 0).audio(6, 0).stays_unpriced(unknown);
    call("google", "gemini-2.5-flash", 5, 0).audio(0, 1).stays_unpriced(unknown);
    // A model that is unknown too is the first thing to say.
    call("openai", "gpt-x", 0, 0).usage_unknown().stays_unpriced(UnpricedReason::UnknownModel);
}

const TINY: &str = r#"
provider = "tiny"
url = "https://tiny.example/prices"
checked = "2026-01-02"
packages = ["by hand"]

[[model]]
id = "grain"
stated_by = ["by hand"]

[[model.price]]
from = "2026-01-01"
to = "2026-02-01"
input = "0.000001"
output = "0.000003"
reasoning = "0.000005"
batch = { all = "1/2", output = "1/4" }
"#;

#[test]
fn halves_of_a_pico_go_to_the_even_neighbour() {
    let book = PriceBook::parse(&[TINY]).expect("a valid book");
    let total = |input, output, reasoning| {
        let call = call("tiny", "grain", input, output).reasoning(reasoning).batch();
        match call.at("2026-01-15T00:00:00Z").price_in(&book) {
            Pricing::Priced(cost) => cost.total.0,
            Pricing::Unpriced(reason) => panic!("unpriced: {}", reason.as_str()),
        }
    };
    // One pico a token, halved: 0.5 → 0, 1.5 → 2, 2.5 → 2.
    assert_eq!([total(1, 0, 0), total(3, 0, 0), total(5, 0, 0)], [0, 2, 2]);
    // 3 × 3 / 4 = 2.25 → 2; reasoning goes with output: 2 × 5 / 4 = 2.5 → 2, 6 × 5 / 4 = 7.5 → 8.
    assert_eq!([total(0, 3, 0), total(0, 0, 2), total(0, 0, 6)], [2, 2, 8]);
    // Each line is rounded alone: 1.5 → 2 and 2.25 → 2.
    assert_eq!(total(3, 3, 0), 4);
}

#[test]
fn outside_the_known_days_there_is_no_price() {
    let book = PriceBook::parse(&[TINY]).expect("a valid book");
    let at = |time| call("tiny", "grain", 1, 1).at(time).price_in(&book);
    let none = Pricing::Unpriced(UnpricedReason::NoPriceAtDate);
    assert_eq!(at("2025-12-31T23:59:59.999999Z"), none);
    assert!(matches!(at("2026-01-01T00:00:00Z"), Pricing::Priced(_)));
    assert!(matches!(at("2026-01-31T23:59:59.999999Z"), Pricing::Priced(_)));
    assert_eq!(at("2026-02-01T00:00:00Z"), none);
    assert_eq!(book.version(), "2026-01-02");
}
