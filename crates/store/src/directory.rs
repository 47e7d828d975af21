//! Orgs, their keys and their devices.

mod device;

use modelstat_wire::Timestamp;
use serde::{Deserialize, Serialize};

pub use device::{
    DEVICE_SECRET_PREFIX, Device, DeviceState, Fingerprint, HEARTBEAT_INTERVAL_MICROS, Heartbeat,
    MAX_UNCLAIMED_DEVICES, NewDevice, RegisteredDevice, UNCLAIMED_DAYS,
};

/// Who may do what.
pub trait Directory: Send + Sync {
    /// Creates an org.
    fn create_org(&self, name: &str, now: Timestamp) -> Result<Org, DirectoryError>;

    /// Lists orgs in the order of their making.
    fn orgs(&self) -> Result<Vec<Org>, DirectoryError>;

    /// Removes an org and its keys; returns whether there was one.
    fn remove_org(&self, org_id: &str) -> Result<bool, DirectoryError>;

    /// Creates a key; only its hash is stored, so the secret is shown here and never again.
    fn create_key(&self, key: NewKey, now: Timestamp) -> Result<CreatedKey, DirectoryError>;

    /// Lists keys, also revoked ones, in the order of their making.
    fn keys(&self) -> Result<Vec<Key>, DirectoryError>;

    /// Revokes a key; returns whether there was one in force.
    fn revoke_key(&self, key_id: &str, now: Timestamp) -> Result<bool, DirectoryError>;

    /// Finds the key of a secret, if it is in force at a time.
    fn authenticate(&self, secret: &str, now: Timestamp) -> Result<Option<Key>, DirectoryError>;

    /// Registers a device; only the hash of its secret is stored, so the secret is shown here and
    /// never again.
    ///
    /// One that proves by its previous secret to be known keeps its id, and its org unless it was
    /// revoked. Without a proof it is a new device, whatever it calls itself. Every registration
    /// that leaves a device unclaimed gives it a new claim code, so that a code stands for the
    /// secret that was given out with it.
    fn register_device(
        &self,
        device: NewDevice,
        now: Timestamp,
    ) -> Result<RegisteredDevice, DirectoryError>;

    /// Lists devices, also revoked ones, in the order of their making; without those whose time to
    /// be claimed is over.
    fn devices(&self, now: Timestamp) -> Result<Vec<Device>, DirectoryError>;

    /// Finds the device of a secret, if the secret is in force at a time.
    fn device_of(&self, secret: &str, now: Timestamp) -> Result<Option<Device>, DirectoryError>;

    /// Gives the device of a claim code to an org; `None` when no device waits under that code.
    fn claim_device(
        &self,
        claim_code: &str,
        org_id: &str,
        now: Timestamp,
    ) -> Result<Option<Device>, DirectoryError>;

    /// Makes a device's secret void, and forgets a device that nobody has claimed; returns whether
    /// there was one in force.
    fn revoke_device(&self, device_id: &str, now: Timestamp) -> Result<bool, DirectoryError>;

    /// Gives the device of a secret another one; `None` when the secret is not in force.
    fn rotate_device_secret(
        &self,
        secret: &str,
        now: Timestamp,
    ) -> Result<Option<RegisteredDevice>, DirectoryError>;

    /// Notes what a device says of itself, unless it said so less than
    /// [`HEARTBEAT_INTERVAL_MICROS`] before.
    fn note_heartbeat(
        &self,
        device_id: &str,
        heartbeat: &Heartbeat,
        now: Timestamp,
    ) -> Result<(), DirectoryError>;
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Org {
    /// `org_…`.
    pub id: String,
    /// The operator's name for it, unique.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a key allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Send events.
    Ingest,
    /// Ask questions.
    Read,
    /// Both of the above.
    Admin,
}

impl Scope {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }

    /// What secrets of this scope start with.
    pub const fn secret_prefix(self) -> &'static str {
        match self {
            Self::Ingest => "msk_live_",
            Self::Read => "msr_live_",
            Self::Admin => "msa_live_",
        }
    }

    /// Returns whether a key of this scope may do what needs `needed`.
    pub fn allows(self, needed: Self) -> bool {
        self == needed || self == Self::Admin
    }
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The org that it belongs to.
    pub org_id: String,
    /// What it allows.
    pub scope: Scope,
    /// The operator's note.
    pub label: String,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// A key without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// `key_…`.
    pub id: String,
    /// The org that it belongs to.
    pub org_id: String,
    /// What it allows.
    pub scope: Scope,
    /// The operator's note.
    pub label: String,
    /// The secret's beginning, enough to recognise it.
    pub secret_prefix: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// A key just made, with the secret that is shown once.
#[derive(Clone)]
pub struct CreatedKey {
    /// The key.
    pub key: Key,
    /// `msk_live_…`, `msr_live_…` or `msa_live_…`.
    pub secret: String,
}

impl std::fmt::Debug for CreatedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedKey").field("key", &self.key).finish_non_exhaustive()
    }
}

/// What can fail in a directory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// An org of that name exists.
    #[error("an org of that name exists")]
    NameTaken,
    /// There is no such org.
    #[error("there is no such org")]
    NoSuchOrg,
    /// As many devices wait to be claimed as may.
    #[error("{MAX_UNCLAIMED_DEVICES} devices wait to be claimed")]
    TooManyUnclaimed,
    /// The engine failed.
    #[error("the directory failed ({code})")]
    Engine {
        /// The engine's error code, never its message.
        code: String,
    },
}
