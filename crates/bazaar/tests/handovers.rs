//! What survives what, by form of handover: a test for each row of the table in ARCHITECTURE.md.
//! Each runs the same scenario as processes and, but for the database, on the simulator.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

const FORMS: [&str; 4] = ["file", "database", "replicated", "sellers"];

/// Runs the market with these faults under each form of handover, on both hosts: the verdict is
/// that nothing is lost or doubled, and there are sales behind the last fault.
fn survives(faults: &[&str], last_fault: f64) {
    let folder = tempfile::tempdir().unwrap();
    for form in FORMS {
        for host in ["processes", "simulated"] {
            // One simulated journal stands for whatever common place there is.
            if (form, host) != ("database", "simulated") {
                let out = folder.path().join(format!("{form}-{host}"));
                let fault = format!("fault=[{}]", faults.join(","));
                let handover = format!("journal.handover={form}");
                trades_on(&out, host == "simulated", &[&fault, &handover], last_fault);
            }
        }
    }
}

fn trades_on(out: &Path, simulated: bool, settings: &[&str], last_fault: f64) {
    let seconds = 4.0;
    let mut command = Command::new(env!("CARGO_BIN_EXE_bazaar"));
    command.args(["run", "--json", "--quiet", "--duration=4s", "--out"]).arg(out);
    command.args(simulated.then_some("--simulated"));
    command.arg("--set=group.heartbeat_limit='300ms'");
    for setting in settings {
        command.arg(format!("--set={setting}"));
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{settings:?}: {}{said}",
        String::from_utf8_lossy(&output.stdout)
    );
    let events = std::fs::read_to_string(out.join("events.jsonl")).unwrap();
    let after_ns = last_fault * seconds * 1e9;
    let sold_after = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["kind"] == "sold" && event["time_ns"].as_f64().unwrap() > after_ns);
    assert!(sold_after.count() > 0, "{settings:?}: nothing was sold after the last fault");
}

#[test]
fn the_death_of_a_minority_with_the_trader_in_it() {
    let faults = ["{at='40%',do='kill',who='trader'}", "{at='42%',do='kill',who='trader'}"];
    survives(&faults, 0.43);
}

#[test]
fn a_trader_that_hangs() {
    survives(&["{at='40%',do='pause',who='trader',for='30%'}"], 0.7);
}

#[test]
fn a_trader_that_is_partitioned_away() {
    survives(&["{at='40%',do='partition',who='trader',for='30%'}"], 0.7);
}

#[test]
fn the_death_of_all_peers_at_once() {
    let faults: Vec<String> =
        (1..=6).map(|peer| format!("{{at='40%',do='kill',who={peer},for='10%'}}")).collect();
    let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
    survives(&faults, 0.5);
}

/// Nobody is introduced any more, and those that know each other need nobody for that.
#[test]
fn the_death_of_the_directory() {
    let faults = ["{at='30%',do='kill',who=0}", "{at='50%',do='kill',who='trader',for='20%'}"];
    survives(&faults, 0.7);
}

/// The trader's disk and that of another peer are gone with them: the others have all.
#[test]
fn the_disks_of_a_minority_where_the_market_is_replicated() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let faults = "fault=[{at='30%',do='kill',who='trader'},{at='50%',do='kill',who='trader'}]";
    trades_on(&out, false, &[faults, "journal.handover=replicated"], 0.5);
    let killed = std::fs::read_to_string(out.join("events.jsonl")).unwrap();
    let killed: Vec<u64> = killed
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["kind"] == "fault" && event["fault"] == "kill")
        .map(|event| event["target"].as_u64().unwrap())
        .collect();
    assert_eq!(killed.len(), 2, "{killed:?}");
    for node in killed {
        std::fs::remove_dir_all(out.join(format!("journals/peer-{node}"))).unwrap();
    }
    let check = check(&out);
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
}

fn check(out: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bazaar")).arg("check").arg(out).output().unwrap()
}

/// Where sellers keep the books, nobody else has those of a peer: its lots are lost, which the
/// verdict says, and no sale is doubled for that.
#[test]
fn the_disk_of_a_seller_where_sellers_keep_the_books() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let faults = "fault=[{at='50%',do='kill',who=3}]";
    trades_on(&out, false, &[faults, "journal.handover=sellers"], 0.5);
    assert!(check(&out).status.success());
    std::fs::remove_dir_all(out.join("journals/peer-3")).unwrap();
    let check = check(&out);
    let said = String::from_utf8_lossy(&check.stdout);
    assert!(!check.status.success(), "{said}");
    assert!(said.contains("fail: confirmed sales survive"), "{said}");
    assert!(
        said.contains("pass: exactly once") && said.contains("pass: no over-selling"),
        "{said}"
    );
}

/// Kills the market when the test ends, even by a panic; its processes die with it.
struct Market(Child);

impl Drop for Market {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// There is one copy. Nobody confirms a sale that nobody could ever read: the trader stops.
#[test]
fn the_place_of_the_common_journal() {
    for form in ["file", "database"] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let mut command = Command::new(env!("CARGO_BIN_EXE_bazaar"));
        command.args(["run", "--quiet", "--duration=60s", "--set=fault=[]", "--out"]).arg(&out);
        command.arg(format!("--set=journal.handover={form}"));
        let run = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut market = Market(run);
        while !has_sold(&out.join("processes")) {
            assert!(market.0.try_wait().unwrap().is_none(), "{form}: it ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        std::fs::rename(out.join("journals/market"), folder.path().join("lost")).unwrap();
        let mut said = String::new();
        market.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(!market.0.wait().unwrap().success());
        assert!(said.contains("the common journal failed"), "{form}: {said}");
    }
}

/// Whether a process of the market has told of a sale.
fn has_sold(processes: &Path) -> bool {
    let files = std::fs::read_dir(processes).into_iter().flatten().map(|file| file.unwrap().path());
    let records = files.filter(|file| file.extension().is_some_and(|kind| kind == "jsonl"));
    records.map(|file| std::fs::read_to_string(file).unwrap()).any(|text| text.contains("\"sold\""))
}
