//! `modelstat docs egress`: what `cargo xtask gen` writes into the documents.

use crate::args::{DocsArguments, DocsVerb};
use crate::output;

/// `modelstat docs …`
#[expect(clippy::unnecessary_wraps, reason = "every verb has one shape")]
pub(crate) fn run(arguments: &DocsArguments) -> anyhow::Result<()> {
    match arguments.verb {
        DocsVerb::Egress => {
            for path in modelstat_wire::egress::field_paths() {
                output::line(&format!("- `{path}`"));
            }
        }
    }
    Ok(())
}
