//! The power fails: the last rows of the table of what survives what in ARCHITECTURE.md.
//!
//! Markets of every form run on a disk that is a file. In the middle of their trade all processes are
//! stopped, and the file is copied: it has what had come to the device by then, and nothing of what
//! the system was to write later. What the processes had told anybody by then is the record, and
//! `bazaar check` compares it with the journals on the copy.
//!
//! To make and mount such a disk takes root and a loop device; where the machine gives none, the tests
//! say so and are skipped. Each runs itself again in a mount namespace of its own, which takes the
//! disks away with it however the test ends.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const FORMS: [&str; 4] = ["file", "database", "replicated", "sellers"];
const INSIDE: &str = "BAZAAR_TEST_OWN_MOUNTS";
/// How many purchases each market has confirmed before the power fails.
const BOUGHT_BEFORE: usize = 100;
const DISK_BYTES: u64 = 2 << 30;

/// Whether this is the namespace; outside, runs the test there.
fn is_inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let folder = tempfile::tempdir().unwrap();
    let tries = |disk: &Path| {
        let script = "truncate -s 16M \"$0\" && mkfs.ext4 -q -F \"$0\" && mkdir \"$0.d\" \
                      && mount -o loop \"$0\" \"$0.d\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script]).arg(disk).output()
    };
    match tries(&folder.path().join("disk")) {
        Ok(Output { status, .. }) if status.success() => {}
        other => {
            let why = other.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
            eprintln!("{test}: SKIPPED, this machine mounts no disk for a test: {why:?}");
            return false;
        }
    }
    let own = std::env::current_exe().unwrap();
    let mut command = Command::new("unshare");
    command.arg("--mount").arg(own).args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
    assert!(command.status().unwrap().success(), "{test} failed; what it said stands above");
    false
}

fn sh(script: &str, arguments: &[&Path]) {
    let output = Command::new("sh").args(["-ec", script, "sh"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A run, all of whose processes end with the test, even by a panic.
struct Market {
    run: Child,
    out: PathBuf,
}

impl Market {
    fn start(form: &str, durability: &str, out: PathBuf) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bazaar"));
        command.args(["run", "--quiet", "--duration=120s", "--set=fault=[]", "--out"]).arg(&out);
        command.arg(format!("--set=journal.handover={form}"));
        command.arg(format!("--set=journal.durability={durability}"));
        let run = command.stdout(Stdio::null()).process_group(0).spawn().unwrap();
        Self { run, out }
    }

    /// Its processes: those that were started with its directory.
    fn processes(&self) -> Vec<Pid> {
        let out = self.out.to_str().unwrap();
        let is_of_it = |process: &Path| {
            fs::read_to_string(process.join("cmdline")).is_ok_and(|line| line.contains(out))
        };
        let all = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
        let id = |process: PathBuf| process.file_name()?.to_str()?.parse().ok();
        all.filter(|process| is_of_it(process)).filter_map(id).filter_map(Pid::from_raw).collect()
    }

    /// Stops all processes, and returns when none of their threads runs any more.
    fn stop(&self) {
        // The run first: it starts processes, and misses those that stand still.
        kill_process(Pid::from_child(&self.run), Signal::STOP).unwrap();
        wait_for("the run stands still", || is_still(Pid::from_child(&self.run)));
        let processes = self.processes();
        assert!(processes.len() > 6, "{processes:?}");
        processes.iter().for_each(|process| kill_process(*process, Signal::STOP).unwrap());
        wait_for("all processes stand still", || processes.iter().all(|one| is_still(*one)));
    }

    /// How many purchases its buyers know of.
    fn bought(&self) -> usize {
        events(&self.out).iter().filter(|event| is_bought(event)).count()
    }
}

impl Drop for Market {
    fn drop(&mut self) {
        for process in self.processes() {
            let _ = kill_process(process, Signal::KILL);
        }
        let _ = self.run.kill();
        let _ = self.run.wait();
    }
}

fn is_still(process: Pid) -> bool {
    let threads = fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero())).unwrap();
    let states = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("stat")));
    states.flatten().all(|stat| stat.rsplit_once(") ").unwrap().1.starts_with('T'))
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let begin = std::time::Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(60), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_bought(event: &Value) -> bool {
    event["kind"] == "answered" && event["outcome"].get("Bought").is_some()
}

/// What the processes of a run have told so far; the last line of each may be torn.
fn events(out: &Path) -> Vec<Value> {
    let files = fs::read_dir(out.join("processes")).into_iter().flatten();
    let files = files.map(|file| file.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|kind| kind == "jsonl"));
    let mut events = Vec::new();
    for text in files.map(|file| fs::read_to_string(file).unwrap()) {
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        events.extend(whole.map(|line| serde_json::from_str::<Value>(line).unwrap()));
    }
    events
}

/// Runs a market of each form, fails their power, and has the record checked with the journals that
/// the disk is left with. What the check says of each.
fn after_a_power_cut(durability: &str) -> Vec<(&'static str, Output)> {
    let folder = tempfile::tempdir().unwrap();
    let [disk, disk_then, live, left] =
        ["disk", "disk.then", "live", "left"].map(|name| folder.path().join(name));
    fs::File::create(&disk).unwrap().set_len(DISK_BYTES).unwrap();
    // Nothing is left to be written later that is not a market's.
    let lazy = "lazy_itable_init=0,lazy_journal_init=0";
    sh(&format!("mkfs.ext4 -q -F -E {lazy} \"$1\"; mkdir \"$2\" \"$3\""), &[&disk, &live, &left]);
    sh("mount -o loop \"$1\" \"$2\"", &[&disk, &live]);

    let start = |form: &'static str| Market::start(form, durability, live.join(form));
    let markets: Vec<Market> = FORMS.into_iter().map(start).collect();
    wait_for("each market sells", || markets.iter().all(|market| market.bought() > BOUGHT_BEFORE));
    markets.iter().for_each(Market::stop);
    // At rest when the copy is no other than what it was copied from.
    let copy = "until cp --sparse=always \"$1\" \"$2\" && cmp -s \"$1\" \"$2\"; do :; done";
    sh(copy, &[&disk, &disk_then]);
    let mut told = Vec::new();
    for form in FORMS {
        let run = folder.path().join(form);
        fs::create_dir(&run).unwrap();
        sh("cp -r \"$1\"/*.* \"$1\"/processes \"$2\"", &[&live.join(form), &run]);
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
    sh("umount -l \"$1\"", &[&left]);
    told
}

fn said(output: &Output) -> String {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    text.concat()
}

#[test]
fn with_durability_disk_all_is_there_when_the_power_is_back() {
    if !is_inside("with_durability_disk_all_is_there_when_the_power_is_back") {
        return;
    }
    for (form, check) in after_a_power_cut("disk") {
        assert!(check.status.success(), "{form}: {}", said(&check));
    }
}

#[test]
fn with_durability_memory_only_the_database_has_all_when_the_power_is_back() {
    if !is_inside("with_durability_memory_only_the_database_has_all_when_the_power_is_back") {
        return;
    }
    for (form, check) in after_a_power_cut("memory") {
        let said = said(&check);
        assert_eq!(check.status.success(), form == "database", "{form}: {said}");
        // Nobody takes what is left for the whole market.
        let is_told = ["fail: confirmed sales survive", "is damaged at byte", "was not found"];
        assert!(
            form == "database" || is_told.iter().any(|word| said.contains(word)),
            "{form}: {said}"
        );
    }
}
