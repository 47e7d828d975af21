//! The thread that starts, watches and ends the process.

use std::process::ExitStatus;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use super::Shared;
use super::ending::{Failed, Sight, Tail};
use super::process::{self, Hear};
use super::state::Task;
use crate::protocol::FromEngine;

/// Keeps the process until nobody wants the engine any more and the process is gone.
pub(super) fn keep(shared: &Arc<Shared>) {
    let mut hearing: Option<JoinHandle<()>> = None;
    // A model that is missing or damaged is told before the first segment needs it.
    if let Err(problem) = (shared.options.find)() {
        shared.lock().no_model(problem, &shared.options.limits);
        shared.changed.notify_all();
    }
    let mut inner = shared.lock();
    loop {
        match inner.tend(Instant::now(), &shared.options.limits) {
            Task::End => break,
            Task::Wait(until) => inner = shared.wait(inner, until),
            Task::Start => {
                drop(inner);
                join(hearing.take());
                hearing = start(shared);
                shared.changed.notify_all();
                inner = shared.lock();
            }
        }
    }
    drop(inner);
    join(hearing);
}

fn join(hearing: Option<JoinHandle<()>>) {
    if let Some(hearing) = hearing {
        // A panic there was told where it happened.
        drop(hearing.join());
    }
}

/// Checks the model and starts the process, neither of which may hold up who asks for the status.
fn start(shared: &Arc<Shared>) -> Option<JoinHandle<()>> {
    let limits = &shared.options.limits;
    let model = match (shared.options.find)() {
        Ok(model) => model,
        Err(problem) => {
            shared.lock().no_model(problem, limits);
            return None;
        }
    };
    if shared.lock().is_shut() {
        shared.lock().leave();
        return None;
    }
    let failed = |error: &std::io::Error| {
        let reason = format!("its process could not be started: {}", error.kind());
        shared.lock().failed(&Failed::new("start", reason), limits);
    };
    let (process, unheard) = match process::start(&shared.options, &model) {
        Ok(started) => started,
        Err(error) => {
            failed(&error);
            return None;
        }
    };
    // Before anything can be heard of it.
    shared.lock().started(process, limits);
    match unheard.hear(Ears(Arc::clone(shared))) {
        Ok(hearing) => Some(hearing),
        Err(error) => {
            failed(&error);
            None
        }
    }
}

struct Ears(Arc<Shared>);

impl Hear for Ears {
    fn said(&self, said: FromEngine) -> Result<(), Sight> {
        let heard = self.0.lock().hear(said);
        self.0.changed.notify_all();
        heard
    }

    fn ended(&self, sight: Sight, exit: Option<ExitStatus>, tail: &Tail) {
        self.0.lock().ended(sight, exit, tail, &self.0.options.limits);
        self.0.changed.notify_all();
    }
}
