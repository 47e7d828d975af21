//! A small HTTP/1.1 server and client on loopback, for fakes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

/// Longest line of a head, most lines of one, and longest body: far more than a test sends.
const MAX_LINE_BYTES: u64 = 64 * 1024;
const MAX_HEADERS: usize = 100;
const MAX_BODY_BYTES: u64 = 64 * 1024 * 1024;

/// Most connections at once.
const MAX_CONNECTIONS: usize = 256;

/// How long the client waits for an answer: only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request that was received.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
}

/// What is answered.
pub(crate) enum Reply {
    /// A JSON body.
    Json(u16, String),
    /// Server-sent events, each flushed by itself; the connection ends with the last.
    Events(Vec<String>),
}

/// A server at work; it ends when it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    open: Mutex<Vec<(TcpStream, JoinHandle<()>)>>,
}

impl Server {
    /// Starts to answer on a free port of loopback.
    pub(crate) fn start(
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let listening = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || listen(&listener, &shared, &Arc::new(answer)))
        };
        Ok(Self { address, shared, listening: Some(listening) })
    }

    /// The address to connect to, without a path.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is over.
        drop(TcpStream::connect(self.address));
        if let Some(listening) = self.listening.take() {
            drop(listening.join());
        }
        let mut open = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        for (stream, serving) in open.drain(..) {
            drop(stream.shutdown(Shutdown::Both));
            drop(serving.join());
        }
    }
}

fn listen<A>(listener: &TcpListener, shared: &Arc<Shared>, answer: &Arc<A>)
where
    A: Fn(&Request) -> Reply + Send + Sync + 'static,
{
    for stream in listener.incoming().flatten() {
        if shared.is_over.load(Ordering::SeqCst) {
            return;
        }
        let Ok(serving) = stream.try_clone() else { continue };
        let answer = Arc::clone(answer);
        let thread = thread::spawn(move || drop(serve(&serving, &*answer)));
        let mut open = shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(_, thread)| !thread.is_finished());
        if open.len() < MAX_CONNECTIONS {
            open.push((stream, thread));
        } else {
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

/// Answers on one connection until it ends.
fn serve(stream: &TcpStream, answer: &dyn Fn(&Request) -> Reply) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader)? {
        match answer(&request) {
            Reply::Json(status, body) => write_json(stream, status, &body)?,
            Reply::Events(events) => {
                write_events(stream, &events)?;
                return stream.shutdown(Shutdown::Both);
            }
        }
    }
    Ok(())
}

fn write_json(mut stream: &TcpStream, status: u16, body: &str) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} .\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice())
}

fn write_events(mut stream: &TcpStream, events: &[String]) -> io::Result<()> {
    let head = "HTTP/1.1 200 .\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes())?;
    for event in events {
        stream.write_all(event.as_bytes())?;
        stream.flush()?;
    }
    Ok(())
}

fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let Some((line, length)) = read_head(reader)? else { return Ok(None) };
    let mut words = line.split_whitespace();
    let mut word = || words.next().unwrap_or_default().to_owned();
    let (method, path) = (word(), word());
    let mut body = vec![0; usize::try_from(length.unwrap_or(0)).unwrap_or_default()];
    reader.read_exact(&mut body)?;
    Ok(Some(Request { method, path, body }))
}

/// Reads the first line and the length of the body; `None` at the end of the connection.
fn read_head(reader: &mut impl BufRead) -> io::Result<Option<(String, Option<u64>)>> {
    let mut read_line = || {
        let mut line = String::new();
        reader.by_ref().take(MAX_LINE_BYTES).read_line(&mut line).map(|_| line)
    };
    let first = read_line()?;
    if first.is_empty() {
        return Ok(None);
    }
    let mut length = None;
    for _ in 0..MAX_HEADERS {
        let line = read_line()?.trim().to_ascii_lowercase();
        if line.is_empty() {
            return Ok(Some((first, length)));
        }
        if let Some(stated) = line.strip_prefix("content-length:") {
            let stated: u64 = stated.trim().parse().map_err(io::Error::other)?;
            length = Some(stated.min(MAX_BODY_BYTES));
        }
    }
    Err(io::Error::other("too many header lines"))
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The data of each event of a stream, but for the mark of its end.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        let data = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        data.filter(|data| *data != "[DONE]")
    }
}

/// Posts JSON to a server on loopback, for programs that have no HTTP client.
pub fn post(url: &str, path: &str, body: &Value) -> io::Result<Answer> {
    let address = url.strip_prefix("http://").unwrap_or(url);
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let body = body.to_string();
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    (&stream).write_all(request.as_bytes())?;
    let mut reader = BufReader::new(&stream);
    let Some((line, length)) = read_head(&mut reader)? else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let status = line.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    let mut body = String::new();
    reader.take(length.unwrap_or(MAX_BODY_BYTES)).read_to_string(&mut body)?;
    Ok(Answer { status: status.unwrap_or(0), body })
}
