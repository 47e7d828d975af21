//! This program as a process with a model, or as one that is broken in some way.

use std::io::{Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use modelstat_engine::{
    Answer, Failure, FromEngine, Job, MAX_FRAME_BYTES, Ready, ToEngine, read_frame, write_frame,
};

/// What it answers.
const ABSTRACT: &str = "Asked about a slow query, and an index was added.";

fn say(message: &FromEngine) {
    write_frame(&mut std::io::stdout().lock(), message).expect("somebody listens");
}

fn write(bytes: &[u8]) {
    let mut output = std::io::stdout().lock();
    output.write_all(bytes).and_then(|()| output.flush()).expect("somebody listens");
}

fn ready(sequences: u32) {
    say(&FromEngine::Ready(Ready {
        architecture: "fake".to_owned(),
        sequences,
        context_tokens: 4_096,
        model_bytes: 1,
        load_ms: 1,
    }));
}

fn answer(job: &Job, text: &str) {
    let text = format!(
        "{{\"abstract\":\"{text}\",\"title\":\"Slow query fixed\",\"work_type\":\"debugging\"}}"
    );
    say(&FromEngine::Answer(Answer {
        id: job.id,
        text,
        prompt_tokens: 10,
        answer_tokens: 5,
        ms: 1,
    }));
}

fn next() -> Option<ToEngine> {
    read_frame(&mut std::io::stdin().lock()).expect("a frame or the end")
}

fn next_job() -> Option<Job> {
    loop {
        match next()? {
            ToEngine::Job(job) => return Some(job),
            ToEngine::Cancel { .. } => {}
        }
    }
}

fn forever() -> ! {
    loop {
        std::thread::sleep(Duration::from_mins(1));
    }
}

/// Does as it is told until its input ends.
pub(crate) fn run(mode: &str) -> ExitCode {
    if let Some(end) = begin(mode) {
        return end;
    }
    work(mode);
    ExitCode::SUCCESS
}

/// Gets ready, unless it is to end before.
fn begin(mode: &str) -> Option<ExitCode> {
    match mode {
        "exits" => return Some(ExitCode::from(3)),
        "silent" => forever(),
        "unusable" => {
            say(&FromEngine::Unusable { reason: "the file is truncated".to_owned() });
            return Some(ExitCode::SUCCESS);
        }
        "complains" => {
            std::io::stderr().write_all(b"cannot map the file\n").expect("a pipe");
            std::process::abort();
        }
        "together" => ready(4),
        _ => ready(2),
    }
    None
}

fn work(mode: &str) {
    match mode {
        "aborts" => {
            next_job();
            std::process::abort();
        }
        "garbage" => {
            next_job();
            write(b"\x05\0\0\0hello");
            forever();
        }
        "huge" => {
            next_job();
            let length = u32::try_from(MAX_FRAME_BYTES + 1).expect("small enough");
            write(&length.to_le_bytes());
            forever();
        }
        "cut" => {
            next_job();
            write(b"\x50\0\0\0{\"type\":");
        }
        "twice_ready" => {
            next_job();
            ready(2);
            forever();
        }
        "deaf" => forever(),
        "hangs" => {
            while next().is_some() {}
            forever();
        }
        "together" => {
            while let Some(first) = next_job() {
                let jobs: Vec<Job> =
                    std::iter::once(first).chain((1..4).map_while(|_| next_job())).collect();
                // The last first: answers find their questions by number.
                jobs.iter().rev().for_each(|job| answer(job, ABSTRACT));
            }
        }
        "gives_up" => {
            while let Some(job) = next_job() {
                say(&FromEngine::Failed { id: job.id, failure: Failure::Timeout });
            }
        }
        "environment" => {
            #[expect(clippy::disallowed_methods, reason = "the test is about it")]
            let threads = std::env::var("OMP_NUM_THREADS").unwrap_or_default();
            let mut names: Vec<_> =
                std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
            names.sort();
            while let Some(job) = next_job() {
                answer(&job, &format!("{} with {threads} threads", names.join(" ")));
            }
        }
        "rubbish" => {
            while let Some(job) = next_job() {
                say(&FromEngine::Answer(Answer {
                    id: job.id,
                    text: "no object".to_owned(),
                    prompt_tokens: 1,
                    answer_tokens: 1,
                    ms: 1,
                }));
            }
        }
        "dies_after_one" => {
            if let Some(job) = next_job() {
                answer(&job, ABSTRACT);
            }
        }
        _ => {
            while let Some(job) = next_job() {
                answer(&job, ABSTRACT);
            }
            // Only who reads to the end knows that the input was closed.
            assert_eq!(std::io::stdin().read(&mut [0]).ok(), Some(0));
        }
    }
}
