//! The one door through which anything leaves this machine.
//!
//! A request is written to the ledger before its first byte is sent, and its answer after: what is not in
//! the ledger was not sent. No other module holds a client.

mod chain;
mod device;
mod engine;
mod findings;
mod ledger;
mod payload;
mod records;
mod room;
mod sent;
mod verify;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use modelstat_engine::{AddressError, Secret, destination, failure_word};
use modelstat_wire::{Clock, EgressReceipt, RECEIPT_HEADER, SignedReceipt, Timestamp};
use ureq::Body;
use ureq::http::{Response, StatusCode, header};

use crate::config::Config;
use crate::database::DatabaseError;
use crate::failpoint;

pub(crate) use device::DeviceKey;
pub use device::{DeviceKeyError, is_receipt_signed};
pub(crate) use engine::EngineDoor;
pub use ledger::LedgerEntry;
use ledger::{Conclusion, Intended, Intent};
pub(crate) use ledger::{FILE as LEDGER_FILE, Ledger, ReadStart};
pub use payload::PayloadProblem;
pub(crate) use sent::Sent;
pub use verify::{
    CheckpointReport, LedgerProblem, LedgerRequest, Verification, VerifyError, verify_ledger,
};

/// Where batches go on the server. What came to `/v1/ingest/raw` goes here too: its text stays.
pub(crate) const INGEST_PATH: &str = "/v1/ingest";

/// Who asks, as others see it.
const USER_AGENT: &str = concat!("modelstat-daemon/", env!("CARGO_PKG_VERSION"));

/// Most bytes of an answer that are read: one line for each refused event of the largest batch.
const MAX_ANSWER_BYTES: u64 = 4 * 1024 * 1024;

/// Longest wait that a server can ask for; beyond it, it is asked again.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// The server's address cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DoorError {
    /// It is no `http` or `https` address with a host.
    #[error("the server's address is no http or https address")]
    Address,
    /// A password in the address would stand in every ledger entry.
    #[error("the server's address holds a user or a password")]
    Userinfo,
}

impl From<AddressError> for DoorError {
    fn from(error: AddressError) -> Self {
        match error {
            AddressError::Form => Self::Address,
            AddressError::Userinfo => Self::Userinfo,
        }
    }
}

/// What is to be sent.
pub(crate) struct Letter<'a> {
    /// Where on the server, such as `/v1/ingest`.
    pub(crate) path: &'a str,
    pub(crate) key: u32,
    /// Absent only where a device registers for the first time.
    pub(crate) secret: Option<&'a Secret>,
    pub(crate) batch_id: &'a str,
    pub(crate) events: u64,
    /// The body before it was packed.
    pub(crate) plain: &'a [u8],
    /// The gzip body.
    pub(crate) body: &'a [u8],
}

/// What is to be asked.
pub(crate) struct Question<'a> {
    /// Where on the server, with its parameters.
    pub(crate) path: &'a str,
    pub(crate) key: u32,
    pub(crate) secret: &'a Secret,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SendError {
    #[error("the ledger cannot be written, so nothing was sent")]
    Ledger(#[source] DatabaseError),
    #[error("the request failed ({0})")]
    Transport(&'static str),
}

/// The client and its ledger.
pub(crate) struct Door {
    agent: ureq::Agent,
    ledger: Arc<Ledger>,
    clock: Arc<dyn Clock>,
    /// The server's address, without a slash at its end.
    base: String,
    /// Host, port and path of the base.
    host: String,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Door({})", self.host)
    }
}

impl Door {
    /// Makes the client; nothing is sent yet.
    pub(crate) fn new(
        config: &Config,
        ledger: Arc<Ledger>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, DoorError> {
        // Clients are configured with the whole path, so some will write it here too.
        let base = config.server_url.trim_end_matches('/');
        let base = base.strip_suffix(INGEST_PATH).unwrap_or(base).trim_end_matches('/');
        let host = destination(base)?;
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would carry the key elsewhere.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A proxy is a destination, so it is not picked up from the environment.
            .proxy(None)
            .user_agent(USER_AGENT)
            .timeout_connect(Some(config.pace.connect_time))
            .timeout_global(Some(config.pace.request_time))
            .build()
            .new_agent();
        Ok(Self { agent, ledger, clock, base: base.to_owned(), host })
    }

    /// Returns host, port and path of where batches go.
    pub(crate) fn destination(&self) -> String {
        format!("{}{INGEST_PATH}", self.host)
    }

    /// Returns the id of the device whose key signs.
    pub(crate) fn device(&self) -> String {
        modelstat_wire::device_id(self.ledger.key().public())
    }

    /// Returns the key by which receipts are checked, in hexadecimal digits.
    pub(crate) fn public_key(&self) -> String {
        hex::encode(self.ledger.key().public())
    }

    /// Sends a letter. Every retry is a further entry of the ledger with the same payload, and so a
    /// further receipt.
    pub(crate) fn send(&self, letter: &Letter<'_>) -> Result<Reply, SendError> {
        let destination = format!("{}{}", self.host, letter.path);
        let findings = findings::count(letter.plain);
        let intent = Intent {
            at: self.clock.now(),
            destination: &destination,
            key: letter.key,
            batch_id: letter.batch_id,
            events: letter.events,
            plain_bytes: letter.plain.len() as u64,
            payload: letter.body,
            findings: &findings,
        };
        self.recorded(&intent, |intended| {
            let mut request = self
                .agent
                .post(format!("{}{}", self.base, letter.path))
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::CONTENT_ENCODING, "gzip");
            if let Some(secret) = letter.secret {
                let bearer = format!("Bearer {}", secret.expose());
                request = request.header(header::AUTHORIZATION, bearer);
            }
            if letter.path == INGEST_PATH {
                request = request.header(RECEIPT_HEADER, self.receipt(&intent, intended));
            }
            request.send(letter.body)
        })
    }

    /// Asks the server something. The question has no body, and is an entry of the ledger as well.
    pub(crate) fn ask(&self, question: &Question<'_>) -> Result<Reply, SendError> {
        let destination = format!("{}{}", self.host, question.path);
        let findings = findings::Findings::new();
        let intent = Intent {
            at: self.clock.now(),
            destination: &destination,
            key: question.key,
            batch_id: "",
            events: 0,
            plain_bytes: 0,
            payload: &[],
            findings: &findings,
        };
        self.recorded(&intent, |_| {
            let bearer = format!("Bearer {}", question.secret.expose());
            let address = format!("{}{}", self.base, question.path);
            self.agent.get(address).header(header::AUTHORIZATION, bearer).call()
        })
    }

    /// Runs a request between its two records.
    fn recorded(
        &self,
        intent: &Intent<'_>,
        request: impl FnOnce(&Intended) -> Result<Response<Body>, ureq::Error>,
    ) -> Result<Reply, SendError> {
        let exchange = |intended: &Intended| match request(intended) {
            Ok(response) => self.read(response),
            Err(error) => Err(failure_word(&error)),
        };
        between_records(&self.ledger, self.clock.as_ref(), intent, exchange)
    }

    /// Signs what is about to be sent, as the ledger has it.
    fn receipt(&self, intent: &Intent<'_>, intended: &Intended) -> String {
        let key = self.ledger.key();
        let receipt = EgressReceipt {
            public_key: *key.public(),
            number: intended.number.unsigned_abs(),
            head: intended.head,
            payload: intended.payload,
            batch: *blake3::hash(intent.batch_id.as_bytes()).as_bytes(),
            destination: *blake3::hash(intent.destination.as_bytes()).as_bytes(),
            at: intent.at,
        };
        let signature = key.sign(&receipt.message());
        SignedReceipt { receipt, signature }.encode()
    }

    fn read(&self, mut response: Response<Body>) -> Result<Reply, &'static str> {
        let status = response.status();
        let retry_after = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| parse_retry_after(value, self.clock.now()));
        let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
        // Only an acknowledgement has to be read whole.
        let body = match body {
            Ok(body) => body,
            Err(error) if status.is_success() => return Err(failure_word(&error)),
            Err(_) => Vec::new(),
        };
        Ok(Reply { status: StatusCode::as_u16(&status), retry_after, body })
    }

    /// Ends the request at hand, from another thread; every later one fails at once.
    pub(crate) fn shut(&self) {
        self.agent.clone().shutdown();
    }
}

/// Runs an exchange between its two records: without the first it does not take place.
fn between_records(
    ledger: &Ledger,
    clock: &dyn Clock,
    intent: &Intent<'_>,
    exchange: impl FnOnce(&Intended) -> Result<Reply, &'static str>,
) -> Result<Reply, SendError> {
    failpoint::reach("before_intent");
    let intended = ledger.intend(intent).map_err(SendError::Ledger)?;
    failpoint::reach("after_intent");
    let outcome = exchange(&intended);
    failpoint::reach("after_answer");
    let (status, word) = match &outcome {
        Ok(reply) => (Some(reply.status), "answered"),
        Err(word) => (None, *word),
    };
    let conclusion = Conclusion { status, outcome: word, at: clock.now() };
    // What was sent is on record already; its answer can be told by the queue too.
    if let Err(error) = ledger.conclude(intended.id, &conclusion) {
        tracing::warn!(%error, "the ledger missed an answer");
    }
    outcome.map_err(SendError::Transport)
}

/// Reads seconds or an HTTP date.
fn parse_retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER));
    }
    let time = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    let micros = Timestamp::from(time).as_micros().saturating_sub(now.as_micros());
    let wait = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
    Some(wait.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_retry_after(value: &str, seconds: Option<u64>) {
        let now = "2026-06-19T12:00:00Z".parse().expect("a time");
        assert_eq!(parse_retry_after(value, now), seconds.map(Duration::from_secs), "{value}");
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        check_retry_after("7", Some(7));
        check_retry_after("Fri, 19 Jun 2026 12:00:30 GMT", Some(30));
        check_retry_after("Fri, 19 Jun 2026 11:00:00 GMT", Some(0));
        check_retry_after("999999999", Some(3_600));
        check_retry_after("soon", None);
    }
}
