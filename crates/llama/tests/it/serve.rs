//! The loop of the process, over pipes.

use std::fs;
use std::io::{PipeReader, PipeWriter, Write, pipe};
use std::path::Path;
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

#[test]
fn a_cancelled_job_is_answered_and_gives_its_place_back() {
    let mut engine = Engine::start(&Shape::TINY_QWEN3, |options| options.sequences = 1);
    let outline = outline(TEXT);
    engine.ask(1, &outline);
    engine.ask(2, &outline);
    for id in [1, 2] {
        engine.send(&ToEngine::Cancel { id });
    }
    for id in [1, 2] {
        // It may have been made before it was cancelled.
        match engine.next() {
            FromEngine::Failed { id: failed, failure } => {
                assert_eq!((failed, failure), (id, Failure::Timeout));
            }
            other => assert!(matches!(other, FromEngine::Answer(_)), "{other:?}"),
        }
    }
    engine.ask(3, &outline);
    assert!(matches!(engine.next(), FromEngine::Answer(answer) if answer.id == 3));
    engine.end().expect("a quiet end");
}

#[test]
fn too_many_jobs_at_once_are_turned_away() {
    let mut engine = Engine::start(&Shape::TINY_QWEN3, |options| options.sequences = 1);
    let outline = outline("a");
    for id in 0..200 {
        engine.send(&ToEngine::Job(Job { answer_tokens: 2, ..job(id, &outline) }));
    }
    let failures: Vec<Failure> = (0..200).map(|_| failure(&engine.next())).collect();
    assert!(failures.contains(&Failure::TooLong), "some were begun");
    assert!(failures.iter().all(|why| matches!(why, Failure::TooLong | Failure::NoRoom)));
    engine.end().expect("a quiet end");
}

fn failure(message: &FromEngine) -> Failure {
    let FromEngine::Failed { failure, .. } = message else { panic!("{message:?}") };
    *failure
}

#[test]
fn the_end_of_the_input_is_the_end_in_the_middle_of_an_answer() {
    let mut engine = Engine::start(&Shape::TINY_QWEN3, |_| {});
    engine.send(&ToEngine::Job(Job {
        answer_tokens: 7_000,
        prompt_tokens: 50,
        ..job(1, &outline(TEXT))
    }));
    engine.end().expect("a quiet end");
}

#[test]
fn what_is_no_message_ends_the_process() {
    let mut engine = Engine::start(&Shape::TINY_QWEN3, |_| {});
    engine.input.as_mut().expect("open").write_all(b"\x02\0\0\0{}").expect("the engine reads");
    let ended = engine.thread.take().expect("started").join().expect("no panic");
    assert!(matches!(ended, Err(ServeError::Frame(_))), "{ended:?}");
}

/// What is said of a file that was changed, and that nothing but it was said.
fn refused(change: impl FnOnce(&Path), limit: Option<u64>) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("changed.gguf");
    write_file(&path, &Shape::TINY_QWEN3, Encoding::Q8, 7).expect("room for a few megabytes");
    change(&path);
    let mut options = Options::new(path);
    options.max_memory_bytes = limit.unwrap_or(options.max_memory_bytes);
    let mut output = Vec::new();
    let ended = serve(&options, std::io::empty(), &mut output);
    let mut output = output.as_slice();
    let Some(FromEngine::Unusable { reason }) = read_frame(&mut output).expect("a frame") else {
        panic!("it is used");
    };
    assert!(output.is_empty());
    assert!(matches!(ended, Err(ServeError::Unusable(why)) if why.reason() == reason));
    reason
}

#[test]
fn a_file_that_cannot_be_used_is_told_with_the_reason() {
    let check = |change: &dyn Fn(&Path), wanted: &str| {
        let reason = refused(change, None);
        assert!(reason.contains(wanted), "{reason}");
    };
    check(&|path| fs::remove_file(path).expect("there"), "cannot be read");
    check(&|path| fs::write(path, "").expect("there"), "is cut");
    check(&|path| fs::write(path, [0; 4_096]).expect("there"), "not a GGUF file");
    let change = |path: &Path, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = fs::read(path).expect("there");
        change(&mut bytes);
        fs::write(path, bytes).expect("there");
    };
    check(&|path| change(path, &|bytes| bytes.truncate(bytes.len() / 2)), "is cut");
    // What only the library can know: a tensor is missing.
    let rename = |bytes: &mut Vec<u8>| {
        let name = b"blk.1.ffn_down.weight";
        let at = bytes.windows(name.len()).position(|window| window == name).expect("there");
        bytes[at + 4] = b'7';
    };
    check(&|path| change(path, &rename), "llama.cpp refused the model");
}

#[test]
fn a_model_that_needs_too_much_memory_is_told_before_it_is_loaded() {
    let reason = refused(|_| {}, Some(64_000_000));
    assert!(reason.contains("MB of memory and may take 64"), "{reason}");
}

#[test]
fn less_memory_gives_a_smaller_context() {
    let engine =
        Engine::start(&Shape::TINY_QWEN3, |options| options.max_memory_bytes = 104_000_000);
    assert!((1_024..8_192).contains(&engine.ready.context_tokens), "{:?}", engine.ready);
    engine.end().expect("a quiet end");
}
