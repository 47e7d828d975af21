//! `modelstat redact`: the floor as a filter.

mod colour;
mod explain;
mod filter;
mod lines;

use std::io::{IsTerminal, Read};
use std::str::FromStr;

use anyhow::Context;
use modelstat_redact::{Class, Finding, Floor};
use modelstat_wire::FindingCounts;
use serde::Serialize;

use crate::args::RedactArguments;
use crate::config::environment;
use crate::error::hinted;
use crate::{floor, identifiers, output};

/// Largest text that is taken as a whole, which `--json` and `--explain` need.
const MAX_TEXT_BYTES: u64 = 1024 * 1024 * 1024;

/// The names of `--identifiers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identifiers {
    /// No names.
    None,
    /// Those that this host knows.
    Auto,
    /// These.
    Listed(Vec<String>),
}

impl FromStr for Identifiers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "auto" => Ok(Self::Auto),
            list => {
                let names: Vec<String> = list
                    .split(',')
                    .map(|name| name.trim().to_owned())
                    .filter(|name| !name.is_empty())
                    .collect();
                if names.is_empty() {
                    return Err("give `auto`, `none`, or names with commas".to_owned());
                }
                Ok(Self::Listed(names))
            }
        }
    }
}

/// `modelstat redact [FILE]`
pub(crate) fn run(arguments: &RedactArguments) -> anyhow::Result<()> {
    let floor = floor_of(arguments)?;
    let input = Input::open(arguments)?;
    let (counts, bad_lines) = match arguments {
        RedactArguments { explain: true, json, .. } => (explain::run(input, &floor, *json)?, 0),
        RedactArguments { json: true, .. } => return whole(input, &floor),
        RedactArguments { jsonl: true, .. } => lines::run(input, &floor)?,
        _ => (filter::run(input, &floor, wants_colour())?, 0),
    };
    if !arguments.quiet {
        output::note(&summary(&counts));
    }
    if bad_lines > 0 {
        let lines = if bad_lines == 1 { "line" } else { "lines" };
        return Err(hinted(
            format!("{bad_lines} {lines} could not be read"),
            "each has an `error` in its place, with line and column; a line is an object with a \
             string in `text`",
        ));
    }
    Ok(())
}

fn floor_of(arguments: &RedactArguments) -> anyhow::Result<Floor> {
    let mut floor = Floor::built_in().clone();
    if let Some(path) = &arguments.rules {
        floor = floor.with_rules(&floor::read_rules(path)?);
    }
    if arguments.ip {
        floor = floor.with_ip_addresses();
    }
    Ok(match &arguments.identifiers {
        Identifiers::None => floor,
        Identifiers::Auto => floor.with_identifiers(identifiers::of_this_host()),
        Identifiers::Listed(names) => floor.with_identifiers(names),
    })
}

/// Colour is for people: <https://no-color.org>.
fn wants_colour() -> bool {
    let is_set = |name: &str| environment(name).is_some_and(|value| !value.is_empty());
    let is_dumb = environment("TERM").is_some_and(|name| name == "dumb");
    std::io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb
}

/// What is read, and what it is called in messages.
struct Input {
    name: String,
    reader: Box<dyn Read>,
}

impl Input {
    fn open(arguments: &RedactArguments) -> anyhow::Result<Self> {
        let (name, reader): (String, Box<dyn Read>) = match &arguments.file {
            Some(path) if path.as_os_str() != "-" => {
                let file = std::fs::File::open(path);
                let file = file.with_context(|| format!("could not read {}", path.display()))?;
                (path.display().to_string(), Box::new(file))
            }
            // Its buffer would only be one more copy.
            _ => ("standard input".to_owned(), Box::new(std::io::stdin().lock())),
        };
        Ok(Self { name, reader })
    }

    /// Reads some bytes; none at the end.
    fn read(&mut self, into: &mut [u8]) -> anyhow::Result<usize> {
        loop {
            match self.reader.read(into) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                read => return read.with_context(|| format!("could not read {}", self.name)),
            }
        }
    }

    /// Reads all there is, within the limit.
    fn read_whole(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader
            .by_ref()
            .take(MAX_TEXT_BYTES + 1)
            .read_to_end(&mut bytes)
            .with_context(|| format!("could not read {}", self.name))?;
        if bytes.len() as u64 > MAX_TEXT_BYTES {
            let message = format!("{} is larger than 1 GiB", self.name);
            return Err(hinted(
                message,
                "split it; without --json and --explain there is no limit",
            ));
        }
        Ok(bytes)
    }
}

/// One finding, as scripts read it.
#[derive(Serialize)]
struct Found {
    rule: &'static str,
    #[serde(rename = "type")]
    name: &'static str,
    start: usize,
    end: usize,
}

impl From<&Finding> for Found {
    fn from(found: &Finding) -> Self {
        let (rule, name) = (found.rule.id(), found.rule.name());
        Self { rule, name, start: found.start, end: found.end }
    }
}

/// A redacted text with what was found, as scripts read it.
#[derive(Serialize)]
struct Redacted<'a> {
    text: &'a str,
    secrets: usize,
    pii: usize,
    findings: Vec<Found>,
}

impl<'a> From<&'a modelstat_redact::Redacted<'_>> for Redacted<'a> {
    fn from(redacted: &'a modelstat_redact::Redacted<'_>) -> Self {
        Self {
            text: &redacted.text,
            secrets: redacted.secrets(),
            pii: redacted.pii(),
            findings: redacted.findings.iter().map(Found::from).collect(),
        }
    }
}

/// `--json`: one object for the whole input.
fn whole(mut input: Input, floor: &Floor) -> anyhow::Result<()> {
    let text = String::from_utf8(input.read_whole()?).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        hinted(
            format!("{} is not UTF-8 (byte {place})", input.name),
            "leave --json out, which takes any bytes, or convert it first, for example with \
             `iconv -t utf-8`",
        )
    })?;
    output::json(&Redacted::from(&floor.redact(&text)));
    Ok(())
}

/// `2 secrets, 1 personal data: email 1, jwt 2`
fn summary(counts: &FindingCounts) -> String {
    if counts.is_empty() {
        return "nothing found".to_owned();
    }
    let (secrets, pii) = (counts.of_class(Class::Secret), counts.of_class(Class::Pii));
    let plural = if secrets == 1 { "" } else { "s" };
    let types: Vec<String> =
        counts.iter().map(|(rule, count)| format!("{} {count}", rule.name())).collect();
    format!("{secrets} secret{plural}, {pii} personal data: {}", types.join(", "))
}
