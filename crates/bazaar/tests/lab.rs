//! `bazaar lab` on the command line: cells are run once, reported, and compared.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is a failed test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// How long something may take that must come, however slow the machine is.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

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
    for column in ["0,goods_per_second", "100,p99_ms", "40,election_ms,ms,3"] {
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

/// Processes whose command line names this directory.
fn processes_of(directory: &Path) -> usize {
    let wanted = directory.to_str().unwrap();
    let lines = fs::read_dir("/proc").unwrap().flatten();
    let lines = lines.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(wanted)).count()
}

#[test]
fn ctrl_c_ends_the_lab_with_its_report_and_leaves_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bazaar"));
    command.args(["lab", "run", "failover", "--quick", "--out"]).arg(&out);
    let process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The command of the first cell runs when its folder is there.
    let started = std::time::Instant::now();
    while processes_of(&out) < 2 {
        assert!(started.elapsed() < PATIENCE, "no cell begins");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let id = Pid::from_raw(process.id().try_into().unwrap()).unwrap();
    kill_process(id, Signal::INT).unwrap();
    let output = process.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{errors}");
    assert!(errors.contains("the same command goes on from here"), "{errors}");
    assert!(out.join("report.html").exists());
    assert_eq!(cells(&out), 0, "what was cut short is no figure");
    // Members of the run that was cut short end with it, a moment later.
    while processes_of(&out) > 0 {
        assert!(started.elapsed() < PATIENCE, "orphans of {}", out.display());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
