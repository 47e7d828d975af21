//! Taking time, and what taking it costs.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// How many calls share a pair of clock readings where a median is wanted: one reading costs about
/// as much as what is measured.
pub const GROUP: usize = 16;

/// Durations of single calls and of groups, in nanoseconds.
#[derive(Default)]
pub struct Samples {
    single: Vec<f64>,
    /// Per call of a group.
    grouped: Vec<f64>,
}

impl Samples {
    /// Times every item by itself.
    pub fn time_each<T>(&mut self, items: Vec<T>, mut work: impl FnMut(T)) {
        self.single.reserve(items.len());
        for item in items {
            let began = Instant::now();
            work(item);
            self.single.push(nanos(began.elapsed()));
        }
    }

    /// Times groups of items.
    pub fn time_groups<T>(&mut self, items: Vec<T>, mut work: impl FnMut(T)) {
        self.grouped.reserve(items.len() / GROUP);
        let mut items = items.into_iter();
        while items.len() >= GROUP {
            let began = Instant::now();
            items.by_ref().take(GROUP).for_each(&mut work);
            self.grouped.push(nanos(began.elapsed()) / float(GROUP));
        }
        items.for_each(work);
    }

    /// Takes another's samples in.
    pub fn append(&mut self, mut other: Self) {
        self.single.append(&mut other.single);
        self.grouped.append(&mut other.grouped);
    }

    /// Adds the duration of one call.
    pub fn push(&mut self, took: Duration) {
        self.single.push(nanos(took));
    }

    /// The median of groups, less the share of the clock.
    pub fn grouped_median(&mut self, clock: f64) -> f64 {
        quantile(&mut self.grouped, 0.5) - clock / float(GROUP)
    }

    /// A quantile of single calls, the clock included.
    pub fn quantile(&mut self, share: f64) -> f64 {
        quantile(&mut self.single, share)
    }
}

/// What two readings of the clock and nothing between them take: the median.
#[must_use]
pub fn clock() -> f64 {
    let mut samples = Samples::default();
    samples.time_each(vec![(); 20_000], |()| {});
    samples.quantile(0.5)
}

/// The value below which a share of the values lies; 0 when there are none.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    values.sort_unstable_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length is within it"
    )]
    let at = (share * float(values.len())) as usize;
    values[at.min(values.len() - 1)]
}

/// The processor time of a clock, in seconds.
///
/// # Panics
/// Never, as processor time is never negative.
#[must_use]
pub fn processor_s(clock: ClockId) -> f64 {
    let time = Duration::try_from(clock_gettime(clock));
    time.expect("processor time is never negative").as_secs_f64()
}

/// A count as a float, for a ratio; counts here are far below the limit.
#[must_use]
pub fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn nanos(took: Duration) -> f64 {
    took.as_secs_f64() * 1e9
}
