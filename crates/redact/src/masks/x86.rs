//! With the vector instructions of x86-64. The only unsafe code of the crate.
//!
//! Two things are unsafe here. The loads: each reads `LANE` bytes at an offset of at most
//! `BEHIND + BLOCK - LANE` into a slice that was checked to be `BEHIND + BLOCK` bytes long, and they are
//! unaligned loads. The call of a function that needs a feature: SSE2 is part of x86-64, and the function
//! with AVX2 is handed out only after the processor was asked (`masks::fastest`).
#![expect(unsafe_code, reason = "vector loads, and a call that needs a processor's feature")]

use std::arch::x86_64::{
    __m128i, __m256i, _mm_and_si128, _mm_andnot_si128, _mm_cmpeq_epi8, _mm_loadu_si128,
    _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8, _mm_sub_epi8, _mm256_and_si256,
    _mm256_andnot_si256, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8,
    _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_sub_epi8,
};

use super::{BEHIND, BLOCK, Masks};

macro_rules! ways {
    ($fill:ident, $each:ident, $feature:literal, $vector:ty, $lane:literal, $load:ident, $splat:ident,
     $equal:ident, $or:ident, $and:ident, $and_not:ident, $sub:ident, $min:ident, $bits:ident) => {
        #[target_feature(enable = $feature)]
        fn $each(window: &[u8], masks: &mut [Masks]) {
            const LANE: usize = $lane;
            let splat = |byte: u8| $splat(byte.cast_signed());
            let is = |bytes: $vector, byte: u8| $equal(bytes, splat(byte));
            let is_either = |bytes: $vector, one: u8, other: u8| $or(is(bytes, one), is(bytes, other));
            // Unsigned `bytes - first <= count - 1`.
            let is_within = |bytes: $vector, first: u8, count: u8| {
                let offset = $sub(bytes, splat(first));
                $equal($min(offset, splat(count - 1)), offset)
            };
            let bits = |bytes: $vector| u64::from($bits(bytes).cast_unsigned() & (u32::MAX >> (32 - LANE)));
            for (block, masks) in masks.iter_mut().enumerate() {
                let start = block * BLOCK;
                let Some(bytes) = window.get(start..start + BEHIND + BLOCK) else {
                    return;
                };
                *masks = Masks::default();
                for lane in (0..BLOCK).step_by(LANE) {
                    let load = |behind: usize| {
                        let at = BEHIND + lane - behind;
                        // SAFETY: `behind <= BEHIND` and `lane <= BLOCK - LANE`, so that the load ends
                        // within the `BEHIND + BLOCK` bytes of the slice.
                        unsafe { $load(bytes.as_ptr().add(at).cast()) }
                    };
                    let (here, first, second, third) = (load(0), load(1), load(2), load(3));
                    let folded = |bytes: $vector| $or(bytes, splat(0x20));
                    let (here_folded, first_folded, second_folded) =
                        (folded(here), folded(first), folded(second));
                    let digit = is_within(here, b'0', 10);
                    let plus_slash_dash = $or(is_either(here, b'+', b'/'), is(here, b'-'));
                    let brackets_dot = $or(is_either(here, b'(', b')'), is_either(here, b'.', b' '));
                    let s_or_o = is_either(here_folded, b's', b'o');
                    let slash = is_either(second, b'/', b'\\');
                    let h_u_r = $or(is_either(first_folded, b'h', b'u'), is(first_folded, b'r'));
                    let double_s = $and(is(second_folded, b's'), is(first_folded, b's'));
                    let w_p_c = $or(is_either(here_folded, b'w', b'p'), is(here_folded, b'c'));
                    let space = is(here, b' ');
                    let third_a = is(folded(third), b'a');
                    let pass = $and(double_s, $or(w_p_c, $and(third_a, space)));
                    let a_r = $and(third_a, is(second_folded, b'r'));
                    let e_r = $and(is(first_folded, b'e'), is(here_folded, b'r'));
                    let letter = $or(w_p_c, is(here_folded, b'a'));
                    let option = $and(letter, $and(is(second, b' '), is(first, b'-')));
                    let option_wide = $or(option, is(first, 0xEF));
                    let two_dashes = $and(is(here, b'-'), is(first, b'-'));
                    let two_before = $and(is(second, b'-'), is(third, b'-'));
                    masks.alnum |= bits($or(is_within(here_folded, b'a', 26), digit)) << lane;
                    masks.joint |= bits($or(plus_slash_dash, is(here, b'_'))) << lane;
                    masks.digit |= bits(digit) << lane;
                    masks.separator |= bits($or(plus_slash_dash, brackets_dot)) << lane;
                    let before_colon = $or(is(here, b':'), is(second, b':'));
                    let colon = $and_not(before_colon, is(first, b':'));
                    let before_equals = $or(is_either(second, b'=', b':'), is(second, b'!'));
                    let no_equals = $or(is(here, b'='), before_equals);
                    let equals = $and_not(no_equals, is(first, b'='));
                    let mark = $or(is_either(here, b'@', b'$'), is_either(here, b'>', b'%'));
                    let home_pass = $or($and(slash, $and(h_u_r, s_or_o)), pass);
                    let bearer_dashes = $or($and(a_r, e_r), $and(two_dashes, two_before));
                    masks.assigned |= bits($or(colon, equals)) << lane;
                    masks.mark |= bits(mark) << lane;
                    masks.rare |= bits($or($or(home_pass, bearer_dashes), option_wide)) << lane;
                }
            }
        }

        /// Fills masks with the instructions that the name says.
        pub(crate) fn $fill(window: &[u8], masks: &mut [Masks]) {
            // SAFETY: the module says why the processor has the feature.
            unsafe { $each(window, masks) }
        }
    };
}

ways!(
    fill_sse2,
    each_sse2,
    "sse2",
    __m128i,
    16,
    _mm_loadu_si128,
    _mm_set1_epi8,
    _mm_cmpeq_epi8,
    _mm_or_si128,
    _mm_and_si128,
    _mm_andnot_si128,
    _mm_sub_epi8,
    _mm_min_epu8,
    _mm_movemask_epi8
);
ways!(
    fill_avx2,
    each_avx2,
    "avx2",
    __m256i,
    32,
    _mm256_loadu_si256,
    _mm256_set1_epi8,
    _mm256_cmpeq_epi8,
    _mm256_or_si256,
    _mm256_and_si256,
    _mm256_andnot_si256,
    _mm256_sub_epi8,
    _mm256_min_epu8,
    _mm256_movemask_epi8
);
