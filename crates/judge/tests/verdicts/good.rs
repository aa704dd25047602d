//! Runs that keep every promise pass, whatever happened in them.

use judge::{Ruling, RunFiles, judge};
use market::{Command, LotId};
use proptest::prelude::*;
use view::{Verdict, What, history};

use crate::world::{World, buy, deposit, finding, good_run};

#[test]
fn a_good_run_passes_in_every_property() {
    let run = good_run();
    let judgement = judge(&run);
    let said: Vec<String> = judgement.findings.iter().map(ToString::to_string).collect();
    let expected = [
        "pass: the history is well formed: operations: 11, lines: 22",
        "pass: no over-selling: confirmed buys: 4, goods: 3",
        "pass: exactly once: requests carried out: 7, asked again in vain: 1, clients that came back: 2",
        "pass: sales fit their orders: sales: 4",
        "pass: confirmed sales survive: confirmed sales: 4, all in the final market; buys in \
         doubt: 1",
        "pass: money adds up: receipts: 7; 104 paid = 93 earned + 11 kept",
        "pass: goods are conserved: 17 deposited = 14 shipped + 3 withdrawn + 0 left",
        "pass: no refusal was false: refusals for want of goods: 2",
        "pass: the stock is linearizable: operations: 11, goods: 3, each in one order that explains \
         every answer",
        "pass: one leader an epoch: epochs: 3, each won once",
        "pass: one leader at the end: nodes that follow epoch 3.3: 4",
        "pass: clocks respect causality: stamps: 67, steps from node to node: 28",
        "pass: every request is answered: answered: 10; on their way when their client or the run \
         ended: 1",
        "never exercised: who comes back goes on: nobody had a deposit or a withdrawal under way \
         when it crashed",
    ];
    assert_eq!(said, expected);
    assert_eq!((judgement.verdict, judgement.oversold, judgement.undersold), (Verdict::Pass, 0, 0));
}

#[test]
fn what_nothing_exercised_is_said_to_be_so() {
    let judgement =
        judge(&RunFiles { market: World::new().finish().market, ..RunFiles::default() });
    assert_eq!(judgement.verdict, Verdict::Pass);
    for finding in judgement.findings {
        assert_eq!(finding.ruling, Ruling::NeverExercised, "{finding}");
    }
}

#[test]
fn without_the_final_market_what_it_alone_can_show_is_unknown() {
    let run = RunFiles { market: None, ..good_run() };
    assert_eq!(judge(&run).verdict, Verdict::Unknown);
    for property in ["confirmed sales survive", "money adds up", "goods are conserved"] {
        assert_eq!(finding(&run, property).ruling, Ruling::Unknown, "{property}");
    }
}

/// What can happen to a request.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Answered,
    /// The trader dies after it wrote the request down and before it told anybody; the client asks
    /// its successor.
    TraderDies,
    /// The same, and the client asks no more.
    Forgotten,
    /// The request is lost, and the client asks no more.
    Lost,
    /// The answer is lost, and the client asks no more.
    AnswerLost,
    /// The session is gone, and the client gives up.
    Abandoned,
}

fn commands() -> impl Strategy<Value = Command> {
    let name = prop::sample::select(vec!["fish", "salt"]);
    prop_oneof![
        3 => (name.clone(), 1..6_u32).prop_map(|(name, quantity)| buy(name, quantity)),
        2 => (name, 1..9_u32, 0..30_u64)
            .prop_map(|(name, quantity, price)| deposit(name, quantity, price)),
        1 => (1..6_u64).prop_map(|lot| Command::Withdraw { lot: LotId(lot) }),
    ]
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        10 => Just(Fate::Answered),
        1 => Just(Fate::TraderDies),
        1 => Just(Fate::Forgotten),
        1 => Just(Fate::Lost),
        1 => Just(Fate::AnswerLost),
        1 => Just(Fate::Abandoned),
    ]
}

/// The request goes its way.
fn go(world: &mut World, node: u32, command: Command, fate: Fate) {
    let request = world.request(node, command);
    // A withdrawal that is refused is nothing that a trader tells of.
    if matches!(request.command, Command::Withdraw { .. }) {
        let before = world.kernel.clone();
        let outcome = world.apply(&request).outcome;
        world.kernel = before;
        if matches!(outcome, market::Outcome::Refused(_)) {
            return;
        }
    }
    world.ask(node, &request);
    let successor = world.epoch.node.0 % 4 + 1;
    match fate {
        Fate::Answered => {
            let outcome = world.serve(node, &request);
            world.answer(node, &request, outcome);
        }
        Fate::TraderDies if node != world.epoch.node.0 => {
            world.apply(&request);
            world.fail_over(successor);
            let outcome = world.serve(node, &request);
            world.answer(node, &request, outcome);
        }
        Fate::TraderDies | Fate::Forgotten => {
            world.under_way.push((node, request.clone()));
            world.apply(&request);
            world.fail_over(successor);
        }
        Fate::Lost => world.under_way.push((node, request)),
        Fate::AnswerLost => drop(world.serve(node, &request)),
        Fate::Abandoned => {
            world.apply(&request);
            let operation = (&request.command).into();
            world.happen(node, What::Abandoned { request: request.id, operation });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn a_market_that_keeps_its_promises_is_never_accused(
        steps in prop::collection::vec((1..=4_u32, commands(), fates()), 0..60),
    ) {
        let mut world = World::new();
        for (node, command, fate) in steps {
            go(&mut world, node, command, fate);
        }
        let judgement = judge(&world.finish());
        prop_assert_eq!(judgement.violations(), Vec::<String>::new());
        prop_assert_eq!((judgement.oversold, judgement.undersold), (0, 0));
    }

    /// Events that never came, came twice, or came in another order.
    #[test]
    fn no_record_whatever_stops_the_judge(
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..80),
        keep_market: bool,
    ) {
        let mut run = good_run();
        run.events = picks.iter().map(|pick| pick.get(&run.events).clone()).collect();
        run.history = history::from_events(&run.events);
        run.market = run.market.filter(|_| keep_market);
        let judgement = judge(&run);
        prop_assert_eq!(judgement.findings.len(), 14);
    }

    /// Reading what was written gives the same history, and the same verdict over it.
    #[test]
    fn a_history_round_trips(
        steps in prop::collection::vec((1..=4_u32, commands(), fates()), 0..30),
    ) {
        let mut world = World::new();
        for (node, command, fate) in steps {
            go(&mut world, node, command, fate);
        }
        let told = world.finish().history;
        let mut bytes = Vec::new();
        history::write(&mut bytes, &told).unwrap();
        let read = history::read(&bytes[..]).unwrap();
        prop_assert_eq!(&read, &told);
        prop_assert_eq!(judge::judge_history(&read).violations(), Vec::<String>::new());
    }
}
