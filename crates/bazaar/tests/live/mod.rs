//! A live market of real processes, while it runs and after.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// A run. Its runner is killed when the value is dropped, and its processes end with that.
pub struct Run {
    runner: Child,
    pub out: PathBuf,
}

impl Run {
    pub fn start(out: &Path, settings: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bazaar"));
        command.args(["run", "--json", "--quiet", "--out"]).arg(out);
        for setting in settings {
            command.arg(format!("--set={setting}"));
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { runner: command.spawn().unwrap(), out: out.to_owned() }
    }

    /// The process of each node, with its arguments.
    pub fn processes(&self) -> BTreeMap<u32, (u32, Vec<String>)> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let id = entry.file_name().to_string_lossy().parse::<u32>();
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let words = line.split(|&byte| byte == 0).map(String::from_utf8_lossy);
            let words: Vec<String> = words.map(Into::into).collect();
            let node = argument(&words, "--node").and_then(|node| node.parse().ok());
            let is_ours = words.iter().any(|word| Path::new(word) == self.out);
            if let (Ok(id), Some(node), true) = (id, node, is_ours) {
                found.insert(node, (id, words));
            }
        }
        found
    }

    /// What a file of the running run holds, once it holds this.
    pub fn wait_for(&self, file: &str, text: &str) -> String {
        let mut read = String::new();
        wait_until(text, || {
            read = fs::read_to_string(self.out.join("processes").join(file)).unwrap_or_default();
            read.contains(text)
        });
        read
    }

    /// Waits for the end. The run must pass; its summary and its events.
    pub fn passes(mut self) -> (Value, Vec<Value>) {
        let (mut text, mut errors) = (String::new(), String::new());
        self.runner.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        self.runner.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert!(self.runner.wait().unwrap().success(), "{text}{errors}");
        let events = fs::read_to_string(self.out.join("events.jsonl")).unwrap();
        let events = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let summary: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(summary["verdict"], "pass", "{summary}");
        (summary, events)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.runner.kill();
        let _ = self.runner.wait();
    }
}

/// The word behind this one.
pub fn argument<'a>(words: &'a [String], name: &str) -> Option<&'a String> {
    words.iter().skip_while(|word| *word != name).nth(1)
}

/// Waits for something that must come, however slow the machine is.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("never came: {what}");
}

pub fn of_kind<'a>(events: &'a [Value], node: u64, kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["node"] == node && event["kind"] == kind).collect()
}
