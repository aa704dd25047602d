//! Small versions of the papers' experiments have every row that the whole ones have.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use std::fs;
use std::process::Command;

/// Settings by which any of them is over in a moment.
const SMALL: [&str; 4] = [
    "buyer.purchases=3",
    "buyer.think={min='1ms',max='60ms'}",
    "trader.resign_quantum=50ms",
    "journal.durability=memory",
];

/// What stands in the columns `case` and `figure`, and the count of each.
struct Rows(Vec<(String, String, u64)>);

impl Rows {
    /// Runs an experiment. Its figures and its series.
    fn of(experiment: &str, more: &[&str]) -> (Self, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let (figures, series) = (folder.path().join("figures"), folder.path().join("series"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_bazaar"));
        command.args(["bench", experiment, "--quiet", "--json", "--folder"]).arg(folder.path());
        command.arg("--csv").arg(&figures).arg("--series").arg(&series);
        for key in SMALL.iter().chain(more) {
            command.args(["--set", key]);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["verdict"], "pass", "{report}");

        let text = fs::read_to_string(figures).unwrap();
        let head = "experiment,case,figure,count,median_ms,mean_ms,p99_ms,worst_ms,paper_ms";
        assert_eq!(text.lines().next(), Some(head));
        let rows = text.lines().skip(1).map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            assert_eq!((fields.len(), fields[0]), (9, experiment), "{line}");
            (fields[1].to_owned(), fields[2].to_owned(), fields[3].parse().unwrap())
        });
        let rows: Vec<_> = rows.collect();
        assert_eq!(rows.len(), report["rows"].as_array().unwrap().len(), "the same in JSON");
        let series = fs::read_to_string(series).unwrap();
        (Self(rows), series.lines().skip(1).map(str::to_owned).collect())
    }

    /// There are these rows and no others, beside the probes, each with at least so many samples.
    fn assert(&self, expected: &[(&str, &str, u64)]) {
        let probes = [("this machine", "bare ping-pong", 1), ("this machine", "fdatasync", 1)];
        let expected: Vec<_> = probes.iter().chain(expected).collect();
        let names: Vec<_> = self.0.iter().map(|(case, figure, _)| (&**case, &**figure)).collect();
        let wanted: Vec<_> = expected.iter().map(|(case, figure, _)| (*case, *figure)).collect();
        assert_eq!(names, wanted);
        for ((case, figure, count), (_, _, least)) in self.0.iter().zip(expected) {
            assert!(count >= least, "{case}, {figure}: {count} samples, and not {least}");
        }
    }
}

#[test]
fn the_lag_of_buys_by_buyers_and_sellers() {
    let (rows, series) = Rows::of("lag", &[]);
    rows.assert(&[
        ("5 buying and 1 selling: one machine", "buy", 15),
        ("4 buying and 2 selling: one machine", "buy", 12),
        ("3 buying and 3 selling: one machine", "buy", 9),
        ("5 buying and 1 selling: half of them 20 ms away", "buy", 15),
        ("4 buying and 2 selling: half of them 20 ms away", "buy", 12),
        ("3 buying and 3 selling: half of them 20 ms away", "buy", 9),
    ]);
    let sold = series.iter().filter(|line| line.contains(",sold,")).count();
    assert_eq!(sold, 2 * (15 + 12 + 9), "a row a buy");
}

#[test]
fn the_halts_of_trade_at_a_resignation() {
    let (rows, series) = Rows::of("reelection", &["buyer.purchases=0"]);
    let (near, far) = ("6 peers: one machine", "6 peers: half of them 20 ms away");
    rows.assert(&[(near, "halt of trade", 20), (far, "halt of trade", 20)]);
    assert!(series.iter().filter(|line| line.contains(",halt,")).count() >= 40, "{series:?}");
}

#[test]
fn transactions_with_and_without_elections() {
    let (rows, _) = Rows::of("transactions", &[]);
    let figures = ["10", "20", "100"].map(|count| {
        let without = format!("{count} purchases without elections");
        let with = format!("{count} purchases with elections");
        [(without, "buy", 9), (with.clone(), "buy", 3), (with, "halt of trade", 0)]
    });
    let figures = figures.iter().flatten().map(|(case, figure, least)| (&**case, *figure, *least));
    rows.assert(&figures.collect::<Vec<_>>());
}

#[test]
fn the_response_of_each_buyer() {
    let (rows, series) =
        Rows::of("responses", &["buyer.purchases=9", "buyer.think={min='20ms',max='30ms'}"]);
    let case = "40 purchases with elections";
    rows.assert(&[
        (case, "buy of peer 2", 9),
        (case, "buy of peer 3", 9),
        (case, "buy of peer 5", 0),
        (case, "halt of trade", 1),
    ]);
    let of_peer_2 = series.iter().filter(|line| line.contains(",sold,2,")).count();
    assert_eq!(of_peer_2, 9, "a row a buy");
}

#[test]
fn sequential_requests_with_and_without_elections() {
    let more = ["buyer.purchases=220", "buyer.think={min='0s',max='0s'}"];
    let (rows, series) = Rows::of("requests", &more);
    rows.assert(&[
        ("without elections", "buy", 220),
        ("with elections", "buy", 218),
        ("with elections", "buy over an election", 2),
        ("with elections", "halt of trade", 2),
    ]);
    assert_eq!(series.iter().filter(|line| line.contains(",sold,1,")).count(), 440, "a row a buy");
    // The two sellers take turns, after every hundred sales.
    let halts = series.iter().filter_map(|line| line.split_once(",halt,"));
    let traders: Vec<_> = halts.map(|(_, rest)| rest.split(',').next().unwrap()).collect();
    assert_eq!(traders, ["2", "3"]);
}
