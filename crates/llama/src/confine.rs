//! What a process with a model gives up before it reads anything.

#[cfg(unix)]
mod unix;

use std::io::{self, Write};

use crate::options::{Options, Priority};

/// Gives up what the process does not need, and returns where frames are written.
///
/// Called first, before any thread is started. Where the system has it:
///
/// - standard output is taken away from native code: what it prints goes to standard error;
/// - memory is limited, so that it fails in this process and not in others, and no core is written, which
///   would hold texts;
/// - the processor is left to everybody else, if the options say so;
/// - no socket can be made and no program started (Linux).
///
/// What the system refuses is told on standard error; the process works without it.
pub fn confine(options: &Options) -> io::Result<impl Write + use<>> {
    let output = own_output()?;
    #[cfg(unix)]
    {
        tell("the limit of memory", unix::limit_memory(options.max_memory_bytes));
        tell("the limit of cores", unix::forbid_cores());
        if options.priority == Priority::Low {
            tell("the low priority", unix::lower_priority());
        }
        // Drivers of graphics cards make sockets.
        #[cfg(all(target_os = "linux", not(any(feature = "cuda", feature = "vulkan"))))]
        tell("the ban of sockets", unix::forbid_sockets());
    }
    #[cfg(not(unix))]
    let _ = (options.max_memory_bytes, options.priority == Priority::Low);
    Ok(output)
}

#[cfg(unix)]
fn own_output() -> io::Result<std::fs::File> {
    use std::os::fd::AsFd;
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    unix::print_to_standard_error()?;
    Ok(std::fs::File::from(output))
}

#[cfg(not(unix))]
fn own_output() -> io::Result<io::Stdout> {
    Ok(io::stdout())
}

#[cfg(unix)]
fn tell(what: &str, done: io::Result<()>) {
    if let Err(why) = done {
        // Nobody can be told that standard error is gone.
        let _gone = writeln!(io::stderr(), "{what} is refused by the system: {why}");
    }
}
