//! The published Rust floor, and which bytes of a text it hides.

use std::ops::Range;

use memchr::memmem;

/// What a placeholder begins with, in the published floor's output as in ours.
const PLACEHOLDER_HEAD: &str = "[REDACTED:";

/// A stretch of the input that the published floor hides.
pub(crate) struct Hidden {
    /// The name in its placeholder.
    pub(crate) rule: String,
    /// Where the stretch lies in the input.
    pub(crate) range: Range<usize>,
}

/// The text as the published floor leaves it.
pub(crate) fn redact(text: &str) -> String {
    published::redact(text).text
}

/// Whether the published floor finds nothing.
pub(crate) fn is_clean(text: &str) -> bool {
    let redacted = published::redact(text);
    redacted.secrets == 0 && redacted.pii == 0
}

/// What the published floor hides in the text, or `None` where its output cannot be laid over the input.
///
/// It tells no positions, so what it kept is looked up in the input, in order; what lies between is hidden.
pub(crate) fn hidden(text: &str) -> Option<Vec<Hidden>> {
    if text.contains(PLACEHOLDER_HEAD) {
        return None;
    }
    let output = redact(text);
    let (first, placeholders) = pieces(&output);
    let Some(last) = placeholders.len().checked_sub(1) else { return Some(Vec::new()) };
    let mut hidden: Vec<Hidden> = Vec::new();
    let mut from = kept_before(first, placeholders.first()?.rule).len();
    if !text.starts_with(text.get(..from)?) || !output.starts_with(text.get(..from)?) {
        return None;
    }
    for (index, placeholder) in placeholders.iter().enumerate() {
        let next_rule = placeholders.get(index + 1).map_or("", |next| next.rule);
        let kept = kept_before(placeholder.kept, next_rule);
        let earliest = from + least_hidden(placeholder.rule);
        let to = if index == last {
            text.len().checked_sub(kept.len()).filter(|_| text.ends_with(kept))?
        } else {
            earliest + memmem::find(text.as_bytes().get(earliest..)?, kept.as_bytes())?
        };
        let range = value_in(text, placeholder.rule, from..to)?;
        hidden.push(Hidden { rule: placeholder.rule.to_owned(), range });
        from = to + kept.len();
    }
    Some(hidden)
}

/// A placeholder and the text that was kept after it.
struct Piece<'a> {
    rule: &'a str,
    kept: &'a str,
}

/// The text before the first placeholder, and the placeholders.
fn pieces(output: &str) -> (&str, Vec<Piece<'_>>) {
    let mut parts = output.split(PLACEHOLDER_HEAD);
    let first = parts.next().unwrap_or_default();
    let placeholders = parts.filter_map(|part| {
        let (rule, kept) = part.split_once(']')?;
        Some(Piece { rule, kept })
    });
    (first, placeholders.collect())
}

/// What stands in the input too of a text before a placeholder: the published floor rewrites
/// what separates a name from its value, the space after `Bearer`, and the user in a URL.
fn kept_before<'a>(kept: &'a str, rule: &str) -> &'a str {
    let rewritten = match rule {
        "env_secret" => "=",
        "bearer" => " ",
        "db_password" => "://<user>:",
        _ => "",
    };
    kept.strip_suffix(rewritten).unwrap_or(kept)
}

/// The shortest stretch that a rule of the published floor hides, as far as it matters for laying out.
fn least_hidden(rule: &str) -> usize {
    match rule {
        "email" | "path" => 6,
        "db_password" => 5,
        "env_secret" => 13,
        _ => 16,
    }
}

/// The stretch without what only separates: that may be kept without giving anything away.
fn value_in(text: &str, rule: &str, range: Range<usize>) -> Option<Range<usize>> {
    let stretch = text.get(range.clone())?;
    let is_separator = |letter: char| letter.is_whitespace() || "\"':=".contains(letter);
    let value = match rule {
        "env_secret" | "bearer" => stretch.trim_start_matches(is_separator),
        "db_password" => stretch.split_once("://").map_or(stretch, |(_, userinfo)| userinfo),
        _ => stretch,
    };
    let start = range.end - value.len();
    let ends = if matches!(rule, "env_secret") { &['"', '\''][..] } else { &[][..] };
    let value = value.trim_end_matches(ends);
    let value = if rule == "db_password" { value.trim_end_matches('@') } else { value };
    Some(start..start + value.len())
}
