//! What the library reports, as lines on standard error.
#![expect(unsafe_code, reason = "a callback that C calls with a C string")]

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};
use std::io::Write as _;

use llama_cpp_sys_2 as sys;

/// Longest line that is written, and kept.
const MAX_LINE_CHARS: usize = 300;

thread_local! {
    /// What is loaded on this thread, with the last error of it: only then reports are told in full.
    static LOADING: RefCell<Option<Loading>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct Loading {
    error: Option<String>,
}

/// Sends the library's reports to standard error; without it they would go there unfiltered.
pub(super) fn route() {
    // SAFETY: the function is safe to call from any thread for the life of the process; no state is passed.
    unsafe { sys::llama_log_set(Some(report), std::ptr::null_mut()) };
}

/// Does what reads no text of a user, and returns the last error that the library reports meanwhile.
///
/// At all other times a report is told by the name of what reported: its words could repeat captured text.
pub(super) fn loading<R>(work: impl FnOnce() -> R) -> (R, String) {
    LOADING.set(Some(Loading::default()));
    let made = work();
    let error = LOADING.take().and_then(|loading| loading.error);
    (made, error.unwrap_or_else(|| "no reason was given".to_owned()))
}

unsafe extern "C" fn report(level: sys::ggml_log_level, text: *const c_char, _: *mut c_void) {
    if !matches!(level, sys::GGML_LOG_LEVEL_WARN | sys::GGML_LOG_LEVEL_ERROR) || text.is_null() {
        return;
    }
    // SAFETY: not null, and the library passes a string that ends with a zero byte and outlives the call.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    LOADING.with_borrow_mut(|loading| {
        let line = line(&text, loading.is_none());
        if line.is_empty() {
            return;
        }
        // Nobody can be told that standard error is gone.
        let _gone = writeln!(std::io::stderr(), "llama.cpp: {line}");
        if let (sys::GGML_LOG_LEVEL_ERROR, Some(loading)) = (level, loading) {
            loading.error = Some(line);
        }
    });
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
