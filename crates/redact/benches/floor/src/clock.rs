//! Processor time of this thread, and the table of figures made of it.

use std::hint::black_box;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How often everything is measured; the median counts.
const ROUNDS: usize = 5;

/// Shortest stretch that is measured, so that the clock's own cost vanishes in it.
const MIN_STRETCH: Duration = Duration::from_millis(40);

/// Something to be timed: a redactor or a yardstick, applied to all texts of a corpus.
pub(crate) type Work<'a> = &'a dyn Fn(&str);

/// Gigabytes that each work gets through in a second of processor time, the median of the rounds.
///
/// The works take turns in every round, so that what else the machine does hits all of them.
pub(crate) fn rates(texts: &[String], works: &[Work<'_>]) -> Vec<f64> {
    let repeats: Vec<u32> = works.iter().map(|work| repeats(texts, *work)).collect();
    let mut rounds = vec![Vec::new(); works.len()];
    for _ in 0..ROUNDS {
        for ((work, repeats), rounds) in works.iter().zip(&repeats).zip(&mut rounds) {
            rounds.push(measure(texts, *work, *repeats) / *repeats);
        }
    }
    let bytes: usize = texts.iter().map(String::len).sum();
    rounds.into_iter().map(|rounds| float(bytes) / 1e9 / median(rounds).as_secs_f64()).collect()
}

/// A count as a float, for a ratio; counts here are far below the limit.
pub(crate) fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// How often a work must be repeated to fill a stretch; this also warms it up.
fn repeats(texts: &[String], work: Work<'_>) -> u32 {
    let mut repeats = 1;
    while repeats < 1 << 16 && measure(texts, work, repeats) < MIN_STRETCH {
        repeats *= 2;
    }
    repeats
}

fn measure(texts: &[String], work: Work<'_>, repeats: u32) -> Duration {
    let started = now();
    for _ in 0..repeats {
        for text in texts {
            work(black_box(text));
        }
    }
    now().saturating_sub(started)
}

fn median(mut rounds: Vec<Duration>) -> Duration {
    rounds.sort_unstable();
    rounds.get(rounds.len() / 2).copied().unwrap_or_default()
}

fn now() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(now).expect("processor time is never negative")
}
