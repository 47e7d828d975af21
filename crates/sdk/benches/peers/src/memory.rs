//! How much memory a client takes whose receiver never answers.

use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::children::{CHILD, OURS, PUBLISHED, leave, output};
use crate::report::{Format, Gate, Row, Table, show};
use crate::subject::{Destination, Subject, Turns};
use crate::texts::{LARGE, Texts};

/// How long calls are recorded, and the pause between two.
const DURATION: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(1);
/// Our byte budget unless told otherwise, and what may come on top.
const BUDGET_MIB: f64 = 32.0;
const ALLOWANCE_MIB: f64 = 20.0;
const KIB_PER_MIB: f64 = 1_024.0;

/// Measures and prints the growth of the peak resident set.
///
/// # Errors
/// When a child fails.
pub fn report(format: Format) -> Result<(), String> {
    let url = stalled_receiver().map_err(|error| format!("could not listen: {error}"))?;
    let mut rows = Vec::new();
    let mut growths = Vec::new();
    for (name, child) in [("ours", OURS), ("published", PUBLISHED)] {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let said = output(Command::new(program).args([CHILD, "memory", child, &url]))?;
        let figures: Vec<f64> =
            said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [growth_kib, recorded, dropped] = figures[..] else {
            return Err(format!("the child said `{said}`"));
        };
        growths.push(growth_kib / KIB_PER_MIB);
        rows.push(Row::new(name, [growth_kib / KIB_PER_MIB, recorded, dropped]));
    }
    let table = Table {
        title: "Rust, 100 KB prompts for 10 s, one in 1 ms, to a receiver that accepts and never answers"
            .into(),
        columns: &["", "growth of the peak resident set, MiB", "recorded", "dropped"],
        rows,
    };
    let demand = "growth with a stalled receiver ≤ budget of 32 MiB + 20 MiB";
    let gate = Gate::at_most(demand, growths[0], BUDGET_MIB + ALLOWANCE_MIB);
    show(format, &[table], &[gate]);
    Ok(())
}

/// Accepts connections, and keeps them.
fn stalled_receiver() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        let kept: Vec<_> = listener.incoming().flatten().collect();
        drop(kept);
    });
    Ok(format!("http://{address}/v1/ingest"))
}

/// Records for a while and says what it took.
pub(crate) fn child<S: Subject>(url: &str) {
    let client = S::start(Destination::Daemon(url.to_owned()), Turns::Excerpts);
    client.record(S::call(&Texts::new(LARGE, 0)));
    thread::sleep(Duration::from_millis(100));
    let texts: Vec<Texts> = (0..4).map(|number| Texts::new(LARGE, number)).collect();
    let before = status_kib("VmRSS:");
    let began = Instant::now();
    let mut recorded = 0;
    while began.elapsed() < DURATION {
        client.record(S::call(&texts[recorded % texts.len()]));
        recorded += 1;
        thread::sleep(PAUSE);
    }
    let growth = status_kib("VmHWM:").saturating_sub(before);
    println!("{growth} {recorded} {}", client.dropped());
    leave(client);
}

fn status_kib(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
