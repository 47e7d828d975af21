//! What is sent to a daemon on this machine.

use modelstat::Client;

use crate::receiver::{OK, Receiver, Request};
use crate::{PATIENCE, call, config};

const WANTS_TURNS: &str = r#"{"ok":true,"capabilities":["full_turns","gzip"]}"#;

fn long_call() -> modelstat::LlmCall {
    call("session").text("word ".repeat(20_000), "ask jane@example.com")
}

fn excerpt(request: &Request) -> String {
    request.batch().events.remove(0).content_excerpt.expect("a text")
}

#[test]
fn a_daemon_that_asks_for_whole_turns_gets_them_redacted() {
    let receiver = Receiver::with_health(WANTS_TURNS, |_, _| OK);
    let client = Client::new(config(&receiver.url));
    client.record(long_call());
    assert!(client.flush_blocking(PATIENCE).complete);
    let excerpt = excerpt(&receiver.next());
    assert_eq!(excerpt.len(), 100_000 + "\n---\n".len() + "ask [REDACTED:email]".len());
    assert!(excerpt.ends_with("ask [REDACTED:email]"));
}

#[test]
fn excerpts_are_sent_to_who_does_not_ask_or_when_told_to() {
    for (health, excerpts_only) in [("{}", false), ("not JSON", false), (WANTS_TURNS, true)] {
        let receiver = Receiver::with_health(health, |_, _| OK);
        let mut config = config(&receiver.url);
        if excerpts_only {
            config = config.with_excerpts_only();
        }
        let client = Client::new(config);
        client.record(long_call());
        assert!(client.flush_blocking(PATIENCE).complete);
        assert_eq!(excerpt(&receiver.next()).chars().count(), 321, "{health}");
    }
}

#[test]
fn requests_are_what_a_daemon_expects() {
    let receiver = Receiver::start(|_, _| OK);
    let client = Client::new(config(&receiver.url));
    client.record(call("session"));
    assert!(client.flush_blocking(PATIENCE).complete);
    let request = receiver.next();
    assert_eq!(request.line, "POST /v1/ingest HTTP/1.1\r\n");
    assert!(request.headers.contains("authorization: bearer test-key\r\n"), "{}", request.headers);
    assert!(request.headers.contains("host: 127.0.0.1:"));
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_a_destination() {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::on_socket(&folder.path().join("modelstat.sock"));
    let client = Client::new(config(&receiver.url));
    client.record(call("session"));
    assert!(client.flush_blocking(PATIENCE).complete);
    assert_eq!(receiver.next().line, "POST /v1/ingest HTTP/1.1\r\n");
}

#[test]
fn a_credential_cannot_add_header_lines() {
    let receiver = Receiver::start(|_, _| OK);
    let mut config = config(&receiver.url);
    config.ingest_key = "key\r\nx-added: 1".into();
    let client = Client::new(config);
    client.record(call("session"));
    assert!(client.flush_blocking(PATIENCE).complete);
    assert!(!receiver.next().headers.contains("x-added"));
}
