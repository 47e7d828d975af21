//! Why a process ended, in words for an operator.

use std::collections::VecDeque;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Lines of its standard error that are kept, and how long each may be.
const KEPT_LINES: usize = 4;
const MAX_LINE_BYTES: usize = 200;

/// What a line may say once the process has read a text: none of these lines quotes one.
const HARMLESS: [&str; 4] =
    ["GGML_ASSERT(", "panicked at ", "std::bad_alloc", "failed to allocate"];

/// What looks the same from outside.
const STARVED: &str =
    "where others take the whole processor, `engine.priority = \"normal\"` gives it a share";

/// Why an end was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// There was nothing to do for a while.
    Idle,
    /// Nobody wants the engine any more.
    Shut,
    /// It answered neither a job nor its cancelling.
    Hung,
    /// It did not get ready in time.
    Late,
}

/// What was seen at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// Its output ended.
    End,
    /// It wrote what is no frame.
    BadFrame,
    /// It said that it cannot use the model.
    Unusable(String),
}

/// A failure: the word under which it is counted, and why in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) word: &'static str,
    pub(super) reason: String,
    /// Whether another try in a moment is of no use.
    pub(super) is_final: bool,
}

impl Failed {
    pub(super) fn new(word: &'static str, reason: impl Into<String>) -> Self {
        Self { word, reason: reason.into(), is_final: false }
    }

    pub(super) fn for_good(word: &'static str, reason: impl Into<String>) -> Self {
        Self { is_final: true, ..Self::new(word, reason) }
    }
}

/// Says why a process ended; `None` where that was asked for.
pub(super) fn told(
    verdict: Option<Verdict>,
    sight: Sight,
    exit: Option<ExitStatus>,
    tail: &Tail,
) -> Option<Failed> {
    let failed = match (verdict, sight) {
        (Some(Verdict::Idle | Verdict::Shut), _) => return None,
        (Some(Verdict::Hung), _) => {
            Failed::new("hung", format!("its process hung, and was killed; {STARVED}"))
        }
        (Some(Verdict::Late), _) => Failed::new(
            "late",
            format!("its process was not ready in time, and was killed; {STARVED}"),
        ),
        (None, Sight::Unusable(reason)) => return Some(Failed::for_good("unusable", reason)),
        (None, Sight::BadFrame) => {
            Failed::new("bad_frame", "its process wrote what is no message, and was killed")
        }
        (None, Sight::End) => of_exit(exit),
    };
    let lines = tail.lines();
    if lines.is_empty() {
        return Some(failed);
    }
    Some(Failed { reason: format!("{} ({})", failed.reason, lines.join("; ")), ..failed })
}

fn of_exit(exit: Option<ExitStatus>) -> Failed {
    let Some(exit) = exit else { return Failed::new("crashed", "its process is gone") };
    let Some(signal) = exit.signal() else {
        let code = exit.code().unwrap_or(-1);
        return Failed::new("crashed", format!("its process ended with exit code {code}"));
    };
    match signal {
        9 => Failed::new(
            "killed",
            "its process was killed from outside; most often the machine or its limit is out of memory",
        ),
        4 => Failed::for_good(
            "illegal_instruction",
            "its process met an instruction that this processor does not have",
        ),
        6 => Failed::new("aborted", "its process aborted"),
        7 | 11 => Failed::new("crashed", "its process met a memory fault"),
        signal => Failed::new("killed", format!("its process was ended by signal {signal}")),
    }
}

/// The last lines of a process's standard error.
#[derive(Debug, Default)]
pub(super) struct Tail {
    lines: Mutex<VecDeque<String>>,
    /// Whether the process was given a text: its library may quote it from then on.
    has_text: AtomicBool,
}

impl Tail {
    pub(super) fn expect_text(&self) {
        self.has_text.store(true, Ordering::Release);
    }

    /// Reads to the end, in bounded memory.
    pub(super) fn follow(&self, mut input: impl Read) {
        let (mut line, mut chunk) = (Vec::new(), [0; 4096]);
        loop {
            let read = match input.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            for byte in &chunk[..read] {
                match byte {
                    b'\n' => self.keep(&std::mem::take(&mut line)),
                    _ if line.len() < MAX_LINE_BYTES => line.push(*byte),
                    _ => {}
                }
            }
        }
        self.keep(&line);
    }

    fn keep(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line: String = line.trim().chars().filter(|c| !c.is_control()).collect();
        let is_harmless = HARMLESS.iter().any(|word| line.contains(word));
        if line.is_empty() || (self.has_text.load(Ordering::Acquire) && !is_harmless) {
            return;
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: i32, word: &str, said: &str) {
        let exit = Some(ExitStatus::from_raw(raw));
        let failed = told(None, Sight::End, exit, &Tail::default()).expect("a failure");
        assert_eq!(failed.word, word);
        assert!(failed.reason.contains(said), "{}", failed.reason);
    }

    #[test]
    fn every_end_is_told_in_words() {
        check(9, "killed", "out of memory");
        check(4, "illegal_instruction", "instruction");
        check(6, "aborted", "aborted");
        check(11, "crashed", "memory fault");
        check(15, "killed", "signal 15");
        check(3 << 8, "crashed", "exit code 3");
    }

    #[test]
    fn an_end_that_was_asked_for_is_no_failure() {
        for verdict in [Verdict::Idle, Verdict::Shut] {
            let exit = Some(ExitStatus::from_raw(9));
            assert_eq!(told(Some(verdict), Sight::BadFrame, exit, &Tail::default()), None);
        }
    }

    #[test]
    fn the_last_lines_are_kept_until_a_text_is_read() {
        let tail = Tail::default();
        let lines: Vec<String> = (0..9).map(|number| format!("line {number}")).collect();
        tail.follow(lines.join("\n").as_bytes());
        assert_eq!(tail.lines(), ["line 5", "line 6", "line 7", "line 8"]);
        tail.expect_text();
        tail.follow("after accepting piece: Zebedee\nx.c:1: GGML_ASSERT(a) failed".as_bytes());
        assert_eq!(tail.lines().last().map(String::as_str), Some("x.c:1: GGML_ASSERT(a) failed"));
        assert!(tail.lines().iter().all(|line| !line.contains("Zebedee")));
        tail.follow(vec![b'G'; 1 << 20].as_slice());
        assert_eq!(tail.lines().len(), KEPT_LINES);
    }
}
