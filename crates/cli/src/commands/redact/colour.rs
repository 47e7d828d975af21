//! Colour for placeholders in a terminal.

/// What every placeholder begins with.
const HEAD: &[u8] = b"[REDACTED:";

/// Longest placeholder that is looked for; names are shorter.
const MAX_PLACEHOLDER: usize = 64;

/// Bold magenta, which reads on dark and light.
const BEGIN: &[u8] = b"\x1b[1;35m";
const END: &[u8] = b"\x1b[0m";

/// Returns the text with its placeholders in colour.
pub(super) fn coloured(text: &[u8]) -> Vec<u8> {
    let mut output = Vec::with_capacity(text.len() + text.len() / 8);
    let mut rest = text;
    while let Some(bracket) = rest.iter().position(|&byte| byte == b'[') {
        let (before, from) = rest.split_at(bracket);
        output.extend_from_slice(before);
        let length = placeholder_length(from);
        let (here, after) = from.split_at(length.unwrap_or(1));
        if length.is_some() {
            output.extend([BEGIN, here, END].concat());
        } else {
            output.extend_from_slice(here);
        }
        rest = after;
    }
    output.extend_from_slice(rest);
    output
}

/// The length of the placeholder at the beginning of a text, if there is one.
fn placeholder_length(text: &[u8]) -> Option<usize> {
    let name = text.strip_prefix(HEAD)?;
    let length = name.iter().take(MAX_PLACEHOLDER).position(|&byte| byte == b']')?;
    let is_name = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    name[..length].iter().all(is_name).then_some(HEAD.len() + length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(String::from_utf8_lossy(&coloured(text.as_bytes())), expected);
    }

    #[test]
    fn placeholders_alone_are_coloured() {
        check("a [REDACTED:email], [x]", "a \x1b[1;35m[REDACTED:email]\x1b[0m, [x]");
        check("[REDACTED:", "[REDACTED:");
        check("[REDACTED:No] [[REDACTED:jwt]", "[REDACTED:No] [\x1b[1;35m[REDACTED:jwt]\x1b[0m");
    }
}
