//! Disks of a test's own, with markets on them.
//!
//! To make and mount a disk takes root and a loop device; where the machine gives none, a test says so
//! and is skipped. Each runs itself again in a mount namespace of its own, which takes the disks away
//! with it however the test ends.

#![allow(dead_code, reason = "no test uses all of it")]

use std::fs::{self, File};
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use view::lines::{self, Tail};
use view::{Event, What};

/// Where a market may be kept.
pub const FORMS: [&str; 4] = ["file", "database", "replicated", "sellers"];
const INSIDE: &str = "BAZAAR_TEST_OWN_MOUNTS";

/// Whether this is the namespace; outside, runs the test there.
pub fn is_inside(test: &str) -> bool {
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
            // Not by a macro: test runners keep what those say to themselves.
            let _ = writeln!(
                std::io::stderr(),
                "{test}: SKIPPED, this machine mounts no disk for a test: {why:?}"
            );
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
pub fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

pub fn sh(script: &str, arguments: &[&Path]) {
    let output = tool("sh").args(["-ec", script, "sh"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A run, all of whose processes end with the test, even by a panic.
pub struct Market {
    run: Child,
    pub out: PathBuf,
}

impl Market {
    pub fn start(form: &str, durability: &str, out: PathBuf) -> Self {
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
    pub fn stop(&self) {
        // The run first: it starts processes, and misses those that stand still.
        kill_process(Pid::from_child(&self.run), Signal::STOP).unwrap();
        wait_for("the run stands still", || is_still(Pid::from_child(&self.run)));
        let processes = self.processes();
        assert!(processes.len() > 6, "{processes:?}");
        processes.iter().for_each(|process| kill_process(*process, Signal::STOP).unwrap());
        wait_for("all processes stand still", || processes.iter().all(|one| is_still(*one)));
    }

    /// How many purchases its buyers know of.
    pub fn bought(&self) -> usize {
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

pub fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(60), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What the processes of a run have told so far; the last line of each may be torn.
pub fn events(out: &Path) -> Vec<Event> {
    let files = fs::read_dir(out.join("processes")).into_iter().flatten();
    let files = files.map(|file| file.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|kind| kind == "jsonl"));
    let read = |file: PathBuf| {
        let reader = BufReader::new(File::open(file).unwrap());
        lines::read(reader, Tail::MayBeTorn, "an event").unwrap()
    };
    view::merge(files.map(read).collect())
}

pub fn said(output: &Output) -> String {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    text.concat()
}
