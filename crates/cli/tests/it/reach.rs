//! Who may reach the daemon: its socket, its secret, and what is said about both.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use serde_json::Value;

use crate::support::{Product, batch, event, modelstat, send};

const NOW: &str = "2026-06-19T12:34:56.789Z";

#[test]
fn the_socket_is_named_and_the_secret_is_made_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let arguments = ["--daemon-listen", "127.0.0.1:0", "--require-token"];
    let product = Product::start("daemon", &data, &arguments);
    let socket = data.join("daemon/daemon.sock");
    assert_eq!(product.word("daemon_socket"), socket.to_str().expect("a plain path"));
    let note = std::fs::read(data.join("run.json")).expect("a note");
    let note: Value = serde_json::from_slice(&note).expect("JSON");
    assert_eq!(note["daemon_socket"], product.ready["daemon_socket"]);
    let secret = std::fs::read_to_string(data.join("daemon.token")).expect("made");
    for private in [&socket, &data.join("daemon.token")] {
        let mode = std::fs::metadata(private).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", private.display());
    }

    let body = batch("app", &[event("evt_1", "s", NOW)]).to_string();
    let post = |secret: &str| {
        let headers = [("Authorization", "Bearer key-one"), ("Modelstat-Daemon-Token", secret)];
        send("POST", product.word("daemon_url"), &headers, body.as_bytes()).expect("an answer")
    };
    assert_eq!(post("another").status, 401);
    assert_eq!(post(secret.trim()).status, 200);
    let mut stream = UnixStream::connect(&socket).expect("it listens");
    let length = body.len();
    write!(
        stream,
        "POST /v1/ingest HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer key-one\r\n\
         Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let bearer = format!("Bearer {}", secret.trim());
    let status = send(
        "GET",
        &format!("{}/v1/status", product.daemon()),
        &[("Authorization", bearer.as_str())],
        b"",
    );
    let status = status.expect("an answer").body;
    assert_eq!(status["socket"], product.ready["daemon_socket"]);
    assert_eq!(
        (&status["requires_token"], &status["refused_requests"]["daemon_token"]),
        (&true.into(), &1.into())
    );
    assert!(product.stop().success());
    assert!(!socket.exists());

    let product = Product::start(
        "daemon",
        &data,
        &["--daemon-listen", "127.0.0.1:0", "--daemon-socket", "none"],
    );
    assert!(product.ready["daemon_socket"].is_null() && !socket.exists());
    assert_eq!(std::fs::read_to_string(data.join("daemon.token")).expect("kept"), secret);
    assert!(product.stop().success());
}

#[test]
fn what_cannot_be_listened_on_is_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let path = data.to_str().expect("a plain path");
    let told = |more: &[&str]| {
        let arguments = [&["daemon", "--data-dir", path], more].concat();
        let output = modelstat(&arguments).output().expect("it runs");
        assert!(!output.status.success());
        String::from_utf8(output.stderr).expect("text")
    };
    let listen = ["--daemon-listen", "127.0.0.1:0", "--daemon-socket"];
    let long = format!("/tmp/{}", "s".repeat(120));
    let too_long = told(&[&listen[..], &[&long]].concat());
    assert!(too_long.contains("bytes") && too_long.contains("shorter path"), "{too_long}");
    let file = folder.path().join("file");
    std::fs::write(&file, "mine").expect("written");
    let no_socket = told(&[&listen[..], &[file.to_str().expect("plain")]].concat());
    assert!(no_socket.contains("is no socket") && no_socket.contains("remove"), "{no_socket}");
    let remote = told(&["--daemon-listen", "0.0.0.0:0"]);
    assert!(
        remote.contains("other machines") && remote.contains("--daemon-allow-remote"),
        "{remote}"
    );
}
