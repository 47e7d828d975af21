//! Sixty-four bytes at a time: which of them belong to which class, as bits.
//!
//! The fastest way that the processor offers is chosen once; all ways give the same bits, which a test
//! compares byte for byte.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

/// Bytes in a block: one bit of a mask for each.
pub(crate) const BLOCK: usize = 64;

/// Bytes before a block that its masks depend on.
pub(crate) const BEHIND: usize = 3;

/// Blocks that are classified in one call: a call for each costs more than the work.
pub(crate) const BATCH: usize = 16;

/// For each byte of a block, what it is; bit 0 is the first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Masks {
    /// Letters and digits.
    pub(crate) alnum: u64,
    /// What joins letters and digits in a token: `_ + / -`.
    pub(crate) joint: u64,
    /// Digits.
    pub(crate) digit: u64,
    /// What stands between groups of digits: space and `. ( ) + / -`.
    pub(crate) separator: u64,
    /// The byte behind a `:` or `=` that may assign: not of `::`, `==` and `!=`, and not the second of `:=`.
    pub(crate) assigned: u64,
    /// What stands within an address, behind a tag and in a hash: `@ % > $`.
    pub(crate) mark: u64,
    /// The last byte of what is rare and telling, in any case: of `/ho`, `/us`, `/ro` and the like with
    /// either slash, as in home paths; of `ssw`, `ssp`, `ssc` and `ass `, as in password and pass; of `arer`,
    /// as in Bearer; of four dashes; of ` -p`, ` -a`, ` -w` and ` -c`, which name options; and the second byte of what may be a
    /// full-width sign.
    pub(crate) rare: u64,
}

/// A way to fill masks: `window` holds [`BEHIND`] bytes and then a block for each of the masks.
pub(crate) type Fill = fn(window: &[u8], masks: &mut [Masks]);

/// The fastest way on this processor.
pub(crate) fn fastest() -> Fill {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return x86::fill_avx2;
    }
    #[cfg(target_arch = "x86_64")]
    return x86::fill_sse2;
    #[cfg(not(target_arch = "x86_64"))]
    portable::fill
}

/// The way without instructions of one processor.
pub(crate) fn portable() -> Fill {
    portable::fill
}

/// The way of every x86-64 processor, elsewhere the portable one.
pub(crate) fn baseline() -> Fill {
    #[cfg(target_arch = "x86_64")]
    return x86::fill_sse2;
    #[cfg(not(target_arch = "x86_64"))]
    portable::fill
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BEHIND, BLOCK, Fill, Masks, baseline, fastest, portable};

    fn masks_of(fill: Fill, window: &[u8]) -> Vec<Masks> {
        let mut masks = vec![Masks::default(); (window.len() - BEHIND) / BLOCK];
        fill(window, &mut masks);
        masks
    }

    /// What the names of the masks say, one byte at a time.
    fn slow(window: &[u8], block: usize) -> Masks {
        let mut masks = Masks::default();
        for bit in 0..BLOCK {
            let at = BEHIND + block * BLOCK + bit;
            let one = 1 << bit;
            let byte = window[at];
            let ends = |options: &[&[u8]]| {
                options.iter().any(|option| {
                    window[..=at].len() >= option.len()
                        && window[at + 1 - option.len()..=at].eq_ignore_ascii_case(option)
                })
            };
            let note = |mask: &mut u64, is_in: bool| *mask |= if is_in { one } else { 0 };
            note(&mut masks.alnum, byte.is_ascii_alphanumeric());
            note(&mut masks.joint, b"_+/-".contains(&byte));
            note(&mut masks.digit, byte.is_ascii_digit());
            note(&mut masks.separator, b" .()+/-".contains(&byte));
            let (first, second) = (window[at - 1], window[at - 2]);
            let colon = first == b':' && byte != b':' && second != b':';
            let equals = first == b'=' && byte != b'=' && !b":=!".contains(&second);
            note(&mut masks.assigned, colon || equals);
            note(&mut masks.mark, b"@%>$".contains(&byte));
            let is_home = ends(&[b"/ho", b"/uo", b"/ro", b"/hs", b"/us", b"/rs"])
                || ends(&[b"\\ho", b"\\uo", b"\\ro", b"\\hs", b"\\us", b"\\rs"]);
            let is_word = ends(&[b"ssw", b"ssp", b"ssc", b"ass ", b"arer", b"----"]);
            let is_option = ends(&[b" -p", b" -a", b" -w", b" -c"]);
            note(&mut masks.rare, is_home || is_word || is_option || first == 0xEF);
        }
        masks
    }

    fn check(window: &[u8]) {
        let expected: Vec<_> =
            (0..(window.len() - BEHIND) / BLOCK).map(|block| slow(window, block)).collect();
        for fill in [portable(), baseline(), fastest()] {
            assert_eq!(masks_of(fill, window), expected);
        }
    }

    #[test]
    fn every_byte_is_classified_alike() {
        for byte in 0..=255_u8 {
            let mut window = [b'x'; BEHIND + BLOCK];
            window[BEHIND + usize::from(byte) % BLOCK] = byte;
            check(&window);
            check(&[byte; BEHIND + 2 * BLOCK]);
        }
    }

    proptest! {
        #[test]
        fn all_ways_give_the_same_bits(
            bytes in prop::collection::vec(any::<u8>(), BEHIND + 4 * BLOCK),
            telling in prop::collection::vec(prop::sample::select(&b"/\\hHuUrRoOsSwWpPcCaAeE-@%:=>$ .()+_09azAZ\xEF\xBC"[..]), BEHIND + 4 * BLOCK),
        ) {
            check(&bytes);
            check(&telling);
        }
    }
}
