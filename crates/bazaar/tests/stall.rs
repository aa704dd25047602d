//! A disk stands still: it takes what is written and does not say that it is safe, for longer than the
//! limit of heartbeats. Nothing is confirmed meanwhile, nobody is suspected, and all goes on when the
//! disk does.
//!
//! The disk is a file on another disk, whose writes are held up.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

mod disk;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use view::{Event, What};

use self::disk::{FORMS, Market, events, is_inside, sh, tool, wait_for};

/// How many purchases a market confirms before its disk stands still, and then again.
const BOUGHT: usize = 500;
/// How long a silence has to be before it accuses somebody.
const LIMIT: Duration = Duration::from_secs(1);
const STALL: Duration = Duration::from_secs(2);

/// Holds up what is written to a file system, as long as this process lives and does not drop it.
struct Stall(Child);

impl Stall {
    fn begin(file_system: &Path) -> Self {
        // Whoever ends the test, by whatever means, closes this standard input. A file system that
        // stays frozen would keep its mounts, and those who write to it, for ever.
        let script = "fsfreeze --freeze \"$0\" && echo frozen && cat; fsfreeze --unfreeze \"$0\"";
        let mut child = tool("setsid");
        child.args(["sh", "-c", script]).arg(file_system);
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "frozen\n");
        Self(child)
    }
}

impl Drop for Stall {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let ended = self.0.wait();
        assert!(ended.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

/// The longest time in which nobody bought anything.
fn longest_pause(events: &[Event]) -> Duration {
    let is_bought = |event: &&Event| {
        matches!(&event.what, What::Answered { outcome: market::Outcome::Bought(_), .. })
    };
    let bought_ns: Vec<u64> = events.iter().filter(is_bought).map(|event| event.time_ns).collect();
    let pauses = bought_ns.windows(2).map(|pair| pair[1] - pair[0]);
    Duration::from_nanos(pauses.max().unwrap_or(0))
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
        mount -o loop,noatime \"$2\" \"$3\"";
    sh(make, &["3G".as_ref(), &below, &held]);
    sh(make, &["2G".as_ref(), &disk, &live]);

    for form in FORMS {
        let market = Market::start(form, "disk", live.join(form));
        wait_for("it sells", || market.bought() >= BOUGHT);
        let before = market.bought();
        let stall = Stall::begin(&held);
        std::thread::sleep(STALL);
        drop(stall);
        wait_for("it sells again", || market.bought() >= before + 2 * BOUGHT);
        let events = events(&market.out);
        let pause = longest_pause(&events);
        assert!(pause > LIMIT, "{form}: sales without a disk, {pause:?} is the longest pause");
        let suspected = events.iter().filter(|event| matches!(event.what, What::Suspected { .. }));
        let suspected: Vec<_> = suspected.collect();
        assert!(suspected.is_empty(), "{form}: {suspected:?}");
    }
    sh("umount -l \"$1\"; umount -l \"$2\"; umount -l \"$3\"", &[&live, &held, folder.path()]);
}
