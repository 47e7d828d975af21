//! From what a client calls a model to the model of the book.

use std::borrow::Cow;

use crate::book::{Model, PriceBook};
use crate::multiplier::Multiplier;

/// Longest name that is looked up, the wire's limit for models and providers; a longer one is
/// unknown.
const MAX_NAME_BYTES: usize = 480;

/// Regions that stand before `anthropic.` in the ids of one cloud.
const REGIONS: [&str; 8] = ["global", "us", "eu", "apac", "au", "jp", "ca", "us-gov"];

/// A model, and what the region in its name multiplies the token rates with.
pub(crate) struct Match<'a> {
    pub(crate) model: &'a Model,
    pub(crate) region: Multiplier,
}

/// Finds a model: exact, then alias, then with one decoration after the other taken off.
///
/// Every step is a hash lookup of a whole name. A region is taken off only where the model says what
/// it costs there.
pub(crate) fn find<'a>(book: &'a PriceBook, provider: &str, model: &str) -> Option<Match<'a>> {
    if provider.len() > MAX_NAME_BYTES || model.len() > MAX_NAME_BYTES {
        return None;
    }
    let provider = book.provider(&lower(provider))?;
    let name = lower(model);
    if let Some(model) = book.named(provider, &name) {
        return Some(Match { model, region: Multiplier::ONE });
    }
    let bare = without_owner(&name, book.prefixes(provider));
    let (region, bare) = split_region(bare);
    let model = find_undated(book, provider, bare)?;
    let region = match region {
        Some(region) => *model.regions.get(region)?,
        None => Multiplier::ONE,
    };
    Some(Match { model, region })
}

/// Looks a name up whole, then without its window, its version, its date and `-latest`.
fn find_undated<'a>(book: &'a PriceBook, provider: usize, name: &str) -> Option<&'a Model> {
    let mut name = name;
    for strip in [keep, without_window, without_version, without_date, without_latest] {
        name = strip(name);
        if let Some(model) = book.named(provider, name) {
            return Some(model);
        }
    }
    None
}

fn lower(name: &str) -> Cow<'_, str> {
    let trimmed = name.trim();
    if trimmed.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(trimmed.to_ascii_lowercase());
    }
    Cow::Borrowed(trimmed)
}

fn keep(name: &str) -> &str {
    name
}

/// Takes `models/` and the provider's own name (`openai/`) off.
fn without_owner<'a>(name: &'a str, prefixes: &[String]) -> &'a str {
    let own = prefixes
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix.as_str())?.strip_prefix('/'))
        .unwrap_or(name);
    own.strip_prefix("models/").unwrap_or(own)
}

/// Splits `us.anthropic.claude-x` into region and model; `anthropic.` alone names no region.
fn split_region(name: &str) -> (Option<&str>, &str) {
    if let Some(rest) = name.strip_prefix("anthropic.") {
        return (None, rest);
    }
    let Some((region, rest)) = name.split_once('.') else { return (None, name) };
    match rest.strip_prefix("anthropic.") {
        Some(model) if REGIONS.contains(&region) => (Some(region), model),
        _ => (None, name),
    }
}

/// Takes `[1m]` off: some agents mark the long window so, and the price goes by the tokens anyway.
fn without_window(name: &str) -> &str {
    name.strip_suffix("[1m]").unwrap_or(name)
}

/// Takes `-v1` or `-v1:0` off.
fn without_version(name: &str) -> &str {
    let Some((rest, version)) = name.rsplit_once("-v") else { return name };
    let (major, minor) = version.split_once(':').unwrap_or((version, "0"));
    if is_digits(major, 1..=2) && is_digits(minor, 1..=2) { rest } else { name }
}

/// Takes `-20250929`, `@20250929` or `-2025-09-29` off.
fn without_date(name: &str) -> &str {
    let plain = name.rsplit_once(['-', '@']).filter(|(_, day)| is_day(day));
    if let Some((rest, _)) = plain {
        return rest;
    }
    let Some(start) = name.len().checked_sub(11) else { return name };
    let (Some(rest), Some(day)) = (name.get(..start), name.get(start..)) else { return name };
    let is_dashed = day.bytes().enumerate().all(|(position, byte)| match position {
        0 | 5 | 8 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if is_dashed { rest } else { name }
}

/// Takes `-latest` or `@latest` off.
fn without_latest(name: &str) -> &str {
    name.strip_suffix("-latest").or_else(|| name.strip_suffix("@latest")).unwrap_or(name)
}

fn is_day(text: &str) -> bool {
    text.starts_with("20") && is_digits(text, 8..=8)
}

fn is_digits(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}
