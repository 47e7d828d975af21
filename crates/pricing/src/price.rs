//! One price: what a model's classes cost between two days.

use std::collections::HashMap;
use std::sync::Arc;

use modelstat_wire::{PicoUsd, Timestamp};

use crate::date::PriceDate;
use crate::multiplier::Multiplier;

/// Highest accepted rate per unit, in pico-USD: one dollar, a million times today's usual rates.
pub(crate) const MAX_RATE: i128 = 1_000_000_000_000;

/// What a line of a cost counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Prompt tokens that touched no cache.
    Input,
    /// The part of the prompt tokens that was audio.
    AudioInput,
    /// Prompt tokens read from a cache.
    CacheRead,
    /// Prompt tokens written to the short-lived cache.
    CacheCreation,
    /// Prompt tokens written to the one-hour cache.
    CacheCreation1h,
    /// Completion tokens without reasoning.
    Output,
    /// The part of the completion tokens that was audio.
    AudioOutput,
    /// Completion tokens that the model spent on reasoning.
    Reasoning,
    /// Web searches that the provider ran.
    WebSearch,
}

impl Class {
    /// Every class, in the order in which lines are listed.
    pub const ALL: [Self; 9] = [
        Self::Input,
        Self::AudioInput,
        Self::CacheRead,
        Self::CacheCreation,
        Self::CacheCreation1h,
        Self::Output,
        Self::AudioOutput,
        Self::Reasoning,
        Self::WebSearch,
    ];

    /// Returns the name that lines, the API and the price files use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::AudioInput => "audio_input",
            Self::CacheRead => "cache_read",
            Self::CacheCreation => "cache_creation",
            Self::CacheCreation1h => "cache_creation_1h",
            Self::Output => "output",
            Self::AudioOutput => "audio_output",
            Self::Reasoning => "reasoning",
            Self::WebSearch => "web_search",
        }
    }
}

/// A rate per unit for each class; `None` where the book has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates([Option<PicoUsd>; Class::ALL.len()]);

impl Rates {
    /// Returns the rate per token (per search for [`Class::WebSearch`]).
    ///
    /// Reasoning without a rate of its own costs what output costs.
    pub fn get(&self, class: Class) -> Option<PicoUsd> {
        let fallback =
            if class == Class::Reasoning { self.0[Class::Output as usize] } else { None };
        self.0[class as usize].or(fallback)
    }

    pub(crate) fn set(&mut self, class: Class, rate: Option<PicoUsd>) {
        self.0[class as usize] = rate;
    }
}

/// The rates of a whole request whose input, caches included, lies above a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongContext {
    /// Input tokens that a request may have at the usual rates.
    pub above: u64,
    /// The rates of every token of a longer request.
    pub rates: Rates,
}

/// How a batch, a service tier or a speed changes the token rates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mode {
    /// The multiplier of every class that `exceptions` does not name.
    pub all: Multiplier,
    /// Multipliers of single classes.
    pub exceptions: Vec<(Class, Multiplier)>,
    /// Whether long requests can be made in this mode.
    pub long: bool,
}

impl Mode {
    /// Returns the multiplier of a class; searches are never discounted, reasoning goes with output.
    pub fn multiplier(&self, class: Class) -> Multiplier {
        match class {
            Class::WebSearch => Some(Multiplier::ONE),
            Class::Reasoning => self.exception(class).or(self.exception(Class::Output)),
            _ => self.exception(class),
        }
        .unwrap_or(self.all)
    }

    fn exception(&self, class: Class) -> Option<Multiplier> {
        let mut exceptions = self.exceptions.iter();
        exceptions.find_map(|(named, multiplier)| (*named == class).then_some(*multiplier))
    }
}

/// What a model costs from one day until another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Names this price for good: `provider/model@from`, or `…@start` where the start is open.
    pub id: Arc<str>,
    /// First UTC day, or `None` for an open start.
    pub from: Option<PriceDate>,
    /// First UTC day on which the price no longer holds, or `None` while it does.
    pub to: Option<PriceDate>,
    /// The usual rates.
    pub rates: Rates,
    /// The rates of long requests, where they differ.
    pub long: Option<LongContext>,
    /// The discount of a batch.
    pub batch: Option<Mode>,
    /// Service tiers by name, beyond the standard one.
    pub service_tiers: HashMap<String, Mode>,
    /// Speeds by name, beyond the standard one.
    pub speeds: HashMap<String, Mode>,
}

impl Price {
    /// Returns whether the price is in force at a time.
    pub fn holds_at(&self, at: Timestamp) -> bool {
        let day = at.utc_day();
        self.from.as_ref().is_none_or(|from| from.utc_day() <= day)
            && self.to.as_ref().is_none_or(|to| day < to.utc_day())
    }
}
