//! What can be undone: compressed frames, encodings of such frames, and escapes.

use std::io::Read;

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::MAX_LAYER_BYTES;

/// Bytes with one layer less.
pub(super) struct Layer {
    pub(super) name: &'static str,
    pub(super) bytes: Vec<u8>,
}

/// How records begin that the daemon packs for speed: the mark, the size, a block of LZ4.
pub(super) const QUICK: &[u8] = b"mLZ4";

/// How frames begin: as they are, in base64 and in hexadecimal.
const BEGINNINGS: [(&[u8], Wrapping); 9] = [
    (QUICK, Wrapping::Lz4),
    (b"\x28\xb5\x2f\xfd", Wrapping::Zstd),
    (b"\x1f\x8b\x08", Wrapping::Gzip),
    (b"KLUv", Wrapping::Base64),
    (b"H4sI", Wrapping::Base64),
    (b"28b52ffd", Wrapping::Hex),
    (b"28B52FFD", Wrapping::Hex),
    (b"1f8b08", Wrapping::Hex),
    (b"1F8B08", Wrapping::Hex),
];

#[derive(Clone, Copy)]
enum Wrapping {
    Lz4,
    Zstd,
    Gzip,
    Base64,
    Hex,
}

/// Everything that lies one layer below.
pub(super) fn below(bytes: &[u8]) -> Vec<Layer> {
    let mut layers = frames(bytes);
    layers.extend(changed("JSON unescaped", bytes, json_unescaped(bytes)));
    layers.extend(changed("percent-decoded", bytes, percent_decoded(bytes)));
    layers
}

fn changed(name: &'static str, before: &[u8], after: Vec<u8>) -> Option<Layer> {
    (after.len() != before.len()).then_some(Layer { name, bytes: after })
}

fn frames(bytes: &[u8]) -> Vec<Layer> {
    let finder =
        AhoCorasick::new(BEGINNINGS.map(|(beginning, _)| beginning)).expect("nine short patterns");
    let found = finder.find_overlapping_iter(bytes).filter_map(|found| {
        let rest = &bytes[found.start()..];
        let (name, inner) = match BEGINNINGS[found.pattern().as_usize()].1 {
            Wrapping::Lz4 => ("lz4", unlz4(rest)),
            Wrapping::Zstd => ("zstd", unzstd(rest)),
            Wrapping::Gzip => ("gzip", gunzip(rest)),
            Wrapping::Base64 => ("base64", unbase64(rest)),
            Wrapping::Hex => ("hex", unhex(rest)),
        };
        (!inner.is_empty()).then_some(Layer { name, bytes: inner })
    });
    found.collect()
}

/// Decompresses one record that was packed for speed, or as much of it as is there.
pub(super) fn unlz4(bytes: &[u8]) -> Vec<u8> {
    let Some((size, block)) = bytes.get(QUICK.len()..).and_then(<[u8]>::split_first_chunk) else {
        return Vec::new();
    };
    let size = usize::try_from(u32::from_le_bytes(*size)).unwrap_or(usize::MAX);
    let mut kept = vec![0; size.min(MAX_LAYER_BYTES + 1)];
    // What stands behind the record, and what of it is missing, is an error after all that can be read.
    let _rest = lz4_flex::block::decompress_into(block, &mut kept);
    let end = kept.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    kept.truncate(end);
    kept
}

/// Decompresses one frame, or as much of it as is there.
pub(super) fn unzstd(bytes: &[u8]) -> Vec<u8> {
    match zstd::stream::read::Decoder::with_buffer(bytes) {
        Ok(decoder) => read_some(decoder.single_frame()),
        Err(_) => Vec::new(),
    }
}

/// Decompresses one member, or as much of it as is there.
pub(super) fn gunzip(bytes: &[u8]) -> Vec<u8> {
    read_some(flate2::bufread::GzDecoder::new(bytes))
}

/// Reads until the end or the first failure; one byte beyond the limit tells that there is more.
fn read_some(reader: impl Read) -> Vec<u8> {
    let mut limited = reader.take(MAX_LAYER_BYTES as u64 + 1);
    let mut kept = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = limited.read(&mut buffer) {
        kept.extend_from_slice(&buffer[..count]);
    }
    kept
}

fn unbase64(bytes: &[u8]) -> Vec<u8> {
    let is_letter =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    let run = &bytes[..bytes.iter().position(|byte| !is_letter(byte)).unwrap_or(bytes.len())];
    // A run that is cut within a group of four lacks a byte at most.
    let whole = &run[..run.len() - usize::from(run.len() % 4 == 1)];
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let engines = [GeneralPurpose::new(&STANDARD, config), GeneralPurpose::new(&URL_SAFE, config)];
    engines.iter().find_map(|engine| engine.decode(whole).ok()).unwrap_or_default()
}

fn unhex(bytes: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = bytes.chunks_exact(2);
    pairs.map_while(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// Undoes `\n`, `\/`, `\u0041` and their like wherever they stand.
fn json_unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        let escape = if byte == b'\\' { json_escape(after) } else { None };
        if let Some((length, letter)) = escape {
            kept.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            rest = &after[length..];
        } else {
            kept.push(byte);
            rest = after;
        }
    }
    kept
}

/// The length of an escape without its backslash, and what it stands for.
fn json_escape(after: &[u8]) -> Option<(usize, char)> {
    let simple = match after.first()? {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        byte @ (b'"' | b'\\' | b'/') => char::from(*byte),
        b'u' => return unicode_escape(after),
        _ => return None,
    };
    Some((1, simple))
}

fn unicode_escape(after: &[u8]) -> Option<(usize, char)> {
    let unit = |at: usize| -> Option<u16> {
        let digits = std::str::from_utf8(after.get(at..at + 4)?).ok()?;
        u16::from_str_radix(digits, 16).ok()
    };
    let first = unit(1)?;
    if let Some(letter) = char::from_u32(u32::from(first)) {
        return Some((5, letter));
    }
    if after.get(5..7)? != b"\\u" {
        return None;
    }
    let letter = char::decode_utf16([first, unit(7)?]).next()?.ok()?;
    Some((11, letter))
}

fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        let pair = if byte == b'%' { after.get(..2).map(unhex) } else { None };
        if let Some(&[decoded]) = pair.as_deref() {
            kept.push(decoded);
            rest = &after[2..];
        } else {
            kept.push(byte);
            rest = after;
        }
    }
    kept
}
