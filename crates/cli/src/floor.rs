//! The floor with what this host adds to it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Context;
use modelstat_redact::{Floor, UserRules};
use modelstat_wire::{BatchFloor, IdentifierKey};

use crate::args::RedactionOptions;
use crate::config;
use crate::error::hinted;
use crate::home::Home;

/// Largest file of rules that is read; the rules themselves have a lower limit.
const MAX_RULES_BYTES: u64 = 1024 * 1024;

/// Reads the rules that a daemon or server starts with: a whole file, or no start.
pub(crate) fn host_rules(
    file: &config::File,
    options: &RedactionOptions,
    home: &Home,
) -> anyhow::Result<Option<UserRules>> {
    if let Some(path) = file.redact_rules(options) {
        return read_rules(&path).map(Some);
    }
    let default = home.folder().join("redact.toml");
    if !default.exists() {
        return Ok(None);
    }
    read_rules(&default).map(Some)
}

/// Reads a file of rules.
pub(crate) fn read_rules(path: &Path) -> anyhow::Result<UserRules> {
    let failed = || format!("could not read the rules in {}", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(failed)?;
    file.take(MAX_RULES_BYTES).read_to_end(&mut bytes).with_context(failed)?;
    let remedy = "mend the rule, or take the file away; docs/redact-toml.md shows the format";
    let text = String::from_utf8(bytes)
        .map_err(|_| hinted(format!("{} is not UTF-8", path.display()), remedy))?;
    UserRules::parse(&text)
        .map_err(|error| hinted(format!("{} is refused: {error}", path.display()), remedy))
}

/// The floor of a daemon or server with such rules.
pub(crate) fn batch_floor(key: IdentifierKey, rules: Option<&UserRules>) -> BatchFloor {
    match rules {
        Some(rules) => {
            let floor = Floor::built_in().clone().with_rules(rules);
            BatchFloor::with_floor(key, floor, rules.len())
        }
        None => BatchFloor::new(key),
    }
}
