//! A provider of models that answers by heart.
//!
//! It knows OpenAI's chat completions, responses and embeddings, and Anthropic's messages, whole or
//! streamed, with the usage that the real ones report. Each answer has an id of its own.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::http::{Reply, Request, Server};

/// What it always says, in two pieces when it streams.
const SAID: [&str; 2] = ["The capital of France ", "is Paris."];

/// Most requests that are kept.
const MAX_REQUESTS: usize = 10_000;

/// A provider at work on loopback; it ends when it is dropped.
pub struct Provider {
    server: Server,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    answers: AtomicU64,
    refusals: Mutex<VecDeque<u16>>,
    said: Mutex<Option<String>>,
    requests: Mutex<Vec<(String, Value)>>,
}

impl Provider {
    /// Starts one that answers every request.
    pub fn start() -> io::Result<Self> {
        let state = Arc::new(State::default());
        let answering = Arc::clone(&state);
        let server = Server::start(move |request| answering.answer(request))?;
        Ok(Self { server, state })
    }

    /// Its address, which OpenAI's clients take with `/v1` appended.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Refuses the next request that is not refused yet with a status such as 429 or 500.
    pub fn refuse_next(&self, status: u16) {
        locked(&self.state.refusals).push_back(status);
    }

    /// Says something else from now on, to whoever asks for a whole chat completion.
    pub fn say(&self, text: impl Into<String>) {
        *locked(&self.state.said) = Some(text.into());
    }

    /// Every request so far, by its path and body.
    pub fn requests(&self) -> Vec<(String, Value)> {
        locked(&self.state.requests).clone()
    }
}

impl State {
    fn answer(&self, request: &Request) -> Reply {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let path = request.path.strip_prefix("/v1").unwrap_or(&request.path).to_owned();
        {
            let mut requests = locked(&self.requests);
            if requests.len() < MAX_REQUESTS {
                requests.push((path.clone(), body.clone()));
            }
        }
        if let Some(status) = locked(&self.refusals).pop_front() {
            return refusal(&path, status);
        }
        let model = body.get("model").and_then(Value::as_str).unwrap_or("gpt-x").to_owned();
        let is_streamed = body.get("stream") == Some(&Value::Bool(true));
        let number = self.answers.fetch_add(1, Ordering::Relaxed);
        match path.as_str() {
            "/chat/completions" if is_streamed => chat_events(number, &model, &body),
            "/chat/completions" => {
                let said = locked(&self.said).clone().unwrap_or_else(|| SAID.concat());
                plain(&chat(number, &model, &said))
            }
            "/responses" if is_streamed => response_events(number, &model),
            "/responses" => plain(&response(number, &model)),
            "/embeddings" => plain(&embeddings(&model)),
            "/messages" if is_streamed => message_events(number, &model),
            "/messages" => plain(&message(number, &model)),
            _ => refusal(&path, 404),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn plain(body: &Value) -> Reply {
    Reply::Json(200, body.to_string())
}

/// A refusal, as the provider with that path words it.
fn refusal(path: &str, status: u16) -> Reply {
    let kind = match status {
        404 => "not_found_error",
        429 => "rate_limit_error",
        _ => "server_error",
    };
    let message = "the request was refused";
    let body = if path == "/messages" {
        json!({ "type": "error", "error": { "type": kind, "message": message } })
    } else {
        json!({ "error": { "message": message, "type": kind, "param": null, "code": kind } })
    };
    Reply::Json(status, body.to_string())
}

fn chat_usage() -> Value {
    json!({
        "prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29,
        "prompt_tokens_details": { "cached_tokens": 4, "audio_tokens": 0 },
        "completion_tokens_details": {
            "reasoning_tokens": 3, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    })
}

fn chat(number: u64, model: &str, said: &str) -> Value {
    json!({
        "id": format!("chatcmpl-{number}"), "object": "chat.completion", "created": 1_780_000_000,
        "model": model, "service_tier": "default",
        "choices": [{
            "index": 0, "finish_reason": "stop", "logprobs": null,
            "message": { "role": "assistant", "content": said, "refusal": null },
        }],
        "usage": chat_usage(),
    })
}

fn chat_events(number: u64, model: &str, request: &Value) -> Reply {
    let chunk = |choices: Value, usage: Value| {
        data(&json!({
            "id": format!("chatcmpl-{number}"), "object": "chat.completion.chunk",
            "created": 1_780_000_000, "model": model, "service_tier": "default",
            "choices": choices, "usage": usage,
        }))
    };
    let choice = |delta: Value, finish: Value| json!([{ "index": 0, "delta": delta, "finish_reason": finish, "logprobs": null }]);
    let mut events = vec![chunk(choice(json!({ "role": "assistant" }), Value::Null), Value::Null)];
    for piece in SAID {
        events.push(chunk(choice(json!({ "content": piece }), Value::Null), Value::Null));
    }
    events.push(chunk(choice(json!({}), json!("stop")), Value::Null));
    if request.pointer("/stream_options/include_usage") == Some(&Value::Bool(true)) {
        events.push(chunk(json!([]), chat_usage()));
    }
    events.push("data: [DONE]\n\n".to_owned());
    Reply::Events(events)
}

fn response(number: u64, model: &str) -> Value {
    json!({
        "id": format!("resp_{number}"), "object": "response", "created_at": 1_780_000_000,
        "status": "completed", "model": model, "service_tier": "default",
        "output": [{
            "id": format!("msg_{number}"), "type": "message", "role": "assistant",
            "status": "completed",
            "content": [{ "type": "output_text", "text": SAID.concat(), "annotations": [] }],
        }],
        "usage": {
            "input_tokens": 36, "input_tokens_details": { "cached_tokens": 12 },
            "output_tokens": 87, "output_tokens_details": { "reasoning_tokens": 40 },
            "total_tokens": 123,
        },
    })
}

fn response_events(number: u64, model: &str) -> Reply {
    let whole = response(number, model);
    let mut begun = whole.clone();
    begun["status"] = json!("in_progress");
    begun["output"] = json!([]);
    begun["usage"] = Value::Null;
    let mut events = vec![named("response.created", &json!({ "response": begun }))];
    for piece in SAID {
        events.push(named(
            "response.output_text.delta",
            &json!({
                "item_id": format!("msg_{number}"), "output_index": 0, "content_index": 0,
                "delta": piece, "logprobs": [],
            }),
        ));
    }
    events.push(named("response.completed", &json!({ "response": whole })));
    let numbered = events.into_iter().enumerate();
    let events = numbered.map(|(at, (name, mut event))| {
        event["sequence_number"] = json!(at);
        format!("event: {name}\n{}", data(&event))
    });
    Reply::Events(events.collect())
}

fn embeddings(model: &str) -> Value {
    json!({
        "object": "list", "model": model,
        "data": [{ "object": "embedding", "index": 0, "embedding": [0.5, -0.25, 0.125] }],
        "usage": { "prompt_tokens": 8, "total_tokens": 8 },
    })
}

fn message_usage() -> Value {
    json!({
        "input_tokens": 10, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 3,
        "cache_creation": { "ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 1 },
        "output_tokens": 12, "service_tier": "standard",
    })
}

fn message(number: u64, model: &str) -> Value {
    json!({
        "id": format!("msg_{number}"), "type": "message", "role": "assistant", "model": model,
        "content": [{ "type": "text", "text": SAID.concat() }],
        "stop_reason": "end_turn", "stop_sequence": null, "usage": message_usage(),
    })
}

fn message_events(number: u64, model: &str) -> Reply {
    let mut begun = message(number, model);
    begun["content"] = json!([]);
    begun["stop_reason"] = Value::Null;
    begun["usage"]["output_tokens"] = json!(1);
    let block = json!({ "index": 0, "content_block": { "type": "text", "text": "" } });
    let mut events = vec![
        named("message_start", &json!({ "message": begun })),
        named("content_block_start", &block),
    ];
    for piece in SAID {
        let delta = json!({ "index": 0, "delta": { "type": "text_delta", "text": piece } });
        events.push(named("content_block_delta", &delta));
    }
    events.push(named("content_block_stop", &json!({ "index": 0 })));
    let end = json!({ "stop_reason": "end_turn", "stop_sequence": null });
    let usage = json!({ "output_tokens": 12 });
    events.push(named("message_delta", &json!({ "delta": end, "usage": usage })));
    events.push(named("message_stop", &json!({})));
    let events = events.into_iter().map(|(name, event)| format!("event: {name}\n{}", data(&event)));
    Reply::Events(events.collect())
}

/// An event that says its name in its data too, as the real ones do.
fn named(name: &'static str, fields: &Value) -> (&'static str, Value) {
    let mut event = fields.clone();
    event["type"] = json!(name);
    (name, event)
}

fn data(event: &Value) -> String {
    format!("data: {event}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::post;

    fn ask(provider: &Provider, path: &str, body: &Value) -> (u16, String) {
        let answer = post(&provider.url(), path, body).expect("an answer");
        (answer.status, answer.body)
    }

    #[test]
    fn each_api_answers_whole_and_streamed() {
        let provider = Provider::start().expect("a provider");
        for (path, whole, streamed) in [
            ("/v1/chat/completions", "\"prompt_tokens\":19", "chat.completion.chunk"),
            ("/v1/responses", "\"input_tokens\":36", "response.completed"),
            ("/v1/messages", "\"cache_read_input_tokens\":5", "message_delta"),
        ] {
            let (status, body) = ask(&provider, path, &json!({ "model": "gpt-x" }));
            assert!(status == 200 && body.contains(whole), "{body}");
            let options = json!({ "include_usage": true });
            let request = json!({ "model": "m", "stream": true, "stream_options": options });
            let (status, body) = ask(&provider, path, &request);
            assert!(status == 200 && body.contains(streamed), "{body}");
        }
        let (status, body) = ask(&provider, "/v1/embeddings", &json!({ "input": "x" }));
        assert!(status == 200 && body.contains("embedding"));
        assert_eq!(provider.requests().len(), 7);
    }

    #[test]
    fn a_refusal_has_its_status() {
        let provider = Provider::start().expect("a provider");
        provider.refuse_next(429);
        provider.refuse_next(500);
        let statuses: Vec<u16> =
            (0..3).map(|_| ask(&provider, "/v1/responses", &json!({})).0).collect();
        assert_eq!(statuses, [429, 500, 200]);
        assert_eq!(ask(&provider, "/v1/other", &json!({})).0, 404);
    }
}
