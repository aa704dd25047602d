//! Banks, counters and sets; what a history is of; and histories that are none.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use checker::{Budget, Consistency, Finding, Malformed, Model, Verdict, steps};

/// Lines as in `0 invoke add 1`: process, phase, operation, value.
fn judge(lines: &str) -> Result<Finding, Malformed> {
    let mut text = String::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().unwrap();
        let (process, phase, f) = (word(), word(), word());
        let value = words.next().unwrap_or("null");
        text += &format!(
            "{{\"process\":{process},\"type\":\"{phase}\",\"f\":\"{f}\",\"value\":{value}}}\n"
        );
    }
    let steps = steps(&text).unwrap();
    let model = Model::guess(&steps).unwrap();
    model.judge(&steps, Consistency::default(), &mut Budget::default())
}

fn evidence(lines: &str) -> String {
    let finding = judge(lines).unwrap();
    format!("{:?}: {}", finding.verdict, finding.evidence)
}

#[test]
fn money_that_vanishes_is_found() {
    let told = evidence(
        r#"0 invoke transfer {"from":0,"to":1,"amount":5}
           1 invoke read
           1 ok read {"0":10,"1":0}
           0 ok transfer {"from":0,"to":1,"amount":5}
           1 invoke read
           1 ok read {"0":5,"1":4}"#,
    );
    assert_eq!(told, "Fail: all accounts had 10 together at line 3, but 9 at line 6");
}

#[test]
fn a_counter_is_read_within_its_limits() {
    let with = |value: i32, phase: &str| {
        evidence(&format!(
            "0 invoke add 1
             0 ok add 1
             1 invoke add 2
             2 invoke read
             2 ok read {value}
             1 {phase} add 2"
        ))
    };
    assert_eq!(with(1, "ok"), "Pass: readings: 1, each within its limits");
    assert_eq!(with(3, "info"), "Pass: readings: 1, each within its limits");
    let low = "Fail: the counter was read as 0 from line 4 to line 5, but it was at least 1 and at \
               most 3";
    assert_eq!(with(0, "ok"), low);
    assert!(with(4, "ok").starts_with("Fail: "));
    assert!(with(3, "fail").starts_with("Fail: "));
}

#[test]
fn a_counter_that_also_falls_is_read_within_its_limits() {
    let with = |value: i32| {
        evidence(&format!(
            "0 invoke add 5
             1 invoke add -3
             2 invoke read
             1 ok add -3
             2 ok read {value}
             0 ok add 5"
        ))
    };
    for value in [-3, 0, 2, 5] {
        assert!(with(value).starts_with("Pass: "), "{value}");
    }
    assert!(with(-4).starts_with("Fail: "));
    assert!(with(6).starts_with("Fail: "));
}

#[test]
fn a_set_loses_nothing() {
    let with = |value: &str| {
        evidence(&format!(
            "0 invoke add 1
             0 ok add 1
             0 invoke add 2
             1 invoke read
             1 ok read {value}"
        ))
    };
    assert_eq!(with("[1]"), "Pass: elements: 2, readings: 1");
    assert_eq!(with("[2,1]"), "Pass: elements: 2, readings: 1");
    let lost = "Fail: 1 was there for certain by line 2, but is missing from the reading at lines 4 \
                to 5";
    assert_eq!(with("[2]"), lost);
    assert_eq!(with("[1,1]"), "Fail: 1 is there twice at line 5");
    let phantom = "Fail: 3 was read at line 5, but nobody had tried to add it by then";
    assert_eq!(with("[1,3]"), phantom);
}

#[test]
fn what_was_seen_once_stays() {
    let told = evidence(
        "0 invoke add 1
         1 invoke read
         1 ok read [1]
         1 invoke read
         1 ok read []
         0 info add 1",
    );
    assert_eq!(
        told,
        "Fail: 1 was there for certain by line 3, but is missing from the reading at lines 4 to 5"
    );
}

#[test]
fn nothing_to_judge_is_said() {
    assert_eq!(evidence("0 invoke add 1\n0 ok add 1"), "NeverExercised: nobody read the counter");
    assert_eq!(judge("0 invoke read\n0 info read").unwrap().verdict, Verdict::NeverExercised);
}

#[test]
fn what_is_no_history_is_named() {
    let told = |lines| judge(lines).unwrap_err().to_string();
    assert_eq!(told("0 ok read 1"), "process 0 ends at line 1 what it did not begin");
    assert_eq!(
        told("0 invoke read\n0 invoke read"),
        "process 0 begins at line 2 while what it began at line 1 goes on"
    );
    assert_eq!(
        told("0 invoke cas 5\n0 ok cas 5"),
        "line 1 is not an operation of a register: `read`, `write` or `cas`, the latter of two values"
    );
}

#[test]
fn what_a_history_is_of_is_guessed() {
    let guess = |text: &str| Model::guess(&steps(text).unwrap());
    assert_eq!(guess(""), None);
    assert_eq!(guess(r#"{"process":0,"type":"invoke","f":"buy","key":"fish"}"#), None);
    let read = r#"{"process":0,"type":"ok","f":"read","value":{"a":1}}"#;
    assert_eq!(guess(read), Some(Model::Bank));
    let add = r#"{"process":0,"type":"ok","f":"add","value":1}"#;
    assert_eq!(guess(add), Some(Model::Counter));
    let list = r#"{"process":0,"type":"ok","f":"read","value":[1]}"#;
    assert_eq!(guess(&[add, list].join("\n")), Some(Model::SetFull));
    // Whoever has a name instead of a number is no client.
    let named = r#"{"process":"nemesis","type":"info","f":"pause"}"#;
    assert_eq!(guess(&[named, add].join("\n")), Some(Model::Counter));
    for model in Model::ALL {
        assert!(!model.promise(Consistency::default()).is_empty());
    }
}

#[test]
fn logs_that_are_as_they_should_be() {
    // Late for one, in doubt for another, refused, assigned anew, and two messages in one poll.
    let told = evidence(
        r#"0 invoke send [["send","k",7]]
           0 ok send [["send","k",[0,7]]]
           0 invoke send [["send","k",8]]
           0 info send
           1 invoke send [["send","k",9]]
           1 fail send
           1 invoke poll [["poll"]]
           1 ok poll [["poll",{}]]
           1 invoke poll [["poll"]]
           1 ok poll [["poll",{"k":[[0,7],[4,8]]}]]
           1 invoke assign ["k"]
           1 ok assign ["k"]
           1 invoke poll [["poll"]]
           1 ok poll [["poll",{"k":[[0,7]]}]]
           2 invoke send [["send","k",10]]
           2 ok send [["send","k",[5,10]]]"#,
    );
    assert_eq!(told, "Pass: logs: 1, messages sent: 2, polled: 3");
    let told = evidence("0 invoke poll [[\"poll\"]]\n0 ok poll [[\"poll\",{}]]");
    assert_eq!(told, "NeverExercised: nobody polled a message");
}

/// Three messages, sent by 0, and what happened then.
fn logs(lines: &str) -> String {
    let sent = (0..3).map(|at| {
        let message = at + 10;
        format!(
            "0 invoke send [[\"send\",\"k\",{message}]]\n0 ok send [[\"send\",\"k\",[{at},{message}]]]\n"
        )
    });
    evidence(&(sent.collect::<String>() + lines))
}

fn polls(polls: &[(u32, &str)]) -> String {
    let line = |(process, pairs): &(u32, &str)| {
        format!(
            "{process} invoke poll [[\"poll\"]]\n{process} ok poll [[\"poll\",{{\"k\":{pairs}}}]]\n"
        )
    };
    logs(&polls.iter().map(line).collect::<String>())
}

#[test]
fn each_anomaly_of_logs_is_found() {
    let lost = "Fail: 11 stands at offset 1 of k by line 4, and offset 2 was polled, but no poll \
                ever read it: a lost write";
    assert_eq!(polls(&[(1, "[[0,10]]"), (2, "[[2,12]]")]), lost);
    let two = "Fail: offset 1 of k held 11 at line 4 and 12 at line 8";
    assert_eq!(polls(&[(1, "[[0,10],[1,12]]")]), two);
    let twice =
        "Fail: 12 stands at offset 2 of k and at offset 3, at line 8: it was appended twice";
    assert_eq!(polls(&[(1, "[[0,10],[1,11],[2,12],[3,12]]")]), twice);
    let made_up = "Fail: 13 was polled from k at line 8, but nobody sent it, or its sending surely \
                   failed";
    assert_eq!(polls(&[(1, "[[3,13]]")]), made_up);
    let within =
        "Fail: process 1 polled offset 1 of k at line 8 and then 0 at line 8: nonmonotonic";
    assert_eq!(polls(&[(1, "[[1,11],[0,10]]")]), within);
    let between =
        "Fail: process 1 polled offset 1 of k at line 8 and then 1 at line 10: nonmonotonic";
    assert_eq!(polls(&[(1, "[[0,10],[1,11]]"), (1, "[[1,11]]")]), between);
    let skip = "Fail: process 1 polled offset 0 of k at line 8 and then 2 at line 10, and skipped 11 \
                at offset 1";
    assert_eq!(polls(&[(1, "[[0,10]]"), (1, "[[2,12]]"), (2, "[[0,10],[1,11],[2,12]]")]), skip);
    let within = "Fail: process 1 polled offset 0 of k at line 8 and then 2 at line 8, and skipped 11 \
                  at offset 1";
    assert_eq!(polls(&[(1, "[[0,10],[2,12]]")]), within);
    let sent = "0 invoke send [[\"send\",\"k\",13]]\n0 ok send [[\"send\",\"k\",[1,13]]]";
    assert_eq!(logs(sent), "Fail: offset 1 of k held 11 at line 4 and 13 at line 8");
    let back = "1 invoke send [[\"send\",\"k\",13]]\n1 ok send [[\"send\",\"k\",[9,13]]]\n\
                1 invoke send [[\"send\",\"k\",14]]\n1 ok send [[\"send\",\"k\",[8,14]]]\n";
    let nonmonotonic = "Fail: process 1 sent to offset 9 of k at line 8 and to offset 8 at line 10: \
                        nonmonotonic";
    assert_eq!(logs(back), nonmonotonic);
}

#[test]
fn what_is_no_operation_of_logs_is_said() {
    for value in
        ["3", "[[\"send\",\"k\"]]", "[[\"poll\",{\"k\":[[-1,3]]}]]", "[[\"poll\",{\"k\":3}]]"]
    {
        let error = judge(&format!("0 invoke poll [[\"poll\"]]\n0 ok poll {value}")).unwrap_err();
        assert!(matches!(error, Malformed::NotOfTheModel { line: 2, .. }), "{value}: {error}");
    }
}
