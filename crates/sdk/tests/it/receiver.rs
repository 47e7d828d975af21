//! A receiver on this machine that does as it is told.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver as Requests, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use modelstat::IngestBatch;

use crate::PATIENCE;

/// What the receiver does with a request.
pub(crate) enum Reply {
    /// Answers with a status, further header lines, and a body.
    Answer(u16, &'static str, &'static str),
    /// Closes the connection without a word.
    Close,
    /// Sends the beginning of an answer and closes.
    Part,
    /// Says nothing for so long, then closes.
    Stall(Duration),
}

/// An acknowledgement.
pub(crate) const OK: Reply = Reply::Answer(200, "", r#"{"accepted":1}"#);

pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn batch(&self) -> IngestBatch {
        serde_json::from_slice(&self.body).expect("a batch")
    }
}

pub(crate) struct Receiver {
    pub(crate) url: String,
    requests: Requests<Request>,
}

impl Receiver {
    /// Starts one that replies to the n-th batch, from 0, as `reply` says. It wants excerpts.
    pub(crate) fn start(reply: impl Fn(usize, &Request) -> Reply + Send + 'static) -> Self {
        Self::with_health(r#"{"ok":true,"capabilities":["gzip"]}"#, reply)
    }

    /// Starts one that says of itself what `health` is.
    pub(crate) fn with_health(
        health: &'static str,
        reply: impl Fn(usize, &Request) -> Reply + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/v1/ingest", listener.local_addr().expect("an address"));
        let (sender, requests) = sync_channel(10_000);
        thread::spawn(move || {
            let mut served = 0;
            for stream in listener.incoming().flatten() {
                let reader = stream.try_clone().expect("a second handle");
                let ended = serve(reader, stream, health, &reply, &mut served, &sender);
                drop(ended);
            }
        });
        Self { url, requests }
    }

    #[cfg(unix)]
    pub(crate) fn on_socket(path: &std::path::Path) -> Self {
        let listener = std::os::unix::net::UnixListener::bind(path).expect("a socket");
        let (sender, requests) = sync_channel(10_000);
        thread::spawn(move || {
            let mut served = 0;
            for stream in listener.incoming().flatten() {
                let reader = stream.try_clone().expect("a second handle");
                let ended = serve(reader, stream, "{}", &|_, _| OK, &mut served, &sender);
                drop(ended);
            }
        });
        Self { url: format!("unix:{}", path.display()), requests }
    }

    /// The next batch that came.
    pub(crate) fn next(&self) -> Request {
        self.requests.recv_timeout(PATIENCE).expect("a request in time")
    }

    /// Every batch that has come.
    pub(crate) fn all(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }
}

/// Serves one connection until it ends.
fn serve(
    reader: impl Read,
    mut writer: impl Write,
    health: &str,
    reply: &impl Fn(usize, &Request) -> Reply,
    served: &mut usize,
    sender: &SyncSender<Request>,
) -> io::Result<()> {
    let mut reader = BufReader::new(reader);
    while let Some(request) = read_request(&mut reader)? {
        if request.line.starts_with("GET /healthz ") {
            answer(&mut writer, 200, "", health)?;
            continue;
        }
        let reply = reply(*served, &request);
        *served += 1;
        sender.send(request).map_err(io::Error::other)?;
        match reply {
            Reply::Answer(status, headers, body) => answer(&mut writer, status, headers, body)?,
            Reply::Close => return Ok(()),
            Reply::Part => return writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-le"),
            Reply::Stall(length) => {
                thread::sleep(length);
                return Ok(());
            }
        }
    }
    Ok(())
}

fn answer(writer: &mut impl Write, status: u16, headers: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let answer = format!("HTTP/1.1 {status} .\r\n{headers}content-length: {length}\r\n\r\n{body}");
    writer.write_all(answer.as_bytes())
}

fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut headers = String::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        if header.trim().is_empty() {
            break;
        }
        headers.push_str(&header.to_ascii_lowercase());
    }
    let length = headers.lines().find_map(|header| header.strip_prefix("content-length:"));
    let length = length.map_or(0, |length| length.trim().parse().expect("a length"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Request { line, headers, body }))
}
