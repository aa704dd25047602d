//! `bazaar lab` on the command line: cells are run once, reported, and compared.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is a failed test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn lab(arguments: &[&str], more: &[&Path]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bazaar"));
    command.arg("lab").args(arguments).args(more);
    command.output().unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn cells(directory: &Path) -> usize {
    let text = fs::read_to_string(directory.join("results.jsonl")).unwrap();
    text.lines().filter(|line| line.contains("\"kind\":\"cell\"")).count()
}

#[test]
fn experiments_are_run_once_reported_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
    let quick = ["run", "formula", "stamps", "--quick", "--quiet", "--json", "--out"];
    let told = json(&lab(&quick, &[&one]));
    assert_eq!((&told["failures"], &told["stopped"]), (&serde_json::json!([]), &false.into()));
    let page = fs::read_to_string(told["report"].as_str().unwrap()).unwrap();
    assert!(page.contains("Messages and the formula are the same in all 23 cases."), "{page}");
    assert!(page.contains("class=\"spacetime\"") && !page.contains("http"));
    assert!(one.join("plots/formula-1.png").exists() && one.join("formula.csv").exists());

    let count = cells(&one);
    assert_eq!(count, (23 + 4) * 3);
    json(&lab(&quick, &[&one]));
    assert_eq!(cells(&one), count, "what is there is not run again");

    json(&lab(&["run", "formula", "--quick", "--quiet", "--json", "--out"], &[&other]));
    let compared = json(&lab(&["compare", "--json"], &[&one, &other]));
    let compared = compared.as_array().unwrap();
    assert_eq!(compared.len(), 23 * 3, "the figures that both have");
    assert!(compared.iter().all(|of| of["ratio"] == 1.0 && of["overlap"] == true));

    let reported = json(&lab(&["report", "--json"], &[&one]));
    assert_eq!(reported["reports"][0], told["report"]);
}

#[test]
fn a_command_is_a_cell_whose_json_gives_the_figures() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    json(&lab(&["run", "market-delay", "--quick", "--quiet", "--json", "--out"], &[&out]));
    let csv = fs::read_to_string(out.join("market-delay.csv")).unwrap();
    for column in ["0,goods_per_second", "50,p99_ms", "20,election_ms,ms,3"] {
        assert!(csv.lines().any(|line| line.starts_with(column)), "{column}: {csv}");
    }
}

#[test]
fn what_cannot_be_done_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = folder.path().join("nothing");
    fs::create_dir(&nothing).unwrap();
    let cases: [(&[&str], &[&Path], &str); 3] = [
        (&["run", "lagg"], &[], "there is no experiment lagg; there are"),
        (&["report"], &[&nothing], "holds neither results.jsonl nor events.jsonl"),
        (&["compare"], &[&nothing, &nothing], "holds no results of the lab"),
    ];
    for (arguments, more, told) in cases {
        let output = lab(arguments, more);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(told), "{errors}");
    }
}
