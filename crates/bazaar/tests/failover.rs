//! A small version of the failover bench loses its trader as often as it says, in each way, and the
//! judge finds nothing lost or doubled.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

#[test]
fn each_way_to_lose_a_trader_has_its_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bazaar"));
    command.args(["bench", "failover", "--times", "2", "--buyers", "2", "--sales", "100"]);
    // A short limit, so that it does not take long to miss a trader that hangs.
    command.args(["--set", "group.heartbeat_limit=300ms", "--set", "journal.durability=memory"]);
    let output = command.args(["--json", "--folder"]).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(figures["verdict"], "pass", "{figures}");
    let losses = figures["losses"].as_array().unwrap();
    let names: Vec<_> = losses.iter().map(|of| of["fault"].as_str().unwrap()).collect();
    assert_eq!(names, ["kill", "pause", "partition"]);
    for of in losses {
        assert_eq!((&of["times"], of["gaps_ms"].as_array().unwrap().len()), (&2.into(), 2));
    }
}
