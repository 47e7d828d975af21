//! A process that forks: what waited is the parent's, and parent and child each send their own.

#![cfg(unix)]

#[path = "it/receiver.rs"]
#[expect(dead_code, reason = "the tests in `it` use the rest")]
mod receiver;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use modelstat::{Client, Config, DropReason, LlmCall, Mode};

use receiver::{OK, Receiver};

/// Far longer than anything here takes, so that only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(20);

fn client(receiver: &Receiver) -> Client {
    let mut config = Config::new("test-key", "raw_sdk_openai", "checkout-api");
    config.mode = Mode::LocalDaemon { url: receiver.url.clone() };
    config.flush_interval = Duration::from_hours(1);
    config.buffer_capacity = 50_000;
    Client::new(config)
}

fn record(client: &Client, who: &str, calls: usize) {
    for index in 0..calls {
        client.record(LlmCall::new("openai", format!("{who}-{index}")).text("asked", "answered"));
    }
}

/// How often each session arrived.
fn arrived(receiver: &Receiver) -> BTreeMap<String, usize> {
    let mut sessions = BTreeMap::new();
    for request in receiver.all() {
        for event in request.batch().events {
            *sessions.entry(event.session_id).or_default() += 1;
        }
    }
    sessions
}

fn expected(parts: &[(&str, usize)]) -> BTreeMap<String, usize> {
    let names = parts.iter().flat_map(|(who, calls)| (0..*calls).map(move |at| (who, at)));
    names.map(|(who, at)| (format!("{who}-{at}"), 1)).collect()
}

/// A forked process.
struct Child(libc::pid_t);

impl Child {
    /// Forks; the child does its work and ends, successfully if the work holds.
    #[expect(unsafe_code, reason = "no safe way leads to a fork")]
    fn fork(work: impl FnOnce() -> bool) -> Self {
        // SAFETY: the child has the forking thread alone, so a lock that another thread held stays
        // locked. What it does takes the C library's allocator, which is made for that, and what is
        // under test: it prints nothing, and `_exit` keeps it away from the test harness.
        let id = unsafe { libc::fork() };
        assert!(id >= 0, "this process cannot fork");
        if id == 0 {
            let held = catch_unwind(AssertUnwindSafe(work)).unwrap_or(false);
            // SAFETY: it ends this process and touches nothing.
            unsafe { libc::_exit(i32::from(!held)) };
        }
        Self(id)
    }

    /// Waits for its end; whether it went as it should.
    #[expect(unsafe_code, reason = "a process that was forked is no `std::process::Child`")]
    fn has_succeeded(self) -> bool {
        let until = Instant::now() + PATIENCE;
        let mut status = 0;
        // SAFETY: the pointer is to a live integer, and the process is a child of this one.
        while unsafe { libc::waitpid(self.0, &raw mut status, libc::WNOHANG) } == 0 {
            if Instant::now() >= until {
                // SAFETY: the child was not waited for, so its number is still its own.
                unsafe { libc::kill(self.0, libc::SIGKILL) };
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
    }
}

/// The child of a parent with five calls that wait.
fn in_child(client: Client) -> bool {
    client.after_fork_in_child();
    let inherited = client.stats();
    record(&client, "child", 3);
    let flushed = client.flush_blocking(PATIENCE);
    let stats = client.stats();
    drop(client);
    inherited.dropped_for(DropReason::ForkDiscarded) == 5
        && inherited.pending == 0
        && flushed.complete
        && (stats.sent, stats.pending) == (3, 0)
}

fn check_pending_at_fork(is_connected: bool) {
    let receiver = Receiver::start(|_, _| OK);
    let client = client(&receiver);
    let mut all = vec![("parent", 5), ("child", 3)];
    if is_connected {
        record(&client, "early", 2);
        assert!(client.flush_blocking(PATIENCE).complete);
        all.push(("early", 2));
    }
    record(&client, "parent", 5);
    let child = Child::fork(|| in_child(client.clone()));
    assert!(child.has_succeeded());
    assert_eq!(client.stats().dropped_for(DropReason::ForkDiscarded), 0);
    assert!(client.shutdown_blocking(PATIENCE).complete);
    assert_eq!(arrived(&receiver), expected(&all));
}

#[test]
fn what_waits_at_a_fork_is_sent_by_the_parent_once() {
    check_pending_at_fork(false);
}

#[test]
fn a_child_leaves_the_connection_of_its_parent_alone() {
    check_pending_at_fork(true);
}

#[test]
fn a_child_that_only_ends_sends_nothing_and_does_not_hang() {
    let receiver = Receiver::start(|_, _| OK);
    let parent = client(&receiver);
    record(&parent, "parent", 5);
    // The handle goes with the closure, in the child as in the parent.
    let inherited = parent.clone();
    assert!(
        Child::fork(move || {
            drop(inherited);
            true
        })
        .has_succeeded()
    );
    let silent = Child::fork(|| parent.shutdown_blocking(PATIENCE).complete);
    assert!(silent.has_succeeded());
    assert!(parent.shutdown_blocking(PATIENCE).complete);
    assert_eq!(arrived(&receiver), expected(&[("parent", 5)]));
}

/// Nothing tells such a child apart before it flushes: its first calls are lost, and counted.
#[test]
fn a_child_that_nobody_told_finds_out_when_it_flushes() {
    let receiver = Receiver::start(|_, _| OK);
    let client = client(&receiver);
    record(&client, "parent", 5);
    let child = Child::fork(|| {
        record(&client, "lost", 2);
        let first = client.flush_blocking(PATIENCE);
        let lost = client.stats().dropped_for(DropReason::ForkDiscarded);
        record(&client, "child", 3);
        let second = client.flush_blocking(PATIENCE);
        first.complete && lost == 7 && second.complete && client.stats().sent == 3
    });
    assert!(child.has_succeeded());
    assert!(client.shutdown_blocking(PATIENCE).complete);
    assert_eq!(arrived(&receiver), expected(&[("parent", 5), ("child", 3)]));
}

#[test]
fn a_child_of_a_child_has_a_state_of_its_own_too() {
    let receiver = Receiver::start(|_, _| OK);
    let client = client(&receiver);
    record(&client, "parent", 5);
    let child = Child::fork(|| {
        client.after_fork_in_child();
        record(&client, "child", 3);
        let grandchild = Child::fork(|| {
            client.after_fork_in_child();
            let discarded = client.stats().dropped_for(DropReason::ForkDiscarded);
            record(&client, "grandchild", 2);
            client.shutdown_blocking(PATIENCE).complete && discarded == 3
        });
        grandchild.has_succeeded() && client.shutdown_blocking(PATIENCE).complete
    });
    assert!(child.has_succeeded());
    assert!(client.shutdown_blocking(PATIENCE).complete);
    let all = [("parent", 5), ("child", 3), ("grandchild", 2)];
    assert_eq!(arrived(&receiver), expected(&all));
}

#[test]
fn a_fork_while_other_threads_record_loses_and_repeats_nothing() {
    const CHILDREN: [&str; 6] = ["child-a", "child-b", "child-c", "child-d", "child-e", "child-f"];
    const THREADS: [&str; 3] = ["thread-a", "thread-b", "thread-c"];
    const CALLS: usize = 3_000;
    let receiver = Receiver::start(|_, _| OK);
    let client = client(&receiver);
    let has_begun = AtomicBool::new(false);
    thread::scope(|scope| {
        for who in THREADS {
            let (client, has_begun) = (&client, &has_begun);
            scope.spawn(move || {
                for index in 0..CALLS {
                    client.record(LlmCall::new("openai", format!("{who}-{index}")));
                    has_begun.store(true, Ordering::Relaxed);
                    thread::yield_now();
                }
            });
        }
        while !has_begun.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        for who in CHILDREN {
            let child = Child::fork(|| {
                client.after_fork_in_child();
                record(&client, who, 4);
                client.shutdown_blocking(PATIENCE).complete && client.stats().sent == 4
            });
            assert!(child.has_succeeded(), "{who}");
        }
    });
    assert!(client.shutdown_blocking(PATIENCE).complete);
    let stats = client.stats();
    assert_eq!((stats.sent, stats.all_dropped()), (stats.recorded, 0));
    let mut all: Vec<_> = THREADS.map(|who| (who, CALLS)).to_vec();
    all.extend(CHILDREN.map(|who| (who, 4)));
    assert!(arrived(&receiver) == expected(&all));
}
