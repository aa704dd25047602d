//! A large history: what 64 clients did to the stock of a market, 100,000 operations. The test
//! prints what its judgement took (`cargo test --release -p checker --test large -- --nocapture`).

#![allow(clippy::panic, reason = "the functions that tests share")]

use std::time::Instant;

use checker::Budget;
use checker::linearizable::{Found, Span, Timed, explains, linearize, timed};
use checker::models::stock::{Call, Stock};

const CLIENTS: usize = 64;
const OPERATIONS: usize = 100_000;

/// A sequence that looks random and is always the same (splitmix64).
struct Draws(u64);

impl Draws {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % bound
    }
}

/// What a client is at.
#[derive(Clone, Copy)]
enum At {
    Rest,
    Asked,
    Served,
}

/// The history of a real stock, with all clients busy at all times; one answer in `lost_one_in` never
/// comes.
fn history(goods: u64, lost_one_in: u64) -> Vec<Vec<Timed<Call>>> {
    let mut draws = Draws(7);
    let mut stock = vec![0_u64; goods as usize];
    let mut spans: Vec<Vec<Span<Call>>> = vec![Vec::new(); goods as usize];
    let mut clients = [(At::Rest, 0, 0); CLIENTS];
    let (mut asked, mut now) = (0, 0);
    while asked < OPERATIONS {
        now += 1;
        let (at, good, number) = &mut clients[draws.below(CLIENTS as u64) as usize];
        match at {
            At::Rest => {
                *good = draws.below(goods) as usize;
                *number = spans[*good].len();
                spans[*good].push(Span { call: Call::Refuse(0), began: now, ended: None });
                asked += 1;
                *at = At::Asked;
            }
            At::Asked => {
                let units = draws.below(5) + 1;
                let left = &mut stock[*good];
                spans[*good][*number].call = match draws.below(100) {
                    0..40 => {
                        *left += units;
                        Call::Add(units)
                    }
                    _ if *left < units => Call::Refuse(units),
                    _ => {
                        *left -= units;
                        Call::Take(units)
                    }
                };
                *at = At::Served;
            }
            At::Served => {
                let is_lost = draws.below(lost_one_in) == 0;
                spans[*good][*number].ended = (!is_lost).then_some(now);
                *at = At::Rest;
            }
        }
    }
    // A question that was not served, or a refusal that nobody heard, tells nothing.
    let told = |span: &Span<Call>| span.ended.is_some() || !matches!(span.call, Call::Refuse(_));
    spans.into_iter().map(|of_good| timed(of_good.into_iter().filter(told).collect())).collect()
}

/// The most memory that this process ever had, in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .map_or(0, |kib| kib / 1024)
}

fn judge(goods: u64, lost_one_in: u64) {
    let histories = history(goods, lost_one_in);
    let operations: usize = histories.iter().map(Vec::len).sum();
    let began = Instant::now();
    // A budget of memory below what is promised, and no end of time: none is asserted here.
    let mut budget = Budget::new(u64::MAX, 512 << 20);
    for calls in &histories {
        match linearize(&Stock, calls, &mut budget) {
            Found::Order(Some(order)) => assert!(explains(&Stock, calls, &order)),
            other => panic!("a real stock has an order: {other:?}"),
        }
    }
    println!(
        "{operations} operations of {CLIENTS} clients on {goods} goods, one answer in {lost_one_in} \
         lost: {:.2} s, {} MiB at most so far",
        began.elapsed().as_secs_f64(),
        peak_mib()
    );
}

#[test]
fn one_wrong_answer_in_a_long_history_is_found() {
    // Some four clients at a time are busy with one of sixteen goods.
    let mut calls = history(16, u64::MAX).remove(0);
    let late = calls.len() / 2..calls.len();
    let sold = late.into_iter().find(|at| matches!(calls[*at].call, Call::Take(5)));
    let sold = sold.unwrap_or_default();
    let mut units = 0;
    // There were many more than five at any time near it.
    for call in &mut calls {
        if let Call::Add(more) = &mut call.call
            && units < 1000
        {
            *more += 100;
            units += 100;
        }
        call.call = match call.call {
            Call::Refuse(_) => Call::Refuse(u64::MAX),
            ref call => call.clone(),
        };
    }
    calls[sold].call = Call::Refuse(1);
    match linearize(&Stock, &calls, &mut Budget::new(u64::MAX, 512 << 20)) {
        Found::Contradiction(why) => assert_eq!(why.call, sold),
        other => panic!("a full shelf is no reason for a refusal: {other:?}"),
    }
}

#[test]
fn a_hundred_thousand_operations_have_an_order() {
    judge(16, 1000);
    judge(4, 1000);
    judge(1, 1000);
    judge(1, u64::MAX);
}
