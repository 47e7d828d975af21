//! One process with a model: its pipes, and the threads at them.

use std::io::{self, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::ChildOptions;
use super::ending::{Sight, Tail};
use crate::protocol::{FrameError, FromEngine, ToEngine, read_frame, write_frame};

/// Messages that wait for the pipe, beside a job and its cancelling for each answer at work.
const SPARE_MESSAGES: usize = 8;

/// How long a process that has closed its output may take to end by itself.
const END_GRACE: Duration = Duration::from_millis(500);

/// How often that is looked for.
const END_STEP: Duration = Duration::from_millis(5);

/// A process, and the way to it.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    child: Arc<Mutex<Child>>,
    /// Absent once it is told to end: its input ends then.
    frames: Option<SyncSender<ToEngine>>,
    tail: Arc<Tail>,
}

/// What becomes of what a process says; called on the thread that reads it.
pub(super) trait Hear: Send + 'static {
    /// Takes a message; what it returns ends the process.
    fn said(&self, said: FromEngine) -> Result<(), Sight>;

    /// Takes its end. Nothing is said after, and the [`Process`] has to be dropped.
    fn ended(&self, sight: Sight, exit: Option<ExitStatus>, tail: &Tail);
}

/// A process that is started, and nobody hears yet.
pub(super) struct Unheard {
    child: Arc<Mutex<Child>>,
    tail: Arc<Tail>,
    queue: Receiver<ToEngine>,
    input: ChildStdin,
    output: ChildStdout,
    errors: ChildStderr,
}

/// Starts a process.
pub(super) fn start(options: &ChildOptions, model: &Path) -> io::Result<(Process, Unheard)> {
    let mut child = command(options, model).spawn()?;
    let pid = child.id();
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(input), Some(output), Some(errors)) = pipes else {
        unreachable!("all three were asked for")
    };
    let child = Arc::new(Mutex::new(child));
    let tail = Arc::new(Tail::default());
    let (frames, queue) = sync_channel(options.sequences as usize * 2 + SPARE_MESSAGES);
    let process =
        Process { pid, child: Arc::clone(&child), frames: Some(frames), tail: Arc::clone(&tail) };
    Ok((process, Unheard { child, tail, queue, input, output, errors }))
}

/// Nothing of the daemon's environment reaches the process, but for what it was told to pass on: it may
/// hold keys.
fn command(options: &ChildOptions, model: &Path) -> Command {
    let mut command = Command::new(&options.program);
    command
        .args(&options.arguments)
        .arg("--model")
        .arg(model)
        .env_clear()
        // Threads that wait must not burn the cores that others need.
        .env("OMP_WAIT_POLICY", "passive")
        .env("OMP_NUM_THREADS", options.threads.to_string())
        .envs(options.environment.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        // Ctrl-C is for the daemon, which lets answers at work be finished.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(name) = &options.shown_as {
        command.arg0(name);
    }
    command
}

impl Process {
    /// Hands a message to the thread at the pipe; returns whether there was room for it.
    pub(super) fn send(&self, message: ToEngine) -> bool {
        if matches!(message, ToEngine::Job(_)) {
            self.tail.expect_text();
        }
        self.frames.as_ref().is_some_and(|frames| frames.try_send(message).is_ok())
    }

    /// Ends its input, which asks it to end.
    pub(super) fn close(&mut self) {
        self.frames = None;
    }

    /// Kills it. It is not waited for: who hears it does.
    pub(super) fn kill(&self) {
        let killed = self.child.lock().unwrap_or_else(PoisonError::into_inner).kill();
        // It can have ended meanwhile; then there is nothing to do.
        drop(killed);
    }

    /// Bytes of its memory that are in the machine's.
    pub(super) fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
        Some(kib * 1024)
    }
}

impl Unheard {
    /// Hears it on a thread of its own, until it has ended and is no more.
    pub(super) fn hear(self, hear: impl Hear) -> io::Result<JoinHandle<()>> {
        let child = Arc::clone(&self.child);
        let thread = thread::Builder::new().name("modelstat-hear".to_owned());
        let started = thread.spawn(move || self.run(&hear));
        if started.is_err() {
            reap(&child);
        }
        started
    }

    fn run(self, hear: &impl Hear) {
        let Self { child, tail, queue, input, output, errors } = self;
        thread::scope(|scope| {
            scope.spawn(move || write(&queue, input));
            let following = scope.spawn(|| tail.follow(errors));
            let sight = listen(&mut BufReader::new(output), hear);
            let exit = reap(&child);
            // Its last lines say most; a panic there costs the lines.
            drop(following.join());
            hear.ended(sight, exit, &tail);
        });
    }
}

fn write(queue: &Receiver<ToEngine>, mut input: ChildStdin) {
    for message in queue {
        if write_frame(&mut input, &message).is_err() {
            return;
        }
    }
}

fn listen(output: &mut BufReader<ChildStdout>, hear: &impl Hear) -> Sight {
    loop {
        match read_frame::<FromEngine>(output) {
            Ok(Some(said)) => {
                if let Err(sight) = hear.said(said) {
                    return sight;
                }
            }
            Ok(None) | Err(FrameError::Io(_)) => return Sight::End,
            Err(FrameError::TooLarge(_) | FrameError::Json(_)) => return Sight::BadFrame,
        }
    }
}

/// Waits for the end of a process, and kills it if it takes long.
fn reap(child: &Mutex<Child>) -> Option<ExitStatus> {
    let until = Instant::now() + END_GRACE;
    loop {
        let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
        match child.try_wait() {
            Ok(None) if Instant::now() < until => {}
            Ok(None) => {
                drop(child.kill());
                return child.wait().ok();
            }
            Ok(exit) => return exit,
            Err(_) => return None,
        }
        drop(child);
        thread::sleep(END_STEP);
    }
}
