//! An engine over HTTP: what it makes of whole turns, how it fails, and where text may go.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use modelstat_server::{
    Endpoint, EndpointError, Engines, HttpOptions, ModelEngines, Secret, StartError,
};
use modelstat_testkit::Provider;
use serde_json::{Value, json};

use crate::world::{Setup, World, batch, turn, wait_until};

const QUIET: Duration = Duration::from_secs(61);

const GOOD: &str =
    "Someone wanted a batch job to finish sooner; a missing lookup structure explained it.";

/// A question long enough for a model, with an address that redaction takes out.
fn text() -> String {
    let words = "The nightly import of orders is slow since the index on the customer column was \
                 dropped, so the planner scans the whole table and the job runs into its limit. "
        .repeat(3);
    format!("{} asks: {words}", ["zebedee.quill", "otters.example"].join("@"))
}

/// A provider whose model answers in the form that engines ask for.
fn provider() -> Provider {
    let provider = Provider::start().expect("a port");
    let said =
        json!({"abstract": GOOD, "title": "Slow import looked at", "work_type": "debugging"});
    provider.say(said.to_string());
    provider
}

fn asking(url: String) -> Setup {
    let http = HttpOptions { model: "tiny".into(), time: Duration::from_secs(20), parallel: 2 };
    let key = Some(Secret::new(["sk", "made", "up"].join("-")));
    let endpoint = Endpoint { url, allows_other_machines: false, key, http };
    Setup { models: ModelEngines { child: None, endpoint: Some(endpoint) }, ..Setup::default() }
}

/// The same, where another machine may be asked.
fn allowing(url: String) -> Setup {
    let mut setup = asking(url);
    let endpoint = setup.models.endpoint.iter_mut();
    endpoint.for_each(|endpoint| endpoint.allows_other_machines = true);
    setup
}

/// What a server makes of one session.
fn told_by(setup: Setup) -> (World, Value) {
    let world = World::start(setup);
    world.send(&world.keys, &batch(&[turn("evt_1", "sess", 0, &text())]));
    world.clock.pass(QUIET);
    let segment = world.wait_for_segments(&world.keys, "sess", 1).remove(0);
    (world, segment)
}

fn status(world: &World) -> Value {
    world.operate("GET", "/v1/admin/status").body
}

#[test]
fn its_abstract_is_stored_with_what_made_it() {
    let provider = provider();
    let (world, segment) = told_by(asking(format!("{}/v1/", provider.url())));
    assert_eq!((&segment["engine"], &segment["abstract"]), (&json!("http"), &json!(GOOD)));
    assert_eq!(segment["engine_version"], json!("tiny@this-machine/p1"));
    assert_eq!((&segment["prompt_version"], &segment["model_sha256"]), (&json!("1"), &Value::Null));
    assert_eq!(segment["fallback_reason"], Value::Null);
    let [(path, asked)] = &provider.requests()[..] else { panic!("one question") };
    let question = asked["messages"][1]["content"].as_str().expect("a text");
    assert_eq!((path.as_str(), &asked["model"]), ("/chat/completions", &json!("tiny")));
    assert!(question.contains("nightly import") && !question.contains("zebedee"), "{question}");
    let status = status(&world);
    let text = &status["text"];
    assert_eq!(
        (&text["engines"], &text["made"]),
        (&json!(["http", "template"]), &json!({"http": 1}))
    );
    let state = &text["engine_states"][0];
    assert_eq!((&state["name"], &state["answers"]), (&json!("http"), &json!(1)));
    let destination = format!("{}/v1", provider.url().trim_start_matches("http://"));
    assert_eq!(state["destination"], json!(destination));
    assert_eq!(status["warnings"], json!([]));
}

#[test]
fn a_failure_ends_in_the_template_with_its_reason() {
    let provider = provider();
    provider.refuse_next(500);
    let (world, segment) = told_by(asking(format!("{}/v1", provider.url())));
    assert_eq!(
        (&segment["engine"], &segment["fallback_reason"]),
        (&json!("template"), &json!("http.unavailable"))
    );
    let text = world.text();
    assert_eq!(text["refused"], json!({"http.unavailable": 1}));
    let state = &text["engine_states"][0];
    assert_eq!(state["failures"], json!({"server_error": 1}));
    assert_eq!(state["reason"], "it failed (status 500)");
}

#[test]
fn another_machine_needs_the_switch_and_is_told() {
    let elsewhere = "http://192.0.2.7:8000/v1";
    let refused = World::refused(asking(elsewhere.to_owned()));
    assert!(matches!(refused, StartError::Engine(EndpointError::NotLoopback)), "{refused}");
    let world = World::start(allowing(elsewhere.to_owned()));
    let told = "the engine at 192.0.2.7:8000/v1 is on another machine: \
                redacted text of turns leaves for it";
    let told = json!([told]);
    assert_eq!(status(&world)["warnings"], told);
    assert_eq!(world.get("/v1/privacy", &world.keys.read)["warnings"], told);
}

#[test]
fn an_abstract_from_another_machine_says_so() {
    let provider = provider();
    // This address is none of loopback's, though it leads there: what may be elsewhere counts as elsewhere.
    let url = provider.url().replace("127.0.0.1", "0.0.0.0");
    let (_world, segment) = told_by(allowing(format!("{url}/v1")));
    assert_eq!(
        (&segment["engine"], &segment["engine_version"]),
        (&json!("http"), &json!("tiny@another-machine/p1"))
    );
}

#[test]
fn a_server_that_stops_does_not_wait_for_an_answer() {
    // It takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/v1", silent.local_addr().expect("an address"));
    let world = World::start(asking(url));
    world.send(&world.keys, &batch(&[turn("evt_1", "sess", 0, &text())]));
    world.clock.pass(QUIET);
    wait_until("the model is asked", || world.text()["engine_states"][0]["state"] == "busy");
    let began = Instant::now();
    let next = world.after_a_stop(Engines::default());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    // The next start tells what this one did not.
    let segment = next.wait_for_segments(&next.keys, "sess", 1).remove(0);
    assert_eq!(
        (&segment["engine"], &segment["fallback_reason"]),
        (&json!("template"), &Value::Null)
    );
}
