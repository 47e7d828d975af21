//! Sending over HTTP: to this machine on a socket of our own, elsewhere through a small client.

mod answer;
mod destination;
mod plain;
#[cfg(feature = "https")]
mod remote;

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::config::Config;
use crate::engine::{Body, Outcome, Transport, Wanted};
use answer::Answer;
pub(crate) use destination::Destination;
use destination::Host;
use plain::Plain;

/// What a daemon that wants whole turns says of itself.
const FULL_TURNS: &str = "full_turns";

/// The transport that a configuration asks for.
pub struct HttpSender {
    destination: Destination,
    bearer: String,
    plain: Option<Plain>,
    #[cfg(feature = "https")]
    remote: Option<remote::Remote>,
    /// What the daemon said, and over which connection.
    wants_full_turns: Option<(u64, bool)>,
}

impl HttpSender {
    /// Makes a sender; no connection is opened before the first batch.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self::to(Destination::of(&config.mode), config.ingest_key.clone())
    }

    fn to(destination: Destination, bearer: String) -> Self {
        // What could end the header line is no credential.
        let is_sendable = !bearer.bytes().any(|byte| byte.is_ascii_control());
        let bearer = if is_sendable { bearer } else { String::new() };
        Self {
            destination,
            bearer,
            plain: None,
            #[cfg(feature = "https")]
            remote: None,
            wants_full_turns: None,
        }
    }

    /// Posts, and returns the answer's status whatever it means.
    pub(crate) fn status(&mut self, body: &Body) -> Result<u16, Refusal> {
        self.post(body).map(|answer| answer.status)
    }

    fn post(&mut self, body: &Body) -> Result<Answer, Refusal> {
        let until = Instant::now() + body.timeout;
        match &self.destination {
            Destination::Here(host) => {
                let plain = self.plain.get_or_insert_with(|| Plain::new(host.clone()));
                let sent = plain.post(&self.bearer, &body.bytes, until);
                sent.map_err(|_| Refusal::Unreachable)
            }
            #[cfg(feature = "https")]
            Destination::Elsewhere(url) => {
                let remote = self.remote.get_or_insert_with(|| remote::Remote::new(url));
                remote.post(&self.bearer, &body.bytes, body.timeout)
            }
            #[cfg(not(feature = "https"))]
            Destination::Elsewhere(_) => Err(Refusal::Impossible),
            Destination::Nowhere => Err(Refusal::Impossible),
        }
    }
}

/// Why there was no answer.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Nobody answered in time.
    Unreachable,
    /// Nobody ever will.
    Impossible,
}

impl Transport for HttpSender {
    fn send(&mut self, body: &Body) -> Outcome {
        match self.post(body) {
            Ok(answer) => outcome(&answer),
            Err(Refusal::Unreachable) => Outcome::Retry { after: None },
            Err(Refusal::Impossible) => Outcome::Rejected { status: 0 },
        }
    }

    fn ask(&mut self, timeout: Duration) -> Wanted {
        let Destination::Here(host) = &self.destination else { return Wanted::Excerpts };
        let plain = self.plain.get_or_insert_with(|| Plain::new(host.clone()));
        let is_current =
            |(connection, _): &(u64, bool)| plain.open_connection() == Some(*connection);
        if let Some((_, wants)) = self.wants_full_turns.filter(is_current) {
            return wanted(wants);
        }
        // Whoever listens now may want something else.
        self.wants_full_turns = None;
        let Ok(answer) = plain.get("/healthz", Instant::now() + timeout) else {
            return Wanted::Unreachable;
        };
        let wants = says_full_turns(&answer);
        self.wants_full_turns = plain.open_connection().map(|connection| (connection, wants));
        wanted(wants)
    }

    fn fresh(&self) -> Box<dyn Transport> {
        Box::new(Self::to(self.destination.clone(), self.bearer.clone()))
    }
}

fn wanted(wants_full_turns: bool) -> Wanted {
    if wants_full_turns { Wanted::FullTurns } else { Wanted::Excerpts }
}

fn says_full_turns(answer: &Answer) -> bool {
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let is_named = |names: &Vec<Value>| names.iter().any(|name| name == FULL_TURNS);
    answer.status == 200 && said["capabilities"].as_array().is_some_and(is_named)
}

fn outcome(answer: &Answer) -> Outcome {
    match answer.status {
        200..=299 => Outcome::Sent { answer: serde_json::from_slice(&answer.body).ok() },
        401 | 403 => Outcome::Unauthorized,
        413 => Outcome::TooLarge,
        408 | 425 | 429 | 500..=599 => Outcome::Retry { after: answer.retry_after },
        status => Outcome::Rejected { status },
    }
}
