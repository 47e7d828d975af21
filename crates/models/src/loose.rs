//! A model's file that somebody named by its path, and of which we know nothing beforehand.

use std::fs;
use std::path::{Path, PathBuf};

use crate::hash;
use crate::store::{Seal, StoreError, failed};

/// A file of weights outside the folder of models.
#[derive(Debug)]
pub struct LooseFile {
    path: PathBuf,
    /// What it looked like when it was read.
    seal: Seal,
}

impl LooseFile {
    /// Reads the file whole, once, to know what it is from then on.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let path = fs::canonicalize(path).map_err(|source| failed("read", path, source))?;
        let seal = read(&path)?;
        Ok(Self { path, seal })
    }

    /// Its sha256 in hex.
    pub fn sha256(&self) -> &str {
        &self.seal.sha256
    }

    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.seal.bytes
    }

    /// Its name without folder and ending.
    pub fn name(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Returns its path once it is certain that its bytes are still the same: it is read whole again where
    /// it looks different.
    pub fn checked(&self) -> Result<PathBuf, StoreError> {
        let now = Seal::of(&self.path, &self.seal.sha256);
        let now = now.map_err(|source| failed("read", &self.path, source))?;
        if now == self.seal || read(&self.path)?.sha256 == self.seal.sha256 {
            return Ok(self.path.clone());
        }
        Err(StoreError::Changed(self.path.clone()))
    }
}

fn read(path: &Path) -> Result<Seal, StoreError> {
    let found = hash::of_file(path, |_| ()).and_then(|sha256| Seal::of(path, &sha256));
    found.map_err(|source| failed("read", path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_until_its_bytes_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mine.gguf");
        fs::write(&path, "weights").expect("writable");
        let file = LooseFile::open(&path).expect("readable");
        assert_eq!((file.name().as_str(), file.bytes(), file.sha256().len()), ("mine", 7, 64));
        assert_eq!(file.checked().expect("the same"), fs::canonicalize(&path).expect("there"));
        // Written again, it is another file with the same bytes.
        fs::remove_file(&path).expect("there");
        fs::write(&path, "weights").expect("writable");
        file.checked().expect("the same bytes");
        fs::write(&path, "weight!").expect("writable");
        assert!(matches!(file.checked(), Err(StoreError::Changed(_))));
        fs::remove_file(&path).expect("there");
        assert!(matches!(file.checked(), Err(StoreError::File { .. })));
        assert!(matches!(LooseFile::open(&path), Err(StoreError::File { .. })));
    }
}
