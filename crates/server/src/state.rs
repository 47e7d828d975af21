//! What every request can reach.

use std::net::SocketAddr;
use std::sync::Arc;

use modelstat_door::{BodyBudget, Limits, Refusal, RefusalCounts, refuse};
use modelstat_engine::Models;
use modelstat_pricing::PriceBook;
use modelstat_store::{Directory, Inbox, Ledger};
use modelstat_summarize::Engines;
use modelstat_wire::{BatchFloor, Clock};
use tokio::sync::Semaphore;

use crate::abstracts::KnownContents;
use crate::applier::ApplierHandle;
use crate::operator::OperatorToken;
use crate::rate::RateLimit;

/// Most questions that are answered at once; more wait their turn.
pub(crate) const MAX_QUERIES: usize = 4;

/// What every request can reach.
pub(crate) struct State {
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) inbox: Arc<dyn Inbox>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) book: &'static PriceBook,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) floor: BatchFloor,
    pub(crate) engines: Engines,
    pub(crate) models: Arc<Models>,
    /// What models made of content.
    pub(crate) known: Arc<KnownContents>,
    pub(crate) text_bytes: u64,
    pub(crate) operator: OperatorToken,
    pub(crate) address: SocketAddr,
    pub(crate) limits: Limits,
    pub(crate) budget: BodyBudget,
    pub(crate) parsing: Arc<Semaphore>,
    pub(crate) queries: Arc<Semaphore>,
    pub(crate) applier: ApplierHandle,
    pub(crate) registrations: RateLimit,
    pub(crate) claims: RateLimit,
    pub(crate) daemon_url: Option<String>,
    /// Requests by what they were refused for, below the router too.
    pub(crate) refused: Arc<RefusalCounts>,
}

/// Runs work that blocks, off the threads that serve connections.
pub(crate) async fn blocking<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let turn = Arc::clone(turns).acquire_owned().await.map_err(|_| refuse::PANICKED)?;
    let held = move || {
        // Work goes on when the caller hangs up, so the turn lasts as long as the work.
        let _turn = turn;
        work()
    };
    match tokio::task::spawn_blocking(held).await {
        Ok(result) => result,
        // The panic hook has logged the place.
        Err(_) => Err(refuse::PANICKED),
    }
}
