//! Shapes of users: the same as those of the build script, but made when the file is read.

use crate::bytes::Charset;
use crate::rule::Rule;
use crate::schema::{EdgeText, PieceText, RuleText, SETS, WordsText, parse_shape};
use crate::tables::{Piece, Shape};

use super::{MIN_LITERAL, leaked};

/// The sets in the order of [`SETS`].
const CHARSETS: [Charset; 21] = [
    Charset::ALNUM,
    Charset::WORD,
    Charset::KEBAB,
    Charset::TOKEN,
    Charset::DOTTED,
    Charset::BASE64,
    Charset::UPPER,
    Charset::DIGIT,
    Charset::LOWER,
    Charset::LETTERS,
    Charset::CAPITALS,
    Charset::SMALL,
    Charset::HEX,
    Charset::XDIGIT,
    Charset::PADDED,
    Charset::TOKENPAD,
    Charset::BASE58,
    Charset::BASE32,
    Charset::BECH32,
    Charset::PERCENT,
    Charset::ANY,
];

const _: () = assert!(CHARSETS.len() == SETS.len(), "each set of the language has its bytes");

/// How many of a piece a made-up credential has where the shape allows it.
const SPECIMEN_LENGTH: u32 = 12;

/// Reads one shape of a rule; what is read lives as long as the process.
///
/// # Errors
/// Says why it is refused, in words for the person who wrote it.
pub(super) fn read(
    shape: &str,
    rule: Rule,
    text: &RuleText,
    context: &'static [&'static str],
) -> Result<Shape, String> {
    if !shape.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(format!("`{}` holds more than printable ASCII", shape.escape_debug()));
    }
    let pieces = parse_shape(shape).map_err(|reason| format!("`{shape}`: {reason}"))?;
    let pieces = pieces.iter().map(piece).collect::<Option<Vec<_>>>();
    let pieces = pieces.ok_or_else(|| format!("`{shape}` names a set that there is not"))?;
    let head: &'static [u8] = match pieces.first() {
        Some(&Piece::Literal(head)) if head.len() >= MIN_LITERAL => head,
        _ if context.is_empty() => {
            return Err(format!(
                "`{shape}` does not begin with a text of {MIN_LITERAL} bytes or more, so that it \
                 would have to be tried everywhere: begin with what all such values begin with, or \
                 name words that stand before one in `context`"
            ));
        }
        _ => b"",
    };
    Ok(Shape {
        rule,
        head,
        pieces: Box::leak(pieces.into_boxed_slice()),
        // Only the table of built-in heads is searched by these.
        prefix: 0,
        prefix_mask: 0,
        is_free: text.edge == EdgeText::Free,
        refuses_words: text.words == WordsText::Refuse,
        checksum: None,
        context,
    })
}

fn piece(text: &PieceText) -> Option<Piece> {
    match text {
        PieceText::Literal(literal) => Some(Piece::Literal(leaked(literal).as_bytes())),
        PieceText::Run { set, least, most } => {
            let at = SETS.iter().position(|name| name == set)?;
            let set = *CHARSETS.get(at)?;
            Some(Piece::Run { set, least: *least, most: most.unwrap_or(u32::MAX) })
        }
    }
}

/// A made-up credential of that shape; the seed decides which.
pub(super) fn specimen(shape: &Shape, seed: u64) -> String {
    let mut state = seed;
    let mut specimen = String::new();
    for piece in shape.pieces {
        match *piece {
            Piece::Literal(literal) => specimen.push_str(&String::from_utf8_lossy(literal)),
            Piece::Run { set, least, most } => {
                let all = (0..128_u8).filter(|&byte| set.has(byte));
                let letters: Vec<u8> = all.filter(u8::is_ascii_alphanumeric).collect();
                for _ in 0..least.max(SPECIMEN_LENGTH).min(most) {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let at = usize::try_from(state >> 33).unwrap_or(0) % letters.len().max(1);
                    specimen.extend(letters.get(at).copied().map(char::from));
                }
            }
        }
    }
    specimen
}
