//! Histories of other projects, with the verdicts that their own tests expect.
//!
//! They are read from the folder that `BAZAAR_VECTORS` names: one file a history, and
//! `expected.json`, which gives the model and the verdict of each.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use checker::{Budget, Consistency, Model, Verdict, steps};
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    model: String,
    valid: bool,
}

#[test]
fn every_history_is_judged_as_its_project_expects() {
    let Some(folder) = std::env::var_os("BAZAAR_VECTORS") else {
        // Not by a macro: test runners keep what those say to themselves.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED, BAZAAR_VECTORS is not set: there are no histories of others to judge"
        );
        return;
    };
    let folder = Path::new(&folder);
    let expected = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let expected: BTreeMap<String, Expected> = serde_json::from_str(&expected).unwrap();
    assert!(!expected.is_empty(), "expected.json names histories");
    let mut wrong = Vec::new();
    for (file, Expected { model, valid }) in &expected {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let history = steps(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let guessed = Model::guess(&history);
        if guessed.map(Model::name) != Some(model) {
            wrong.push(format!("{file}: taken for {guessed:?}, but it is {model}"));
            continue;
        }
        let budget = &mut Budget::default();
        let finding = guessed.unwrap().judge(&history, Consistency::default(), budget).unwrap();
        let is_valid = match finding.verdict {
            Verdict::Pass | Verdict::NeverExercised => Some(true),
            Verdict::Fail => Some(false),
            Verdict::Unknown => None,
        };
        println!("{file}: {:?}: {}", finding.verdict, finding.evidence);
        if is_valid != Some(*valid) {
            wrong.push(format!("{file}: expected {valid}: {finding:?}"));
        }
    }
    eprintln!(
        "histories of others: {}, judged right: {}",
        expected.len(),
        expected.len() - wrong.len()
    );
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
