//! How a rule is written: the tables of `rules/*.toml` and `redact.toml`, and the language of shapes.
//!
//! The build script includes this file to turn our own rules into tables, and user rules are read by it too.

use serde::Deserialize;

/// A file of rules.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleFile {
    #[serde(default)]
    pub(crate) rule: Vec<RuleText>,
    #[serde(default)]
    pub(crate) vendor: Vec<VendorText>,
    #[serde(default)]
    pub(crate) secret: WordsOfKind,
    #[serde(default)]
    pub(crate) digest: WordsOfKind,
    /// Texts that no rule of this file touches; for user rules only.
    #[serde(default)]
    pub(crate) allow: Vec<String>,
}

/// Words that say what a value after them is, by how they have to stand in the text.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WordsOfKind {
    #[serde(default)]
    pub(crate) anywhere: Vec<String>,
    #[serde(default)]
    pub(crate) alone: Vec<String>,
}

/// One rule as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleText {
    pub(crate) id: String,
    /// The placeholder's name.
    #[serde(rename = "type")]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) class: ClassText,
    #[serde(default)]
    pub(crate) shape: Vec<String>,
    /// A linear regular expression; for user rules only.
    #[serde(default)]
    pub(crate) regex: Option<String>,
    #[serde(default)]
    pub(crate) source: String,
    #[serde(default)]
    pub(crate) examples: Vec<String>,
    #[serde(default)]
    pub(crate) counter: Vec<String>,
    #[serde(default)]
    pub(crate) words: WordsText,
    #[serde(default)]
    pub(crate) edge: EdgeText,
    #[serde(default)]
    pub(crate) checksum: Option<ChecksumText>,
    #[serde(default)]
    pub(crate) context: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClassText {
    #[default]
    Secret,
    Pii,
}

/// Whether a body may read as words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WordsText {
    #[default]
    Allow,
    Refuse,
}

/// What may stand right before a head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EdgeText {
    /// No letter or digit.
    #[default]
    Left,
    /// Anything.
    Free,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum ChecksumText {
    #[serde(rename = "github-crc32")]
    GithubCrc32,
}

/// The words that make a random-looking value on their line a secret of that vendor.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VendorText {
    #[serde(rename = "type")]
    pub(crate) name: String,
    pub(crate) words: Vec<String>,
    /// Whether another word must say that it is a secret.
    #[serde(default)]
    pub(crate) weak: bool,
}

/// A part of a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PieceText {
    Literal(String),
    /// The name of a set and how many of it; no most is as many as there are.
    Run {
        set: String,
        least: u32,
        most: Option<u32>,
    },
}

/// The sets that a shape can name, in the order of `bytes::Charset`'s bits.
pub(crate) const SETS: &[&str] = &[
    "alnum", "word", "kebab", "token", "dotted", "base64", "upper", "digit", "lower", "letters",
    "capitals", "small", "hex", "xdigit", "padded", "tokenpad", "base58", "base32", "bech32",
    "percent", "any",
];

/// Longest text of a shape, so that nobody's file makes us work without end.
const MAX_SHAPE: usize = 400;

/// Most characters that a piece may demand.
const MAX_REPEAT: u32 = 4_096;

/// Reads a shape such as `ghp_[alnum:36+]`.
///
/// # Errors
/// Says what is wrong with it, in words for the person who wrote it.
pub(crate) fn parse_shape(shape: &str) -> Result<Vec<PieceText>, String> {
    if shape.is_empty() || shape.len() > MAX_SHAPE || !shape.is_ascii() {
        return Err(format!("a shape has 1 to {MAX_SHAPE} ASCII characters"));
    }
    let mut pieces = Vec::new();
    let mut rest = shape;
    while !rest.is_empty() {
        let (literal, after) = rest.split_at(rest.find('[').unwrap_or(rest.len()));
        if !literal.is_empty() {
            pieces.push(PieceText::Literal(literal.to_owned()));
        }
        rest = after;
        if let Some(open) = rest.strip_prefix('[') {
            let (run, after) = open.split_once(']').ok_or("a `[` is never closed")?;
            pieces.push(parse_run(run)?);
            rest = after;
        }
    }
    Ok(pieces)
}

fn parse_run(run: &str) -> Result<PieceText, String> {
    let (set, count) = run.split_once(':').ok_or_else(|| format!("`[{run}]` has no `:`"))?;
    if !SETS.contains(&set) {
        return Err(format!("`{set}` is no set; there are: {}", SETS.join(", ")));
    }
    let number = |text: &str| {
        let number = text.parse::<u32>().ok().filter(|&number| number <= MAX_REPEAT);
        number.ok_or_else(|| format!("`{text}` is no count up to {MAX_REPEAT}"))
    };
    let (least, most) = if let Some(least) = count.strip_suffix('+') {
        (number(least)?, None)
    } else if let Some((least, most)) = count.split_once('-') {
        (number(least)?, Some(number(most)?))
    } else {
        (number(count)?, Some(number(count)?))
    };
    if most.is_some_and(|most| most < least || most == 0) {
        return Err(format!("`{count}` is no range"));
    }
    Ok(PieceText::Run { set: set.to_owned(), least, most })
}

/// Most characters and digits in a placeholder's name; longer ones would not be known as placeholders.
const MAX_NAME: usize = 39;
const MAX_NAME_DIGITS: usize = 2;

/// Whether a placeholder may have that name.
pub(crate) fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.len() <= MAX_NAME
        && bytes.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        && bytes.iter().filter(|byte| byte.is_ascii_digit()).count() <= MAX_NAME_DIGITS
}

/// The hash of a head's first three bytes: the table of heads is sorted by it.
pub(crate) const fn head_hash(first: u8, second: u8, third: u8) -> usize {
    let joined = (first as u32) | ((second as u32) << 8) | ((third as u32) << 16);
    (joined.wrapping_mul(0x9E37_79B1) >> 20) as usize
}

/// The hash of three bytes that tells whether anything begins with them: wide, so that it is seldom wrong.
pub(crate) const fn filter_hash(first: u8, second: u8, third: u8) -> usize {
    let joined = (first as u32) | ((second as u32) << 8) | ((third as u32) << 16);
    (joined.wrapping_mul(0x9E37_79B1) >> 16) as usize
}

/// How many values [`head_hash`] has.
pub(crate) const HEAD_HASHES: usize = 1 << 12;
