//! The only place that prints.
#![expect(clippy::print_stderr, reason = "this is the place")]

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;

/// Prints a line of result. A reader that went away is no error.
pub(crate) fn line(text: &str) {
    let written = writeln!(io::stdout().lock(), "{text}");
    if written.is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe) {
        note("standard output cannot be written");
    }
}

/// Prints bytes of result as they are. A reader that went away is a reason to stop, and no error.
pub(crate) fn bytes(bytes: &[u8]) -> io::Result<ControlFlow<()>> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        written => written.map(ControlFlow::Continue),
    }
}

/// Prints a JSON value on one line.
pub(crate) fn json(value: &impl serde::Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => line(&text),
        Err(_) => note("the answer cannot be shown as JSON"),
    }
}

/// Prints a line for the person, not for a program.
pub(crate) fn note(text: &str) {
    eprintln!("modelstat: {text}");
}

/// Prints the chain of an error and its remedy, and gives the exit code.
pub(crate) fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error}");
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        if !error.to_string().contains(&text) {
            eprintln!("  because: {text}");
        }
    }
    if let Some(hint) = crate::error::hint(error) {
        eprintln!("  hint: {hint}");
    }
    ExitCode::FAILURE
}

/// Prints columns, each as wide as its widest cell.
pub(crate) fn table(heads: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = heads.iter().map(|head| head.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let padded = |cells: &[String]| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    line(&padded(&heads));
    for row in rows {
        line(&padded(row));
    }
}
