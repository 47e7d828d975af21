//! HTTP/1.1 over a socket of this machine.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use chrono::Utc;

use super::answer::{Answer, MAX_ANSWER_BYTES, retry_after};
use super::{Host, destination::Listener};

/// Longest status line and headers.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Most bytes of one answer, counting what frames it: chunks and headers are many or few.
const MAX_FRAMED_BYTES: usize = 2 * MAX_ANSWER_BYTES;
/// How long opening a connection may take: on one machine it takes no time or for ever.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// One listener on this machine, and the connection to it while it lasts.
pub(crate) struct Plain {
    host: Host,
    connection: Option<Connection>,
    opened: u64,
}

impl Plain {
    pub(crate) fn new(host: Host) -> Self {
        Self { host, connection: None, opened: 0 }
    }

    /// Which connection is open, counted from 1; `None` when none is.
    pub(crate) fn open_connection(&self) -> Option<u64> {
        self.connection.is_some().then_some(self.opened)
    }

    /// Posts with a key, and with the daemon's secret where it asked for that.
    pub(crate) fn post(
        &mut self,
        bearer: &str,
        token: Option<&str>,
        body: &[u8],
        until: Instant,
    ) -> io::Result<Answer> {
        let Host { name, path, .. } = &self.host;
        let token = token.map(|token| format!("modelstat-daemon-token: {token}\r\n"));
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {name}\r\nauthorization: Bearer {bearer}\r\n{}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            token.unwrap_or_default(),
            body.len()
        );
        self.exchange(head.as_bytes(), body, until)
    }

    pub(crate) fn get(&mut self, path: &str, until: Instant) -> io::Result<Answer> {
        let head = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.host.name);
        self.exchange(head.as_bytes(), &[], until)
    }

    /// Sends a request and reads the answer, over the open connection if it still holds.
    fn exchange(&mut self, head: &[u8], body: &[u8], until: Instant) -> io::Result<Answer> {
        if let Some(connection) = self.connection.take() {
            match connection.exchange(head, body, until) {
                Ok((answer, kept)) => {
                    self.connection = kept;
                    return Ok(answer);
                }
                // The listener closed it while it was idle, or was replaced: that is no failure.
                Err(error) if is_stale(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let connection = Connection::open(&self.host.listener, until)?;
        self.opened += 1;
        let (answer, kept) = connection.exchange(head, body, until)?;
        self.connection = kept;
        Ok(answer)
    }
}

fn is_stale(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::UnexpectedEof
            | ErrorKind::NotConnected
    )
}

/// An open socket of either kind.
enum Connection {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Connection {
    fn open(listener: &Listener, until: Instant) -> io::Result<Self> {
        match listener {
            Listener::Tcp(addresses) => {
                let mut last = io::Error::from(ErrorKind::AddrNotAvailable);
                for address in addresses {
                    let timeout = CONNECT_TIMEOUT.min(left(until)?);
                    match TcpStream::connect_timeout(address, timeout) {
                        Ok(stream) => {
                            stream.set_nodelay(true)?;
                            return Ok(Self::Tcp(stream));
                        }
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
            #[cfg(unix)]
            Listener::Unix(path) => UnixStream::connect(path).map(Self::Unix),
            #[cfg(not(unix))]
            Listener::Unix(_) => Err(ErrorKind::Unsupported.into()),
        }
    }

    /// Sends and reads one exchange; returns the connection if it can be used again.
    fn exchange(
        mut self,
        head: &[u8],
        body: &[u8],
        until: Instant,
    ) -> io::Result<(Answer, Option<Self>)> {
        let sent = self.write_by(head, until).and_then(|()| self.write_by(body, until));
        let mut reading = Reading { connection: &mut self, until, buffer: Vec::new(), at: 0 };
        let read = reading.answer();
        match (sent, read) {
            // A refusal may come before the body was taken, and the answer counts.
            (Err(_), Ok((answer, _))) => Ok((answer, None)),
            (Ok(()), Ok((answer, is_kept))) => Ok((answer, is_kept.then_some(self))),
            (Err(error), Err(_)) | (Ok(()), Err(error)) => Err(error),
        }
    }

    /// Writes all of it by a time, however slowly the receiver reads.
    fn write_by(&mut self, mut bytes: &[u8], until: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            let timeout = Some(left(until)?);
            let written = match self {
                Self::Tcp(stream) => {
                    stream.set_write_timeout(timeout)?;
                    stream.write(bytes)
                }
                #[cfg(unix)]
                Self::Unix(stream) => {
                    stream.set_write_timeout(timeout)?;
                    stream.write(bytes)
                }
            };
            match written {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read_by(&mut self, buffer: &mut [u8], until: Instant) -> io::Result<usize> {
        loop {
            let timeout = Some(left(until)?);
            let read = match self {
                Self::Tcp(stream) => {
                    stream.set_read_timeout(timeout)?;
                    stream.read(buffer)
                }
                #[cfg(unix)]
                Self::Unix(stream) => {
                    stream.set_read_timeout(timeout)?;
                    stream.read(buffer)
                }
            };
            match read {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Reads one answer.
struct Reading<'a> {
    connection: &'a mut Connection,
    until: Instant,
    buffer: Vec<u8>,
    at: usize,
}

/// How the end of a body is known.
enum Length {
    Known(usize),
    Chunked,
    ToTheEnd,
}

impl Reading<'_> {
    /// Returns the answer, and whether the connection can be used again.
    fn answer(&mut self) -> io::Result<(Answer, bool)> {
        loop {
            let head = self.head()?;
            // Interim answers announce the one that counts.
            if !(100..200).contains(&head.answer.status) {
                return self.body(head);
            }
        }
    }

    fn head(&mut self) -> io::Result<Head> {
        let status_line = self.line()?;
        let mut parts = status_line.split(' ');
        let version = parts.next().unwrap_or_default();
        let status = parts.next().and_then(|status| status.parse().ok());
        let Some(status) = status.filter(|_| version.starts_with("HTTP/1.")) else {
            return Err(ErrorKind::InvalidData.into());
        };
        let has_body = status != 204 && status != 304 && status >= 200;
        let mut head = Head {
            answer: Answer { status, ..Answer::default() },
            length: if has_body { Length::ToTheEnd } else { Length::Known(0) },
            is_kept: version == "HTTP/1.1",
        };
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(head);
            }
            head.note(&line, has_body)?;
        }
    }

    fn body(&mut self, head: Head) -> io::Result<(Answer, bool)> {
        let Head { mut answer, length, is_kept } = head;
        match length {
            Length::Known(length) => {
                answer.body = self.exactly(length)?;
                // More than was announced belongs to nobody.
                Ok((answer, is_kept && self.at == self.buffer.len()))
            }
            Length::Chunked => {
                answer.body = self.chunks()?;
                Ok((answer, is_kept && self.at == self.buffer.len()))
            }
            Length::ToTheEnd => {
                answer.body = self.rest_of_it()?;
                Ok((answer, false))
            }
        }
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let Ok(length) = usize::from_str_radix(digits, 16) else {
                return Err(ErrorKind::InvalidData.into());
            };
            if length == 0 {
                while !self.line()?.is_empty() {}
                return Ok(body);
            }
            check_length(body.len().saturating_add(length))?;
            body.extend(self.exactly(length)?);
            self.line()?;
        }
    }

    fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        check_length(length)?;
        while self.buffer.len() - self.at < length {
            if self.fill()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let bytes = self.buffer[self.at..self.at + length].to_vec();
        self.at += length;
        Ok(bytes)
    }

    fn rest_of_it(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? > 0 {
            check_length(self.buffer.len() - self.at)?;
        }
        Ok(self.buffer.split_off(self.at))
    }

    /// The next line without its end.
    fn line(&mut self) -> io::Result<String> {
        loop {
            let unread = &self.buffer[self.at..];
            if let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
                let line = unread[..end].strip_suffix(b"\r").unwrap_or(&unread[..end]);
                let line = String::from_utf8_lossy(line).into_owned();
                self.at += end + 1;
                return Ok(line);
            }
            if unread.len() > MAX_HEAD_BYTES {
                return Err(ErrorKind::InvalidData.into());
            }
            if self.fill()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        if self.buffer.len() > MAX_FRAMED_BYTES {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut piece = [0; 8 * 1024];
        let count = self.connection.read_by(&mut piece, self.until)?;
        self.buffer.extend_from_slice(&piece[..count]);
        Ok(count)
    }
}

struct Head {
    answer: Answer,
    length: Length,
    is_kept: bool,
}

impl Head {
    fn note(&mut self, line: &str, has_body: bool) -> io::Result<()> {
        let Some((name, value)) = line.split_once(':') else { return Ok(()) };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" if has_body && !matches!(self.length, Length::Chunked) => {
                let length = value.parse().map_err(|_| ErrorKind::InvalidData)?;
                self.length = Length::Known(length);
            }
            "transfer-encoding" if has_body => self.length = Length::Chunked,
            "connection" if value.eq_ignore_ascii_case("close") => self.is_kept = false,
            "retry-after" => self.answer.retry_after = retry_after(value, Utc::now()),
            _ => {}
        }
        Ok(())
    }
}

fn check_length(length: usize) -> io::Result<()> {
    if length > MAX_ANSWER_BYTES { Err(ErrorKind::InvalidData.into()) } else { Ok(()) }
}
