//! Finds planted text in anything that was written or sent, however it is wrapped.
//!
//! A file is read as bytes, which includes free pages, write-ahead logs, spill files and cores. Every
//! layer that can be undone is undone: compressed frames, escapes, encodings, and the cells of SQLite
//! files. What only another engine can read comes through [`Scanner::scan_folder_with`].

mod layers;
mod pages;
mod tables;
mod variants;

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::fs;
use std::hash::Hasher;
use std::io;
use std::path::{Path, PathBuf};

use aho_corasick::AhoCorasick;

/// How many layers are undone below a file; nothing of ours wraps text more often than three times.
const MAX_DEPTH: usize = 5;

/// Most bytes of one layer: a frame that grows beyond it cannot be told clean.
const MAX_LAYER_BYTES: usize = 256 * 1024 * 1024;

/// How much of the neighbourhood of a hit is shown, in bytes: enough to tell the field.
const CONTEXT_BYTES: usize = 48;

/// Something that must not be found, or must be.
#[derive(Clone, Debug)]
pub struct Needle {
    name: String,
    pieces: Vec<Vec<u8>>,
}

impl Needle {
    /// Takes the part of a text that nothing else can hold. A long one is also found by parts, so that
    /// a text that was cut is found.
    pub fn new(name: impl Into<String>, distinctive: impl AsRef<[u8]>) -> Self {
        Self { name: name.into(), pieces: variants::pieces(distinctive.as_ref()) }
    }

    /// Takes a sentence, which is found by every run of so many of its words.
    pub fn sentence(name: impl Into<String>, sentence: &str, words: usize) -> Self {
        let all: Vec<&str> = sentence.split(' ').collect();
        let runs = all.windows(words.clamp(1, all.len())).map(|run| run.join(" ").into_bytes());
        Self { name: name.into(), pieces: runs.collect() }
    }

    /// How hits call it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A needle that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// The needle's name.
    pub needle: String,
    /// The file, table and layers in which it was found, from the outside in.
    pub place: String,
    /// How it is spelt there.
    pub how: &'static str,
    /// What stands around it.
    pub context: String,
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) in {}: {}", self.needle, self.how, self.place, self.context)
    }
}

/// Why a scan says nothing: what it could not read may hold anything.
#[derive(Debug)]
pub enum ScanError {
    /// A file or folder cannot be read.
    Read(PathBuf, io::Error),
    /// A SQLite file cannot be opened or read.
    Sqlite(PathBuf, rusqlite::Error),
    /// A frame decompresses to more than is read.
    TooLarge(String),
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "{} cannot be read: {error}", path.display()),
            Self::Sqlite(path, error) => write!(f, "{} cannot be opened: {error}", path.display()),
            Self::TooLarge(place) => write!(f, "{place} is larger than {MAX_LAYER_BYTES} bytes"),
        }
    }
}

impl std::error::Error for ScanError {}

/// Texts of a file that only another engine can read, each with the place where it stands.
pub type ExtraTexts<'a> = &'a dyn Fn(&Path) -> Vec<(String, Vec<u8>)>;

/// Takes what was found inside of a file, each with the place where it stands.
type Read<'a> = &'a mut dyn FnMut(&str, &[u8]) -> Result<(), ScanError>;

/// Finds needles.
pub struct Scanner {
    finder: AhoCorasick,
    /// For each pattern: which needle, and how it is spelt.
    meanings: Vec<(usize, &'static str)>,
    names: Vec<String>,
}

/// One scan at work.
struct Search<'a> {
    scanner: &'a Scanner,
    hits: BTreeSet<Hit>,
    /// Layers that were read already at this place.
    seen: HashSet<u64>,
}

impl Scanner {
    /// Prepares every spelling of every needle.
    pub fn new(needles: Vec<Needle>) -> Self {
        let mut patterns = Vec::new();
        let mut meanings = Vec::new();
        let mut names = Vec::new();
        for (number, needle) in needles.into_iter().enumerate() {
            for piece in &needle.pieces {
                for (how, spelling) in variants::spellings(piece) {
                    patterns.push(spelling);
                    meanings.push((number, how));
                }
            }
            names.push(needle.name);
        }
        let finder = AhoCorasick::new(&patterns).expect("needles are few and short");
        Self { finder, meanings, names }
    }

    /// Scans bytes that are in memory, such as what was sent.
    pub fn scan_bytes(&self, place: &str, bytes: &[u8]) -> Result<Vec<Hit>, ScanError> {
        let mut search = self.search();
        search.read(place, bytes)?;
        Ok(search.hits.into_iter().collect())
    }

    /// Scans every file below a folder.
    pub fn scan_folder(&self, folder: &Path) -> Result<Vec<Hit>, ScanError> {
        self.scan_folder_with(folder, &|_| Vec::new())
    }

    /// Scans every file below a folder, and what another engine reads from each.
    pub fn scan_folder_with(
        &self,
        folder: &Path,
        extra_texts: ExtraTexts<'_>,
    ) -> Result<Vec<Hit>, ScanError> {
        let mut search = self.search();
        for path in files_below(folder)? {
            let place = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
            search.read_file(&path, &place)?;
            for (within, text) in extra_texts(&path) {
                search.read(&format!("{place} » {within}"), &text)?;
            }
        }
        Ok(search.hits.into_iter().collect())
    }

    fn search(&self) -> Search<'_> {
        Search { scanner: self, hits: BTreeSet::new(), seen: HashSet::new() }
    }
}

impl Search<'_> {
    fn read_file(&mut self, path: &Path, place: &str) -> Result<(), ScanError> {
        // A name holds text as well as a file does.
        self.find(&format!("the name of {place}"), place.as_bytes());
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            // A log or draft that a running process removed meanwhile holds nothing any more.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(ScanError::Read(path.to_owned(), error)),
        };
        self.read(place, &bytes)?;
        if tables::is_sqlite(&bytes) {
            tables::each_cell(path, &mut |within, cell| {
                self.read(&format!("{place} » {within}"), cell)
            })?;
            pages::each_split_frame(path, &bytes, &mut |within, frame| {
                self.read(&format!("{place} » {within}"), frame)
            })?;
        }
        Ok(())
    }

    fn read(&mut self, place: &str, bytes: &[u8]) -> Result<(), ScanError> {
        self.seen.clear();
        self.descend(place, bytes, 0)
    }

    fn descend(&mut self, place: &str, bytes: &[u8], depth: usize) -> Result<(), ScanError> {
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        if !self.seen.insert(hasher.finish()) {
            return Ok(());
        }
        self.find(place, bytes);
        if depth == MAX_DEPTH {
            return Ok(());
        }
        for layer in layers::below(bytes) {
            let inner = format!("{place} » {}", layer.name);
            if layer.bytes.len() > MAX_LAYER_BYTES {
                return Err(ScanError::TooLarge(inner));
            }
            self.descend(&inner, &layer.bytes, depth + 1)?;
        }
        Ok(())
    }

    fn find(&mut self, place: &str, bytes: &[u8]) {
        let scanner = self.scanner;
        let mut known = HashSet::new();
        for found in scanner.finder.find_overlapping_iter(bytes) {
            let (needle, how) = scanner.meanings[found.pattern().as_usize()];
            if known.insert((needle, how)) {
                let needle = scanner.names[needle].clone();
                let context = context(bytes, found.start(), found.end());
                self.hits.insert(Hit { needle, place: place.to_owned(), how, context });
            }
        }
    }
}

fn context(bytes: &[u8], start: usize, end: usize) -> String {
    let from = start.saturating_sub(CONTEXT_BYTES);
    let to = end.saturating_add(CONTEXT_BYTES / 4).min(bytes.len());
    bytes[from..to].escape_ascii().to_string()
}

/// Every file below a folder, in a fixed order. Links are files of elsewhere and not followed.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, ScanError> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        let failed = |error| ScanError::Read(folder.clone(), error);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                waiting.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests;
