//! What this process must not do: leave text in a core dump or a panic message.

use crate::output;

/// Turns core dumps off and makes panics tell their place only.
pub(crate) fn harden() {
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
