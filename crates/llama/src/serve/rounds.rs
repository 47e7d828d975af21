//! Rounds of decoding: each reads a part of new questions and one token of every running answer.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use modelstat_engine::{Failure, FromEngine, Job, ToEngine};
use modelstat_summarize::grammar;

use super::ServeError;
use super::choose::Choice;
use super::job::{Running, Waiting};
use super::prompt::{BEGINNING, Prompt};
use crate::native::{Batch, Context, DecodeError, Grammar, Sequence};
use crate::options::{Options, STEP_TOKENS};

/// Jobs that wait for a sequence; who sends more asks too much at once.
const MAX_WAITING: usize = 64;

/// What spreads the tokens of a question over a seed.
const SEED_STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// The answers that are being made, and those that wait.
#[derive(Debug)]
pub(super) struct Rounds<'model> {
    context: Context<'model>,
    prompt: Prompt,
    grammar: String,
    temperature: f32,
    seed: u64,
    free: Vec<Sequence>,
    running: Vec<Running<'model>>,
    waiting: VecDeque<Waiting>,
    outcomes: Vec<FromEngine>,
    batch: Batch,
}

impl<'model> Rounds<'model> {
    pub(super) fn new(
        context: Context<'model>,
        prompt: Prompt,
        options: &Options,
    ) -> Result<Self, ServeError> {
        let grammar = grammar();
        if Grammar::new(context.model(), &grammar).is_none() {
            return Err(ServeError::Native("it cannot read the grammar"));
        }
        Ok(Self {
            context,
            prompt,
            grammar,
            temperature: options.temperature,
            seed: options.seed,
            free: (BEGINNING + 1..=options.sequences()).rev().collect(),
            running: Vec::new(),
            waiting: VecDeque::new(),
            outcomes: Vec::new(),
            batch: Batch::new(),
        })
    }

    /// Whether there is nothing to do.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }

    /// What came of jobs since it was asked last.
    pub(super) fn outcomes(&mut self) -> Vec<FromEngine> {
        std::mem::take(&mut self.outcomes)
    }

    pub(super) fn take(&mut self, message: ToEngine, now: Instant) {
        match message {
            ToEngine::Job(job) => self.receive(&job, now),
            ToEngine::Cancel { id } => self.drop_where(|job| job.id == id, Failure::Timeout),
        }
    }

    fn receive(&mut self, job: &Job, now: Instant) {
        // A budget beyond the context is cut to it before anything is read.
        let room = self.context.tokens().saturating_sub(self.prompt.beginning);
        let taken = job.answer_tokens.saturating_add(self.prompt.ending_tokens());
        let budget = job.prompt_tokens.min(room.saturating_sub(taken));
        if self.waiting.len() >= MAX_WAITING || budget == 0 || job.answer_tokens == 0 {
            self.outcomes.push(FromEngine::Failed { id: job.id, failure: Failure::NoRoom });
            return;
        }
        let (tokens, prompt_tokens) =
            self.prompt.question(self.context.model(), &job.outline, budget);
        self.waiting.push_back(Waiting {
            id: job.id,
            tokens,
            prompt_tokens,
            answer_tokens: job.answer_tokens,
            arrived: now,
            time: Duration::from_millis(job.time_ms),
        });
    }

    /// One round: ends what is late, begins what has room, decodes, and chooses.
    pub(super) fn step(&mut self, now: Instant) -> Result<(), ServeError> {
        self.drop_where(|job| job.is_late(now), Failure::Timeout);
        self.begin()?;
        self.fill_batch();
        if self.batch.is_empty() {
            return Ok(());
        }
        match self.context.decode(&mut self.batch) {
            Ok(()) => self.choose(),
            // Asked to stop: the loop sees why.
            Err(DecodeError::Stopped) => {}
            // More was begun than fits, which the counting of room rules out; the newest waits no longer.
            Err(DecodeError::NoRoom) if self.running.len() > 1 => {
                let newest = self.running.len() - 1;
                self.finish(newest, Err(Failure::NoRoom));
            }
            Err(DecodeError::NoRoom) => self.drop_where(|_| true, Failure::NoRoom),
            Err(DecodeError::Invalid | DecodeError::Native(_)) => self.start_over()?,
        }
        Ok(())
    }

    /// Gives waiting jobs a sequence, in their order, while their longest answers fit.
    fn begin(&mut self) -> Result<(), ServeError> {
        while let (Some(next), Some(sequence)) = (self.waiting.front(), self.free.last().copied()) {
            let used: u32 = self.running.iter().map(|running| running.job.room()).sum();
            let free = self.context.tokens().saturating_sub(self.prompt.beginning + used);
            if next.room() > free {
                break;
            }
            let model = self.context.model();
            let grammar = Grammar::new(model, &self.grammar);
            let grammar = grammar.ok_or(ServeError::Native("it cannot read the grammar"))?;
            let Some(job) = self.waiting.pop_front() else { break };
            // The same question draws the same answer, and another one another.
            let seed = job.tokens.iter().fold(self.seed, |seed, token| {
                (seed ^ u64::from(token.cast_unsigned())).wrapping_mul(SEED_STEP)
            });
            self.free.pop();
            self.context.copy(BEGINNING, sequence);
            self.running.push(Running {
                job,
                sequence,
                grammar,
                choice: Choice::new(self.temperature, seed),
                read: 0,
                last: None,
                text: Vec::new(),
                written: 0,
                output: None,
            });
        }
        Ok(())
    }

    /// One token of each answer, then as much of the questions as a step takes.
    fn fill_batch(&mut self) {
        let Self { running, batch, prompt, .. } = self;
        batch.clear();
        for running in running.iter_mut() {
            running.output = running.last.map(|token| {
                let before = running.job.tokens.len() + running.written as usize - 1;
                let position = prompt.beginning + u32::try_from(before).unwrap_or(u32::MAX);
                batch.push(token, position, running.sequence, true)
            });
        }
        for running in running.iter_mut().filter(|running| running.last.is_none()) {
            let room = (STEP_TOKENS as usize).saturating_sub(batch.len());
            let all = running.job.tokens.len();
            let end = all.min(running.read + room);
            for at in running.read..end {
                let position = prompt.beginning + u32::try_from(at).unwrap_or(u32::MAX);
                let is_last = at + 1 == all;
                let index = batch.push(running.job.tokens[at], position, running.sequence, is_last);
                running.output = is_last.then_some(index);
            }
            running.read = end;
        }
    }

    /// The next token of every sequence whose logits are there.
    fn choose(&mut self) {
        let model = self.context.model();
        for at in (0..self.running.len()).rev() {
            let running = &mut self.running[at];
            let Some(index) = running.output.take() else { continue };
            let logits = self.context.logits(index);
            let (banned, end) = (&self.prompt.banned, self.prompt.end);
            if let Some(how) = running.choose(logits, banned, end, model) {
                self.finish(at, how);
            }
        }
    }

    /// Takes a running job out and says what came of it.
    fn finish(&mut self, at: usize, how: Result<(), Failure>) {
        let running = self.running.remove(at);
        self.outcomes.push(running.outcome(how, Instant::now()));
        self.context.remove(running.sequence);
        self.free.push(running.sequence);
    }

    fn drop_where(&mut self, chosen: impl Fn(&Waiting) -> bool, failure: Failure) {
        for at in (0..self.running.len()).rev() {
            if chosen(&self.running[at].job) {
                self.finish(at, Err(failure));
            }
        }
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let (dropped, kept): (VecDeque<Waiting>, _) = waiting.partition(chosen);
        self.waiting = kept;
        let failed = dropped.into_iter().map(|job| FromEngine::Failed { id: job.id, failure });
        self.outcomes.extend(failed);
    }

    /// After a failure of the library the memory may hold anything: what runs has failed, and the fixed
    /// beginning is read again.
    fn start_over(&mut self) -> Result<(), ServeError> {
        while !self.running.is_empty() {
            self.finish(self.running.len() - 1, Err(Failure::Native));
        }
        self.context.clear();
        let read = Prompt::read_into(&mut self.context);
        self.prompt = read.map_err(|_| ServeError::Native("it does not decode any more"))?;
        Ok(())
    }
}
