//! The loop of the process, over pipes.

use std::io::{PipeReader, PipeWriter, pipe};
use std::thread::{self, JoinHandle};

use modelstat_engine::{Failure, FromEngine, Job, Ready, ToEngine, read_frame, write_frame};
use modelstat_llama::{Options, ServeError, serve};
use modelstat_redact::{RawText, RedactedText};
use modelstat_summarize::{Outline, Turn, read_answer};
use modelstat_testkit::gguf::{Encoding, Shape, write_file};
use tempfile::TempDir;

/// What random weights need to close every string of the grammar.
const ANSWER_TOKENS: u32 = 600;

struct Engine {
    input: Option<PipeWriter>,
    output: PipeReader,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
    ready: Ready,
    _folder: TempDir,
}

impl Engine {
    fn start(shape: &Shape, change: impl FnOnce(&mut Options)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tiny.gguf");
        write_file(&path, shape, Encoding::Q8, 7).expect("room for a few megabytes");
        let mut options = Options::new(path);
        change(&mut options);
        let (their_input, input) = pipe().expect("a pipe");
        let (mut output, their_output) = pipe().expect("a pipe");
        let thread = thread::spawn(move || serve(&options, their_input, their_output));
        let Some(FromEngine::Ready(ready)) = read_frame(&mut output).expect("a frame") else {
            panic!("not ready");
        };
        Self { input: Some(input), output, thread: Some(thread), ready, _folder: folder }
    }

    fn send(&mut self, message: &ToEngine) {
        write_frame(self.input.as_mut().expect("open"), message).expect("the engine reads");
    }

    fn ask(&mut self, id: u64, outline: &Outline) {
        self.send(&ToEngine::Job(job(id, outline)));
    }

    fn next(&mut self) -> FromEngine {
        read_frame(&mut self.output).expect("a frame").expect("the engine lives")
    }

    fn end(mut self) -> Result<(), ServeError> {
        drop(self.input.take());
        self.thread.take().expect("started").join().expect("no panic")
    }
}

fn job(id: u64, outline: &Outline) -> Job {
    Job {
        id,
        outline: outline.clone(),
        prompt_tokens: 200,
        answer_tokens: ANSWER_TOKENS,
        time_ms: 60_000,
    }
}

fn outline(text: &str) -> Outline {
    let turn = Turn {
        kind: RedactedText::from_static("user_message"),
        model: None,
        text: Some(RawText::from(text).redact().0),
        tools: Vec::new(),
        failed: false,
    };
    Outline::of(&[turn])
}

const TEXT: &str =
    "The nightly import failed because the disk was full, and nobody had looked at it.";

#[test]
fn answers_of_many_jobs_together_fit_the_grammar() {
    for shape in [Shape::TINY_QWEN3, Shape::TINY_QWEN35] {
        let mut engine = Engine::start(&shape, |_| {});
        assert_eq!(
            (engine.ready.architecture.as_str(), engine.ready.sequences),
            (shape.architecture(), 8)
        );
        for (id, times) in (0..12).zip(1..) {
            engine.ask(id, &outline(&TEXT.repeat(times)));
        }
        let mut seen = Vec::new();
        for _ in 0..12 {
            let FromEngine::Answer(answer) = engine.next() else { panic!("no answer") };
            assert!(read_answer(&answer.text).is_ok(), "{}", answer.text);
            assert!(answer.prompt_tokens <= 200 && answer.answer_tokens <= ANSWER_TOKENS);
            seen.push(answer.id);
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..12).collect::<Vec<_>>());
        engine.end().expect("a quiet end");
    }
}

#[test]
fn a_budget_that_is_too_small_is_told() {
    let mut engine = Engine::start(&Shape::TINY_QWEN3, |_| {});
    let outline = outline(TEXT);
    engine.send(&ToEngine::Job(Job { answer_tokens: 5, ..job(1, &outline) }));
    assert_eq!(engine.next(), FromEngine::Failed { id: 1, failure: Failure::TooLong });
    engine.send(&ToEngine::Job(Job { time_ms: 0, ..job(2, &outline) }));
    assert_eq!(engine.next(), FromEngine::Failed { id: 2, failure: Failure::Timeout });
    engine.send(&ToEngine::Job(Job { answer_tokens: 100_000, ..job(3, &outline) }));
    assert_eq!(engine.next(), FromEngine::Failed { id: 3, failure: Failure::NoRoom });
    engine.end().expect("a quiet end");
}
