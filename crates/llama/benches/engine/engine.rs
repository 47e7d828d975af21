//! Our loop beside llama.cpp's own.

use std::error::Error;
use std::io::{PipeReader, PipeWriter, pipe};
use std::path::Path;
use std::thread::{self, JoinHandle};

use modelstat_engine::{FromEngine, Job, ToEngine, read_frame, write_frame};
use modelstat_llama::{Model, Options, ServeError, Special, serve};
use modelstat_redact::{RawText, RedactedText};
use modelstat_summarize::{Outline, SYSTEM, Turn};

use crate::Plan;
use crate::plain::Plain;
use crate::process::cpu_seconds;
use crate::report::Report;

/// Part of llama.cpp's own speed that ours has at least.
const LEAST_SHARE: f64 = 0.95;

/// How much faster eight answers together are than one.
const LEAST_GAIN: f64 = 2.5;

/// Tokens of a question where only answers are measured.
const SHORT: u32 = 64;

/// What follows the material of every question, and is read with it.
const ENDING: &str = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n";

/// Words without a meaning, more than any budget takes.
pub(crate) fn outline(number: u64) -> Outline {
    let words =
        ["import", "query", "index", "the", "failed", "slow", "test", "of", "service", "why"];
    let word = |at: u64| words[usize::try_from((at * 7 + at / 3 + number) % 10).unwrap_or(0)];
    let text = (0..4_000).map(word).collect::<Vec<_>>().join(" ");
    let turn = Turn {
        kind: RedactedText::from_static("user_message"),
        model: None,
        text: Some(RawText::from(text).redact().0),
        tools: Vec::new(),
        failed: false,
    };
    Outline::of(&[turn])
}

struct Engine {
    input: PipeWriter,
    output: PipeReader,
    thread: JoinHandle<Result<(), ServeError>>,
}

impl Engine {
    fn start(model: &Path) -> Result<Self, Box<dyn Error>> {
        let options = Options { temperature: 0.0, ..Options::new(model.to_owned()) };
        let (their_input, input) = pipe()?;
        let (mut output, their_output) = pipe()?;
        let thread = thread::spawn(move || serve(&options, their_input, their_output));
        match read_frame(&mut output)? {
            Some(FromEngine::Ready(_)) => Ok(Self { input, output, thread }),
            other => Err(format!("the engine does not start: {other:?}").into()),
        }
    }

    /// Processor seconds of so many answers together.
    fn seconds(&mut self, jobs: u64, prompt: u32, answer: u32) -> Result<f64, Box<dyn Error>> {
        let before = cpu_seconds("self");
        for id in 0..jobs {
            let job = Job {
                id,
                outline: outline(id),
                prompt_tokens: prompt,
                answer_tokens: answer,
                time_ms: 3_600_000,
            };
            write_frame(&mut self.input, &ToEngine::Job(job))?;
        }
        for _ in 0..jobs {
            read_frame::<FromEngine>(&mut self.output)?.ok_or("the engine ended")?;
        }
        Ok(cpu_seconds("self") - before)
    }

    fn end(self) -> Result<(), Box<dyn Error>> {
        drop(self.input);
        self.thread.join().map_err(|_| "the engine panicked")??;
        Ok(())
    }
}

/// The best of several runs: what disturbs a run only makes it slower.
#[derive(Clone, Copy)]
struct Best(f64);

impl Best {
    fn take(&mut self, seconds: f64) {
        self.0 = self.0.min(seconds.max(0.01));
    }
}

pub(crate) fn measure(plan: &Plan, path: &Path, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let model = Model::load(path)?;
    let count = |text: &str| model.tokens(text, Special::Text).len();
    let prompt = count(&outline(0).within(plan.prompt as usize, &count))
        + model.tokens(ENDING, Special::Control).len();
    let beginning = count(SYSTEM);
    drop(model);
    let mut engine = Engine::start(path)?;
    let mut theirs = Plain::load(path, beginning)?;
    let [mut ours_read, mut ours_written, mut theirs_read, mut theirs_written] =
        [Best(f64::MAX); 4];
    for _ in 0..plan.rounds {
        let read = engine.seconds(1, plan.prompt, 1)?;
        ours_read.take(read);
        let whole = engine.seconds(1, plan.prompt, plan.answer + 1)?;
        ours_written.take(whole - read);
        theirs_read.take(theirs.read(prompt)?);
        theirs_written.take(theirs.write(plan.answer)?);
    }
    drop(theirs);
    #[expect(clippy::cast_precision_loss, reason = "a few hundred tokens")]
    let (read, written) = (prompt as f64, f64::from(plan.answer));
    report.tell("prompt tokens per CPU second", read / ours_read.0);
    report.tell("the same by llama.cpp's own loop", read / theirs_read.0);
    report.tell("answer tokens per CPU second, one answer", written / ours_written.0);
    report.tell("the same by llama.cpp's own loop", written / theirs_written.0);
    report.at_least("prompt, of llama.cpp's own", theirs_read.0 / ours_read.0, LEAST_SHARE);
    report.at_least("answer, of llama.cpp's own", theirs_written.0 / ours_written.0, LEAST_SHARE);
    let [mut one, mut eight] = [Best(f64::MAX); 2];
    for _ in 0..plan.rounds {
        let prompt = SHORT.min(plan.prompt);
        for (jobs, best) in [(1, &mut one), (8, &mut eight)] {
            let read = engine.seconds(jobs, prompt, 1)?;
            best.take(engine.seconds(jobs, prompt, plan.answer + 1)? - read);
        }
    }
    report.tell("answer tokens per CPU second, eight answers", 8.0 * written / eight.0);
    report.at_least("eight answers together, of one", 8.0 * one.0 / eight.0, LEAST_GAIN);
    engine.end()
}
