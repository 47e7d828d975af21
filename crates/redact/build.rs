//! Turns `rules/*.toml` into tables: nothing is parsed and no memory is asked for when the floor runs.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script everything by its environment"
)]

#[path = "src/schema.rs"]
#[expect(dead_code, reason = "user rules need the rest")]
mod schema;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use schema::{
    ChecksumText, ClassText, EdgeText, HEAD_HASHES, PieceText, RuleFile, RuleText, VendorText,
    WordsOfKind, WordsText, filter_hash, head_hash, is_name, parse_shape,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Shortest literal that a shape may begin with; shorter ones are in every text.
const MIN_HEAD: usize = 3;

/// Shapes without a head are tried by their length, which a mask of this many bits names.
const MAX_HEADLESS: usize = 128;

/// Longest run that is compared with the shapes without a head.
const MAX_HEADLESS_LENGTH: usize = 128;

/// Shortest word that counts within another word: shorter ones have to begin one.
const MIN_WITHIN: usize = 7;

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=rules");
    println!("cargo::rerun-if-changed=src/schema.rs");
    println!("cargo::rerun-if-env-changed=MODELSTAT_RULES_LIMIT");
    let mut rules = Vec::new();
    let mut vendors = Vec::new();
    let (mut secret, mut digest) = (WordsOfKind::default(), WordsOfKind::default());
    for path in rule_files(Path::new("rules"))? {
        let text = fs::read_to_string(&path)?;
        let file: RuleFile =
            toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        rules.extend(file.rule);
        vendors.extend(file.vendor);
        secret.extend(file.secret);
        digest.extend(file.digest);
    }
    rules.sort_by(|one, other| one.id.cmp(&other.id));
    check(&rules)?;
    // Only for the benchmark that shows what a rule costs.
    if let Some(limit) = env::var("MODELSTAT_RULES_LIMIT").ok().and_then(|text| text.parse().ok()) {
        rules.truncate(limit);
    }
    let mut code = String::new();
    write_rules(&mut code, &rules)?;
    let words = write_shapes(&mut code, &rules)?;
    write_words(
        &mut code,
        &vendors,
        &words,
        &[(secret, "Says::Secret"), (digest, "Says::Digest")],
    )?;
    let out = PathBuf::from(env::var("OUT_DIR")?).join("tables.rs");
    fs::write(out, code)?;
    Ok(())
}

impl WordsOfKind {
    fn extend(&mut self, other: Self) {
        self.anywhere.extend(other.anywhere);
        self.alone.extend(other.alone);
    }
}

fn rule_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn check(rules: &[RuleText]) -> Result<()> {
    let mut ids = BTreeSet::new();
    for rule in rules {
        let id = &rule.id;
        if !ids.insert(id) {
            return Err(format!("{id}: two rules have this id").into());
        }
        if !is_name(&rule.name) {
            return Err(format!("{id}: `{}` is no placeholder's name", rule.name).into());
        }
        if !rule.source.starts_with("https://") {
            return Err(format!("{id}: the source is no address of documentation").into());
        }
        if rule.shape.is_empty() || rule.regex.is_some() {
            return Err(format!("{id}: our own rules have shapes and no regex").into());
        }
    }
    Ok(())
}

fn write_rules(code: &mut String, rules: &[RuleText]) -> Result<()> {
    writeln!(code, "pub(crate) static TYPED: &[Definition] = &[")?;
    for rule in rules {
        let class = match rule.class {
            ClassText::Secret => "Secret",
            ClassText::Pii => "Pii",
        };
        writeln!(
            code,
            "Definition {{ id: {:?}, name: {:?}, class: Class::{class}, tier: Tier::Typed }},",
            rule.id, rule.name
        )?;
    }
    writeln!(code, "];")?;
    writeln!(code, "#[cfg(test)] pub(crate) static SPECIMENS: &[Specimen] = &[")?;
    for rule in rules {
        writeln!(
            code,
            "Specimen {{ id: {:?}, shapes: &{:?}, examples: &{:?}, counter: &{:?}, context: &{:?} }},",
            rule.id, rule.shape, rule.examples, rule.counter, rule.context
        )?;
    }
    writeln!(code, "];")?;
    Ok(())
}

/// A shape with the rule that it belongs to.
struct Row<'r> {
    rule: usize,
    text: &'r RuleText,
    pieces: Vec<PieceText>,
}

impl Row<'_> {
    fn head(&self) -> &str {
        match self.pieces.first() {
            Some(PieceText::Literal(head)) => head,
            _ => "",
        }
    }

    fn hash(&self) -> usize {
        let head = self.head().as_bytes();
        head_hash(head[0], head[1], head[2])
    }

    fn hash_of_end(&self) -> usize {
        let head = self.head().as_bytes();
        let end = &head[head.len() - MIN_HEAD..];
        head_hash(end[0], end[1], end[2])
    }

    /// One bit for each ASCII character that its literals hold.
    fn needs(&self) -> u128 {
        self.pieces.iter().fold(0, |needs, piece| match piece {
            PieceText::Literal(text) => text.bytes().fold(needs, |needs, byte| needs | 1 << byte),
            PieceText::Run { .. } => needs,
        })
    }

    /// Shortest and longest text that fits.
    fn lengths(&self) -> (usize, usize) {
        self.pieces.iter().fold((0, 0), |(least, most), piece| match piece {
            PieceText::Literal(text) => (least + text.len(), most + text.len()),
            PieceText::Run { least: fewest, most: greatest, .. } => (
                least + *fewest as usize,
                most + greatest.map_or(MAX_HEADLESS_LENGTH, |count| count as usize),
            ),
        })
    }
}

/// Returns the words that shapes without a head need, with the number of the shape.
fn write_shapes(code: &mut String, rules: &[RuleText]) -> Result<Vec<(String, usize)>> {
    let mut heads = Vec::new();
    let mut headless = Vec::new();
    let mut contextual = Vec::new();
    for (rule, text) in rules.iter().enumerate() {
        for shape in &text.shape {
            let pieces = parse_shape(shape).map_err(|error| format!("{}: {error}", text.id))?;
            let row = Row { rule, text, pieces };
            if row.head().len() >= MIN_HEAD {
                heads.push(row);
            } else {
                let has_literal =
                    row.pieces.iter().any(|piece| matches!(piece, PieceText::Literal(_)));
                if !text.context.is_empty() {
                    contextual.push(row);
                } else if has_literal {
                    headless.push(row);
                } else {
                    return Err(
                        format!("{}: a shape of sets alone needs a context", text.id).into()
                    );
                }
            }
        }
    }
    // The longest head first: it says the most.
    heads.sort_by_key(|row| (row.hash(), std::cmp::Reverse(row.head().len())));
    write_table(code, "HEADED", &heads)?;
    write_buckets(code, "HEAD_BUCKETS", heads.iter().map(Row::hash))?;
    // Those that may stand within a word are looked for by their end, which is a joint.
    let mut free: Vec<_> = heads
        .iter()
        .enumerate()
        .filter(|(_, row)| {
            row.text.edge == EdgeText::Free && row.head().ends_with(['_', '-', '/', '+'])
        })
        .map(|(at, row)| (row.hash_of_end(), at))
        .collect();
    free.sort_unstable();
    let rows: Vec<_> = free.iter().map(|(_, at)| at).collect();
    writeln!(code, "pub(crate) static FREE: &[u16] = &{rows:?};")?;
    let ends = free.iter().map(|&(_, at)| {
        let head = heads[at].head().as_bytes();
        &head[head.len() - MIN_HEAD..]
    });
    write_filter(code, "FREE_FILTER", ends)?;
    write_buckets(code, "FREE_BUCKETS", free.iter().map(|(hash, _)| *hash))?;
    let firsts = heads.iter().map(|row| &row.head().as_bytes()[..MIN_HEAD]);
    // JSON web tokens have code of their own, but are looked for at the same places.
    write_filter(code, "HEAD_FILTER", firsts.chain([&b"eyJ"[..]]))?;
    if headless.len() > MAX_HEADLESS {
        return Err(format!("at most {MAX_HEADLESS} shapes without a head").into());
    }
    write_table(code, "HEADLESS", &headless)?;
    write_table(code, "CONTEXTUAL", &contextual)?;
    let words = contextual
        .iter()
        .enumerate()
        .flat_map(|(at, row)| row.text.context.iter().map(move |word| (word.clone(), at)));
    let words = words.collect::<Vec<_>>();
    let needs: Vec<u128> = headless.iter().map(Row::needs).collect();
    writeln!(code, "pub(crate) static HEADLESS_NEEDS: &[u128] = &{needs:?};")?;
    let mut by_length = vec![0_u128; MAX_HEADLESS_LENGTH + 1];
    for (at, row) in headless.iter().enumerate() {
        let (least, most) = row.lengths();
        for mask in by_length.iter_mut().take(most.min(MAX_HEADLESS_LENGTH) + 1).skip(least) {
            *mask |= 1 << at;
        }
    }
    writeln!(
        code,
        "pub(crate) static HEADLESS_BY_LENGTH: [u128; {}] = {by_length:?};",
        by_length.len()
    )?;
    Ok(words)
}

fn write_table(code: &mut String, name: &str, rows: &[Row<'_>]) -> Result<()> {
    writeln!(code, "pub(crate) static {name}: &[Shape] = &[")?;
    for row in rows {
        let mut pieces = String::new();
        for piece in &row.pieces {
            match piece {
                PieceText::Literal(text) => write!(pieces, "Piece::Literal({text:?}.as_bytes()),")?,
                PieceText::Run { set, least, most } => write!(
                    pieces,
                    "Piece::Run {{ set: Charset::{}, least: {least}, most: {} }},",
                    set.to_uppercase(),
                    most.map_or("u32::MAX".to_owned(), |most| most.to_string())
                )?,
            }
        }
        let prefix = prefix_of(row.head().as_bytes());
        let checksum = match row.text.checksum {
            None => "None",
            Some(ChecksumText::GithubCrc32) => "Some(Checksum::GithubCrc32)",
        };
        writeln!(
            code,
            "Shape {{ rule: Rule(&TYPED[{}]), head: {:?}.as_bytes(), prefix: {}, prefix_mask: {}, pieces: &[{pieces}], is_free: {}, refuses_words: {}, checksum: {checksum}, context: &{:?} }},",
            row.rule,
            row.head(),
            prefix.0,
            prefix.1,
            row.text.edge == EdgeText::Free,
            row.text.words == WordsText::Refuse,
            row.text.context,
        )?;
    }
    writeln!(code, "];")?;
    Ok(())
}

/// The first eight bytes of a head as a number, and a mask of those that there are.
fn prefix_of(head: &[u8]) -> (u64, u64) {
    let mut bytes = [0; 8];
    let mut mask = [0; 8];
    for ((place, mask), byte) in bytes.iter_mut().zip(&mut mask).zip(head) {
        (*place, *mask) = (*byte, 0xFF);
    }
    (u64::from_le_bytes(bytes), u64::from_le_bytes(mask))
}

/// For each hash, where its rows begin.
fn write_buckets(code: &mut String, name: &str, hashes: impl Iterator<Item = usize>) -> Result<()> {
    let mut starts = vec![0_u16; HEAD_HASHES + 1];
    for hash in hashes {
        for start in starts.iter_mut().skip(hash + 1) {
            *start += 1;
        }
    }
    writeln!(code, "pub(crate) static {name}: [u16; {}] = {starts:?};", starts.len())?;
    Ok(())
}

/// One bit for each three bytes that something begins with.
fn write_filter<'h>(
    code: &mut String,
    name: &str,
    firsts: impl Iterator<Item = &'h [u8]>,
) -> Result<()> {
    let mut bits = vec![0_u64; 1024];
    for first in firsts {
        let hash = filter_hash(first[0], first[1], first[2]);
        bits[hash / 64] |= 1 << (hash % 64);
    }
    writeln!(code, "pub(crate) static {name}: [u64; 1024] = {bits:?};")?;
    Ok(())
}

/// Words that speak of a vendor, sorted by the hash of their first three letters.
fn write_words(
    code: &mut String,
    vendors: &[VendorText],
    shaped: &[(String, usize)],
    plain: &[(WordsOfKind, &str); 2],
) -> Result<()> {
    let mut words: BTreeMap<&str, (&str, bool)> = BTreeMap::new();
    for vendor in vendors {
        if !is_name(&vendor.name) {
            return Err(format!("`{}` is no placeholder's name", vendor.name).into());
        }
        for word in &vendor.words {
            words.entry(word).or_insert((&vendor.name, vendor.weak));
        }
    }
    let names: BTreeSet<&str> = words.values().map(|(name, _)| *name).collect();
    writeln!(code, "pub(crate) static VENDORS: &[Definition] = &[")?;
    for name in &names {
        writeln!(
            code,
            "Definition {{ id: \"vendor-{}\", name: {name:?}, class: Class::Secret, tier: Tier::Context }},",
            name.replace('_', "-")
        )?;
    }
    writeln!(code, "];")?;
    let mut rows = Vec::new();
    for (word, (name, weak)) in &words {
        let rule = names.iter().position(|other| other == name).ok_or("every name is listed")?;
        let says = format!("Says::Vendor {{ rule: Rule(&VENDORS[{rule}]), is_weak: {weak} }}");
        let stands = if word.len() >= MIN_WITHIN && !weak { "Anywhere" } else { "Begins" };
        rows.push((*word, stands, says));
    }
    for (word, shape) in shaped {
        let stands = if word.len() >= MIN_WITHIN { "Anywhere" } else { "Begins" };
        rows.push((word, stands, format!("Says::Shape(&CONTEXTUAL[{shape}])")));
    }
    for (words, says) in plain {
        rows.extend(
            words.anywhere.iter().map(|word| (word.as_str(), "Anywhere", says.to_string())),
        );
        rows.extend(words.alone.iter().map(|word| (word.as_str(), "Alone", says.to_string())));
    }
    for (word, ..) in &rows {
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if word.len() < MIN_HEAD || !word.bytes().all(is_letter) {
            return Err(format!("`{word}` is no word to look for").into());
        }
    }
    let hash = |word: &str| head_hash(word.as_bytes()[0], word.as_bytes()[1], word.as_bytes()[2]);
    rows.sort_by_key(|(word, ..)| (hash(word), std::cmp::Reverse(word.len()), *word));
    writeln!(code, "pub(crate) static WORDS: &[Word] = &[")?;
    for (word, stands, says) in &rows {
        writeln!(
            code,
            "Word {{ letters: {word:?}.as_bytes(), stands: Stands::{stands}, says: {says} }},"
        )?;
    }
    writeln!(code, "];")?;
    write_filter(code, "WORD_FILTER", rows.iter().map(|(word, ..)| &word.as_bytes()[..MIN_HEAD]))?;
    write_buckets(code, "WORD_BUCKETS", rows.iter().map(|(word, ..)| hash(word)))
}
