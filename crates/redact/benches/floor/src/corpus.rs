//! Texts that any developer's machine has: crates' sources and documents, Python's library, made-up chat.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::chat::{self, Random};
use crate::peer;

/// How much text a row of the table of speed is measured on.
const ROW_BYTES: usize = 1_000_000;

/// Lines of a block: a block in which either redactor finds something is left out of a clean corpus.
const BLOCK_LINES: usize = 20;

/// Largest file that is read; beyond it are generated tables.
const MAX_FILE_BYTES: u64 = 4_000_000;

/// A folder of sources and the files in it.
pub(crate) struct Sources {
    /// What they are, for the reader of the table.
    pub(crate) name: String,
    root: PathBuf,
    files: Vec<PathBuf>,
}

impl Sources {
    /// Every file that is text, with its path below the root.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (String, String)> {
        self.files.iter().filter_map(|file| {
            let name = file.strip_prefix(&self.root).unwrap_or(file).display().to_string();
            fs::read_to_string(file).ok().map(|text| (name, text))
        })
    }

    /// A megabyte of clean blocks from files all over the place, the same ones every time.
    pub(crate) fn clean(&self) -> Vec<String> {
        let mut order: Vec<&PathBuf> = self.files.iter().collect();
        Random(1).shuffle(&mut order);
        let texts = order.into_iter().filter_map(|file| fs::read_to_string(file).ok());
        clean_blocks(texts)
    }
}

/// Which crates' sources.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crates {
    /// Those that people wrote.
    Written,
    /// The `*-sys` crates: tables of names and numbers of foreign systems, generated for the most part.
    Bindings,
}

/// The sources of the crates in `Cargo.lock` that cargo has unpacked.
pub(crate) fn dependencies(crates: Crates, ending: &str) -> Option<Sources> {
    let lock = fs::read_to_string(workspace().join("Cargo.lock")).ok()?;
    let registry = cargo_home()?.join("registry/src");
    let registries: Vec<PathBuf> = entries(&registry);
    let mut roots = Vec::new();
    for (name, version) in locked(&lock) {
        if name.ends_with("-sys") != (crates == Crates::Bindings) {
            continue;
        }
        let folder = format!("{name}-{version}");
        roots.extend(registries.iter().map(|root| root.join(&folder)).find(|root| root.is_dir()));
    }
    let root = registries.into_iter().next()?;
    let files: Vec<PathBuf> = roots.iter().flat_map(|root| files_below(root, ending)).collect();
    let kind = if crates == Crates::Bindings { "crates of bindings" } else { "crates" };
    let name = format!("{} {kind} of Cargo.lock, .{ending}", roots.len());
    (!files.is_empty()).then_some(Sources { name, root, files })
}

/// This workspace's own files.
pub(crate) fn own(ending: &str) -> Sources {
    let root = workspace();
    let folders = ["crates", "docs", "xtask"];
    let files = folders.iter().flat_map(|folder| files_below(&root.join(folder), ending)).collect();
    Sources { name: format!("this workspace, .{ending}"), root, files }
}

/// Python's standard library, without its own tests.
pub(crate) fn python_library() -> Option<Sources> {
    let ask = "import sysconfig; print(sysconfig.get_path('stdlib'))";
    let told = Command::new("python3").args(["-c", ask]).output().ok()?;
    let root = PathBuf::from(String::from_utf8(told.stdout).ok()?.trim());
    let is_library = |file: &PathBuf| {
        let mut parts = file.strip_prefix(&root).unwrap_or(file).iter();
        !parts.any(|part| part == "site-packages" || part == "test" || part == "tests")
    };
    let files: Vec<PathBuf> = files_below(&root, "py").into_iter().filter(is_library).collect();
    let name = "Python's standard library without its tests".to_owned();
    (!files.is_empty()).then_some(Sources { name, root, files })
}

/// The sources of Rust's own library, which are an optional component of a toolchain.
pub(crate) fn rust_library() -> Option<Sources> {
    let told = Command::new("rustc").args(["--print", "sysroot"]).output().ok()?;
    let sysroot = PathBuf::from(String::from_utf8(told.stdout).ok()?.trim());
    let root = sysroot.join("lib/rustlib/src");
    let files = files_below(&root, "rs");
    (!files.is_empty()).then_some(Sources { name: "Rust's library".to_owned(), root, files })
}

/// A megabyte of clean made-up chat.
pub(crate) fn clean_chat() -> Vec<String> {
    clean_blocks(std::iter::once(chat::generate(ROW_BYTES * 2)))
}

/// Blocks of each corpus in turn, a megabyte in all.
pub(crate) fn mixed(corpora: &[Vec<String>]) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut bytes = 0;
    for index in 0.. {
        let row: Vec<&String> = corpora.iter().filter_map(|corpus| corpus.get(index)).collect();
        if row.is_empty() || bytes >= ROW_BYTES {
            break;
        }
        bytes += row.iter().map(|block| block.len()).sum::<usize>();
        blocks.extend(row.into_iter().cloned());
    }
    blocks
}

/// Texts of at most four kilobytes, of whole blocks.
pub(crate) fn four_kilobytes(blocks: &[String]) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for block in blocks.iter().filter(|block| block.len() <= 4096) {
        match texts.last_mut() {
            Some(text) if text.len() + block.len() <= 4096 => text.push_str(block),
            _ => texts.push(block.clone()),
        }
    }
    texts
}

/// The text with a secret on a line of its own after every kilobyte.
pub(crate) fn with_secrets(blocks: &[String]) -> String {
    let mut random = Random(2);
    let mut text = String::with_capacity(ROW_BYTES + ROW_BYTES / 8);
    let mut next = 1000;
    for line in blocks.iter().flat_map(|block| block.split_inclusive('\n')) {
        text.push_str(line);
        if text.len() >= next {
            text.push_str(&secret_line(&mut random));
            next += 1000;
        }
    }
    text
}

/// A line of a kind that leaks: settings, headers, code. Put together here, so that none stands in a file.
fn secret_line(random: &mut Random) -> String {
    let mut body = |length: usize| -> String {
        let letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let one =
            |_| letters.get(random.below(letters.len())).map_or('x', |&byte| char::from(byte));
        (0..length).map(one).collect()
    };
    let (short, long) = (body(12).to_lowercase(), body(40));
    match body(1).bytes().next().unwrap_or(0) % 8 {
        0 => format!("export OPENAI_API_KEY={}-{long}\n", "sk"),
        1 => format!("token = \"{}_{}\"\n", "ghp", body(36)),
        2 => format!("Authorization: Bearer {long}\n"),
        3 => format!("DATABASE_URL={}://app:{short}@db.internal/app\n", "postgres"),
        4 => format!("aws_access_key_id = {}{}\n", "AKIA", body(16).to_uppercase()),
        5 => format!("write to {short}@example.com about it\n"),
        6 => format!("cd /{}/{short}/src\n", "home"),
        _ => format!("slack: {}-{}\n", "xoxb", body(24)),
    }
}

/// Cuts texts into blocks and keeps the clean ones until a megabyte is full.
fn clean_blocks(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut bytes = 0;
    for text in texts {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for block in lines.chunks(BLOCK_LINES).map(<[&str]>::concat) {
            if bytes >= ROW_BYTES {
                return blocks;
            }
            if modelstat_redact::redact(&block).is_clean() && peer::is_clean(&block) {
                bytes += block.len();
                blocks.push(block);
            }
        }
    }
    blocks
}

/// The names and versions in a lock file.
fn locked(lock: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut name = "";
    for line in lock.lines() {
        let quoted = line.split('"').nth(1).unwrap_or_default();
        if line.starts_with("name = ") {
            name = quoted;
        } else if line.starts_with("version = ") && !name.is_empty() {
            found.push((name, quoted));
        }
    }
    found
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../..")
}

fn cargo_home() -> Option<PathBuf> {
    let told = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    told.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))
}

/// The files with that ending, sorted by path. Links are not followed.
fn files_below(root: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            let Ok(kind) = path.symlink_metadata() else { continue };
            if kind.is_dir() && path.file_name() != Some(OsStr::new("target")) {
                folders.push(path);
            } else if kind.is_file()
                && kind.len() <= MAX_FILE_BYTES
                && path.extension() == Some(OsStr::new(ending))
            {
                files.push(path);
            }
        }
    }
    files.sort_unstable();
    files
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(found) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = found.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort_unstable();
    paths
}
