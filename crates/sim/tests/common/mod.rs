//! What several tests of worlds look at.

use machine::Mark;
use sim::Kind;
use sim::coverage::Coverage;

/// Each rare path was taken, but for those that are known not to be: these are printed.
pub fn all_exercised_but(kind: &Kind, coverage: &Coverage, known: &[Mark]) {
    let never = coverage.never(kind);
    for mark in &never {
        println!("never exercised: {}", mark.0);
    }
    let new: Vec<&Mark> = never.iter().filter(|mark| !known.contains(mark)).collect();
    assert!(new.is_empty(), "no world of the fixed set takes these any more: {new:#?}");
}
