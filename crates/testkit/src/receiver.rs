//! A daemon's or server's door that keeps what SDKs send to it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::http::{Reply, Request, Server};

/// Most batches that are kept.
const MAX_BATCHES: usize = 10_000;

/// A receiver at work on loopback; it ends when it is dropped.
pub struct Receiver {
    server: Server,
    batches: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    /// Starts one that acknowledges whatever is a batch, and asks for excerpts.
    pub fn start() -> io::Result<Self> {
        let batches = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&batches);
        let server = Server::start(move |request| answer(request, &kept))?;
        Ok(Self { server, batches })
    }

    /// Where batches are posted to.
    pub fn url(&self) -> String {
        format!("{}/v1/ingest", self.server.url())
    }

    /// Every event that has come, in order.
    pub fn events(&self) -> Vec<Value> {
        self.listed("events")
    }

    /// Every tool call that has come, in order.
    pub fn tool_calls(&self) -> Vec<Value> {
        self.listed("tool_calls")
    }

    fn listed(&self, key: &str) -> Vec<Value> {
        let batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        let lists = batches.iter().filter_map(|batch| batch.get(key)?.as_array());
        lists.flatten().cloned().collect()
    }
}

fn answer(request: &Request, kept: &Mutex<Vec<Value>>) -> Reply {
    if request.method == "GET" {
        return Reply::Json(200, json!({ "ok": true }).to_string());
    }
    let Ok(batch) = serde_json::from_slice::<Value>(&request.body) else {
        return Reply::Json(400, json!({ "error": "this is no batch" }).to_string());
    };
    let accepted = batch.get("events").and_then(Value::as_array).map_or(0, Vec::len);
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() == MAX_BATCHES {
        return Reply::Json(503, json!({ "error": "enough" }).to_string());
    }
    kept.push(batch);
    Reply::Json(200, json!({ "accepted": accepted }).to_string())
}
