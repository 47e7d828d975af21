//! From a provider's counts to disjoint classes.

use super::Usage;
use super::anomaly::{Anomaly, AnomalyKind};
use super::counts::{Counts, Field};
use crate::limits::MAX_COUNT;
use crate::{TokenUsage, UsageDetail};

/// The tier under which a provider reports a batch.
const BATCH: &str = "batch";

/// Where a part stands that a provider counts apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Within the whole, from which it is subtracted.
    Within,
    /// Beside the whole.
    Beside,
}

impl Place {
    const fn other(self) -> Self {
        match self {
            Self::Within => Self::Beside,
            Self::Beside => Self::Within,
        }
    }
}

/// What it means when parts that should stand within a whole come to more than it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    /// The report is wrong: the whole is kept, as it is what is billed, and its parts are not.
    Refused,
    /// They stand beside it: the producer passes on what others counted, each in their own way.
    Beside,
}

/// What the counts of a shape include.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Where cached tokens stand.
    pub(super) cache: Place,
    /// Where reasoning stands.
    pub(super) reasoning: Place,
    /// What too large parts mean.
    pub(super) excess: Excess,
    /// Whether a report with an output and no input leaves the usage unknown.
    pub(super) needs_input: bool,
}

/// A whole and what of it is counted apart.
#[derive(Clone, Copy)]
struct Side {
    whole: u64,
    parts: u64,
    place: Place,
    /// The count that is named when the parts are wrong.
    parts_field: Field,
    whole_field: Field,
}

impl Side {
    const fn is_possible(&self) -> bool {
        matches!(self.place, Place::Beside) || self.parts <= self.whole
    }

    /// Returns the tokens that are in no part.
    const fn rest(&self) -> u64 {
        match self.place {
            Place::Within => self.whole.saturating_sub(self.parts),
            Place::Beside => self.whole,
        }
    }

    const fn sum(&self) -> u64 {
        self.rest().saturating_add(self.parts)
    }

    const fn turned(mut self) -> Self {
        self.place = self.place.other();
        self
    }
}

/// Makes the counts disjoint.
pub(super) fn settle(rules: Rules, counts: &Counts) -> Usage {
    let mut anomalies = counts.refusals();
    let cache_read = counts.count(Field::CacheRead);
    let cache_write = cache_write(counts);
    let input = Side {
        whole: counts.count(Field::Input),
        parts: cache_read.saturating_add(cache_write),
        place: rules.cache,
        parts_field: Field::CacheRead,
        whole_field: Field::Input,
    };
    let output = Side {
        whole: counts.count(Field::Output),
        parts: counts.count(Field::Reasoning),
        place: rules.reasoning,
        parts_field: Field::Reasoning,
        whole_field: Field::Output,
    };
    let [input, output] = place(counts, rules.excess, [input, output], &mut anomalies);
    let keeps_cache = input.parts > 0;
    let part = |count: u64, beside: Field| {
        (if keeps_cache { count } else { 0 }).saturating_add(counts.count(beside))
    };
    let mut tokens = TokenUsage {
        input: input.rest().saturating_add(counts.count(Field::InputBeside)),
        output: output.rest().saturating_add(counts.count(Field::OutputBeside)),
        cache_creation: part(cache_write, Field::CacheWriteBeside),
        cache_read: part(cache_read, Field::CacheReadBeside),
        reasoning: output.parts,
    };
    let fits = limit(&mut tokens, &mut anomalies);
    if total(counts).is_some_and(|total| u128::from(total) != tokens.total()) {
        note(&mut anomalies, AnomalyKind::TotalDiffers, Field::Total);
    }
    let is_known = is_known(rules, counts, [&input, &output], &mut anomalies) && fits;
    let detail = detail(counts, &tokens, [&input, &output], &mut anomalies);
    Usage { tokens, detail, is_known, anomalies }
}

/// Some report what was written by how long it is kept, and leave the sum out or at zero.
fn cache_write(counts: &Counts) -> u64 {
    let by_time = [Field::CacheWriteMinutes, Field::CacheWriteHour, Field::CacheWriteLong]
        .into_iter()
        .map(|field| counts.count(field))
        .fold(0, u64::saturating_add);
    counts.count(Field::CacheWrite).max(by_time)
}

/// Returns the reported total without what is counted apart of all else.
fn total(counts: &Counts) -> Option<u64> {
    Some(counts.count(Field::Total)).filter(|total| *total > 0)
}

/// Decides where the parts stand: as the shape says, unless only another place can be.
fn place(
    counts: &Counts,
    excess: Excess,
    [input, output]: [Side; 2],
    anomalies: &mut Vec<Anomaly>,
) -> [Side; 2] {
    let beside = counts.count(Field::InputBeside).saturating_add(counts.count(Field::OutputBeside));
    let adds_up = |sides: &[Side; 2]| {
        let sum = sides.iter().map(Side::sum).fold(beside, u64::saturating_add);
        sides.iter().all(Side::is_possible) && total(counts).is_none_or(|total| total == sum)
    };
    let ways = [
        [input, output],
        [input, output.turned()],
        [input.turned(), output],
        [input.turned(), output.turned()],
    ];
    // Without a total nothing but the parts' size can tell, which `fit` looks at side by side.
    let found = match total(counts) {
        Some(_) => ways.into_iter().find(adds_up),
        None => None,
    };
    let [settled_input, settled_output] =
        found.unwrap_or_else(|| [fit(input, excess), fit(output, excess)]);
    for (said, settled) in [(input, settled_input), (output, settled_output)] {
        if settled.place != said.place {
            note(anomalies, AnomalyKind::Reinterpreted, said.parts_field);
        } else if settled.parts != said.parts {
            note(anomalies, AnomalyKind::DetailsExceedTotal, said.whole_field);
        }
    }
    [settled_input, settled_output]
}

/// Makes a side possible that is not.
const fn fit(side: Side, excess: Excess) -> Side {
    if side.is_possible() {
        return side;
    }
    match excess {
        Excess::Refused => Side { parts: 0, ..side },
        Excess::Beside => side.turned(),
    }
}

/// Cuts the sums that the wire cannot carry, and returns whether there are none.
fn limit(tokens: &mut TokenUsage, anomalies: &mut Vec<Anomaly>) -> bool {
    let mut fits = true;
    let classes = [
        (&mut tokens.input, Field::Input),
        (&mut tokens.cache_read, Field::CacheRead),
        (&mut tokens.cache_creation, Field::CacheWrite),
        (&mut tokens.output, Field::Output),
    ];
    for (count, field) in classes {
        if *count > MAX_COUNT {
            *count = MAX_COUNT;
            fits = false;
            note(anomalies, AnomalyKind::TooLarge, field);
        }
    }
    fits
}

/// A count that is refused or missing leaves the usage unknown, unless it is but a part of one that
/// is there.
fn is_known(
    rules: Rules,
    counts: &Counts,
    [input, output]: [&Side; 2],
    anomalies: &mut Vec<Anomaly>,
) -> bool {
    let mut needed = vec![
        Field::Input,
        Field::Output,
        Field::InputBeside,
        Field::OutputBeside,
        Field::CacheReadBeside,
        Field::CacheWriteBeside,
    ];
    if input.place == Place::Beside {
        needed.extend([Field::CacheRead, Field::CacheWrite]);
    }
    if output.place == Place::Beside {
        needed.push(Field::Reasoning);
    }
    if needed.into_iter().any(|field| counts.get(field).is_refused()) {
        return false;
    }
    let has = |field: Field| !counts.get(field).is_absent();
    if has(Field::Input) {
        return true;
    }
    if has(Field::Output) && !rules.needs_input {
        return true;
    }
    note(anomalies, AnomalyKind::Missing, Field::Input);
    false
}

fn detail(
    counts: &Counts,
    tokens: &TokenUsage,
    [input, output]: [&Side; 2],
    anomalies: &mut Vec<Anomaly>,
) -> UsageDetail<String> {
    let given = |field: Field| Some(counts.count(field)).filter(|count| *count > 0);
    for field in [Field::CacheWriteLong, Field::AudioSeconds] {
        if given(field).is_some() {
            note(anomalies, AnomalyKind::NotCarried, field);
        }
    }
    let hour = given(Field::CacheWriteHour).filter(|hour| *hour <= tokens.cache_creation);
    // Cached audio is no part of the uncached input; where it is not told apart, the most that can
    // be audio is: a price that depends on the difference is then not made up.
    let audio_input = given(Field::AudioInput)
        .filter(|audio| within(*audio, input, Field::AudioInput, anomalies))
        .map(|audio| audio.saturating_sub(counts.count(Field::AudioCached)).min(tokens.input));
    let audio_output = given(Field::AudioOutput)
        .filter(|audio| within(*audio, output, Field::AudioOutput, anomalies))
        .map(|audio| audio.min(tokens.output));
    let service_tier = counts.service_tier.clone();
    let is_batch = service_tier.as_ref().is_some_and(|tier| tier.eq_ignore_ascii_case(BATCH));
    UsageDetail {
        cache_creation_1h: hour,
        audio_input: audio_input.filter(|audio| *audio > 0),
        audio_output: audio_output.filter(|audio| *audio > 0),
        web_search_requests: given(Field::WebSearch),
        service_tier,
        speed: counts.speed.clone(),
        batch: is_batch.then_some(true),
    }
}

fn within(audio: u64, side: &Side, field: Field, anomalies: &mut Vec<Anomaly>) -> bool {
    let fits = audio <= side.sum();
    if !fits {
        note(anomalies, AnomalyKind::DetailsExceedTotal, field);
    }
    fits
}

fn note(anomalies: &mut Vec<Anomaly>, kind: AnomalyKind, field: Field) {
    anomalies.push(Anomaly { kind, field: field.name() });
}
