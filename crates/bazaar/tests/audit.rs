//! The books that `bazaar audit` reads from a run's journals, beside what its processes told.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is a failed test")]

mod stage;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use view::What;

fn audit(folder: &Path, flags: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bazaar"));
    let output = command.arg("audit").args(flags).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Numbers of a list of objects, by the number under `key`.
fn column(list: &Value, key: &str, wanted: &str) -> BTreeMap<u64, u64> {
    let numbers = list.as_array().unwrap().iter().map(|one| (one[key].as_u64(), &one[wanted]));
    numbers.map(|(key, number)| (key.unwrap(), number.as_u64().unwrap())).collect()
}

#[test]
fn lots_and_accounts_are_what_the_processes_told() {
    // Nobody is deposed, and nothing is deposited while the market closes: what is in a journal was
    // told of then.
    let sets = [
        "fault=[]",
        "group.heartbeat_period=1s",
        "group.heartbeat_limit=10s",
        "seller.stock={min=1000,max=2000}",
        "seller.accrue_goods=0",
        "seller.update_probability=0",
        "run.duration=30s",
        "run.end_when_done=true",
        "trader.resign_after_sales=30",
        "buyer.purchases=40",
        "buyer.think={min='1ms',max='5ms'}",
    ];
    for form in ["file", "sellers", "database", "replicated"] {
        let form = format!("journal.handover={form}");
        let run = stage::run("market", &[&sets[..], &[&form]].concat(), false);
        let (mut left, mut kept, mut earned) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for event in &run.events {
            match &event.what {
                What::Deposited { lot, quantity, .. } => {
                    *left.entry(lot.0).or_insert(0) += u64::from(*quantity);
                }
                What::Sold { receipt, .. } => {
                    *kept.entry(u64::from(event.node.0)).or_insert(0) += receipt.commission.0;
                    for fill in &receipt.fills {
                        *left.get_mut(&fill.lot.0).unwrap() -= u64::from(fill.quantity);
                        *earned.entry(fill.seller.0).or_insert(0) += fill.earned.0;
                    }
                }
                _ => {}
            }
        }
        left.retain(|_, units| *units > 0);
        assert!(kept.len() > 1, "{form}: one trader sold all");
        let told: Value =
            serde_json::from_str(&audit(run.folder(), &["--json", "--lots", "--accounts"]))
                .unwrap();
        assert_eq!(column(&told["lots"], "lot", "left"), left, "{form}");
        for (wanted, mut is) in [("kept", kept), ("earned", earned)] {
            let mut told = column(&told["accounts"], "peer", wanted);
            told.retain(|_, amount| *amount > 0);
            is.retain(|_, amount| *amount > 0);
            assert_eq!(told, is, "{form}: {wanted}");
        }
        let table = audit(run.folder(), &["--lots", "--accounts"]);
        assert!(table.contains("unit price") && table.contains("the books add up"), "{table}");
        assert!(!audit(run.folder(), &[]).contains("unit price"), "who does not ask is not told");
    }
}
