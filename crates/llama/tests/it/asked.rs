//! The engine's loop on a thread, asked for many answers.

use std::collections::BTreeMap;
use std::io::{PipeReader, PipeWriter, pipe};
use std::path::Path;
use std::thread::{self, JoinHandle};

use modelstat_engine::{Answer, Failure, FromEngine, Job, ToEngine, read_frame, write_frame};
use modelstat_llama::{Options, ServeError, serve};
use modelstat_summarize::Outline;

/// Jobs that are sent and not answered yet: enough that no sequence is idle, and fewer than may wait.
const AHEAD: usize = 24;

/// What every job may take.
#[derive(Clone, Copy)]
pub(crate) struct Budget {
    pub(crate) prompt_tokens: u32,
    pub(crate) answer_tokens: u32,
}

/// A running engine.
pub(crate) struct Asked {
    input: Option<PipeWriter>,
    output: PipeReader,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Asked {
    pub(crate) fn start(model: &Path, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::new(model.to_owned());
        change(&mut options);
        let (their_input, input) = pipe().expect("a pipe");
        let (mut output, their_output) = pipe().expect("a pipe");
        let thread = thread::spawn(move || serve(&options, their_input, their_output));
        match read_frame(&mut output).expect("a frame") {
            Some(FromEngine::Ready(_)) => Self { input: Some(input), output, thread: Some(thread) },
            other => panic!("the engine is not ready: {other:?}"),
        }
    }

    /// The answers to outlines, in their order.
    pub(crate) fn answers(
        &mut self,
        outlines: &[Outline],
        budget: Budget,
    ) -> Vec<Result<Answer, Failure>> {
        let mut answers = BTreeMap::new();
        let mut sent = 0;
        while answers.len() < outlines.len() {
            while sent < outlines.len() && sent < answers.len() + AHEAD {
                self.ask(sent as u64, &outlines[sent], budget);
                sent += 1;
            }
            let (id, answer) = self.next();
            assert!(answers.insert(id, answer).is_none(), "{id} is answered once");
        }
        answers.into_values().collect()
    }

    fn ask(&mut self, id: u64, outline: &Outline, budget: Budget) {
        let Budget { prompt_tokens, answer_tokens } = budget;
        let outline = outline.clone();
        let job = Job { id, outline, prompt_tokens, answer_tokens, time_ms: 600_000 };
        let input = self.input.as_mut().expect("open until the end");
        write_frame(input, &ToEngine::Job(job)).expect("the engine reads");
    }

    fn next(&mut self) -> (u64, Result<Answer, Failure>) {
        match read_frame(&mut self.output).expect("a frame") {
            Some(FromEngine::Answer(answer)) => (answer.id, Ok(answer)),
            Some(FromEngine::Failed { id, failure }) => (id, Err(failure)),
            other => panic!("{other:?} is no answer"),
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        drop(self.input.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            assert!(matches!(ended, Some(Ok(Ok(())))), "the engine ends with its input: {ended:?}");
        }
    }
}
