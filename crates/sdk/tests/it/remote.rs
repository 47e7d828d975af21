//! What goes to another machine: TLS, proxies, redirects, and what a server may say.
//!
//! Trust and proxies are the environment's, so that each case runs in a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver as Heads, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{env, io, thread};

use chrono::Utc;
use log::{LevelFilter, Log, Metadata, Record};
use modelstat::Client;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;

use crate::receiver::{OK, Receiver, Reply};
use crate::{PATIENCE, call};

/// How long the process waits for its flush where nothing is to arrive.
const IMPATIENCE: &str = "700";
const WAIT_VARIABLE: &str = "FLUSH_WAIT_MS";
/// A name that no resolver knows.
const ELSEWHERE: &str = "modelstat.invalid";

/// Everything that any library says at any level.
struct Overheard(Mutex<String>);

impl Log for Overheard {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!("{} {}\n", record.target(), record.args());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(&line);
    }

    fn flush(&self) {}
}

static OVERHEARD: Overheard = Overheard(Mutex::new(String::new()));

/// The process that the others start. By itself it has nowhere to send to.
#[test]
fn a_client_of_the_environment_sends_one_call() {
    let Some(wait) = env::var_os(WAIT_VARIABLE) else { return };
    let wait = wait.to_str().and_then(|wait| wait.parse().ok()).expect("milliseconds");
    log::set_logger(&OVERHEARD).expect("the first logger");
    log::set_max_level(LevelFilter::Trace);
    let client = Client::from_env();
    client.record(call("session").text("word ".repeat(2_000), "answer"));
    let flushed = client.flush_blocking(Duration::from_millis(wait));
    let stats = client.stats();
    println!("sent={} dropped={:?} {flushed:?}", stats.sent, stats.dropped);
    println!("{client:?}");
    println!("{}", OVERHEARD.0.lock().unwrap_or_else(PoisonError::into_inner));
}

fn key() -> String {
    ["secret", "credential", "of", "this", "test"].join("-")
}

/// A server's certificate, and the file that says to trust it.
struct Trust {
    folder: TempDir,
    server: Arc<rustls::ServerConfig>,
}

impl Trust {
    fn new() -> Self {
        let names = vec!["127.0.0.1".to_owned(), ELSEWHERE.to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("roots.pem"), made.cert.pem()).expect("a file");
        let secret =
            PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], secret)
            .expect("a key that fits");
        Self { folder, server: Arc::new(server) }
    }

    fn file(&self) -> String {
        self.folder.path().join("roots.pem").display().to_string()
    }
}

/// Runs the process; what it said. The credential is never part of it.
fn run(url: &str, wait: &str, variables: &[(&str, &str)]) -> String {
    let done = Command::new(env::current_exe().expect("this test"))
        .args(["--exact", "remote::a_client_of_the_environment_sends_one_call", "--nocapture"])
        .env_clear()
        .envs(variables.iter().copied())
        .env("MODELSTAT_SERVER_URL", url)
        .env("MODELSTAT_RAW", "1")
        .env("MODELSTAT_INGEST_KEY", key())
        .env(WAIT_VARIABLE, wait)
        .output()
        .expect("a process");
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8(said).expect("text");
    assert!(done.status.success(), "{said}");
    assert!(!said.contains(&key()), "{said}");
    said
}

fn patient() -> String {
    PATIENCE.as_millis().to_string()
}

/// Sends one call to a server behind TLS that replies so; what came and what was said.
fn send_behind_tls(
    wait: &str,
    reply: impl Fn(usize) -> Reply + Send + Sync + 'static,
) -> (Receiver, String) {
    let trust = Trust::new();
    let receiver = Receiver::behind_tls(Arc::clone(&trust.server), move |index, _| reply(index));
    let said = run(&receiver.url, wait, &[("SSL_CERT_FILE", &trust.file())]);
    (receiver, said)
}

#[test]
fn a_server_that_is_trusted_gets_the_batch() {
    let (receiver, said) = send_behind_tls(&patient(), |_| OK);
    assert!(said.contains("sent=1 "), "{said}");
    let request = receiver.next();
    assert_eq!(request.line, "POST /v1/ingest/raw HTTP/1.1\r\n");
    assert!(request.headers.contains(&format!("authorization: bearer {}\r\n", key())));
    assert_eq!(request.batch().events.len(), 1);
}

#[test]
fn a_server_that_nobody_vouches_for_gets_nothing() {
    let trust = Trust::new();
    let receiver = Receiver::behind_tls(Arc::clone(&trust.server), |_, _| OK);
    let missing = trust.folder.path().join("missing.pem").display().to_string();
    let another = Trust::new();
    for variables in
        [&[][..], &[("SSL_CERT_FILE", &*missing)], &[("SSL_CERT_FILE", &*another.file())]]
    {
        let said = run(&receiver.url, IMPATIENCE, variables);
        assert!(said.contains("sent=0 dropped={}"), "{said}");
    }
    assert!(receiver.all().is_empty());
}

#[test]
fn waits_that_a_server_asks_for_are_kept_in_both_forms() {
    let in_seconds = |index| if index == 0 { retry_in("1") } else { OK };
    let (receiver, said) = send_behind_tls(&patient(), in_seconds);
    assert!(said.contains("sent=1 "), "{said}");
    let requests = receiver.all();
    assert_eq!((requests.len(), &requests[0].body), (2, &requests[1].body));

    let at_a_time = |_| retry_in(&(Utc::now() + chrono::Duration::hours(1)).to_rfc2822());
    let (receiver, said) = send_behind_tls(&patient(), at_a_time);
    assert!(said.contains("sent=0 dropped={} Flushed { complete: false, pending: 1"), "{said}");
    assert_eq!(receiver.all().len(), 1);
}

fn retry_in(when: &str) -> Reply {
    Reply::Answer(429, String::leak(format!("retry-after: {when}\r\n")), "")
}

#[test]
fn what_a_server_says_decides_what_becomes_of_a_batch() {
    for (status, outcome) in [
        (400, r#"sent=0 dropped={"rejected": 1} Flushed { complete: true"#),
        (401, "sent=0 dropped={} Flushed { complete: false, pending: 1"),
        (403, "sent=0 dropped={} Flushed { complete: false, pending: 1"),
        (413, r#"sent=0 dropped={"too_large": 1} Flushed { complete: true"#),
    ] {
        let (_, said) = send_behind_tls(&patient(), move |_| Reply::Answer(status, "", ""));
        assert!(said.contains(outcome), "{status}: {said}");
    }
}

#[test]
fn a_server_that_fails_once_is_tried_again() {
    let firsts: [fn() -> Reply; 4] = [
        || Reply::Answer(503, "", ""),
        || Reply::Close,
        || Reply::Part,
        || Reply::Stall(Duration::from_millis(100)),
    ];
    for first in firsts {
        let (receiver, said) =
            send_behind_tls(&patient(), move |index| if index == 0 { first() } else { OK });
        assert!(said.contains("sent=1 "), "{said}");
        let requests = receiver.all();
        assert!(requests.len() > 1);
        assert!(requests.windows(2).all(|pair| pair[0].body == pair[1].body));
    }
}

#[test]
fn a_credential_does_not_follow_a_redirect_to_another_host() {
    let other = Receiver::start(|_, _| OK);
    let to = format!("location: {}\r\n", other.url);
    let to: &str = String::leak(to);
    for status in [301, 302, 303, 307, 308] {
        let (receiver, said) = send_behind_tls(&patient(), move |_| Reply::Answer(status, to, ""));
        assert!(said.contains(r#"dropped={"rejected": 1}"#), "{said}");
        // The loss itself is reported, to the same server.
        let events: usize = receiver.all().iter().map(|request| request.batch().events.len()).sum();
        assert_eq!(events, 1, "{status}");
    }
    assert!(other.all().is_empty());
}

/// A proxy that notes what it is asked, and leads wherever it likes.
struct Proxy {
    url: String,
    heads: Heads<String>,
}

impl Proxy {
    fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let target = target.split_once("://").map_or(target, |(_, rest)| rest);
        let target = target.split('/').next().unwrap_or_default().to_owned();
        let (sender, heads) = sync_channel(100);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (sender, target) = (sender.clone(), target.clone());
                thread::spawn(move || lead(stream, &target, |head| drop(sender.send(head))));
            }
        });
        Self { url, heads }
    }

    fn asked(&self) -> Vec<String> {
        self.heads.try_iter().collect()
    }
}

fn lead(mut client: TcpStream, target: &str, note: impl Fn(String)) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            break;
        }
    }
    note(head);
    let mut server = TcpStream::connect(target)?;
    client.write_all(b"HTTP/1.1 200 .\r\n\r\n")?;
    let (mut back_from, mut back_to) = (server.try_clone()?, client);
    let back = thread::spawn(move || drop(io::copy(&mut back_from, &mut back_to)));
    io::copy(&mut reader, &mut server)?;
    drop(back);
    Ok(())
}

#[test]
fn a_proxy_leads_to_other_machines_and_sees_no_credential() {
    let trust = Trust::new();
    let receiver = Receiver::behind_tls(Arc::clone(&trust.server), |_, _| OK);
    let proxy = Proxy::to(&receiver.url);
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let variables = [(name, proxy.url.as_str()), ("SSL_CERT_FILE", &trust.file())];
        let said = run(&format!("https://{ELSEWHERE}"), &patient(), &variables);
        assert!(said.contains("sent=1 "), "{said}");
        assert_eq!(receiver.all().len(), 1);
        let asked = proxy.asked();
        assert!(
            asked[0].starts_with(&format!("CONNECT {ELSEWHERE}:443 HTTP/1.1\r\n")),
            "{asked:?}"
        );
        assert!(!asked.concat().contains(&key()));
    }
}

#[test]
fn a_proxy_is_not_asked_about_hosts_that_are_excepted() {
    let receiver = Receiver::start(|_, _| OK);
    let proxy = Proxy::to(&receiver.url);
    let variables = [("HTTP_PROXY", proxy.url.as_str()), ("NO_PROXY", ELSEWHERE)];
    let said = run(&format!("http://{ELSEWHERE}"), IMPATIENCE, &variables);
    assert!(said.contains("sent=0 "), "{said}");
    assert!(proxy.asked().is_empty());
    let said = run(&format!("http://{ELSEWHERE}"), &patient(), &variables[..1]);
    assert!(said.contains("sent=1 "), "{said}");
    assert_eq!(proxy.asked().len(), 1);
}

#[test]
fn no_proxy_stands_between_this_machine_and_itself() {
    let trust = Trust::new();
    let plain = Receiver::start(|_, _| OK);
    let secure = Receiver::behind_tls(Arc::clone(&trust.server), |_, _| OK);
    let proxy = Proxy::to(&plain.url);
    let file = trust.file();
    let variables = [
        ("HTTP_PROXY", proxy.url.as_str()),
        ("HTTPS_PROXY", &proxy.url),
        ("ALL_PROXY", &proxy.url),
        ("SSL_CERT_FILE", &file),
    ];
    for receiver in [&plain, &secure] {
        let url = receiver.url.trim_end_matches("/v1/ingest");
        let said = run(url, &patient(), &variables);
        assert!(said.contains("sent=1 "), "{said}");
        assert_eq!(receiver.all().len(), 1);
    }
    assert!(proxy.asked().is_empty());
}
