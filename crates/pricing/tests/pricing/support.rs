//! What the tests share: calls that read like sentences.

use modelstat_pricing::{Call, Cost, PriceBook, Pricing, UnpricedReason};
use modelstat_wire::{Timestamp, TokenUsage};

/// A day on which every model of the book has a price.
pub(crate) const TODAY: &str = "2026-11-22T12:00:00Z";

/// A call under construction; it owns its counts, as [`Call`] borrows them.
pub(crate) struct Draft {
    pub(crate) provider: &'static str,
    pub(crate) model: &'static str,
    pub(crate) at: &'static str,
    pub(crate) tokens: TokenUsage,
    pub(crate) usage_known: bool,
    pub(crate) one_hour: Option<u64>,
    pub(crate) audio: (Option<u64>, Option<u64>),
    pub(crate) searches: Option<u64>,
    pub(crate) tier: Option<&'static str>,
    pub(crate) speed: Option<&'static str>,
    pub(crate) batch: bool,
}

/// Starts a call of today with `input` and `output` tokens.
pub(crate) fn call(provider: &'static str, model: &'static str, input: u64, output: u64) -> Draft {
    Draft {
        provider,
        model,
        at: TODAY,
        tokens: TokenUsage { input, output, ..TokenUsage::default() },
        usage_known: true,
        one_hour: None,
        audio: (None, None),
        searches: None,
        tier: None,
        speed: None,
        batch: false,
    }
}

impl Draft {
    pub(crate) fn at(mut self, at: &'static str) -> Self {
        self.at = at;
        self
    }

    pub(crate) fn cached(mut self, read: u64, created: u64) -> Self {
        self.tokens.cache_read = read;
        self.tokens.cache_creation = created;
        self
    }

    pub(crate) fn one_hour(mut self, part: u64) -> Self {
        self.one_hour = Some(part);
        self
    }

    pub(crate) fn reasoning(mut self, tokens: u64) -> Self {
        self.tokens.reasoning = tokens;
        self
    }

    pub(crate) fn searches(mut self, count: u64) -> Self {
        self.searches = Some(count);
        self
    }

    pub(crate) fn audio(mut self, input: u64, output: u64) -> Self {
        self.audio = (Some(input), Some(output));
        self
    }

    pub(crate) fn tier(mut self, tier: &'static str) -> Self {
        self.tier = Some(tier);
        self
    }

    pub(crate) fn speed(mut self, speed: &'static str) -> Self {
        self.speed = Some(speed);
        self
    }

    pub(crate) fn batch(mut self) -> Self {
        self.batch = true;
        self
    }

    pub(crate) fn usage_unknown(mut self) -> Self {
        self.usage_known = false;
        self
    }

    pub(crate) fn price_in(&self, book: &PriceBook) -> Pricing {
        book.price(&Call {
            provider: self.provider,
            model: Some(self.model),
            at: self.at.parse::<Timestamp>().expect("a valid time"),
            tokens: &self.tokens,
            usage_known: self.usage_known,
            cache_creation_1h: self.one_hour,
            audio_input: self.audio.0,
            audio_output: self.audio.1,
            web_search_requests: self.searches,
            service_tier: self.tier,
            speed: self.speed,
            batch: self.batch,
        })
    }

    pub(crate) fn cost(&self) -> Cost {
        match self.price_in(PriceBook::builtin()) {
            Pricing::Priced(cost) => cost,
            Pricing::Unpriced(reason) => {
                panic!("{}/{} is unpriced: {}", self.provider, self.model, reason.as_str())
            }
        }
    }

    /// Asserts the total, as it is printed, and that it is the sum of the lines.
    #[track_caller]
    pub(crate) fn costs(self, expected: &str) {
        let cost = self.cost();
        assert_eq!(cost.total.to_string(), expected, "{:?}", cost.lines);
        assert_eq!(cost.total, cost.lines.iter().map(|line| line.amount).sum());
    }

    #[track_caller]
    pub(crate) fn stays_unpriced(self, expected: UnpricedReason) {
        let pricing = self.price_in(PriceBook::builtin());
        assert_eq!(pricing, Pricing::Unpriced(expected), "{}/{}", self.provider, self.model);
    }
}
