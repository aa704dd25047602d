//! Scenarios on the simulator, as a user runs them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn bazaar(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bazaar")).args(arguments).output().unwrap()
}

/// A simulated run that passes: all of its files.
fn passes(out: &Path, arguments: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let out = out.to_str().unwrap();
    let output =
        bazaar(&[&["run", "--simulated", "--json", "--quiet", "--out", out], arguments].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let mut files = BTreeMap::new();
    collect(Path::new(out), "", &mut files);
    files
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        match entry.path() {
            path if path.is_dir() => collect(&path, &format!("{name}/"), files),
            path => {
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
}

/// All kinds of faults of a process, and two peers that were not there before.
const FAULTS: &str = "fault=[{at='10%',do='kill',who='trader',for='10%'},\
                      {at='25%',do='pause',who='trader',for='15%'},{at='45%',do='resign',who='trader'},\
                      {at='50%',do='join',who=7},{at='52%',do='join',who=8},\
                      {at='55%',do='kill',who=7},{at='60%',do='restart',who=7},\
                      {at='65%',do='pause',who=1},{at='70%',do='resume',who=1},\
                      {at='75%',do='leave',who=2,for='10%'},{at='80%',do='leave',who='trader'}]";

#[test]
fn one_seed_leaves_the_same_files_to_the_byte_and_another_one_others() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, seed: &str| {
        passes(&folder.path().join(name), &["--seed", seed, "--set", FAULTS])
    };
    let (one, again, other) = (run("one", "3"), run("again", "3"), run("other", "4"));
    let names: Vec<_> = one.keys().collect();
    assert_eq!(names, again.keys().collect::<Vec<_>>());
    for (name, bytes) in &one {
        assert!(again[name] == *bytes, "{name} differs");
    }
    assert_ne!(one["events.jsonl"], other["events.jsonl"]);
    for name in [
        "scenario.toml",
        "history.jsonl",
        "summary.json",
        "topology.svg",
        "peer-7.txt",
        "report.html",
    ] {
        assert!(one.contains_key(name), "{name} is missing among {names:?}");
    }
    // The files alone give the same verdict.
    let check = bazaar(&["check", folder.path().join("one").to_str().unwrap()]);
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
}

#[test]
fn every_preset_passes_on_the_simulator_over_both_transports() {
    let folder = tempfile::tempdir().unwrap();
    for preset in ["market", "asterix", "trading-post", "trading-houses", "trading-post-udp"] {
        let transports = if preset == "trading-houses" { &["tcp"][..] } else { &["tcp", "udp"] };
        for transport in transports {
            let out = folder.path().join(format!("{preset}-{transport}"));
            passes(&out, &["--preset", preset, "--transport", transport]);
        }
    }
}

#[test]
fn every_preset_is_swept_through_all_faults_of_processes_and_of_links() {
    let faults = "fault=[{at='15%',do='partition',who='trader',for='20%'},\
                  {at='20%',do='kill',who=2,for='10%'},{at='40%',do='kill',who='trader',for='10%'},\
                  {at='55%',do='delay',who=1,to=3,by='30ms',for='15%'},{at='60%',do='join',who=11},\
                  {at='65%',do='pause',who='trader',for='15%'},{at='70%',do='leave',who=4},\
                  {at='85%',do='resign',who='trader'}]";
    for preset in ["market", "asterix", "trading-post", "trading-post-udp"] {
        is_swept(preset, &["run.duration=8s", "run.peers=10", faults]);
    }
}

/// The warehouse is struck too, and traders that hold each other's sales are not struck together.
#[test]
fn trading_houses_are_swept_through_all_faults_under_every_cache_and_durability() {
    let faults = "fault=[{at='15%',do='partition',who='trader',for='15%'},\
                  {at='30%',do='kill',who=0,for='10%'},{at='45%',do='kill',who='trader',for='10%'},\
                  {at='55%',do='delay',who=1,to=3,by='30ms',for='10%'},\
                  {at='65%',do='pause',who='trader',for='10%'},{at='76%',do='pause',who=0,for='8%'},\
                  {at='85%',do='kill',who=2,for='5%'}]";
    for cache in ["none", "ttl", "push", "ledger", "lease"] {
        for durability in ["warehouse", "buddy", "trader_log"] {
            if cache == "lease" || durability == "buddy" {
                let cache = format!("cache={cache}");
                let durability = format!("houses.durability={durability}");
                is_swept("trading-houses", &["run.duration=12s", &cache, &durability, faults]);
            }
        }
    }
}

fn is_swept(preset: &str, sets: &[&str]) {
    let mut arguments = vec!["sim".to_owned(), "--preset".into(), preset.into()];
    arguments.extend(["--seeds", "0..5", "--set=group.heartbeat_limit=400ms"].map(str::to_owned));
    arguments.extend(sets.iter().map(|set| format!("--set={set}")));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = bazaar(&arguments);
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{sets:?}: {text}{errors}");
    assert!(text.contains(&format!("5 runs of {preset}")) && text.contains("no violation"));
}

#[test]
fn what_the_simulator_cannot_do_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let out = out.to_str().unwrap();
    let database = ["--set=journal.handover=database", "--duration=1s", "--set=fault=[]"];
    let output = bazaar(&[&["run", "--simulated", "--out", out], &database[..]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("journal.handover = \"database\""), "{said}");

    let output = bazaar(&["run", "--simulated", "--preset", "groupcast"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("bazaar sim --world group"), "{said}");
}
