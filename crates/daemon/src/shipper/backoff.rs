//! How long to wait after a failure.

use std::time::Duration;

use crate::config::Pace;

/// The shortest wait, so that chance cannot make a tight loop.
const FLOOR: Duration = Duration::from_millis(10);

/// A random time up to a ceiling that doubles with each failure: many daemons whose server comes back
/// must not all come back with it.
pub(crate) fn full_jitter(failures: u32, pace: &Pace) -> Duration {
    let ceiling = ceiling(failures, pace);
    // Without chance there is still a wait, if the longest.
    let chance = getrandom::u32().unwrap_or(u32::MAX);
    let micros = ceiling.as_micros() * u128::from(chance) / u128::from(u32::MAX);
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX)).max(FLOOR)
}

fn ceiling(failures: u32, pace: &Pace) -> Duration {
    let doubled = 2_u32.checked_pow(failures).unwrap_or(u32::MAX);
    pace.backoff_base.saturating_mul(doubled).min(pace.backoff_cap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_its_cap() {
        let pace = Pace::default();
        let seconds: Vec<_> = (0..8).map(|failures| ceiling(failures, &pace).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(ceiling(u32::MAX, &pace), pace.backoff_cap);
        assert!(
            (0..100).all(|_| (FLOOR..=Duration::from_secs(4)).contains(&full_jitter(2, &pace)))
        );
    }
}
