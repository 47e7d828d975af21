//! Requests of the verbs to a process of ours.

use std::time::Duration;

use serde_json::Value;

use crate::error::hinted;

/// Longest wait for an answer of a process on this machine.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Largest answer that is read: a page of egress payloads.
const MAX_ANSWER_BYTES: u64 = 256 * 1024 * 1024;

/// One process of ours, and what lets us in.
pub(crate) struct Client {
    agent: ureq::Agent,
    base_url: String,
    bearer: String,
}

impl Client {
    /// Makes a client of the process at an address.
    pub(crate) fn new(base_url: &str, bearer: &str) -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .build();
        Self {
            agent: agent.into(),
            base_url: base_url.trim_end_matches('/').to_owned(),
            bearer: format!("Bearer {bearer}"),
        }
    }

    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.agent.get(format!("{}{path}", self.base_url));
        read(request.header("Authorization", &self.bearer).call())
    }

    /// Gets what may not be there.
    pub(crate) fn find(&self, path: &str) -> anyhow::Result<Option<Value>> {
        let request = self.agent.get(format!("{}{path}", self.base_url));
        match request.header("Authorization", &self.bearer).call() {
            Ok(answer) if answer.status() == 404 => Ok(None),
            answer => read(answer).map(Some),
        }
    }

    pub(crate) fn delete(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.agent.delete(format!("{}{path}", self.base_url));
        read(request.header("Authorization", &self.bearer).call())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.agent.post(format!("{}{path}", self.base_url));
        let request = request
            .header("Authorization", &self.bearer)
            .header("Content-Type", "application/json");
        read(request.send(body.to_string()))
    }
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> anyhow::Result<Value> {
    let mut answer = answer.map_err(|error| {
        hinted(
            format!("the process does not answer ({})", kind_of(&error)),
            "is it still running? `modelstat status` tells",
        )
    })?;
    let status = answer.status();
    let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
    let body =
        body.map_err(|error| anyhow::anyhow!("the answer broke off ({})", kind_of(&error)))?;
    let value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(value);
    }
    let message = value["message"].as_str().unwrap_or("no reason was given");
    Err(anyhow::anyhow!("{message} ({status})"))
}

fn kind_of(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.kind().to_string(),
        ureq::Error::Timeout(_) => "timed out".to_owned(),
        ureq::Error::ConnectionFailed => "connection failed".to_owned(),
        _ => "protocol error".to_owned(),
    }
}
