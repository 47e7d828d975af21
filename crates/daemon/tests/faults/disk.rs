//! A disk that fills up.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::client;
use crate::process::{ADMIN, Setup};
use crate::storm::{batch, wait_until_empty};
use crate::upstream::{Upstream, ids_of};

/// Room for a few hundred batches.
const DISK: &str = "size=12m";

/// What others keep on it.
const OTHERS_BYTES: usize = 5 << 20;

/// A file system in memory, unmounted at the end.
struct Disk(tempfile::TempDir);

impl Disk {
    /// Mounts it; `None` without the right to.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(folder.path());
        let is_mounted = mount.output().is_ok_and(|output| output.status.success());
        is_mounted.then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.path()).status().ok();
    }
}

/// Writes are refused with 503 while the disk is full, the process stays, and what was acknowledged before
/// ships once there is room.
pub(crate) fn a_full_disk_refuses_and_loses_nothing() {
    let Some(disk) = Disk::mount() else {
        println!("the full disk was left out: mounting a tmpfs needs root");
        return;
    };
    // Other programs' files: only their going makes room again.
    let others = disk.path().join("others");
    fs::write(&others, vec![1; OTHERS_BYTES]).expect("room");
    let upstream = Upstream::start();
    upstream.hang_up(true);
    let setup = Setup::new(disk.path(), upstream.url());
    let mut daemon = setup.start("", 0).expect("starts");
    let mut taken = send_until_refused(&setup, 0);
    assert!(!taken.is_empty(), "nothing was taken before the disk was full");
    let status = client::get(setup.address, "/v1/status", ADMIN);
    assert_eq!(status.status, 200, "it says how it is while the disk is full");
    assert!(daemon.ended().is_none(), "it lives");
    fs::remove_file(&others).expect("removed");
    upstream.hang_up(false);
    wait_until_empty(setup.address, "a full disk");
    taken.extend(send_some(&setup, 100_000, 5));
    wait_until_empty(setup.address, "room again");
    let distinct: std::collections::BTreeMap<_, Value> =
        upstream.seen().into_iter().map(|seen| (seen.body.clone(), seen.json())).collect();
    let mut arrived: Vec<String> = distinct.values().flat_map(ids_of).collect();
    arrived.sort();
    taken.sort();
    assert_eq!(arrived, taken, "lost or twice");
    println!("a full disk: {} events taken, all shipped", taken.len());
}

/// Sends until the daemon says 503; returns the ids of what was taken.
fn send_until_refused(setup: &Setup, from: usize) -> Vec<String> {
    let mut taken = Vec::new();
    for number in from.. {
        let mut batch = batch(0, number);
        // What does not compress fills a disk soon.
        let filler: Vec<String> = (0..600)
            .map(|at: i32| modelstat_wire::content_hash([&format!("{number} {at}")]))
            .collect();
        batch["events"][0]["content_excerpt"] = filler.join(" ").into();
        let answer = client::post(setup.address, "/v1/ingest", batch.to_string().as_bytes());
        if answer.status != 200 {
            assert_eq!(answer.status, 503, "{}", answer.json());
            assert!(answer.head.to_lowercase().contains("retry-after"), "{}", answer.head);
            return taken;
        }
        taken.extend(ids_of(&batch));
    }
    taken
}

fn send_some(setup: &Setup, from: usize, count: usize) -> Vec<String> {
    let batches: Vec<Value> = (from..from + count).map(|number| batch(0, number)).collect();
    for batch in &batches {
        let answer = client::post(setup.address, "/v1/ingest", batch.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.json());
    }
    batches.iter().flat_map(ids_of).collect()
}
