//! What every directory must keep.

mod devices;

use modelstat_wire::Timestamp;

use crate::{Directory, DirectoryError, NewKey, Scope};

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1_000)
}

fn new_key(org_id: &str, scope: Scope, expires_at: Option<Timestamp>) -> NewKey {
    NewKey { org_id: org_id.to_owned(), scope, label: "a label".to_owned(), expires_at }
}

pub(crate) fn run(directory: &dyn Directory) {
    orgs_have_unique_names(directory);
    a_secret_opens_until_it_expires_or_is_revoked(directory);
    keys_go_with_their_org(directory);
    devices::run(directory);
}

fn orgs_have_unique_names(directory: &dyn Directory) {
    let first = directory.create_org("first", at(1)).expect("an org");
    let second = directory.create_org("second", at(2)).expect("an org");
    assert!(matches!(directory.create_org("first", at(3)), Err(DirectoryError::NameTaken)));
    assert_eq!(directory.orgs().expect("a list"), [first, second]);
}

fn a_secret_opens_until_it_expires_or_is_revoked(directory: &dyn Directory) {
    let org = directory.create_org("keys", at(1)).expect("an org").id;
    for scope in [Scope::Ingest, Scope::Read, Scope::Admin] {
        let made = directory.create_key(new_key(&org, scope, Some(at(10))), at(2)).expect("a key");
        let random = made.secret.strip_prefix(scope.secret_prefix()).expect("its prefix");
        assert!(random.len() == 32 && random.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert!(made.secret.starts_with(&made.key.secret_prefix));
        assert!(!format!("{made:?}").contains(random));
        let found = directory.authenticate(&made.secret, at(9)).expect("an answer");
        assert_eq!(found.as_ref(), Some(&made.key));
        assert_eq!(directory.authenticate(&made.secret, at(10)).expect("an answer"), None);

        assert!(directory.revoke_key(&made.key.id, at(5)).expect("an answer"));
        assert!(!directory.revoke_key(&made.key.id, at(6)).expect("an answer"));
        assert_eq!(directory.authenticate(&made.secret, at(7)).expect("an answer"), None);
        let listed = directory.keys().expect("a list");
        let listed = listed.iter().find(|key| key.id == made.key.id).expect("it is listed");
        assert_eq!(listed.revoked_at, Some(at(5)));
    }
    let one = directory.create_key(new_key(&org, Scope::Ingest, None), at(2)).expect("a key");
    let other = directory.create_key(new_key(&org, Scope::Ingest, None), at(2)).expect("a key");
    assert_ne!(one.secret, other.secret);
    assert!(directory.authenticate(&one.secret, at(1_000_000_000)).expect("an answer").is_some());
    assert!(directory.authenticate("", at(3)).expect("an answer").is_none());
    assert!(directory.authenticate(&one.key.secret_prefix, at(3)).expect("an answer").is_none());
}

fn keys_go_with_their_org(directory: &dyn Directory) {
    let org = directory.create_org("short-lived", at(1)).expect("an org").id;
    let key = directory.create_key(new_key(&org, Scope::Ingest, None), at(2)).expect("a key");
    assert!(directory.remove_org(&org).expect("an answer"));
    assert!(!directory.remove_org(&org).expect("an answer"));
    assert!(directory.authenticate(&key.secret, at(3)).expect("an answer").is_none());
    let orphan = directory.create_key(new_key(&org, Scope::Ingest, None), at(4));
    assert!(matches!(orphan, Err(DirectoryError::NoSuchOrg)));
    assert!(directory.keys().expect("a list").iter().all(|key| key.org_id != org));
}
