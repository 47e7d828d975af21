//! The counts of one usage object, before they are made disjoint.

use serde_json::Value;

use super::anomaly::Anomaly;
use super::count::{self, Given};
use super::table::{Row, Tier};
use crate::limits::MAX_IDENTIFIER_CHARS;

/// What a count of a provider stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// Prompt tokens; whether the cached are among them, the shape says.
    Input,
    /// Prompt tokens that are counted nowhere else.
    InputBeside,
    /// Prompt tokens read from a cache.
    CacheRead,
    /// More of these, counted nowhere else.
    CacheReadBeside,
    /// Prompt tokens written to a cache.
    CacheWrite,
    /// More of these, counted nowhere else.
    CacheWriteBeside,
    /// Those of `CacheWrite` that are kept for minutes.
    CacheWriteMinutes,
    /// Those of `CacheWrite` that are kept for one hour.
    CacheWriteHour,
    /// Those of `CacheWrite` that are kept for half a day.
    CacheWriteLong,
    /// Those of `Input` that are audio.
    AudioInput,
    /// Those of `AudioInput` that were read from a cache.
    AudioCached,
    /// Completion tokens; whether reasoning is among them, the shape says.
    Output,
    /// Completion tokens that are counted nowhere else.
    OutputBeside,
    /// Completion tokens spent on reasoning.
    Reasoning,
    /// Those of `Output` that are audio.
    AudioOutput,
    /// All tokens of the call.
    Total,
    /// Web searches.
    WebSearch,
    /// Seconds of audio, which are billed but are no tokens.
    AudioSeconds,
}

impl Field {
    pub(super) const ALL: [Self; 18] = [
        Self::Input,
        Self::InputBeside,
        Self::CacheRead,
        Self::CacheReadBeside,
        Self::CacheWrite,
        Self::CacheWriteBeside,
        Self::CacheWriteMinutes,
        Self::CacheWriteHour,
        Self::CacheWriteLong,
        Self::AudioInput,
        Self::AudioCached,
        Self::Output,
        Self::OutputBeside,
        Self::Reasoning,
        Self::AudioOutput,
        Self::Total,
        Self::WebSearch,
        Self::AudioSeconds,
    ];

    /// Returns the name that anomalies use.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Input | Self::InputBeside => "input",
            Self::CacheRead | Self::CacheReadBeside => "cache_read",
            Self::CacheWrite | Self::CacheWriteBeside => "cache_creation",
            Self::CacheWriteMinutes => "cache_creation_minutes",
            Self::CacheWriteHour => "cache_creation_1h",
            Self::CacheWriteLong => "cache_creation_12h",
            Self::AudioInput => "audio_input",
            Self::AudioCached => "audio_cached",
            Self::Output | Self::OutputBeside => "output",
            Self::Reasoning => "reasoning",
            Self::AudioOutput => "audio_output",
            Self::Total => "total",
            Self::WebSearch => "web_search_requests",
            Self::AudioSeconds => "audio_seconds",
        }
    }
}

/// What was given, by field. Its size does not depend on what it is read from.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    given: [Given; Field::ALL.len()],
    pub(super) service_tier: Option<String>,
    pub(super) speed: Option<String>,
}

impl Counts {
    /// Reads a usage object by its row of the table; the first key present wins.
    pub(super) fn read(row: &Row, usage: &Value) -> Self {
        let mut counts = Self::default();
        for (field, paths) in row.counts {
            let given = paths.iter().map(|path| count::read(usage, path));
            counts.set(
                *field,
                given.into_iter().find(|given| !given.is_absent()).unwrap_or_default(),
            );
        }
        counts.service_tier = row.tiers.iter().find_map(|tier| read_tier(tier, usage));
        counts.speed = row.speeds.iter().find_map(|path| read_name(usage, path));
        counts
    }

    /// Returns whether any key of the row is there, if only as `null`.
    pub(super) fn has_any(row: &Row, usage: &Value) -> bool {
        let paths = row.counts.iter().flat_map(|(_, paths)| paths.iter());
        let mut keys = paths.filter_map(|path| path.split(['.', '[']).next());
        keys.any(|key| usage.get(key).is_some())
    }

    pub(super) fn get(&self, field: Field) -> Given {
        self.given[field as usize]
    }

    pub(super) fn count(&self, field: Field) -> u64 {
        self.get(field).or_zero()
    }

    pub(super) fn set(&mut self, field: Field, given: Given) {
        self.given[field as usize] = given;
    }

    /// Returns whether no count was given.
    pub(super) fn is_empty(&self) -> bool {
        self.given.iter().all(|given| given.is_absent())
    }

    /// Returns what was refused.
    pub(super) fn refusals(&self) -> Vec<Anomaly> {
        let refusal = |field: Field| match self.get(field) {
            Given::Refused(kind) => Some(Anomaly { kind, field: field.name() }),
            Given::Absent | Given::Count(_) => None,
        };
        Field::ALL.into_iter().filter_map(refusal).collect()
    }

    /// Takes what a later report gives; what it leaves out stays.
    pub(super) fn overlay(&mut self, later: Self) {
        for field in Field::ALL.into_iter().filter(|field| !later.get(*field).is_absent()) {
            self.set(field, later.get(field));
        }
        self.overlay_names(later);
    }

    /// Adds what a later report counts on top.
    pub(super) fn add(&mut self, later: Self) {
        for field in Field::ALL {
            self.set(field, self.get(field).plus(later.get(field)));
        }
        self.overlay_names(later);
    }

    fn overlay_names(&mut self, later: Self) {
        self.service_tier = later.service_tier.or_else(|| self.service_tier.take());
        self.speed = later.speed.or_else(|| self.speed.take());
    }
}

/// Reads the service tier as a row says that it is reported.
pub(super) fn read_tier(tier: &Tier, usage: &Value) -> Option<String> {
    match tier {
        Tier::At(path) => read_name(usage, path),
        Tier::Named { path, names } => {
            let reported = read_name(usage, path)?;
            let name = names.iter().find(|(name, _)| reported.eq_ignore_ascii_case(name));
            name.map(|(_, tier)| (*tier).to_owned())
        }
        Tier::Marked { path, tier } => count::find(usage, path).map(|_| (*tier).to_owned()),
    }
}

fn read_name(usage: &Value, path: &str) -> Option<String> {
    let name = count::find(usage, path)?.as_str()?.trim();
    // A name that no identifier is as long as is none.
    let fits = !name.is_empty() && name.chars().nth(MAX_IDENTIFIER_CHARS).is_none();
    fits.then(|| name.to_owned())
}
