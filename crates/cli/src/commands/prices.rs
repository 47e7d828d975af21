//! `modelstat prices show`

use modelstat_pricing::{Model, PriceBook};
use modelstat_wire::{Clock, SystemClock};
use serde_json::json;

use crate::args::{PricesArguments, PricesVerb};
use crate::output;

/// Vendors print the price of a million units.
const UNITS_OF_A_RATE: i128 = 1_000_000;

/// `modelstat prices show [MODEL]`
#[expect(clippy::unnecessary_wraps, reason = "every verb has one shape")]
pub(crate) fn run(arguments: &PricesArguments) -> anyhow::Result<()> {
    let PricesVerb::Show { model: wanted, json: wants_json } = &arguments.verb;
    let book = PriceBook::builtin();
    let wanted = wanted.as_deref().unwrap_or_default().to_lowercase();
    let shown: Vec<&Model> = book.models().filter(|model| model.id.contains(&wanted)).collect();
    if *wants_json {
        let model = |model: &&Model| json!({ "provider": &*model.provider, "model": model.id, "rates_usd_per_million": rates(model), "source": &*model.url });
        let models: Vec<_> = shown.iter().map(model).collect();
        output::json(&json!({ "book": book.version(), "models": models }));
        return Ok(());
    }
    let row = |model: &&Model| {
        let rates = rates(model);
        let rate = |class: &str| rates.get(class).cloned().unwrap_or_else(|| "–".to_owned());
        let mut cells = vec![model.provider.to_string(), model.id.clone()];
        cells.extend(["input", "output", "cache_read", "cache_creation"].map(rate));
        cells
    };
    output::table(
        &["PROVIDER", "MODEL", "INPUT", "OUTPUT", "CACHE READ", "CACHE WRITE"],
        &shown.iter().map(row).collect::<Vec<_>>(),
    );
    output::note(&format!("USD per million tokens today; book of {}", book.version()));
    Ok(())
}

/// The rates in force today, by class, as vendors print them.
fn rates(model: &Model) -> std::collections::BTreeMap<&'static str, String> {
    let Some(price) = model.price_at(SystemClock.now()) else {
        return std::collections::BTreeMap::new();
    };
    let classes = modelstat_pricing::Class::ALL.into_iter();
    let rate = |class: modelstat_pricing::Class| {
        let rate = price.rates.get(class)?;
        let million = modelstat_wire::PicoUsd(rate.0 * UNITS_OF_A_RATE).to_string();
        let shown = million.trim_end_matches('0').trim_end_matches('.').to_owned();
        Some((class.as_str(), shown))
    };
    classes.filter_map(rate).collect()
}
