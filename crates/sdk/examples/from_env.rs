//! Records as the environment says: where to, which app, with which key.
//!
//! `MODELSTAT_APP=checkout-api cargo run -p modelstat --example from_env`
//!
//! With nothing that says where to, it starts a receiver and runs itself again with its address, since
//! a program must not change its own environment.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use modelstat::{Client, LlmCall};
use modelstat_testkit::Receiver;

fn record() -> bool {
    let ms = Client::from_env();
    ms.record(LlmCall::new("openai", "conversation-1").model("gpt-x").text("asked", "answered"));
    ms.shutdown_blocking(Duration::from_secs(5)).complete
}

fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let is_told = ["MODELSTAT_DAEMON_URL", "MODELSTAT_SERVER_URL"]
        .iter()
        .any(|name| env::var_os(name).is_some());
    if is_told {
        writeln!(out, "sent all: {}", record())?;
        return Ok(());
    }
    let receiver = Receiver::start()?;
    let status = Command::new(env::current_exe()?)
        .args(env::args_os().skip(1))
        .env("MODELSTAT_DAEMON_URL", receiver.url())
        .env("MODELSTAT_INGEST_KEY", "msk_example")
        .env("MODELSTAT_AGENT", "raw_sdk_openai")
        .stdout(Stdio::null())
        .status()?;
    writeln!(out, "{status}")?;
    for event in receiver.events() {
        writeln!(out, "{} {} {}", event["agent"], event["model"], event["content_excerpt"])?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&mut io::stdout())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Run again by itself, this test is the one that records.
    #[test]
    fn prints_what_was_recorded() {
        let mut out = Vec::new();
        run(&mut out).expect("a run");
        let out = String::from_utf8(out).expect("text");
        let recorded = out.contains(r#""raw_sdk_openai" "gpt-x" "asked\n---\nanswered""#);
        assert!(recorded || out == "sent all: true\n", "{out}");
    }
}
