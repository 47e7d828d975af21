//! The engine as a process of its own, as a daemon starts it.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use modelstat_engine::{FromEngine, Job, ToEngine, read_frame, write_frame};

use crate::Plan;
use crate::engine::outline;
use crate::report::Report;

/// Ticks of a second in what the kernel counts processor time by.
const TICKS: f64 = 100.0;

/// Most memory of a process with a model of 0.6 billion weights, in GB.
const MOST_MEMORY: f64 = 1.2;

/// Seconds of processor time that a process took so far.
pub(crate) fn cpu_seconds(process: &str) -> f64 {
    let path = format!("/proc/{process}/stat");
    let status = fs::read_to_string(path).expect("a process that runs");
    // The second field is a name in brackets, which may hold spaces.
    let (_, fields) = status.rsplit_once(')').expect("a name in brackets");
    let ticks =
        fields.split_whitespace().skip(11).take(2).map(|field| field.parse().unwrap_or(0.0));
    ticks.sum::<f64>() / TICKS
}

/// Most memory that a process had, in GB.
fn peak_gigabytes(process: &str) -> f64 {
    let status =
        fs::read_to_string(format!("/proc/{process}/status")).expect("a process that runs");
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line of memory");
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kibibytes * 1024.0 / 1e9
}

struct Engine {
    process: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Engine {
    fn start(model: &Path) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--serve").arg(model);
        command.env("OMP_WAIT_POLICY", "passive").env("OMP_NUM_THREADS", "1");
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = process.stdin.take().ok_or("no input")?;
        let mut output = process.stdout.take().ok_or("no output")?;
        match read_frame(&mut output)? {
            Some(FromEngine::Ready(_)) => Ok(Self { process, input, output }),
            other => Err(format!("the engine does not start: {other:?}").into()),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It ends with its input at the latest; an error means that it is gone.
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// Summaries end to end, and the memory that they take.
pub(crate) fn measure(
    plan: &Plan,
    model: &Path,
    report: &mut Report,
) -> Result<(), Box<dyn Error>> {
    let mut engine = Engine::start(model)?;
    let process = engine.process.id().to_string();
    let before = cpu_seconds(&process);
    for id in 0..plan.jobs {
        let job = Job {
            id,
            outline: outline(id),
            prompt_tokens: plan.prompt,
            answer_tokens: plan.answer,
            time_ms: 3_600_000,
        };
        write_frame(&mut engine.input, &ToEngine::Job(job))?;
    }
    for _ in 0..plan.jobs {
        // Random weights never end an answer by themselves, so that each has all of its tokens.
        match read_frame::<FromEngine>(&mut engine.output)? {
            Some(FromEngine::Failed { .. } | FromEngine::Answer(_)) => {}
            other => return Err(format!("the engine ended: {other:?}").into()),
        }
    }
    let seconds = cpu_seconds(&process) - before;
    #[expect(clippy::cast_precision_loss, reason = "a few jobs")]
    let hourly = 3_600.0 * plan.jobs as f64 / seconds.max(1.0 / TICKS);
    report.tell("summaries per hour and core, end to end", hourly);
    report.at_most("peak memory of the process, GB", peak_gigabytes(&process), MOST_MEMORY);
    Ok(())
}
