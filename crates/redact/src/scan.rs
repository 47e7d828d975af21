//! One pass over the text that stops at telling bytes only, and asks the rules that such a byte can begin.
//!
//! Time is linear in the length: a rule looks a bounded number of bytes around, or consumes what it looked
//! at, or looks at a stretch that no other stop of the same rule looks at again (`Scanner` remembers where
//! runs end for that).

use crate::bytes::{Charset, byte_at, count_work, end_of, placeholder_end, starts_at};
use crate::engine::{Form, Span};
use crate::rule::{KEY_FORMS, Rule};
use crate::{address, assignment, key, pem};

/// Bytes that begin or end a form without being the last byte of a key's head.
const STOPS: &[u8] = b"[@:=/-.JBb";

/// Whether the scanner stops at a byte.
static IS_STOP: [bool; 256] = stops();

const fn stops() -> [bool; 256] {
    let mut table = [false; 256];
    let mut at = 0;
    while at < STOPS.len() {
        table[STOPS[at] as usize] = true;
        at += 1;
    }
    at = 0;
    while at < KEY_FORMS.len() {
        let head = KEY_FORMS[at].head.as_bytes();
        table[head[head.len() - 1] as usize] = true;
        at += 1;
    }
    table
}

/// Everything that the rules find, in no order and overlapping.
pub(crate) fn scan(text: &[u8]) -> Vec<Span> {
    let mut scanner = Scanner::new(text);
    let mut from = 0;
    while let Some(stop) = next_stop(text, from) {
        from = scanner.look_at(stop);
    }
    key::find_aws_secret_keys(&mut scanner);
    scanner.spans
}

fn next_stop(text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let skipped = rest.iter().position(|&byte| IS_STOP[usize::from(byte)]);
    count_work(skipped.unwrap_or(rest.len()) + 1);
    skipped.map(|skipped| from + skipped)
}

/// The text, what was found in it, and what is remembered so that no stretch is measured twice.
pub(crate) struct Scanner<'t> {
    pub(crate) text: &'t [u8],
    pub(crate) spans: Vec<Span>,
    /// For each character set the last run measured, from where it was measured to its end.
    runs: [(usize, usize); Charset::COUNT],
    /// No token of three parts starts before this.
    pub(crate) no_jwt_before: usize,
    /// No last line of a private key begins between the first line looked at last and this.
    pub(crate) no_pem_tail_before: usize,
    /// The last stretch searched for the end of a URL's password.
    pub(crate) userinfo: (usize, usize),
    /// The `@` after the last password in a URL, which is no e-mail address's.
    pub(crate) host_sign: Option<usize>,
    /// Where the last value of an assignment ended.
    pub(crate) value_end: usize,
    /// Where the last home path ended.
    pub(crate) path_end: usize,
}

impl<'t> Scanner<'t> {
    fn new(text: &'t [u8]) -> Self {
        Self {
            text,
            spans: Vec::new(),
            runs: [(0, 0); Charset::COUNT],
            no_jwt_before: 0,
            no_pem_tail_before: 0,
            userinfo: (0, 0),
            host_sign: None,
            value_end: 0,
            path_end: 0,
        }
    }

    /// Asks the rules that the byte can begin, and says where to go on.
    fn look_at(&mut self, at: usize) -> usize {
        match byte_at(self.text, at) {
            Some(b'[') => return placeholder_end(self.text, at).unwrap_or(at + 1),
            Some(b'@') => address::find_email(self, at),
            Some(b':') => {
                address::find_url_password(self, at);
                address::find_windows_home(self, at);
                assignment::find_assignment(self, at);
            }
            Some(b'=') => assignment::find_assignment(self, at),
            Some(b'/') => address::find_home(self, at),
            Some(b'B' | b'b') => assignment::find_authorization(self, at),
            Some(b'J') => key::find_jwt(self, at),
            Some(b'-') if starts_at(self.text, at, pem::HEAD) => {
                if let Some(end) = pem::find_private_key(self, at) {
                    return end;
                }
            }
            Some(b'.') => key::find_discord_token(self, at),
            _ => {}
        }
        key::find_keys(self, at);
        at + 1
    }

    /// Where the run of such bytes ends that `from` is in.
    pub(crate) fn run_end(&mut self, charset: Charset, from: usize) -> usize {
        let run = &mut self.runs[charset.index()];
        if from < run.0 || from >= run.1 {
            *run = (from, end_of(self.text, from, |byte| charset.has(byte)));
        }
        run.1
    }

    /// Notes a finding.
    pub(crate) fn found(&mut self, rule: Rule, start: usize, end: usize) {
        self.spans.push(Span { rule, start, end, form: Form::Plain });
    }
}

#[cfg(test)]
mod tests {
    use super::scan;
    use crate::bytes::WORK;

    /// Most bytes looked at for a byte of text, whatever the text.
    const MAX_WORK_PER_BYTE: usize = 12;

    /// Long enough that work which grows faster than the text shows: longer than any look-around.
    const LENGTH: usize = 100_000;

    fn work(text: &[u8]) -> usize {
        WORK.set(0);
        scan(text);
        WORK.get()
    }

    #[test]
    fn work_grows_with_the_length_only() {
        let units = [
            "a",
            "A",
            "0",
            " ",
            "=",
            ":",
            "@",
            "/",
            "-",
            "_",
            ".",
            "\\",
            "\"",
            "'",
            "[",
            "J",
            "KEY",
            "KEY=",
            "KEY:",
            "A_KEY=",
            "A_KEY= ",
            "A_KEY=\"",
            "token=",
            "token:",
            "token=\"",
            "token=\\\"",
            "password='\"",
            "password: ",
            "a@",
            "a@a.",
            "@a.b",
            "a.",
            ".aaaaaa.",
            "eyJ",
            "eyJaaaaaaaaaa.",
            "eyJaaaaaaaaaa.b",
            "sk-",
            "sk-a",
            "sk-ant-",
            "ghp_",
            "github_pat_",
            "sk_live_",
            "xoxb-",
            "AIza",
            "AKIA",
            "glpat-",
            "SG.",
            "ya29.",
            "Bearer ",
            "bearer a/",
            "Basic ",
            "authorization: basic ",
            "://",
            "a://",
            "postgres://",
            "postgres://u:",
            "postgres://u:[",
            "https://u:",
            "https://u:p@",
            "mysql://u:p@a@",
            "/home/",
            "/home/[",
            "/root/",
            "C:\\Users\\",
            "C:\\\\Users\\\\",
            "-----",
            "-----BEGIN ",
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\"",
            "-----END ",
            "[REDACTED:",
            "[REDACTED:email]",
            "[REDACTED:email]a",
            "é",
            "%3D",
            "\\n",
            "\\u003d",
            "\u{1b}[31m",
        ];
        for unit in units {
            for tail in ["", "@h", "\"", " ", ".com", "-----END PRIVATE KEY-----"] {
                let text = unit.repeat(LENGTH / unit.len()) + tail;
                let looked_at = work(text.as_bytes());
                assert!(
                    looked_at <= text.len() * MAX_WORK_PER_BYTE,
                    "{looked_at} for {unit:?}, {tail:?}"
                );
            }
        }
    }

    #[test]
    fn nested_quotes_cost_no_more_than_flat_ones() {
        let mut nested = String::new();
        for depth in 0..400 {
            nested.push_str("token:");
            nested.push_str(&"\\".repeat(depth));
            nested.push('"');
        }
        assert!(work(nested.as_bytes()) <= nested.len() * MAX_WORK_PER_BYTE);
    }
}
