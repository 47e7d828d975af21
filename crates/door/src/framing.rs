//! How each request of a connection says where its body ends, as the bytes have it.
//!
//! The HTTP library settles a request that gives both a length and a coding by dropping the length, and
//! shows no trace of it. Whoever stood in front of us may have settled it the other way, and taken a part
//! of the body for a request of its own (request smuggling). So the heads are looked at as they come.

use std::collections::VecDeque;

/// Longest line whose value is read: a length with some room.
const MAX_LINE_BYTES: usize = 128;

/// How one request says where its body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// By a length, or there is none.
    Length,
    /// By a coding. What follows is not looked at, so that nothing may follow.
    Coding,
    /// By both, which is refused.
    Both,
}

/// Where the next byte belongs.
#[derive(Clone, Copy, Debug)]
enum Place {
    Head,
    /// A body with so many bytes left.
    Body(u64),
    /// Behind a request that is the last of its connection.
    Beyond,
}

/// Reads the heads of a connection alongside the HTTP library.
#[derive(Debug)]
pub(crate) struct Heads {
    place: Place,
    line: Vec<u8>,
    line_bytes: usize,
    has_begun: bool,
    length: Option<u64>,
    has_length: bool,
    has_coding: bool,
    /// Heads that are whole and not asked for yet, the oldest first.
    whole: VecDeque<Framing>,
}

impl Default for Heads {
    fn default() -> Self {
        Self {
            place: Place::Head,
            line: Vec::with_capacity(MAX_LINE_BYTES),
            line_bytes: 0,
            has_begun: false,
            length: Some(0),
            has_length: false,
            has_coding: false,
            whole: VecDeque::new(),
        }
    }
}

impl Heads {
    /// Takes bytes as they come from the socket.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            match self.place {
                Place::Head => {
                    self.read_head(byte);
                    bytes = rest;
                }
                Place::Body(left) => {
                    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = &bytes[taken..];
                    let left = left - taken as u64;
                    self.place = if left == 0 { Place::Head } else { Place::Body(left) };
                }
                Place::Beyond => return,
            }
        }
    }

    /// Returns the framing of the oldest head that was not asked for yet.
    pub(crate) fn next(&mut self) -> Option<Framing> {
        self.whole.pop_front()
    }

    fn read_head(&mut self, byte: u8) {
        if byte != b'\n' {
            self.line_bytes += 1;
            if self.line.len() < MAX_LINE_BYTES {
                self.line.push(byte);
            }
            return;
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        if self.line.is_empty() {
            // Empty lines before a head are nobody's.
            if self.has_begun {
                self.end_head();
            }
        } else {
            self.has_begun = true;
            self.read_field();
        }
        self.line.clear();
        self.line_bytes = 0;
    }

    fn read_field(&mut self) {
        let mut parts = self.line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { return };
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.has_coding = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let is_whole = self.line_bytes <= MAX_LINE_BYTES;
            let value = std::str::from_utf8(value.trim_ascii()).unwrap_or_default();
            self.length = value.parse().ok().filter(|_| is_whole);
            self.has_length = true;
        }
    }

    fn end_head(&mut self) {
        let (framing, place) = match (self.has_length, self.has_coding, self.length) {
            (true, true, _) => (Framing::Both, Place::Beyond),
            (_, false, Some(0)) => (Framing::Length, Place::Head),
            (_, false, Some(length)) => (Framing::Length, Place::Body(length)),
            _ => (Framing::Coding, Place::Beyond),
        };
        self.whole.push_back(framing);
        let whole = std::mem::take(&mut self.whole);
        *self = Self { place, whole, line: std::mem::take(&mut self.line), ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However the bytes are cut, the heads are the same.
    fn check(text: &str, expected: &[Framing]) {
        for size in [1, 7, text.len()] {
            let mut heads = Heads::default();
            text.as_bytes().chunks(size).for_each(|piece| heads.read(piece));
            let found: Vec<Framing> = std::iter::from_fn(|| heads.next()).collect();
            assert_eq!(found, expected, "{text:?} in pieces of {size}");
        }
    }

    #[test]
    fn each_head_is_read_where_the_body_before_it_ends() {
        use Framing::{Both, Coding, Length};
        check("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n", &[Length, Length]);
        check("\r\n\r\nGET / HTTP/1.1\n\nGET", &[Length]);
        let hidden = "transfer-encoding: chunked\r\n\r\n";
        let body = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{hidden}", hidden.len());
        check(&format!("{body}{body}"), &[Length, Length]);
        check(&format!("POST / HTTP/1.1\r\nCONTENT-LENGTH:5\r\n{hidden}"), &[Both]);
        check(
            "POST / HTTP/1.1\r\nTransfer-encoding: chunked\r\nContent-Length: 5\r\n\r\n",
            &[Both],
        );
        check(&format!("POST / HTTP/1.1\r\n{hidden}0\r\n\r\nGET / HTTP/1.1\r\n\r\n"), &[Coding]);
        check("POST / HTTP/1.1\r\nContent-Length: soon\r\n\r\n", &[Coding]);
        let spaces = " ".repeat(200);
        check(&format!("POST / HTTP/1.1\r\nContent-Length:{spaces}5\r\n\r\n"), &[Coding]);
        check(&format!("GET /{spaces} HTTP/1.1\r\nHost: a\r\n\r\n"), &[Length]);
    }
}
