//! The second destination of the door: an engine over HTTP.
//!
//! Every question is an entry of the ledger. One that leaves the machine is there with its payload; one
//! that stays on it with its size only, since the ledger keeps for months what must not be kept.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use modelstat_engine::{Endpoint, EndpointClient, EndpointError, Reply, Transport, TransportError};
use modelstat_wire::Clock;

use super::findings::Findings;
use super::ledger::Intent;
use super::{Ledger, SendError, USER_AGENT, between_records};

/// What stands in the ledger in place of a batch's id.
pub(super) const ENGINE_BATCH: &str = "engine";

/// The way to an engine over HTTP.
pub(crate) struct EngineDoor {
    client: EndpointClient,
    ledger: Arc<Ledger>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for EngineDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EngineDoor({})", self.client.destination())
    }
}

impl EngineDoor {
    pub(crate) fn new(
        endpoint: &Endpoint,
        ledger: Arc<Ledger>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, EndpointError> {
        Ok(Self { client: EndpointClient::new(endpoint, USER_AGENT)?, ledger, clock })
    }
}

impl Transport for EngineDoor {
    fn destination(&self) -> String {
        self.client.destination()
    }

    fn is_remote(&self) -> bool {
        self.client.is_remote()
    }

    fn post(&self, path: &str, body: &[u8], time: Duration) -> Result<Reply, TransportError> {
        let destination = format!("{}{path}", self.client.destination());
        let intent = Intent {
            at: self.clock.now(),
            destination: &destination,
            key: 0,
            batch_id: ENGINE_BATCH,
            events: 0,
            plain_bytes: body.len() as u64,
            payload: if self.is_remote() { body } else { &[] },
            findings: &Findings::new(),
        };
        let mut failure = None;
        let exchange = |_: &_| match self.client.post(path, body, time) {
            Ok(Reply { status, body }) => Ok(super::Reply { status, retry_after: None, body }),
            Err(error) => {
                failure = Some(error);
                Err(error.as_str())
            }
        };
        match between_records(&self.ledger, self.clock.as_ref(), &intent, exchange) {
            Ok(reply) => Ok(Reply { status: reply.status, body: reply.body }),
            Err(SendError::Transport(word)) => Err(failure.unwrap_or(TransportError::Failed(word))),
            Err(SendError::Ledger(error)) => {
                tracing::warn!(%error, "the ledger cannot be written, so no engine was asked");
                Err(TransportError::Failed("ledger"))
            }
        }
    }

    fn shut(&self) {
        self.client.shut();
    }
}
