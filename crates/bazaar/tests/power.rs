//! The power fails: the last rows of the table of what survives what in ARCHITECTURE.md.
//!
//! Markets of every form run on a disk that is a file. In the middle of their trade all processes are
//! stopped, and the file is copied: it has what had come to the device by then, and not what the
//! system keeps to write it later. What the processes had told anybody by then is the record, and
//! `bazaar check` compares it with the journals on the copy. The device's own cache is as safe as the
//! disk here: that a commit asks for it to be flushed is not what this shows.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

mod disk;

use std::fs::{self, File};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use view::{history, lines};

use self::disk::{FORMS, Market, events, is_inside, said, sh, wait_for};

/// How many purchases each market has confirmed before the power fails.
const BOUGHT_BEFORE: usize = 100;
const DISK_BYTES: u64 = 2 << 30;
/// For how long the system keeps what nobody asks it to write: 30 seconds, unless it is set otherwise.
const KEPT_FOR: Duration = Duration::from_secs(25);

/// Runs a market of each form, fails their power, and has the record checked with the journals that
/// the disk is left with. What the check says of each, and how long all that took.
fn after_a_power_cut(durability: &str) -> (Vec<(&'static str, Output)>, Duration) {
    let folder = tempfile::tempdir().unwrap();
    // The disks are in memory: to write and free as much on a real one would hold up its other users.
    sh("mount -t tmpfs -o size=4g tmpfs \"$1\"", &[folder.path()]);
    let [disk, disk_then, live, left] =
        ["disk", "disk.then", "live", "left"].map(|name| folder.path().join(name));
    fs::File::create(&disk).unwrap().set_len(DISK_BYTES).unwrap();
    // Nothing is left to be written later that is not a market's.
    let lazy = "lazy_itable_init=0,lazy_journal_init=0";
    sh(&format!("mkfs.ext4 -q -F -E {lazy} \"$1\"; mkdir \"$2\" \"$3\""), &[&disk, &live, &left]);
    sh("mount -o loop \"$1\" \"$2\"", &[&disk, &live]);

    let begin = Instant::now();
    let start = |form: &'static str| Market::start(form, durability, live.join(form));
    let markets: Vec<Market> = FORMS.into_iter().map(start).collect();
    wait_for("each market sells", || markets.iter().all(|market| market.bought() > BOUGHT_BEFORE));
    markets.iter().for_each(Market::stop);
    // At rest when the copy is no other than what it was copied from.
    let copy = "until cp --sparse=always \"$1\" \"$2\" && cmp -s \"$1\" \"$2\"; do :; done";
    sh(copy, &[&disk, &disk_then]);
    let took = begin.elapsed();
    let mut told = Vec::new();
    for form in FORMS {
        let run = folder.path().join(form);
        fs::create_dir(&run).unwrap();
        sh("cp \"$1\"/*.* \"$2\"", &[&live.join(form), &run]);
        let record = events(&live.join(form));
        lines::write(File::create(run.join("events.jsonl")).unwrap(), &record).unwrap();
        let history = history::from_events(&record);
        history::write(File::create(run.join("history.jsonl")).unwrap(), &history).unwrap();
    }
    drop(markets);
    sh("umount -l \"$1\"; mount -o loop \"$2\" \"$3\"", &[&live, &disk_then, &left]);
    for form in FORMS {
        let (run, journals) = (folder.path().join(form), left.join(form).join("journals"));
        if journals.exists() {
            sh("cp -r \"$1\" \"$2\"", &[&journals, &run]);
        }
        let check = Command::new(env!("CARGO_BIN_EXE_bazaar")).arg("check").arg(&run).output();
        told.push((form, check.unwrap()));
    }
    sh("umount -l \"$1\"; umount -l \"$2\"", &[&left, folder.path()]);
    (told, took)
}

#[test]
fn with_durability_disk_all_is_there_when_the_power_is_back() {
    if !is_inside("with_durability_disk_all_is_there_when_the_power_is_back") {
        return;
    }
    for (form, check) in after_a_power_cut("disk").0 {
        assert!(check.status.success(), "{form}: {}", said(&check));
    }
}

#[test]
fn with_durability_memory_only_the_database_has_all_when_the_power_is_back() {
    if !is_inside("with_durability_memory_only_the_database_has_all_when_the_power_is_back") {
        return;
    }
    let (told, took) = after_a_power_cut("memory");
    for (form, check) in told {
        let said = said(&check);
        // Nobody takes what is left for the whole market.
        let losses = ["fail: confirmed sales survive", "is damaged at byte", "was not found"];
        let has_lost = losses.iter().any(|word| said.contains(word));
        assert_eq!(check.status.success(), !has_lost, "{form}: {said}");
        // On a machine that is as slow as that, the system may have written all by itself.
        if form == "database" || took < KEPT_FOR {
            assert_eq!(has_lost, form != "database", "{form}, after {took:?}: {said}");
        }
    }
}
