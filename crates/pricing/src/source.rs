//! The price files as they are written, and the checks that turn them into prices.

use std::collections::{BTreeMap, HashMap};

use modelstat_wire::PicoUsd;
use serde::Deserialize;

use crate::book::BookError;
use crate::date::PriceDate;
use crate::multiplier::Multiplier;
use crate::price::{Class, LongContext, MAX_RATE, Mode, Price, Rates};

/// Rates are written per million tokens.
const TOKENS: i128 = 1_000_000;
/// Web searches are written per thousand.
const SEARCHES: i128 = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) provider: String,
    #[serde(default)]
    pub(crate) aliases: Vec<String>,
    pub(crate) url: String,
    pub(crate) checked: String,
    pub(crate) packages: Vec<String>,
    #[serde(rename = "model")]
    pub(crate) models: Vec<FileModel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileModel {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) aliases: Vec<String>,
    pub(crate) stated_by: Vec<String>,
    #[serde(default)]
    pub(crate) regions: BTreeMap<String, String>,
    #[serde(rename = "price")]
    pub(crate) prices: Vec<FilePrice>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilePrice {
    from: Option<String>,
    to: Option<String>,
    input: String,
    output: String,
    cache_read: Option<String>,
    cache_creation: Option<String>,
    cache_creation_1h: Option<String>,
    reasoning: Option<String>,
    audio_input: Option<String>,
    audio_output: Option<String>,
    web_search: Option<String>,
    long: Option<FileLong>,
    batch: Option<FileMode>,
    #[serde(default)]
    service_tier: HashMap<String, FileMode>,
    #[serde(default)]
    speed: HashMap<String, FileMode>,
}

/// Long rates repeat every token class of the usual ones, so that none falls back by accident.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileLong {
    above: u64,
    input: String,
    output: String,
    cache_read: Option<String>,
    cache_creation: Option<String>,
    cache_creation_1h: Option<String>,
    reasoning: Option<String>,
    audio_input: Option<String>,
    audio_output: Option<String>,
}

#[derive(Deserialize)]
struct FileMode {
    all: String,
    #[serde(default = "yes")]
    long: bool,
    #[serde(flatten)]
    exceptions: BTreeMap<String, String>,
}

const fn yes() -> bool {
    true
}

/// Checks one price of a model; `name` is `provider/model`.
pub(crate) fn price(name: &str, written: &FilePrice) -> Result<Price, BookError> {
    let from = date(name, written.from.as_deref())?;
    let to = date(name, written.to.as_deref())?;
    if let (Some(from), Some(to)) = (&from, &to)
        && from >= to
    {
        return Err(BookError::Dates { model: name.to_owned() });
    }
    let start = from.as_ref().map_or("start", PriceDate::as_str);
    Ok(Price {
        id: format!("{name}@{start}").into(),
        rates: usual_rates(name, written)?,
        long: long_context(name, written)?,
        batch: written.batch.as_ref().map(|batch| mode(name, batch)).transpose()?,
        service_tiers: modes(name, &written.service_tier)?,
        speeds: modes(name, &written.speed)?,
        from,
        to,
    })
}

/// Checks that the prices of a model follow each other without a gap or an overlap.
pub(crate) fn check_history(name: &str, prices: &[Price]) -> Result<(), BookError> {
    let follows = |pair: &[Price]| pair[0].to.is_some() && pair[0].to == pair[1].from;
    if prices.is_empty() || !prices.windows(2).all(follows) {
        return Err(BookError::Dates { model: name.to_owned() });
    }
    Ok(())
}

pub(crate) fn multiplier(name: &str, text: &str) -> Result<Multiplier, BookError> {
    Multiplier::parse(text).ok_or_else(|| BookError::Multiplier { model: name.to_owned() })
}

fn date(name: &str, text: Option<&str>) -> Result<Option<PriceDate>, BookError> {
    let Some(text) = text else { return Ok(None) };
    let date = PriceDate::parse(text);
    date.map(Some).ok_or_else(|| BookError::Dates { model: name.to_owned() })
}

fn usual_rates(name: &str, written: &FilePrice) -> Result<Rates, BookError> {
    let mut rates = Rates::default();
    for (class, text) in [
        (Class::Input, Some(&written.input)),
        (Class::Output, Some(&written.output)),
        (Class::CacheRead, written.cache_read.as_ref()),
        (Class::CacheCreation, written.cache_creation.as_ref()),
        (Class::CacheCreation1h, written.cache_creation_1h.as_ref()),
        (Class::Reasoning, written.reasoning.as_ref()),
        (Class::AudioInput, written.audio_input.as_ref()),
        (Class::AudioOutput, written.audio_output.as_ref()),
        (Class::WebSearch, written.web_search.as_ref()),
    ] {
        rates.set(class, rate(name, class, text)?);
    }
    Ok(rates)
}

fn long_context(name: &str, written: &FilePrice) -> Result<Option<LongContext>, BookError> {
    let Some(long) = &written.long else { return Ok(None) };
    let mut rates = Rates::default();
    for (class, text, usual) in [
        (Class::Input, Some(&long.input), true),
        (Class::Output, Some(&long.output), true),
        (Class::CacheRead, long.cache_read.as_ref(), written.cache_read.is_some()),
        (Class::CacheCreation, long.cache_creation.as_ref(), written.cache_creation.is_some()),
        (
            Class::CacheCreation1h,
            long.cache_creation_1h.as_ref(),
            written.cache_creation_1h.is_some(),
        ),
        (Class::Reasoning, long.reasoning.as_ref(), written.reasoning.is_some()),
        (Class::AudioInput, long.audio_input.as_ref(), written.audio_input.is_some()),
        (Class::AudioOutput, long.audio_output.as_ref(), written.audio_output.is_some()),
    ] {
        if text.is_some() != usual {
            return Err(BookError::LongContext { model: name.to_owned() });
        }
        rates.set(class, rate(name, class, text)?);
    }
    rates.set(Class::WebSearch, rate(name, Class::WebSearch, written.web_search.as_ref())?);
    Ok(Some(LongContext { above: long.above, rates }))
}

/// Turns a written price into whole pico-USD per unit; a fraction of one is refused.
fn rate(name: &str, class: Class, text: Option<&String>) -> Result<Option<PicoUsd>, BookError> {
    let Some(text) = text else { return Ok(None) };
    let refused = || BookError::Rate { model: name.to_owned(), class: class.as_str() };
    let PicoUsd(written) = text.parse().map_err(|_| refused())?;
    let units = if class == Class::WebSearch { SEARCHES } else { TOKENS };
    let rate = written / units;
    if written % units != 0 || !(0..=MAX_RATE).contains(&rate) {
        return Err(refused());
    }
    Ok(Some(PicoUsd(rate)))
}

fn modes(
    name: &str,
    written: &HashMap<String, FileMode>,
) -> Result<HashMap<String, Mode>, BookError> {
    written.iter().map(|(key, value)| Ok((key.clone(), mode(name, value)?))).collect()
}

fn mode(name: &str, written: &FileMode) -> Result<Mode, BookError> {
    let mut exceptions = Vec::new();
    for (key, text) in &written.exceptions {
        let class = Class::ALL.into_iter().find(|class| class.as_str() == key);
        let class = class.ok_or_else(|| BookError::Multiplier { model: name.to_owned() })?;
        exceptions.push((class, multiplier(name, text)?));
    }
    Ok(Mode { all: multiplier(name, &written.all)?, exceptions, long: written.long })
}
