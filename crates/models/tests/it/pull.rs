//! What a pull does with what a server does.

use std::fs;
use std::path::PathBuf;

use modelstat_models::{FetchError, Progress, State, Store, StoreError};

use crate::hub::{Deed, Hub, MODELS, WEIGHTS, small, too_large};

/// A folder for models, with the file that a pull makes and the part that it may leave.
struct Shelf {
    folder: tempfile::TempDir,
    store: Store,
}

impl Shelf {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path().join("models"), &MODELS).expect("opens");
        Self { folder, store }
    }

    fn pull(&self, hub: &Hub) -> Result<PathBuf, StoreError> {
        self.store.pull(small(), &hub.source(), &mut |_| ())
    }

    fn part(&self) -> PathBuf {
        self.folder.path().join("models/Small.gguf.part")
    }

    fn leave_part(&self, bytes: &[u8]) {
        fs::write(self.part(), bytes).expect("written");
    }

    fn state(&self) -> State {
        self.store.look(small()).expect("read").state
    }

    /// Expects that the whole file is there.
    fn check_whole(&self, path: &PathBuf) {
        assert!(fs::read(path).expect("a file") == *WEIGHTS, "other bytes");
        assert!(!self.part().exists());
        assert_eq!(self.state(), State::Ready);
    }
}

fn ranges(hub: &Hub) -> Vec<Option<String>> {
    let range = |headers: &Vec<String>| {
        headers.iter().find_map(|line| line.strip_prefix("range: ").map(str::to_owned))
    };
    hub.seen().iter().map(|(_, headers)| range(headers)).collect()
}

#[test]
fn a_model_comes_from_its_pinned_address_without_a_credential() {
    let (hub, shelf) = (Hub::start(&[Deed::Serve]), Shelf::new());
    let mut last = None;
    let path = shelf.store.pull(small(), &hub.source(), &mut |progress| last = Some(progress));
    shelf.check_whole(&path.expect("pulled"));
    let total = WEIGHTS.len() as u64;
    assert_eq!(last, Some(Progress::Checking { done: total, total }));
    let [(path, headers)] = &hub.seen()[..] else { panic!("one request") };
    assert_eq!(
        path,
        "/somebody/Small-GGUF/resolve/0123456789abcdef0123456789abcdef01234567/Small.gguf"
    );
    let is_credential = |line: &String| {
        ["authorization:", "cookie:", "proxy-authorization:"]
            .iter()
            .any(|name| line.starts_with(name))
    };
    assert!(!headers.iter().any(is_credential), "{headers:?}");
    shelf.pull(&hub).expect("it is here");
    assert_eq!(hub.seen().len(), 1, "what is here is not brought again");
}

#[test]
fn a_broken_connection_goes_on_where_it_was() {
    let hub = Hub::start(&[Deed::CutAfter(1_000_000), Deed::CutAfter(500_000), Deed::Serve]);
    let shelf = Shelf::new();
    let path = shelf.pull(&hub).expect("pulled");
    shelf.check_whole(&path);
    let asked = ranges(&hub);
    assert_eq!(asked[0], None);
    assert_eq!(asked[1].as_deref(), Some("bytes=1000000-"));
    assert_eq!(asked[2].as_deref(), Some("bytes=1500000-"));
}

#[test]
fn a_part_of_an_earlier_run_is_used() {
    let (hub, shelf) = (Hub::start(&[Deed::Serve]), Shelf::new());
    shelf.leave_part(&WEIGHTS[..2_000_000]);
    assert_eq!(shelf.state(), State::Partial);
    let path = shelf.pull(&hub).expect("pulled");
    shelf.check_whole(&path);
    assert_eq!(ranges(&hub), [Some("bytes=2000000-".to_owned())]);
}

#[test]
fn a_whole_part_is_only_checked() {
    let (hub, shelf) = (Hub::start(&[Deed::Status(500)]), Shelf::new());
    shelf.leave_part(&WEIGHTS);
    let path = shelf.pull(&hub).expect("pulled");
    shelf.check_whole(&path);
    assert!(hub.seen().is_empty());
}

#[test]
fn a_part_that_is_too_long_is_dropped() {
    let (hub, shelf) = (Hub::start(&[Deed::Serve]), Shelf::new());
    shelf.leave_part(&vec![1; WEIGHTS.len() + 1]);
    let path = shelf.pull(&hub).expect("pulled");
    shelf.check_whole(&path);
}

#[test]
fn a_server_without_ranges_sends_it_whole() {
    let (hub, shelf) = (Hub::start(&[Deed::IgnoreRange]), Shelf::new());
    shelf.leave_part(&WEIGHTS[..1_000]);
    let path = shelf.pull(&hub).expect("pulled");
    shelf.check_whole(&path);
}

#[test]
fn a_wrong_part_is_found_out_and_dropped() {
    let (hub, shelf) = (Hub::start(&[Deed::Serve]), Shelf::new());
    shelf.leave_part(&[0; 1_000]);
    let failed = shelf.pull(&hub).expect_err("wrong bytes");
    assert!(matches!(failed, StoreError::Fetch(FetchError::Hash { .. })), "{failed}");
    assert_eq!(shelf.state(), State::Absent);
    let path = shelf.pull(&hub).expect("pulled anew");
    shelf.check_whole(&path);
}

#[test]
fn other_bytes_of_the_right_length_are_refused() {
    let mut other = WEIGHTS.clone();
    other[1_234_567] ^= 1;
    let (hub, shelf) = (Hub::start(&[Deed::Send(other)]), Shelf::new());
    let failed = shelf.pull(&hub).expect_err("wrong bytes");
    assert!(matches!(failed, StoreError::Fetch(FetchError::Hash { .. })), "{failed}");
    assert_eq!(shelf.state(), State::Absent);
}

#[test]
fn another_length_is_refused_before_anything_is_kept() {
    for bytes in [WEIGHTS[..WEIGHTS.len() - 1].to_vec(), [WEIGHTS.as_slice(), b"x"].concat()] {
        let (hub, shelf) = (Hub::start(&[Deed::Send(bytes)]), Shelf::new());
        let failed = shelf.pull(&hub).expect_err("another size");
        assert!(matches!(failed, StoreError::Fetch(FetchError::Size { .. })), "{failed}");
        assert_eq!(shelf.state(), State::Absent);
    }
}

#[test]
fn a_server_that_never_sends_enough_is_given_up() {
    let (hub, shelf) = (Hub::start(&[Deed::CutAfter(0)]), Shelf::new());
    let failed = shelf.pull(&hub).expect_err("nothing comes");
    assert!(matches!(failed, StoreError::Fetch(FetchError::Connection(_))), "{failed}");
    assert_eq!(hub.seen().len(), 3);
}

#[test]
fn a_status_is_told_with_the_host_and_a_remedy() {
    let (hub, shelf) = (Hub::start(&[Deed::Status(404)]), Shelf::new());
    let failed = shelf.pull(&hub).expect_err("not there").to_string();
    assert_eq!(
        failed,
        "127.0.0.1 answered 404: the file is not there; check the mirror's address (`--mirror`)"
    );
}

#[test]
fn a_redirect_to_another_host_is_followed() {
    let other = Hub::start(&[Deed::Serve]);
    let elsewhere = format!("{}/elsewhere", other.url().replace("127.0.0.1", "localhost"));
    let hub = Hub::start(&[Deed::Redirect(elsewhere)]);
    let shelf = Shelf::new();
    shelf.leave_part(&WEIGHTS[..10]);
    let path = shelf.pull(&hub).expect("pulled");
    shelf.check_whole(&path);
    let [(path, _)] = &other.seen()[..] else { panic!("one request") };
    assert_eq!(path, "/elsewhere");
    assert_eq!(ranges(&other), [Some("bytes=10-".to_owned())]);
}

#[test]
fn redirects_end() {
    let hub = Hub::start(&[Deed::Redirect("/again".to_owned())]);
    let failed = Shelf::new().pull(&hub).expect_err("it goes round");
    assert!(matches!(failed, StoreError::Fetch(FetchError::Connection(_))), "{failed}");
}

#[test]
fn a_disk_without_room_is_told_before_the_first_byte() {
    let (hub, shelf) = (Hub::start(&[Deed::Serve]), Shelf::new());
    let failed = shelf.store.pull(too_large(), &hub.source(), &mut |_| ()).expect_err("no room");
    assert!(matches!(failed, StoreError::DiskFull { .. }), "{failed}");
    assert!(hub.seen().is_empty());
}

#[test]
fn a_disk_that_fails_on_the_way_is_told() {
    let (hub, shelf) = (Hub::start(&[Deed::Serve]), Shelf::new());
    std::os::unix::fs::symlink("/dev/full", shelf.part()).expect("a link");
    let failed = shelf.pull(&hub).expect_err("no room");
    assert!(matches!(failed, StoreError::Fetch(FetchError::Disk(_))), "{failed}");
}

#[test]
fn two_pulls_do_not_write_one_file() {
    let shelf = Shelf::new();
    let lock = fs::File::create(shelf.folder.path().join("models/lock")).expect("a file");
    lock.lock().expect("locked");
    let hub = Hub::start(&[Deed::Serve]);
    assert!(matches!(shelf.pull(&hub), Err(StoreError::Busy(_))));
    drop(lock);
    shelf.pull(&hub).expect("pulled");
}
