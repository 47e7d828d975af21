//! The end of a process that was asked to end: what was begun is answered, what was taken stays.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use serde_json::Value;

use crate::support::{Product, batch, event, log_of, modelstat, post, wait_until};

const NOW: &str = "2026-06-19T12:34:56.789Z";

fn start(data: &Path, server: &str) -> Product {
    let arguments = ["--daemon-listen", "127.0.0.1:0", "--server-url", server];
    Product::start("daemon", data, &arguments)
}

fn status(data: &Path) -> Value {
    let path = data.to_str().expect("a plain path");
    let output = modelstat(&["status", "--json", "--data-dir", path]).output().expect("it runs");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Whether the process has said something on its standard error.
fn has_said(data: &Path, words: &str) -> bool {
    std::fs::read_to_string(log_of(data)).is_ok_and(|log| log.contains(words))
}

#[test]
fn a_request_at_hand_is_answered_and_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let product = start(&data, "http://127.0.0.1:9");
    let address = product.daemon().replace("http://", "");
    let body = batch("app", &[event("evt_1", "s", NOW)]).to_string();
    let (first, rest) = body.split_at(body.len() / 2);

    let mut stream = BufReader::new(TcpStream::connect(&address).expect("it listens"));
    let head = format!(
        "POST /v1/ingest HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer key-one\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.get_mut().write_all(head.as_bytes()).expect("written");
    let mut line = String::new();
    // From here on the daemon waits for the body.
    stream.read_line(&mut line).expect("an interim answer");
    assert!(line.starts_with("HTTP/1.1 100"), "{line}");
    stream.get_mut().write_all(first.as_bytes()).expect("written");
    product.ask_to_end();
    wait_until("nobody else is let in", || TcpStream::connect(&address).is_err());
    stream.get_mut().write_all(rest.as_bytes()).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.contains("HTTP/1.1 200") && answer.contains("\"accepted\":1"), "{answer}");
    assert_eq!(product.ended().code(), Some(0));

    let product = start(&data, "http://127.0.0.1:9");
    assert_eq!(status(&data)["daemon"]["outcomes"]["accepted"], 1);
    assert!(product.stop().success());
}

#[test]
fn a_second_signal_ends_at_once_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    // It takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let server = format!("http://{}", silent.local_addr().expect("an address"));
    let product = start(&data, &server);
    let sent = batch("app", &[event("evt_1", "s", NOW)]);
    assert_eq!(post(product.word("daemon_url"), "key-one", &sent).status, 200);
    silent.set_nonblocking(true).expect("a listener");
    // Held open: a connection that is closed would be a quick failure, and the end would be quick too.
    let mut held = None;
    wait_until("it is being shipped", || {
        held = silent.accept().ok();
        held.is_some()
    });
    product.ask_to_end();
    wait_until("it ends in order", || has_said(&data, "what waits is being shipped"));
    product.ask_to_end();
    assert_eq!(product.ended().code(), Some(0));
    assert!(has_said(&data, "stopping at once"));
    drop(held);

    let product = start(&data, "http://127.0.0.1:9");
    let status = status(&data);
    assert_eq!(status["daemon"]["outcomes"]["accepted"], 1);
    let spool = &status["daemon"]["spool"];
    assert!(spool["outbox"]["rows"].as_u64().is_some_and(|rows| rows > 0), "{spool}");
    assert!(product.stop().success());
}
