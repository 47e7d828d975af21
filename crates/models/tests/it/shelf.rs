//! What the folder does with files that are here.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use modelstat_models::{State, Store, StoreError};

use crate::hub::{MODELS, WEIGHTS, sha256, small};

fn shelf() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path().join("models"), &MODELS).expect("opens");
    (folder, store)
}

/// A folder with the model in it.
fn filled() -> (tempfile::TempDir, Store) {
    let (folder, store) = shelf();
    let brought = folder.path().join("brought");
    fs::write(&brought, &*WEIGHTS).expect("written");
    store.import(&brought, &mut |_| ()).expect("imported");
    (folder, store)
}

/// Sets a file's time, since two writes may fall into one tick of the file system's clock.
fn touch(path: &std::path::Path, seconds: u64) {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    fs::File::options().write(true).open(path).expect("a file").set_modified(time).expect("set");
}

#[test]
fn a_file_that_somebody_brought_is_known_by_its_bytes() {
    let (folder, store) = shelf();
    let brought = folder.path().join("any name.bin");
    fs::write(&brought, &*WEIGHTS).expect("written");
    let (model, path) = store.import(&brought, &mut |_| ()).expect("imported");
    assert_eq!(model, small());
    assert!(fs::read(&path).expect("a file") == *WEIGHTS);
    assert!(brought.exists(), "it stays where it was");
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    assert_eq!(store.list().expect("read")[0].state, State::Ready);
}

#[test]
fn a_file_that_is_no_model_is_refused_with_its_hash() {
    let (folder, store) = shelf();
    let brought = folder.path().join("notes");
    fs::write(&brought, "no weights").expect("written");
    let refused = store.import(&brought, &mut |_| ()).expect_err("no model").to_string();
    assert!(refused.contains(&sha256(b"no weights")), "{refused}");
    let missing = store.import(&folder.path().join("none"), &mut |_| ());
    assert!(matches!(missing, Err(StoreError::File { action: "read", .. })));
}

#[test]
fn a_changed_file_is_read_again_before_it_is_used() {
    let (_folder, store) = filled();
    let path = store.checked(small(), &mut |_| panic!("it was read again")).expect("ready");
    // The same bytes, written anew: fine, but only after a look.
    fs::write(&path, &*WEIGHTS).expect("written");
    touch(&path, 5);
    assert_eq!(store.look(small()).expect("read").state, State::Unchecked);
    let mut looks = 0;
    store.checked(small(), &mut |_| looks += 1).expect("the right bytes");
    assert!(looks > 0);
    assert_eq!(store.look(small()).expect("read").state, State::Ready);
    // Other bytes.
    let mut other = WEIGHTS.clone();
    other[0] ^= 1;
    fs::write(&path, &other).expect("written");
    touch(&path, 10);
    let refused = store.checked(small(), &mut |_| ()).expect_err("other bytes");
    assert!(matches!(refused, StoreError::Damaged { .. }), "{refused}");
    assert_eq!(store.look(small()).expect("read").state, State::Unchecked);
}

#[test]
fn verify_reads_whatever_is_known() {
    let (_folder, store) = filled();
    let mut looks = 0;
    store.verify(small(), &mut |_| looks += 1).expect("the right bytes");
    assert!(looks > 0);
}

#[test]
fn a_removed_model_is_gone_with_all_that_belonged_to_it() {
    let (folder, store) = filled();
    assert!(store.remove(small()).expect("removed") >= WEIGHTS.len() as u64);
    let left: Vec<_> = fs::read_dir(folder.path().join("models"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(left, ["lock"]);
    let absent = store.checked(small(), &mut |_| ()).expect_err("gone").to_string();
    assert_eq!(absent, "the model small is not here; `modelstat model pull small` brings it");
    assert_eq!(store.remove(small()).expect("nothing to remove"), 0);
}
