//! The engine behind an API like OpenAI's, as Ollama, llama-server and vLLM have it.
//!
//! It opens no connection: who has it hands it a [`Transport`], which knows the address, the key and what
//! has to be written down before a text goes anywhere.

mod dialect;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use modelstat_summarize::{
    Draft, Engine, EngineError, Model, Outline, PROMPT_VERSION, Turn, read_answer,
};

use crate::status::{EngineState, EngineStatus};
use dialect::{Dialect, Said};

/// The path below the API's address.
pub const CHAT_PATH: &str = "/chat/completions";

/// Most tokens of the session that are sent, by estimate.
const PROMPT_TOKENS: usize = 900;

/// Bytes of a token, by estimate: a little fewer than words of English take, so that more fits than hoped.
const TOKEN_BYTES: usize = 3;

/// The wait after a failure; it doubles with each further one in a row.
const REST: Duration = Duration::from_secs(1);

/// The longest such wait: somebody may start the server by hand.
const LONGEST_REST: Duration = Duration::from_mins(1);

/// Sends a question and brings the answer.
pub trait Transport: Send + Sync {
    /// Host, port and path of the API.
    fn destination(&self) -> String;

    /// Whether what is sent leaves this machine.
    fn is_remote(&self) -> bool;

    /// Posts JSON to a path below the API's address, and reads a bounded answer within a time.
    fn post(&self, path: &str, body: &[u8], time: Duration) -> Result<Reply, TransportError>;

    /// Ends the requests at hand, from another thread; every later one fails at once.
    fn shut(&self);
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body, which is bounded by who read it.
    pub body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// It took too long.
    #[error("no answer in time")]
    Timeout,
    /// Nobody may be asked there.
    #[error("it is not on this machine; `engine.allow_remote = true` lets texts leave")]
    NotLoopback,
    /// The request failed, by a word that quotes nothing.
    #[error("the request failed ({0})")]
    Failed(&'static str),
}

impl TransportError {
    /// The word under which it is written down.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::NotLoopback => "not_loopback",
            Self::Failed(word) => word,
        }
    }
}

/// What the engine is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpOptions {
    /// The model's name at the server.
    pub model: String,
    /// Longest time for one answer.
    pub time: Duration,
    /// Answers that are asked for together.
    pub parallel: usize,
}

/// Asks a model over HTTP.
pub struct HttpEngine {
    transport: Arc<dyn Transport>,
    options: HttpOptions,
    version: String,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// What the server was last found to understand.
    dialect: Dialect,
    state: EngineState,
    since: Instant,
    at_work: usize,
    rest_until: Option<Instant>,
    failures_in_row: u32,
    reason: Option<String>,
    answers: u64,
    failures: BTreeMap<&'static str, u64>,
    prompt_tokens: u64,
    answer_tokens: u64,
}

/// A failure: what the chain is told, the word under which it is counted, and why.
struct Failed {
    error: EngineError,
    word: &'static str,
    reason: String,
    /// Whether the next question would fail in the same way.
    rests: bool,
}

impl fmt::Debug for HttpEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpEngine({})", self.version)
    }
}

impl HttpEngine {
    /// Makes the engine; nobody is asked yet.
    pub fn new(options: HttpOptions, transport: Arc<dyn Transport>) -> Self {
        let place = if transport.is_remote() { "another-machine" } else { "this-machine" };
        let version = format!("{}@{place}/p{PROMPT_VERSION}", options.model);
        let inner = Inner {
            dialect: Dialect::FIRST,
            state: EngineState::Off,
            since: Instant::now(),
            at_work: 0,
            rest_until: None,
            failures_in_row: 0,
            reason: None,
            answers: 0,
            failures: BTreeMap::new(),
            prompt_tokens: 0,
            answer_tokens: 0,
        };
        Self { transport, options, version, inner: Mutex::new(inner) }
    }

    /// Says how it does.
    pub fn status(&self) -> EngineStatus {
        let inner = self.lock();
        let now = Instant::now();
        let state = match inner.state {
            _ if inner.at_work > 0 => EngineState::Busy,
            EngineState::Resting if inner.rest_until.is_none_or(|until| until <= now) => {
                EngineState::Off
            }
            state => state,
        };
        let state_ms = now.saturating_duration_since(inner.since).as_millis();
        EngineStatus {
            name: self.name(),
            version: self.version.clone(),
            state,
            state_ms: u64::try_from(state_ms).unwrap_or(u64::MAX),
            model: self.options.model.clone(),
            sha256: None,
            destination: Some(self.destination()),
            reason: inner.reason.clone(),
            answers: inner.answers,
            failures: inner.failures.clone(),
            prompt_tokens: inner.prompt_tokens,
            answer_tokens: inner.answer_tokens,
            restarts: 0,
            pid: None,
            resident_bytes: None,
        }
    }

    /// Returns host, port and path of where it is asked.
    pub fn destination(&self) -> String {
        self.transport.destination()
    }

    /// Whether what it is asked leaves this machine.
    pub fn is_remote(&self) -> bool {
        self.transport.is_remote()
    }

    /// Fails the drafts at hand, from another thread, and every later one.
    pub fn shut(&self) {
        self.transport.shut();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks in the words that the server is known to understand, and in plainer ones where it refuses
    /// them; all within one answer's time.
    fn ask(&self, outline: &str, first: Dialect) -> Result<(Said, Dialect), Failed> {
        let until = Instant::now() + self.options.time;
        let mut dialect = first;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(failed_transport(TransportError::Timeout));
            }
            let body = dialect.question(&self.options.model, outline).to_string();
            let reply = self.transport.post(CHAT_PATH, body.as_bytes(), left);
            let reply = reply.map_err(failed_transport)?;
            match (reply.status, dialect.plainer()) {
                (400 | 422, Some(plainer)) => dialect = plainer,
                (200, _) => {
                    let said = dialect::read(&reply.body).ok_or_else(|| Failed {
                        error: EngineError::BadAnswer,
                        word: "no_chat",
                        reason: "it answered what is no chat completion".to_owned(),
                        rests: false,
                    })?;
                    return Ok((said, dialect));
                }
                (status, _) => return Err(failed_status(status)),
            }
        }
    }

    fn draft_of(&self, turns: &[Turn], dialect: Dialect) -> Result<Draft, Failed> {
        let count = |text: &str| text.len().div_ceil(TOKEN_BYTES);
        let outline = Outline::of(turns).within(PROMPT_TOKENS, &count);
        let (said, understood) = self.ask(&outline, dialect)?;
        {
            let mut inner = self.lock();
            inner.dialect = understood;
            inner.prompt_tokens += said.prompt_tokens;
            inner.answer_tokens += said.answer_tokens;
        }
        read_answer(&said.text).map_err(|error| Failed {
            error,
            word: "bad_answer",
            reason: "its answer is not of the form that was asked for".to_owned(),
            rests: false,
        })
    }
}

impl Engine for HttpEngine {
    fn name(&self) -> &'static str {
        "http"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn model(&self) -> Option<Model> {
        Some(Model { sha256: None, prompt_version: PROMPT_VERSION })
    }

    fn parallel(&self) -> usize {
        self.options.parallel
    }

    fn draft(&self, turns: &[Turn]) -> Result<Draft, EngineError> {
        let dialect = self.lock().begin(Instant::now())?;
        // Counted down even where a transport panics.
        let _at_work = AtWork(self);
        let drafted = self.draft_of(turns, dialect);
        let mut inner = self.lock();
        drafted.inspect(|_| inner.succeeded()).map_err(|failed| inner.failed(failed))
    }
}

struct AtWork<'a>(&'a HttpEngine);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.lock().at_work -= 1;
    }
}

impl Inner {
    fn begin(&mut self, now: Instant) -> Result<Dialect, EngineError> {
        if self.rest_until.is_some_and(|until| now < until) {
            return Err(EngineError::Unavailable);
        }
        self.at_work += 1;
        Ok(self.dialect)
    }

    fn enter(&mut self, state: EngineState) {
        if self.state != state {
            self.state = state;
            self.since = Instant::now();
        }
    }

    fn succeeded(&mut self) {
        self.answers += 1;
        self.failures_in_row = 0;
        self.rest_until = None;
        self.enter(EngineState::Ready);
    }

    fn failed(&mut self, failed: Failed) -> EngineError {
        *self.failures.entry(failed.word).or_default() += 1;
        self.reason = Some(failed.reason);
        if failed.rests {
            let doubled = 2_u32.checked_pow(self.failures_in_row).unwrap_or(u32::MAX);
            self.failures_in_row = self.failures_in_row.saturating_add(1);
            let rest = REST.saturating_mul(doubled).min(LONGEST_REST);
            self.rest_until = Some(Instant::now() + rest);
            self.enter(EngineState::Resting);
        }
        failed.error
    }
}

fn failed_transport(error: TransportError) -> Failed {
    let (told, word) = match error {
        TransportError::Timeout => (EngineError::Timeout, "timeout"),
        TransportError::NotLoopback => (EngineError::Unavailable, "not_loopback"),
        TransportError::Failed(_) => (EngineError::Unavailable, "transport"),
    };
    Failed { error: told, word, reason: error.to_string(), rests: true }
}

fn failed_status(status: u16) -> Failed {
    let (error, word, why) = match status {
        400 | 422 => (EngineError::BadAnswer, "refused", "it does not understand the question"),
        401 | 403 => {
            (EngineError::Unavailable, "key", "it refuses the key, see `engine.api_key_file`")
        }
        404 => (
            EngineError::Unavailable,
            "not_found",
            "it has no such model, or the address lacks `/v1`",
        ),
        408 | 504 => (EngineError::Timeout, "timeout", "it took too long"),
        429 => (EngineError::Unavailable, "busy", "it has too much to do"),
        300..=399 => (
            EngineError::Unavailable,
            "redirect",
            "it points to another address, which is not followed",
        ),
        500.. => (EngineError::Unavailable, "server_error", "it failed"),
        _ => (EngineError::Unavailable, "status", "it gave an answer of no use"),
    };
    Failed { error, word, reason: format!("{why} (status {status})"), rests: true }
}
