//! An engine over HTTP: what it makes, how it fails, where text may go, and what the ledger says of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use modelstat_daemon::{
    Daemon, Endpoint, EndpointError, EngineState, HttpOptions, Secret, StartError,
};
use modelstat_wire::SystemClock;
use serde_json::{Value, json};

use crate::client;
use crate::segments::{close, segments};
use crate::upstream::Upstream;
use crate::world::{ADMIN, World, batch, event};

/// A question long enough for a model, with a secret that redaction takes out.
fn text() -> String {
    let words = "The nightly import of orders is slow since the index on the customer column was \
                 dropped, so the planner scans the whole table and the job runs into its limit. "
        .repeat(3);
    format!("zebedee.quill@example.com asks: {words}")
}

/// What the server does with each question.
type Behaviour = Box<dyn Fn(&Asked) -> Vec<u8> + Send + Sync>;

/// One question.
struct Asked {
    head: String,
    body: Value,
}

struct Api {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Api {
    fn start(behaviour: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let (asked, is_over) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let behaviour: Behaviour = Box::new(behaviour);
        let thread = {
            let (asked, is_over) = (Arc::clone(&asked), Arc::clone(&is_over));
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    if is_over.load(Ordering::Acquire) {
                        return;
                    }
                    serve(&stream, &behaviour, &asked);
                }
            })
        };
        Self { address, asked, is_over, thread: Some(thread) }
    }

    fn asked(&self) -> usize {
        self.asked.lock().expect("unpoisoned").len()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the fake API ends well");
        }
    }
}

fn serve(stream: &TcpStream, behaviour: &Behaviour, all: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let length = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.filter_map(|(_, value)| value.parse().ok()).next().unwrap_or(0);
    let mut body = vec![0; length];
    if head.is_empty() || reader.read_exact(&mut body).is_err() {
        return;
    }
    let asked = Asked { head, body: serde_json::from_slice(&body).expect("JSON") };
    let answer = behaviour(&asked);
    all.lock().expect("unpoisoned").push(asked);
    // Who gave up meanwhile does not read it.
    drop((&mut &*stream).write_all(&answer));
}

fn answer(status: u16, header: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Told\r\nConnection: close\r\nContent-Length: {length}\r\n{header}\r\n{body}"
    )
    .into_bytes()
}

fn says(text: &str) -> Vec<u8> {
    let said =
        json!({"abstract": text, "title": "Slow import looked at", "work_type": "debugging"});
    let body = json!({"choices": [{"message": {"content": said.to_string()}}]});
    answer(200, "", &body.to_string())
}

const GOOD: &str =
    "Someone wanted a batch job to finish sooner; a missing lookup structure explained it.";

fn endpoint(url: String) -> Endpoint {
    Endpoint {
        url,
        allows_other_machines: false,
        key: None,
        http: HttpOptions { model: "tiny".into(), time: Duration::from_secs(2), parallel: 1 },
    }
}

/// A daemon whose only session was closed with an engine at an address.
fn closed(url: String, change: impl FnOnce(&mut Endpoint)) -> (World, Value) {
    let upstream = Upstream::start();
    let world = World::start_with(upstream.url(), |config| {
        let mut endpoint = endpoint(url);
        change(&mut endpoint);
        config.models.endpoint = Some(endpoint);
    });
    world.send(&batch(&[event("evt_1", &text())]));
    world.wait_shipped();
    close(&world);
    let segment = segments(&upstream)[0]["segments"][0].clone();
    (world, segment)
}

/// The ledger's entries of questions to the engine.
fn entries(world: &World) -> Vec<Value> {
    let bearer = format!("Bearer {ADMIN}");
    let headers = [("Authorization", bearer.as_str())];
    let listed = client::request(world.address(), "GET /v1/egress", &headers, b"");
    let listed = listed.json();
    let all = listed["entries"].as_array().expect("a list");
    all.iter().filter(|entry| entry["batch_id"] == "engine").cloned().collect()
}

#[test]
fn its_abstract_leaves_and_its_question_stays() {
    let api = Api::start(|_| says(GOOD));
    let url = format!("http://{}/v1/", api.address);
    let key = ["sk", "made", "up"].join("-");
    let (world, segment) = closed(url, |endpoint| endpoint.key = Some(Secret::new(key)));
    assert_eq!((&segment["engine"], &segment["abstract"]), (&json!("http"), &json!(GOOD)));
    assert_eq!(segment["engine_version"], json!("tiny@this-machine/p1"));
    let asked = api.asked.lock().expect("unpoisoned");
    assert!(asked[0].head.starts_with("POST /v1/chat/completions HTTP/1.1"), "{}", asked[0].head);
    assert!(asked[0].head.to_lowercase().contains("authorization: bearer sk-made-up"));
    let question = asked[0].body["messages"][1]["content"].as_str().expect("a text");
    assert!(question.contains("nightly import") && !question.contains("zebedee"), "{question}");
    // The ledger has that it was asked, where and how much, and not one word.
    let entries = entries(&world);
    let entry = &entries[0];
    assert_eq!(entry["destination"], json!(format!("{}/v1/chat/completions", api.address)));
    assert_eq!((&entry["sent_bytes"], &entry["status"]), (&json!(0), &json!(200)));
    assert!(entry["plain_bytes"].as_u64().is_some_and(|bytes| bytes > 1_000), "{entry}");
    assert!(!entry.to_string().contains("nightly"), "{entry}");
    let status = world.status();
    assert_eq!(status.engines, ["http", "template"]);
    assert_eq!(status.engine_states[0].answers, 1);
    assert!(status.warnings.is_empty());
    // And no file has a word of it either, once the segment is closed and the log emptied.
    let ledger = std::fs::read(world.data().join("egress.db")).expect("readable");
    assert!(!ledger.windows(7).any(|window| window == b"nightly"));
}

#[test]
fn an_answer_that_repeats_the_session_is_refused() {
    let api = Api::start(|asked| {
        let question = asked.body["messages"][1]["content"].as_str().expect("a text");
        let start = question.find("nightly").expect("there");
        says(&question[start..start + 120])
    });
    let (world, segment) = closed(format!("http://{}/v1", api.address), |_| ());
    assert_eq!(segment["engine"], json!("template"));
    assert_eq!(world.status().refused_summaries, [("http.verbatim_run".to_owned(), 1)].into());
}

fn check(behaviour: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static, word: &str, reason: &str) {
    let api = Api::start(behaviour);
    let url = format!("http://{}/v1", api.address);
    let (world, segment) = closed(url, |endpoint| endpoint.http.time = Duration::from_millis(500));
    assert_eq!(segment["engine"], json!("template"), "{word}");
    let status = world.status();
    let state = &status.engine_states[0];
    assert_eq!(state.failures.get(word), Some(&1), "{state:?}");
    let told = state.reason.clone().unwrap_or_default();
    assert!(told.contains(reason), "{told}");
    assert_eq!(status.refused_summaries.len(), 1, "{:?}", status.refused_summaries);
}

#[test]
fn every_failure_ends_in_the_template_with_its_reason() {
    check(|_| answer(500, "", "{}"), "server_error", "status 500");
    check(|_| answer(200, "", "<html>"), "no_chat", "no chat completion");
    check(|_| answer(200, "", &"x".repeat(300_000)), "transport", "answer_too_large");
    check(|_| b"no HTTP at all\r\n\r\n".to_vec(), "transport", "failed");
    let slow = |_: &Asked| {
        std::thread::sleep(Duration::from_millis(800));
        says(GOOD)
    };
    check(slow, "timeout", "in time");
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Api::start(|_| says(GOOD));
    let header = format!("Location: http://{}/v1/chat/completions\r\n", elsewhere.address);
    check(move |_| answer(307, &header, ""), "redirect", "status 307");
    assert_eq!(elsewhere.asked(), 0);
}

#[test]
fn a_server_of_plain_words_is_understood() {
    let api = Api::start(|asked| {
        if asked.body["response_format"].is_object() {
            return answer(400, "", "{\"error\":\"response_format\"}");
        }
        says(GOOD)
    });
    let (world, segment) = closed(format!("http://{}/v1", api.address), |_| ());
    assert_eq!((&segment["engine"], api.asked()), (&json!("http"), 4));
    assert_eq!(entries(&world).len(), 4);
}

#[test]
fn nobody_there_costs_words_only() {
    let address = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("one");
    let (world, segment) = closed(format!("http://{address}/v1"), |_| ());
    assert_eq!(segment["engine"], json!("template"));
    let state = &world.status().engine_states[0];
    assert_eq!(state.failures["transport"], 1);
    assert!(matches!(state.state, EngineState::Resting | EngineState::Off));
}

#[test]
fn another_machine_needs_the_switch_and_is_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start("http://127.0.0.1:1".to_owned());
    let mut config = world.config.clone();
    config.data_dir = folder.path().join("daemon");
    config.models.endpoint = Some(endpoint("http://192.0.2.7:8000/v1".to_owned()));
    let refused = Daemon::start(config.clone(), Arc::new(SystemClock)).err();
    assert!(matches!(refused, Some(StartError::Engine(EndpointError::NotLoopback))));
    let mut allowed = endpoint("http://192.0.2.7:8000/v1".to_owned());
    allowed.allows_other_machines = true;
    config.models.endpoint = Some(allowed);
    let daemon = Daemon::start(config, Arc::new(SystemClock)).expect("starts");
    let warnings = daemon.status().expect("readable").warnings;
    assert!(warnings[0].contains("192.0.2.7:8000/v1 is on another machine"), "{warnings:?}");
    let page = client::request(daemon.address(), "GET /", &[("Accept", "text/html")], b"");
    assert!(page.text().contains("redacted text of turns leaves"), "{}", page.text());
}

#[test]
fn a_text_that_leaves_is_in_the_ledger() {
    // This address is none of loopback's, though it leads there: what may be elsewhere counts as elsewhere.
    let api = Api::start(|_| says(GOOD));
    let url = format!("http://0.0.0.0:{}/v1", api.address.port());
    let (world, segment) = closed(url, |endpoint| endpoint.allows_other_machines = true);
    assert_eq!(segment["engine"], json!("http"), "{:?}", world.status().engine_states);
    assert_eq!(segment["engine_version"], json!("tiny@another-machine/p1"));
    let entry = entries(&world)[0].clone();
    assert_eq!(entry["sent_bytes"], entry["plain_bytes"]);
    let payload = entry["payload"].as_str().expect("a payload");
    assert!(payload.contains("nightly import") && !payload.contains("zebedee"), "{payload}");
}
