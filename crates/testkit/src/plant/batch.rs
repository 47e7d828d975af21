//! Batches as published clients send them, with something planted in every text.

use serde_json::{Value, json};

use super::Plant;

/// How long a sender's own cut leaves a metadata value; what is planted begins shortly before.
const METADATA_VALUE_CHARS: usize = 256;
const METADATA_KEY_CHARS: usize = 64;
const PATH_CHARS: usize = 1_024;
const EXCERPT_CHARS: usize = 262_144;

/// How much of what is planted a cut leaves: too little to be known by its length, enough to be found.
const LEFT_CHARS: usize = 30;

/// Which published client a batch is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// 0.0.1: no app, no metadata; says how it is billed.
    First,
    /// 0.1.0, with every later field.
    Current,
}

impl Plant {
    /// Makes a batch for each planted text, which stands in every field that takes text, and one in
    /// which the reader's own limits cut it off.
    pub fn batches(&self, shape: Shape, ts: &str) -> Vec<Value> {
        let whole = self.planted.iter().enumerate().map(|(number, planted)| match shape {
            Shape::First => self.first(number, &planted.text, ts),
            Shape::Current => self.current(number, &planted.text, ts),
        });
        let cut = (shape == Shape::Current).then(|| self.cut_off(ts));
        whole.chain(cut).collect()
    }

    /// What a person and a model said, with the canary and the planted text in several carriers.
    fn turn(&self, text: &str) -> String {
        let quoted = Value::from(text).to_string();
        format!(
            "{canary}\nrun it with {text} and\n\t'{text}', then {{\"note\": {quoted}}} ({text})",
            canary = self.canary
        )
    }

    fn first(&self, number: usize, text: &str, ts: &str) -> Value {
        let turn = self.turn(text);
        json!({
            "batch_id": format!("batch {number} {text}"),
            "device_id": text,
            "daemon_version": "python-sdk/0.0.1",
            "events": [{
                "source_event_id": text,
                "ts": ts,
                "kind": "assistant_message",
                "agent": "raw_sdk_openai",
                "provider": "openai",
                "session_id": text,
                "tokens": tokens(),
                "model": "gpt-4o",
                "git": { "remote_url": text, "remote_slug": text, "host": text, "branch": text },
                "cwd": text,
                "content_excerpt": turn,
                "billing": "api",
                "prompt": turn,
                "completion": turn,
            }],
            "tool_calls": [self.tool_call(text, ts)],
        })
    }

    fn current(&self, number: usize, text: &str, ts: &str) -> Value {
        json!({
            "batch_id": format!("batch {number} {text}"),
            "device_id": text,
            "daemon_version": text,
            "app": text,
            "events": [self.event(text, ts)],
            "segments": [segment(text, ts)],
            "tool_calls": [self.tool_call(text, ts)],
            "session_installs": { text: { "provider_account_id": text, "provider": text } },
            "session_titles": { text: format!("about {text}") },
            "auto_taxonomy": false,
            "summarizer_mode": text,
            "tz": text,
            "instance_id": text,
            "outcomes": { "recorded": 2, "sent": 1, "dropped": { text: 1 } },
            "sent_at": ts,
            "debug": { "prompt": self.turn(text), text: text },
        })
    }

    fn event(&self, text: &str, ts: &str) -> Value {
        let turn = self.turn(text);
        let mut event = json!({
            "source_event_id": text,
            "ts": ts,
            "kind": text,
            "agent": text,
            "provider": text,
            "session_id": text,
            "tokens": tokens(),
            "model": text,
            "started_at": ts,
            "first_token_at": ts,
            "duration_ms": 1789,
            "metadata": { text: text, "note": format!("asked by {text}") },
            "git": {
                "remote_url": text, "host": text, "remote_slug": text, "branch": text,
                "slug_source": text
            },
            "cwd": text,
            "content_excerpt": turn,
            "content_bytes": turn.len(),
            "reasoning_excerpt": turn,
            "reasoning_bytes": turn.len(),
            "redactions": { text: 1 },
        });
        let more = json!({
            "tool_calls": { text: 1 },
            "tokens_unmapped": { text: 1 },
            "files_touched": [text, format!("notes on {text}")],
            "actor_id": text,
            "recipient_actor_id": text,
            "parent_event_id": text,
            "source_file": text,
            "billing": text,
            "usage_known": true,
            "usage_detail": { "service_tier": text, "speed": text, "batch": false },
            "error": { "type": text, "status": 429 },
            "finish_reason": text,
            "response_id": text,
            "content_hash": text,
            "sent_at": ts,
            "prompt": self.turn(text),
            "completion": self.turn(text),
        });
        if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
            event.extend(more);
        }
        event
    }

    fn tool_call(&self, text: &str, ts: &str) -> Value {
        json!({
            "external_call_id": text,
            "session_id": text,
            "source_event_id": text,
            "segment_id": text,
            "agent": text,
            "server": text,
            "name": text,
            "call_index": 0,
            "started_at": ts,
            "ended_at": ts,
            "status": text,
            "args_hash": text,
            "signature_hash": text,
            "args_bytes": text.len(),
            "result_bytes": 7,
            "model": text,
            "command_families": [text],
            "arguments": { "command": self.turn(text) },
            "result": self.turn(text),
        })
    }

    /// Texts that are longer than their limit, with what is planted across it.
    fn cut_off(&self, ts: &str) -> Value {
        let text = self.cut.text.as_str();
        // A space stands before it, since some keys are known by where they begin.
        let until = |limit_chars: usize| {
            let before = "word ".repeat(limit_chars);
            format!("{} {text}", &before[..limit_chars - LEFT_CHARS - 1])
        };
        let mut batch = self.current(self.planted.len(), "plain", ts);
        batch["segments"][0]["abstract"] = Value::from(until(512));
        batch["segments"][0]["title"] = Value::from(until(80));
        batch["session_titles"]["plain"] = Value::from(until(80));
        batch["tool_calls"][0]["command_families"] = json!([until(40)]);
        let event = &mut batch["events"][0];
        event["metadata"] = json!({
            "value": until(METADATA_VALUE_CHARS),
            until(METADATA_KEY_CHARS): "key",
        });
        event["cwd"] = Value::from(until(PATH_CHARS));
        event["git"]["remote_url"] = Value::from(until(PATH_CHARS));
        event["files_touched"] = json!([until(PATH_CHARS)]);
        event["source_file"] = Value::from(until(PATH_CHARS));
        event["content_excerpt"] = Value::from(until(EXCERPT_CHARS));
        event["reasoning_excerpt"] = Value::from(until(EXCERPT_CHARS));
        batch
    }
}

fn tokens() -> Value {
    json!({ "input": 11, "output": 7, "cache_creation": 0, "cache_read": 0, "reasoning": 0 })
}

fn segment(text: &str, ts: &str) -> Value {
    json!({
        "segment_id": text,
        "generation": 1,
        "session_id": text,
        "agent": text,
        "started_at": ts,
        "ended_at": ts,
        "abstract": format!("was told {text}"),
        "title": format!("on {text}"),
        "work_type": text,
        "engine": text,
        "engine_version": text,
        "tokens": tokens(),
        "tags": [{ "root_key": text, "name": text }],
        "redaction": { text: 1 },
        "source_event_ids": [text],
    })
}
