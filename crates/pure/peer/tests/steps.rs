//! One input, exact effects: a peer that takes over the market, serves, and is deposed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use std::time::Duration;

use groupcast::leadership::{self, First, Initiator};
use groupcast::membership;
use machine::{After, Context, Effect, Epoch, Input, Instant, Journal, Machine, NodeId, Random};
use market::{
    ClientId, Command, Good, Kernel, Money, Offer, Order, Outcome, Party, Receipt, Refusal,
    Request, RequestId, Rules, SellerChoice,
};
use peer::{
    AnyPeer, Body, BuyerSettings, Message, OrderPolicy, Pause, Range, Record, Role, SellerSettings,
    Settings, Snapshot, Trade, TraderSettings, What,
};

const OPENED: Outcome = Outcome::Opened { purchases: 0 };
const ME: NodeId = NodeId(2);
const CLIENT: NodeId = NodeId(1);
const BUYER: NodeId = NodeId(4);
const EPOCH: Epoch = Epoch { counter: 1, node: ME };

fn settings(role: Role) -> Settings {
    let millis = Duration::from_millis;
    let rules = Rules { commission_basis_points: 1000, choice: SellerChoice::Oldest };
    Settings {
        membership: membership::Settings {
            me: ME,
            directory: NodeId(0),
            address: "here".into(),
            period: millis(1000),
        },
        leadership: leadership::Settings {
            me: ME,
            // A group of one needs no other's promise.
            voters: [ME].into(),
            heartbeat_period: millis(100),
            heartbeat_limit: millis(500),
            answer_limit: millis(100),
            resend: millis(100),
            initiator: Initiator::Every,
            first: First::Elected,
            bar: groupcast::leadership::Bar::Resigned,
        },
        goods: vec![fish()],
        role,
        buyer: BuyerSettings {
            quantity: Range { min: 1, max: 1 },
            limit: None,
            partial: false,
            think: Range { min: millis(5), max: millis(5) },
            buy_probability: 0.0,
            purchases: 0,
            pause: None,
            retry_other_good: false,
            leave_when_done: false,
            carts: None,
        },
        seller: SellerSettings {
            stock: Range { min: 3, max: 3 },
            price: Range { min: 10, max: 10 },
            restock_at_zero: true,
            accrue_goods: 0,
            accrue_every: Duration::ZERO,
            update_probability: 0.0,
            update_every: Duration::ZERO,
            inquire_every: Duration::ZERO,
            withdraw_when_leaving: true,
        },
        trader: TraderSettings {
            founding: Kernel::new(rules).unwrap(),
            order: OrderPolicy::Arrival,
            resign_probability: 0.0,
            resign_quantum: Duration::ZERO,
            resign_after_sales: 0,
            snapshot_every: 3,
            pending_max: 2,
            session_idle: millis(60_000),
            holds_carts: true,
        },
        return_as_random: false,
        resend: millis(100),
    }
}

fn fish() -> Good {
    Good::new("fish").unwrap()
}

/// A peer and the effects of each input.
struct Bench {
    peer: AnyPeer,
    random: Random,
}

impl Bench {
    fn new(role: Role) -> Self {
        Self { peer: AnyPeer::common(settings(role)), random: Random::from_seed(1) }
    }

    fn step(&mut self, input: Input<AnyPeer>) -> Vec<Effect<AnyPeer>> {
        let mut effects = Vec::new();
        let now = Instant::from_nanos(7_000_000);
        self.peer.handle(input, &mut Context::new(now, &mut self.random, &mut effects));
        self.peer.check().unwrap();
        effects
    }

    /// Elected, and given a market that nobody has used yet.
    fn trading() -> Self {
        let mut bench = Self::new(Role { buys: false, sells: false });
        bench.step(Input::Start);
        let won = bench.step(Input::Alarm(patience()));
        assert!(won.iter().any(|effect| matches!(effect, Effect::Claim(EPOCH))), "{won:?}");
        bench
    }

    fn ask(&mut self, number: u64, command: Command) -> Vec<Effect<AnyPeer>> {
        self.ask_as(CLIENT, number, command)
    }

    fn ask_as(&mut self, from: NodeId, number: u64, command: Command) -> Vec<Effect<AnyPeer>> {
        let client = ClientId { party: Party(from.0.into()), life: 1 };
        let id = RequestId { client, number };
        let body = Body::Request(Request { id, answered_below: 0, command });
        self.step(Input::Message { from, body: Message::Trade(Trade { clock: None, body }) })
    }
}

/// The alarm that starts an election when nobody leads.
fn patience() -> <AnyPeer as Machine>::Alarm {
    let mut bench = Bench::new(Role { buys: false, sells: false });
    let started = bench.step(Input::Start);
    alarm(&started, "Patience").unwrap()
}

/// The alarm of this name that some effects set.
fn alarm(effects: &[Effect<AnyPeer>], name: &str) -> Option<<AnyPeer as Machine>::Alarm> {
    let mut alarms = effects.iter().filter_map(|effect| match effect {
        Effect::Set { alarm, .. } if format!("{alarm:?}").contains(name) => Some(*alarm),
        _ => None,
    });
    alarms.next()
}

fn deposit() -> Command {
    let (good, unit_price) = (fish(), Money(10));
    Command::Deposit(Offer { good, quantity: 5, unit_price, stamp: None })
}

fn buy() -> Command {
    Command::Buy(Order { good: fish(), quantity: 2, limit: None, partial: false })
}

/// The answers in some effects.
fn answers(effects: &[Effect<AnyPeer>]) -> Vec<&Outcome> {
    let answers = effects.iter().filter_map(|effect| match effect {
        Effect::Send {
            body: Message::Trade(Trade { body: Body::Answer { outcome, .. }, .. }),
            ..
        } => Some(outcome),
        _ => None,
    });
    answers.collect()
}

#[test]
fn a_life_begins_with_a_snapshot_of_its_own() {
    let mut bench = Bench::new(Role { buys: true, sells: true });
    let effects = bench.step(Input::Start);
    assert!(
        matches!(
            &effects[0],
            Effect::Snapshot { journal: Journal::Own, snapshot: Snapshot::Own(own) }
                if own.incarnation.0 == 1
        ),
        "nothing leaves before the life is on record: {effects:?}"
    );
}

#[test]
fn what_waited_while_the_market_was_taken_over_is_served_first_and_the_rest_is_left() {
    let mut bench = Bench::trading();
    for (number, command) in [(0, Command::Open), (1, deposit())] {
        assert!(bench.ask(number, command).is_empty(), "it waits");
    }
    let full = bench.ask(2, buy());
    assert!(matches!(
        &full[..],
        [Effect::Report { report, .. }] if matches!(report.what, What::Overflow { value: 2, .. })
    ));
    let effects = bench.step(Input::Claimed(EPOCH));
    assert!(matches!(&effects[0], Effect::Snapshot { journal: Journal::Common, .. }));
    let outcomes = answers(&effects);
    assert!(
        matches!(outcomes[..], [Outcome::Opened { .. }, Outcome::Deposited { .. }]),
        "{effects:?}"
    );
}

#[test]
fn an_answer_stands_behind_its_record_and_rests_on_it() {
    let mut bench = Bench::trading();
    bench.step(Input::Claimed(EPOCH));
    bench.ask(0, Command::Open);
    bench.ask_as(BUYER, 0, Command::Open);
    bench.ask(1, deposit());
    let effects = bench.ask_as(BUYER, 1, buy());
    let persisted = effects.iter().position(|effect| {
        matches!(effect, Effect::Persist { journal: Journal::Common, record: Record::Entry(_) })
    });
    let answered = effects.iter().position(|effect| {
        matches!(effect, Effect::Send { after: After::All, body: Message::Trade(trade), .. }
            if matches!(trade.body, Body::Answer { outcome: Outcome::Bought(_), .. }))
    });
    let reported = effects.iter().position(|effect| {
        matches!(effect, Effect::Report { after: After::All, report }
            if matches!(report.what, What::Sold { .. }))
    });
    assert!(persisted.unwrap() < answered.unwrap(), "{effects:?}");
    assert!(persisted.unwrap() < reported.unwrap(), "{effects:?}");
    // Asked again: the first answer again, and no second notice to the seller.
    let again = bench.ask_as(BUYER, 1, buy());
    assert_eq!(answers(&again), answers(&effects));
    let sends = again.iter().filter(|effect| matches!(effect, Effect::Send { .. })).count();
    assert_eq!(sends, 1, "{again:?}");
}

#[test]
fn a_peer_that_omits_requests_does_all_else_as_ever() {
    let after = |omits: bool| {
        let mut bench = Bench::new(Role { buys: false, sells: false });
        if omits {
            bench.peer.omit_requests();
        }
        let mut effects = bench.step(Input::Start);
        effects.extend(bench.step(Input::Alarm(patience())));
        effects.extend(bench.step(Input::Claimed(EPOCH)));
        for (number, command) in [(0, Command::Open), (1, deposit()), (2, buy())] {
            effects.extend(bench.ask(number, command.clone()));
            effects.extend(bench.ask_as(BUYER, number, command));
        }
        effects
    };
    let is_told_of = |effect: &Effect<AnyPeer>| matches!(effect, Effect::Report { report, .. } if report.what.is_of_a_request());
    let (all, mut some) = (after(false), after(true).into_iter());
    let told = all.iter().filter(|effect| is_told_of(effect)).count();
    assert_eq!(told, 4, "two deposits, two sales: {all:?}");
    for effect in all.iter().filter(|effect| !is_told_of(effect)) {
        assert_eq!(format!("{:?}", some.next().unwrap()), format!("{effect:?}"));
    }
    assert!(some.next().is_none());
}

#[test]
fn a_seller_is_told_of_all_sales_of_a_turn_at_once() {
    let mut bench = Bench::trading();
    bench.step(Input::Claimed(EPOCH));
    bench.ask(0, Command::Open);
    bench.ask_as(BUYER, 0, Command::Open);
    bench.ask(1, deposit());
    let mut sold = bench.ask_as(BUYER, 1, buy());
    sold.extend(bench.ask_as(BUYER, 2, buy()));
    let notify = alarm(&sold, "Notify").unwrap();
    let told = bench.step(Input::Alarm(notify));
    let [Effect::Send { to, body: Message::Trade(trade), after: After::All }] = &told[..] else {
        panic!("one notice, behind the sales: {told:?}");
    };
    let Body::Notice { standing, sales } = &trade.body else { panic!("{trade:?}") };
    assert_eq!((to.nodes(), standing.left), (&[CLIENT][..], 1));
    let each =
        sales.iter().map(|sale| (sale.request.number, sale.earned.0, sale.total.0, sale.left));
    assert_eq!(each.collect::<Vec<_>>(), [(1, 18, 18, 3), (2, 18, 36, 1)]);
    assert!(bench.step(Input::Alarm(notify)).is_empty(), "once");
}

#[test]
fn every_so_many_records_a_snapshot_takes_their_place() {
    let mut bench = Bench::trading();
    bench.step(Input::Claimed(EPOCH));
    let commands = [Command::Open, deposit(), deposit(), deposit(), deposit(), deposit()];
    let steps = commands.into_iter().enumerate();
    let steps = steps.map(|(number, command)| bench.ask(number as u64, command));
    let with_snapshot: Vec<bool> = steps
        .map(|effects| effects.iter().any(|effect| matches!(effect, Effect::Snapshot { .. })))
        .collect();
    assert_eq!(with_snapshot, [false, false, true, false, false, false]);
}

#[test]
fn a_large_market_writes_down_as_many_records_as_it_has_parts_before_the_next_snapshot() {
    let mut bench = Bench::trading();
    bench.step(Input::Claimed(EPOCH));
    bench.ask(0, Command::Open);
    let steps = (1..200).map(|number| bench.ask(number, deposit()));
    let is_snapshot = |effect: &Effect<AnyPeer>| matches!(effect, Effect::Snapshot { .. });
    let at = steps.enumerate().filter(|(_, effects)| effects.iter().any(is_snapshot));
    let at: Vec<usize> = at.map(|(entry, _)| entry + 2).collect();
    // After n entries there are a session, an account, and n - 1 lots and answers: 2 n parts.
    assert_eq!(at, [3, 9, 27, 81]);
}

#[test]
fn nobody_asks_in_another_ones_name() {
    let mut bench = Bench::trading();
    bench.step(Input::Claimed(EPOCH));
    let client = ClientId { party: Party(3), life: 1 };
    let id = RequestId { client, number: 0 };
    let body = Body::Request(Request { id, answered_below: 0, command: Command::Open });
    let from = CLIENT;
    let body = Message::Trade(Trade { clock: None, body });
    assert!(bench.step(Input::Message { from, body }).is_empty());
}

#[test]
fn a_refused_journal_ends_the_trade_at_once() {
    let mut bench = Bench::trading();
    bench.step(Input::Claimed(EPOCH));
    bench.ask(0, Command::Open);
    let higher = Epoch { counter: 2, node: CLIENT };
    let effects = bench.step(Input::Refused(higher));
    let stepped_down = effects.iter().any(|effect| {
        matches!(effect, Effect::Report { report, .. }
            if matches!(report.what, What::SteppedDown { epoch: EPOCH, .. }))
    });
    assert!(stepped_down, "{effects:?}");
    assert!(bench.ask(1, deposit()).is_empty(), "it serves no more");
}

#[test]
fn a_trader_resigns_when_its_last_write_is_in_the_journal_and_serves_nobody_meanwhile() {
    let mut bench = Bench::trading();
    bench.step(Input::Claimed(EPOCH));
    bench.ask(0, Command::Open);
    let effects = bench.step(Input::Command(peer::Command::Resign));
    let why = peer::Resignation::Command;
    let resigning = What::Resigning { epoch: EPOCH, why };
    assert!(
        matches!(&effects[0], Effect::Report { report, .. } if report.what == resigning),
        "{effects:?}"
    );
    let Some(Effect::Send { body, after: After::All, .. }) = effects.last() else {
        panic!("it waits for all writes: {effects:?}");
    };
    assert!(bench.ask(1, deposit()).is_empty(), "its write would be behind the last one");
    assert!(bench.step(Input::Command(peer::Command::Resign)).is_empty(), "once");
    let is_over = |effects: &[Effect<AnyPeer>]| {
        effects.iter().any(|effect| {
            matches!(effect, Effect::Report { report, .. }
                if matches!(report.what, What::SteppedDown { epoch: EPOCH, .. }))
        })
    };
    let mut hung = Bench { peer: bench.peer.clone(), random: Random::from_seed(1) };
    let forged = bench.step(Input::Message { from: CLIENT, body: body.clone() });
    assert!(forged.is_empty(), "nobody else knows: {forged:?}");
    let heard = bench.step(Input::Message { from: ME, body: body.clone() });
    assert!(is_over(&heard), "{heard:?}");
    let limit = alarm(&effects, "Quantum").unwrap();
    let waited = hung.step(Input::Alarm(limit));
    assert!(is_over(&waited), "a journal that hangs holds up nobody: {waited:?}");
}

#[test]
fn an_unknown_session_is_answered_and_not_written_down() {
    let mut bench = Bench::trading();
    bench.step(Input::Claimed(EPOCH));
    let effects = bench.ask(1, buy());
    assert_eq!(answers(&effects), [&Outcome::Refused(Refusal::UnknownSession)]);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Persist { .. })), "{effects:?}");
}

#[test]
fn a_clients_own_words_do_not_wait_for_the_market() {
    let mut settings = settings(Role { buys: false, sells: true });
    settings.leadership.voters = [CLIENT, ME].into();
    let mut bench = Bench { peer: AnyPeer::common(settings), random: Random::from_seed(1) };
    bench.step(Input::Start);
    bench.step(Input::Opened(CLIENT));
    let epoch = Epoch { counter: 9, node: CLIENT };
    let body = Message::Leadership(leadership::Message::Lead(epoch));
    let mut effects = bench.step(Input::Message { from: CLIENT, body });
    let open = RequestId { client: ClientId { party: Party(2), life: 1 << 20 }, number: 0 };
    let body = Body::Answer { epoch, id: open, outcome: OPENED };
    let body = Message::Trade(Trade { clock: None, body });
    effects.extend(bench.step(Input::Message { from: CLIENT, body }));
    let asked = effects.iter().any(|effect| {
        matches!(effect, Effect::Report { report, .. } if matches!(report.what, What::Asked { .. }))
    });
    assert!(asked, "its first stock: {effects:?}");
    // A trader that was deposed asks like anybody else, while its last writes are being refused.
    for effect in &effects {
        if let Effect::Send { after, .. } | Effect::Report { after, .. } = effect {
            assert!(*after < After::All, "{effect:?}");
        }
    }
}

#[test]
fn a_buyer_whose_wish_finds_no_room_tries_again() {
    let mut settings = settings(Role { buys: true, sells: true });
    settings.leadership.voters = [CLIENT, ME].into();
    settings.seller.accrue_goods = 1;
    settings.seller.accrue_every = Duration::from_millis(1);
    let mut bench = Bench { peer: AnyPeer::common(settings), random: Random::from_seed(1) };
    let accrue = alarm(&bench.step(Input::Start), "Accrue").unwrap();
    bench.step(Input::Opened(CLIENT));
    let epoch = Epoch { counter: 9, node: CLIENT };
    let body = Message::Leadership(leadership::Message::Lead(epoch));
    let think = alarm(&bench.step(Input::Message { from: CLIENT, body }), "Think").unwrap();
    // Nobody answers, and goods accrue.
    for _ in 0..=peer::client::QUEUE_MAX {
        bench.step(Input::Alarm(accrue));
    }
    let effects = bench.step(Input::Alarm(think));
    assert!(alarm(&effects, "Think").is_some(), "{effects:?}");
}

#[test]
fn a_life_remembers_what_the_ones_before_it_promised() {
    let mut bench = Bench::new(Role { buys: false, sells: false });
    let promised = Epoch { counter: 5, node: CLIENT };
    let journal = Journal::Own;
    let record = Record::Promised(groupcast::fence::majority::Promised(promised));
    bench.step(Input::Replay { journal, record });
    let effects = bench.step(Input::Start);
    let Effect::Snapshot { snapshot: Snapshot::Own(own), .. } = &effects[0] else {
        panic!("no snapshot first: {effects:?}");
    };
    assert_eq!(own.promised.0, promised, "the snapshot takes the place of the record");
}

/// The records and the last snapshot that some effects leave in a peer's own journal.
fn own_journal(effects: &[Effect<AnyPeer>]) -> Vec<Input<AnyPeer>> {
    let journal = Journal::Own;
    let mut inputs = Vec::new();
    for effect in effects {
        match effect {
            Effect::Snapshot { journal: Journal::Own, snapshot } => {
                inputs = vec![Input::Restore { journal, snapshot: snapshot.clone() }];
            }
            Effect::Persist { journal: Journal::Own, record } => {
                inputs.push(Input::Replay { journal, record: record.clone() });
            }
            _ => {}
        }
    }
    inputs
}

/// The numbered requests that some effects send, each with the position of its effect.
fn requests(effects: &[Effect<AnyPeer>]) -> Vec<(usize, Request)> {
    let sent = effects.iter().enumerate().filter_map(|(at, effect)| match effect {
        Effect::Send {
            body: Message::Trade(Trade { body: Body::Request(request), .. }), ..
        } if request.command != Command::Open => Some((at, request.clone())),
        _ => None,
    });
    sent.collect()
}

#[test]
fn a_peer_that_comes_back_asks_for_what_was_under_way_again_and_for_nothing_twice() {
    let mut settings = settings(Role { buys: true, sells: true });
    settings.leadership.voters = [CLIENT, ME].into();
    let epoch = Epoch { counter: 9, node: CLIENT };
    let lead = || Message::Leadership(leadership::Message::Lead(epoch));
    let answer = |id, outcome| {
        let body = Body::Answer { epoch, id, outcome };
        Input::Message { from: CLIENT, body: Message::Trade(Trade { clock: None, body }) }
    };
    let mut bench = Bench { peer: AnyPeer::common(settings.clone()), random: Random::from_seed(1) };
    let mut effects = bench.step(Input::Start);
    effects.extend(bench.step(Input::Opened(CLIENT)));
    effects.extend(bench.step(Input::Message { from: CLIENT, body: lead() }));
    let open = RequestId { client: ClientId { party: Party(2), life: 1 << 20 }, number: 0 };
    let asked = bench.step(answer(open, OPENED));
    let [(sent, stock)] = &requests(&asked)[..] else { panic!("no first stock: {asked:?}") };
    let persisted = asked.iter().position(|effect| {
        matches!(effect, Effect::Persist { journal: Journal::Own, record: Record::Asked { .. } })
    });
    assert!(persisted.unwrap() < *sent, "on record before it is sent: {asked:?}");
    effects.extend(asked);

    let come_back = |effects: &[Effect<AnyPeer>]| {
        let mut later =
            Bench { peer: AnyPeer::common(settings.clone()), random: Random::from_seed(9) };
        for input in own_journal(effects) {
            assert!(later.step(input).is_empty(), "nothing is said before the start");
        }
        let mut effects = later.step(Input::Start);
        effects.extend(later.step(Input::Opened(CLIENT)));
        effects.extend(later.step(Input::Message { from: CLIENT, body: lead() }));
        (later, effects)
    };
    let (mut later, again) = come_back(&effects);
    let sent: Vec<_> = requests(&again).into_iter().map(|(_, request)| request).collect();
    assert_eq!(sent, std::slice::from_ref(stock), "the same request, and no second stock");
    let told = again.iter().any(|effect| {
        matches!(effect, Effect::Report { report, .. }
            if matches!(report.what, What::Asked { request, .. } if request == stock.id))
    });
    assert!(told, "the last life may not have: {again:?}");

    let lot = market::LotId(1);
    effects.extend(again);
    effects.extend(later.step(answer(stock.id, Outcome::Deposited { lot })));
    let (mut last, effects) = come_back(&effects);
    assert!(requests(&effects).is_empty(), "all is settled: {effects:?}");
    // Then it has a session of its own, and hears what it bought.
    let open = RequestId { client: ClientId { party: Party(2), life: 3 << 20 }, number: 0 };
    let returned = last.step(answer(open, Outcome::Opened { purchases: 4 }));
    assert!(!last.peer.peer().is_busy() && alarm(&returned, "Think").is_some(), "{returned:?}");
    assert_eq!(last.peer.peer().purchases(), 4);
}

/// A new trader does not wake it.
#[test]
fn a_slow_buyer_rests_to_the_end_whoever_leads() {
    let rest = Duration::from_secs(9);
    let mut settings = settings(Role { buys: true, sells: false });
    settings.leadership.voters = [CLIENT, ME].into();
    settings.buyer.pause = Some(Pause { after: 1, lasts: rest });
    let mut bench = Bench { peer: AnyPeer::common(settings), random: Random::from_seed(1) };
    bench.step(Input::Start);
    bench.step(Input::Opened(CLIENT));
    let lead = |counter| {
        let body = leadership::Message::Lead(Epoch { counter, node: CLIENT });
        Input::Message { from: CLIENT, body: Message::Leadership(body) }
    };
    let think = alarm(&bench.step(lead(9)), "Think").unwrap();
    bench.step(Input::Alarm(think));
    let receipt = Receipt {
        good: fish(),
        quantity: 1,
        paid: Money(10),
        commission: Money(1),
        fills: Vec::new(),
    };
    let mut effects = Vec::new();
    for (number, outcome) in [(0, OPENED), (1, Outcome::Bought(receipt))] {
        let client = ClientId { party: Party(2), life: 1 << 20 };
        let epoch = Epoch { counter: 9, node: CLIENT };
        let body = Body::Answer { epoch, id: RequestId { client, number }, outcome };
        let body = Message::Trade(Trade { clock: None, body });
        effects = bench.step(Input::Message { from: CLIENT, body });
    }
    let thinks_at = |effects: &[Effect<AnyPeer>]| {
        let mut times = effects.iter().filter_map(|effect| match effect {
            Effect::Set { alarm, at } if *alarm == think => Some(*at),
            _ => None,
        });
        times.next_back().unwrap()
    };
    let rested = thinks_at(&effects);
    assert!(rested.since(Instant::ZERO) >= rest, "{effects:?}");
    assert!(thinks_at(&bench.step(lead(10))) >= Instant::ZERO + rest);
}

#[test]
fn a_purchase_waits_for_no_record_of_its_buyer() {
    let mut settings = settings(Role { buys: true, sells: false });
    settings.leadership.voters = [CLIENT, ME].into();
    settings.buyer.purchases = 5;
    let epoch = Epoch { counter: 9, node: CLIENT };
    let mut bench = Bench { peer: AnyPeer::common(settings), random: Random::from_seed(1) };
    bench.step(Input::Start);
    bench.step(Input::Opened(CLIENT));
    let body = Message::Leadership(leadership::Message::Lead(epoch));
    let think = alarm(&bench.step(Input::Message { from: CLIENT, body }), "Think").unwrap();
    bench.step(Input::Alarm(think));
    let id = |number| RequestId { client: ClientId { party: Party(2), life: 1 << 20 }, number };
    let mut outcome = OPENED;
    for number in 0..4 {
        let body = Body::Answer { epoch, id: id(number), outcome };
        let body = Message::Trade(Trade { clock: None, body });
        let mut effects = bench.step(Input::Message { from: CLIENT, body });
        effects.extend(bench.step(Input::Alarm(think)));
        let [(_, request)] = &requests(&effects)[..] else { panic!("{effects:?}") };
        assert_eq!((request.id, request.answered_below), (id(number + 1), number + 1));
        assert!(own_journal(&effects).is_empty(), "{effects:?}");
        outcome = Outcome::Refused(Refusal::NotSoldHere);
    }
}

#[test]
fn a_seller_that_leaves_takes_back_what_is_unsold_then_asks_for_leave_and_says_goodbye() {
    let mut settings = settings(Role { buys: false, sells: true });
    settings.leadership.voters = [CLIENT, ME].into();
    let epoch = Epoch { counter: 9, node: CLIENT };
    let from = CLIENT;
    let of_trader =
        |body| Input::Message { from, body: Message::Trade(Trade { clock: None, body }) };
    let of_leader = |body| Input::Message { from, body: Message::Leadership(body) };
    let sends = |effects: &[Effect<AnyPeer>], what: &str| {
        effects.iter().any(|effect| {
            matches!(effect, Effect::Send { body, .. } if format!("{body:?}").contains(what))
        })
    };
    let mut bench = Bench { peer: AnyPeer::common(settings), random: Random::from_seed(1) };
    bench.step(Input::Start);
    bench.step(Input::Opened(CLIENT));
    bench.step(of_leader(leadership::Message::Lead(epoch)));
    let client = ClientId { party: Party(2), life: 1 << 20 };
    let id = |number| RequestId { client, number };
    bench.step(of_trader(Body::Answer { epoch, id: id(0), outcome: OPENED }));

    let busy = bench.step(Input::Command(peer::Command::Leave));
    assert!(!sends(&busy, "AskLots"), "its deposit is under way: {busy:?}");
    let lot = market::LotId(1);
    let outcome = Outcome::Deposited { lot };
    let idle = bench.step(of_trader(Body::Answer { epoch, id: id(1), outcome }));
    assert!(sends(&idle, "AskLots"), "{idle:?}");
    let told = bench.step(of_trader(Body::Lots { lots: vec![lot], in_carts: true }));
    assert!(matches!(&requests(&told)[..], [(_, request)] if request.id == id(2)), "{told:?}");
    let outcome = Outcome::Withdrawn { good: fish(), quantity: 3 };
    let withdrawn = bench.step(of_trader(Body::Answer { epoch, id: id(2), outcome }));
    assert!(sends(&withdrawn, "AskLots"), "{withdrawn:?}");
    let waits = bench.step(of_trader(Body::Lots { lots: vec![], in_carts: true }));
    assert!(waits.is_empty(), "what is in a cart may come back: {waits:?}");
    let cleared = bench.step(of_trader(Body::Lots { lots: vec![], in_carts: false }));
    assert!(sends(&cleared, "Leave(") && !sends(&cleared, "Leave {"), "{cleared:?}");
    let gone = bench.step(of_leader(leadership::Message::Released(epoch)));
    assert!(sends(&gone, "Leave { incarnation"), "{gone:?}");
    let last = gone.last().unwrap();
    assert!(matches!(last, Effect::Report { report, .. } if report.what == What::Left), "{gone:?}");
    assert!(bench.step(of_leader(leadership::Message::Released(epoch))).is_empty(), "once");
}
