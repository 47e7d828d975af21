//! The unix socket, the secret against other users, and addresses that others reach.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use modelstat::{Client, Config, LlmCall, Mode};
use modelstat_daemon::{Daemon, Secret, StartError};

use crate::client::{Answer, get, read_answer, request};
use crate::upstream::Upstream;
use crate::world::{ADMIN, World, batch, event};

/// Made up at run time, as a scanner for credentials would take it for one.
fn secret() -> String {
    ["local", "token", "of", "a", "test"].join("-")
}

fn with_socket(server: String) -> (World, PathBuf) {
    let mut socket = PathBuf::new();
    let world = World::start_with(server, |config| {
        socket = config.data_dir.join("daemon.sock");
        config.reach.socket = Some(socket.clone());
    });
    (world, socket)
}

fn over(socket: &Path, head: &str, body: &str) -> Answer {
    let mut stream = UnixStream::connect(socket).expect("the daemon listens");
    let length = body.len();
    let whole = format!("{head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    // At once, as who is refused for the head is hung up on.
    stream.write_all(whole.as_bytes()).expect("written");
    read_answer(&mut stream).expect("an answer")
}

#[test]
fn the_sdk_sends_whole_turns_over_the_socket() {
    let upstream = Upstream::start();
    let (world, socket) = with_socket(upstream.url());
    let mut config = Config::new("key-one", "raw_sdk_openai", "checkout");
    config.mode = Mode::LocalDaemon { url: format!("unix:{}", socket.display()) };
    let client = Client::new(config);
    client.record(LlmCall::new("openai", "sess_1").model("gpt-4o").text("asked", "answered"));
    assert!(client.shutdown_blocking(Duration::from_secs(20)).complete);
    let status = world.wait_shipped();
    assert_eq!(status.outcomes["accepted"], 1);
    assert_eq!(status.spool.turns.rows, 1, "the turn's text came");
    assert_eq!(status.socket, Some(socket.display().to_string()));
    assert_eq!(upstream.event_ids().len(), 1);
}

#[test]
fn the_socket_is_for_its_owner_and_goes_with_the_daemon() {
    let (mut world, socket) = with_socket("http://127.0.0.1:9".to_owned());
    let mode = std::fs::metadata(&socket).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Killed daemons leave the file behind.
    world.stop(Duration::from_secs(5));
    assert!(!socket.exists());
    drop(std::os::unix::net::UnixListener::bind(&socket).expect("a dead socket"));
    world.restart();
    assert_eq!(over(&socket, "GET /healthz HTTP/1.1\r\nHost: localhost", "").status, 200);
    let mut second = world.config.clone();
    second.data_dir = world.folder.path().join("second");
    let clock = Arc::clone(&world.clock);
    let error = Daemon::start(second, clock).err().expect("the socket is taken");
    assert!(matches!(error, StartError::Socket(_)), "{error}");
    assert_eq!(over(&socket, "GET /healthz HTTP/1.1\r\nHost: localhost", "").status, 200);
}

#[test]
fn a_page_gets_nothing_through_the_socket() {
    let (world, socket) = with_socket("http://127.0.0.1:9".to_owned());
    let head = "POST /v1/ingest HTTP/1.1\r\nHost: anything\r\nAuthorization: Bearer key-one";
    let body = batch(&[event("evt_1", "a")]).to_string();
    for line in ["Origin: http://anything", "Origin: null", "Sec-Fetch-Site: same-origin"] {
        let answer = over(&socket, &format!("{head}\r\n{line}"), &body);
        assert_eq!((answer.status, answer.error().as_str()), (403, "cross_origin"), "{line}");
    }
    assert_eq!(world.status().refused_requests["cross_origin"], 3);
    assert_eq!(over(&socket, head, &body).status, 200);
}

#[test]
fn the_secret_is_asked_for_over_tcp_alone() {
    let mut socket = PathBuf::new();
    let world = World::start_with("http://127.0.0.1:9".to_owned(), |config| {
        socket = config.data_dir.join("daemon.sock");
        config.reach.socket = Some(socket.clone());
        config.reach.token = Some(Secret::new(secret()));
        config.reach.requires_token = true;
    });
    let body = batch(&[event("evt_1", "a")]).to_string();
    let send = |path: &str, given: &str| {
        let headers = [("Modelstat-Daemon-Token", given)];
        request(world.address(), &format!("POST {path}"), &headers, body.as_bytes())
    };
    for path in ["/v1/ingest", "/v1/ingest/raw"] {
        for given in ["", "another", ADMIN] {
            let answer = send(path, given);
            assert_eq!((answer.status, answer.error().as_str()), (401, "daemon_token"), "{path}");
            let told = answer.json()["message"].as_str().expect("a message").to_owned();
            assert!(told.contains("daemon.token") && told.contains("unix socket"), "{told}");
        }
    }
    assert_eq!(world.status().refused_requests["daemon_token"], 6);
    assert!(world.status().outcomes.is_empty() && world.status().requires_token);
    assert_eq!(send("/v1/ingest", &secret()).status, 200);
    let head = "POST /v1/ingest HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer key-one";
    assert_eq!(over(&socket, head, &body).status, 200);
}

#[test]
fn the_secret_opens_what_the_operator_reads_and_need_not_be_asked_for() {
    let world = World::start_with("http://127.0.0.1:9".to_owned(), |config| {
        config.reach.token = Some(Secret::new(secret()));
    });
    for path in ["/v1/status", "/v1/egress"] {
        assert_eq!(get(world.address(), path, &secret()).status, 200);
        assert_eq!(get(world.address(), path, ADMIN).status, 200);
        assert_eq!(get(world.address(), path, "another").status, 401);
    }
    assert_eq!(world.send(&batch(&[event("evt_1", "a")])).status, 200);
}

#[test]
fn other_machines_are_let_in_by_word_alone() {
    let mut world = World::start("http://127.0.0.1:9".to_owned());
    world.config.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    world.stop(Duration::ZERO);
    let clock = Arc::clone(&world.clock);
    let error = Daemon::start(world.config.clone(), clock).err().expect("refused");
    assert!(matches!(error, StartError::NotLoopback { .. }), "{error}");

    world.config.reach.allows_other_machines = true;
    world.restart();
    let warnings = world.status().warnings;
    assert!(warnings[0].contains("other machines") && warnings[0].contains("without a secret"));
    let here = SocketAddr::from(([127, 0, 0, 1], world.address().port()));
    let body = batch(&[event("evt_1", "a")]).to_string();
    let send = |headers: &[(&str, &str)]| {
        request(here, "POST /v1/ingest", headers, body.as_bytes()).status
    };
    assert_eq!(send(&[("Host", "modelstat-daemon:4319")]), 200);
    // Behind a name that was rebound to us, a page is of the same origin as its name.
    let rebound = [("Host", "evil.example:4319"), ("Origin", "http://evil.example:4319")];
    assert_eq!(send(&rebound), 403);
}

/// Run again by itself with an environment, this test is the program that records.
#[test]
fn the_sdk_reads_the_secret_where_the_environment_says() {
    #[expect(clippy::disallowed_methods, reason = "the program's half of the test")]
    if std::env::var("MODELSTAT_DAEMON_TOKEN_FILE").is_ok() {
        let client = Client::from_env();
        client.record(LlmCall::new("openai", "sess_1").text("asked", "answered"));
        assert!(client.shutdown_blocking(Duration::from_secs(20)).complete);
        return;
    }
    let world = World::start_with("http://127.0.0.1:9".to_owned(), |config| {
        config.reach.token = Some(Secret::new(secret()));
        config.reach.requires_token = true;
    });
    let file = world.folder.path().join("daemon.token");
    std::fs::write(&file, format!("{}\n", secret())).expect("written");
    let name = "reach::the_sdk_reads_the_secret_where_the_environment_says";
    let program = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", name])
        .env("MODELSTAT_DAEMON_TOKEN_FILE", &file)
        .env("MODELSTAT_DAEMON_URL", format!("http://{}/v1/ingest", world.address()))
        .env("MODELSTAT_INGEST_KEY", "key-one")
        .output()
        .expect("it runs");
    assert!(program.status.success(), "{}", String::from_utf8_lossy(&program.stdout));
    assert_eq!(world.status().outcomes["accepted"], 1);
    assert_eq!(world.status().refused_requests["daemon_token"], 1);
}
