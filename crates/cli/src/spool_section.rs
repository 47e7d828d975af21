//! The sections `[spool]` and `[raw]` of `modelstat.toml`: sizes and times as people write them.

use std::time::Duration;

use modelstat_daemon::SpoolLimits;
use serde::Deserialize;

use crate::error::hinted;

const MIB: u64 = 1 << 20;

/// The least spool that takes a largest batch for each of two keys.
const MIN_SPOOL_BYTES: u64 = 64 * MIB;

/// The least that lets an org's turns of some minutes wait for their abstracts.
const MIN_RAW_BYTES: u64 = MIB;

/// Beyond it a number is a slip of the hand: 16 TiB.
const MAX_BYTES: u64 = 16 << 40;

/// An hour: a server's short absence must not cost anything.
const MIN_AGE: Duration = Duration::from_hours(1);

/// Ten years, for the same reason as the most bytes.
const MAX_AGE: Duration = Duration::from_hours(10 * 365 * 24);

/// The section as it stands in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SpoolSection {
    max_bytes: Option<Amount>,
    max_age: Option<Amount>,
    reserve_bytes: Option<Amount>,
}

/// What the server keeps of whole turns, as it stands in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSection {
    max_bytes: Option<Amount>,
}

impl RawSection {
    /// Returns how many bytes of one org's turns wait for their abstracts.
    pub(crate) fn max_bytes(&self) -> anyhow::Result<u64> {
        let Some(amount) = &self.max_bytes else { return Ok(modelstat_server::DEFAULT_TEXT_BYTES) };
        bytes("raw.max_bytes", amount, MIN_RAW_BYTES)
    }
}

/// A number, or a number with its unit.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Amount {
    Number(u64),
    Words(String),
}

impl SpoolSection {
    /// Returns the limits, the daemon's own where the file says nothing.
    pub(crate) fn limits(&self) -> anyhow::Result<SpoolLimits> {
        let mut limits = SpoolLimits::default();
        if let Some(amount) = &self.max_bytes {
            limits.bytes = bytes("spool.max_bytes", amount, MIN_SPOOL_BYTES)?;
        }
        if let Some(amount) = &self.reserve_bytes {
            limits.reserve_bytes = bytes("spool.reserve_bytes", amount, 0)?;
            // A number of one's own holds as it is, whatever the size of the disk.
            limits.reserve_percent = 0;
        }
        if let Some(amount) = &self.max_age {
            limits.age = age(amount)?;
        }
        Ok(limits)
    }
}

fn bytes(key: &str, amount: &Amount, least: u64) -> anyhow::Result<u64> {
    let units =
        [("", 1), ("B", 1), ("KiB", 1 << 10), ("MiB", MIB), ("GiB", 1 << 30), ("TiB", 1 << 40)];
    let found = amount.times(&units).filter(|bytes| (least..=MAX_BYTES).contains(bytes));
    found.ok_or_else(|| {
        let remedy = format!(
            "write a whole number of bytes or one with a unit, such as \"2 GiB\"; from {} MiB to 16 TiB",
            least / MIB
        );
        hinted(format!("`{key}` in modelstat.toml is not a size that can be used"), remedy)
    })
}

/// `None` keeps everything until the server takes it.
fn age(amount: &Amount) -> anyhow::Result<Option<Duration>> {
    if matches!(amount, Amount::Words(words) if words.trim() == "off") {
        return Ok(None);
    }
    let units = [("s", 1), ("min", 60), ("h", 3_600), ("d", 86_400)];
    let found = amount.times(&units).map(Duration::from_secs);
    let found = found.filter(|age| (MIN_AGE..=MAX_AGE).contains(age));
    found.map(Some).ok_or_else(|| {
        hinted(
            "`spool.max_age` in modelstat.toml is not a time that can be used",
            "write a whole number with a unit, such as \"72 h\" or \"14 d\", from 1 h to 3650 d, or \"off\"",
        )
    })
}

impl Amount {
    /// The number times its unit; `None` for another unit, and for more than a number holds.
    fn times(&self, units: &[(&str, u64)]) -> Option<u64> {
        let (number, unit) = match self {
            Self::Number(number) => (*number, ""),
            Self::Words(words) => {
                let words = words.trim();
                let digits = words.bytes().take_while(u8::is_ascii_digit).count();
                (words[..digits].parse().ok()?, words[digits..].trim())
            }
        };
        let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
        number.checked_mul(*factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(text: &str) -> anyhow::Result<SpoolLimits> {
        toml::from_str::<SpoolSection>(text).expect("a section").limits()
    }

    #[test]
    fn what_waits_on_a_server_has_a_size() {
        let size = |text| toml::from_str::<RawSection>(text).expect("a section").max_bytes();
        assert_eq!(size("").expect("good"), modelstat_server::DEFAULT_TEXT_BYTES);
        assert_eq!(size("max_bytes = \"1 MiB\"").expect("good"), MIB);
        let refused = size("max_bytes = \"1 KiB\"").expect_err("too small").to_string();
        assert!(refused.contains("raw.max_bytes"), "{refused}");
    }

    #[test]
    fn an_empty_section_changes_nothing() {
        assert_eq!(limits("").expect("good"), SpoolLimits::default());
        assert_eq!(limits("max_age = \"off\"").expect("good").age, None);
    }

    #[test]
    fn sizes_and_times_take_units() {
        let text = "max_bytes = \"3 GiB\"\nmax_age = \"14 d\"\nreserve_bytes = 1000";
        let limits = limits(text).expect("good");
        assert_eq!(limits.bytes, 3 << 30);
        assert_eq!(limits.age, Some(Duration::from_hours(14 * 24)));
        assert_eq!((limits.reserve_bytes, limits.reserve_percent), (1_000, 0));
    }

    #[test]
    fn what_cannot_be_used_is_told_with_its_key() {
        for (text, key) in [
            ("max_bytes = 1000", "spool.max_bytes"),
            ("max_bytes = \"3 GB\"", "spool.max_bytes"),
            ("max_bytes = \"99999999 TiB\"", "spool.max_bytes"),
            ("reserve_bytes = \"much\"", "spool.reserve_bytes"),
            ("max_age = 3600", "spool.max_age"),
            ("max_age = \"5 min\"", "spool.max_age"),
        ] {
            let error = limits(text).expect_err("refused").to_string();
            assert!(error.contains(key), "{text}: {error}");
        }
    }
}
