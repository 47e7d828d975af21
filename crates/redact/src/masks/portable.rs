//! Without instructions of one processor: compilers turn these loops into whatever there is.

use super::{BEHIND, BLOCK, Masks};

/// Fills masks on any processor.
pub(crate) fn fill(window: &[u8], masks: &mut [Masks]) {
    for (block, masks) in masks.iter_mut().enumerate() {
        let start = block * BLOCK;
        let Some(bytes) = window.get(start..start + BEHIND + BLOCK) else {
            return;
        };
        *masks = classify(bytes);
    }
}

fn classify(window: &[u8]) -> Masks {
    let Some((window, _)) = window.split_first_chunk::<{ BEHIND + BLOCK }>() else {
        return Masks::default();
    };
    let mut classes = [[0_u8; BLOCK]; 7];
    let [alnum, joint, digit, separator, assigned, mark, rare] = &mut classes;
    for at in 0..BLOCK {
        let (third, second, first, here) =
            (window[at], window[at + 1], window[at + 2], window[at + BEHIND]);
        let is = |byte: u8, other: u8| u8::from(byte == other);
        let is_within = |byte: u8, first: u8, count: u8| u8::from(byte.wrapping_sub(first) < count);
        let is_digit = is_within(here, b'0', 10);
        let plus_slash_dash = is(here, b'+') | is(here, b'/') | is(here, b'-');
        let (here_folded, first_folded, second_folded) = (here | 0x20, first | 0x20, second | 0x20);
        let s_or_o = is(here_folded, b's') | is(here_folded, b'o');
        let slash = is(second, b'/') | is(second, b'\\');
        let h_u_r = is(first_folded, b'h') | is(first_folded, b'u') | is(first_folded, b'r');
        let double_s = is(second_folded, b's') & is(first_folded, b's');
        let w_p_c = is(here_folded, b'w') | is(here_folded, b'p') | is(here_folded, b'c');
        let space = is(here, b' ');
        let third_a = is(third | 0x20, b'a');
        let a_r = third_a & is(second_folded, b'r');
        let e_r = is(first_folded, b'e') & is(here_folded, b'r');
        let option = is(second, b' ') & is(first, b'-') & (w_p_c | is(here_folded, b'a'));
        let wide = is(first, 0xEF);
        let dashes = is(here, b'-') & is(first, b'-') & is(second, b'-') & is(third, b'-');
        alnum[at] = is_within(here_folded, b'a', 26) | is_digit;
        joint[at] = plus_slash_dash | is(here, b'_');
        digit[at] = is_digit;
        separator[at] = plus_slash_dash | space | is(here, b'.') | is(here, b'(') | is(here, b')');
        let colon = is(first, b':') & !(is(here, b':') | is(second, b':'));
        let no_equals = is(second, b'=') | is(second, b':') | is(second, b'!');
        let equals = is(first, b'=') & !(is(here, b'=') | no_equals);
        assigned[at] = colon | equals;
        mark[at] = is(here, b'@') | is(here, b'%') | is(here, b'>') | is(here, b'$');
        rare[at] = (slash & h_u_r & s_or_o)
            | (double_s & (w_p_c | (third_a & space)))
            | (a_r & e_r)
            | dashes
            | option
            | wide;
    }
    Masks {
        alnum: bits(alnum),
        joint: bits(joint),
        digit: bits(digit),
        separator: bits(separator),
        assigned: bits(assigned),
        mark: bits(mark),
        rare: bits(rare),
    }
}

/// One bit for each byte, which is 0 or 1.
fn bits(bytes: &[u8; BLOCK]) -> u64 {
    bytes.as_chunks::<8>().0.iter().rev().fold(0, |bits, eight| {
        // The product gathers the lowest bit of each byte in the highest byte.
        bits << 8 | u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56
    })
}
