//! The bench of sales verifies every answer and compares all books, so that it ends well is a test:
//! nothing was lost, doubled, or told to the wrong client.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

#[test]
fn every_sale_to_a_crowd_is_in_the_books_once() {
    let folder = tempfile::tempdir().unwrap();
    let ways = [
        &["--in-flight", "5"][..],
        &["--record", "--fsync-delay-us", "300"],
        &["--handover", "replicated", "--durability", "memory"],
    ];
    for arguments in ways {
        let output = Command::new(env!("CARGO_BIN_EXE_bazaar"))
            .args(["bench", "sales", "--clients", "7", "--seconds", "1", "--repetitions", "1"])
            .args(["--snapshot-every", "500", "--json", "--folder"])
            .arg(folder.path())
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let figures: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(figures["runs"][0]["verified"].as_u64().unwrap() > 0, "{figures}");
    }
}
