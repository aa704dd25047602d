//! The judge is judged: each of the known bugs is put into the peers of simulated runs, and
//! `bazaar check` finds it in the files that a run left, by a property that names it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]
#![cfg(feature = "planted")]

use std::process::Command;

use serde_json::Value;

/// How many seeds may hide a bug.
const SEEDS_MAX: u64 = 20;

/// The properties that the first run broke in which the bug showed.
fn found(bug: &str, arguments: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for seed in 1..=SEEDS_MAX {
        let out = folder.path().join(seed.to_string());
        let run = |plant: &[&str]| {
            let _ = std::fs::remove_dir_all(&out);
            let mut command = Command::new(env!("CARGO_BIN_EXE_bazaar"));
            command.args(["run", "--simulated", "--quiet", "--duration", "6s", "--out"]).arg(&out);
            command.args(["--seed", &seed.to_string()]).args(plant).args(arguments);
            let ran = command.output().unwrap();
            let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
            // The verdict of the run itself is no file.
            std::fs::remove_file(out.join("summary.json")).unwrap_or_else(|_| panic!("{errors}"));
            let mut check = Command::new(env!("CARGO_BIN_EXE_bazaar"));
            let check = check.arg("check").arg(&out).arg("--json").output().unwrap();
            serde_json::from_slice::<Value>(&check.stdout).unwrap()
        };
        let verdict = run(&["--plant", bug]);
        if verdict["verdict"] != "fail" {
            continue;
        }
        let of_sound_peers = run(&[]);
        assert_ne!(of_sound_peers["verdict"], "fail", "seed {seed}: {of_sound_peers}");
        let findings = verdict["findings"].as_array().unwrap().iter();
        let broken = findings.filter(|finding| finding["ruling"] == "fail");
        let broken: Vec<&Value> = broken.collect();
        println!("{bug} was found with seed {seed}: {}", broken[0]["evidence"]);
        return broken.iter().map(|one| one["property"].as_str().unwrap().to_owned()).collect();
    }
    panic!("{bug} was not found in {SEEDS_MAX} runs");
}

#[track_caller]
fn assert_found(bug: &str, arguments: &[&str], property: &str) {
    let broken = found(bug, arguments);
    assert!(broken.iter().any(|one| one == property), "{bug}: {broken:?}");
}

/// All peers are killed nine times, and are back at once.
fn all_die() -> String {
    let one = |tenth: u32| {
        format!("{{ at = \"{tenth}0%\", do = \"kill\", who = [1, 2, 3, 4, 5, 6], for = \"2%\" }}")
    };
    format!("fault=[{}]", (1..10).map(one).collect::<Vec<_>>().join(", "))
}

#[test]
fn two_leaders_without_the_fence_are_found() {
    let cut = "fault=[{ at = \"30%\", do = \"partition\", who = [5, 6], for = \"40%\" }]";
    assert_found("no-fence", &["--set", cut], "confirmed sales survive");
}

#[test]
fn a_confirmed_sale_that_was_not_journaled_is_found() {
    assert_found("unjournaled-sale", &[], "confirmed sales survive");
}

#[test]
fn a_repeated_request_that_was_applied_twice_is_found() {
    assert_found("forgetful-sessions", &[], "exactly once");
}

#[test]
fn what_is_told_before_all_books_have_it_is_found() {
    let sets = ["--set", "journal.handover=sellers", "--set", &all_die()];
    assert_found("hasty-books", &sets, "confirmed sales survive");
}

#[test]
fn a_peer_that_comes_back_without_its_history_is_found() {
    // Sellers bring all the time, and die while a trader that hangs keeps them waiting.
    let faults = "fault=[{ at = \"30%\", do = \"pause\", who = \"trader\", for = \"30%\" }, \
                  { at = \"35%\", do = \"kill\", who = [1, 2], for = \"2%\" }]";
    let sets =
        ["seller.accrue_goods=3", "seller.accrue_every=10ms", "group.heartbeat_limit=1s", faults];
    let sets: Vec<&str> = sets.into_iter().flat_map(|set| ["--set", set]).collect();
    assert_found("amnesia", &sets, "who comes back goes on");
}

/// Trading houses that lend for long and report late.
fn in_houses(faults: &str) -> Vec<String> {
    let sets = [&format!("fault=[{faults}]"), "houses.report_every=200ms", "houses.horizon=4s"];
    let sets = sets.into_iter().flat_map(|set| ["--set".to_owned(), set.to_owned()]);
    ["--preset", "trading-houses"].map(str::to_owned).into_iter().chain(sets).collect()
}

/// What traders hold for each other comes late, and one after the other is killed.
fn traders_are_far_apart_and_die() -> Vec<String> {
    let far = [(12, 11), (12, 10), (11, 10)].map(|(one, other)| {
        format!("{{at='5%',do='delay',who={one},to={other},by='20ms',for='90%'}}")
    });
    let die = [20, 40, 60, 80].map(|at| format!("{{at='{at}%',do='kill',who='trader',for='5%'}}"));
    in_houses(&[far.join(","), die.join(",")].join(","))
}

#[track_caller]
fn assert_found_in_houses(bug: &str, arguments: &[String], property: &str) {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    assert_found(bug, &arguments, property);
}

#[test]
fn a_term_that_was_ended_without_asking_who_holds_its_sales_is_found() {
    let faults = traders_are_far_apart_and_die();
    assert_found_in_houses("hasty-fence", &faults, "confirmed sales survive");
}

#[test]
fn a_yes_before_anybody_else_holds_the_sale_is_found() {
    let faults = traders_are_far_apart_and_die();
    assert_found_in_houses("early-yes", &faults, "confirmed sales survive");
}

/// Who holds the sales of a trader hangs while that is killed, so its term does not end at once.
#[test]
fn a_retried_sale_that_was_decided_without_asking_its_home_is_found() {
    let pairs = [(30, 11, 12), (60, 10, 11), (80, 9, 10)].map(|(at, hangs, dies)| {
        let then = at + 1;
        format!(
            "{{at='{at}%',do='pause',who={hangs},for='5%'}},\
             {{at='{then}%',do='kill',who={dies},for='10%'}}"
        )
    });
    assert_found_in_houses("unshut-retry", &in_houses(&pairs.join(",")), "exactly once");
}
