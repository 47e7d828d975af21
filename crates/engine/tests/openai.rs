//! The engine over HTTP, against servers that understand more or less, or fail.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use modelstat_engine::{
    CHAT_PATH, EngineState, HttpEngine, HttpOptions, Reply, Transport, TransportError,
};
use modelstat_redact::{RawText, RedactedText};
use modelstat_summarize::{Engine, EngineError, Turn, WorkType};
use serde_json::{Value, json};

/// A server that answers as it is told, and remembers what it was asked.
#[derive(Default)]
struct Scripted {
    answers: Mutex<VecDeque<Result<Reply, TransportError>>>,
    asked: Mutex<Vec<Value>>,
    is_remote: bool,
}

impl Transport for Scripted {
    fn destination(&self) -> String {
        "127.0.0.1:1/v1".to_owned()
    }

    fn is_remote(&self) -> bool {
        self.is_remote
    }

    fn post(&self, path: &str, body: &[u8], time: Duration) -> Result<Reply, TransportError> {
        assert_eq!(path, CHAT_PATH);
        assert!(time <= Duration::from_secs(5));
        let question = serde_json::from_slice(body).expect("JSON");
        self.asked.lock().expect("unpoisoned").push(question);
        self.answers.lock().expect("unpoisoned").pop_front().expect("a scripted answer")
    }

    fn shut(&self) {}
}

#[expect(clippy::unnecessary_wraps, reason = "stands beside answers that never came")]
fn says(status: u16, body: &Value) -> Result<Reply, TransportError> {
    Ok(Reply { status, body: body.to_string().into_bytes() })
}

fn good() -> Result<Reply, TransportError> {
    let said = json!({
        "abstract": "Asked about a slow query, and an index was added.",
        "title": "Slow query fixed", "work_type": "debugging",
    });
    completion(&format!("<think>hm</think>{said}"))
}

fn completion(content: &str) -> Result<Reply, TransportError> {
    says(
        200,
        &json!({
            "choices": [{"message": {"role": "assistant", "content": content}}],
            "usage": {"prompt_tokens": 300, "completion_tokens": 40},
        }),
    )
}

fn refused() -> Result<Reply, TransportError> {
    says(400, &json!({"error": {"message": "unknown field"}}))
}

fn engine(
    answers: impl IntoIterator<Item = Result<Reply, TransportError>>,
) -> (HttpEngine, Arc<Scripted>) {
    let answers = Mutex::new(answers.into_iter().collect());
    let server = Arc::new(Scripted { answers, ..Scripted::default() });
    let options =
        HttpOptions { model: "qwen3:0.6b".into(), time: Duration::from_secs(5), parallel: 2 };
    (HttpEngine::new(options, Arc::clone(&server) as Arc<dyn Transport>), server)
}

fn turns(text: &str) -> Vec<Turn> {
    let (text, _) = RawText::from(text).redact();
    let kind = RedactedText::from_static("user_message");
    vec![Turn { kind, model: None, text: Some(text), tools: Vec::new(), failed: false }]
}

fn forms(server: &Scripted) -> Vec<String> {
    let asked = server.asked.lock().expect("unpoisoned");
    let form = |question: &Value| {
        let kind = question["response_format"]["type"].as_str().unwrap_or("none");
        let thinks = if question["think"].is_boolean() { "+" } else { "" };
        format!("{kind}{thinks}")
    };
    asked.iter().map(form).collect()
}

#[test]
fn a_good_answer_becomes_a_draft() {
    let (engine, server) = engine([good()]);
    assert_eq!((engine.name(), engine.version()), ("http", "qwen3:0.6b@this-machine/p1"));
    assert_eq!((engine.parallel(), engine.status().state), (2, EngineState::Off));
    let draft = engine.draft(&turns("Why is it slow?")).expect("a draft");
    assert_eq!(draft.text, "Asked about a slow query, and an index was added.");
    assert_eq!(draft.work_type, WorkType::Debugging);
    let asked = server.asked.lock().expect("unpoisoned")[0].clone();
    assert_eq!((&asked["model"], &asked["temperature"]), (&json!("qwen3:0.6b"), &json!(0.2)));
    let question = asked["messages"][1]["content"].as_str().expect("a text");
    assert!(question.contains("asked: Why is it slow?"), "{question}");
    let status = engine.status();
    assert_eq!((status.state, status.answers), (EngineState::Ready, 1));
    assert_eq!((status.prompt_tokens, status.answer_tokens), (300, 40));
}

#[test]
fn a_long_session_is_cut_to_what_models_take() {
    let (engine, server) = engine([good()]);
    engine.draft(&turns(&"Why is the query so slow today? ".repeat(2_000))).expect("a draft");
    let asked = server.asked.lock().expect("unpoisoned")[0].clone();
    let question = asked["messages"][1]["content"].as_str().expect("a text").len();
    assert!((1_000..3_000).contains(&question), "{question} bytes");
}

#[test]
fn a_server_that_understands_less_is_asked_in_plainer_words() {
    let (engine, server) = engine([refused(), refused(), good(), good()]);
    engine.draft(&turns("a")).expect("a draft");
    // The next question is asked in the words that were understood.
    engine.draft(&turns("b")).expect("a draft");
    assert_eq!(forms(&server), ["json_schema+", "json_schema", "json_object", "json_object"]);
}

#[test]
fn a_server_that_understands_nothing_is_told() {
    let (engine, server) = engine([refused(), refused(), refused(), refused()]);
    assert_eq!(engine.draft(&turns("a")), Err(EngineError::BadAnswer));
    assert_eq!(forms(&server), ["json_schema+", "json_schema", "json_object", "none"]);
    let status = engine.status();
    assert_eq!(status.failures["refused"], 1);
    assert!(status.reason.is_some_and(|reason| reason.contains("status 400")));
}

fn check(answer: Result<Reply, TransportError>, error: EngineError, word: &str, rests: bool) {
    let (engine, server) = engine([answer, good()]);
    assert_eq!(engine.draft(&turns("a")), Err(error), "{word}");
    assert_eq!(engine.status().failures.get(word), Some(&1), "{:?}", engine.status());
    // While it rests, nobody is asked.
    assert_eq!(engine.draft(&turns("b")).is_err(), rests, "{word}");
    assert_eq!(server.asked.lock().expect("unpoisoned").len(), if rests { 1 } else { 2 });
    let expected = if rests { EngineState::Resting } else { EngineState::Ready };
    assert_eq!(engine.status().state, expected);
}

#[test]
fn every_failure_is_told_and_those_of_the_server_give_it_rest() {
    let empty = json!({});
    check(says(500, &empty), EngineError::Unavailable, "server_error", true);
    check(says(503, &empty), EngineError::Unavailable, "server_error", true);
    check(says(429, &empty), EngineError::Unavailable, "busy", true);
    check(says(401, &empty), EngineError::Unavailable, "key", true);
    check(says(404, &empty), EngineError::Unavailable, "not_found", true);
    check(says(302, &empty), EngineError::Unavailable, "redirect", true);
    check(Err(TransportError::Timeout), EngineError::Timeout, "timeout", true);
    check(Err(TransportError::NotLoopback), EngineError::Unavailable, "not_loopback", true);
    check(Err(TransportError::Failed("io")), EngineError::Unavailable, "transport", true);
    check(says(200, &empty), EngineError::BadAnswer, "no_chat", false);
    let page = Reply { status: 200, body: b"<html>".to_vec() };
    check(Ok(page), EngineError::BadAnswer, "no_chat", false);
    check(completion("I cannot help with that."), EngineError::BadAnswer, "bad_answer", false);
}

#[test]
fn what_leaves_the_machine_is_in_the_version() {
    let server = Arc::new(Scripted { is_remote: true, ..Scripted::default() });
    let options = HttpOptions { model: "m".into(), time: Duration::from_secs(1), parallel: 1 };
    let engine = HttpEngine::new(options, server);
    assert_eq!(engine.version(), "m@another-machine/p1");
}
