//! `modelstat redact`: the floor as a filter.

use std::io::Read;

use anyhow::Context;
use modelstat_redact::redact;
use serde_json::json;

use crate::args::RedactArguments;
use crate::error::hinted;
use crate::output;

/// Largest text that is taken at once.
const MAX_TEXT_BYTES: u64 = 1024 * 1024 * 1024;

/// `modelstat redact [FILE]`
pub(crate) fn run(arguments: &RedactArguments) -> anyhow::Result<()> {
    let text = read(arguments)?;
    let redacted = redact(&text);
    let (secrets, pii) = (redacted.secrets(), redacted.pii());
    if arguments.json {
        output::json(&json!({ "text": redacted.text, "secrets": secrets, "pii": pii }));
        return Ok(());
    }
    output::bytes(redacted.text.as_bytes()).context("could not write the text")?;
    if secrets + pii > 0 {
        output::note(&format!("{secrets} secrets, {pii} personal data"));
    }
    Ok(())
}

fn read(arguments: &RedactArguments) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let (name, input): (String, Box<dyn Read>) = match &arguments.file {
        Some(path) => {
            let file = std::fs::File::open(path);
            let file = file.with_context(|| format!("could not read {}", path.display()))?;
            (path.display().to_string(), Box::new(file))
        }
        None => ("standard input".to_owned(), Box::new(std::io::stdin().lock())),
    };
    input
        .take(MAX_TEXT_BYTES + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("could not read {name}"))?;
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        return Err(hinted(format!("{name} is larger than 1 GiB"), "split it"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        hinted(
            format!("{name} is not UTF-8 (byte {place})"),
            "convert it first, for example with `iconv -t utf-8`",
        )
    })
}
