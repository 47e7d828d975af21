//! Elements of markup whose name or attributes tell: `<password>…</password>`.

use crate::bytes::{
    Charset, ahead, byte_at, byte_before, end_of, end_of_blank, slice, start_of, starts_at, up_to,
};
use crate::name::{Telling, may_tell, telling_end};
use crate::rule::ENV_SECRET;
use crate::run;
use crate::scan::Scanner;
use crate::value::is_secret;

/// Longest rest of a start tag behind what tells in it.
const MAX_TAG: usize = 96;

/// What may stand before the text of an element.
const CDATA: &[u8] = b"<![CDATA[";

/// Looks at the element whose start tag ends with the `>` at `at`.
pub(crate) fn look_at(scanner: &mut Scanner<'_>, at: usize) {
    let text = scanner.text;
    if !may_tell(text, at) || scanner.is_value(at) {
        return;
    }
    let start = start_of(slice(text, 0, at), at, |byte| Charset::DOTTED.has(byte) || byte == b':');
    let Some(telling) = telling_end(text, at) else {
        return;
    };
    if byte_before(text, start) == Some(b'<')
        && let Some((start, end)) = content(text, at, telling)
    {
        scanner.found_value(ENV_SECRET, start, end);
    }
}

/// Start and end of the secret in the element in whose start tag, before `from`, a word for password stands.
pub(crate) fn content_behind(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let rest = ahead(text, from, MAX_TAG);
    let length = rest.iter().position(|byte| matches!(byte, b'>' | b'<' | b'\n'))?;
    let is_open = rest.get(length) == Some(&b'>') && !slice(rest, 0, length).ends_with(b"/");
    is_open.then(|| content(text, from + length, Telling::Password)).flatten()
}

/// Start and end of the secret behind the start tag that ends with the `>` at `at`.
fn content(text: &[u8], at: usize, telling: Telling) -> Option<(usize, usize)> {
    let blank = end_of_blank(text, at + 1);
    let start = if starts_at(text, blank, CDATA) { blank + CDATA.len() } else { blank };
    // A string of JSON that holds the element may end before it.
    let end = end_of(up_to(text, start + run::MAX_RUN), start, |byte| {
        !matches!(byte, b'<' | b'[' | b']' | b'"' | b'\\') && !Charset::SPACE.has(byte)
    });
    let is_ended = byte_at(text, end)
        .is_some_and(|byte| matches!(byte, b'<' | b'"' | b'\\') || Charset::SPACE.has(byte))
        || starts_at(text, end, b"]]>");
    (is_ended && is_secret(slice(text, start, end), telling)).then_some((start, end))
}
