//! Lines of JSON in, lines of JSON out, in their order, on every core.
//!
//! One thread reads blocks of whole lines and hands them to the workers in turn; one takes what they made in
//! the same turn and writes it. So the order needs no sorting, every queue is short, and a block is handed
//! on as soon as it was read: who writes one line and waits gets its answer.

use std::borrow::Cow;
use std::io;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use anyhow::Context;
use memchr::{memchr, memchr_iter, memrchr};
use modelstat_redact::Floor;
use modelstat_wire::FindingCounts;
use serde::{Deserialize, Serialize};

use super::{Input, Redacted};
use crate::output;

/// Longest line: what the largest body of an ingest request can hold, and what the floor looks at.
const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;

/// How much is read at once.
const BLOCK_BYTES: usize = 1024 * 1024;

/// Most workers: reading and writing keep no more of them busy.
const MAX_WORKERS: usize = 16;

/// Blocks that wait for one worker, or for the writer from it.
const QUEUED_BLOCKS: usize = 1;

/// A line of the input; its other keys are dropped.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
}

/// What stands in place of a line that could not be read: its place, never its content.
#[derive(Serialize)]
struct BadLine {
    error: &'static str,
    line: u64,
    column: usize,
}

/// Whole lines, of which the first has that number.
struct Block {
    first_line: u64,
    bytes: Vec<u8>,
    /// Stands for a line that is too long to be kept.
    is_too_long: bool,
}

/// What became of a block.
#[derive(Default)]
struct Done {
    bytes: Vec<u8>,
    counts: FindingCounts,
    bad_lines: u64,
}

/// Redacts line by line; returns what was found and how many lines could not be read.
pub(super) fn run(input: Input, floor: &Floor) -> anyhow::Result<(FindingCounts, u64)> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_WORKERS);
    thread::scope(|scope| {
        let (mut to_workers, mut from_workers) = (Vec::new(), Vec::new());
        for _ in 0..workers {
            let (give, take) = sync_channel::<Block>(QUEUED_BLOCKS);
            let (done, written) = sync_channel::<Done>(QUEUED_BLOCKS);
            scope.spawn(move || work(floor, &take, &done));
            to_workers.push(give);
            from_workers.push(written);
        }
        let writer = scope.spawn(move || write(&from_workers));
        let read = Blocks::new(to_workers).feed(input);
        let written = writer.join().expect("the writer does not panic");
        let written = written.context("could not write the lines")?;
        read.map(|()| written)
    })
}

fn work(floor: &Floor, blocks: &Receiver<Block>, done: &SyncSender<Done>) {
    for block in blocks {
        // The writer ends first when nobody reads what it writes.
        if done.send(Done::of(&block, floor)).is_err() {
            return;
        }
    }
}

/// Takes from the workers in the order in which they were given blocks.
fn write(workers: &[Receiver<Done>]) -> io::Result<(FindingCounts, u64)> {
    let (mut counts, mut bad_lines) = (FindingCounts::default(), 0);
    for worker in workers.iter().cycle() {
        let Ok(done) = worker.recv() else { break };
        counts.merge(&done.counts);
        bad_lines += done.bad_lines;
        if output::bytes(&done.bytes)?.is_break() {
            break;
        }
    }
    Ok((counts, bad_lines))
}

/// Cuts the input into blocks, and hands them to the workers in turn.
struct Blocks {
    workers: Vec<SyncSender<Block>>,
    next_worker: usize,
    next_line: u64,
}

impl Blocks {
    fn new(workers: Vec<SyncSender<Block>>) -> Self {
        Self { workers, next_worker: 0, next_line: 1 }
    }

    fn feed(mut self, mut input: Input) -> anyhow::Result<()> {
        let mut piece = vec![0; BLOCK_BYTES];
        let mut pending = Vec::new();
        let mut is_too_long = false;
        loop {
            let length = input.read(&mut piece)?;
            if length == 0 {
                break;
            }
            let mut read = &piece[..length];
            if is_too_long {
                let Some(end) = memchr(b'\n', read) else { continue };
                is_too_long = false;
                read = &read[end + 1..];
            }
            let Some(last) = memrchr(b'\n', read) else {
                pending.extend_from_slice(read);
                if pending.len() > MAX_LINE_BYTES {
                    pending = Vec::new();
                    is_too_long = true;
                    if !self.give(Vec::new(), true) {
                        return Ok(());
                    }
                }
                continue;
            };
            pending.extend_from_slice(&read[..=last]);
            if !self.give(pending, false) {
                return Ok(());
            }
            pending = read[last + 1..].to_vec();
        }
        if !pending.is_empty() {
            self.give(pending, false);
        }
        Ok(())
    }

    /// Gives the next worker a block; returns whether anybody still wants one.
    fn give(&mut self, bytes: Vec<u8>, is_too_long: bool) -> bool {
        let lines = if is_too_long { 1 } else { memchr_iter(b'\n', &bytes).count() as u64 };
        let block = Block { first_line: self.next_line, bytes, is_too_long };
        self.next_line += lines;
        let Some(worker) = self.workers.get(self.next_worker) else { return false };
        self.next_worker = (self.next_worker + 1) % self.workers.len();
        worker.send(block).is_ok()
    }
}

/// The lines of a block without their ends.
fn lines_of(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    let ends = memchr_iter(b'\n', bytes).chain((!bytes.ends_with(b"\n")).then_some(bytes.len()));
    ends.map(move |end| {
        let line = &bytes[start..end];
        start = end + 1;
        line
    })
}

impl Done {
    fn of(block: &Block, floor: &Floor) -> Self {
        let mut done = Self::default();
        if block.is_too_long {
            done.add_too_long(block.first_line);
            return done;
        }
        done.bytes.reserve(block.bytes.len() + block.bytes.len() / 8);
        for (number, line) in (block.first_line..).zip(lines_of(&block.bytes)) {
            if line.len() > MAX_LINE_BYTES {
                done.add_too_long(number);
                continue;
            }
            match parse(line) {
                Ok(line) => {
                    let redacted = floor.redact(&line.text);
                    done.counts.add(&redacted.findings);
                    done.add(&Redacted::from(&redacted));
                }
                Err((error, column)) => done.add_bad(&BadLine { error, line: number, column }),
            }
        }
        done
    }

    fn add(&mut self, line: &impl Serialize) {
        serde_json::to_writer(&mut self.bytes, line).expect("text and numbers, into memory");
        self.bytes.push(b'\n');
    }

    fn add_bad(&mut self, line: &BadLine) {
        self.bad_lines += 1;
        self.add(line);
    }

    fn add_too_long(&mut self, line: u64) {
        let error = "the line is longer than 16 MiB";
        self.add_bad(&BadLine { error, line, column: MAX_LINE_BYTES + 1 });
    }
}

/// Reads a line, or says what is wrong with it and in which column. The parser's own words may quote it.
fn parse(line: &[u8]) -> Result<Line<'_>, (&'static str, usize)> {
    const NO_TEXT: &str = "the line is no object with a string in `text`";
    // A list would be taken for the fields in their order.
    let first = line.iter().position(|byte| !byte.is_ascii_whitespace());
    if first.is_none_or(|first| line[first] != b'{') {
        return Err((NO_TEXT, first.unwrap_or(0) + 1));
    }
    serde_json::from_slice(line).map_err(|error| {
        let what = if error.is_data() { NO_TEXT } else { "the line is not valid JSON" };
        (what, error.column())
    })
}
