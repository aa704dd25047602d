//! The search beside one that tries every order, and histories whose verdict is known by the way in
//! which they were made.

#![allow(clippy::unwrap_used, reason = "the functions that tests share")]

use checker::linearizable::{Found, Model, Timed, explains, linearize};
use checker::models::register::{Call, Register};
use checker::models::stock::{self, Stock};
use checker::{Budget, RanOut};
use proptest::prelude::*;
use serde_json::json;

/// Whether some order explains all answers: every order is tried.
fn brute_force<M: Model>(model: &M, calls: &[Timed<M::Call>]) -> bool {
    fn go<M: Model>(
        model: &M,
        state: &M::State,
        calls: &[Timed<M::Call>],
        left: &mut Vec<usize>,
    ) -> bool {
        if left.iter().all(|call| calls[*call].ended.is_none()) {
            return true;
        }
        for at in 0..left.len() {
            let call = left[at];
            let must_wait = left
                .iter()
                .any(|other| calls[*other].ended.is_some_and(|ended| ended < calls[call].began));
            if must_wait {
                continue;
            }
            if let Some(next) = model.apply(state, &calls[call].call) {
                left.remove(at);
                let works = go(model, &next, calls, left);
                left.insert(at, call);
                if works {
                    return true;
                }
            }
        }
        false
    }
    go(model, &model.initial(), calls, &mut (0..calls.len()).collect())
}

/// The same by the definition: an order that is told is one that the brute force could have found.
fn is_order<M: Model>(model: &M, calls: &[Timed<M::Call>], order: &[usize]) -> bool {
    let mut state = model.initial();
    for (at, call) in order.iter().enumerate() {
        let Some(next) = model.apply(&state, &calls[*call].call) else { return false };
        state = next;
        let later = &order[at + 1..];
        if later.iter().any(|other| {
            other == call || calls[*other].ended.is_some_and(|ended| ended < calls[*call].began)
        }) {
            return false;
        }
    }
    (0..calls.len()).all(|call| calls[call].ended.is_none() || order.contains(&call))
}

/// The same verdict as the brute force, with evidence that holds.
fn agree<M: Model>(model: &M, calls: &[Timed<M::Call>]) -> Result<(), TestCaseError>
where
    M::State: std::fmt::Debug,
    M::Call: Clone,
{
    let truth = brute_force(model, calls);
    match linearize(model, calls, &mut Budget::default()) {
        Found::Order(None) => prop_assert!(false, "small histories need no second search"),
        Found::Order(Some(order)) => {
            prop_assert!(truth, "an order was found where there is none: {:?}", order);
            prop_assert!(explains(model, calls, &order), "{:?} is no proof", order);
        }
        Found::Contradiction(why) => {
            prop_assert!(!truth, "an order was not found");
            let end = calls[why.call].ended.unwrap();
            let prefix = |until: usize| -> Vec<_> {
                let began = calls.iter().filter(|call| call.began < until);
                let cut = |call: &Timed<M::Call>| Timed {
                    call: call.call.clone(),
                    began: call.began,
                    ended: call.ended.filter(|ended| *ended < until),
                };
                began.map(cut).collect()
            };
            prop_assert!(!brute_force(model, &prefix(end + 1)), "the prefix has an order");
            prop_assert!(brute_force(model, &prefix(end)), "a smaller prefix has none");
            let (order, _) = why.told.unwrap();
            let known: Vec<_> = order.iter().filter(|call| calls[**call].began < end).collect();
            prop_assert_eq!(known.len(), order.len());
        }
        Found::GaveUp { .. } => prop_assert!(false, "small histories need no budget"),
    }
    Ok(())
}

/// Calls at random times: `spans` gives when each begins, how long it takes, and whether its end is
/// known.
fn timed<C>(calls: Vec<(C, usize, usize, bool)>) -> Vec<Timed<C>> {
    let count = calls.len();
    let numbered = calls.into_iter().enumerate();
    // No two times are the same.
    let time = |moment: usize, number: usize, half: usize| (moment * count + number) * 2 + half;
    numbered
        .map(|(number, (call, begin, lasts, is_known))| Timed {
            call,
            began: time(begin, number, 0),
            ended: is_known.then(|| time(begin + lasts, number, 1)),
        })
        .collect()
}

fn of_register() -> impl Strategy<Value = Call> {
    let value = || (0..3).prop_map(|value| if value == 0 { json!(null) } else { json!(value) });
    prop_oneof![
        value().prop_map(Call::Read),
        value().prop_map(Call::Write),
        (value(), value()).prop_map(|(from, to)| Call::CompareAndSet(from, to)),
    ]
}

fn of_stock() -> impl Strategy<Value = stock::Call> {
    prop_oneof![
        (1..4_u64).prop_map(stock::Call::Add),
        (1..4_u64).prop_map(stock::Call::Take),
        (1..4_u64).prop_map(stock::Call::Refuse),
    ]
}

fn calls<C: std::fmt::Debug>(
    call: impl Strategy<Value = C>,
) -> impl Strategy<Value = Vec<Timed<C>>> {
    let one = (call, 0..12_usize, 0..6_usize, prop::bool::weighted(0.85));
    prop::collection::vec(one, 0..8).prop_map(timed)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_register_is_judged_as_by_brute_force(calls in calls(of_register())) {
        agree(&Register, &calls)?;
    }

    #[test]
    fn a_stock_is_judged_as_by_brute_force(calls in calls(of_stock())) {
        agree(&Stock, &calls)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_order_explains_or_does_not_by_the_definition(
        calls in calls(of_stock()), order in Just((0..8_usize).collect::<Vec<_>>()).prop_shuffle(),
        known in 0..9_usize,
    ) {
        let order: Vec<_> = order.into_iter().filter(|call| *call < calls.len()).take(known).collect();
        prop_assert_eq!(explains(&Stock, &calls, &order), is_order(&Stock, &calls, &order));
    }
}

/// A history of clients of one real register: each call takes effect at one moment of its span.
/// `script` gives for each call: which client, what it wants, and when it goes on.
fn of_real_register(script: &[(usize, u8, u8, u8)]) -> Vec<Timed<Call>> {
    let (mut time, mut value) = (0, json!(null));
    let mut calls: Vec<Timed<Call>> = Vec::new();
    let mut under_way: [Option<(usize, u8, u8, bool)>; 4] = [None; 4];
    for (client, what, argument, turn) in script {
        time += 1;
        let client = client % 4;
        match under_way[client].take() {
            None => {
                calls.push(Timed { call: Call::Read(json!(null)), began: time, ended: None });
                under_way[client] = Some((calls.len() - 1, *what, *argument, false));
            }
            // It happens now.
            Some((call, what, argument, false)) => {
                let argument = json!(argument % 3 + 1);
                calls[call].call = match what % 3 {
                    0 => Call::Read(value.clone()),
                    1 => {
                        value = argument.clone();
                        Call::Write(argument)
                    }
                    _ => {
                        let from = std::mem::replace(&mut value, argument.clone());
                        Call::CompareAndSet(from, argument)
                    }
                };
                under_way[client] = Some((call, what, *turn, true));
            }
            // Its answer comes, now and then never.
            Some((call, ..)) => calls[call].ended = (turn % 8 > 0).then_some(time),
        }
    }
    // What had not happened when all ended tells nothing.
    for open in under_way.into_iter().flatten().filter(|(.., happened)| !happened) {
        calls[open.0].call = Call::Write(json!(null));
    }
    calls
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_real_register_did_passes_and_what_it_did_not_fails(
        script in prop::collection::vec((0..4_usize, 0..9_u8, 0..9_u8, 0..64_u8), 0..400),
        changed in 0..400_usize,
    ) {
        let mut history = of_real_register(&script);
        let found = linearize(&Register, &history, &mut Budget::default());
        prop_assert!(matches!(&found, Found::Order(Some(order)) if explains(&Register, &history, order)));
        // A value that nobody ever wrote.
        let reads = history.iter_mut().filter(|call| {
            matches!(call.call, Call::Read(_)) && call.ended.is_some()
        });
        let mut reads: Vec<_> = reads.collect();
        if let Some(count) = (!reads.is_empty()).then_some(reads.len()) {
            reads[changed % count].call = Call::Read(json!(99));
            let found = linearize(&Register, &history, &mut Budget::default());
            let is_found = matches!(
                found,
                Found::Contradiction(why) if history[why.call].call == Call::Read(json!(99))
            );
            prop_assert!(is_found);
        }
    }

    #[test]
    fn a_small_history_of_a_real_register_with_one_change_is_judged_as_by_brute_force(
        script in prop::collection::vec((0..4_usize, 0..9_u8, 0..9_u8, 0..64_u8), 0..24),
        changed in 0..24_usize,
        value in 0..4_u8,
    ) {
        let mut history = of_real_register(&script);
        if let Some(count) = (!history.is_empty()).then_some(history.len()) {
            history[changed % count].call = Call::Read(json!(value));
        }
        agree(&Register, &history)?;
    }
}

#[test]
fn a_budget_that_runs_out_is_said() {
    // Twenty writes of different values at once, and a read of a value that none of them wrote.
    let write = |number: usize| Timed {
        call: Call::Write(json!(number)),
        began: number,
        ended: Some(100 + number),
    };
    let mut calls: Vec<_> = (0..20).map(write).collect();
    calls.push(Timed { call: Call::Read(json!("else")), began: 50, ended: Some(60) });
    calls.sort_by_key(|call| call.began);
    let found = linearize(&Register, &calls, &mut Budget::new(60, 1 << 20));
    let Found::GaveUp { ran_out, furthest } = found else {
        panic!("{found:?}");
    };
    assert_eq!((ran_out, furthest), (RanOut::Bytes(1 << 20), Some(20)));
    let found = linearize(&Register, &calls, &mut Budget::new(0, 1 << 20));
    assert!(matches!(found, Found::GaveUp { ran_out: RanOut::Seconds(0), .. }), "{found:?}");
}
