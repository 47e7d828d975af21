//! The verbs, one file each.

pub(crate) mod demo;
pub(crate) mod devices;
pub(crate) mod docs;
pub(crate) mod egress;
pub(crate) mod engine;
pub(crate) mod keys;
pub(crate) mod model;
pub(crate) mod orgs;
pub(crate) mod prices;
pub(crate) mod redact;
pub(crate) mod serve;
pub(crate) mod service;
pub(crate) mod status;
pub(crate) mod up;

use crate::args::HomeArguments;
use crate::client::Client;
use crate::error::hinted;
use crate::home::{Home, Lock, RunNote};

/// The org of those who name none.
pub(crate) const DEFAULT_ORG: &str = "default";

/// Who has the files of a data directory.
pub(crate) enum Holder {
    /// A process that runs; it is asked over its API.
    Process(Box<RunNote>),
    /// Nobody but us, as long as the lock lives.
    Us(Home, Lock),
}

/// Finds out who has the files.
pub(crate) fn holder(arguments: &HomeArguments) -> anyhow::Result<Holder> {
    let home = Home::open(arguments)?;
    if let Some(lock) = home.try_lock()? {
        return Ok(Holder::Us(home, lock));
    }
    running(&home).map(|note| Holder::Process(Box::new(note)))
}

/// Finds the running process, which must be there.
pub(crate) fn running_process(arguments: &HomeArguments) -> anyhow::Result<RunNote> {
    let home = Home::open(arguments)?;
    if home.try_lock()?.is_some() {
        return Err(hinted(
            format!("no modelstat process works on {}", home.folder().display()),
            "start one with `modelstat up`, or name its folder with --data-dir",
        ));
    }
    running(&home)
}

fn running(home: &Home) -> anyhow::Result<RunNote> {
    home.run_note().ok_or_else(|| {
        hinted(
            "a modelstat process is starting or stopping on this data directory",
            "try again in a moment",
        )
    })
}

/// Returns a client of the running server.
pub(crate) fn server_client(note: &RunNote) -> anyhow::Result<Client> {
    let url = note.server_url.as_deref().ok_or_else(|| {
        hinted("the process on this data directory is no server", "see `modelstat server`")
    })?;
    Ok(Client::new(url, &note.token))
}

/// Returns a client of the running daemon.
pub(crate) fn daemon_client(note: &RunNote) -> anyhow::Result<Client> {
    let url = note.daemon_url.as_deref().ok_or_else(|| {
        hinted("the process on this data directory is no daemon", "see `modelstat daemon`")
    })?;
    Ok(Client::new(url, &note.token))
}
