//! A disk stands still: it takes what is written and does not say that it is safe, for longer than the
//! limit of heartbeats. Nothing is confirmed meanwhile, nobody is suspected, and all goes on when the
//! disk does.
//!
//! The disk is a file on another disk, whose writes are held up.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

mod disk;

use std::path::Path;
use std::time::Duration;

use view::What;

use self::disk::{FORMS, Market, events, is_inside, sh, wait_for};

/// How many purchases a market confirms before its disk stands still, and then again.
const BOUGHT: usize = 500;
/// Twice the limit of heartbeats.
const STALL: Duration = Duration::from_secs(2);
/// How many purchases may be told of after the disk has stopped: those that were confirmed by then.
const ON_THEIR_WAY_MAX: usize = 100;

/// Holds up what is written to a file system, until it is dropped.
struct Stall<'a>(&'a Path);

impl<'a> Stall<'a> {
    fn begin(file_system: &'a Path) -> Self {
        sh("fsfreeze --freeze \"$1\"", &[file_system]);
        Self(file_system)
    }
}

impl Drop for Stall<'_> {
    fn drop(&mut self) {
        sh("fsfreeze --unfreeze \"$1\"", &[self.0]);
    }
}

#[test]
fn a_disk_that_stands_still_accuses_nobody() {
    if !is_inside("a_disk_that_stands_still_accuses_nobody") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    sh("mount -t tmpfs -o size=4g tmpfs \"$1\"", &[folder.path()]);
    let [below, held, live] = ["below", "held", "live"].map(|name| folder.path().join(name));
    let disk = held.join("disk");
    let make = "truncate -s \"$1\" \"$2\"
        mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 \"$2\"
        mkdir \"$3\"
        mount -o loop \"$2\" \"$3\"";
    sh(make, &["3G".as_ref(), &below, &held]);
    sh(make, &["2G".as_ref(), &disk, &live]);

    for form in FORMS {
        let market = Market::start(form, "disk", live.join(form));
        wait_for("it sells", || market.bought() >= BOUGHT);
        let stall = Stall::begin(&held);
        let before = market.bought();
        std::thread::sleep(STALL);
        let meanwhile = market.bought() - before;
        drop(stall);
        assert!(meanwhile <= ON_THEIR_WAY_MAX, "{form}: {meanwhile} sold without a disk");
        wait_for("it sells again", || market.bought() >= before + BOUGHT);
        let events = events(&market.out);
        let suspected = events.iter().filter(|event| matches!(event.what, What::Suspected { .. }));
        let suspected: Vec<_> = suspected.collect();
        assert!(suspected.is_empty(), "{form}: {suspected:?}");
    }
    sh("umount -l \"$1\"; umount -l \"$2\"; umount -l \"$3\"", &[&live, &held, folder.path()]);
}
