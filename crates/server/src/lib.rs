//! Ingest, authentication, deduplication, pricing and the query API.
//!
//! The path of a request: `door` bounds it, [`ingest`] authenticates, parses, redacts and commits it
//! to the inbox, which is when it is acknowledged. [`applier`] drains the inbox: it prices and hands
//! to the ledger, whose one transaction holds rows and position. [`abstracts`] tells whole turns in
//! abstracts, which go the same way. [`api`] answers questions.
//!
//! An acknowledgement promises that an event is durable, not that it is priced or new: its one
//! outcome is decided when it is applied. Nothing before the acknowledgement waits for the ledger,
//! a price or another machine.

mod abstracts;
mod api;
mod applier;
mod auth;
mod ingest;
mod operator;
mod rate;
mod receipts;
mod routes;
mod server;
mod state;
mod time_zone;

pub use modelstat_engine::{
    ChildOptions, Endpoint, EndpointError, HttpOptions, ModelEngines, Secret,
};
pub use modelstat_store::DEFAULT_TEXT_BYTES;
pub use modelstat_summarize::{Engines, FallbackEngine, SegmentLimits};
pub use operator::{DEMO_ORG, OperatorToken};
pub use server::{Config, Server, StartError};
