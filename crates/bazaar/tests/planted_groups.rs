//! The judge of groups is judged: each of the known bugs is put into the members of simulated
//! worlds, and `bazaar check` finds it in what they told, by a property that names it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]
#![cfg(feature = "planted")]

use std::fs;
use std::path::Path;
use std::process::Command;

use groupcast::group::{Delivery, Order, Planted};
use serde_json::Value;
use sim::group::{Options, run};

/// How many worlds are tried for one that breaks something.
const SEEDS_MAX: u64 = 1000;

/// Leaves what members told as a run of the preset `groupcast` does, and has it judged.
fn judged(folder: &Path, options: &Options, lines: &[String]) -> Value {
    let (order, delivery) = (options.order.unwrap(), options.delivery.unwrap());
    let scenario = format!(
        "preset = \"groupcast\"\nseed = 1\n[run]\nduration = \"60s\"\ntransport = \"udp\"\npeers = 9\n\
         [group]\norder = \"{order}\"\ndelivery = \"{delivery}\"\nrate = 1\n"
    );
    fs::write(folder.join("scenario.toml"), scenario).unwrap();
    fs::write(folder.join("messages.jsonl"), lines.join("\n") + "\n").unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_bazaar"));
    let check = check.arg("check").arg(folder).arg("--json").output().unwrap();
    let errors = String::from_utf8_lossy(&check.stderr).into_owned();
    serde_json::from_slice(&check.stdout).unwrap_or_else(|_| panic!("{errors}"))
}

/// The properties that the first world broke in which the bug showed in what its members told.
#[track_caller]
fn assert_found(bug: Planted, order: Order, delivery: Delivery, property: &str) {
    let folder = tempfile::tempdir().unwrap();
    let sound = Options {
        order: Some(order),
        delivery: Some(delivery),
        record: true,
        ..Options::default()
    };
    let planted = Options { planted: Some(bug), ..sound.clone() };
    for seed in 0..SEEDS_MAX {
        let world = run(seed, &planted);
        // What breaks nothing cannot be found.
        if world.violation.is_none() {
            continue;
        }
        let verdict = judged(folder.path(), &planted, &world.record);
        if verdict["verdict"] != "fail" {
            continue;
        }
        let findings = verdict["findings"].as_array().unwrap().iter();
        let broken: Vec<&Value> = findings.filter(|finding| finding["ruling"] == "fail").collect();
        println!("{bug:?} was found with seed {seed}: {}", broken[0]["evidence"]);
        assert!(broken.iter().any(|one| one["property"] == property), "{bug:?}: {broken:?}");
        let sound = judged(folder.path(), &sound, &run(seed, &sound).record);
        assert_ne!(sound["verdict"], "fail", "seed {seed}: {sound}");
        return;
    }
    panic!("{bug:?} was not found in {SEEDS_MAX} worlds");
}

#[test]
fn a_cut_by_one_members_holdings_is_found() {
    assert_found(Planted::CutOfItsOwn, Order::Fifo, Delivery::Agreed, "view synchrony");
}

#[test]
fn a_voter_that_forgets_what_it_accepted_is_found() {
    assert_found(Planted::AcceptedForgotten, Order::Fifo, Delivery::Agreed, "views form one line");
}

#[test]
fn messages_that_are_not_sent_again_are_found() {
    assert_found(Planted::NotSentAgain, Order::Sequencer, Delivery::Agreed, "FIFO order");
}

#[test]
fn causes_that_are_ignored_are_found() {
    assert_found(Planted::CausesIgnored, Order::Causal, Delivery::Agreed, "causal order");
}

#[test]
fn a_clock_that_is_ignored_is_found() {
    assert_found(Planted::ClockIgnored, Order::Lamport, Delivery::Agreed, "total order");
}

#[test]
fn an_order_that_is_not_flushed_is_found() {
    assert_found(Planted::OrderNotFlushed, Order::Sequencer, Delivery::Agreed, "total order");
}

#[test]
fn safe_delivery_on_receipt_is_found() {
    assert_found(Planted::SafeOnReceipt, Order::Fifo, Delivery::Safe, "uniformity");
}

/// What nobody has broken is not found, whatever befalls the members.
#[test]
fn worlds_of_sound_members_are_judged_sound() {
    let folder = tempfile::tempdir().unwrap();
    for (at, order) in (0..).zip(Order::ALL) {
        for (by, delivery) in (0..).zip(Delivery::ALL) {
            let (order, delivery) = (Some(order), Some(delivery));
            let options = Options { order, delivery, record: true, ..Options::default() };
            for seed in 0..5 {
                let seed = 10_000 + 100 * at + 10 * by + seed;
                let verdict = judged(folder.path(), &options, &run(seed, &options).record);
                assert_ne!(verdict["verdict"], "fail", "seed {seed}: {verdict}");
            }
        }
    }
}
