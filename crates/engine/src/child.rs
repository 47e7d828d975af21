//! The engine in a process of its own, so that whatever native code does costs words and no event.
//!
//! A thread of the engine's own keeps the process: it starts it when a segment comes, tells it to end when
//! none came for a while, and kills it when it hangs. Threads that ask wait for answers only. The process is
//! started by the keeping thread alone, since some systems end a process with the thread that started it.

mod ending;
mod keeper;
mod process;
mod state;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use modelstat_summarize::{
    Draft, Engine, EngineError, MAX_ANSWER_TOKENS, Model, Outline, PROMPT_VERSION, Turn,
    read_answer,
};

use crate::protocol::{Answer, Job};
use crate::status::EngineStatus;
use state::{Inner, Place};

/// Digits of the model's sha256 in the engine's version: enough to tell files apart.
const SHA_DIGITS: usize = 12;

/// Finds the model's file and makes certain that it is the right one; called before each start.
pub type FindModel = dyn Fn() -> Result<PathBuf, ModelProblem> + Send + Sync;

/// Why there is no model's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelProblem {
    /// Whether it may be there in a moment, as one that somebody brings; a damaged one is not.
    pub may_come: bool,
    /// Why, with the remedy.
    pub reason: String,
}

/// How the process is started, and what it may take.
#[derive(Clone)]
pub struct ChildOptions {
    /// The model's name, for people and for the engine's version.
    pub model: String,
    /// The sha256 of its file.
    pub sha256: String,
    /// Where its file is.
    pub find: Arc<FindModel>,
    /// What is run.
    pub program: PathBuf,
    /// The name that the system shows of it.
    pub shown_as: Option<OsString>,
    /// Its arguments; `--model` and the file follow.
    pub arguments: Vec<OsString>,
    /// Its environment, beside what the engine sets.
    pub environment: Vec<(OsString, OsString)>,
    /// Threads that compute.
    pub threads: u32,
    /// Answers that are made together.
    pub sequences: u32,
    /// What it may take.
    pub limits: ChildLimits,
}

impl fmt::Debug for ChildOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildOptions").field("model", &self.model).finish_non_exhaustive()
    }
}

/// What the engine may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildLimits {
    /// Most tokens of a question beside its fixed part.
    pub prompt_tokens: u32,
    /// Longest time for one answer.
    pub job: Duration,
    /// Beyond it, how long the process may take to say that it gave up, and then to take a cancelling.
    pub grace: Duration,
    /// Longest time from the start of the process until the model is loaded.
    pub load: Duration,
    /// How long a process without anything to do is kept.
    pub idle: Duration,
    /// The wait after a failure; it doubles with each further one in a row.
    pub rest: Duration,
    /// The longest such wait.
    pub longest_rest: Duration,
}

impl Default for ChildLimits {
    fn default() -> Self {
        Self {
            // Beyond this, time grows faster than what is understood.
            prompt_tokens: 900,
            // Eight answers together at low priority on one busy core.
            job: Duration::from_mins(2),
            grace: Duration::from_secs(3),
            // From a cold, slow disk.
            load: Duration::from_mins(2),
            idle: Duration::from_mins(5),
            rest: Duration::from_secs(1),
            longest_rest: Duration::from_mins(10),
        }
    }
}

/// Asks a model in a process of its own. Dropping it ends the process.
#[derive(Debug)]
pub struct ChildEngine {
    shared: Arc<Shared>,
    version: String,
    keeping: Mutex<Option<JoinHandle<()>>>,
}

/// What the threads share.
#[derive(Debug)]
struct Shared {
    options: ChildOptions,
    inner: Mutex<Inner>,
    /// Told of whatever changes in there.
    changed: Condvar,
}

impl ChildEngine {
    /// Makes the engine; the process is started by the first segment.
    pub fn new(options: ChildOptions) -> io::Result<Self> {
        let sha256 = options.sha256.get(..SHA_DIGITS).unwrap_or(&options.sha256);
        let version = format!("{}@{sha256}/p{PROMPT_VERSION}", options.model);
        let inner = Mutex::new(Inner::new(Instant::now()));
        let shared = Arc::new(Shared { options, inner, changed: Condvar::new() });
        let kept = Arc::clone(&shared);
        let thread = thread::Builder::new().name("modelstat-engine".to_owned());
        let keeping = thread.spawn(move || keeper::keep(&kept))?;
        Ok(Self { shared, version, keeping: Mutex::new(Some(keeping)) })
    }

    /// Says how it does.
    pub fn status(&self) -> EngineStatus {
        self.shared.lock().status(&self.shared.options, &self.version)
    }

    /// Ends the process, and fails every draft at work and from now on. Returns once the process is gone.
    pub fn shut(&self) {
        self.shared.lock().shut();
        self.shared.changed.notify_all();
        let keeping = self.keeping.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeping) = keeping {
            // A panic there was told where it happened.
            drop(keeping.join());
        }
    }
}

impl Drop for ChildEngine {
    fn drop(&mut self) {
        self.shut();
    }
}

impl Engine for ChildEngine {
    fn name(&self) -> &'static str {
        "llama"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn model(&self) -> Option<Model> {
        let sha256 = Some(self.shared.options.sha256.clone());
        Some(Model { sha256, prompt_version: PROMPT_VERSION })
    }

    fn parallel(&self) -> usize {
        self.shared.options.sequences as usize
    }

    fn draft(&self, turns: &[Turn]) -> Result<Draft, EngineError> {
        let answer = self.shared.ask(Outline::of(turns))?;
        read_answer(&answer.text).inspect_err(|_| self.shared.lock().tally.failed("bad_answer"))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing is done in there that could be left half done by a panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change, or until a time.
    fn wait<'a>(&self, inner: MutexGuard<'a, Inner>, until: Instant) -> MutexGuard<'a, Inner> {
        let time = until.saturating_duration_since(Instant::now());
        let waited = self.changed.wait_timeout(inner, time);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Asks the process, which is started if it is not there.
    fn ask(&self, outline: Outline) -> Result<Answer, EngineError> {
        let limits = &self.options.limits;
        let until = Instant::now() + limits.load + limits.job;
        let mut inner = self.lock();
        loop {
            match inner.place(Instant::now()) {
                Place::Free => break,
                Place::Refused(error) => return Err(error),
                Place::Wait if Instant::now() >= until => return Err(EngineError::Timeout),
                Place::Wait => {}
            }
            self.changed.notify_all();
            inner = self.wait(inner, until);
        }
        let id = inner.next_job();
        let job = Job {
            id,
            outline,
            prompt_tokens: limits.prompt_tokens,
            answer_tokens: u32::try_from(MAX_ANSWER_TOKENS).unwrap_or(u32::MAX),
            time_ms: u64::try_from(limits.job.as_millis()).unwrap_or(u64::MAX),
        };
        inner.send(job, Instant::now())?;
        self.changed.notify_all();
        // The keeping thread ends every job in time.
        loop {
            if let Some(outcome) = inner.take_outcome(id) {
                self.changed.notify_all();
                return outcome;
            }
            inner = self.wait(inner, Instant::now() + limits.job);
        }
    }
}
