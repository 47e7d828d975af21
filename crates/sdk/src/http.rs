//! Sending over HTTP: to this machine on a socket of our own, elsewhere through a small client.

mod answer;
mod destination;
mod plain;
#[cfg(feature = "https")]
mod remote;
mod token;

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::config::{Config, Mode};
use crate::engine::{Body, Outcome, Transport, Wanted};
use crate::environment::Environment;
use answer::Answer;
pub(crate) use destination::Destination;
use destination::Host;
use plain::Plain;
use token::DaemonToken;

/// What a daemon that wants whole turns says of itself.
const FULL_TURNS: &str = "full_turns";

/// The transport that a configuration asks for.
pub struct HttpSender {
    destination: Destination,
    bearer: String,
    /// The secret of the daemon on this machine; a server is never told.
    token: Option<DaemonToken>,
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
        let is_local = matches!(config.mode, Mode::LocalDaemon { .. });
        let token = is_local.then(|| DaemonToken::of(&Environment::of_process()));
        Self::to(Destination::of(&config.mode), config.ingest_key.clone(), token)
    }

    fn to(destination: Destination, bearer: String, token: Option<DaemonToken>) -> Self {
        // What could end the header line is no credential.
        let is_sendable = !bearer.bytes().any(|byte| byte.is_ascii_control());
        let bearer = if is_sendable { bearer } else { String::new() };
        Self {
            destination,
            bearer,
            token,
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
                let held = self.token.as_ref().and_then(DaemonToken::held);
                let mut sent = plain.post(&self.bearer, held, &body.bytes, until);
                // Asked for at the first batch, and again when the secret was changed.
                if let (Ok(answer), Some(token)) = (&sent, &mut self.token)
                    && token::is_asked(answer)
                    && token.renew()
                {
                    sent = plain.post(&self.bearer, token.held(), &body.bytes, until);
                }
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
        Box::new(Self::to(self.destination.clone(), self.bearer.clone(), self.token.clone()))
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

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::thread;

    use super::*;
    use crate::engine::Path;

    /// Answers one request after the other as a daemon with a secret; returns the secrets that came.
    fn daemon(secret: &'static str, requests: usize) -> (String, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/v1/ingest", listener.local_addr().expect("an address"));
        let serve_one = move |_| {
            let (stream, _) = listener.accept().expect("a connection");
            let mut reader = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                reader.read_line(&mut head).expect("a head");
            }
            reader.read_exact(&mut [0; 2]).expect("a body");
            let given = head.lines().find_map(|line| line.strip_prefix("modelstat-daemon-token: "));
            let answer = match given {
                Some(given) if given == secret => "200 OK\r\ncontent-length: 2\r\n\r\n{}",
                _ => "401 .\r\ncontent-length: 24\r\n\r\n{\"error\":\"daemon_token\"}",
            };
            let (line, rest) = answer.split_once("\r\n").expect("a status line");
            let answer = format!("HTTP/1.1 {line}\r\nconnection: close\r\n{rest}");
            reader.get_mut().write_all(answer.as_bytes()).expect("an open connection");
            given.unwrap_or_default().to_owned()
        };
        (url, thread::spawn(move || (0..requests).map(serve_one).collect()))
    }

    fn sender(mode: &Mode, variables: &[(&str, &str)]) -> HttpSender {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let token = DaemonToken::of(&Environment::of(variables.collect()));
        let is_local = matches!(mode, Mode::LocalDaemon { .. });
        HttpSender::to(Destination::of(mode), "key".into(), is_local.then_some(token))
    }

    fn body() -> Body {
        let timeout = Duration::from_secs(10);
        Body { bytes: Arc::new(b"{}".to_vec()), path: Path::Ingest, events: 0, timeout }
    }

    #[test]
    fn the_secret_is_sent_once_it_is_asked_for() {
        let (url, served) = daemon("the-secret", 3);
        let mut sender =
            sender(&Mode::LocalDaemon { url }, &[("MODELSTAT_DAEMON_TOKEN", "the-secret")]);
        assert!(matches!(sender.status(&body()), Ok(200)));
        assert!(matches!(sender.status(&body()), Ok(200)));
        assert_eq!(served.join().expect("served"), ["", "the-secret", "the-secret"]);
    }

    #[test]
    fn a_refused_secret_is_not_sent_again_and_again() {
        let (url, served) = daemon("the-secret", 2);
        let mut sender = sender(&Mode::LocalDaemon { url }, &[("MODELSTAT_DAEMON_TOKEN", "old")]);
        assert!(matches!(sender.send(&body()), Outcome::Unauthorized));
        assert_eq!(served.join().expect("served"), ["", "old"]);
    }

    #[test]
    fn a_server_is_never_told_the_secret() {
        let (url, served) = daemon("the-secret", 1);
        let base_url = url.trim_end_matches("/v1/ingest").to_owned();
        let mode = Mode::Remote { base_url, raw: false };
        let mut sender = sender(&mode, &[("MODELSTAT_DAEMON_TOKEN", "the-secret")]);
        assert!(matches!(sender.status(&body()), Ok(401)));
        assert_eq!(served.join().expect("served"), [""]);
    }
}
