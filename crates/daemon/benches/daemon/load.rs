//! Batches as published clients make them, and a client that keeps its connection.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use modelstat_wire::{Clock, SystemClock};
use serde_json::json;

/// The events of one batch, as the figure asks.
pub(crate) const BATCH_EVENTS: usize = 256;

/// The characters of a turn, as the figure asks.
const TURN_CHARS: usize = 1_000;

/// Turns of one session where sessions are of a usual length.
pub(crate) const USUAL_TURNS: usize = 8;

/// What the texts are made of: they compress as prose does, and no two are alike.
const WORDS: &str = "the a of to and in is it that for on with as this be by are from or an not we can \
    when which all one function value error test request server client response queue thread memory \
    commit branch review deploy release cluster database index query table column cache token model \
    prompt parser compiler library module package version config timeout retry backoff latency metric \
    dashboard alert incident customer order payment invoice checkout search result ranking schema \
    migration backup restore snapshot replica shard partition consumer producer stream event handler \
    should would could because after before while until first second last next every other same \
    change remove add update create delete return raise ignore handle check measure explain compare";

/// Makes texts and batches; equal seeds make equal ones.
pub(crate) struct Maker {
    dice: u64,
    words: Vec<&'static str>,
    name: String,
    batches: usize,
    turns_per_session: usize,
}

impl Maker {
    /// `name` goes into every id, so that the events of several makers differ.
    pub(crate) fn new(name: &str, seed: u64, turns_per_session: usize) -> Self {
        let words = WORDS.split_whitespace().collect();
        Self { dice: seed | 1, words, name: name.to_owned(), batches: 0, turns_per_session }
    }

    /// The next batch, as JSON.
    pub(crate) fn batch(&mut self) -> Vec<u8> {
        let number = self.batches;
        self.batches += 1;
        let now = SystemClock.now();
        let events: Vec<_> = (0..BATCH_EVENTS)
            .map(|index| {
                let place = number * BATCH_EVENTS + index;
                json!({
                    "source_event_id": format!("{}_{number:06}_{index:04}_9f31c2d47a5be80", self.name),
                    "ts": now, "kind": "assistant_message", "agent": "raw_sdk_openai",
                    "provider": "openai", "model": "gpt-4o",
                    "session_id": format!("{}-session-{}", self.name, place / self.turns_per_session),
                    "tokens": {"input": 1_000 + index, "output": 100, "cache_creation": 0,
                               "cache_read": 0, "reasoning": 0},
                    "metadata": {"feature": "search", "customer": format!("customer-{}", index % 50)},
                    "content_excerpt": self.text(), "duration_ms": 1_200,
                })
            })
            .collect();
        let ids = events.iter().filter_map(|event| event["source_event_id"].as_str());
        let batch = json!({
            "batch_id": modelstat_wire::batch_id(ids), "device_id": "dev_sdk",
            "daemon_version": "python-sdk/0.1.0", "app": "checkout-api", "events": events,
        });
        serde_json::to_vec(&batch).expect("plain JSON")
    }

    fn text(&mut self) -> String {
        let mut text = String::with_capacity(TURN_CHARS + 16);
        while text.len() < TURN_CHARS {
            let roll = self.roll();
            let word = self.words[usize::try_from(roll >> 32).unwrap_or(0) % self.words.len()];
            if roll.is_multiple_of(12) {
                write!(text, "{word}. ").expect("memory");
            } else {
                write!(text, "{word} ").expect("memory");
            }
        }
        text
    }

    fn roll(&mut self) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice
    }
}

/// One connection to the daemon.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
    key: String,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr, key: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the daemon listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream: BufReader::new(stream), address, key: key.to_owned() }
    }

    /// Sends a batch; returns the status and how long the acknowledgement took.
    pub(crate) fn send(&mut self, body: &[u8]) -> (u16, Duration) {
        let head = format!(
            "POST /v1/ingest HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.address,
            self.key,
            body.len()
        );
        let started = Instant::now();
        let stream = self.stream.get_mut();
        stream.write_all(head.as_bytes()).expect("sent");
        stream.write_all(body).expect("sent");
        let status = self.read_answer();
        (status, started.elapsed())
    }

    fn read_answer(&mut self) -> u16 {
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("an answer");
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().expect("a status");
            } else if let Some(rest) = line.strip_prefix("content-length: ") {
                length = rest.parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("a body");
        status
    }
}
