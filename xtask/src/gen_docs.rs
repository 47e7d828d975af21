//! Documents that are generated from the code.

use std::fs;

use crate::step::{Outcome, command, output, progress, root};
use crate::up::{self, Engine, Profile};

/// A part of a document that a verb of the binary prints.
struct Part {
    file: &'static str,
    name: &'static str,
    verb: [&'static str; 2],
}

const PARTS: [Part; 1] =
    [Part { file: "docs/protocol.md", name: "egress", verb: ["docs", "egress"] }];

/// Writes the generated parts, or with `--check` says whether they are up to date. The binary says the same
/// with and without an engine.
pub(crate) fn run(arguments: &[String], engine: Engine) -> Outcome {
    let is_check = match arguments {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => return Err("usage: cargo xtask gen [--check]".to_owned()),
    };
    let binary = up::binary(Profile::Dev, engine)?;
    for part in &PARTS {
        let path = root().join(part.file);
        let document = fs::read_to_string(&path)
            .map_err(|error| format!("could not read {}: {error}", part.file))?;
        let printed = output(part.name, command(&binary).args(part.verb))?;
        let current = replace_part(&document, part.name, &printed)
            .ok_or_else(|| format!("{} has no part `{}`", part.file, part.name))?;
        if current == document {
            continue;
        }
        if is_check {
            return Err(format!("{} is out of date: run `cargo xtask gen`", part.file));
        }
        fs::write(&path, current)
            .map_err(|error| format!("could not write {}: {error}", part.file))?;
        progress(&format!("wrote {} ({})", part.file, part.name));
    }
    Ok(())
}

/// Replaces what stands between the marks of a part.
fn replace_part(document: &str, name: &str, text: &str) -> Option<String> {
    let begin = format!("<!-- generated: {name} -->\n");
    let end = format!("<!-- end of {name} -->");
    let (before, rest) = document.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{}\n{end}{after}", text.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_replaced_between_its_marks() {
        let document = "a\n<!-- generated: x -->\nold\n<!-- end of x -->\nb\n";
        let replaced = replace_part(document, "x", "new\n").expect("the part is there");
        assert_eq!(replaced, "a\n<!-- generated: x -->\nnew\n<!-- end of x -->\nb\n");
        assert_eq!(replace_part(document, "y", "new"), None);
    }
}
