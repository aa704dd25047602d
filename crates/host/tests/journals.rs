//! Durability is order: what leaves a node and when, with real journals.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::path::Path;

use common::{Running, common, settings, start, with_journals};
use host::HostError;
use host::Transport::Tcp;
use machine::{Epoch, Journal, NodeId};
use store::Durability::{self, Disk, Memory};

fn epoch(counter: u64, node: u32) -> Epoch {
    Epoch { counter, node: NodeId(node) }
}

/// Node 1, with journals in `folder`, and node 2, which keeps nothing, with a link between them.
fn pair(folder: &Path, durability: Durability) -> (Running, Running) {
    let mut first = with_journals(settings(1, Tcp), folder);
    first.durability = durability;
    let one = start(first);
    let mut second = settings(2, Tcp);
    second.known = vec![(NodeId(1), one.address.to_string())];
    let two = start(second);
    one.wait_for("opened 2");
    two.wait_for("opened 1");
    (one, two)
}

#[test]
fn a_node_gets_back_what_it_persisted() {
    for durability in [Disk, Memory] {
        let folder = tempfile::tempdir().unwrap();
        let begin = || {
            let mut settings = with_journals(settings(1, Tcp), folder.path());
            settings.durability = durability;
            start(settings)
        };
        let one = begin();
        one.expect(["start []"]);
        one.tell("snapshot own ten; persist own one; persist own two; report written");
        one.expect(["written"]);
        one.stop().unwrap();
        let one = begin();
        one.expect([r#"start ["ten", "one", "two"]"#]);
        one.tell("snapshot own seven");
        one.stop().unwrap();
        begin().expect([r#"start ["seven"]"#]);
    }
}

#[test]
fn a_claim_hands_over_what_others_wrote() {
    for durability in [Disk, Memory] {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = pair(folder.path(), durability);
        one.tell("claim 1 1");
        one.expect(["claimed 1.1 []"]);
        one.tell("snapshot common ten; persist common one; send 2 done; report done");
        one.expect(["done"]);
        two.expect(["1: done"]);
        let three = start(with_journals(settings(3, Tcp), folder.path()));
        three.expect(["start []"]);
        three.tell("claim 2 3");
        three.expect([r#"claimed 2.3 ["ten", "one"]"#]);
    }
}

#[test]
fn nothing_leaves_before_a_write_ahead_of_it_and_a_node_that_cannot_write_stops() {
    for durability in [Disk, Memory] {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = pair(folder.path(), durability);
        one.tell("snapshot own ten; report begun");
        one.expect(["begun"]);
        // Another process of this node begins.
        let own = folder.path().join("own-1");
        let later = store::highest_epoch(&own).unwrap().unwrap().next(NodeId(1));
        store::Journal::claim(&own, later, durability).unwrap();
        one.tell("persist own one; send 2 secret; report secret");
        two.expect(["closed 1"]);
        assert!(one.reports.recv().is_err(), "the report must not leave");
        assert!(matches!(one.join(), Err(HostError::Replaced(epoch)) if epoch == later));
    }
}

#[test]
fn a_disk_that_fails_stops_the_node_before_anything_leaves() {
    for durability in [Disk, Memory] {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = pair(folder.path(), durability);
        one.tell("snapshot own ten; report begun");
        one.expect(["begun"]);
        std::fs::remove_dir_all(folder.path().join("own-1")).unwrap();
        one.tell("persist own one; send 2 secret; report secret");
        two.expect(["closed 1"]);
        assert!(one.reports.recv().is_err(), "the report must not leave");
        let error = one.join().unwrap_err();
        assert!(matches!(error, HostError::Journal { journal: Journal::Own, .. }), "{error}");
    }
}

#[test]
fn a_refused_write_drops_what_waited_and_the_node_goes_on() {
    for durability in [Disk, Memory] {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = pair(folder.path(), durability);
        one.tell("claim 1 1");
        one.expect(["claimed 1.1 []"]);
        one.tell("snapshot common ten; snapshot own ten; report begun");
        one.expect(["begun"]);
        store::Journal::claim(&common(folder.path()), epoch(5, 9), durability).unwrap();
        one.tell(
            "persist own before; send 2 before; persist common one; send 2 secret; \
             persist own after; own 2 own; report secret",
        );
        let mut heard = [two.next(), two.next()];
        heard.sort();
        assert_eq!(heard, ["1: before", "1: own"]);
        one.expect(["refused 5.9"]);
        // Without a new claim, writes there are nothing, and nothing waits for them.
        one.tell("persist common two; send 2 after; report after");
        one.expect(["after"]);
        two.expect(["1: after"]);
        one.tell("claim 6 1");
        one.expect(["claimed 6.1 [\"ten\", \"one\"]"]);
        let counts = one.stop().unwrap();
        assert_eq!((counts.refused, counts.ignored_writes), (2, 1));
    }
}

#[test]
fn a_refused_claim_drops_what_waited_and_the_node_goes_on() {
    for durability in [Disk, Memory] {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = pair(folder.path(), durability);
        store::Journal::claim(&common(folder.path()), epoch(5, 9), durability).unwrap();
        one.tell("send 2 before; claim 3 1; send 2 secret; report secret");
        one.expect(["refused 5.9"]);
        one.tell("send 2 after");
        two.expect(["1: before", "1: after"]);
        assert_eq!(one.stop().unwrap().refused, 2);
    }
}

#[test]
fn urgent_messages_overtake_what_waits_for_a_journal() {
    for durability in [Disk, Memory] {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = pair(folder.path(), durability);
        one.tell("snapshot own ten; send 2 slow; urgent 2 fast");
        two.expect(["1: fast", "1: slow"]);
        one.tell("claim 1 1");
        one.expect(["claimed 1.1 []"]);
        // What waits for the own journal only does not wait for the common one.
        one.tell("own 2 first; snapshot common ten; send 2 slow; own 2 fast; urgent 2 urgent");
        two.expect(["1: first", "1: fast", "1: urgent", "1: slow"]);
    }
}

#[test]
fn a_node_reads_no_more_while_too_much_waits_and_loses_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = pair(folder.path(), Disk);
    let count = 70_000;
    one.tell(&format!("snapshot own ten; flood 2 {count}"));
    one.tell("persist own one; send 2 last");
    for _ in 0..count {
        two.expect(["1: y"]);
    }
    two.expect(["1: last"]);
}

#[test]
fn a_node_stops_before_what_waits_fills_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (one, _two) = pair(folder.path(), Disk);
    one.tell(&format!("snapshot own ten; flood 2 {}", 1 << 20));
    assert!(matches!(one.join(), Err(HostError::Overloaded { .. })));
}

#[test]
fn a_node_does_not_begin_with_a_journal_that_is_not_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let settings = with_journals(settings(1, Tcp), folder.path());
    let own = settings.own_journal.clone().unwrap();
    std::fs::create_dir_all(&own).unwrap();
    let (mut journal, _) = store::Journal::claim(&own, epoch(1, 1), Disk).unwrap();
    // A text that says it is longer than it is.
    journal.snapshot(&[9]).unwrap();
    let error = start(settings).join().unwrap_err();
    assert!(matches!(error, HostError::Contents { journal: Journal::Own, .. }), "{error}");
}

#[test]
fn a_claim_without_a_folder_for_it_stops_the_node() {
    let one = start(settings(1, Tcp));
    one.expect(["start []"]);
    one.tell("claim 1 1");
    assert!(matches!(one.join(), Err(HostError::NoCommonJournal)));
}
