//! The folder of models on this machine.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::fetch::{self, FetchError, Source};
use crate::hash;
use crate::registry::Model;

/// What is left free on the disk beside a file that is brought here.
const SPARE_BYTES: u64 = 256 << 20;

/// How much is copied at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// How far a long piece of work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Bytes of the file that are here.
    Fetching {
        /// So many.
        done: u64,
        /// Of so many.
        total: u64,
    },
    /// Bytes of the file whose sha256 is known.
    Checking {
        /// So many.
        done: u64,
        /// Of so many.
        total: u64,
    },
}

/// Whether a model's file can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing of it is here.
    Absent,
    /// A part of it is here.
    Partial,
    /// It is here, and was the right file when it was last read whole.
    Ready,
    /// It is here, and changed since it was checked.
    Unchecked,
}

/// A model, and what is here of it.
#[derive(Clone, Debug)]
pub struct Installed {
    /// Which.
    pub model: &'static Model,
    /// Whether its file can be used.
    pub state: State,
    /// How much of it is on the disk.
    pub bytes: u64,
    /// Where its file is, or will be.
    pub path: PathBuf,
}

/// What the folder cannot do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The folder or a file in it failed.
    #[error("could not {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Another process brings, checks or removes models.
    #[error("another process works on the models in {}; try again when it is done", .0.display())]
    Busy(PathBuf),
    /// There is no room.
    #[error("{} has {free} bytes free, and {needed} are needed", folder.display())]
    DiskFull {
        /// Where.
        folder: PathBuf,
        /// How many bytes are free.
        free: u64,
        /// How many are needed.
        needed: u64,
    },
    /// The file did not come.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The file that was given is no model that we know.
    #[error("{} is none of the models that we know (its sha256 is {found})", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// Its hash.
        found: String,
    },
    /// The file here is not the right one.
    #[error("{} is damaged: its sha256 is {found}; remove it and pull it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its hash.
        found: String,
    },
    /// The file is not here.
    #[error("the model {0} is not here; `modelstat model pull {0}` brings it")]
    Absent(&'static str),
    /// The file is another one than it was.
    #[error("{} has changed since modelstat was started; start it again to take it as it is", .0.display())]
    Changed(PathBuf),
}

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// What a file looked like when its sha256 was last found right: one that looks the same is the same.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seal {
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
    modified_s: i64,
    modified_ns: i64,
    inode: u64,
}

impl Seal {
    pub(crate) fn of(path: &Path, sha256: &str) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        Ok(Self {
            sha256: sha256.to_owned(),
            bytes: found.len(),
            modified_s: found.mtime(),
            modified_ns: found.mtime_nsec(),
            inode: found.ino(),
        })
    }
}

/// The folder.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    models: &'static [Model],
}

/// The right to change the folder, as long as this lives.
struct Lock {
    _file: File,
}

impl Store {
    /// Opens a folder of some models; it is made, for its owner only, if it is missing.
    pub fn open(folder: impl Into<PathBuf>, models: &'static [Model]) -> Result<Self> {
        let folder = folder.into();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|source| failed("make", &folder, source))?;
        Ok(Self { folder, models })
    }

    /// Tells of every model that we know what is here.
    pub fn list(&self) -> Result<Vec<Installed>> {
        self.models.iter().map(|model| self.look(model)).collect()
    }

    /// Tells what is here of a model, without reading its file.
    pub fn look(&self, model: &'static Model) -> Result<Installed> {
        let path = self.path(model);
        let length = |path: &Path| match fs::metadata(path) {
            Ok(found) => Ok(Some(found.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed("read", path, source)),
        };
        let (state, bytes) = match (length(&path)?, length(&self.part(model))?) {
            (Some(bytes), _) if self.is_sealed(model) => (State::Ready, bytes),
            (Some(bytes), _) => (State::Unchecked, bytes),
            (None, Some(bytes)) => (State::Partial, bytes),
            (None, None) => (State::Absent, 0),
        };
        Ok(Installed { model, state, bytes, path })
    }

    /// Brings a model here. A part that is here already is not brought again.
    pub fn pull(
        &self,
        model: &'static Model,
        source: &Source,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PathBuf> {
        let _lock = self.lock()?;
        let found = self.look(model)?;
        match found.state {
            State::Ready => return Ok(found.path),
            State::Unchecked => return self.check(model, progress),
            State::Partial | State::Absent => {}
        }
        self.expect_room(model.bytes.saturating_sub(found.bytes))?;
        let part = self.part(model);
        fetch::fetch(source, model, &part, progress)?;
        self.settle(model, &part)
    }

    /// Takes a file that somebody brought here, if it is a model that we know.
    pub fn import(
        &self,
        file: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(&'static Model, PathBuf)> {
        let _lock = self.lock()?;
        let total = fs::metadata(file).map_err(|source| failed("read", file, source))?.len();
        let found = hash::of_file(file, |done| progress(Progress::Checking { done, total }))
            .map_err(|source| failed("read", file, source))?;
        let Some(model) = self.models.iter().find(|model| model.sha256 == found) else {
            return Err(StoreError::Unknown { path: file.to_owned(), found });
        };
        if self.look(model)?.state == State::Ready {
            return Ok((model, self.path(model)));
        }
        self.expect_room(model.bytes)?;
        let part = self.part(model);
        copy(file, &part, model, progress)?;
        // What was copied is checked, not what was read before.
        let copied = hash::of_file(&part, |done| progress(Progress::Checking { done, total }))
            .map_err(|source| failed("read", &part, source))?;
        if copied != model.sha256 {
            remove_if_there(&part)?;
            return Err(StoreError::Damaged { path: file.to_owned(), found: copied });
        }
        Ok((model, self.settle(model, &part)?))
    }

    /// Returns a model's file once it is certain that its bytes are the right ones: it is read whole
    /// unless it has not changed since it last was.
    pub fn checked(
        &self,
        model: &'static Model,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PathBuf> {
        match self.look(model)?.state {
            State::Ready => Ok(self.path(model)),
            State::Unchecked => {
                let _lock = self.lock()?;
                self.check(model, progress)
            }
            State::Partial | State::Absent => Err(StoreError::Absent(model.name)),
        }
    }

    /// Reads a model's file whole and compares it, whatever is known of it.
    pub fn verify(
        &self,
        model: &'static Model,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<PathBuf> {
        let _lock = self.lock()?;
        match self.look(model)?.state {
            State::Ready | State::Unchecked => self.check(model, progress),
            State::Partial | State::Absent => Err(StoreError::Absent(model.name)),
        }
    }

    /// Removes a model and any part of it; returns how many bytes that freed.
    pub fn remove(&self, model: &'static Model) -> Result<u64> {
        let _lock = self.lock()?;
        let mut freed = 0;
        for path in [self.path(model), self.part(model), self.seal(model)] {
            freed += fs::metadata(&path).map_or(0, |found| found.len());
            remove_if_there(&path)?;
        }
        Ok(freed)
    }

    fn check(&self, model: &'static Model, progress: &mut dyn FnMut(Progress)) -> Result<PathBuf> {
        let path = self.path(model);
        let total = model.bytes;
        let found = hash::of_file(&path, |done| progress(Progress::Checking { done, total }))
            .map_err(|source| failed("read", &path, source))?;
        if found != model.sha256 {
            remove_if_there(&self.seal(model))?;
            return Err(StoreError::Damaged { path, found });
        }
        self.write_seal(model)?;
        Ok(path)
    }

    /// Gives a whole, right file its name.
    fn settle(&self, model: &'static Model, part: &Path) -> Result<PathBuf> {
        let path = self.path(model);
        fs::rename(part, &path).map_err(|source| failed("rename", part, source))?;
        let folder = File::open(&self.folder).and_then(|folder| folder.sync_all());
        folder.map_err(|source| failed("flush", &self.folder, source))?;
        self.write_seal(model)?;
        Ok(path)
    }

    fn is_sealed(&self, model: &Model) -> bool {
        let kept = fs::read(self.seal(model)).ok();
        let kept: Option<Seal> = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let now = Seal::of(&self.path(model), model.sha256).ok();
        kept.is_some() && kept == now && now.is_some_and(|seal| seal.bytes == model.bytes)
    }

    fn write_seal(&self, model: &Model) -> Result<()> {
        let path = self.seal(model);
        let written = Seal::of(&self.path(model), model.sha256).and_then(|seal| {
            let text = serde_json::to_vec(&seal)?;
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            options.open(&path)?.write_all(&text)
        });
        written.map_err(|source| failed("write", &path, source))
    }

    fn expect_room(&self, bytes: u64) -> Result<()> {
        let needed = bytes.saturating_add(SPARE_BYTES);
        // A disk that cannot be asked will tell when it is full.
        let Ok(disk) = rustix::fs::statvfs(&self.folder) else { return Ok(()) };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < needed {
            return Err(StoreError::DiskFull { folder: self.folder.clone(), free, needed });
        }
        Ok(())
    }

    fn lock(&self) -> Result<Lock> {
        let path = self.folder.join("lock");
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(|source| failed("open", &path, source))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(StoreError::Busy(self.folder.clone())),
            Err(fs::TryLockError::Error(source)) => Err(failed("lock", &path, source)),
        }
    }

    fn path(&self, model: &Model) -> PathBuf {
        self.folder.join(model.file)
    }

    fn part(&self, model: &Model) -> PathBuf {
        self.folder.join(format!("{}.part", model.file))
    }

    fn seal(&self, model: &Model) -> PathBuf {
        self.folder.join(format!("{}.seal", model.file))
    }
}

fn copy(from: &Path, to: &Path, model: &Model, progress: &mut dyn FnMut(Progress)) -> Result<()> {
    let mut source = File::open(from).map_err(|source| failed("read", from, source))?;
    let mut options = OpenOptions::new();
    let target = options.write(true).create(true).truncate(true).mode(0o600).open(to);
    let mut target = target.map_err(|source| failed("write", to, source))?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut done = 0;
    loop {
        let read = source.read(&mut chunk).map_err(|source| failed("read", from, source))?;
        if read == 0 {
            break;
        }
        target.write_all(&chunk[..read]).map_err(|source| failed("write", to, source))?;
        done += read as u64;
        progress(Progress::Fetching { done, total: model.bytes });
    }
    target.sync_all().map_err(|source| failed("write", to, source))
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", path, error)),
        _ => Ok(()),
    }
}

pub(crate) fn failed(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::File { action, path: path.to_owned(), source }
}
