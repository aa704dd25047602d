//! What a sweep tells of rare paths: in how many worlds each was taken, and which never.

use std::fmt::Write as _;

use sim::Kind;
use sim::coverage::Coverage;

/// A line a rare path, those that were never taken last.
pub(super) fn describe(kind: &Kind, coverage: &Coverage) -> String {
    let marks = kind.marks();
    let never = coverage.never(kind);
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "  {:>12} of {} rare paths were taken, each in so many worlds:",
        marks.len() - never.len(),
        marks.len()
    );
    for mark in marks.iter().filter(|mark| !never.contains(mark)) {
        let _ = writeln!(text, "  {:>16} {}", coverage.worlds(*mark), mark.0);
    }
    for mark in &never {
        let _ = writeln!(text, "   never exercised: {}", mark.0);
    }
    text
}
