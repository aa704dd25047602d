//! Random markets against a simple ledger of their own: a list of lots, a few sums, and a list of
//! answers. It shares no code with the kernel, and says itself what may be answered.

#[path = "../common/mod.rs"]
mod common;
mod ledger;

use clocks::{LamportClock, Stamp, VectorClock};
use common::{TRADER, good, kernel, request};
use ledger::Model;
use machine::NodeId;
use market::{
    Act, Command, Entry, HoldId, Kernel, LotId, Money, Offer, Order, Outcome, Request, SellerChoice,
};
use proptest::prelude::*;

const GOODS: [&str; 3] = ["boar", "fish", "salt"];
const PARTIES: u64 = 4;

/// One step of a random run.
#[derive(Debug, Clone)]
enum Step {
    /// A new request.
    Ask { party: u64, command: Command },
    /// An earlier request once more, counted backwards.
    Repeat { back: usize },
    /// Another command under an earlier request's id.
    Abuse { back: usize, command: Command },
    /// The party has its answers to all but its last few requests.
    Acknowledge { party: u64, but: u64 },
    /// The party begins a new life.
    Restart { party: u64 },
    /// Silent sessions are closed.
    Expire { idle_ms: u64 },
    /// Carts whose time is over are ended.
    EndHolds,
}

fn command() -> impl Strategy<Value = Command> {
    let lamport = (0..5_u64).prop_map(|count| Stamp::Lamport(LamportClock(count)));
    let vector = prop::collection::vec(0..3_u32, 3).prop_map(|counts| {
        let mut clock = VectorClock::new();
        for (node, count) in (0..).zip(counts) {
            (0..count).for_each(|_| clock.tick(NodeId(node)));
        }
        Stamp::Vector(clock)
    });
    let stamp = prop_oneof![lamport, vector];
    let name = prop::sample::select(&GOODS[..]).prop_map(good);
    let deposit = (name.clone(), 0..6_u32, 0..40_u64, prop::option::of(stamp));
    let order = (name, 0..9_u32, prop::option::of(0..40_u64), any::<bool>());
    let order = order.prop_map(|(good, quantity, limit, partial)| Order {
        good,
        quantity,
        limit: limit.map(Money),
        partial,
    });
    let hold = (order.clone(), 0..50_u64);
    let cart = (0..20_u64).prop_map(HoldId);
    prop_oneof![
        4 => deposit.prop_map(|(good, quantity, unit_price, stamp)| {
            Command::Deposit(Offer { good, quantity, unit_price: Money(unit_price), stamp })
        }),
        6 => order.prop_map(Command::Buy),
        3 => hold.prop_map(|(order, for_ms)| Command::Hold { order, for_ms }),
        3 => cart.clone().prop_map(|hold| Command::Claim { hold }),
        1 => cart.prop_map(|hold| Command::Void { hold }),
        1 => (0..20_u64).prop_map(|lot| Command::Withdraw { lot: LotId(lot) }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let party = 0..PARTIES;
    prop_oneof![
        20 => (party.clone(), command()).prop_map(|(party, command)| Step::Ask { party, command }),
        5 => (0..12_usize).prop_map(|back| Step::Repeat { back }),
        2 => (0..12_usize, command()).prop_map(|(back, command)| Step::Abuse { back, command }),
        2 => (party.clone(), 0..4_u64).prop_map(|(party, but)| Step::Acknowledge { party, but }),
        1 => party.prop_map(|party| Step::Restart { party }),
        1 => (0..60_u64).prop_map(|idle_ms| Step::Expire { idle_ms }),
        1 => Just(Step::EndHolds),
    ]
}

fn choice() -> impl Strategy<Value = SellerChoice> {
    use SellerChoice::{Cheapest, Lamport, Oldest, Random, Vector};
    prop::sample::select(vec![Oldest, Cheapest, Random, Lamport, Vector])
}

/// Turns steps into entries as clients would make them, and judges every answer.
fn run(choice: SellerChoice, basis_points: u16, steps: Vec<(Step, u64)>) -> (Kernel, Vec<Entry>) {
    let mut kernel = kernel(basis_points, choice);
    let mut model = Model::new(choice, basis_points);
    let mut lives = [0; PARTIES as usize];
    let mut acknowledged = [0; PARTIES as usize];
    let (mut sent, mut entries) = (Vec::<Request>::new(), Vec::new());
    for ((step, draw), number) in steps.into_iter().zip(1..) {
        let earlier = |back: usize| sent.len().checked_sub(back + 1).map(|at| sent[at].clone());
        let request = match step {
            Step::Ask { party, command } => {
                let at = party as usize;
                let answered_below = acknowledged[at];
                Some(Request { answered_below, ..request(party, lives[at], number, command) })
            }
            Step::Repeat { back } => earlier(back),
            Step::Abuse { back, command } => earlier(back).map(|old| Request { command, ..old }),
            Step::Acknowledge { party, but } => {
                acknowledged[party as usize] = number.saturating_sub(but);
                continue;
            }
            Step::Restart { party } => {
                lives[party as usize] += 1;
                Some(request(party, lives[party as usize], number, Command::Open))
            }
            Step::EndHolds => {
                let entry = Entry { at_ms: number, trader: TRADER, draw, act: Act::EndHolds };
                let ended = model.end_holds(number);
                let outcome = kernel.apply(&entry).outcome;
                assert_eq!(outcome, Outcome::HoldsEnded(ended));
                model.compare(&kernel);
                if outcome.changes_the_market() {
                    entries.push(entry);
                }
                continue;
            }
            Step::Expire { idle_ms } => {
                let act = Act::ExpireSessions { idle_ms };
                let entry = Entry { at_ms: number, trader: TRADER, draw, act };
                let sessions = model.expire(idle_ms, number);
                let outcome = kernel.apply(&entry).outcome;
                assert_eq!(outcome, Outcome::Expired { sessions });
                if outcome.changes_the_market() {
                    entries.push(entry);
                }
                continue;
            }
        };
        let Some(request) = request else { continue };
        let act = Act::Request(request.clone());
        let entry = Entry { at_ms: number, trader: TRADER, draw, act };
        let applied = kernel.apply(&entry);
        model.judge(&request, applied.repeated, &applied.outcome, number);
        model.compare(&kernel);
        // What changes nothing need not be kept: a replay without it must give the same market.
        if applied.outcome.changes_the_market() {
            entries.push(entry);
        }
        sent.push(request);
    }
    (kernel, entries)
}

/// Steps with a draw each. Every party opens its session first.
fn steps() -> impl Strategy<Value = Vec<(Step, u64)>> {
    let opening = (0..PARTIES).map(|party| (Step::Restart { party }, 0)).collect::<Vec<_>>();
    prop::collection::vec((step(), any::<u64>()), 0..120)
        .prop_map(move |steps| [opening.clone(), steps].concat())
}

proptest! {
    #[test]
    fn a_market_keeps_the_books_of_a_simple_ledger(
        choice in choice(),
        basis_points in prop_oneof![Just(1_000), Just(2_000), 0..=10_000_u16],
        steps in steps(),
    ) {
        let (kernel, entries) = run(choice, basis_points, steps);

        let mut replayed = common::kernel(basis_points, choice);
        for entry in &entries {
            let bytes = postcard::to_allocvec(entry).unwrap();
            replayed.apply(&postcard::from_bytes(&bytes).unwrap());
        }
        prop_assert_eq!(&replayed, &kernel);

        let mut restored = Kernel::from_bytes(&kernel.to_bytes()).unwrap();
        prop_assert_eq!(&restored, &kernel);
        // A restored market goes on as the old one would.
        let mut kernel = kernel;
        for entry in &entries {
            prop_assert_eq!(restored.apply(entry), kernel.apply(entry));
        }
        prop_assert_eq!(restored, kernel);
    }
}
