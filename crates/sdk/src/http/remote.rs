//! HTTP to other machines.

use std::fs;
use std::io::{Read, Write};
use std::time::Duration;

use chrono::Utc;
use flate2::Compression;
use flate2::write::GzEncoder;
use ureq::Proxy;
use ureq::http::{Response, Uri, header};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use super::Refusal;
use super::answer::{Answer, MAX_ANSWER_BYTES, retry_after};
use super::destination::is_this_machine;
use crate::environment::Environment;

/// Smaller bodies gain nothing.
const MIN_GZIP_BYTES: usize = 1024;
/// Level 3 takes a third of the time of the default, for a tenth more bytes.
const GZIP_LEVEL: u32 = 3;
/// Most redirects that are followed, all within one host.
const MAX_REDIRECTS: usize = 3;
/// How long opening a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A server, reached through the proxy that the environment names.
pub(crate) struct Remote {
    agent: ureq::Agent,
    url: String,
    takes_gzip: bool,
}

impl Remote {
    pub(crate) fn new(url: &str) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // Followed here, so that neither a batch nor its credential goes to another host.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .proxy(proxy(url))
            .tls_config(TlsConfig::builder().root_certs(roots()).build())
            .max_idle_connections(1)
            .user_agent(concat!("modelstat-rust/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Self { agent, url: url.to_owned(), takes_gzip: true }
    }

    pub(crate) fn post(
        &mut self,
        bearer: &str,
        body: &[u8],
        timeout: Duration,
    ) -> Result<Answer, Refusal> {
        if self.takes_gzip && body.len() > MIN_GZIP_BYTES {
            let answer = self.follow(bearer, &gzip(body), true, timeout)?;
            if !matches!(answer.status, 400 | 415) {
                return Ok(answer);
            }
            // An older server may not know the encoding.
            let plain = self.follow(bearer, body, false, timeout)?;
            self.takes_gzip = !(200..300).contains(&plain.status);
            return Ok(plain);
        }
        self.follow(bearer, body, false, timeout)
    }

    /// Posts, following redirects that stay on the host.
    fn follow(
        &self,
        bearer: &str,
        body: &[u8],
        is_gzip: bool,
        timeout: Duration,
    ) -> Result<Answer, Refusal> {
        let mut url: Uri = self.url.parse().map_err(|_| Refusal::Impossible)?;
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self
                .agent
                .post(&url)
                .config()
                .timeout_global(Some(timeout))
                .build()
                .header(header::AUTHORIZATION, format!("Bearer {bearer}"))
                .header(header::CONTENT_TYPE, "application/json");
            if is_gzip {
                request = request.header(header::CONTENT_ENCODING, "gzip");
            }
            let response = request.send(body).map_err(|error| refusal(&error))?;
            match redirect(&url, &response) {
                Some(next) => url = next,
                None => return Ok(answer(response)),
            }
        }
        Ok(Answer { status: 310, ..Answer::default() })
    }
}

/// The proxy that the environment names; none stands between this machine and itself.
fn proxy(url: &str) -> Option<Proxy> {
    let url: Uri = url.parse().ok()?;
    let is_elsewhere = !url.authority().is_some_and(|to| is_this_machine(to.as_str()));
    if is_elsewhere { Proxy::try_from_env() } else { None }
}

/// Whom to trust: the certificates in `SSL_CERT_FILE`, as behind a proxy that looks into TLS, else
/// Mozilla's. A file without any changes nothing: whoever set it meant another program.
fn roots() -> RootCerts {
    let named = Environment::of_process().text("SSL_CERT_FILE");
    let bundle = named.and_then(|path| fs::read(path).ok()).unwrap_or_default();
    let certificates: Vec<_> = parse_pem(&bundle)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() { RootCerts::WebPki } else { certificates.into() }
}

/// Where the request is to be repeated, if that is on the same host.
fn redirect(from: &Uri, response: &Response<ureq::Body>) -> Option<Uri> {
    if !matches!(response.status().as_u16(), 307 | 308) {
        return None;
    }
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    let to = if location.starts_with('/') && !location.starts_with("//") {
        format!("{}://{}{location}", from.scheme_str()?, from.authority()?)
    } else {
        location.to_owned()
    };
    let to: Uri = to.parse().ok()?;
    let is_same = to.scheme() == from.scheme() && to.authority() == from.authority();
    is_same.then_some(to)
}

fn answer(response: Response<ureq::Body>) -> Answer {
    let status = response.status().as_u16();
    let wait = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = wait.and_then(|wait| retry_after(wait, Utc::now()));
    let mut body = Vec::new();
    let limit = MAX_ANSWER_BYTES as u64;
    // The status is the answer; a body that breaks off changes nothing.
    if response.into_body().into_reader().take(limit).read_to_end(&mut body).is_err() {
        body.clear();
    }
    Answer { status, retry_after, body }
}

fn refusal(error: &ureq::Error) -> Refusal {
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::InvalidProxyUrl => {
            Refusal::Impossible
        }
        _ => Refusal::Unreachable,
    }
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL));
    let packed = encoder.write_all(body).and_then(|()| encoder.finish());
    packed.expect("writing to memory cannot fail")
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::thread;

    use flate2::read::GzDecoder;

    use super::*;

    /// Head and body of what came.
    type Came = (String, Vec<u8>);

    /// Answers one request after the other; returns what came.
    fn serve(answers: Vec<String>) -> (String, thread::JoinHandle<Vec<Came>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/v1/ingest", listener.local_addr().expect("an address"));
        let served = thread::spawn(move || {
            let serve_one = |answer: String| {
                let (stream, _) = listener.accept().expect("a connection");
                let mut reader = BufReader::new(stream);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    reader.read_line(&mut head).expect("a head");
                }
                let head = head.to_ascii_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let mut body = vec![0; length.expect("a length").parse().expect("a number")];
                reader.read_exact(&mut body).expect("a body");
                let answer = format!("HTTP/1.1 {answer}connection: close\r\n\r\n");
                reader.get_mut().write_all(answer.as_bytes()).expect("an open connection");
                (head, body)
            };
            answers.into_iter().map(serve_one).collect()
        });
        (url, served)
    }

    fn post(url: &str, body: &[u8]) -> Answer {
        let answer = Remote::new(url).post("test-key", body, Duration::from_secs(20));
        answer.unwrap_or_else(|_| panic!("there was no answer"))
    }

    #[test]
    fn large_bodies_are_packed() {
        let body = b"0123456789".repeat(1_000);
        let (url, served) = serve(vec!["200 OK\r\n".into()]);
        assert_eq!(post(&url, &body).status, 200);
        let (head, packed) = served.join().expect("served").remove(0);
        assert!(head.contains("content-encoding: gzip") && head.contains("bearer test-key"));
        let mut unpacked = Vec::new();
        GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).expect("packed");
        assert_eq!(unpacked, body);
    }

    #[test]
    fn a_server_that_cannot_unpack_gets_the_body_as_it_is() {
        let body = b"0123456789".repeat(1_000);
        let (url, served) = serve(vec!["415 .\r\n".into(), "200 OK\r\n".into()]);
        assert_eq!(post(&url, &body).status, 200);
        assert_eq!(served.join().expect("served")[1].1, body);
    }

    #[test]
    fn redirects_are_followed_within_the_host_only() {
        let (url, served) =
            serve(vec!["307 .\r\nlocation: /v2\r\n".into(), "429 .\r\nretry-after: 3\r\n".into()]);
        let answer = post(&url, b"{}");
        assert_eq!((answer.status, answer.retry_after), (429, Some(Duration::from_secs(3))));
        assert!(served.join().expect("served")[1].0.starts_with("post /v2 "));

        for elsewhere in ["http://127.0.0.1:1/v1/ingest", "//127.0.0.1:1/", "https://example.test/"]
        {
            let (url, served) = serve(vec![format!("308 .\r\nlocation: {elsewhere}\r\n")]);
            assert_eq!(post(&url, b"{}").status, 308, "{elsewhere}");
            served.join().expect("served");
        }
    }
}
