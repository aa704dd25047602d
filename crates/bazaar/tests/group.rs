//! Seed 003's trials on real processes, by scripts, as a user gives them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const ORDERS: [&str; 4] = ["fifo", "causal", "sequencer", "lamport"];

/// Runs a script through standard input, with three peers beside the sequencer.
fn play(arguments: &[&str], script: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bazaar"));
    command.args(["group", "--json", "--peers", "3"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// The objects that a script that passes prints: one an `info`, then the verdict.
fn passes(arguments: &[&str], script: &str) -> Vec<Value> {
    let output = play(arguments, script);
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {text}{errors}");
    let mut shown: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let verdict = shown.pop().unwrap();
    assert_eq!(verdict["verdict"], "pass", "{verdict}");
    shown
}

fn peer<'a>(info: &'a Value, name: &str) -> &'a Value {
    let peers = info["peers"].as_array().unwrap();
    peers.iter().find(|peer| peer["name"] == name).unwrap()
}

fn last(info: &Value, name: &str) -> Vec<String> {
    serde_json::from_value(peer(info, name)["last"].clone()).unwrap()
}

#[test]
fn a_peer_that_stops_without_leaving_vanishes_from_the_view_of_the_others() {
    for order in ORDERS {
        let script = "info\nstop peer1\nwait view without peer1\ninfo\n\
            multicast peer2 hola\nwait delivered 1\ninfo\n";
        let shown = passes(&["--order", order], script);
        let members = |info: &Value| info["members"].as_array().unwrap().len();
        assert_eq!((members(&shown[0]), members(&shown[1])), (4, 3));
        assert!(!shown[1]["members"].as_array().unwrap().contains(&"peer1".into()));
        assert_eq!(peer(&shown[1], "peer1")["standing"], "stopped");
        for name in ["seq", "peer2", "peer3"] {
            assert_eq!(last(&shown[2], name), ["hola"], "the group goes on: {order}");
        }
    }
}

#[test]
fn messages_of_one_peer_arrive_everywhere_in_the_order_sent() {
    for order in ORDERS {
        for (delivery, transport) in [("agreed", "tcp"), ("safe", "udp")] {
            let script = "multicast peer1 hola1\nmulticast peer1 hola2\nmulticast peer1 hola3\n\
                wait delivered 3\ninfo\nquit\n";
            let arguments = ["--order", order, "--delivery", delivery, "--transport", transport];
            let shown = passes(&arguments, script);
            for name in ["seq", "peer1", "peer2", "peer3"] {
                assert_eq!(last(&shown[0], name), ["hola1", "hola2", "hola3"], "{arguments:?}");
                assert_eq!(peer(&shown[0], name)["waiting"], 0);
            }
        }
    }
}

/// The third message is placed behind the second, which comes late, and waits for it.
#[test]
fn a_message_that_is_late_holds_up_those_placed_behind_it() {
    for order in ["causal", "sequencer", "lamport"] {
        let script = "multicast peer1 hola1\nwait delivered 1\n\
            delay peer2 hola2 4s\nwait delivered 2 seq\nmulticast seq hola3\n\
            wait waiting 1 peer1\nwait waiting 1 peer3\ninfo\n\
            wait delivered 3\ninfo\n";
        let shown = passes(&["--order", order], script);
        for name in ["peer1", "peer3"] {
            assert_eq!(last(&shown[0], name), ["hola1"], "{order}");
            assert_eq!(peer(&shown[0], name)["waiting"], 1, "{order}");
        }
        for name in ["seq", "peer1", "peer2", "peer3"] {
            assert_eq!(last(&shown[1], name), ["hola1", "hola2", "hola3"], "{order}");
            assert_eq!(peer(&shown[1], name)["waiting"], 0, "{order}");
        }
    }
}

/// With safe delivery nobody processes what a majority does not hold, as in the seed.
#[test]
fn with_safe_delivery_a_late_message_waits_everywhere() {
    let script = "multicast peer1 hola1\nwait delivered 1\n\
        delay peer2 hola2 4s\nwait waiting 1 seq\nmulticast seq hola3\n\
        wait waiting 1 peer1\nwait waiting 2 seq\ninfo\n\
        wait delivered 3\ninfo\n";
    let shown = passes(&["--delivery", "safe"], script);
    for name in ["seq", "peer1", "peer2", "peer3"] {
        assert_eq!(last(&shown[0], name), ["hola1"]);
        assert_eq!(last(&shown[1], name), ["hola1", "hola2", "hola3"]);
    }
}

#[test]
fn the_fall_of_the_sequencer_loses_nothing_whether_it_leaves_or_is_killed() {
    for order in ORDERS {
        for end in ["leave", "stop"] {
            // It falls while messages are on their way, and its successor after it.
            let script = format!(
                "multicast seq hola0\nwait delivered 1\n\
                 multicast peer1 hola1\nmulticast peer2 hola2\n{end} seq\nmulticast peer3 hola3\n\
                 wait view without seq\nwait delivered 4\ninfo\n\
                 multicast peer1 hola4\nwait delivered 5\ninfo\n"
            );
            let shown = passes(&["--order", order, "--delivery", "safe"], &script);
            assert_ne!(shown[1]["coordinator"], "seq");
            let first = last(&shown[1], "peer1");
            let mut sorted = first.clone();
            sorted.sort();
            assert_eq!(sorted, ["hola0", "hola1", "hola2", "hola3", "hola4"], "{order} {end}");
            for name in ["peer2", "peer3"] {
                let mut found = last(&shown[1], name);
                if order == "fifo" || order == "causal" {
                    found.sort();
                    assert_eq!(found, sorted, "{order} {end}");
                } else {
                    assert_eq!(found, first, "{order} {end}");
                }
            }
        }
    }
}

#[test]
fn wrong_scripts_and_conditions_that_never_hold_are_told_apart() {
    let wrong = play(&[], "dance\n");
    assert_eq!(wrong.status.code(), Some(2));
    let text = String::from_utf8(wrong.stderr).unwrap();
    assert!(text.contains("\"dance\" is no step; give multicast PEER TEXT"), "{text}");

    let gone = play(&[], "stop peer1\nmulticast peer1 hola\n");
    assert_eq!(gone.status.code(), Some(2));
    assert!(String::from_utf8(gone.stderr).unwrap().contains("peer1 is stopped"));

    let never = play(&["--patience", "200ms"], "wait delivered 1\n");
    assert_eq!(never.status.code(), Some(3));
    assert!(String::from_utf8(never.stderr).unwrap().contains("delivered 1"));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script");
    std::fs::write(&file, "# a comment\n\ninfo\nmulticast peer1\n").unwrap();
    let wrong = play(&["--script", file.to_str().unwrap()], "");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("line 4"));
}

#[test]
fn the_preset_survives_all_trials_and_leaves_its_summary() {
    for (order, transport) in [("sequencer", "tcp"), ("lamport", "udp")] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let mut command = Command::new(env!("CARGO_BIN_EXE_bazaar"));
        command.args(["run", "--preset", "groupcast", "--json", "--quiet", "--seed", "7"]);
        command.args(["--duration", "3s", "--transport", transport]);
        command.args(["--set", &format!("group.order={order}"), "--out"]).arg(&out);
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{order}: {text}{errors}");
        let summary: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&summary["verdict"], &summary["seed"]), (&"pass".into(), &7.into()));
        assert_eq!(summary["messages"]["members"], 3);
        assert!(summary["messages"]["delivered"].as_u64() >= summary["messages"]["sent"].as_u64());
        assert!(summary["messages"]["sent"].as_u64() > Some(300), "{summary}");
        let causes = summary["elections"].as_array().unwrap().iter();
        let causes: Vec<_> = causes.map(|election| &election["cause"]).collect();
        assert_eq!(causes, ["start", "resign", "crash"], "{summary}");
        let file = std::fs::read(out.join("summary.json")).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&file).unwrap(), summary);
        let check = Command::new(env!("CARGO_BIN_EXE_bazaar")).arg("check").arg(&out).output();
        let check = check.unwrap();
        let told = String::from_utf8(check.stdout).unwrap();
        assert!(check.status.success(), "{told}");
        for property in ["FIFO order", "total order", "view synchrony", "uniformity"] {
            assert!(told.contains(&format!("  pass: {property}: ")), "{told}");
        }
    }
}
