//! A server that takes everything, counts it, and can be away.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use flate2::read::GzDecoder;

/// What an event's id stands behind.
const ID: &[u8] = b"\"source_event_id\":\"";

/// What a session's abstract stands behind.
const SEGMENT: &[u8] = b"\"segment_id\":\"";

#[derive(Default)]
struct Seen {
    is_away: AtomicBool,
    requests: AtomicU64,
    events: AtomicU64,
    segments: AtomicU64,
    live: AtomicU64,
}

/// The server; its threads end with the program.
pub(crate) struct Sink {
    pub(crate) url: String,
    seen: Arc<Seen>,
}

impl Sink {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(&shared, &stream));
            }
        });
        Self { url, seen }
    }

    /// Hangs up on everybody, or stops doing so.
    pub(crate) fn go_away(&self, is_away: bool) {
        self.seen.is_away.store(is_away, Ordering::Release);
    }

    pub(crate) fn events(&self) -> u64 {
        self.seen.events.load(Ordering::Acquire)
    }

    pub(crate) fn requests(&self) -> u64 {
        self.seen.requests.load(Ordering::Acquire)
    }

    pub(crate) fn segments(&self) -> u64 {
        self.seen.segments.load(Ordering::Acquire)
    }

    /// Events whose ids begin with `live`.
    pub(crate) fn live(&self) -> u64 {
        self.seen.live.load(Ordering::Acquire)
    }
}

fn serve(seen: &Seen, stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    while let Some(body) = read_request(&mut reader) {
        if seen.is_away.load(Ordering::Acquire) {
            return;
        }
        let mut plain = Vec::new();
        GzDecoder::new(body.as_slice()).read_to_end(&mut plain).expect("a gzip body");
        let events = count(&plain, ID);
        seen.requests.fetch_add(1, Ordering::AcqRel);
        seen.events.fetch_add(events, Ordering::AcqRel);
        seen.segments.fetch_add(count(&plain, SEGMENT), Ordering::AcqRel);
        seen.live.fetch_add(count(&plain, &[ID, b"live"].concat()), Ordering::AcqRel);
        let said = format!("{{\"accepted\":{events},\"duplicate\":0,\"rejected\":[]}}");
        let length = said.len();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{said}");
        if (&mut &*stream).write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn count(text: &[u8], needle: &[u8]) -> u64 {
    let starts = text.split(|byte| *byte == b'"').skip(1);
    // Needles begin with a quote, and hold one more before their value.
    let wanted: Vec<&[u8]> = needle.split(|byte| *byte == b'"').skip(1).collect();
    let pieces: Vec<&[u8]> = starts.collect();
    let is_here =
        |at: &[&[u8]]| at[0] == wanted[0] && at[1] == wanted[1] && at[2].starts_with(wanted[2]);
    pieces.windows(3).filter(|at| is_here(at)).count() as u64
}

fn read_request(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(rest) = line.strip_prefix("content-length: ") {
            length = rest.parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}
