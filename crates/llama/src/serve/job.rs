//! One answer on its way.

use std::time::{Duration, Instant};

use modelstat_engine::{Answer, Failure, FromEngine};

use super::choose::Choice;
use crate::native::{Grammar, Model, Sequence, Token};

/// A job whose question is in tokens.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: u64,
    /// What follows the fixed beginning.
    pub(super) tokens: Vec<Token>,
    /// How many of them are of its own material.
    pub(super) prompt_tokens: u32,
    pub(super) answer_tokens: u32,
    pub(super) arrived: Instant,
    pub(super) time: Duration,
}

impl Waiting {
    /// Most tokens that its sequence takes beside the fixed beginning.
    pub(super) fn room(&self) -> u32 {
        u32::try_from(self.tokens.len()).unwrap_or(u32::MAX).saturating_add(self.answer_tokens)
    }

    pub(super) fn is_late(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.arrived) >= self.time
    }
}

/// A job that has a sequence.
#[derive(Debug)]
pub(super) struct Running<'model> {
    pub(super) job: Waiting,
    pub(super) sequence: Sequence,
    pub(super) grammar: Grammar<'model>,
    pub(super) choice: Choice,
    /// Tokens of the question that were decoded.
    pub(super) read: usize,
    /// The token that was chosen last, which is decoded next.
    pub(super) last: Option<Token>,
    pub(super) text: Vec<u8>,
    pub(super) written: u32,
    /// Where in the batch the logits are that the next token is chosen by.
    pub(super) output: Option<usize>,
}

impl<'model> Running<'model> {
    /// Chooses the next token by what the model says, and tells how the job ends if it does.
    pub(super) fn choose(
        &mut self,
        logits: &[f32],
        banned: &[Token],
        end: Token,
        model: &'model Model,
    ) -> Option<Result<(), Failure>> {
        let Some(token) = self.choice.next(logits, banned, &mut self.grammar) else {
            return Some(Err(Failure::Native));
        };
        self.text.extend(model.piece(token));
        self.written += 1;
        self.last = Some(token);
        // Where the answer may end it ends: what could follow is no part of it.
        if self.grammar.may_end(end) {
            return Some(Ok(()));
        }
        (self.written >= self.job.answer_tokens).then_some(Err(Failure::TooLong))
    }

    /// What is said of it.
    pub(super) fn outcome(&self, how: Result<(), Failure>, now: Instant) -> FromEngine {
        let id = self.job.id;
        if let Err(failure) = how {
            return FromEngine::Failed { id, failure };
        }
        let passed = now.saturating_duration_since(self.job.arrived).as_millis();
        FromEngine::Answer(Answer {
            id,
            text: String::from_utf8_lossy(&self.text).into_owned(),
            prompt_tokens: self.job.prompt_tokens,
            answer_tokens: self.written,
            ms: u64::try_from(passed).unwrap_or(u64::MAX),
        })
    }
}
