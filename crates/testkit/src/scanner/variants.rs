//! How one text can be spelt.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The shortest part by which a longer needle is found: still nothing that stands anywhere by chance.
const PIECE_BYTES: usize = 12;

/// Parts of a needle: the whole is found where its first part is, and a cut text where any is.
pub(super) fn pieces(needle: &[u8]) -> Vec<Vec<u8>> {
    if needle.len() < PIECE_BYTES {
        return vec![needle.to_vec()];
    }
    let last = needle.len() - PIECE_BYTES;
    let mut starts: Vec<usize> = (0..=last).step_by(PIECE_BYTES / 2).collect();
    starts.push(last);
    starts.dedup();
    starts.into_iter().map(|start| needle[start..start + PIECE_BYTES].to_vec()).collect()
}

/// Every spelling of a piece, with its name; equal ones once.
pub(super) fn spellings(piece: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut all = vec![
        ("plain", piece.to_vec()),
        ("hex", spell(piece, "", false)),
        ("hex", spell(piece, "", true)),
        ("percent-encoded", spell(piece, "%", false)),
        ("percent-encoded", spell(piece, "%", true)),
        ("percent-encoded", spell_punctuation(piece)),
        ("form-encoded", replace_spaces(piece)),
    ];
    all.extend(base64_of(piece).map(|spelling| ("base64", spelling)));
    if let Ok(text) = std::str::from_utf8(piece) {
        let units: Vec<u16> = text.encode_utf16().collect();
        let bytes = |to_bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            units.iter().flat_map(|unit| to_bytes(*unit)).collect()
        };
        all.push(("UTF-16LE", bytes(u16::to_le_bytes)));
        all.push(("UTF-16BE", bytes(u16::to_be_bytes)));
        let escaped = |to_text: fn(u16) -> String| -> Vec<u8> {
            units.iter().flat_map(|unit| to_text(*unit).into_bytes()).collect()
        };
        all.push(("JSON-escaped", escaped(|unit| format!("\\u{unit:04x}"))));
        all.push(("JSON-escaped", escaped(|unit| format!("\\u{unit:04X}"))));
    }
    let mut known = std::collections::HashSet::new();
    all.retain(|(_, spelling)| known.insert(spelling.clone()));
    all
}

/// What of a text three bytes always encode alike, at each of the three places where it can start.
fn base64_of(piece: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..3)
        .flat_map(|skipped| {
            let rest = piece.get(skipped..).unwrap_or_default();
            let inner = &rest[..rest.len() / 3 * 3];
            [STANDARD_NO_PAD.encode(inner).into_bytes(), URL_SAFE_NO_PAD.encode(inner).into_bytes()]
        })
        .filter(|spelling| spelling.len() >= 8)
}

fn spell(piece: &[u8], before_each: &str, upper: bool) -> Vec<u8> {
    let mut spelling = String::new();
    for byte in piece {
        let written = if upper {
            write!(spelling, "{before_each}{byte:02X}")
        } else {
            write!(spelling, "{before_each}{byte:02x}")
        };
        written.expect("a string takes any text");
    }
    spelling.into_bytes()
}

fn spell_punctuation(piece: &[u8]) -> Vec<u8> {
    let one = |byte: &u8| {
        if byte.is_ascii_alphanumeric() { vec![*byte] } else { spell(&[*byte], "%", true) }
    };
    piece.iter().flat_map(one).collect()
}

fn replace_spaces(piece: &[u8]) -> Vec<u8> {
    piece.iter().map(|byte| if *byte == b' ' { b'+' } else { *byte }).collect()
}
