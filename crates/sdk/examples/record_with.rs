//! Records through `record_with`, which makes nothing of a call that cannot be taken.
//!
//! `cargo run -p modelstat --example record_with`

use std::cell::Cell;
use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use modelstat::{Client, Config, DropReason, LlmCall, Mode, with_metadata};
use modelstat_testkit::Receiver;

fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let receiver = Receiver::start()?;
    let mut config = Config::new("msk_example", "raw_sdk_openai", "checkout-api");
    config.mode = Mode::LocalDaemon { url: receiver.url() };
    // Little room, and nothing sent meanwhile, to show what happens when it is full.
    config.buffer_capacity = 4;
    config.flush_max_batch = 1_000;
    config.flush_interval = Duration::from_hours(1);
    let ms = Client::new(config);

    let made = Cell::new(0);
    with_metadata([("feature", "search")], || {
        for turn in 0..10 {
            ms.record_with(|| {
                made.set(made.get() + 1);
                LlmCall::new("openai", format!("conversation-{turn}")).model("gpt-x")
            });
        }
    });
    let dropped = ms.stats().dropped_for(DropReason::QueueFull);
    writeln!(out, "asked 10 times, made {}, dropped {dropped}", made.get())?;

    ms.shutdown_blocking(Duration::from_secs(5));
    for event in receiver.events() {
        writeln!(out, "{} {}", event["session_id"], event["metadata"])?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&mut io::stdout())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_was_recorded() {
        let mut out = Vec::new();
        run(&mut out).expect("a run");
        let out = String::from_utf8(out).expect("text");
        let mut lines = out.lines();
        let made = lines.next().expect("a line");
        assert!(made.starts_with("asked 10 times, made "), "{out}");
        assert!(made != "asked 10 times, made 10, dropped 0", "{out}");
        let recorded = lines.inspect(|line| assert!(line.contains("search"), "{out}")).count();
        assert!(made.contains(&format!("made {recorded},")), "{out}");
    }
}
