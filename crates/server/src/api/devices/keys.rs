//! Which device a receipt's key is.

use std::collections::BTreeMap;

use modelstat_door::Refusal;
use modelstat_store::{Device, DeviceState};

use crate::auth::unavailable;
use crate::state::State;

/// The keys that an org's devices registered, by the names that receipts give them.
///
/// A key is the device's own word: whoever claims a device vouches for it.
pub(crate) struct RegisteredKeys(BTreeMap<String, String>);

impl RegisteredKeys {
    /// Reads the devices of an org, revoked ones too, as their receipts stay.
    pub(crate) fn of_org(state: &State, org_id: &str) -> Result<Self, Refusal> {
        let devices = state.directory.devices(state.clock.now());
        let mut devices = devices.map_err(|error| unavailable(&error))?;
        devices.retain(|device| {
            device.org_id.as_deref() == Some(org_id) && device.state != DeviceState::Unclaimed
        });
        Ok(Self::of(devices))
    }

    /// Of several devices with one key, one in force goes first, then the one that registered first.
    fn of(mut devices: Vec<Device>) -> Self {
        devices.sort_by_key(|device| (device.state == DeviceState::Revoked, device.created_at));
        let mut keys = BTreeMap::new();
        for device in devices {
            if let Some(signer) = device.public_key.as_deref().and_then(signer) {
                keys.entry(signer).or_insert(device.id);
            }
        }
        Self(keys)
    }

    /// Returns the id of the device that registered the key of a receipt.
    pub(crate) fn device_id(&self, signer: &str) -> Option<String> {
        self.0.get(signer).cloned()
    }
}

/// The name that receipts give to a key; `None` for keys of another kind.
fn signer(public_key: &str) -> Option<String> {
    let key: [u8; 32] = hex::decode(public_key).ok()?.try_into().ok()?;
    Some(modelstat_wire::device_id(&key))
}

#[cfg(test)]
mod tests {
    use modelstat_store::Fingerprint;
    use modelstat_wire::Timestamp;

    use super::*;

    fn device(id: &str, state: DeviceState, public_key: &str) -> Device {
        Device {
            id: id.to_owned(),
            uuid: String::new(),
            state,
            org_id: Some("org".to_owned()),
            claim_code: None,
            secret_prefix: String::new(),
            public_key: Some(public_key.to_owned()),
            fingerprint: Fingerprint::default(),
            created_at: Timestamp::from_millis(0),
            claimed_at: None,
            revoked_at: None,
            last_seen_at: None,
            heartbeat: None,
        }
    }

    #[test]
    fn a_key_names_the_device_in_force_that_registered_it() {
        let (one, two) = ("01".repeat(32), "02".repeat(32));
        let keys = RegisteredKeys::of(vec![
            device("dev_1", DeviceState::Revoked, &one),
            device("dev_2", DeviceState::Claimed, &one),
            device("dev_3", DeviceState::Revoked, &two),
            device("dev_4", DeviceState::Claimed, "of another kind"),
        ]);
        let of = |byte| keys.device_id(&modelstat_wire::device_id(&[byte; 32]));
        assert_eq!(of(1).as_deref(), Some("dev_2"));
        assert_eq!(of(2).as_deref(), Some("dev_3"));
        assert_eq!((of(3), keys.0.len()), (None, 2));
    }
}
