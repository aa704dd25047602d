//! Runs in the formats of other tools, as the program writes them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const FORMATS: [&str; 6] = ["jepsen-jsonl", "jepsen-edn", "shiviz", "chrome-trace", "dot", "csv"];

fn bazaar(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bazaar")).args(arguments).output().unwrap()
}

fn told(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

#[test]
fn a_market_is_written_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let run = path(folder.path(), "run");
    told(bazaar(&["run", "--simulated", "--quiet", "--duration", "2s", "--out", &run]));
    let written = FORMATS.map(|format| told(bazaar(&["export", &run, "--format", format])));
    let [jsonl, edn, shiviz, trace, dot, csv] = &written;
    let history = std::fs::read_to_string(folder.path().join("run/history.jsonl")).unwrap();
    let events = std::fs::read_to_string(folder.path().join("run/events.jsonl")).unwrap();
    assert_eq!(jsonl, &history);
    assert_eq!(edn.lines().count(), history.lines().count());
    // Two patterns and the line of the run stand before the events.
    assert_eq!(shiviz.lines().count(), events.lines().count() + 3);
    let trace: Value = serde_json::from_str(trace).unwrap();
    assert!(trace["traceEvents"].as_array().unwrap().len() > events.lines().count());
    assert!(dot.starts_with("digraph run {") && dot.ends_with("}\n"));
    assert_eq!(csv.lines().count(), events.lines().count() + 1);

    let out = path(folder.path(), "run.csv");
    let again = ["export", &run, "--format", "csv", "--out", &out];
    told(bazaar(&again));
    assert_eq!(&std::fs::read_to_string(&out).unwrap(), csv);
    let refused = bazaar(&again);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("run.csv"));
    let nowhere = bazaar(&["export", "/nowhere/at/all", "--format", "csv"]);
    assert_eq!(nowhere.status.code(), Some(2));
}

/// What the crate `adya`, a checker by others, says of the transactions of a file.
fn by_adya(file: &str) -> adya::Valid {
    let text = std::fs::read_to_string(file).unwrap();
    let history = adya::History::from_json(&text).unwrap();
    let options = adya::Opts { models: vec!["serializable".into()], ..adya::Opts::default() };
    adya::check(&history, adya::Workload::ListAppend, &options).valid
}

#[test]
fn the_total_order_of_a_group_is_judged_alike_by_a_checker_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let run = path(folder.path(), "run");
    told(bazaar(&[
        "run",
        "--preset",
        "groupcast",
        "--quiet",
        "--duration",
        "2s",
        "--seed",
        "3",
        "--out",
        &run,
    ]));
    let judge = |name: &str| {
        let out = path(folder.path(), name);
        told(bazaar(&["export", &run, "--format", "jepsen-jsonl", "--out", &out]));
        let checked = bazaar(&["check", &out, "--consistency", "serializable"]);
        (checked.status.code(), by_adya(&out))
    };
    assert_eq!(judge("sound.jsonl"), (Some(0), adya::Valid::True));

    // One member says that it delivered two messages of a list in the other order.
    let file = folder.path().join("run/messages.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_member = |line: &Value| line["node"] == 2 && line["event"] == "delivered";
    let at: Vec<usize> = (0..lines.len()).filter(|at| of_member(&lines[*at])).take(2).collect();
    let (first, second) = (lines[at[0]].clone(), lines[at[1]].clone());
    (lines[at[0]], lines[at[1]]) = (second, first);
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    std::fs::write(&file, text.join("\n") + "\n").unwrap();
    assert_eq!(judge("swapped.jsonl"), (Some(1), adya::Valid::False));
    let checked = bazaar(&["check", &run]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(String::from_utf8(checked.stdout).unwrap().contains("fail: total order: in view"));

    let other = bazaar(&["export", &run, "--format", "csv"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(String::from_utf8(other.stderr).unwrap().contains("--format jepsen-jsonl"));
}
