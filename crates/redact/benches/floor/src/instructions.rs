//! Counts the instructions that text of one repeated unit costs, which no busy machine disturbs.
//!
//! The benchmark and the test `linear` both use it: the program starts itself again under valgrind, whose
//! callgrind writes one file of counts for each call of [`measured_redaction`].

use std::ffi::OsStr;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};

/// What makes a scanner start over: the units of which the texts are made.
pub(crate) const UNITS: &[&str] =
    &["a", "KEY", "ghp_", "a@", "-----BEGIN ", "4111 ", "{\"", "eyJ", "https://a:", "\\"];

/// Most that doubling a text may multiply its cost by.
pub(crate) const MAX_GROWTH: f64 = 2.1;

/// Tells a program that it runs under valgrind.
const MEASURED: &str = "MODELSTAT_COUNT_INSTRUCTIONS";

/// The instructions that one unit costs at each length.
pub(crate) struct Count {
    /// What the texts repeat.
    pub(crate) unit: &'static str,
    /// Instructions, without those that the empty text takes.
    pub(crate) instructions: Vec<u64>,
}

impl Count {
    /// What each doubling of the text multiplies the cost by.
    pub(crate) fn growths(&self) -> Vec<f64> {
        let ratio = |pair: &[u64]| match *pair {
            [before, after] => thousandths(after, before),
            _ => f64::INFINITY,
        };
        self.instructions.windows(2).map(ratio).collect()
    }
}

/// Whether this program was started by [`count`] and is to call [`run_measured`].
pub(crate) fn is_measured() -> bool {
    std::env::var_os(MEASURED).is_some()
}

/// Redacts the texts to be counted, in the order in which [`count`] expects their counts.
pub(crate) fn run_measured(lengths: &[usize]) {
    measure("");
    for unit in UNITS {
        for length in lengths {
            measure(&repeated(unit, *length));
        }
    }
}

/// Whether valgrind can be started.
pub(crate) fn is_possible() -> bool {
    let mut valgrind = Command::new("valgrind");
    valgrind.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    valgrind.status().is_ok_and(|status| status.success())
}

/// Runs this program again under callgrind, with arguments that make it call
/// [`run_measured`] with the same lengths, and reads the counts.
pub(crate) fn count(lengths: &[usize], arguments: &[&str]) -> Result<Vec<Count>, String> {
    let said = |error: std::io::Error| error.to_string();
    let program = std::env::current_exe().map_err(said)?;
    let folder = program.with_extension("instructions");
    // A file of an earlier run must not stand in for one that is missing.
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(said)?;
    }
    fs::create_dir_all(&folder).map_err(said)?;
    let file = folder.join("counts");
    let mut option = std::ffi::OsString::from("--callgrind-out-file=");
    option.push(&file);
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--collect-atstart=no"]);
    valgrind.args(["--toggle-collect=*measured_redaction*", "--dump-after=*close_count*"]);
    valgrind.arg(option).arg(program);
    let output = valgrind.args(arguments).env(MEASURED, "1").output().map_err(said)?;
    if !output.status.success() {
        return Err(format!("valgrind: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let mut totals = (1..).map(|part| total(&file, part));
    let mut next = || totals.next().unwrap_or_else(|| Err("no more counts".to_owned()));
    let start_up = next()?;
    let mut counts = Vec::new();
    for unit in UNITS {
        let instructions: Result<Vec<u64>, String> =
            lengths.iter().map(|_| Ok(next()?.saturating_sub(start_up))).collect();
        counts.push(Count { unit, instructions: instructions? });
    }
    Ok(counts)
}

/// The sum in the file of that number.
fn total(file: &Path, part: usize) -> Result<u64, String> {
    let path = file.with_extension(OsStr::new(&part.to_string()));
    let told = fs::read_to_string(&path).map_err(|error| format!("count {part}: {error}"))?;
    let line = told.lines().find_map(|line| line.strip_prefix("totals: "));
    let total = line.and_then(|total| total.trim().parse().ok()).filter(|total| *total > 0);
    total.ok_or_else(|| format!("count {part}: callgrind saw no instruction of the redaction"))
}

fn measure(text: &str) {
    measured_redaction(text);
    close_count(text.len());
}

/// The stretch that is counted; callgrind knows it by its name.
#[inline(never)]
fn measured_redaction(text: &str) {
    black_box(modelstat_redact::redact(black_box(text)));
}

/// Where callgrind writes a file, since it takes one name for one purpose only.
#[inline(never)]
fn close_count(length: usize) {
    black_box(length);
}

fn repeated(unit: &str, length: usize) -> String {
    unit.repeat(length / unit.len())
}

fn thousandths(part: u64, whole: u64) -> f64 {
    let thousandths = part.saturating_mul(1000) / whole.max(1);
    f64::from(u32::try_from(thousandths).unwrap_or(u32::MAX)) / 1000.0
}
