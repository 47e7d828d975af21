//! A receiver on this machine that does as it is told.

#[cfg(feature = "https")]
use std::cell::RefCell;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpListener;
#[cfg(feature = "https")]
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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
    /// Sends these bytes as they are, with a pause after each piece.
    Bytes(Vec<&'static [u8]>, Duration),
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
        if self.headers.contains("content-encoding: gzip") {
            let unpacked = flate2::read::GzDecoder::new(&self.body[..]);
            return serde_json::from_reader(unpacked).expect("a packed batch");
        }
        serde_json::from_slice(&self.body).expect("a batch")
    }
}

pub(crate) struct Receiver {
    pub(crate) url: String,
    requests: Requests<Request>,
}

impl Receiver {
    /// Starts one that replies to the n-th batch, from 0, as `reply` says. It wants excerpts.
    pub(crate) fn start(reply: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::with_health(r#"{"ok":true,"capabilities":["gzip"]}"#, reply)
    }

    /// Starts one that says of itself what `health` is.
    pub(crate) fn with_health(
        health: &'static str,
        reply: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::on_address("127.0.0.1:0", health, reply).expect("a port")
    }

    /// Starts one on an address that this machine may not have.
    pub(crate) fn on_address(
        address: &str,
        health: &'static str,
        reply: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let url = format!("http://{}/v1/ingest", listener.local_addr()?);
        let (serving, requests) = Serving::new(health, reply);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                thread::spawn(move || {
                    let reader = stream.try_clone().expect("a second handle");
                    drop(serving.serve(reader, stream));
                });
            }
        });
        Ok(Self { url, requests })
    }

    #[cfg(unix)]
    pub(crate) fn on_socket(path: &std::path::Path) -> Self {
        let listener = std::os::unix::net::UnixListener::bind(path).expect("a socket");
        let (serving, requests) = Serving::new("{}", |_, _| OK);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let reader = stream.try_clone().expect("a second handle");
                drop(serving.serve(reader, stream));
            }
        });
        Self { url: format!("unix:{}", path.display()), requests }
    }

    /// Starts one behind TLS.
    #[cfg(feature = "https")]
    pub(crate) fn behind_tls(
        config: Arc<rustls::ServerConfig>,
        reply: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("https://{}", listener.local_addr().expect("an address"));
        let (serving, requests) = Serving::new("{}", reply);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (serving, config) = (serving.clone(), Arc::clone(&config));
                thread::spawn(move || {
                    let session = rustls::ServerConnection::new(config).expect("settings");
                    let stream = Rc::new(RefCell::new(rustls::StreamOwned::new(session, stream)));
                    drop(serving.serve(Half(Rc::clone(&stream)), Half(stream)));
                });
            }
        });
        Self { url, requests }
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

/// One of two handles on a stream; only one thread has them.
#[cfg(feature = "https")]
struct Half<S>(Rc<RefCell<S>>);

#[cfg(feature = "https")]
impl<S: Read> Read for Half<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(buffer)
    }
}

#[cfg(feature = "https")]
impl<S: Write> Write for Half<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut stream = self.0.borrow_mut();
        let written = stream.write(bytes)?;
        stream.flush()?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

type Replying = dyn Fn(usize, &Request) -> Reply + Send + Sync;

/// What every connection of a receiver shares.
#[derive(Clone)]
struct Serving {
    health: &'static str,
    reply: Arc<Replying>,
    served: Arc<AtomicUsize>,
    sender: SyncSender<Request>,
}

impl Serving {
    fn new(
        health: &'static str,
        reply: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static,
    ) -> (Self, Requests<Request>) {
        let (sender, requests) = sync_channel(10_000);
        (Self { health, reply: Arc::new(reply), served: Arc::default(), sender }, requests)
    }

    /// Serves one connection until it ends.
    fn serve(&self, reader: impl Read, mut writer: impl Write) -> io::Result<()> {
        let mut reader = BufReader::new(reader);
        while let Some(request) = read_request(&mut reader)? {
            if request.line.starts_with("GET /healthz ") {
                answer(&mut writer, 200, "", self.health)?;
                continue;
            }
            let reply = (self.reply)(self.served.fetch_add(1, Ordering::Relaxed), &request);
            self.sender.send(request).map_err(io::Error::other)?;
            match reply {
                Reply::Answer(status, headers, body) => answer(&mut writer, status, headers, body)?,
                Reply::Close => return Ok(()),
                Reply::Part => return writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-le"),
                Reply::Stall(length) => {
                    thread::sleep(length);
                    return Ok(());
                }
                Reply::Bytes(pieces, pause) => {
                    for piece in pieces {
                        writer.write_all(piece)?;
                        thread::sleep(pause);
                    }
                }
            }
        }
        Ok(())
    }
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
