//! Histories that are none, and histories that sell what nobody offered.

use judge::{Ruling, judge, judge_history};
use view::{Verdict, history};

use crate::world::{assert_broken, finding, good_run, retell};

#[test]
fn sold_without_having_been_offered() {
    let line = |index, phase, process, f, value: &str| {
        format!(
            r#"{{"index":{index},"time":{index},"type":"{phase}","process":{process},"f":"{f}","key":"fish","value":{value}}}"#
        )
    };
    let text = [
        line(0, "invoke", 0, "deposit", r#"{"quantity":5}"#),
        line(1, "invoke", 1, "buy", r#"{"quantity":2}"#),
        line(2, "ok", 1, "buy", r#"{"quantity":2}"#),
        line(3, "invoke", 1, "buy", r#"{"quantity":4}"#),
        line(4, "ok", 1, "buy", r#"{"quantity":4}"#),
        line(5, "info", 0, "deposit", "null"),
    ];
    let history = history::read(text.join("\n").as_bytes()).unwrap();
    let judgement = judge_history(&history);
    assert_eq!(judgement.oversold, 1);
    assert_eq!(
        judgement.violations(),
        ["no over-selling: fish: by line 5, 6 units were confirmed at lines 3 and 5 of \
          history.jsonl, but only 5 had been offered at line 1 of history.jsonl"]
    );
    // A deposit that surely failed offers nothing.
    let mut failed = history;
    failed[5].phase = history::Phase::Fail;
    let judgement = judge_history(&failed);
    assert_eq!(judgement.oversold, 6);
    assert_eq!(
        judgement.violations(),
        [
            "no over-selling: fish: by line 3, 2 units were confirmed at line 3 of history.jsonl, but \
          none had been offered"
        ]
    );
}

#[test]
fn histories_that_are_none() {
    const FORM: &str = "the history is well formed";
    let told = good_run().history;
    let broken = |change: &dyn Fn(&mut Vec<history::Step>)| {
        let mut history = told.clone();
        change(&mut history);
        let finding = judge_history(&history).findings.swap_remove(0);
        assert_eq!((finding.property, finding.ruling), (FORM, Ruling::Fail));
        finding.evidence
    };
    assert_eq!(
        broken(&|history| history[3].time = 0),
        "time runs backwards at line 4 of history.jsonl"
    );
    assert_eq!(
        broken(&|history| drop(history.remove(0))),
        "process 0 ends what it did not begin, at line 1 of history.jsonl"
    );
    assert_eq!(
        broken(&|history| drop(history.remove(3))),
        "process 1 does two things at once, at lines 3 and 4 of history.jsonl"
    );
    assert_eq!(
        broken(&|history| history[1].f = "buy".to_owned()),
        "process 0 ends another operation, at lines 1 and 2 of history.jsonl"
    );
    assert_eq!(
        broken(&|history| history[1].phase = history::Phase::Info),
        "process 0 goes on after it ended in doubt, at line 9 of history.jsonl"
    );
    let mut run = good_run();
    run.history[7].value = serde_json::json!({ "quantity": 1 });
    assert_broken(&run, FORM, "the events tell another history from line 8 of history.jsonl");
    retell(&mut run);
    assert_eq!(finding(&run, FORM).ruling, Ruling::Pass);
}

#[test]
fn a_fail_outweighs_an_unknown() {
    let mut run = good_run();
    run.market = None;
    assert_eq!(judge(&run).verdict, Verdict::Unknown);
    run.history.clear();
    let judgement = judge(&run);
    assert_eq!(judgement.verdict, Verdict::Fail);
    assert_eq!(judgement.violations().len(), 1);
}
