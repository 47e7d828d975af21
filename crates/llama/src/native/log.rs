//! What the library reports, as lines on standard error.
#![expect(unsafe_code, reason = "a callback that C calls with a C string")]

use std::ffi::{CStr, c_char, c_void};
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use llama_cpp_sys_2 as sys;

/// Longest line that is written, and kept.
const MAX_LINE_CHARS: usize = 300;

/// The last error, for the reason why a model cannot be used.
static LAST_ERROR: Mutex<Option<String>> = Mutex::new(None);

/// Whether the process has captured text by now.
static HAS_TEXTS: AtomicBool = AtomicBool::new(false);

/// Sends the library's reports to standard error; without it they would go there unfiltered.
pub(super) fn route() {
    // SAFETY: the function is safe to call from any thread for the life of the process; no state is passed.
    unsafe { sys::llama_log_set(Some(report), std::ptr::null_mut()) };
}

/// From now on a report is told by the name of what reported: its words could repeat captured text.
pub(crate) fn forget_texts() {
    HAS_TEXTS.store(true, Ordering::Relaxed);
}

/// Takes the last error that was reported.
pub(super) fn take_last_error() -> Option<String> {
    LAST_ERROR.lock().ok().and_then(|mut last| last.take())
}

unsafe extern "C" fn report(level: sys::ggml_log_level, text: *const c_char, _: *mut c_void) {
    if !matches!(level, sys::GGML_LOG_LEVEL_WARN | sys::GGML_LOG_LEVEL_ERROR) || text.is_null() {
        return;
    }
    // SAFETY: not null, and the library passes a string that ends with a zero byte and outlives the call.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    let line = line(&text, HAS_TEXTS.load(Ordering::Relaxed));
    if line.is_empty() {
        return;
    }
    // Nobody can be told that standard error is gone.
    let _gone = writeln!(std::io::stderr(), "llama.cpp: {line}");
    if level == sys::GGML_LOG_LEVEL_ERROR
        && let Ok(mut last) = LAST_ERROR.lock()
    {
        *last = Some(line);
    }
}

/// One line without control characters; only the name before its first colon where there are texts.
fn line(text: &str, has_texts: bool) -> String {
    let plain = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    let plain: String = plain.take(MAX_LINE_CHARS).collect();
    if !has_texts {
        return plain;
    }
    let name = plain.split(':').next().unwrap_or_default();
    let is_name = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    format!("{}: reported a problem", if is_name && !name.is_empty() { name } else { "it" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_one_short_line() {
        assert_eq!(line("load: bad\nmagic\n", false), "load: bad magic");
        assert_eq!(line(&"x".repeat(1_000), false).len(), MAX_LINE_CHARS);
    }

    #[test]
    fn where_there_are_texts_only_the_name_is_told() {
        assert_eq!(line("decode: no slot for 'my words'", true), "decode: reported a problem");
        assert_eq!(line("my words: failed", true), "it: reported a problem");
    }
}
