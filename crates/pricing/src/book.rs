//! The price book: prices by provider and model.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use modelstat_wire::Timestamp;

use crate::date::PriceDate;
use crate::multiplier::Multiplier;
use crate::price::Price;
use crate::source;

const FILES: [&str; 4] = [
    include_str!("../prices/anthropic.toml"),
    include_str!("../prices/google.toml"),
    include_str!("../prices/mistral.toml"),
    include_str!("../prices/openai.toml"),
];

/// A price file that cannot be taken, and the first thing that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BookError {
    /// The text is no price file.
    #[error("price file {file} does not parse: {reason}")]
    Syntax {
        /// Position among the files, from 0.
        file: usize,
        /// What the parser says.
        reason: String,
    },
    /// No page of the vendor, no day of the check or no source is named.
    #[error("provider {provider} lacks a url, a day of the check or a source")]
    Provenance {
        /// The provider.
        provider: String,
    },
    /// A price ends before it begins, or the prices of a model overlap or leave a gap.
    #[error("the dates of {model} do not follow each other")]
    Dates {
        /// `provider/model`.
        model: String,
    },
    /// A rate is no decimal amount, or no whole number of pico-USD per unit.
    #[error("the {class} rate of {model} is no whole number of pico-USD")]
    Rate {
        /// `provider/model`.
        model: String,
        /// The class.
        class: &'static str,
    },
    /// The rates of long requests name other classes than the usual ones.
    #[error("the long-context rates of {model} name other classes than the usual rates")]
    LongContext {
        /// `provider/model`.
        model: String,
    },
    /// A multiplier is no fraction of small numbers, or is named after no class.
    #[error("a multiplier of {model} is no fraction of small numbers")]
    Multiplier {
        /// `provider/model`.
        model: String,
    },
    /// Two entries claim one name, or a name has capitals or blanks.
    #[error("the name {name} is taken or not in lower case")]
    Name {
        /// The name.
        name: String,
    },
}

/// One model of the book, with every price it has had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Who serves it.
    pub provider: Arc<str>,
    /// The vendor's id.
    pub id: String,
    /// Other ids of the same model at the same price.
    pub aliases: Vec<String>,
    /// Its prices, oldest first, without gaps.
    pub prices: Vec<Price>,
    /// What a region prefix of the id multiplies the token rates with.
    pub regions: HashMap<String, Multiplier>,
    /// The vendor's public page of prices.
    pub url: Arc<str>,
    /// The day on which the figures were last compared with their sources.
    pub checked: PriceDate,
    /// The packages that state the figures.
    pub stated_by: Vec<String>,
}

impl Model {
    /// Returns the price in force at a time.
    pub fn price_at(&self, at: Timestamp) -> Option<&Price> {
        self.prices.iter().rev().find(|price| price.holds_at(at))
    }
}

/// Dated prices by provider and model.
#[derive(Debug, Default)]
pub struct PriceBook {
    version: Arc<str>,
    models: Vec<Model>,
    providers: HashMap<String, usize>,
    /// One map per provider: id or alias to the position in `models`.
    names: Vec<HashMap<String, usize>>,
    /// One list per provider: its name and aliases, which an id may carry as a prefix.
    prefixes: Vec<Vec<String>>,
}

static BUILTIN: LazyLock<PriceBook> = LazyLock::new(|| {
    PriceBook::parse(&FILES).expect("the price files in this crate pass the tests of this crate")
});

impl PriceBook {
    /// Returns the book that is compiled in.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// Reads price files, one per provider, and checks them.
    pub fn parse(files: &[&str]) -> Result<Self, BookError> {
        let mut book = Self::default();
        for (position, text) in files.iter().enumerate() {
            let file: source::File = toml::from_str(text).map_err(|error| BookError::Syntax {
                file: position,
                reason: error.message().to_owned(),
            })?;
            book.add_provider(file)?;
        }
        let newest = book.models.iter().map(|model| &model.checked).max();
        book.version = newest.map_or_else(|| "".into(), |checked| checked.as_str().into());
        Ok(book)
    }

    /// Returns the day on which the newest figures were checked, which names the book.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns every model, provider by provider.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.iter()
    }

    pub(crate) fn shared_version(&self) -> Arc<str> {
        Arc::clone(&self.version)
    }

    /// Returns the position of a provider, by its name or an alias in lower case.
    pub(crate) fn provider(&self, name: &str) -> Option<usize> {
        self.providers.get(name).copied()
    }

    /// Returns the names that ids of a provider may be prefixed with.
    pub(crate) fn prefixes(&self, provider: usize) -> &[String] {
        &self.prefixes[provider]
    }

    /// Returns the model with exactly this id or alias, in lower case.
    pub(crate) fn named(&self, provider: usize, name: &str) -> Option<&Model> {
        self.names[provider].get(name).map(|&position| &self.models[position])
    }

    fn add_provider(&mut self, file: source::File) -> Result<(), BookError> {
        let checked = PriceDate::parse(&file.checked);
        let is_sourced = file.url.starts_with("https://") && !file.packages.is_empty();
        let (Some(checked), true) = (checked, is_sourced) else {
            return Err(BookError::Provenance { provider: file.provider });
        };
        let mut prefixes = file.aliases;
        prefixes.insert(0, file.provider.clone());
        for name in &prefixes {
            let taken = self.providers.insert(plain(name)?.to_owned(), self.names.len());
            if taken.is_some() {
                return Err(BookError::Name { name: name.clone() });
            }
        }
        self.prefixes.push(prefixes);
        self.names.push(HashMap::new());
        let (provider, url) = (file.provider.into(), file.url.into());
        for written in file.models {
            let model = model(&provider, &url, &checked, written)?;
            self.add_model(model)?;
        }
        Ok(())
    }

    fn add_model(&mut self, model: Model) -> Result<(), BookError> {
        let position = self.models.len();
        let names = self.names.last_mut().expect("add_provider pushed a map");
        for name in std::iter::once(&model.id).chain(&model.aliases) {
            if names.insert(plain(name)?.to_owned(), position).is_some() {
                return Err(BookError::Name { name: name.clone() });
            }
        }
        self.models.push(model);
        Ok(())
    }
}

fn model(
    provider: &Arc<str>,
    url: &Arc<str>,
    checked: &PriceDate,
    written: source::FileModel,
) -> Result<Model, BookError> {
    let name = format!("{provider}/{}", written.id);
    if written.stated_by.is_empty() {
        return Err(BookError::Provenance { provider: provider.to_string() });
    }
    let prices: Result<Vec<Price>, BookError> =
        written.prices.iter().map(|price| source::price(&name, price)).collect();
    let prices = prices?;
    source::check_history(&name, &prices)?;
    let mut regions = HashMap::new();
    for (region, text) in &written.regions {
        regions.insert(region.clone(), source::multiplier(&name, text)?);
    }
    Ok(Model {
        provider: Arc::clone(provider),
        id: written.id,
        aliases: written.aliases,
        prices,
        regions,
        url: Arc::clone(url),
        checked: checked.clone(),
        stated_by: written.stated_by,
    })
}

/// Names are compared in lower case, so a name with a capital could never be found.
fn plain(name: &str) -> Result<&str, BookError> {
    let is_plain = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase());
    if is_plain { Ok(name) } else { Err(BookError::Name { name: name.to_owned() }) }
}
