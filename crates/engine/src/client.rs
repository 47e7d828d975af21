//! The HTTP client that asks an engine.
//!
//! It knows no ledger. A daemon wraps it in one, where every question is written down before it is sent.

use std::fmt;
use std::io::{self, Read};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::{Uri, header};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::endpoint::{Endpoint, EndpointError, Place};
use crate::openai::{Reply, Transport, TransportError};
use crate::secret::Secret;

/// Most bytes of an answer that are read: far more than a summary and what a model thought before.
const MAX_ANSWER_BYTES: u64 = 256 * 1024;

/// Longest wait for a connection, which is to this machine or near.
const CONNECT_TIME: Duration = Duration::from_secs(3);

/// Asks one endpoint, without a proxy and without following it elsewhere.
pub struct EndpointClient {
    agent: ureq::Agent,
    place: Place,
    key: Option<Secret>,
}

impl fmt::Debug for EndpointClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointClient({})", self.place.destination)
    }
}

impl EndpointClient {
    /// Makes the client, which says by `user_agent` who asks; nobody is asked yet.
    pub fn new(endpoint: &Endpoint, user_agent: &'static str) -> Result<Self, EndpointError> {
        let place = endpoint.place()?;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would carry text and key elsewhere.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(user_agent)
            .timeout_connect(Some(CONNECT_TIME))
            .timeout_global(Some(endpoint.http.time))
            .build();
        let agent = if place.is_remote {
            config.new_agent()
        } else {
            ureq::Agent::with_parts(config, DefaultConnector::default(), ThisMachine::default())
        };
        Ok(Self { agent, place, key: endpoint.key.clone() })
    }

    fn exchange(&self, path: &str, body: &[u8], time: Duration) -> Result<Reply, ureq::Error> {
        let mut request = self
            .agent
            .post(format!("{}{path}", self.place.base))
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

impl Transport for EndpointClient {
    fn destination(&self) -> String {
        self.place.destination.clone()
    }

    fn is_remote(&self) -> bool {
        self.place.is_remote
    }

    fn post(&self, path: &str, body: &[u8], time: Duration) -> Result<Reply, TransportError> {
        self.exchange(path, body, time).map_err(|error| why(&error))
    }

    fn shut(&self) {
        self.agent.clone().shutdown();
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
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.0.resolve(uri, config, timeout)?;
        if found.iter().all(|address| address.ip().to_canonical().is_loopback()) {
            return Ok(found);
        }
        Err(ureq::Error::Other(Box::new(NotLoopback)))
    }
}

fn why(error: &ureq::Error) -> TransportError {
    match error {
        ureq::Error::Other(cause) if cause.is::<NotLoopback>() => TransportError::NotLoopback,
        ureq::Error::Timeout(_) => TransportError::Timeout,
        error => TransportError::Failed(failure_word(error)),
    }
}

/// Names what went wrong with a request. Errors may quote addresses and headers; these words quote nothing.
pub fn failure_word(error: &ureq::Error) -> &'static str {
    use ureq::Error;
    match error {
        Error::Timeout(_) => "timeout",
        Error::HostNotFound => "host_not_found",
        Error::ConnectionFailed => "connection_failed",
        Error::Io(source) => match source.kind() {
            io::ErrorKind::ConnectionRefused => "connection_refused",
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "connection_reset",
            io::ErrorKind::UnexpectedEof => "connection_closed",
            _ => "io",
        },
        Error::Tls(_) | Error::Rustls(_) | Error::Pem(_) => "tls",
        Error::BodyExceedsLimit(_) => "answer_too_large",
        _ => "protocol",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_name_leads_decides() {
        let config = ureq::Agent::config_builder().proxy(None).build();
        let agent =
            ureq::Agent::with_parts(config, DefaultConnector::default(), ThisMachine::default());
        // Of the addresses for documents, so that nobody would be asked.
        let error = agent.get("http://192.0.2.7:9/v1").call().expect_err("refused");
        assert_eq!(why(&error), TransportError::NotLoopback);
        let nobody = agent.get("http://127.0.0.1:1/v1").call().expect_err("nobody is there");
        assert_ne!(why(&nobody), TransportError::NotLoopback);
    }
}
