//! What this process must not do: leave text in a core dump, a panic message or a readable file.

use crate::output;

/// Turns core dumps off, keeps files to their owner, and makes panics tell their place only.
pub(crate) fn harden() {
    // Stores make files of their own; none of them is for other users of the machine.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    if rustix::process::setrlimit(rustix::process::Resource::Core, none).is_err() {
        output::note("core dumps could not be turned off");
    }
    raise_open_files();
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed").to_owned();
        // The message may quote what was being handled, so it is not printed.
        match panic.location() {
            Some(place) => output::note(&format!(
                "thread {thread} panicked at {}:{}:{}",
                place.file(),
                place.line(),
                place.column()
            )),
            None => output::note(&format!("thread {thread} panicked")),
        }
    }));
}

/// Files and connections that may be open, where the system allows it: the usual 1,024 are what one
/// listener takes alone.
const OPEN_FILES: u64 = 8_192;

/// Asks for more open files than a shell usually gives.
fn raise_open_files() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let wanted = limit.maximum.map_or(OPEN_FILES, |maximum| maximum.min(OPEN_FILES));
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = rustix::process::Rlimit { current: Some(wanted), maximum: limit.maximum };
        // With fewer, connections that stand still make room.
        rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).ok();
    }
}
