//! The second destination of the door: an engine over HTTP.
//!
//! Every question is an entry of the ledger. One that leaves the machine is there with its payload; one
//! that stays on it with its size only, since the ledger keeps for months what must not be kept.

use std::fmt;
use std::io::Read;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use modelstat_engine::{HttpOptions, Reply, Transport, TransportError};
use modelstat_wire::Clock;
use ureq::config::Config as AgentConfig;
use ureq::http::{Uri, header};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use super::findings::Findings;
use super::ledger::Intent;
use super::{Ledger, SendError, between_records, destination, word_of};
use crate::config::Secret;

/// What stands in the ledger in place of a batch's id.
pub(super) const ENGINE_BATCH: &str = "engine";

/// Most bytes of an answer that are read: far more than a summary and what a model thought before.
const MAX_ANSWER_BYTES: u64 = 256 * 1024;

/// Longest wait for a connection, which is to this machine or near.
const CONNECT_TIME: Duration = Duration::from_secs(3);

/// An engine over HTTP, as the daemon is told of it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The API's address, such as `http://127.0.0.1:11434/v1`.
    pub url: String,
    /// Whether it may be on another machine, to which redacted text then leaves.
    pub allows_other_machines: bool,
    /// The key that it asks for.
    pub key: Option<Secret>,
    /// The model, and how it is asked.
    pub http: HttpOptions,
}

/// An engine's address cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// It is no `http` or `https` address with a host.
    #[error("the engine's address is no http or https address, or holds a password or parameters")]
    Address,
    /// Nobody said that redacted text may leave the machine for it.
    #[error("the engine's address is not on this machine")]
    NotLoopback,
}

impl Endpoint {
    /// Checks the address without asking anybody; returns host, port and path, and whether it is on
    /// another machine. Names are looked up later, at each connection.
    fn place(&self) -> Result<(String, bool), EndpointError> {
        let base = self.url.trim_end_matches('/');
        let destination = destination(base).map_err(|_| EndpointError::Address)?;
        let uri: Uri = base.parse().map_err(|_| EndpointError::Address)?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let address: Option<IpAddr> = host.parse().ok();
        let is_here = address.map_or(host.eq_ignore_ascii_case("localhost"), |address| {
            address.to_canonical().is_loopback()
        });
        match address {
            Some(_) if !is_here && !self.allows_other_machines => Err(EndpointError::NotLoopback),
            _ => Ok((destination, !is_here && self.allows_other_machines)),
        }
    }

    /// Checks the address without asking anybody.
    pub fn check(&self) -> Result<(), EndpointError> {
        self.place().map(drop)
    }
}

/// Finds this machine only, whatever a name says.
#[derive(Debug, Default)]
struct ThisMachine(DefaultResolver);

#[derive(Debug, thiserror::Error)]
#[error("the address is not on this machine")]
struct NotLoopback;

impl Resolver for ThisMachine {
    fn resolve(
        &self,
        uri: &Uri,
        config: &AgentConfig,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.0.resolve(uri, config, timeout)?;
        if found.iter().all(|address| address.ip().to_canonical().is_loopback()) {
            return Ok(found);
        }
        Err(ureq::Error::Other(Box::new(NotLoopback)))
    }
}

/// The way to an engine over HTTP.
pub(crate) struct EngineDoor {
    agent: ureq::Agent,
    ledger: Arc<Ledger>,
    clock: Arc<dyn Clock>,
    base: String,
    destination: String,
    is_remote: bool,
    key: Option<Secret>,
}

impl fmt::Debug for EngineDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EngineDoor({})", self.destination)
    }
}

impl EngineDoor {
    pub(crate) fn new(
        endpoint: &Endpoint,
        ledger: Arc<Ledger>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, EndpointError> {
        let (destination, is_remote) = endpoint.place()?;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would carry text and key elsewhere.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(concat!("modelstat-daemon/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT_TIME))
            .timeout_global(Some(endpoint.http.time))
            .build();
        let agent = if is_remote {
            config.new_agent()
        } else {
            ureq::Agent::with_parts(config, DefaultConnector::default(), ThisMachine::default())
        };
        let base = endpoint.url.trim_end_matches('/').to_owned();
        let key = endpoint.key.clone();
        Ok(Self { agent, ledger, clock, base, destination, is_remote, key })
    }

    /// Ends the requests at hand, from another thread; every later one fails at once.
    pub(crate) fn shut(&self) {
        self.agent.clone().shutdown();
    }

    fn exchange(&self, path: &str, body: &[u8], time: Duration) -> Result<Reply, ureq::Error> {
        let mut request = self
            .agent
            .post(format!("{}{path}", self.base))
            .header(header::CONTENT_TYPE, "application/json")
            .config()
            .timeout_global(Some(time))
            .build();
        if let Some(key) = &self.key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", key.expose()));
        }
        let mut response = request.send(body)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        let reader = response.body_mut().as_reader();
        // One byte more tells that there is more.
        reader.take(MAX_ANSWER_BYTES + 1).read_to_end(&mut body)?;
        if body.len() as u64 > MAX_ANSWER_BYTES {
            return Err(ureq::Error::BodyExceedsLimit(MAX_ANSWER_BYTES));
        }
        Ok(Reply { status, body })
    }
}

impl Transport for EngineDoor {
    fn destination(&self) -> String {
        self.destination.clone()
    }

    fn is_remote(&self) -> bool {
        self.is_remote
    }

    fn post(&self, path: &str, body: &[u8], time: Duration) -> Result<Reply, TransportError> {
        let destination = format!("{}{path}", self.destination);
        let intent = Intent {
            at: self.clock.now(),
            destination: &destination,
            key: 0,
            batch_id: ENGINE_BATCH,
            events: 0,
            plain_bytes: body.len() as u64,
            payload: if self.is_remote { body } else { &[] },
            findings: &Findings::new(),
        };
        let exchange = |_: &_| {
            let reply = self.exchange(path, body, time).map_err(|error| word(&error))?;
            Ok(super::Reply { status: reply.status, retry_after: None, body: reply.body })
        };
        match between_records(&self.ledger, self.clock.as_ref(), &intent, exchange) {
            Ok(reply) => Ok(Reply { status: reply.status, body: reply.body }),
            Err(SendError::Transport("timeout")) => Err(TransportError::Timeout),
            Err(SendError::Transport(NOT_LOOPBACK)) => Err(TransportError::NotLoopback),
            Err(SendError::Transport(word)) => Err(TransportError::Failed(word)),
            Err(SendError::Ledger(error)) => {
                tracing::warn!(%error, "the ledger cannot be written, so no engine was asked");
                Err(TransportError::Failed("ledger"))
            }
        }
    }
}

const NOT_LOOPBACK: &str = "not_loopback";

fn word(error: &ureq::Error) -> &'static str {
    match error {
        ureq::Error::Other(cause) if cause.is::<NotLoopback>() => NOT_LOOPBACK,
        error => word_of(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: Result<(&str, bool), EndpointError>) {
        for allows_other_machines in [false, true] {
            let http = HttpOptions { model: "m".into(), time: Duration::from_secs(1), parallel: 1 };
            let endpoint = Endpoint { url: url.into(), allows_other_machines, key: None, http };
            let expected = match expected {
                // What is elsewhere needs the switch, or a look at where its name leads.
                Ok((destination, true)) => Ok((destination.to_owned(), allows_other_machines)),
                Err(EndpointError::NotLoopback) if allows_other_machines => continue,
                other => other.map(|(destination, place)| (destination.to_owned(), place)),
            };
            assert_eq!(endpoint.place(), expected, "{url}");
        }
    }

    #[test]
    fn where_a_name_leads_decides() {
        let config = ureq::Agent::config_builder().proxy(None).build();
        let agent =
            ureq::Agent::with_parts(config, DefaultConnector::default(), ThisMachine::default());
        // Of the addresses for documents, so that nobody would be asked.
        let error = agent.get("http://192.0.2.7:9/v1").call().expect_err("refused");
        assert_eq!(word(&error), NOT_LOOPBACK);
        let nobody = agent.get("http://127.0.0.1:1/v1").call().expect_err("nobody is there");
        assert_ne!(word(&nobody), NOT_LOOPBACK);
    }

    #[test]
    fn an_address_tells_whether_it_is_on_this_machine() {
        check("http://127.0.0.1:11434/v1/", Ok(("127.0.0.1:11434/v1", false)));
        check("http://[::1]:8080/v1", Ok(("[::1]:8080/v1", false)));
        check("http://localhost/v1", Ok(("localhost:80/v1", false)));
        check("http://[::ffff:127.0.0.1]:1/v1", Ok(("[::ffff:127.0.0.1]:1/v1", false)));
        check("https://gpu.example/v1", Ok(("gpu.example:443/v1", true)));
        check("http://10.0.0.5:8000/v1", Err(EndpointError::NotLoopback));
        check("http://0.0.0.0:8000/v1", Err(EndpointError::NotLoopback));
        for bad in ["ftp://127.0.0.1/", "127.0.0.1:8000", "http://a:b@127.0.0.1/v1", "http:///v1"] {
            check(bad, Err(EndpointError::Address));
        }
    }
}
