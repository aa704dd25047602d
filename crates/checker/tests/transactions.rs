//! Transactions beside a judge that tries every order, and histories whose verdict is known by the
//! way in which they were made.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use std::collections::BTreeMap;

use checker::{Budget, Consistency, Finding, Model, Step, Verdict, steps};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A transaction: what it did, and when it began and ended.
#[derive(Debug, Clone)]
struct Done {
    began: usize,
    ended: usize,
    micros: Vec<Value>,
}

/// How long before its moment it begins, how long after it ends, and its writes and reads by key.
type Planned = (u8, u8, Vec<(bool, u8)>);

/// Runs transactions one after the other on a real store, each at one moment of its span. `f` is the
/// word for a write.
fn run(plan: &[Planned], f: &str) -> Vec<Done> {
    let mut store: BTreeMap<u8, Vec<u32>> = BTreeMap::new();
    let mut next = 0;
    let numbered = plan.iter().enumerate();
    let run = numbered.map(|(number, (early, late, micros))| {
        let moment = (number + 10) * 10;
        let mut told = Vec::new();
        for (is_write, key) in micros {
            let versions = store.entry(*key).or_default();
            if *is_write {
                next += 1;
                versions.push(next);
                told.push(json!([f, key, next]));
            } else if f == "append" {
                told.push(json!(["r", key, versions]));
            } else {
                told.push(json!(["r", key, versions.last()]));
            }
        }
        let (began, ended) = (moment - usize::from(*early), moment + usize::from(*late) + 1);
        Done { began: began * 1000 + number, ended: ended * 1000 + number, micros: told }
    });
    run.collect()
}

/// At last one transaction reads all keys.
fn with_last_look(mut plan: Vec<Planned>) -> Vec<Planned> {
    plan.push((0, 0, (0..3).map(|key| (false, key)).collect()));
    plan
}

fn history(done: &[Done]) -> Vec<Step> {
    steps(&text(done)).unwrap()
}

fn text(done: &[Done]) -> String {
    let mut lines = Vec::new();
    for (process, Done { began, ended, micros }) in done.iter().enumerate() {
        let line = |phase: &str| {
            json!({"process": process, "type": phase, "f": "txn", "value": micros}).to_string()
        };
        lines.extend([(*began, line("invoke")), (*ended, line("ok"))]);
    }
    lines.sort();
    let lines: Vec<_> = lines.into_iter().map(|(_, line)| line).collect();
    lines.join("\n")
}

fn judge(model: Model, done: &[Done], consistency: Consistency) -> Finding {
    model.judge(&history(done), consistency, &mut Budget::default()).unwrap()
}

/// Whether some order of all transactions explains every read; of those in which what had ended
/// stands before what then began, if time counts.
fn brute_force(done: &[Done], in_real_time: bool) -> bool {
    fn go(
        done: &[Done],
        left: &mut Vec<usize>,
        store: &BTreeMap<String, Vec<Value>>,
        in_real_time: bool,
    ) -> bool {
        if left.is_empty() {
            return true;
        }
        for at in 0..left.len() {
            let number = left[at];
            if in_real_time && left.iter().any(|other| done[*other].ended < done[number].began) {
                continue;
            }
            let Some(next) = apply(store, &done[number].micros) else { continue };
            left.remove(at);
            let works = go(done, left, &next, in_real_time);
            left.insert(at, number);
            if works {
                return true;
            }
        }
        false
    }
    go(done, &mut (0..done.len()).collect(), &BTreeMap::new(), in_real_time)
}

fn apply(
    store: &BTreeMap<String, Vec<Value>>,
    micros: &[Value],
) -> Option<BTreeMap<String, Vec<Value>>> {
    let mut store = store.clone();
    for micro in micros {
        let versions = store.entry(micro[1].to_string()).or_default();
        match micro[0].as_str()? {
            "r" if micro[2].is_array() => {
                if micro[2] != json!(versions) {
                    return None;
                }
            }
            "r" => {
                if micro[2] != json!(versions.last()) {
                    return None;
                }
            }
            _ => versions.push(micro[2].clone()),
        }
    }
    Some(store)
}

fn plan(most: usize) -> impl Strategy<Value = Vec<Planned>> {
    let micros = prop::collection::vec((any::<bool>(), 0..3_u8), 1..4);
    prop::collection::vec((0..40_u8, 0..40_u8, micros), 0..most)
}

/// One read in the history shows something else: a shorter list, an older value, or two values in
/// the other order.
fn change(done: &mut [Done], which: usize, how: usize) {
    let mut reads: Vec<_> = done
        .iter_mut()
        .flat_map(|done| &mut done.micros)
        .filter(|micro| micro[0] == "r")
        .map(|micro| &mut micro[2])
        .collect();
    if reads.is_empty() {
        return;
    }
    let which = which % reads.len();
    match &mut *reads[which] {
        Value::Array(list) if list.len() > 1 && how.is_multiple_of(3) => {
            let last = list.len() - 1;
            list.swap(last - 1, last);
        }
        Value::Array(list) => list.truncate(how % (list.len() + 1)),
        value => *value = if how.is_multiple_of(3) { json!(null) } else { json!(how % 6 + 1) },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_real_store_did_passes(plan in plan(60)) {
        for (model, f) in [(Model::ListAppend, "append"), (Model::RwRegister, "w")] {
            let finding = judge(model, &run(&plan, f), Consistency::StrictSerializable);
            prop_assert!(
                matches!(finding.verdict, Verdict::Pass | Verdict::NeverExercised),
                "{:?}", finding
            );
        }
    }

    #[test]
    fn lists_that_are_all_read_are_judged_as_by_brute_force(
        plan in plan(6), which in 0..20_usize, how in 0..20_usize,
    ) {
        let mut done = run(&with_last_look(plan), "append");
        let last = done.pop().unwrap();
        change(&mut done, which, how);
        done.push(last);
        for (consistency, in_real_time) in
            [(Consistency::Serializable, false), (Consistency::StrictSerializable, true)]
        {
            let finding = judge(Model::ListAppend, &done, consistency);
            let is_right = brute_force(&done, in_real_time);
            prop_assert_eq!(finding.verdict == Verdict::Pass, is_right, "{:?}", finding);
            prop_assert_eq!(finding.verdict == Verdict::Fail, !is_right, "{:?}", finding);
        }
    }

    #[test]
    fn whatever_fails_has_no_order(plan in plan(7), which in 0..20_usize, how in 0..20_usize) {
        for (model, f) in [(Model::ListAppend, "append"), (Model::RwRegister, "w")] {
            let mut done = run(&plan, f);
            change(&mut done, which, how);
            for (consistency, in_real_time) in
                [(Consistency::Serializable, false), (Consistency::StrictSerializable, true)]
            {
                let finding = judge(model, &done, consistency);
                // Values that nobody wrote may have been there before; the brute force starts empty.
                if finding.verdict == Verdict::Fail {
                    prop_assert!(!brute_force(&done, in_real_time), "{:?}", finding);
                }
            }
        }
    }
}

/// What the crate `adya`, a checker by others, says of a history.
fn by_adya(text: &str, consistency: Consistency) -> adya::Valid {
    let history = adya::History::from_json(text).unwrap();
    let options = adya::Opts { models: vec![consistency.name().into()], ..adya::Opts::default() };
    adya::check(&history, adya::Workload::ListAppend, &options).valid
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_checker_by_others_agrees(
        plan in plan(30), which in 0..60_usize, how in 0..20_usize, sound: bool,
    ) {
        let mut done = run(&plan, "append");
        if !sound {
            change(&mut done, which, how);
        }
        for consistency in Consistency::ALL {
            let ours = judge(Model::ListAppend, &done, consistency);
            let theirs = by_adya(&text(&done), consistency);
            prop_assert_eq!(
                ours.verdict == Verdict::Fail, theirs == adya::Valid::False,
                "{:?}: {:?}, {:?}", consistency, ours, theirs
            );
        }
    }
}

/// Transactions of one client each, one after the other, unless two stand in one list: then they
/// overlap.
fn told(model: Model, groups: &[&[Value]], consistency: Consistency) -> String {
    let mut done = Vec::new();
    for (at, group) in groups.iter().enumerate() {
        for (number, micros) in group.iter().enumerate() {
            let micros = micros.as_array().unwrap().clone();
            let began = at * 100 + number;
            done.push(Done { began, ended: began + 50, micros });
        }
    }
    judge(model, &done, consistency).evidence
}

#[test]
fn anomalies_have_their_names() {
    let list = |groups: &[&[Value]]| told(Model::ListAppend, groups, Consistency::Serializable);
    let write = |value: u32| json!(["append", "x", value]);
    let other = |value: u32| json!(["append", "y", value]);
    let read = |values: Value| json!(["r", "x", values]);
    let read_other = |values: Value| json!(["r", "y", values]);

    // Two transactions overwrote each other.
    let last = json!([read(json!([1, 2])), read_other(json!([2, 1]))]);
    let evidence = list(&[&[json!([write(1), other(1)]), json!([write(2), other(2)])], &[last]]);
    assert!(evidence.starts_with("G0: let T1 be"), "{evidence}");
    // Each saw what the other one did.
    let one = json!([write(1), read_other(json!([1]))]);
    let evidence = list(&[&[one, json!([other(1), read(json!([1]))])]]);
    assert!(evidence.starts_with("G1c: "), "{evidence}");
    // One saw half of the other.
    let one = json!([read(json!([1])), read_other(json!([]))]);
    let evidence = list(&[&[json!([write(1), other(1)]), one]]);
    assert_eq!(
        evidence,
        "G-single: let T1 be [[\"r\",\"x\",[1]],[\"r\",\"y\",[]]] (line 2), T2 be \
         [[\"append\",\"x\",1],[\"append\",\"y\",1]] (line 1). Then T1 < T2 because T1 read key \
         \"y\" before anything was there, and T2 appended 1; yet T2 < T1 because T1 read of key \
         \"x\" the value 1, which T2 appended: a contradiction"
    );
    // Each missed what the other one did.
    let one = json!([write(1), read_other(json!([]))]);
    let evidence = list(&[&[one, json!([other(1), read(json!([]))])]]);
    assert!(evidence.starts_with("G2-item: "), "{evidence}");
    // Half of a transaction.
    let evidence = list(&[&[json!([write(1), write(2)])], &[json!([read(json!([1]))])]]);
    assert_eq!(
        evidence,
        "G1b: line 4 read 1 of key \"x\" last, but its transaction appended more (line 1)"
    );
    let evidence = list(&[&[json!([write(1)])], &[json!([read(json!([7]))])]]);
    assert_eq!(evidence, "phantom: line 4 read 7 of key \"x\", which nobody appended");
    let evidence = list(&[&[json!([read(json!([])), write(1), read(json!([]))])]]);
    assert!(
        evidence.starts_with("internal: the transaction of line 2 read [] of key"),
        "{evidence}"
    );
    let both = [json!([write(1)]), json!([write(2)])];
    let reads = [json!([read(json!([1, 2]))]), json!([read(json!([2, 1]))])];
    assert!(list(&[&both, &reads]).starts_with("incompatible order: of key \"x\", line 8 read 2"));
}

#[test]
fn time_counts_where_it_is_asked_for() {
    let done = [json!(["append", "x", 1])];
    let stale = [json!(["r", "x", []])];
    let groups: &[&[Value]] = &[&[json!(done)], &[json!(stale)]];
    let told = |consistency| told(Model::ListAppend, groups, consistency);
    assert!(told(Consistency::Serializable).ends_with("without a cycle"));
    assert!(told(Consistency::StrongSessionSerializable).ends_with("without a cycle"));
    let evidence = told(Consistency::StrictSerializable);
    assert!(evidence.starts_with("G-single-realtime: "), "{evidence}");
    assert!(evidence.ends_with(
        "yet T2 < T1 because T2 had ended at line 2 when T1 began at line 3: a contradiction"
    ));
}

#[test]
fn what_failed_must_not_be_seen_and_what_is_in_doubt_may_be() {
    let text = |phase: &str, read: &str| {
        format!(
            r#"{{"process":0,"type":"invoke","value":[["append","x",1]]}}
               {{"process":0,"type":"{phase}","value":[["append","x",1]]}}
               {{"process":1,"type":"invoke","value":[["r","x",null]]}}
               {{"process":1,"type":"ok","value":[["r","x",{read}]]}}"#
        )
    };
    let judge = |phase, read| {
        let steps = steps(&text(phase, read)).unwrap();
        Model::ListAppend.judge(&steps, Consistency::default(), &mut Budget::default()).unwrap()
    };
    assert_eq!(judge("info", "[1]").verdict, Verdict::Pass);
    assert_eq!(judge("info", "[]").verdict, Verdict::Pass);
    assert_eq!(judge("fail", "[]").verdict, Verdict::Pass);
    assert_eq!(
        judge("fail", "[1]").evidence,
        "G1a: line 4 read 1 of key \"x\", which a transaction appended that failed (line 1)"
    );
}

#[test]
fn a_value_that_was_written_twice_leaves_the_question_open() {
    let micros = [json!([["w", "x", 1]])];
    let groups: &[&[Value]] = &[&micros, &micros];
    let evidence = told(Model::RwRegister, groups, Consistency::default());
    assert!(evidence.starts_with("1 is written to \"x\" at line 1 and again at line 3"));
}

#[test]
fn a_lost_update_of_a_register_is_found() {
    let update = |value: u32| json!([["r", "x", null], ["w", "x", value]]);
    let groups: &[&[Value]] = &[&[update(1), update(2)]];
    let evidence = told(Model::RwRegister, groups, Consistency::Serializable);
    assert!(evidence.starts_with("G2-item: "), "{evidence}");
}
