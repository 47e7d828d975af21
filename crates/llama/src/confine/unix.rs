//! What the operating system is asked for.
#![expect(unsafe_code, reason = "calls of the C library that take numbers, or a struct of ours")]

use std::io;

/// Lowest priority there is.
const LEAST_PRIORITY: i32 = 19;

/// An error by what a call returned.
fn checked(code: i32) -> io::Result<()> {
    if code == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What is printed to standard output goes to standard error from now on.
pub(super) fn print_to_standard_error() -> io::Result<()> {
    // SAFETY: both are the numbers of the standard streams; what the second was is closed by the call.
    checked(unsafe { libc::dup2(libc::STDERR_FILENO, libc::STDOUT_FILENO) })
}

/// Limits what the process allocates. A file that is mapped is not counted: its pages can be dropped.
pub(super) fn limit_memory(bytes: u64) -> io::Result<()> {
    limit(libc::RLIMIT_DATA, bytes)
}

/// A core would hold the texts that the process read.
pub(super) fn forbid_cores() -> io::Result<()> {
    limit(libc::RLIMIT_CORE, 0)
}

#[cfg(target_os = "linux")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_os = "linux"))]
type Resource = libc::c_int;

fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let limits = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: the struct outlives the call.
    checked(unsafe { libc::setrlimit(resource, &raw const limits) })
}

/// Runs where nobody else wants the processor: the thread that calls, and those that it starts later.
pub(super) fn lower_priority() -> io::Result<()> {
    // SAFETY: takes numbers only.
    checked(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, LEAST_PRIORITY) })?;
    #[cfg(target_os = "linux")]
    {
        let parameters = libc::sched_param { sched_priority: 0 };
        // SAFETY: the struct outlives the call.
        checked(unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameters) })?;
    }
    Ok(())
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const ARCHITECTURE: u32 = 0xC000_003E;
#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
const ARCHITECTURE: u32 = 0xC000_00B7;

/// System calls that are numbered from here on are those of another convention.
#[cfg(target_os = "linux")]
const OTHER_CONVENTION: u32 = 0x4000_0000;

/// Makes sockets and new programs impossible, for the thread that calls and all that it starts later.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn forbid_sockets() -> io::Result<()> {
    let statement = |code: u32, k: u32| libc::sock_filter {
        code: u16::try_from(code).unwrap_or(u16::MAX),
        jt: 0,
        jf: 0,
        k,
    };
    let refused = libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned();
    let calls = [
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_io_uring_setup,
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
    ];
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let jump = |condition: u32, k: u32, if_so: u8, if_not: u8| libc::sock_filter {
        jt: if_so,
        jf: if_not,
        ..statement(libc::BPF_JMP | condition | libc::BPF_K, k)
    };
    let give = |what: u32| statement(libc::BPF_RET | libc::BPF_K, what);
    // The number of the call stands at 0 of what is looked at, the architecture at 4.
    let mut filter = vec![
        statement(load, 4),
        jump(libc::BPF_JEQ, ARCHITECTURE, 1, 0),
        give(refused),
        statement(load, 0),
        jump(libc::BPF_JGE, OTHER_CONVENTION, 0, 1),
        give(refused),
    ];
    for call in calls {
        filter.push(jump(libc::BPF_JEQ, u32::try_from(call).unwrap_or(u32::MAX), 0, 1));
        filter.push(give(refused));
    }
    filter.push(give(libc::SECCOMP_RET_ALLOW));
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).unwrap_or(0),
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: takes numbers only; without it a process of a user may not filter.
    checked(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
    // SAFETY: the program and the filter that it points to outlive the call, which copies them.
    checked(unsafe {
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
    })
}

#[cfg(all(target_os = "linux", not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub(super) fn forbid_sockets() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpListener;
    use std::process::Command;
    use std::thread;

    use super::*;

    /// What is given up counts for a thread and what it starts, so that a test gives it up in one.
    fn in_a_thread(test: impl FnOnce() + Send + 'static) {
        thread::spawn(test).join().expect("no panic");
    }

    #[test]
    fn no_socket_and_no_program_can_be_started() {
        in_a_thread(|| {
            forbid_sockets().expect("the system has filters");
            let denied = |error: io::Error| error.kind() == io::ErrorKind::PermissionDenied;
            assert!(TcpListener::bind("127.0.0.1:0").is_err_and(denied));
            assert!(Command::new("true").status().is_err());
            thread::spawn(|| assert!(TcpListener::bind("127.0.0.1:0").is_err()))
                .join()
                .expect("no panic");
        });
        assert!(TcpListener::bind("127.0.0.1:0").is_ok(), "the rest of the process goes on");
    }

    #[test]
    fn the_processor_is_left_to_others() {
        in_a_thread(|| {
            lower_priority().expect("less is always allowed");
            // SAFETY: both take numbers only.
            let (policy, priority) =
                unsafe { (libc::sched_getscheduler(0), libc::getpriority(libc::PRIO_PROCESS, 0)) };
            assert_eq!((policy, priority), (libc::SCHED_IDLE, LEAST_PRIORITY));
        });
    }
}
