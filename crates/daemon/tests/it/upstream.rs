//! A server that answers as it is told, and remembers what came.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use flate2::read::GzDecoder;
use serde_json::Value;

/// One request that came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) head: String,
    /// As it came, compressed.
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// The body before compression.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        GzDecoder::new(self.body.as_slice()).read_to_string(&mut text).expect("a gzip body");
        text
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text()).expect("a JSON body")
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut found = lines.filter(|(given, _)| given.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim())
    }

    pub(crate) fn key(&self) -> &str {
        let line = self.head.lines().find(|line| line.to_lowercase().starts_with("authorization:"));
        line.and_then(|line| line.split(' ').nth(2)).expect("a bearer")
    }
}

/// How to answer: a status, further header lines, and a body or the usual one.
#[derive(Clone, Debug)]
pub(crate) struct Say {
    pub(crate) status: u16,
    pub(crate) header: &'static str,
    pub(crate) body: Option<&'static str>,
}

pub(crate) const OK: Say = Say { status: 200, header: "", body: None };

pub(crate) const fn say(status: u16) -> Say {
    Say { status, header: "", body: Some("{\"error\":\"told\"}") }
}

type Rule = Box<dyn Fn(&Seen) -> Option<Say> + Send + Sync>;

#[derive(Default)]
struct State {
    seen: Mutex<Vec<Seen>>,
    script: Mutex<VecDeque<Say>>,
    rule: Mutex<Option<Rule>>,
    is_silent: AtomicBool,
    hangs_up: AtomicBool,
    is_over: AtomicBool,
}

pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.is_over.load(Ordering::Acquire) {
                    return;
                }
                if shared.hangs_up.load(Ordering::Acquire) {
                    continue;
                }
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&shared, &stream));
            }
        });
        Self { address, state, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers the next requests as told; later ones with success.
    pub(crate) fn script(&self, answers: impl IntoIterator<Item = Say>) {
        self.state.script.lock().expect("unpoisoned").extend(answers);
    }

    /// Answers by what came, if the rule says anything.
    pub(crate) fn rule(&self, rule: impl Fn(&Seen) -> Option<Say> + Send + Sync + 'static) {
        *self.state.rule.lock().expect("unpoisoned") = Some(Box::new(rule));
    }

    /// Closes connections without reading, or stops doing so.
    pub(crate) fn hang_up(&self, hangs_up: bool) {
        self.state.hangs_up.store(hangs_up, Ordering::Release);
    }

    /// Takes requests, and never answers.
    pub(crate) fn fall_silent(&self) {
        self.state.is_silent.store(true, Ordering::Release);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().expect("unpoisoned").clone()
    }

    /// Ids of the events that were taken or refused, in the order in which they came.
    pub(crate) fn event_ids(&self) -> Vec<String> {
        let seen = self.seen().into_iter().filter(|seen| !seen.body.is_empty());
        let batches = seen.map(|seen| seen.json());
        batches.flat_map(|batch| ids_of(&batch)).collect()
    }
}

pub(crate) fn ids_of(batch: &Value) -> Vec<String> {
    let events = batch["events"].as_array().into_iter().flatten();
    events.map(|event| event["source_event_id"].as_str().expect("an id").to_owned()).collect()
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Release);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the fake server ends well");
        }
    }
}

fn serve(state: &State, stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    while let Some(seen) = read_request(&mut reader) {
        let events = if seen.body.is_empty() { 0 } else { ids_of(&seen.json()).len() };
        let by_rule = state.rule.lock().expect("unpoisoned").as_ref().and_then(|rule| rule(&seen));
        let is_silent = state.is_silent.load(Ordering::Acquire);
        state.seen.lock().expect("unpoisoned").push(seen);
        if is_silent {
            // Until the client gives up.
            drop(reader.read(&mut [0]));
            return;
        }
        let scripted = || state.script.lock().expect("unpoisoned").pop_front();
        let say = by_rule.or_else(scripted).unwrap_or(OK);
        let body = say.body.map_or_else(
            || {
                format!(
                    "{{\"accepted\":{events},\"duplicate\":0,\"rejected\":[],\"batch_id\":\"b\"}}"
                )
            },
            str::to_owned,
        );
        let answer = format!(
            "HTTP/1.1 {} Told\r\nContent-Length: {}\r\n{}\r\n{body}",
            say.status,
            body.len(),
            say.header
        );
        if (&mut &*stream).write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Seen> {
    let mut head = String::new();
    loop {
        let start = head.len();
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
        if head[start..].trim().is_empty() {
            break;
        }
    }
    let length = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length:").map(str::to_owned))
        .map_or(Some(0), |length| length.trim().parse().ok())?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { head, body })
}
