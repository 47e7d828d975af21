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
