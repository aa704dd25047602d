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
        let gaps_ms = of["gaps_ms"].as_array().unwrap().iter().map(|ms| ms.as_f64().unwrap());
        let stages = ["noticed", "elected", "took_over", "sold"];
        let stages_ms: f64 = stages.map(|stage| of["worst"][stage].as_f64().unwrap()).iter().sum();
        assert!((gaps_ms.fold(0.0, f64::max) - stages_ms).abs() < 0.001, "{of}");
        // An election is always seen.
        assert!(of["worst"]["elected"].as_f64().unwrap() > 0.0, "{of}");
    }
}

#[test]
fn each_trader_of_houses_that_is_killed_leaves_its_buyers_to_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bazaar"));
    command.args(["bench", "house-failover", "--times", "3", "--buyers", "3", "--sales", "300"]);
    command.args(["--json", "--set", "journal.durability=memory", "--folder"]).arg(folder.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(figures["verdict"], "pass", "{figures}");
    assert_eq!(figures["times"], 3, "{figures}");
    assert!(figures["struck"].as_u64().unwrap() >= 3, "{figures}");
}

/// All that is there is sold, to as many buyers as there are units, and nobody is denied one before.
#[test]
fn a_flash_sale_sells_all_there_is_and_denies_nobody_too_early() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bazaar"));
    command.args(["bench", "flash-sale", "--cache", "none,lease-buddy,lease-trader-log", "--csv"]);
    command.args(["--units", "300", "--buyers", "1500", "--folder"]).arg(folder.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut caches = Vec::new();
    for line in lines {
        let of: std::collections::BTreeMap<_, _> =
            names.iter().copied().zip(line.split(',')).collect();
        caches.push(of["cache"]);
        let sold_and_refused = ["sold", "refused", "not_known", "false_refusals", "oversold"];
        let seen = sold_and_refused.map(|name| of[name]);
        assert_eq!(seen, ["300", "1200", "0", "0", "0"], "{line}");
    }
    assert_eq!(caches, ["none", "lease-buddy", "lease-trader-log"]);
}
