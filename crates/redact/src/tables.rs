//! The rules as the build script laid them out, and how a shape is compared with text.

use crate::bytes::{Charset, byte_at, end_of, slice, starts_at, up_to};
use crate::rule::{Class, Definition, Rule, Tier};

pub(crate) use built::*;

#[expect(clippy::unreadable_literal, reason = "written by the build script for the compiler alone")]
mod built {
    #[cfg(test)]
    use super::Specimen;
    use super::{
        Charset, Checksum, Class, Definition, Piece, Rule, Says, Shape, Stands, Tier, Word,
    };

    include!(concat!(env!("OUT_DIR"), "/tables.rs"));
}

/// A form that a whole credential has.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) rule: Rule,
    /// The literal that it begins with; empty where it begins with a set.
    pub(crate) head: &'static [u8],
    /// Its first eight bytes as a number, and a mask of those that there are.
    pub(crate) prefix: u64,
    pub(crate) prefix_mask: u64,
    pub(crate) pieces: &'static [Piece],
    /// Whether anything may stand right before it.
    pub(crate) is_free: bool,
    /// Whether a body that reads as words is none.
    pub(crate) refuses_words: bool,
    pub(crate) checksum: Option<Checksum>,
    /// Words of which one must stand before it; none are needed if there are none.
    pub(crate) context: &'static [&'static str],
}

/// A part of a shape.
#[derive(Debug)]
pub(crate) enum Piece {
    Literal(&'static [u8]),
    Run { set: Charset, least: u32, most: u32 },
}

/// A sum that the vendor builds in.
///
/// A right one makes a key of what is glued to a word or reads as words. A wrong one never makes a key
/// harmless: it may have been cut or edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checksum {
    /// The last six characters are the CRC-32 of those between the underscore and them, in base 62.
    GithubCrc32,
}

impl Checksum {
    /// Whether the sum in the credential is right.
    pub(crate) fn is_right(self, credential: &[u8]) -> bool {
        match self {
            Checksum::GithubCrc32 => {
                let underscore = credential.iter().rposition(|&byte| byte == b'_');
                let body = slice(credential, underscore.map_or(0, |at| at + 1), credential.len());
                let Some((random, sum)) = body.split_last_chunk::<6>() else { return false };
                !random.is_empty() && base62(crc32(random)) == *sum
            }
        }
    }
}

/// The sum of zip and Ethernet, one bit at a time: only what has the form of a key gets here.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg())
        })
    })
}

fn base62(mut number: u32) -> [u8; 6] {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = [b'0'; 6];
    for place in text.iter_mut().rev() {
        *place = DIGITS.get(number as usize % 62).copied().unwrap_or(b'0');
        number /= 62;
    }
    text
}

/// A word that speaks of a value after it.
pub(crate) struct Word {
    /// Small letters and digits.
    pub(crate) letters: &'static [u8],
    pub(crate) stands: Stands,
    pub(crate) says: Says,
}

/// How a word has to stand in the text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stands {
    /// Anywhere, also within other words.
    Anywhere,
    /// At the start of a word; capitals inside a name begin one.
    Begins,
    /// As a word of its own.
    Alone,
}

/// What a word says of a value after it.
#[derive(Clone, Copy)]
pub(crate) enum Says {
    /// That a random one is a secret of this vendor.
    Vendor {
        rule: Rule,
        /// Whether it is a word of prose and code too.
        is_weak: bool,
    },
    /// That one of this shape is.
    Shape(&'static Shape),
    /// That it is a secret.
    Secret,
    /// That it is a digest, a public key or an identifier.
    Digest,
}

/// What the data say of themselves, for the test that tries them.
#[cfg(test)]
pub(crate) struct Specimen {
    pub(crate) id: &'static str,
    pub(crate) shapes: &'static [&'static str],
    pub(crate) examples: &'static [&'static str],
    pub(crate) counter: &'static [&'static str],
    pub(crate) context: &'static [&'static str],
}

impl Shape {
    /// Where the text that begins at `start` and has this shape ends.
    ///
    /// `run_end` says where a run of a set ends; it may remember, so that long runs are measured once.
    pub(crate) fn end(
        &self,
        text: &[u8],
        start: usize,
        mut run_end: impl FnMut(Charset, usize) -> usize,
    ) -> Option<usize> {
        let mut at = start;
        for piece in self.pieces {
            match *piece {
                Piece::Literal(literal) => {
                    if !starts_at(text, at, literal) {
                        return None;
                    }
                    at += literal.len();
                }
                Piece::Run { set, least, most: u32::MAX } => {
                    let end = run_end(set, at);
                    if end - at < least as usize {
                        return None;
                    }
                    at = end;
                }
                Piece::Run { set, least, most } => {
                    let window = up_to(text, at + most as usize);
                    let end = end_of(window, at, |byte| set.has(byte));
                    if end - at < least as usize {
                        return None;
                    }
                    at = end;
                }
            }
        }
        // What goes on in the last set is another form.
        match self.pieces.last() {
            Some(Piece::Run { set, most, .. }) if *most != u32::MAX => {
                let goes_on = byte_at(text, at).is_some_and(|byte| {
                    set.has(byte) && (byte.is_ascii_alphanumeric() || !byte.is_ascii_punctuation())
                });
                (!goes_on).then_some(at)
            }
            _ => Some(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Checksum, crc32};

    #[test]
    fn the_sum_of_a_key_is_known() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        // As in the vendor's description: thirty characters and their sum.
        let body = "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ";
        let key = ["gh", "p_", body, "0mLq17"].concat();
        assert!(Checksum::GithubCrc32.is_right(key.as_bytes()));
        assert!(!Checksum::GithubCrc32.is_right(key.replace("zQW", "zQX").as_bytes()));
    }
}
