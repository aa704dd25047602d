//! The power fails: the last rows of the table of what survives what in ARCHITECTURE.md.
//!
//! Markets of every form run on a disk that is a file. In the middle of their trade all processes are
//! stopped, and the file is copied: it has what had come to the device by then, and not what the
//! system keeps to write it later. What the processes had told anybody by then is the record, and
//! `bazaar check` compares it with the journals on the copy. The device's own cache is as safe as the
//! disk here: that a commit asks for it to be flushed is not what this shows.
//!
//! To make and mount such a disk takes root and a loop device; where the machine gives none, the tests
//! say so and are skipped. Each runs itself again in a mount namespace of its own, which takes the
//! disks away with it however the test ends.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use view::lines::{self, Tail};
use view::{Event, What, history};

const FORMS: [&str; 4] = ["file", "database", "replicated", "sellers"];
const INSIDE: &str = "BAZAAR_TEST_OWN_MOUNTS";
/// How many purchases each market has confirmed before the power fails.
const BOUGHT_BEFORE: usize = 100;
const DISK_BYTES: u64 = 2 << 30;
/// For how long the system keeps what nobody asks it to write: 30 seconds, unless it is set otherwise.
const KEPT_FOR: Duration = Duration::from_secs(25);

/// Whether this is the namespace; outside, runs the test there.
fn is_inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let folder = tempfile::tempdir().unwrap();
    let tries = |disk: &Path| {
        let script = "truncate -s 16M \"$0\" && mkfs.ext4 -q -F \"$0\" && mkdir \"$0.d\" \
                      && mount -o loop \"$0\" \"$0.d\"";
        tool("unshare").args(["--mount", "sh", "-c", script]).arg(disk).output()
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
    let mut command = tool("unshare");
    command.arg("--mount").arg(own).args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
    let output = command.output().unwrap();
    let passed = String::from_utf8_lossy(&output.stdout).contains(" 1 passed;");
    assert!(output.status.success() && passed, "{test}: {}", said(&output));
    false
}

/// A program that administrators have in their path.
fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

fn sh(script: &str, arguments: &[&Path]) {
    let output = tool("sh").args(["-ec", script, "sh"]).args(arguments).output().unwrap();
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
        let run = command.stdout(Stdio::null()).spawn().unwrap();
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
        let is_bought = |event: &&Event| {
            matches!(&event.what, What::Answered { outcome: market::Outcome::Bought(_), .. })
        };
        events(&self.out).iter().filter(is_bought).count()
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
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(60), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What the processes of a run have told so far; the last line of each may be torn.
fn events(out: &Path) -> Vec<Event> {
    let files = fs::read_dir(out.join("processes")).into_iter().flatten();
    let files = files.map(|file| file.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|kind| kind == "jsonl"));
    let read = |file: PathBuf| {
        let reader = BufReader::new(File::open(file).unwrap());
        lines::read(reader, Tail::MayBeTorn, "an event").unwrap()
    };
    view::merge(files.map(read).collect())
}

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

fn said(output: &Output) -> String {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    text.concat()
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
