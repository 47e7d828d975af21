//! What every directory must keep of devices.

use modelstat_redact::{RawText, RedactedText};
use modelstat_wire::Timestamp;

use super::at;
use crate::{
    DEVICE_SECRET_PREFIX, DeviceState, Directory, DirectoryError, Fingerprint, Heartbeat,
    MAX_UNCLAIMED_DEVICES, NewDevice, RegisteredDevice, UNCLAIMED_DAYS,
};

const DAY_SECONDS: i64 = 86_400;

pub(super) fn run(directory: &dyn Directory) {
    a_device_may_work_once_it_is_claimed(directory);
    who_cannot_prove_it_is_somebody_else(directory);
    a_proof_brings_back_what_was_revoked_unclaimed(directory);
    a_replaced_secret_proves_nothing_once_claimed(directory);
    heartbeats_are_noted_now_and_then(directory);
    devices_go_with_their_org(directory);
    the_unclaimed_are_bounded_and_expire(directory);
}

fn new(uuid: &str, previous: Option<&RegisteredDevice>) -> NewDevice {
    NewDevice {
        uuid: uuid.to_owned(),
        fingerprint: Fingerprint { os_family: Some(text("linux")), ..Fingerprint::default() },
        public_key: Some("a-key".to_owned()),
        previous_secret: previous.map(|previous| previous.secret.clone()),
    }
}

fn text(text: &str) -> RedactedText {
    RawText::from(text).redact().0
}

fn register(directory: &dyn Directory, uuid: &str, now: Timestamp) -> RegisteredDevice {
    directory.register_device(new(uuid, None), now).expect("registered")
}

fn code(registered: &RegisteredDevice) -> &str {
    registered.device.claim_code.as_deref().expect("a claim code")
}

fn is_in_force(directory: &dyn Directory, registered: &RegisteredDevice, now: Timestamp) -> bool {
    directory.device_of(&registered.secret, now).expect("an answer").is_some()
}

fn a_device_may_work_once_it_is_claimed(directory: &dyn Directory) {
    let org = directory.create_org("devices", at(1)).expect("an org").id;
    let made = register(directory, "a", at(2));
    let random = made.secret.strip_prefix(DEVICE_SECRET_PREFIX).expect("its prefix");
    assert!(random.len() == 64 && random.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert!(made.secret.starts_with(&made.device.secret_prefix));
    assert!(!format!("{made:?}").contains(random));
    assert!(made.device.id.len() == 36 && made.device.id.starts_with("dev_"));
    assert_eq!(code(&made).split('-').count(), 3);
    assert!(!made.is_known);
    let found = directory.device_of(&made.secret, at(3)).expect("an answer").expect("in force");
    assert_eq!((found.state, found.org_id.as_ref()), (DeviceState::Unclaimed, None));
    assert_eq!(found, made.device);
    assert_eq!(found.wire_id().as_str(), found.id);
    assert!(directory.authenticate(&made.secret, at(3)).expect("an answer").is_none(), "no key");

    let unknown = directory.claim_device("babab-babab-babab", &org, at(4)).expect("an answer");
    assert_eq!(unknown, None);
    let nowhere = directory.claim_device(code(&made), "org_none", at(4));
    assert!(matches!(nowhere, Err(DirectoryError::NoSuchOrg)));
    let claimed = directory.claim_device(code(&made), &org, at(5)).expect("an answer");
    let claimed = claimed.expect("claimed");
    assert_eq!((claimed.state, claimed.org_id.as_deref()), (DeviceState::Claimed, Some(&*org)));
    assert_eq!((claimed.claimed_at, &claimed.claim_code), (Some(at(5)), &None));
    assert_eq!(directory.claim_device(code(&made), &org, at(6)).expect("an answer"), None);
    assert!(is_in_force(directory, &made, at(DAY_SECONDS * 1_000)), "claimed for good");

    let rotated = directory.rotate_device_secret(&made.secret, at(7)).expect("an answer");
    let rotated = rotated.expect("in force");
    assert_eq!(rotated.device.id, made.device.id);
    assert!(!is_in_force(directory, &made, at(8)) && is_in_force(directory, &rotated, at(8)));
    assert!(directory.rotate_device_secret(&made.secret, at(8)).expect("an answer").is_none());

    assert!(directory.revoke_device(&made.device.id, at(9)).expect("an answer"));
    assert!(!directory.revoke_device(&made.device.id, at(10)).expect("an answer"));
    assert!(!is_in_force(directory, &rotated, at(11)));
    let listed = directory.devices(at(12)).expect("a list");
    let listed = listed.iter().find(|device| device.id == made.device.id).expect("it is listed");
    assert_eq!((listed.state, listed.revoked_at), (DeviceState::Revoked, Some(at(9))));
}

fn who_cannot_prove_it_is_somebody_else(directory: &dyn Directory) {
    let org = directory.create_org("victims", at(1)).expect("an org").id;
    let victim = register(directory, "victim", at(2));
    directory.claim_device(code(&victim), &org, at(3)).expect("an answer").expect("claimed");
    let without = register(directory, "victim", at(4));
    let other = register(directory, "other", at(4));
    let wrong = directory.register_device(new("victim", Some(&other)), at(5)).expect("registered");
    for thief in [&without, &wrong] {
        assert!(!thief.is_known && thief.device.id != victim.device.id);
        assert_eq!(thief.device.state, DeviceState::Unclaimed);
    }
    assert!(is_in_force(directory, &victim, at(6)));

    let again = directory.register_device(new("victim", Some(&victim)), at(7)).expect("registered");
    assert!(again.is_known && again.secret != victim.secret);
    assert_eq!((&again.device.id, again.device.state), (&victim.device.id, DeviceState::Claimed));
    assert!(!is_in_force(directory, &victim, at(8)) && is_in_force(directory, &again, at(8)));
}

fn a_proof_brings_back_what_was_revoked_unclaimed(directory: &dyn Directory) {
    let org = directory.create_org("revoked", at(1)).expect("an org").id;
    let made = register(directory, "revoked", at(2));
    directory.claim_device(code(&made), &org, at(3)).expect("an answer").expect("claimed");
    assert!(directory.revoke_device(&made.device.id, at(4)).expect("an answer"));
    let again = directory.register_device(new("revoked", Some(&made)), at(5)).expect("registered");
    assert_eq!((&again.device.id, again.is_known), (&made.device.id, true));
    assert_eq!(again.device.state, DeviceState::Unclaimed);
    assert_eq!(again.device.org_id, None);
    assert_ne!(code(&again), code(&made), "a code stands for one secret");

    // The answer was lost, so that the device has the old secret still.
    let lost = directory.register_device(new("revoked", Some(&made)), at(6)).expect("registered");
    assert_eq!((&lost.device.id, lost.is_known), (&made.device.id, true));
    assert_eq!(directory.claim_device(code(&again), &org, at(7)).expect("an answer"), None);
    assert!(directory.claim_device(code(&lost), &org, at(7)).expect("an answer").is_some());
}

fn a_replaced_secret_proves_nothing_once_claimed(directory: &dyn Directory) {
    let org = directory.create_org("replaced", at(1)).expect("an org").id;
    let first = register(directory, "replaced", at(2));
    let second = directory.register_device(new("replaced", Some(&first)), at(3)).expect("done");
    directory.claim_device(code(&second), &org, at(4)).expect("an answer").expect("claimed");
    let third = directory.register_device(new("replaced", Some(&first)), at(5)).expect("done");
    assert!(!third.is_known && third.device.id != second.device.id);
    assert!(is_in_force(directory, &second, at(6)));
}

fn heartbeats_are_noted_now_and_then(directory: &dyn Directory) {
    let made = register(directory, "beating", at(2));
    let beat = |queue_size: u64| Heartbeat {
        status: text("idle"),
        daemon_version: Some(text("0.2.0")),
        queue_size: Some(queue_size),
        last_event_at: Some(at(1)),
        stats: [("shipped".to_owned(), 7)].into(),
    };
    let seen = |now: Timestamp| {
        let found = directory.device_of(&made.secret, now).expect("an answer").expect("in force");
        (found.last_seen_at, found.heartbeat)
    };
    assert_eq!(seen(at(3)), (None, None));
    directory.note_heartbeat(&made.device.id, &beat(1), at(3)).expect("noted");
    assert_eq!(seen(at(3)), (Some(at(3)), Some(beat(1))));
    let soon = Timestamp::from_millis(3_500);
    directory.note_heartbeat(&made.device.id, &beat(2), soon).expect("an answer");
    assert_eq!(seen(at(4)), (Some(at(3)), Some(beat(1))), "too soon to be written");
    directory.note_heartbeat(&made.device.id, &beat(2), at(4)).expect("noted");
    assert_eq!(seen(at(4)), (Some(at(4)), Some(beat(2))));
    directory.note_heartbeat(&made.device.id, &beat(3), at(1)).expect("noted");
    assert_eq!(seen(at(4)).0, Some(at(1)), "the clock was set back");
}

fn devices_go_with_their_org(directory: &dyn Directory) {
    let org = directory.create_org("brief", at(1)).expect("an org").id;
    let made = register(directory, "brief", at(2));
    directory.claim_device(code(&made), &org, at(3)).expect("an answer").expect("claimed");
    assert!(directory.remove_org(&org).expect("an answer"));
    assert!(!is_in_force(directory, &made, at(4)));
}

fn the_unclaimed_are_bounded_and_expire(directory: &dyn Directory) {
    let org = directory.create_org("full", at(1)).expect("an org").id;
    let kept = register(directory, "kept", at(2));
    directory.claim_device(code(&kept), &org, at(3)).expect("an answer").expect("claimed");
    let waiting = directory.devices(at(4)).expect("a list");
    let is_waiting = |device: &&crate::Device| device.state == DeviceState::Unclaimed;
    let waiting = waiting.iter().filter(is_waiting).count();
    for number in waiting..MAX_UNCLAIMED_DEVICES {
        register(directory, &format!("many-{number}"), at(4));
    }
    let one_more = directory.register_device(new("one-more", None), at(5));
    assert!(matches!(one_more, Err(DirectoryError::TooManyUnclaimed)));
    let renewed = directory.register_device(new("kept", Some(&kept)), at(5)).expect("registered");
    assert!(renewed.is_known, "who is claimed needs no room");

    let last = directory.devices(at(6)).expect("a list").pop().expect("a device");
    assert!(directory.revoke_device(&last.id, at(6)).expect("an answer"), "an unclaimed one");
    let next = register(directory, "next", at(7));
    let over = at(7 + UNCLAIMED_DAYS * DAY_SECONDS);
    assert!(!is_in_force(directory, &next, over));
    assert_eq!(directory.claim_device(code(&next), &org, over).expect("an answer"), None);
    let listed = directory.devices(over).expect("a list");
    assert!(listed.iter().all(|device| device.state != DeviceState::Unclaimed));
    register(directory, "after", over);
}
