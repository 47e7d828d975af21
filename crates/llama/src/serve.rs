//! The life of the process that has the model.

mod choose;
mod job;
mod prompt;
mod rounds;

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Instant;

use modelstat_engine::{FrameError, FromEngine, Ready, ToEngine, read_frame, write_frame};

use crate::native::{Context, Model};
use crate::options::Options;
use crate::unusable::Unusable;
use crate::{cpu, gguf};
use prompt::Prompt;
use rounds::Rounds;

/// Messages that were read and not looked at; more wait in the pipe.
const MAX_MESSAGES: usize = 64;

/// The process could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The model cannot be used; who reads the output was told.
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// A frame could not be read or written.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The library failed in a way that it does not recover from.
    #[error("llama.cpp failed: {0}")]
    Native(&'static str),
}

/// Loads the model, says that it is ready, and makes answers until the input ends.
///
/// An end of the input is the end, also in the middle of an answer: nobody waits any more. A job that is
/// cancelled is answered as one that took too long.
pub fn serve(
    options: &Options,
    input: impl Read + Send + 'static,
    mut output: impl Write,
) -> Result<(), ServeError> {
    let began = Instant::now();
    let model = match load(options) {
        Ok(model) => model,
        Err(why) => return Err(refuse(&mut output, why)),
    };
    let made = options.context(model.header()).and_then(|size| Context::new(&model, size));
    let mut context = match made {
        Ok(context) => context,
        Err(why) => return Err(refuse(&mut output, why)),
    };
    let prompt = match Prompt::read_into(&mut context) {
        Ok(prompt) => prompt,
        Err(why) => return Err(refuse(&mut output, why)),
    };
    let ready = Ready {
        architecture: model.architecture().to_owned(),
        sequences: u32::from(options.sequences()),
        context_tokens: context.tokens(),
        model_bytes: model.bytes(),
        load_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    write_frame(&mut output, &FromEngine::Ready(ready))?;
    let stop = context.stop_flag();
    let messages = listen(input, Arc::clone(&stop));
    let mut rounds = Rounds::new(context, prompt, options)?;
    run(&mut rounds, &messages, &stop, &mut output)
}

fn load(options: &Options) -> Result<Model, Unusable> {
    cpu::check()?;
    let header = gguf::Header::read(&options.model)?;
    // Asked before the library takes memory for it.
    options.context(&header)?;
    Model::load_checked(&options.model, header)
}

fn refuse(output: &mut impl Write, why: Unusable) -> ServeError {
    let told = write_frame(output, &FromEngine::Unusable { reason: why.reason().to_owned() });
    told.map_or_else(ServeError::Frame, |()| ServeError::Unusable(why))
}

/// Reads messages on a thread of its own, so that an end of the input stops a decoding that runs.
///
/// The thread ends with the input. It is not joined: where the output broke first, the end of the input is
/// the other side's to give, and the process ends without it.
fn listen(
    mut input: impl Read + Send + 'static,
    stop: Arc<AtomicBool>,
) -> Receiver<Result<ToEngine, FrameError>> {
    let (sender, receiver) = sync_channel(MAX_MESSAGES);
    thread::spawn(move || {
        pass_on(&mut input, &sender);
        stop.store(true, Ordering::Relaxed);
    });
    receiver
}

fn pass_on(input: &mut impl Read, sender: &SyncSender<Result<ToEngine, FrameError>>) {
    loop {
        let Some(message) = read_frame(input).transpose() else { return };
        let is_broken = message.is_err();
        if sender.send(message).is_err() || is_broken {
            return;
        }
    }
}

fn run(
    rounds: &mut Rounds<'_>,
    messages: &Receiver<Result<ToEngine, FrameError>>,
    stop: &AtomicBool,
    output: &mut impl Write,
) -> Result<(), ServeError> {
    loop {
        let next = if rounds.is_idle() {
            messages.recv().map_err(|_| TryRecvError::Disconnected)
        } else {
            messages.try_recv()
        };
        match next {
            Ok(message) => {
                rounds.take(message?, Instant::now());
                continue_with(rounds, output)?;
                continue;
            }
            Err(TryRecvError::Disconnected) => return Ok(()),
            Err(TryRecvError::Empty) if stop.load(Ordering::Relaxed) => return Ok(()),
            Err(TryRecvError::Empty) => {}
        }
        if !rounds.is_idle() {
            rounds.step(Instant::now())?;
        }
        continue_with(rounds, output)?;
    }
}

/// Says what was made.
fn continue_with(rounds: &mut Rounds<'_>, output: &mut impl Write) -> Result<(), ServeError> {
    for message in rounds.outcomes() {
        write_frame(output, &message)?;
    }
    Ok(())
}
