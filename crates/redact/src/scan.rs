//! One pass over the text: classes of bytes as bits, and from them the few places that a rule can begin at.
//!
//! Time is linear in the length: a rule looks a bounded number of bytes around, or consumes what it looked
//! at, or looks at a stretch that no other place of the same rule looks at again (`Scanner` remembers where
//! runs end for that).
//!
//! A rule looks at its own line only, but for four: a private key goes on to its last line, a value may stand on
//! the line after its name, what follows a line that opens something belongs to that line, and the end of
//! wrapped data is known by the line before it.
//! [`crate::cut`] knows these, so that text in pieces gives what the whole gives.

use crate::bytes::{
    Charset, PLACEHOLDER_HEAD, byte_at, byte_before, end_of, is_in_placeholder, placeholder_end,
    slice, start_of,
};
use crate::engine::{Form, Span};
use crate::floor::Settings;
use crate::masks::{BATCH, BEHIND, BLOCK, Masks};
use crate::rule::Rule;
use crate::run::Made;
use crate::{address, assignment, element, hash, header, mention, number, option, path, pem, run};

/// Everything that the rules find, in no order and overlapping.
pub(crate) fn scan(text: &[u8], settings: &Settings) -> Vec<Span> {
    let mut scanner = Scanner::new(text, settings);
    let mut masks = [Masks::default(); BATCH];
    let mut carry = Carry::default();
    for start in (0..text.len()).step_by(BATCH * BLOCK) {
        let blocks = (text.len() - start).div_ceil(BLOCK).min(BATCH);
        let masks = &mut masks[..blocks];
        let window =
            start.checked_sub(BEHIND).and_then(|from| text.get(from..start + blocks * BLOCK));
        if let Some(window) = window {
            (settings.fill)(window, masks);
        } else {
            fill_edge(text, start, settings, masks);
        }
        for (block, masks) in masks.iter().enumerate() {
            scanner.look_at_block(start + block * BLOCK, masks, &mut carry);
        }
    }
    if text.len().is_multiple_of(BLOCK) {
        // A run that fills the last block ends behind it.
        scanner.look_at_block(text.len(), &Masks::default(), &mut carry);
    }
    scanner.spans
}

/// Classifies what stands at an edge of the text, as if zeros stood around it.
fn fill_edge(text: &[u8], start: usize, settings: &Settings, masks: &mut [Masks]) {
    let mut window = [0; BEHIND + BATCH * BLOCK];
    let from = start.saturating_sub(BEHIND);
    let here = text.get(from..text.len().min(start + masks.len() * BLOCK)).unwrap_or_default();
    let offset = BEHIND - (start - from);
    for (place, byte) in window.iter_mut().skip(offset).zip(here) {
        *place = *byte;
    }
    (settings.fill)(window.get(..BEHIND + masks.len() * BLOCK).unwrap_or_default(), masks);
}

/// What the masks of a block depend on in the block before.
#[derive(Default)]
struct Carry {
    token: u64,
    joint: u64,
    digit: u64,
    /// Runs of at least 1, 2, 4, 8 and 16 bytes.
    runs: [u64; 5],
    /// Groups of at least 1, 2, 4 and 7 bytes.
    groups: [u64; 4],
}

/// The bits `count` places on, with those of the block before that this moves in.
const fn moved(mask: u64, before: u64, count: u32) -> u64 {
    mask << count | before >> (64 - count)
}

/// The text, what was found in it, and what is remembered so that no stretch is measured twice.
pub(crate) struct Scanner<'t> {
    pub(crate) text: &'t [u8],
    pub(crate) settings: &'t Settings,
    pub(crate) spans: Vec<Span>,
    /// For each character set the last run measured, from where it was measured to its end.
    runs: [(usize, usize); Charset::COUNT],
    /// Start and end of the last key by its own form.
    covered: (usize, usize),
    /// Start and end of the last private key.
    pub(crate) pem: (usize, usize),
    /// No token of three parts starts before this.
    pub(crate) no_jwt_before: usize,
    /// No last line of a private key begins between the first line looked at last and this.
    pub(crate) no_pem_tail_before: usize,
    /// From where the last line of a private key was searched, and where it ends.
    pub(crate) pem_tail: Option<(usize, usize)>,
    /// The last stretch searched for the end of a URL's password.
    pub(crate) userinfo: (usize, usize),
    /// The `@` after the last password in a URL, which is no e-mail address's.
    pub(crate) host_sign: Option<usize>,
    /// Start and end of the last value that a name or a scheme before it gave away.
    value: (usize, usize),
    /// Where the last home path ended.
    pub(crate) path_end: usize,
    /// Where the last group of digits ended.
    pub(crate) group_end: usize,
}

impl<'t> Scanner<'t> {
    fn new(text: &'t [u8], settings: &'t Settings) -> Self {
        Self {
            text,
            settings,
            spans: Vec::new(),
            runs: [(0, 0); Charset::COUNT],
            covered: (0, 0),
            pem: (0, 0),
            no_jwt_before: 0,
            no_pem_tail_before: 0,
            pem_tail: None,
            userinfo: (0, 0),
            host_sign: None,
            value: (0, 0),
            path_end: 0,
            group_end: 0,
        }
    }

    /// Asks the rules that the bytes of a block can begin.
    #[inline]
    fn look_at_block(&mut self, start: usize, masks: &Masks, carry: &mut Carry) {
        let before = (carry.token, carry.joint, carry.digit);
        let mark = masks.mark & moved(masks.alnum | masks.joint, carry.token, 1);
        let runs = ends_of_runs(masks, carry);
        let groups = eroded_groups(masks, carry);
        // In the order of the text, whatever is found: what a rule remembers must not depend on where blocks begin.
        let mut places = masks.rare | runs | masks.assigned | mark | groups;
        while places != 0 {
            let bit = places.trailing_zeros() as usize;
            let is_in = |mask: u64| mask >> bit & 1 != 0;
            if is_in(masks.assigned) {
                assignment::look_at(self, (start + bit).saturating_sub(1));
            }
            if is_in(runs) {
                self.look_at_run(start, bit, masks, before);
            }
            if is_in(mark) {
                self.look_at_mark(start + bit);
            }
            if is_in(masks.rare) {
                self.look_at_rare(start + bit);
            }
            if is_in(groups) {
                number::look_at(self, start + bit);
            }
            places &= places - 1;
        }
        (carry.token, carry.joint, carry.digit) =
            (masks.alnum | masks.joint, masks.joint, masks.digit);
    }

    /// Looks at the run that ends before the byte of that bit.
    #[inline]
    fn look_at_run(&mut self, start: usize, bit: usize, masks: &Masks, before: (u64, u64, u64)) {
        let (token, joint, digit) = before;
        let to = start + bit;
        // How many bytes of the run lie here, and in the block before.
        let gaps = !(masks.alnum | masks.joint);
        let behind = if bit == 0 { 0 } else { gaps << (BLOCK - bit) };
        let here = bit.min(behind.leading_zeros() as usize);
        let there = if here < bit { 0 } else { (!token).leading_zeros() as usize };
        let length = here + there;
        let from = if there == BLOCK {
            start_of(self.text, start, |byte| Charset::RUN.has(byte))
        } else {
            to - length
        };
        let made = (length <= BLOCK && there < BLOCK).then(|| {
            let bits = |now: u64, earlier: u64| {
                let both = if there == 0 {
                    now >> (bit - here)
                } else {
                    earlier >> (BLOCK - there) | now << there
                };
                both & u64::MAX >> (BLOCK - length)
            };
            Made { joint: bits(masks.joint, joint), digit: bits(masks.digit, digit) }
        });
        if !self.is_covered(from) || !self.is_covered(to - 1) {
            run::look_at(self, from, to, made);
        }
    }

    fn look_at_mark(&mut self, at: usize) {
        match byte_at(self.text, at) {
            Some(b'@') => address::find_email(self, at, 1),
            Some(b'%') => address::look_at_percent(self, at),
            Some(b'$') => hash::look_at(self, at),
            _ => element::look_at(self, at),
        }
    }

    fn look_at_rare(&mut self, at: usize) {
        match byte_at(self.text, at) {
            Some(b'-') => pem::look_at(self, at),
            Some(_) if byte_before(self.text, at) == Some(b'-') => option::look_at(self, at),
            Some(b'r' | b'R') => header::look_at_bearer(self, at),
            Some(b'o' | b'O' | b's' | b'S') => path::look_at(self, at),
            Some(b' ' | b'w' | b'W' | b'p' | b'P' | b'c' | b'C') => mention::look_at(self, at),
            _ => assignment::look_at_wide(self, at),
        }
    }

    /// Where the run of such bytes ends that `from` is in.
    pub(crate) fn run_end(&mut self, charset: Charset, from: usize) -> usize {
        let Some(run) = self.runs.get_mut(charset.index()) else { return from };
        if from < run.0 || from >= run.1 {
            *run = (from, end_of(self.text, from, |byte| charset.has(byte)));
        }
        run.1
    }

    /// Notes a finding.
    ///
    /// A placeholder is never a part of one: what follows it in the span is left for the next look.
    pub(crate) fn found(&mut self, rule: Rule, start: usize, end: usize) {
        if is_in_placeholder(self.text, start) {
            return;
        }
        let here = slice(self.text, start, end);
        let end = memchr::memmem::find(here, PLACEHOLDER_HEAD)
            .filter(|&at| placeholder_end(self.text, start + at).is_some())
            .map_or(end, |at| start + at);
        if start < end {
            let is_number = slice(self.text, start, end).iter().all(u8::is_ascii_digit);
            let form = if is_number { Form::Number } else { Form::Plain };
            self.spans.push(Span { rule, start, end, form });
        }
    }

    /// Notes a key by its own form: nothing in it needs another look for keys.
    pub(crate) fn found_key(&mut self, rule: Rule, start: usize, end: usize) {
        self.found(rule, start, end);
        self.covered = (start, end);
    }

    /// Notes a value that what stands before it gave away.
    pub(crate) fn found_value(&mut self, rule: Rule, start: usize, end: usize) {
        self.found(rule, start, end);
        self.value = (start, end);
    }

    /// Whether such a value was found here.
    pub(crate) fn is_value(&self, at: usize) -> bool {
        (self.value.0..self.value.1).contains(&at)
    }

    /// Whether a key by its own form was found here.
    pub(crate) fn is_covered(&self, at: usize) -> bool {
        (self.covered.0..self.covered.1).contains(&at) || (self.pem.0..self.pem.1).contains(&at)
    }
}

/// The byte behind each run of sixteen and more.
#[inline]
fn ends_of_runs(masks: &Masks, carry: &mut Carry) -> u64 {
    let one = masks.alnum | masks.joint;
    let two = one & moved(one, carry.runs[0], 1);
    let four = two & moved(two, carry.runs[1], 2);
    let eight = four & moved(four, carry.runs[2], 4);
    let sixteen = eight & moved(eight, carry.runs[3], 8);
    let ends = moved(sixteen, carry.runs[4], 1) & !one;
    carry.runs = [one, two, four, eight, sixteen];
    ends
}

/// The seventh byte of each group of digits and separators of which no more than two stand together.
#[inline]
fn eroded_groups(masks: &Masks, carry: &mut Carry) -> u64 {
    let after_digit = moved(masks.digit, carry.digit, 1) | moved(masks.digit, carry.digit, 2);
    let one = masks.digit | (masks.separator & after_digit);
    let two = one & moved(one, carry.groups[0], 1);
    let four = two & moved(two, carry.groups[1], 2);
    let seven = four & moved(four, carry.groups[2], 3);
    let first = seven & !moved(seven, carry.groups[3], 1);
    carry.groups = [one, two, four, seven];
    first
}

#[cfg(test)]
mod tests {
    use super::{Settings, scan};
    use crate::bytes::WORK;

    /// Most bytes looked at for a byte of text, whatever the text.
    const MAX_WORK_PER_BYTE: usize = 64;

    /// Long enough that work which grows faster than the text shows: longer than any look-around.
    const LENGTH: usize = 100_000;

    /// What makes a rule look, each repeated to that length.
    const UNITS: &[&str] = &[
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
        "password ",
        "password is ",
        "password(\"",
        "password (",
        "'password', '",
        "name: password\nvalue: ",
        "--pass ",
        "passphrase: a ",
        "passphrase: abc ",
        "password='a1b2 ",
        "mysql -p",
        " -p",
        "：",
        "密码：",
        "a@tcp(",
        "sqlplus a/",
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

    fn work(text: &[u8]) -> usize {
        WORK.set(0);
        scan(text, &Settings { fill: crate::masks::fastest(), finds_ip: true });
        WORK.get()
    }

    #[test]
    fn work_grows_with_the_length_only() {
        for unit in UNITS {
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
