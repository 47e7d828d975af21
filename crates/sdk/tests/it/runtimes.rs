//! Programs without a runtime, within one, and between two.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use modelstat::{Client, FakeTransport, WithMetadata};
use tokio::runtime::{Builder, Runtime};

use crate::receiver::{OK, Receiver};
use crate::{PATIENCE, call, config, record};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread without any runtime.
pub(crate) fn block_on<F: Future>(work: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut work = pin!(work);
    let until = Instant::now() + PATIENCE;
    loop {
        if let Poll::Ready(output) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        assert!(Instant::now() < until, "the future hangs");
        thread::park_timeout(Duration::from_secs(1));
    }
}

fn runtimes() -> [Runtime; 2] {
    [
        Builder::new_current_thread().build().expect("a runtime"),
        Builder::new_multi_thread().worker_threads(2).build().expect("a runtime"),
    ]
}

fn fake_client() -> (Client, Arc<FakeTransport>) {
    let fake = Arc::new(FakeTransport::new());
    (Client::with_transport(config("http://127.0.0.1:1/"), fake.clone()), fake)
}

fn events(fake: &FakeTransport) -> usize {
    fake.batches().iter().map(|batch| batch.events.len()).sum()
}

#[test]
fn every_runtime_will_do() {
    for runtime in runtimes() {
        let (client, fake) = fake_client();
        runtime.block_on(async {
            record(&client, 2);
            client.flush().await;
            assert_eq!(events(&fake), 2);
            // Blocking is unkind to a runtime, but it neither panics nor hangs.
            record(&client, 1);
            assert!(client.flush_blocking(PATIENCE).complete);
            record(&client, 1);
            client.clone().shutdown().await;
        });
        assert_eq!(events(&fake), 4);
    }
}

#[test]
fn a_runtime_that_ends_takes_nothing_with_it() {
    for runtime in runtimes() {
        let (client, fake) = fake_client();
        let inner = client.clone();
        runtime.block_on(async move { record(&inner, 2) });
        // The published worker was a task, and ended here.
        drop(runtime);
        record(&client, 1);
        assert!(client.flush_blocking(PATIENCE).complete);
        assert_eq!(events(&fake), 3);
    }
}

#[test]
fn a_client_may_be_dropped_within_a_runtime() {
    for runtime in runtimes() {
        let receiver = Receiver::start(|_, _| OK);
        let client = Client::new(config(&receiver.url));
        runtime.block_on(async move {
            record(&client, 2);
            drop(client);
        });
        assert_eq!(receiver.next().batch().events.len(), 2);
    }
}

#[test]
fn a_flush_that_nobody_awaits_any_longer_harms_nothing() {
    let (client, fake) = fake_client();
    record(&client, 1);
    let mut flush = Box::pin(client.flush());
    // Whether it is done already is the worker's business.
    let _ = flush.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
    drop(flush);
    record(&client, 1);
    block_on(client.flush_within(PATIENCE));
    assert_eq!(events(&fake), 2);
}

#[test]
fn tags_follow_tasks_from_thread_to_thread() {
    let [_, runtime] = runtimes();
    let (client, fake) = fake_client();
    let tasks = (0..8).map(|index| {
        let client = client.clone();
        let work = async move {
            for _ in 0..20 {
                tokio::task::yield_now().await;
                client.record(call(&format!("session-{index}")));
            }
        };
        let tagged = work.with_metadata([("task", index.to_string())]);
        runtime.handle().spawn(tagged)
    });
    let tasks: Vec<_> = tasks.collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.expect("no panic");
        }
        client.flush().await;
    });
    for event in fake.batches().iter().flat_map(|batch| &batch.events) {
        let task = event.metadata.as_ref().and_then(|tags| tags.get("task")).expect("a tag");
        assert_eq!(event.session_id, format!("session-{task}"));
    }
    assert_eq!(events(&fake), 160);
}
