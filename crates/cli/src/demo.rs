//! Sample data for an org that shows what the product does: thirty days of four made-up services.
//!
//! It goes through the same door as everybody's data, and is the same for the same day.

mod story;

use modelstat_models::{DEFAULT_MODEL, find};
use modelstat_wire::{Timestamp, batch_id, segment_id, source_event_id, tool_call_id};
use serde_json::{Value, json};

use crate::client::Client;
use story::{Dice, SERVICES, Service, Task};

const DAYS: i64 = 30;
const DAY_MICROS: i64 = 86_400_000_000;
const MINUTE_MICROS: i64 = 60_000_000;

/// Turns with which a session has enough words for a model.
const TURNS_FOR_A_MODEL: u64 = 4;

/// Sends the sample data to a server.
pub(crate) fn fill(server_url: &str, ingest_key: &str, now: Timestamp) -> anyhow::Result<()> {
    let client = Client::new(server_url, ingest_key);
    let mut dice = Dice::new(20_261_122);
    let today = now.as_micros().div_euclid(DAY_MICROS) * DAY_MICROS;
    for day in (0..DAYS).rev() {
        let start = today - day * DAY_MICROS;
        for service in &SERVICES {
            let batch = day_of(service, start, DAYS - day, now, &mut dice);
            if batch["events"].as_array().is_some_and(|events| !events.is_empty()) {
                client.post("/v1/ingest", &batch)?;
            }
        }
    }
    Ok(())
}

/// What one service sends on one day.
fn day_of(service: &Service, start: i64, age: i64, now: Timestamp, dice: &mut Dice) -> Value {
    // Weekends are quiet, and use grows over the month.
    let weekday = start.div_euclid(DAY_MICROS).rem_euclid(7);
    let is_weekend = matches!(weekday, 2 | 3);
    let busy = if is_weekend { service.sessions_a_day / 4 } else { service.sessions_a_day };
    let sessions = busy * (60 + u64::try_from(age).unwrap_or(0) * 3) / 100 + dice.below(3);
    let mut day = Day::new(service);
    for number in 0..sessions {
        let minute = 7 * 60 + i64::try_from(dice.below(13 * 60)).unwrap_or(0);
        let at = start + minute * MINUTE_MICROS;
        if at < now.as_micros() - 30 * MINUTE_MICROS {
            day.add_session(number, at, dice);
        }
    }
    day.batch()
}

/// The records of one service and day.
struct Day<'a> {
    service: &'a Service,
    events: Vec<Value>,
    tool_calls: Vec<Value>,
    segments: Vec<Value>,
    titles: serde_json::Map<String, Value>,
    recorded: u64,
}

impl<'a> Day<'a> {
    fn new(service: &'a Service) -> Self {
        Self {
            service,
            events: Vec::new(),
            tool_calls: Vec::new(),
            segments: Vec::new(),
            titles: serde_json::Map::new(),
            recorded: 0,
        }
    }

    fn add_session(&mut self, number: u64, start: i64, dice: &mut Dice) {
        let day = start.div_euclid(DAY_MICROS);
        let session = format!("{}-{day}-{number}", self.service.app);
        let task = dice.pick(self.service.tasks);
        let turns = 1 + dice.below(self.service.turns);
        let (provider, model) = *dice.pick(self.service.models);
        let customer = format!("customer-{:02}", dice.below(12) + 1);
        let mut at = start;
        let mut ids = Vec::new();
        let mut context = 400 + dice.below(1_500);
        for _ in 0..turns {
            let id = self.add_call(
                &Turn { session: &session, provider, model, customer: &customer, task, context },
                at,
                dice,
            );
            ids.push(id);
            context += 300 + dice.below(2_500);
            at += MINUTE_MICROS * i64::try_from(1 + dice.below(4)).unwrap_or(1);
        }
        let times = (time(start), time(at));
        let mut segment = json!({
            "segment_id": segment_id(self.service.app, &session, &ids), "session_id": session,
            "agent": self.service.agent, "started_at": times.0, "ended_at": times.1,
            "abstract": format!("{} {} with {model}.", task.outcome, counted(turns)), "title": task.title,
            "work_type": task.work_type, "engine": "template", "engine_version": "sample",
            "tags": [{"root_key": "work_types", "name": task.work_type}], "source_event_ids": ids,
        });
        // As it would be on a machine with the default model, which is not asked about few words.
        if turns >= TURNS_FOR_A_MODEL {
            segment["engine"] = json!("llama");
            segment["prompt_version"] = json!("1");
            segment["model_sha256"] = json!(find(DEFAULT_MODEL).map(|model| model.sha256));
        } else {
            segment["fallback_reason"] = json!("llama.too_short");
        }
        self.segments.push(segment);
        self.titles.insert(session, json!(task.title));
    }

    fn add_call(&mut self, turn: &Turn<'_>, at: i64, dice: &mut Dice) -> String {
        self.recorded += 1;
        let id = source_event_id(
            "dev_sample",
            &format!("{}::{}::{}", turn.session, at / 1000, self.recorded),
        );
        let output = 80 + dice.below(900);
        let cached = if dice.one_in(3) { turn.context / 2 } else { 0 };
        let reasoning = if dice.one_in(4) { dice.below(800) } else { 0 };
        let duration = 400 + output * 11 + dice.below(900);
        let has_failed = dice.one_in(41);
        let tokens = if has_failed {
            json!({"input": 0, "output": 0, "cache_creation": 0, "cache_read": 0, "reasoning": 0})
        } else {
            json!({"input": turn.context - cached, "output": output, "cache_creation": 0, "cache_read": cached, "reasoning": reasoning})
        };
        let mut event = json!({
            "source_event_id": id, "ts": time(at), "kind": "assistant_message", "agent": self.service.agent,
            "provider": turn.provider, "model": turn.model, "session_id": turn.session, "tokens": tokens,
            "started_at": time(at), "duration_ms": duration,
            "first_token_at": time(at + i64::try_from(180 + dice.below(600)).unwrap_or(0) * 1000),
            "metadata": {"feature": turn.task.feature, "customer": turn.customer, "environment": "production"},
        });
        if has_failed {
            event["error"] = json!({"type": "rate_limit", "status": 429});
        } else {
            event["finish_reason"] = json!("stop");
        }
        if dice.one_in(6) {
            event["redactions"] = json!({"email": 1 + dice.below(2)});
        } else if dice.one_in(60) {
            event["redactions"] = json!({"env_secret": 1});
        }
        for index in 0..dice.below(u64::from(self.service.uses_tools) * 3 + 1) {
            self.add_tool_call(turn, &id, usize::try_from(index).unwrap_or(0), at, dice);
        }
        self.events.push(event);
        id
    }

    fn add_tool_call(
        &mut self,
        turn: &Turn<'_>,
        event: &str,
        index: usize,
        at: i64,
        dice: &mut Dice,
    ) {
        let (server, name, family) = *dice.pick(&story::TOOLS);
        let failed = dice.one_in(15);
        self.tool_calls.push(json!({
            "external_call_id": tool_call_id(event, index), "session_id": turn.session,
            "source_event_id": event, "agent": self.service.agent, "server": server, "name": name,
            "call_index": index, "started_at": time(at), "ended_at": time(at + 250_000),
            "status": if failed { "error" } else { "success" }, "args_hash": "", "signature_hash": "none",
            "args_bytes": 20 + dice.below(300), "result_bytes": dice.below(9_000), "model": turn.model,
            "command_families": family.map_or_else(Vec::new, |family| vec![family]),
        }));
    }

    fn batch(self) -> Value {
        let ids = self.events.iter().filter_map(|event| event["source_event_id"].as_str());
        json!({
            "batch_id": batch_id(ids), "device_id": "dev_sample",
            "daemon_version": concat!("sample/", env!("CARGO_PKG_VERSION")), "app": self.service.app,
            "instance_id": format!("sample-{}", self.service.app),
            "events": self.events, "tool_calls": self.tool_calls, "segments": self.segments,
            "session_titles": self.titles, "auto_taxonomy": false, "summarizer_mode": "local",
        })
    }
}

/// One call of a session.
struct Turn<'a> {
    session: &'a str,
    provider: &'static str,
    model: &'static str,
    customer: &'a str,
    task: &'a Task,
    context: u64,
}

fn counted(turns: u64) -> String {
    if turns == 1 { "One turn".to_owned() } else { format!("{turns} turns") }
}

fn time(micros: i64) -> String {
    Timestamp::from_micros(micros).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_sample_data_is_a_valid_batch() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
        let start = now.as_micros() - DAY_MICROS * 3 / 2;
        for service in &SERVICES {
            let batch = day_of(service, start, 20, now, &mut Dice::new(7));
            let parsed =
                modelstat_wire::parse_batch(batch.to_string().as_bytes()).expect("readable");
            assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
            assert!(!parsed.batch.events.is_empty());
        }
    }
}
