//! What is known of the process and of the jobs that it has.

use std::collections::BTreeMap;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use modelstat_summarize::EngineError;

use super::ending::{Failed, Sight, Tail, Verdict, told};
use super::process::Process;
use super::{ChildLimits, ChildOptions, ModelProblem};
use crate::protocol::{Answer, Failure, FromEngine, Job, Ready, ToEngine};
use crate::status::{EngineState, EngineStatus};

/// How long a model that is not here is not looked for again: somebody may be bringing it.
const ABSENT_REST: Duration = Duration::from_secs(2);

/// After so many failures in a row it is called unusable, though it is still tried now and then.
const MANY_FAILURES: u32 = 5;

/// How long a process that was told to end may take.
const END_GRACE: Duration = Duration::from_secs(2);

/// Far enough away to be never.
const NEVER: Duration = Duration::from_hours(24 * 365);

/// Everything that the threads share.
#[derive(Debug)]
pub(super) struct Inner {
    phase: Phase,
    since: Instant,
    is_shut: bool,
    /// Whether somebody waits for a process.
    is_wanted: bool,
    jobs: BTreeMap<u64, Asked>,
    next_id: u64,
    last_used: Instant,
    rest: Option<Rest>,
    failures_in_row: u32,
    /// Starts of a process so far.
    starts: u64,
    reason: Option<String>,
    pub(super) tally: Tally,
}

/// What the process does.
#[derive(Debug)]
enum Phase {
    /// There is none.
    Off,
    /// The model's file is being checked.
    Finding,
    /// The model is being loaded, until this time at most.
    Loading(Process, Instant),
    /// It takes jobs.
    Up(Process, Ready),
    /// It was told to end, or was killed at this time.
    Ending(Process, Verdict, Instant),
}

/// A job that the process has.
#[derive(Debug)]
struct Asked {
    sent: Instant,
    cancelled: bool,
    outcome: Option<Result<Answer, EngineError>>,
}

/// Why nothing is tried, and until when.
#[derive(Debug)]
struct Rest {
    until: Instant,
    /// What drafts get meanwhile.
    error: EngineError,
    /// Whether it is more than a moment's trouble.
    is_final: bool,
}

/// What was done since the start.
#[derive(Debug, Default)]
pub(super) struct Tally {
    answers: u64,
    failures: BTreeMap<&'static str, u64>,
    prompt_tokens: u64,
    answer_tokens: u64,
    restarts: u64,
}

impl Tally {
    pub(super) fn failed(&mut self, word: &'static str) {
        *self.failures.entry(word).or_default() += 1;
    }
}

/// Whether a job can be sent.
pub(super) enum Place {
    Free,
    Wait,
    Refused(EngineError),
}

/// What the keeping thread has to do next.
pub(super) enum Task {
    /// Start a process.
    Start,
    /// Nothing until this time, or until something changes.
    Wait(Instant),
    /// Nothing ever again.
    End,
}

impl Inner {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            phase: Phase::Off,
            since: now,
            is_shut: false,
            is_wanted: false,
            jobs: BTreeMap::new(),
            next_id: 1,
            last_used: now,
            rest: None,
            failures_in_row: 0,
            starts: 0,
            reason: None,
            tally: Tally::default(),
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = Instant::now();
    }

    /// Says whether a job can be sent, and asks for a process where there is none.
    pub(super) fn place(&mut self, now: Instant) -> Place {
        if self.is_shut {
            return Place::Refused(EngineError::Unavailable);
        }
        match &self.phase {
            Phase::Up(_, ready) if self.at_work() < ready.sequences as usize => Place::Free,
            Phase::Off => {
                if let Some(rest) = self.rest.as_ref().filter(|rest| now < rest.until) {
                    return Place::Refused(rest.error);
                }
                self.is_wanted = true;
                Place::Wait
            }
            _ => Place::Wait,
        }
    }

    fn at_work(&self) -> usize {
        self.jobs.values().filter(|job| job.outcome.is_none()).count()
    }

    pub(super) fn next_job(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Sends a job to the process that [`Inner::place`] has just found.
    pub(super) fn send(&mut self, job: Job, now: Instant) -> Result<(), EngineError> {
        let id = job.id;
        let Phase::Up(process, _) = &self.phase else { return Err(EngineError::Unavailable) };
        if !process.send(ToEngine::Job(job)) {
            return Err(EngineError::Unavailable);
        }
        self.jobs.insert(id, Asked { sent: now, cancelled: false, outcome: None });
        Ok(())
    }

    /// Takes what became of a job, once it is known.
    pub(super) fn take_outcome(&mut self, id: u64) -> Option<Result<Answer, EngineError>> {
        if self.jobs.get(&id).is_some_and(|job| job.outcome.is_none()) {
            return None;
        }
        self.last_used = Instant::now();
        let lost = Some(Err(EngineError::Crashed));
        self.jobs.remove(&id).map_or(lost, |job| job.outcome)
    }

    /// Takes what the process says.
    pub(super) fn hear(&mut self, said: FromEngine) -> Result<(), Sight> {
        match said {
            FromEngine::Ready(ready) => self.ready(ready),
            FromEngine::Unusable { reason } => Err(Sight::Unusable(harmless(&reason))),
            FromEngine::Answer(answer) => {
                self.failures_in_row = 0;
                self.tally.answers += 1;
                self.tally.prompt_tokens += u64::from(answer.prompt_tokens);
                self.tally.answer_tokens += u64::from(answer.answer_tokens);
                self.settle(answer.id, Ok(answer));
                Ok(())
            }
            FromEngine::Failed { id, failure } => {
                let (word, error) = match failure {
                    Failure::Timeout => ("timeout", EngineError::Timeout),
                    Failure::TooLong => ("too_long", EngineError::BadAnswer),
                    Failure::NoRoom => ("no_room", EngineError::Unavailable),
                    Failure::Native => ("native", EngineError::Unavailable),
                };
                self.tally.failed(word);
                self.settle(id, Err(error));
                Ok(())
            }
        }
    }

    fn ready(&mut self, ready: Ready) -> Result<(), Sight> {
        match std::mem::replace(&mut self.phase, Phase::Off) {
            Phase::Loading(process, _) if ready.sequences > 0 => {
                self.rest = None;
                self.last_used = Instant::now();
                self.enter(Phase::Up(process, ready));
                Ok(())
            }
            // It is on its way out already, whatever it says.
            ending @ Phase::Ending(..) => {
                self.phase = ending;
                Ok(())
            }
            other => {
                self.phase = other;
                Err(Sight::BadFrame)
            }
        }
    }

    /// A job that nobody waits for, or that is settled, is left alone.
    fn settle(&mut self, id: u64, outcome: Result<Answer, EngineError>) {
        if let Some(job) = self.jobs.get_mut(&id)
            && job.outcome.is_none()
        {
            job.outcome = Some(outcome);
        }
    }

    fn settle_all(&mut self, error: EngineError) {
        for job in self.jobs.values_mut().filter(|job| job.outcome.is_none()) {
            job.outcome = Some(Err(error));
        }
    }

    /// Takes the end of the process.
    pub(super) fn ended(
        &mut self,
        sight: Sight,
        exit: Option<ExitStatus>,
        tail: &Tail,
        limits: &ChildLimits,
    ) {
        let verdict = match &self.phase {
            Phase::Ending(_, verdict, _) => Some(*verdict),
            _ => None,
        };
        self.settle_all(EngineError::Crashed);
        self.enter(Phase::Off);
        if let Some(failed) = told(verdict, sight, exit, tail) {
            self.failed(&failed, limits);
        }
    }

    /// Takes a failure: nothing is tried for a while.
    pub(super) fn failed(&mut self, failed: &Failed, limits: &ChildLimits) {
        self.enter(Phase::Off);
        self.is_wanted = false;
        self.tally.failed(failed.word);
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        let doubled = 2_u32.checked_pow(self.failures_in_row - 1).unwrap_or(u32::MAX);
        let rest = if failed.is_final {
            limits.longest_rest
        } else {
            limits.rest.saturating_mul(doubled).min(limits.longest_rest)
        };
        self.rest = Some(Rest {
            until: self.since + rest,
            error: EngineError::Unavailable,
            is_final: failed.is_final || self.failures_in_row >= MANY_FAILURES,
        });
        self.reason = Some(failed.reason.clone());
    }

    /// Takes that there is no model.
    pub(super) fn no_model(&mut self, problem: ModelProblem, limits: &ChildLimits) {
        if !problem.may_come {
            return self.failed(&Failed::for_good("model", problem.reason), limits);
        }
        self.enter(Phase::Off);
        self.is_wanted = false;
        self.tally.failed("no_model");
        self.rest = Some(Rest {
            until: self.since + ABSENT_REST,
            error: EngineError::NoModel,
            is_final: true,
        });
        self.reason = Some(problem.reason);
    }

    pub(super) fn shut(&mut self) {
        self.is_shut = true;
        self.settle_all(EngineError::Unavailable);
    }

    /// Takes a process that was just started.
    pub(super) fn started(&mut self, process: Process, limits: &ChildLimits) {
        self.starts += 1;
        if self.starts > 1 && self.failures_in_row > 0 {
            self.tally.restarts += 1;
        }
        self.enter(Phase::Loading(process, Instant::now() + limits.load));
    }

    /// Does what is due by now, and says what is to be done next.
    pub(super) fn tend(&mut self, now: Instant, limits: &ChildLimits) -> Task {
        match std::mem::replace(&mut self.phase, Phase::Off) {
            Phase::Off if self.is_shut => return Task::End,
            Phase::Off if self.is_wanted => {
                self.is_wanted = false;
                self.enter(Phase::Finding);
                return Task::Start;
            }
            Phase::Loading(process, _) if self.is_shut => self.close(process, Verdict::Shut, now),
            Phase::Loading(process, until) if now >= until => {
                self.kill(process, Verdict::Late, now);
            }
            Phase::Up(process, _) if self.is_shut => self.close(process, Verdict::Shut, now),
            Phase::Up(process, ready) => self.tend_jobs(process, ready, now, limits),
            Phase::Ending(process, verdict, until) if now >= until => {
                self.kill(process, verdict, now);
            }
            other => self.phase = other,
        }
        Task::Wait(self.next_due(now, limits))
    }

    fn tend_jobs(&mut self, process: Process, ready: Ready, now: Instant, limits: &ChildLimits) {
        let late = limits.job + limits.grace;
        let mut hung = false;
        for (id, job) in self.jobs.iter_mut().filter(|(_, job)| job.outcome.is_none()) {
            let age = now.saturating_duration_since(job.sent);
            if age >= late && !job.cancelled {
                // The process should have given up by itself.
                job.cancelled = true;
                process.send(ToEngine::Cancel { id: *id });
            }
            if age >= late + limits.grace {
                job.outcome = Some(Err(EngineError::Timeout));
                hung = true;
            }
        }
        if hung {
            return self.kill(process, Verdict::Hung, now);
        }
        if self.jobs.is_empty() && now.saturating_duration_since(self.last_used) >= limits.idle {
            return self.close(process, Verdict::Idle, now);
        }
        self.phase = Phase::Up(process, ready);
    }

    fn close(&mut self, mut process: Process, verdict: Verdict, now: Instant) {
        process.close();
        self.enter(Phase::Ending(process, verdict, now + END_GRACE));
    }

    fn kill(&mut self, process: Process, verdict: Verdict, now: Instant) {
        process.kill();
        self.enter(Phase::Ending(process, verdict, now + NEVER));
    }

    fn next_due(&self, now: Instant, limits: &ChildLimits) -> Instant {
        match &self.phase {
            Phase::Loading(_, until) | Phase::Ending(_, _, until) => *until,
            Phase::Up(..) if self.jobs.is_empty() => self.last_used + limits.idle,
            Phase::Up(..) => {
                let late = limits.job + limits.grace;
                let due = |job: &Asked| {
                    job.sent + late + if job.cancelled { limits.grace } else { Duration::ZERO }
                };
                let open = self.jobs.values().filter(|job| job.outcome.is_none());
                open.map(due).min().unwrap_or(now + limits.idle)
            }
            Phase::Off | Phase::Finding => now + NEVER,
        }
    }

    pub(super) fn is_shut(&self) -> bool {
        self.is_shut
    }

    /// Leaves the process that was about to be started.
    pub(super) fn leave(&mut self) {
        self.enter(Phase::Off);
    }

    pub(super) fn status(&self, options: &ChildOptions, version: &str) -> EngineStatus {
        let now = Instant::now();
        let process = match &self.phase {
            Phase::Off | Phase::Finding => None,
            Phase::Loading(process, _) | Phase::Up(process, _) | Phase::Ending(process, ..) => {
                Some(process)
            }
        };
        let state = match &self.phase {
            Phase::Finding | Phase::Loading(..) => EngineState::Starting,
            Phase::Up(..) if self.at_work() > 0 => EngineState::Busy,
            Phase::Up(..) => EngineState::Ready,
            Phase::Off | Phase::Ending(..) => match &self.rest {
                Some(rest) if rest.is_final => EngineState::Unusable,
                Some(rest) if now < rest.until => EngineState::Resting,
                _ => EngineState::Off,
            },
        };
        let state_ms = now.saturating_duration_since(self.since).as_millis();
        let tally = &self.tally;
        EngineStatus {
            name: "llama",
            version: version.to_owned(),
            state,
            state_ms: u64::try_from(state_ms).unwrap_or(u64::MAX),
            model: options.model.clone(),
            sha256: Some(options.sha256.clone()),
            destination: None,
            reason: self.reason.clone(),
            answers: tally.answers,
            failures: tally.failures.clone(),
            prompt_tokens: tally.prompt_tokens,
            answer_tokens: tally.answer_tokens,
            restarts: tally.restarts,
            pid: process.map(|process| process.pid),
            resident_bytes: process.and_then(Process::resident_bytes),
        }
    }
}

/// A reason of the process's own, on one line and not long.
fn harmless(reason: &str) -> String {
    reason.chars().filter(|c| !c.is_control()).take(300).collect()
}
