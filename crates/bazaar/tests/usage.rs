//! Wrong usage is refused with a reason, and changes nothing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use std::io::Read as _;
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

fn bazaar(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bazaar")).args(arguments).output().unwrap()
}

fn refused(arguments: &[&str], code: i32) -> String {
    let output = bazaar(arguments);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(output.stdout.is_empty(), "talk goes to standard error");
    text
}

#[test]
fn absurd_scenarios_are_refused_with_key_reason_and_mending() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.toml");
    std::fs::write(&file, "[run]\npeers = 0\n[buyer]\nbuy_probability = 1.5\n").unwrap();
    let out = folder.path().join("run");
    let (file, out) = (file.to_str().unwrap(), out.to_str().unwrap());
    let text = refused(&["run", file, "--out", out], 2);
    assert!(text.contains("wrong.toml:2:9: run.peers = 0: a market needs at least 3"), "{text}");
    assert!(text.contains("wrong.toml:4:19: buyer.buy_probability = 1.5"), "{text}");
    assert!(text.contains("nothing was started"), "{text}");
    assert!(!std::path::Path::new(out).exists(), "nothing was written either");
}

#[test]
fn a_port_in_use_is_refused() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let key = format!("run.base_port={port}");
    let text = refused(&["run", "--set", &key], 2);
    assert!(text.contains("run.base_port") && text.contains("in use"), "{text}");
}

#[test]
fn a_directory_that_is_not_empty_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine"), "").unwrap();
    let text = refused(&["run", "--out", folder.path().to_str().unwrap()], 2);
    assert!(text.contains("is not empty") && text.contains("nothing was started"), "{text}");
}

#[test]
fn seeds_and_files_that_make_no_sense_are_refused() {
    assert!(refused(&["sim", "--seeds", "5"], 2).contains("0..1000"));
    assert!(refused(&["sim", "--seeds", "5..5"], 2).contains("no seed"));
    assert!(refused(&["check", "/nowhere/at/all"], 2).contains("/nowhere/at/all"));
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.jsonl");
    std::fs::write(&history, "{\"index\":0}\nnonsense\n").unwrap();
    let text = refused(&["check", history.to_str().unwrap()], 2);
    assert!(text.contains("line 1"), "{text}");
}

#[test]
fn a_bare_history_that_over_sells_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.jsonl");
    let lines = [
        r#"{"index":0,"time":1,"type":"invoke","process":1,"f":"buy","key":"fish","value":{"quantity":2}}"#,
        r#"{"index":1,"time":2,"type":"ok","process":1,"f":"buy","key":"fish","value":{"quantity":2}}"#,
    ];
    std::fs::write(&history, lines.join("\n") + "\n").unwrap();
    let output = bazaar(&["check", "--json", history.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&verdict["verdict"], &verdict["oversold"]), (&"fail".into(), &2.into()));
}

#[test]
fn a_bare_history_of_something_else_is_judged_by_its_model() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.jsonl");
    let path = history.to_str().unwrap();
    let lines = [
        r#"{"process":1,"type":"invoke","f":"write","value":1}"#,
        r#"{"process":1,"type":"ok","f":"write","value":1}"#,
        r#"{"process":"nemesis","type":"info","f":"kill"}"#,
        r#"{"process":2,"type":"invoke","f":"read","value":null}"#,
        r#"{"process":2,"type":"ok","f":"read","value":null}"#,
    ];
    std::fs::write(&history, lines.join("\n") + "\n").unwrap();
    let output = bazaar(&["check", path]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("taken for a history of the model cas-register\nfail\n"), "{text}");
    assert!(text.contains("the history up to line 5 is the smallest part"), "{text}");
    let output = bazaar(&["check", "--budget-seconds", "0", "--json", path]);
    assert_eq!(output.status.code(), Some(3));
    let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&verdict["verdict"], &verdict["model"]),
        (&"unknown".into(), &"cas-register".into())
    );
    assert_eq!(verdict["findings"][0]["evidence"], "the budget of 0 s ran out");

    let text = refused(&["check", "--model", "mutex", path], 2);
    assert!(text.contains("line 1 is not an operation of a lock"), "{text}");
    assert!(refused(&["check", "--model", "stack", path], 2).contains("cas-register"));
    std::fs::write(&history, r#"{"process":1,"type":"invoke","f":"push"}"#).unwrap();
    assert!(refused(&["check", path], 2).contains("say which with --model"));
}

#[test]
fn simulated_worlds_are_told_of_and_can_be_replayed() {
    let output = bazaar(&["sim", "--seeds", "0..20"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for word in
        ["20 worlds", "seeds a second", "virtual seconds", "sales", "faults", "no violation"]
    {
        assert!(text.contains(word), "{word}: {text}");
    }
    let trace = || bazaar(&["sim", "--seeds", "3..4", "--trace"]).stdout;
    assert!(trace() == trace(), "the same seed, the same log");
}

/// A process that ends with the test, however that ends.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether a process has begun with its work on other threads, behind all that it prepares.
fn has_threads(process: &Child) -> bool {
    let tasks = format!("/proc/{}/task", process.id());
    std::fs::read_dir(tasks).unwrap().count() > 1
}

#[test]
fn a_simulation_that_is_interrupted_says_up_to_which_seed_nothing_broke() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bazaar"));
    command.args(["sim", "--world", "group", "--seeds", "5..100000000"]);
    let mut process = Started(command.stdout(Stdio::piped()).spawn().unwrap());
    while !has_threads(&process.0) {
        assert!(process.0.try_wait().unwrap().is_none(), "it runs on");
        std::thread::yield_now();
    }
    let id = Pid::from_raw(i32::try_from(process.0.id()).unwrap()).unwrap();
    kill_process(id, Signal::TERM).unwrap();
    let status = process.0.wait().unwrap();
    let mut text = String::new();
    process.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(status.code(), Some(3), "{text}");
    let worlds: u64 = text.split_once(" worlds").unwrap().0.parse().unwrap();
    assert!(worlds >= 1, "what has begun is ended: {text}");
    let next = 5 + worlds;
    let told = format!("no violation in 5..{next}; {next}..100000000 have not run");
    assert!(text.contains(&told), "{text}");
}

#[test]
fn a_resolved_scenario_can_be_run_again() {
    let show = bazaar(&["config", "show", "--set", "run.peers=4"]);
    let text = String::from_utf8(show.stdout).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scenario.toml");
    std::fs::write(&file, &text).unwrap();
    let again = bazaar(&["config", "show", file.to_str().unwrap()]);
    assert_eq!(String::from_utf8(again.stdout).unwrap(), text);
}
