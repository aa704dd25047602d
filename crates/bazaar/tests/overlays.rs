//! Live markets whose peers talk to their neighbours on an overlay only.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

mod live;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use groupcast::overlay::{Kind, Overlay};
use machine::NodeId;

use live::{Run, of_kind, wait_until};

/// How many TCP connections of a process stand.
fn connections(process: u32) -> usize {
    // Local and remote address, state, and the number of the socket; 01 is an established one.
    let table = fs::read_to_string(format!("/proc/{process}/net/tcp")).unwrap_or_default();
    let established: BTreeSet<String> = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields.len() > 9 && fields[3] == "01")
        .map(|fields| format!("socket:[{}]", fields[9]))
        .collect();
    let Ok(open) = fs::read_dir(format!("/proc/{process}/fd")) else { return 0 };
    let links = open.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    links.filter(|link| established.contains(&*link.to_string_lossy())).count()
}

#[test]
fn a_market_on_an_overlay_of_degree_three_outlives_its_trader_and_takes_in_a_peer() {
    let folder = tempfile::tempdir().unwrap();
    let fault = "fault=[{at='2s',do='join',who=11},{at='3s',do='kill',who='trader'}]";
    let settings = ["run.duration=6s", "run.peers=10", "overlay.form=random", fault];
    let run = Run::start(&folder.path().join("run"), &settings);
    run.wait_for("peer-10.0.jsonl", r#""kind":"sold""#);

    let overlay = fs::read_to_string(run.out.join("overlay.json")).unwrap();
    let overlay: Overlay = serde_json::from_str(&overlay).unwrap();
    assert_eq!((overlay.kind(), overlay.size()), (Kind::DegreeThree, 11));
    // One connection to each neighbour that runs, and one to the directory.
    let mut seen = BTreeMap::new();
    wait_until("connections to neighbours only", || {
        let processes = run.processes();
        seen = (1..=10_u32)
            .map(|node| {
                let neighbours = overlay.neighbours(NodeId(node)).iter();
                let expected =
                    1 + neighbours.filter(|other| processes.contains_key(&other.0)).count();
                (node, (processes.get(&node).map_or(0, |(id, _)| connections(*id)), expected))
            })
            .collect();
        seen.values().all(|(found, expected)| found == expected)
    });

    let (summary, events) = run.passes();
    let elections = summary["elections"].as_array().unwrap();
    assert_eq!((&elections[0]["cause"], &elections[0]["leader"]), (&"start".into(), &10.into()));
    assert!(elections.len() >= 2, "{summary}");
    let epochs: BTreeSet<u64> = events
        .iter()
        .filter(|event| event["kind"] == "sold" && event["buyer"] == 11)
        .map(|event| event["epoch"]["counter"].as_u64().unwrap())
        .collect();
    assert!(epochs.len() >= 2, "who joined bought from both traders: {epochs:?}");
    let topology = fs::read_to_string(folder.path().join("run/topology.json")).unwrap();
    let topology: serde_json::Value = serde_json::from_str(&topology).unwrap();
    assert_eq!(topology["overlay"], serde_json::to_value(&overlay).unwrap());
}

#[test]
fn purchases_find_a_way_around_a_peer_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    // The shortest way from 2 to the trader, 5, leads by way of 1.
    let settings = [
        "run.duration=6s",
        "run.peers=5",
        "overlay.form=ring",
        "group.heartbeat_limit=1s",
        "fault=[{at='2s',do='pause',who=1,for='3s'}]",
    ];
    let (summary, events) = Run::start(&folder.path().join("run"), &settings).passes();
    assert_eq!(summary["elections"][0]["leader"], 5);
    let paused = 3_000_000_000..5_000_000_000_u64;
    let bought = of_kind(&events, 2, "answered")
        .iter()
        .filter(|event| paused.contains(&event["time_ns"].as_u64().unwrap()))
        .count();
    assert!(bought > 0, "2 is served while 1 hangs");
}
