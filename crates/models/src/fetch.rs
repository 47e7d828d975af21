//! Bringing a file here: from where, and piece by piece.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use ureq::ResponseExt;
use ureq::http::{StatusCode, Uri, header};

use crate::hash;
use crate::registry::Model;
use crate::store::Progress;

/// Where the publishers' files are.
pub const DEFAULT_SOURCE: &str = "https://huggingface.co";

/// Most redirects: a publisher's host sends on to the host of its files, and that to one nearby.
const MAX_REDIRECTS: u32 = 5;

/// Longest waits: for a connection, for an answer, and for as much of the file as comes with it. A
/// connection that brings no more is given up after that, and the rest is asked for again.
const CONNECT_TIME: Duration = Duration::from_secs(15);
const ANSWER_TIME: Duration = Duration::from_mins(1);
const BODY_TIME: Duration = Duration::from_mins(10);

/// Tries in a row that may bring nothing.
const MAX_IDLE_TRIES: u32 = 3;

/// Before the next of these.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// How much is read at a time.
const CHUNK_BYTES: usize = 1 << 18;

/// Where files are brought from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source(String);

/// An address that no file is brought from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// It is no `http` or `https` address with a host.
    #[error("the mirror's address is no http or https address")]
    Address,
    /// A user or password would be sent along.
    #[error("the mirror's address holds a user or a password; no credential is ever sent")]
    Userinfo,
}

impl Source {
    /// Takes the address of a mirror that has the publishers' paths.
    pub fn new(address: &str) -> Result<Self, SourceError> {
        let uri: Uri = address.parse().map_err(|_| SourceError::Address)?;
        let authority = uri.authority().ok_or(SourceError::Address)?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || authority.host().is_empty() {
            return Err(SourceError::Address);
        }
        if authority.as_str().contains('@') {
            return Err(SourceError::Userinfo);
        }
        if uri.query().is_some() {
            return Err(SourceError::Address);
        }
        Ok(Self(address.trim_end_matches('/').to_owned()))
    }

    /// Returns the address of a model's file.
    pub fn address_of(&self, model: &Model) -> String {
        format!("{}/{}/resolve/{}/{}", self.0, model.repository, model.revision, model.file)
    }
}

impl Default for Source {
    fn default() -> Self {
        Self(DEFAULT_SOURCE.to_owned())
    }
}

/// Why a file did not come. What came so far is kept, unless it was the wrong file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Nobody answered, or the connection ended.
    #[error("the connection failed ({0}); what has arrived is kept, so try again")]
    Connection(&'static str),
    /// The server has no such file for us.
    #[error("{host} answered {status}{}", hint(*status))]
    Status {
        /// Who answered.
        host: String,
        /// What.
        status: u16,
    },
    /// A secure address sent us on to one that is not.
    #[error("the server sent us on to an address without TLS")]
    Insecure,
    /// The server's file has another size.
    #[error("the server's file has {found} bytes instead of {expected}; it is not this model")]
    Size {
        /// What the server says.
        found: u64,
        /// What it should be.
        expected: u64,
    },
    /// The bytes are others.
    #[error("the file's sha256 is {found} instead of {expected}; it was deleted")]
    Hash {
        /// What it is.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The disk failed.
    #[error("the file could not be written")]
    Disk(#[source] io::Error),
}

fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => ": the file is not public there; another mirror may have it (`--mirror`)",
        404 => ": the file is not there; check the mirror's address (`--mirror`)",
        429 | 503 => ": it is busy, try again later",
        _ => "",
    }
}

/// Brings a model's file to a path where a part of it may lie already, and checks it.
pub(crate) fn fetch(
    source: &Source,
    model: &Model,
    part: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), FetchError> {
    let mut have = length_of(part).map_err(FetchError::Disk)?;
    if have > model.bytes {
        // It was another file's part, or grew by a mistake.
        std::fs::remove_file(part).map_err(FetchError::Disk)?;
        have = 0;
    }
    let mut idle_tries = 0;
    while have < model.bytes {
        let brought = bring(source, model, part, have, progress);
        let now = length_of(part).map_err(FetchError::Disk)?;
        idle_tries = if now > have { 0 } else { idle_tries + 1 };
        match brought {
            Err(FetchError::Connection(_)) if idle_tries < MAX_IDLE_TRIES => {
                std::thread::sleep(RETRY_PAUSE);
            }
            other => other?,
        }
        have = now;
    }
    let total = model.bytes;
    let found = hash::of_file(part, |done| progress(Progress::Checking { done, total }))
        .map_err(FetchError::Disk)?;
    if found != model.sha256 {
        std::fs::remove_file(part).map_err(FetchError::Disk)?;
        return Err(FetchError::Hash { found, expected: model.sha256 });
    }
    Ok(())
}

fn bring(
    source: &Source,
    model: &Model,
    part: &Path,
    have: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), FetchError> {
    let address = source.address_of(model);
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(MAX_REDIRECTS)
        .https_only(address.starts_with("https:"))
        .user_agent(concat!("modelstat/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECT_TIME))
        .timeout_recv_response(Some(ANSWER_TIME))
        .timeout_recv_body(Some(BODY_TIME))
        .build()
        .new_agent();
    let mut request = agent.get(&address).header(header::ACCEPT_ENCODING, "identity");
    if have > 0 {
        request = request.header(header::RANGE, format!("bytes={have}-"));
    }
    let mut response = request.call().map_err(|error| failed(&error))?;
    let host = response.get_uri().host().unwrap_or("the server").to_owned();
    let status = response.status();
    let have = match status {
        StatusCode::OK => 0,
        StatusCode::PARTIAL_CONTENT => {
            let range = response.headers().get(header::CONTENT_RANGE);
            let range = range.and_then(|range| range.to_str().ok()).and_then(parse_range);
            match range {
                Some((start, total)) if start == have => {
                    expect_size(total, model)?;
                    have
                }
                _ => return Err(FetchError::Connection("the server sent another range")),
            }
        }
        _ => return Err(FetchError::Status { host, status: status.as_u16() }),
    };
    if let Some(length) = response.body().content_length() {
        expect_size(have.saturating_add(length), model)?;
    }
    let body = response.body_mut().with_config().limit(u64::MAX).reader();
    write(body, model, part, have, progress)
}

/// Appends a body to what is there, and never more than the model has.
fn write(
    mut body: impl Read,
    model: &Model,
    part: &Path,
    have: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), FetchError> {
    let mut file = open_part(part, have).map_err(FetchError::Disk)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut done = have;
    let result = loop {
        let read = match body.read(&mut chunk) {
            Ok(0) if done < model.bytes => break Err(FetchError::Connection("it ended early")),
            Ok(0) => break Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break Err(FetchError::Connection("it broke off")),
        };
        if done + read as u64 > model.bytes {
            break Err(FetchError::Size { found: done + read as u64, expected: model.bytes });
        }
        if let Err(error) = file.write_all(&chunk[..read]) {
            break Err(FetchError::Disk(error));
        }
        done += read as u64;
        progress(Progress::Fetching { done, total: model.bytes });
    };
    // Also what came before a failure is to be there after a power cut.
    file.sync_all().map_err(FetchError::Disk)?;
    result
}

fn open_part(part: &Path, have: u64) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.create(true).append(true).mode(0o600).open(part)?;
    file.set_len(have)?;
    Ok(file)
}

fn length_of(path: &Path) -> io::Result<u64> {
    match std::fs::metadata(path) {
        Ok(found) => Ok(found.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

fn expect_size(found: u64, model: &Model) -> Result<(), FetchError> {
    if found == model.bytes {
        return Ok(());
    }
    Err(FetchError::Size { found, expected: model.bytes })
}

/// Reads `bytes START-END/TOTAL`.
fn parse_range(value: &str) -> Option<(u64, u64)> {
    let (range, total) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.parse().ok()?, total.parse().ok()?))
}

/// Errors may quote addresses with a proxy's password; the words of this list quote nothing.
fn failed(error: &ureq::Error) -> FetchError {
    use ureq::Error;
    let word = match error {
        Error::RequireHttpsOnly(_) => return FetchError::Insecure,
        Error::Timeout(_) => "nobody answered in time",
        Error::HostNotFound => "the host was not found; is the network up, or a proxy needed?",
        Error::ConnectionFailed => "nobody listens there",
        Error::ConnectProxyFailed(_) | Error::InvalidProxyUrl => "the proxy refused",
        Error::TooManyRedirects | Error::RedirectFailed => "it was sent on too often",
        Error::Tls(_) | Error::Rustls(_) | Error::Pem(_) => "TLS failed",
        Error::Io(_) => "it broke off",
        _ => "the answer could not be read",
    };
    FetchError::Connection(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_an_address_without_a_credential() {
        let model = &crate::MODELS[0];
        let mirror = Source::new("https://mirror.example/hub/").expect("an address");
        assert_eq!(
            mirror.address_of(model),
            format!(
                "https://mirror.example/hub/{}/resolve/{}/{}",
                model.repository, model.revision, model.file
            )
        );
        let userinfo = ["https://me:", "word@mirror.example"].concat();
        assert_eq!(Source::new(&userinfo), Err(SourceError::Userinfo));
        for address in ["ftp://mirror.example", "mirror.example", "/hub", "https://a.example/?x=1"]
        {
            assert_eq!(Source::new(address), Err(SourceError::Address), "{address}");
        }
    }

    #[test]
    fn a_content_range_is_read() {
        assert_eq!(parse_range("bytes 10-99/100"), Some((10, 100)));
        for value in ["bytes */100", "10-99/100", "bytes 10-99/*", "bytes -/", ""] {
            assert_eq!(parse_range(value), None, "{value}");
        }
    }
}
