//! A bound on how deep a body nests, checked before anything is parsed.

use memchr::memchr2;

/// Returns whether arrays and objects nest at most `limit` deep. Linear, and blind to validity:
/// what is no JSON is found by the parser.
pub(crate) fn nests_at_most(body: &[u8], limit: usize) -> bool {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = body.get(at) {
        at += 1;
        match byte {
            b'"' => at = end_of_string(body, at),
            b'[' | b'{' => {
                depth += 1;
                if depth > limit {
                    return false;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

/// Returns where the bytes after a string begin. Most of a body is strings, so they are stepped over.
fn end_of_string(body: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(found) = body.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found + 1;
        if body[at - 1] == b'"' {
            return at;
        }
        // What is escaped ends no string.
        at += 1;
    }
    body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_brackets_outside_strings_only() {
        assert!(nests_at_most(br#"{"a":"[[[[[[\"[[["}"#, 1));
        assert!(nests_at_most(&[b'['; 32], 32));
        assert!(!nests_at_most(&[b'['; 33], 32));
        assert!(nests_at_most(br#"["\\","a\"[","#, 1));
        assert!(!nests_at_most(br#"["\\",["\""]]"#, 1));
        assert!(nests_at_most(br#"["\"#, 1));
        assert!(nests_at_most("[],".repeat(100).as_bytes(), 1));
    }
}
