//! A model of the takeover, walked through in every order of its steps.
//!
//! The model follows the code call by call, and knows no luck. A listing takes time: it shows all
//! files that existed all the while, and *any choice* of those that came or went meanwhile. Whoever
//! is stopped may stay so forever, which is also what a crash looks like to the others. States are
//! remembered, so each one that can be reached is seen once.
//!
//! That the walk can find a fault is shown by breaking one rule at a time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

mod actor;
mod world;

use std::collections::HashSet;

use actor::{Actor, step};
use world::World;

/// What an actor does, one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Job {
    Claim,
    /// Begin a segment with all that was written.
    Snapshot,
    /// Write one more letter, and confirm all that was written.
    Commit(char),
    /// Write one more letter, and go on.
    Write(char),
    /// Confirm all that was written but the last letters, so many.
    Confirm(usize),
    /// Read without a claim.
    Read,
}

/// A rule that is left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Broken {
    Nothing,
    /// A reader lists again, and looks at the segment it opened.
    ListAgain,
    /// A reader without a claim looks whether the segment still has its name when it has read it.
    LookAfterReading,
    /// A claim is there before the reading begins.
    ClaimBeforeReading,
    /// A write comes before the look for claims.
    WriteBeforeListing,
    /// A writer looks at its own segment after the listing.
    LookAtOwnSegment,
    /// A claim is deleted only when a newer segment is in place.
    KeepClaims,
    /// Older files are deleted oldest first.
    DeleteOldestFirst,
}

/// Walks through every order of steps. Returns how many states there are.
fn explore(actors: &[(u8, &[Job])], broken: Broken) -> Result<usize, String> {
    let actors = actors.iter().map(|(epoch, jobs)| Actor::new(*epoch, jobs)).collect();
    let first = World::new(actors);
    let mut seen = HashSet::from([first.clone()]);
    let mut open = vec![first];
    while let Some(world) = open.pop() {
        world.check()?;
        for id in 0..world.actors.len() {
            for mut next in step(&world, id, broken)? {
                next.forget_what_nobody_sees();
                if !seen.contains(&next) {
                    seen.insert(next.clone());
                    open.push(next);
                }
            }
        }
    }
    Ok(seen.len())
}

use Job::{Claim, Commit, Confirm, Read, Snapshot, Write};

/// One works and begins new segments, another takes over.
const TWO: [(u8, &[Job]); 2] = [
    (7, &[Claim, Snapshot, Commit('a'), Snapshot, Commit('b'), Snapshot, Commit('c')]),
    (8, &[Claim, Snapshot, Commit('d'), Snapshot, Commit('e')]),
];

/// Three claimers, each of which may take over from any other at any moment.
const THREE: [(u8, &[Job]); 3] = [
    (7, &[Claim, Snapshot, Commit('a'), Snapshot, Commit('b')]),
    (8, &[Claim, Snapshot, Commit('c')]),
    (9, &[Claim, Snapshot]),
];

/// One has several commits on their way at a time, another takes over.
const UNDER_WAY: [(u8, &[Job]); 2] = [
    (
        7,
        &[
            Claim,
            Snapshot,
            Write('a'),
            Write('b'),
            Confirm(1),
            Write('c'),
            Confirm(0),
            Snapshot,
            Write('d'),
            Write('e'),
            Confirm(1),
            Confirm(0),
        ],
    ),
    (8, &[Claim, Snapshot, Write('f'), Write('g'), Confirm(1), Confirm(0)]),
];

/// A reader that claims nothing, beside two that write.
const READER: [(u8, &[Job]); 3] =
    [(7, &[Claim, Snapshot]), (8, &[Claim, Snapshot, Commit('a'), Snapshot]), (0, &[Read])];

/// A reader beside one that begins segment after segment, each over the file of the last but one.
const TURNS: [(u8, &[Job]); 3] = [
    (7, &[Claim, Snapshot, Commit('a'), Snapshot, Snapshot, Commit('b'), Snapshot]),
    (8, &[Claim]),
    (0, &[Read]),
];

#[test]
fn nobody_takes_for_a_segment_what_is_written_over_it_in_any_order() {
    let states = explore(&TURNS, Broken::Nothing).unwrap();
    assert!(states > 10_000, "{states}");
}

#[test]
fn two_claimers_lose_nothing_in_any_order() {
    let states = explore(&TWO, Broken::Nothing).unwrap();
    assert!(states > 3_000, "{states}");
}

#[test]
fn commits_that_are_under_way_together_lose_nothing_in_any_order() {
    let states = explore(&UNDER_WAY, Broken::Nothing).unwrap();
    assert!(states > 3_000, "{states}");
}

#[test]
fn three_claimers_lose_nothing_in_any_order() {
    let states = explore(&THREE, Broken::Nothing).unwrap();
    assert!(states > 100_000, "{states}");
}

#[test]
fn a_reader_sees_all_that_was_confirmed_when_it_began_in_any_order() {
    let states = explore(&READER, Broken::Nothing).unwrap();
    assert!(states > 50_000, "{states}");
}

#[test]
fn each_rule_is_needed() {
    for (broken, world) in [
        (Broken::ListAgain, &READER[..]),
        (Broken::LookAfterReading, &TURNS),
        (Broken::ClaimBeforeReading, &TWO),
        (Broken::WriteBeforeListing, &TWO),
        (Broken::LookAtOwnSegment, &TWO),
        (Broken::KeepClaims, &THREE),
        (Broken::DeleteOldestFirst, &TWO),
    ] {
        let found = explore(world, broken);
        assert!(found.is_err(), "without {broken:?}: {found:?}");
    }
}
