//! What members of a group say that they delivered, kept and broken.

use groupcast::group::{Delivery, Order};
use judge::{Finding, GroupFiles, GroupLine, Ruling, judge_group};
use proptest::prelude::*;

/// Lines as in `1 view 2 1,2,3`, `1 gets 2:5@40` (message 5 of member 2, to be sent at 40),
/// `1 removed` and `1 streamed`. Each takes a nanosecond.
fn files(order: Order, delivery: Delivery, text: &str) -> GroupFiles {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate();
    let lines = lines.map(|(time_ns, line)| {
        let words: Vec<&str> = line.split(' ').collect();
        let node = words[0];
        let told = match words[1..] {
            ["view", number, members] => {
                format!(r#""event":"view","number":{number},"coordinator":1,"members":[{members}]"#)
            }
            ["gets", message] => {
                let (sender, text) = message.split_once(':').unwrap();
                format!(r#""event":"delivered","sender":{sender},"took_ns":null,"text":"{text}""#)
            }
            ["streamed"] => r#""event":"streamed","messages":1"#.to_owned(),
            ["removed"] => r#""event":"removed","unknown":1"#.to_owned(),
            _ => r#""event":"left""#.to_owned(),
        };
        let line = format!(r#"{{"time_ns":{time_ns},"node":{node},{told}}}"#);
        serde_json::from_str::<GroupLine>(&line).unwrap()
    });
    GroupFiles { order, delivery, lines: lines.collect() }
}

fn finding(files: &GroupFiles, property: &str) -> Finding {
    let findings = judge_group(files).findings;
    findings.into_iter().find(|finding| finding.property == property).expect("no such property")
}

#[track_caller]
fn assert_broken(files: &GroupFiles, property: &str, evidence: &str) {
    let Finding { ruling, evidence: given, .. } = finding(files, property);
    assert_eq!((ruling, given.as_str()), (Ruling::Fail, evidence));
}

/// Two members exchange messages; a third one goes after the first of them.
const GOOD: &str = "
    1 view 1 1,2,3
    2 view 1 1,2,3
    3 view 1 1,2,3
    1 gets 1:1@1
    2 gets 1:1@1
    3 gets 1:1@1
    1 gets 2:1@5
    2 gets 2:1@5
    1 view 2 1,2
    2 view 2 1,2
    1 gets 2:2@9
    2 gets 2:2@9
    1 streamed
    2 streamed";

#[test]
fn a_group_that_keeps_its_promises_passes() {
    let said: Vec<String> = judge_group(&files(Order::Lamport, Delivery::Safe, GOOD))
        .findings
        .iter()
        .map(ToString::to_string)
        .collect();
    let expected = [
        "pass: views form one line: views: 2, the same at all members",
        "pass: each message once: deliveries: 7",
        "pass: FIFO order: deliveries: 7",
        "pass: causal order: causes from other senders that were there first: 2",
        "pass: total order: deliveries in the same place at two members: 4",
        "pass: view synchrony: members that went on with another: 1",
        "pass: uniformity: members that others went on without: 1",
        "pass: all agree in the end: members of view 2, the last one: 2",
    ];
    assert_eq!(said, expected);
}

#[test]
fn what_the_order_does_not_promise_is_said() {
    let of_fifo = files(Order::Fifo, Delivery::Agreed, GOOD);
    for property in ["causal order", "total order", "uniformity"] {
        let Finding { ruling, evidence, .. } = finding(&of_fifo, property);
        assert_eq!(ruling, Ruling::NotPromised);
        assert_eq!(evidence, "the order is fifo, the delivery agreed");
    }
    for finding in judge_group(&files(Order::Lamport, Delivery::Safe, "")).findings {
        assert_eq!(finding.ruling, Ruling::NeverExercised, "{finding}");
    }
}

fn changed(from: &str, to: &str) -> GroupFiles {
    assert!(GOOD.contains(from));
    files(Order::Lamport, Delivery::Safe, &GOOD.replacen(from, to, 1))
}

#[test]
fn each_broken_promise_is_found() {
    assert_broken(
        &changed("2 view 2 1,2", "2 view 2 2"),
        "views form one line",
        "view 2 has other members at line 10 of messages.jsonl than at line 9",
    );
    assert_broken(
        &changed("1 gets 2:2@9", "1 gets 2:1@5"),
        "each message once",
        "1 delivered message 2:1 at line 7 and again at line 11 of messages.jsonl",
    );
    assert_broken(
        &changed("1 gets 2:2@9", "1 gets 2:3@9"),
        "FIFO order",
        "1 delivered message 3 of 2 at line 11 of messages.jsonl where 2 was next",
    );
    assert_broken(
        &changed("1 gets 1:1@1\n", "1 gets 2:1@5\n"),
        "causal order",
        "1 delivered message 2:1 at line 4 of messages.jsonl before message 1:1, which 2 had \
         delivered when it sent it",
    );
    let swapped = changed("2 gets 1:1@1", "2 gets 2:1@5");
    assert_broken(
        &swapped,
        "total order",
        "in view 1, 1 delivered message 1:1 at line 4 of messages.jsonl where 2 delivered message \
         2:1 at line 5",
    );
    assert_broken(
        &changed("    2 gets 2:1@5\n", ""),
        "view synchrony",
        "1 and 2 went from view 1 to view 2, but only 1 delivered message 2:1 before, at line 7 of \
         messages.jsonl",
    );
    assert_broken(
        &changed("3 gets 1:1@1", "3 gets 3:1@1"),
        "uniformity",
        "3 delivered message 3:1 in view 1 at line 6 of messages.jsonl, and 1 went on without it",
    );
    let lost = "in view 2, the last one, 1 delivered message 2:2 at line 11 of messages.jsonl, and 2 \
                never did";
    assert_broken(&changed("    2 gets 2:2@9\n", ""), "all agree in the end", lost);
    let mut early = changed("    2 gets 2:2@9\n", "");
    early.lines.pop();
    let Finding { ruling, evidence, .. } = finding(&early, "all agree in the end");
    assert_eq!((ruling, evidence.as_str()), (Ruling::Unknown, lost));
}

#[test]
fn who_comes_back_begins_where_the_group_is() {
    let back = GOOD.to_owned() + "\n3 removed\n3 view 2 1,2\n3 gets 2:2@9\n3 streamed";
    let files = files(Order::Sequencer, Delivery::Safe, &back);
    for property in ["FIFO order", "total order", "all agree in the end"] {
        assert_eq!(finding(&files, property).ruling, Ruling::Pass);
    }
}

#[test]
fn messages_without_numbers_leave_the_question_open() {
    let files = files(Order::Fifo, Delivery::Agreed, "1 view 1 1\n1 gets 1:hola");
    let findings = judge_group(&files).findings;
    assert_eq!(findings[0].ruling, Ruling::Unknown);
    assert_eq!(findings[0].evidence, "line 2 of messages.jsonl: \"hola\" is no numbered message");
}

proptest! {
    /// Lines that never came, came twice, or came in another order.
    #[test]
    fn no_lines_whatever_stop_the_judge(
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let mut files = files(Order::Lamport, Delivery::Safe, GOOD);
        files.lines = picks.iter().map(|pick| pick.get(&files.lines).clone()).collect();
        prop_assert!(!judge_group(&files).findings.is_empty());
    }
}
