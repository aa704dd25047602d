//! Live markets of real processes, as a user starts them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

fn bazaar() -> Command {
    Command::new(env!("CARGO_BIN_EXE_bazaar"))
}

fn run(out: &Path, arguments: &[&str]) -> Output {
    let mut command = bazaar();
    command.args(["run", "--json", "--out"]).arg(out).args(arguments);
    command.output().unwrap()
}

fn summary(output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr))
    })
}

/// The ids of all processes that have this run directory on their command line.
fn processes_of(directory: &Path) -> BTreeSet<u32> {
    let wanted = directory.to_str().unwrap();
    let mut ids = BTreeSet::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let id = entry.file_name().to_string_lossy().parse::<u32>();
        let line = fs::read(entry.path().join("cmdline"));
        if let (Ok(id), Ok(line)) = (id, line)
            && String::from_utf8_lossy(&line).contains(wanted)
        {
            ids.insert(id);
        }
    }
    ids
}

/// Waits for something that must come, however slow the machine is.
fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..60_000 {
        if done() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("never came: {what}");
}

#[test]
fn a_market_loses_its_trader_elects_another_and_passes_over_both_transports() {
    for transport in ["tcp", "udp"] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let output = run(&out, &["--transport", transport, "--duration", "3s", "--seed", "5"]);
        let summary = summary(&output);
        assert!(output.status.success(), "{transport}: {summary}");
        assert_eq!(summary["verdict"], "pass");
        assert_eq!(summary["seed"], 5);
        assert_eq!(summary["buys"]["unanswered"], 0);
        assert_eq!(summary["goods"]["oversold"], 0);
        let causes: Vec<_> = summary["elections"].as_array().unwrap().iter().collect();
        assert_eq!((&causes[0]["cause"], &causes[0]["leader"]), (&"start".into(), &6.into()));
        assert_eq!((&causes[1]["cause"], &causes[1]["leader"]), (&"crash".into(), &5.into()));
        // What is printed is what is left behind, and the files alone give the same verdict.
        let file = fs::read(out.join("summary.json")).unwrap();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&file).unwrap(), summary);
        let check = bazaar().arg("check").arg(&out).output().unwrap();
        assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
        for name in ["scenario.toml", "events.jsonl", "history.jsonl", "topology.json"] {
            assert!(out.join(name).is_file(), "{name}");
        }
        let report = fs::read_to_string(out.join("report.html")).unwrap();
        for part in ["Verdict: pass", "The election of peer 5, term", "Sales over time", "<svg"] {
            assert!(report.contains(part), "{part}");
        }
        assert!(!report.contains("http"), "the page needs no network");
        let story = fs::read_to_string(out.join("peer-5.txt")).unwrap();
        assert!(story.contains("I am the new coordinator"), "{story}");
        assert_eq!(processes_of(&out), BTreeSet::new(), "no orphans");
    }
}

#[test]
fn a_market_in_a_database_outlives_its_trader_that_is_killed_and_its_successor_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let fault = "fault=[{at='25%',do='kill',who='trader',for='20%'},\
                 {at='60%',do='pause',who='trader',for='1s'}]";
    let database = ["--set", "journal.handover=database", "--set", "journal.snapshot_every=50"];
    let limits = ["--duration", "4s", "--set", fault, "--set", "group.heartbeat_limit=400ms"];
    let output = run(&out, &[&database[..], &limits].concat());
    let summary = summary(&output);
    assert!(output.status.success(), "{summary}");
    assert_eq!((&summary["verdict"], &summary["buys"]["unanswered"]), (&"pass".into(), &0.into()));
    assert!(summary["elections"].as_array().unwrap().len() >= 2, "{summary}");
    assert!(out.join("journals/market/journal.redb").exists());
    // The files alone give the same verdict: the market is read from the database again.
    let check = bazaar().arg("check").arg(&out).output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
}

#[test]
fn a_trader_that_hangs_is_replaced_and_follows_its_successor_when_it_wakes() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let fault = r#"fault=[{at="1s",do="pause",who="trader",for="2s"}]"#;
    let output =
        run(&out, &["--duration", "4s", "--set", fault, "--set", "group.heartbeat_limit=400ms"]);
    let summary = summary(&output);
    assert!(output.status.success(), "{summary}");
    assert_eq!(summary["elections"][1]["cause"], "hang");
    let story = fs::read_to_string(out.join("peer-6.txt")).unwrap();
    assert!(story.contains("peer 6 recognizes peer 5 as the new coordinator"), "{story}");
}

#[test]
fn the_trading_post_over_udp_hands_its_market_on_when_its_trader_fails() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let output = run(
        &out,
        &[
            "--preset=trading-post-udp",
            "--duration=4s",
            "--set=run.base_port=0",
            "--set=run.end_when_done=false",
            "--set=trader.resign_quantum=1s",
            "--set=buyer.think={min='10ms',max='50ms'}",
        ],
    );
    let summary = summary(&output);
    assert!(output.status.success(), "{summary}");
    let elections = summary["elections"].as_array().unwrap();
    assert_eq!(elections[0]["leader"], 1, "appointed");
    assert!(elections.len() >= 3, "{summary}");
    assert!(elections[1..].iter().all(|election| election["cause"] == "resign"));
    // The one that failed yields in the next election.
    let leaders: Vec<_> = elections.iter().map(|election| &election["leader"]).collect();
    assert!(leaders.windows(2).all(|pair| pair[0] != pair[1]), "{summary}");
    let story = fs::read_to_string(out.join("peer-1.txt")).unwrap();
    assert!(story.contains("{1:"), "every market message carries a clock: {story}");
}

fn start(out: &Path) -> Child {
    let mut command = bazaar();
    command.args(["run", "--quiet", "--json", "--duration", "10m", "--out"]).arg(out);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn signal(process: &Child, signal: Signal) {
    let id = i32::try_from(process.id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
}

fn wait_for_sales(out: &Path) {
    wait_until("a sale", || {
        let events = fs::read_to_string(out.join("processes").join("peer-6.0.jsonl"));
        events.is_ok_and(|text| text.contains(r#""kind":"sold""#))
    });
}

#[test]
fn ctrl_c_ends_a_run_with_its_summary_and_leaves_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut process = start(&out);
    wait_for_sales(&out);
    assert!(processes_of(&out).len() >= 8, "the runner, the directory and six peers");
    signal(&process, Signal::INT);
    let status = process.wait().unwrap();
    let mut text = String::new();
    process.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(status.success(), "{text}");
    let summary: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(summary["verdict"], "pass");
    assert!(summary["seconds"].as_f64().unwrap() < 600.0);
    assert_eq!(processes_of(&out), BTreeSet::new());
}

#[test]
fn no_process_outlives_a_runner_that_is_killed_not_even_a_paused_one() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut process = start(&out);
    wait_for_sales(&out);
    let paused = processes_of(&out).into_iter().find(|&id| id != process.id()).unwrap();
    let paused = Pid::from_raw(i32::try_from(paused).unwrap()).unwrap();
    kill_process(paused, Signal::STOP).unwrap();
    signal(&process, Signal::KILL);
    process.wait().unwrap();
    wait_until("the end of all processes", || processes_of(&out).is_empty());
}

#[test]
fn a_market_whose_keeper_is_killed_sells_again_when_its_journal_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["bench", "restart", "--json", "--sales=3000", "--repetitions=2", "--folder"];
    let output = bazaar().args(arguments).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures = summary(&output);
    for steps in figures["steps_ms"].as_array().unwrap() {
        assert_eq!(steps["shipped"], 3001, "nothing is lost or sold twice");
    }
    assert_eq!(processes_of(folder.path()), BTreeSet::new());
}

#[test]
fn a_process_that_ends_by_itself_ends_the_run_with_a_clear_word() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut process = start(&out);
    wait_for_sales(&out);
    let victim = processes_of(&out).into_iter().find(|&id| id != process.id()).unwrap();
    let victim = Pid::from_raw(i32::try_from(victim).unwrap()).unwrap();
    kill_process(victim, Signal::KILL).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(4));
    let mut text = String::new();
    process.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(text.contains("ended by itself"), "{text}");
    assert_eq!(processes_of(&out), BTreeSet::new());
}
