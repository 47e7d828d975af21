//! A bound on how deep a body nests, checked before anything is parsed.

/// Returns whether arrays and objects nest at most `limit` deep. Linear, and blind to validity:
/// what is no JSON is found by the parser.
pub(crate) fn nests_at_most(body: &[u8], limit: usize) -> bool {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for &byte in body {
        if in_string {
            if escaped {
                escaped = false;
            } else if byte == b'\\' {
                escaped = true;
            } else if byte == b'"' {
                in_string = false;
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_brackets_outside_strings_only() {
        assert!(nests_at_most(br#"{"a":"[[[[[[\"[[["}"#, 1));
        assert!(nests_at_most(&[b'['; 32], 32));
        assert!(!nests_at_most(&[b'['; 33], 32));
        assert!(nests_at_most("[],".repeat(100).as_bytes(), 1));
    }
}
