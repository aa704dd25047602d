//! Live markets whose peers come and go.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A market of six peers that passes, by its own verdict and by that from its files; its summary
/// and its events.
fn passes(out: &Path, settings: &[&str]) -> (Value, Vec<Value>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bazaar"));
    command.args(["run", "--json", "--quiet", "--out"]).arg(out);
    for setting in settings {
        command.arg(format!("--set={setting}"));
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    let events = std::fs::read_to_string(out.join("events.jsonl")).unwrap();
    let events = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (serde_json::from_str(&text).unwrap(), events)
}

fn of_kind<'a>(events: &'a [Value], node: u64, kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["node"] == node && event["kind"] == kind).collect()
}

#[test]
fn a_buyer_that_is_killed_under_load_goes_on_with_its_history() {
    let folder = tempfile::tempdir().unwrap();
    let faults = ["1s", "1600ms", "2200ms", "2800ms"]
        .map(|at| format!("{{at='{at}',do='kill',who=1,for='200ms'}}"))
        .join(",");
    let fault = format!("fault=[{faults}]");
    let settings =
        ["run.duration=4s", "roles.buyers=4", "roles.sellers=2", "buyer.think={min='0s',max='0s'}"];
    let (_, events) = passes(&folder.path().join("run"), &[&settings[..], &[&fault]].concat());

    let lives = of_kind(&events, 1, "started");
    let lives: Vec<_> = lives.iter().map(|event| event["incarnation"].as_u64().unwrap()).collect();
    assert_eq!(lives, [1, 2, 3, 4, 5]);
    let mut sessions = BTreeSet::new();
    let mut asked: BTreeMap<String, u32> = BTreeMap::new();
    for event in of_kind(&events, 1, "asked") {
        sessions.insert(event["request"]["client"]["life"].as_u64().unwrap());
        *asked.entry(event["request"].to_string()).or_default() += 1;
    }
    assert_eq!(sessions.len(), 5, "each life has a session of its own: {sessions:?}");
    assert!(asked.values().all(|&times| times == 1), "a purchase is not asked for again");
    let answers: Vec<_> =
        of_kind(&events, 1, "answered").iter().map(|event| event["request"].to_string()).collect();
    let answered: BTreeSet<_> = answers.iter().collect();
    assert_eq!(answers.len(), answered.len(), "no purchase is counted twice");
    // It buys without a pause, so a death mostly finds a purchase under way; the market tells whether
    // it was made.
    let untold = asked.keys().filter(|request| !answered.contains(request)).count();
    assert!((1..=4).contains(&untold), "{untold} of {} requests have no answer", asked.len());
    let returns = of_kind(&events, 1, "returned");
    assert_eq!(returns.len(), 4);
    for returned in returns {
        let is_before = |event: &&Value| event["time_ns"].as_u64() < returned["time_ns"].as_u64();
        let sold = events.iter().filter(|event| event["kind"] == "sold" && event["buyer"] == 1);
        let sold = sold.filter(is_before).count() as u64;
        assert_eq!(returned["purchases"].as_u64(), Some(sold), "it counts all, and each once");
    }
}

#[test]
fn a_peer_that_joins_late_buys_and_may_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let fault = "fault=[{at='500ms',do='join',who=7},{at='1500ms',do='kill',who=7,for='300ms'},\
                 {at='2s',do='kill',who='trader'}]";
    let (summary, events) =
        passes(&folder.path().join("run"), &["run.duration=4s", "roles.joiners=buyer", fault]);
    assert_eq!(of_kind(&events, 7, "started").len(), 2);
    let sales: Vec<_> = events
        .iter()
        .filter(|event| event["kind"] == "sold" && event["buyer"] == 7)
        .map(|event| event["epoch"]["counter"].as_u64().unwrap())
        .collect();
    let epochs: BTreeSet<_> = sales.iter().collect();
    assert_eq!(epochs.len(), 2, "it bought from both traders, {} times", sales.len());
    let leaders = summary["elections"].as_array().unwrap();
    assert!(leaders.iter().all(|election| election["leader"] != 7), "it has no vote: {summary}");
}

#[test]
fn a_peer_that_leaves_takes_back_what_is_unsold_and_the_trader_hands_over_first() {
    let folder = tempfile::tempdir().unwrap();
    let fault = "fault=[{at='1s',do='leave',who=1},{at='2s',do='leave',who='trader'}]";
    let (summary, events) = passes(&folder.path().join("run"), &["run.duration=4s", fault]);
    for leaver in [1, 6] {
        let left = of_kind(&events, leaver, "left");
        assert_eq!(left.len(), 1, "peer {leaver}");
        let stopped = of_kind(&events, leaver, "stopped");
        assert_eq!(stopped.len(), 1, "peer {leaver} ended in good order");
        let told = of_kind(&events, 0, "expired").iter().any(|event| event["member"] == leaver);
        assert!(told, "peer {leaver} said goodbye to the directory");
    }
    let (deposited, withdrawn): (Vec<_>, Vec<_>) = events
        .iter()
        .filter(|event| event["seller"] == 1)
        .partition(|event| event["kind"] == "deposited");
    assert!(!deposited.is_empty() && !withdrawn.is_empty(), "its lots were taken back");
    assert_eq!(summary["elections"][1]["cause"], "resign", "{summary}");
}

#[test]
fn a_run_ends_when_all_buyers_have_what_they_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        "run.duration=10m",
        "run.end_when_done=true",
        "fault=[]",
        "roles.buyers=3",
        "roles.sellers=3",
        "buyer.purchases=5",
        "buyer.leave_when_done=true",
    ];
    let (summary, events) = passes(&folder.path().join("run"), &settings);
    assert!(summary["seconds"].as_f64().unwrap() < 600.0);
    for buyer in [1, 2, 3] {
        let done = of_kind(&events, buyer, "bought_all");
        assert_eq!(done.len(), 1, "buyer {buyer}");
        assert_eq!(done[0]["purchases"], 5);
    }
    // Four of six are a majority: two may go while the market is to trade on.
    let left: Vec<_> =
        [1, 2, 3].iter().filter(|&&buyer| !of_kind(&events, buyer, "left").is_empty()).collect();
    assert!(left.len() <= 2, "{left:?}");
}

#[test]
fn buyers_leave_when_they_have_what_they_wanted_if_they_shall() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        "run.duration=3s",
        "fault=[]",
        "roles.buyers=2",
        "roles.sellers=4",
        "roles.deal=in_order",
        "buyer.purchases=5",
    ];
    for leaves in [true, false] {
        let leave = format!("buyer.leave_when_done={leaves}");
        let out = folder.path().join(leaves.to_string());
        let (_, events) = passes(&out, &[&settings[..], &[&leave]].concat());
        for buyer in [1, 2] {
            let done = of_kind(&events, buyer, "bought_all");
            assert_eq!(done.len(), 1, "buyer {buyer}");
            // Four of six are a majority.
            let left = of_kind(&events, buyer, "left");
            assert_eq!(left.len(), usize::from(leaves), "buyer {buyer}");
            let after = of_kind(&events, buyer, "asked");
            let after = after
                .iter()
                .filter(|event| event["time_ns"].as_u64() > done[0]["time_ns"].as_u64());
            assert_eq!(after.count(), 0, "it wants nothing more");
        }
    }
}
