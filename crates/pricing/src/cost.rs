//! From a call to its cost.

use std::sync::Arc;

use modelstat_wire::{PicoUsd, Timestamp, TokenUsage};

use crate::book::PriceBook;
use crate::matching::{self, Match};
use crate::multiplier::Multiplier;
use crate::price::{Class, Mode, Price, Rates};

/// Names under which providers report the tier and the speed that cost the usual rates. A request's
/// `auto` is not among them: it says nothing about what was served.
const STANDARD: [&str; 3] = ["default", "standard", ""];
/// The tier under which a provider reports a batch.
const BATCH: &str = "batch";

/// What the price of one call depends on.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Who served it.
    pub provider: &'a str,
    /// The model as the client named it.
    pub model: Option<&'a str>,
    /// When it ran; the price in force then is taken.
    pub at: Timestamp,
    /// The five disjoint classes.
    pub tokens: &'a TokenUsage,
    /// Whether `tokens` was reported at all.
    pub usage_known: bool,
    /// The part of `tokens.cache_creation` that went to the one-hour cache.
    pub cache_creation_1h: Option<u64>,
    /// The part of `tokens.input` that was audio.
    pub audio_input: Option<u64>,
    /// The part of `tokens.output` that was audio.
    pub audio_output: Option<u64>,
    /// Web searches that the provider ran.
    pub web_search_requests: Option<u64>,
    /// The service tier, where one was reported.
    pub service_tier: Option<&'a str>,
    /// The speed class, where one was reported.
    pub speed: Option<&'a str>,
    /// Whether the call was part of a discounted batch.
    pub batch: bool,
}

/// What became of a call that was to be priced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pricing {
    /// It has a cost.
    Priced(Cost),
    /// It has none, which is not the same as costing nothing.
    Unpriced(UnpricedReason),
}

/// Why a call has no cost. Where several hold, the first of this list is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnpricedReason {
    /// The call names no model.
    NoModel,
    /// The book does not hold the model under this provider.
    UnknownModel,
    /// The book holds the model, but no price on that day.
    NoPriceAtDate,
    /// The counts were not reported, or contradict each other.
    UnknownUsage,
    /// The book has no rate for a class, tier, speed, region or size that the call used.
    UnsupportedTier,
}

impl UnpricedReason {
    /// Returns the name that the API uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoModel => "no_model",
            Self::UnknownModel => "unknown_model",
            Self::NoPriceAtDate => "no_price_at_date",
            Self::UnknownUsage => "unknown_usage",
            Self::UnsupportedTier => "unsupported_tier",
        }
    }
}

/// What a call costs, and how that comes about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Exactly the sum of the lines.
    pub total: PicoUsd,
    /// One line per class that the call used.
    pub lines: Vec<CostLine>,
    /// The price that was taken.
    pub price_id: Arc<str>,
    /// The version of the book that it was taken from.
    pub book_version: Arc<str>,
}

/// Quantity × rate × multiplier, rounded half to even, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostLine {
    /// What is counted.
    pub class: &'static str,
    /// How many units.
    pub quantity: u64,
    /// The rate of one unit.
    pub rate: PicoUsd,
    /// Numerator and denominator of what batch, tier, speed and region make of the rate.
    pub multiplier: (u32, u32),
    /// The amount.
    pub amount: PicoUsd,
}

impl PriceBook {
    /// Prices one call.
    pub fn price(&self, call: &Call<'_>) -> Pricing {
        match self.cost(call) {
            Ok(cost) => Pricing::Priced(cost),
            Err(reason) => Pricing::Unpriced(reason),
        }
    }

    fn cost(&self, call: &Call<'_>) -> Result<Cost, UnpricedReason> {
        let model = call.model.filter(|model| !model.trim().is_empty());
        let model = model.ok_or(UnpricedReason::NoModel)?;
        let Match { model, region } =
            matching::find(self, call.provider, model).ok_or(UnpricedReason::UnknownModel)?;
        let price = model.price_at(call.at).ok_or(UnpricedReason::NoPriceAtDate)?;
        let quantities = quantities(call).ok_or(UnpricedReason::UnknownUsage)?;
        let mode = mode(price, call)?;
        let rates = rates(price, call, mode)?;
        if has_ambiguous_audio(call, rates) {
            return Err(UnpricedReason::UnsupportedTier);
        }
        let lines = lines(&quantities, rates, mode, region)?;
        Ok(Cost {
            total: lines.iter().map(|line| line.amount).sum(),
            lines,
            price_id: Arc::clone(&price.id),
            book_version: self.shared_version(),
        })
    }
}

/// Splits the reported counts into billed classes; `None` where they are unknown or contradictory.
fn quantities(call: &Call<'_>) -> Option<[(Class, u64); Class::ALL.len()]> {
    if !call.usage_known {
        return None;
    }
    let tokens = call.tokens;
    let one_hour = call.cache_creation_1h.unwrap_or(0);
    let audio_input = call.audio_input.unwrap_or(0);
    let audio_output = call.audio_output.unwrap_or(0);
    Some([
        (Class::Input, tokens.input.checked_sub(audio_input)?),
        (Class::AudioInput, audio_input),
        (Class::CacheRead, tokens.cache_read),
        (Class::CacheCreation, tokens.cache_creation.checked_sub(one_hour)?),
        (Class::CacheCreation1h, one_hour),
        (Class::Output, tokens.output.checked_sub(audio_output)?),
        (Class::AudioOutput, audio_output),
        (Class::Reasoning, tokens.reasoning),
        (Class::WebSearch, call.web_search_requests.unwrap_or(0)),
    ])
}

/// Finds the one mode that the call ran in; two at once have no published price.
fn mode<'a>(price: &'a Price, call: &Call<'_>) -> Result<Option<&'a Mode>, UnpricedReason> {
    let tier = call.service_tier.map(str::trim).filter(|tier| !is_standard(tier));
    let speed = call.speed.map(str::trim).filter(|speed| !is_standard(speed));
    let is_batch_tier = tier.is_some_and(|tier| tier.eq_ignore_ascii_case(BATCH));
    let is_batch = call.batch || is_batch_tier;
    let mode = match (is_batch, tier.filter(|_| !is_batch_tier), speed) {
        (false, None, None) => return Ok(None),
        (true, None, None) => price.batch.as_ref(),
        (false, Some(tier), None) => price.service_tiers.get(&tier.to_ascii_lowercase()),
        (false, None, Some(speed)) => price.speeds.get(&speed.to_ascii_lowercase()),
        _ => None,
    };
    mode.map(Some).ok_or(UnpricedReason::UnsupportedTier)
}

fn is_standard(name: &str) -> bool {
    STANDARD.iter().any(|standard| name.eq_ignore_ascii_case(standard))
}

/// Chooses the usual or the long rates, for the whole request, by all of its input.
fn rates<'a>(
    price: &'a Price,
    call: &Call<'_>,
    mode: Option<&Mode>,
) -> Result<&'a Rates, UnpricedReason> {
    let tokens = call.tokens;
    let input = u128::from(tokens.input)
        + u128::from(tokens.cache_read)
        + u128::from(tokens.cache_creation);
    match &price.long {
        Some(long) if input > u128::from(long.above) => match mode {
            Some(mode) if !mode.long => Err(UnpricedReason::UnsupportedTier),
            _ => Ok(&long.rates),
        },
        _ => Ok(&price.rates),
    }
}

/// Cached audio has a rate of its own where audio has, and no count says how much was cached.
fn has_ambiguous_audio(call: &Call<'_>, rates: &Rates) -> bool {
    let cached = call.tokens.cache_read > 0 || call.tokens.cache_creation > 0;
    cached
        && call.audio_input.unwrap_or(0) > 0
        && rates.get(Class::AudioInput) != rates.get(Class::Input)
}

fn lines(
    quantities: &[(Class, u64)],
    rates: &Rates,
    mode: Option<&Mode>,
    region: Multiplier,
) -> Result<Vec<CostLine>, UnpricedReason> {
    let mut lines = Vec::with_capacity(4);
    for &(class, quantity) in quantities.iter().filter(|(_, quantity)| *quantity > 0) {
        let rate = rates.get(class).ok_or(UnpricedReason::UnsupportedTier)?;
        let in_mode = mode.map_or(Multiplier::ONE, |mode| mode.multiplier(class));
        // A region changes what tokens cost; searches are run elsewhere.
        let multiplier = if class == Class::WebSearch { in_mode } else { in_mode.times(region) };
        lines.push(CostLine {
            class: class.as_str(),
            quantity,
            rate,
            multiplier: multiplier.terms(),
            amount: multiplier.amount(quantity, rate),
        });
    }
    Ok(lines)
}
