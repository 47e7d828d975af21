//! A publisher's host on loopback, and a small model that it has.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use modelstat_models::{Model, Source};

/// The bytes of the small model.
pub(crate) static WEIGHTS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut state = 7_u32;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..3_000_000).map(|_| byte()).collect()
});

/// The small model, and one that no disk holds.
pub(crate) static MODELS: LazyLock<&'static [Model]> = LazyLock::new(|| {
    let model = Model {
        name: "small",
        file: "Small.gguf",
        repository: "somebody/Small-GGUF",
        revision: "0123456789abcdef0123456789abcdef01234567",
        bytes: WEIGHTS.len() as u64,
        sha256: sha256(&WEIGHTS).leak(),
        licence: "none",
        about: "for tests",
    };
    let too_large =
        Model { name: "too-large", file: "TooLarge.gguf", bytes: u64::MAX / 2, ..model };
    vec![model, too_large].leak()
});

pub(crate) fn small() -> &'static Model {
    &MODELS[0]
}

pub(crate) fn too_large() -> &'static Model {
    &MODELS[1]
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bytes");
    std::fs::write(&file, bytes).expect("written");
    let told = std::process::Command::new("sha256sum").arg(&file).output().expect("sha256sum");
    String::from_utf8_lossy(&told.stdout).split_whitespace().next().expect("a hash").to_owned()
}

/// What the host does with the next request.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// Sends what is asked for.
    Serve,
    /// Sends so many bytes of what is asked for, and hangs up.
    CutAfter(usize),
    /// Sends the whole file, whatever range is asked for.
    IgnoreRange,
    /// Sends these bytes in place of the file.
    Send(Vec<u8>),
    /// Sends nothing but a status.
    Status(u16),
    /// Sends on to another address.
    Redirect(String),
}

/// A request's path, with its headers in small letters.
pub(crate) type Seen = (String, Vec<String>);

/// The host; it ends when it is dropped.
pub(crate) struct Hub {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Seen>>>,
    thread: Option<JoinHandle<()>>,
}

impl Hub {
    /// Starts a host that does one deed after the other, and the last for good.
    pub(crate) fn start(deeds: &[Deed]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let (is_over, seen) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let thread = {
            let (is_over, seen, deeds) = (Arc::clone(&is_over), Arc::clone(&seen), deeds.to_vec());
            thread::spawn(move || {
                for (number, stream) in listener.incoming().flatten().enumerate() {
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    let deed = deeds.get(number).or(deeds.last()).expect("a deed");
                    // A client that hangs up early is no fault of the host's.
                    drop(answer(&stream, deed, &seen));
                }
            })
        };
        Self { address, is_over, seen, thread: Some(thread) }
    }

    pub(crate) fn source(&self) -> Source {
        Source::new(&self.url()).expect("an address")
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the requests that came.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn answer(stream: &TcpStream, deed: &Deed, seen: &Mutex<Vec<Seen>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let headers: Vec<String> = lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .map(|line| line.to_ascii_lowercase())
        .collect();
    let range = headers.iter().find_map(|line| {
        line.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse::<usize>().ok()
    });
    seen.lock().unwrap_or_else(PoisonError::into_inner).push((path, headers));
    let whole = WEIGHTS.as_slice();
    match deed {
        Deed::Serve => file(stream, whole, range, usize::MAX),
        Deed::CutAfter(bytes) => file(stream, whole, range, *bytes),
        Deed::IgnoreRange => file(stream, whole, None, usize::MAX),
        Deed::Send(bytes) => file(stream, bytes, range, usize::MAX),
        Deed::Status(status) => head(stream, *status, "", 0),
        Deed::Redirect(to) => head(stream, 302, &format!("location: {to}\r\n"), 0),
    }?;
    stream.shutdown(Shutdown::Write)
}

fn file(
    mut stream: &TcpStream,
    whole: &[u8],
    range: Option<usize>,
    most: usize,
) -> std::io::Result<()> {
    let start = range.unwrap_or(0).min(whole.len());
    let rest = &whole[start..];
    let (last, total) = (whole.len().saturating_sub(1), whole.len());
    let said = format!("content-range: bytes {start}-{last}/{total}\r\n");
    let (status, said) = if range.is_some() { (206, said.as_str()) } else { (200, "") };
    head(stream, status, said, rest.len())?;
    stream.write_all(&rest[..rest.len().min(most)])
}

fn head(mut stream: &TcpStream, status: u16, more: &str, length: usize) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status} .\r\n{more}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())
}
