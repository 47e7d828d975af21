//! What a token looks like: a word, or something that names one thing and so gives its input away.

use crate::gate::LeakError;
use crate::vocabulary::VOCABULARY;

/// A token of so many characters is hardly a word.
const LONG_CHARS: usize = 24;

/// Letters and digits in one token of at least so many characters are a hash or a key.
const MIN_MIXED_CHARS: usize = 6;

/// Visits every token of a folded text, and every part of a token that is a token of its own: the parts of
/// a path, of an address, of a dotted name. Each is visited a fixed number of times.
pub(super) fn each_token<'a>(folded: &'a str, visit: &mut impl FnMut(&'a str)) {
    for token in folded.split(|c: char| !is_token_character(c)) {
        let token = trim(token);
        if token.is_empty() {
            continue;
        }
        visit(token);
        each_part(token, &['/', '\\', ':', '@'], visit, &mut |part, visit| {
            each_part(part, &['.'], visit, &mut |_, _| ());
        });
    }
}

fn each_part<'a, V: FnMut(&'a str)>(
    token: &'a str,
    marks: &[char],
    visit: &mut V,
    below: &mut impl FnMut(&'a str, &mut V),
) {
    for part in token.split(marks).map(trim).filter(|part| !part.is_empty()) {
        if part.len() < token.len() {
            visit(part);
        }
        below(part, visit);
    }
}

/// Letters, digits, and the marks that hold names together. Scripts without spaces hold no names together.
fn is_token_character(c: char) -> bool {
    (c.is_alphanumeric() && c < '\u{2E80}') || "_-.@/\\:~".contains(c)
}

fn trim(token: &str) -> &str {
    token.trim_end_matches(['.', ':', '-', '_', '@']).trim_start_matches([':', '-', '_', '@'])
}

/// The letters and digits of a token, in lower case: how it is compared.
pub(super) fn squeeze(token: &str) -> String {
    token.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// What a token gives away if it stands in the input; `None` for a word.
pub(super) fn shape_of(token: &str) -> Option<LeakError> {
    if is_long(token) {
        return Some(LeakError::LongToken);
    }
    if token.contains("://") || token.starts_with("www.") {
        return Some(LeakError::Url);
    }
    if token.split_once('@').is_some_and(|(before, after)| has_letter(before) && has_letter(after))
    {
        return Some(LeakError::Email);
    }
    if is_path(token) {
        return Some(LeakError::Path);
    }
    is_identifier(token).then_some(LeakError::Identifier)
}

/// Whether a token is longer than words are.
pub(super) fn is_long(token: &str) -> bool {
    token.chars().nth(LONG_CHARS - 1).is_some()
}

fn has_letter(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

fn is_path(token: &str) -> bool {
    let marks = token.chars().filter(|c| matches!(c, '/' | '\\')).count();
    let is_rooted =
        token.starts_with(['/', '~']) || token.starts_with("./") || token.contains('\\');
    let is_plain = |part: &str| {
        part.chars().all(char::is_numeric)
            || part.chars().count() <= 3
            || VOCABULARY.may_say(&part.to_lowercase())
    };
    match marks {
        0 => false,
        _ if is_rooted => token.chars().any(char::is_alphanumeric),
        // What is written for "or": `client/server`.
        1 | 2 => !token.split('/').all(is_plain),
        _ => true,
    }
}

fn is_identifier(token: &str) -> bool {
    let squeezed = squeeze(token);
    if squeezed.is_empty() || VOCABULARY.is_common_form(&squeezed) {
        return false;
    }
    let has_digit = token.chars().any(char::is_numeric);
    let has_letter = token.chars().any(char::is_alphabetic);
    if !has_letter {
        return false;
    }
    let is_joined = |mark: char| token.split(mark).filter(|part| !part.is_empty()).count() > 1;
    let is_dotted = is_joined('.')
        && token
            .split('.')
            .all(|part| part.chars().count() > 1 || part.chars().all(char::is_numeric));
    is_joined('_')
        || token.contains("::")
        || is_dotted
        || is_camel(token)
        || (has_digit && is_joined('-'))
        || (has_digit && squeezed.chars().count() >= MIN_MIXED_CHARS && !is_ordinal(&squeezed))
}

/// `camelCase` and `PascalCase`; a capital after a hyphen or at the start is none.
fn is_camel(token: &str) -> bool {
    let mut letters = token.chars().zip(token.chars().skip(1));
    letters.any(|(left, right)| left.is_lowercase() && right.is_uppercase())
}

/// A number with a unit or ending, such as `1800kcal` or `1990s`; its digits count by themselves.
fn is_ordinal(squeezed: &str) -> bool {
    let letters = squeezed.trim_start_matches(|c: char| c.is_numeric());
    letters.len() <= 4 && letters.chars().all(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_told_from_words() {
        for (token, shape) in [
            ("word", None),
            ("client/server", None),
            ("well-known", None),
            ("JavaScript", None),
            ("utf-8", None),
            ("user_id", Some(LeakError::Identifier)),
            ("getUserName", Some(LeakError::Identifier)),
            ("acme-7", Some(LeakError::Identifier)),
            ("db.internal", Some(LeakError::Identifier)),
            ("3f2a9c1d", Some(LeakError::Identifier)),
            ("src/zebra/main", Some(LeakError::Path)),
            ("/etc/passwd", Some(LeakError::Path)),
            ("https://a.b/c", Some(LeakError::Url)),
            ("jane@example.com", Some(LeakError::Email)),
            ("abcdefghijklmnopqrstuvwx", Some(LeakError::LongToken)),
        ] {
            assert_eq!(shape_of(token), shape, "{token}");
        }
    }

    #[test]
    fn parts_of_a_path_are_tokens() {
        let mut seen = Vec::new();
        each_token("see src/main_loop.rs, please", &mut |token| seen.push(token));
        assert_eq!(
            seen,
            ["see", "src/main_loop.rs", "src", "main_loop.rs", "main_loop", "rs", "please"]
        );
    }
}
