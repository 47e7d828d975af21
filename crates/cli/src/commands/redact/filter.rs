//! Bytes in, redacted bytes out, in pieces.

use std::ops::ControlFlow;

use anyhow::Context;
use modelstat_redact::Floor;
use modelstat_wire::FindingCounts;

use super::Input;
use super::colour::coloured;
use crate::output;

/// How much is read at once.
const PIECE_BYTES: usize = 256 * 1024;

/// Redacts the input onto standard output, without ever holding it whole.
pub(super) fn run(mut input: Input, floor: &Floor, colour: bool) -> anyhow::Result<FindingCounts> {
    let mut redactor = floor.redactor();
    let mut piece = vec![0; PIECE_BYTES];
    let mut text = Vec::new();
    let mut counts = FindingCounts::default();
    loop {
        let length = input.read(&mut piece)?;
        if length == 0 {
            break;
        }
        redactor.push(&piece[..length], &mut text);
        if length < PIECE_BYTES {
            // There is no more for now, and somebody may be waiting for what there is.
            redactor.settle(&mut text);
        }
        counts.add(&redactor.take_findings());
        if write(&text, colour)?.is_break() {
            break;
        }
        text.clear();
    }
    let mut rest = Vec::new();
    counts.add(&redactor.finish(&mut rest));
    // A reader that went away is told nothing more, and that is no error either.
    write(&rest, colour)?.is_break();
    Ok(counts)
}

fn write(text: &[u8], colour: bool) -> anyhow::Result<ControlFlow<()>> {
    let written = if colour { output::bytes(&coloured(text)) } else { output::bytes(text) };
    written.context("could not write the text")
}
