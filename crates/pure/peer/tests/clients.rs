//! One input, exact effects: a peer that buys, sells, comes back and leaves.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

mod common;

use std::time::Duration;

use common::{BUYER, Bench, CLIENT, ME, NOW, OPENED, alarm, fish, settings};
use groupcast::fence::majority;
use groupcast::leadership;
use groupcast::membership;
use machine::{After, Effect, Epoch, Incarnation, Input, Instant, Journal, NodeId, Random};
use market::{ClientId, Command, Money, Outcome, Party, Receipt, Refusal, Request, RequestId};
use peer::{
    AnyPeer, Body, Form, Message, OrderPolicy, Pause, Record, Role, Snapshot, Standing, Trade, What,
};

#[test]
fn a_clients_own_words_do_not_wait_for_the_market() {
    let mut settings = settings(ME, Role { buys: false, sells: true });
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
    let mut settings = settings(ME, Role { buys: true, sells: true });
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
    let mut settings = settings(ME, Role { buys: true, sells: true });
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

/// It can do nothing about it then, and nobody will tell it again.
#[test]
fn a_seller_that_hears_while_it_trades_that_all_is_sold_brings_more_to_the_next_trader() {
    let mut settings = settings(ME, Role { buys: false, sells: true });
    settings.leadership.voters = [CLIENT, ME].into();
    let mut bench = Bench { peer: AnyPeer::common(settings), random: Random::from_seed(1) };
    bench.step(Input::Start);
    bench.step(Input::Opened(CLIENT));
    let epoch = |counter, node| Epoch { counter, node };
    let vote = |body| Input::Message { from: CLIENT, body: Message::Leadership(body) };
    let trade =
        |from, body| Input::Message { from, body: Message::Trade(Trade { clock: None, body }) };
    bench.step(vote(leadership::Message::Lead(epoch(9, CLIENT))));
    let id = |number| RequestId { client: ClientId { party: Party(2), life: 1 << 20 }, number };
    let outcome = Outcome::Deposited { lot: market::LotId(1) };
    for (number, outcome) in [(0, OPENED), (1, outcome)] {
        let answer = Body::Answer { epoch: epoch(9, CLIENT), id: id(number), outcome };
        bench.step(trade(CLIENT, answer));
    }
    let (resigned, mine) = (epoch(9, CLIENT), epoch(10, ME));
    bench.step(vote(leadership::Message::Resign { epoch: resigned, initiator: Some(ME) }));
    bench.step(vote(leadership::Message::Fence(majority::Message::Support(mine))));
    let won = bench.step(vote(leadership::Message::Fence(majority::Message::Promise(mine))));
    assert!(won.iter().any(|effect| matches!(effect, Effect::Claim(epoch) if *epoch == mine)));

    let standing = Standing { deposited: 3, sold: 3, left: 0, earned: Money(27) };
    let heard = bench.step(trade(ME, Body::Notice { standing, sales: Vec::new() }));
    assert!(requests(&heard).is_empty(), "a trader asks for nothing: {heard:?}");
    let next = bench.step(vote(leadership::Message::Lead(epoch(11, CLIENT))));
    let [(_, request)] = &requests(&next)[..] else { panic!("{next:?}") };
    let Command::Deposit(offer) = &request.command else { panic!("{request:?}") };
    assert_eq!((request.id, offer.quantity), (id(2), 3));
}

/// One that expired and came back is the last, though it finds the same others as before.
#[test]
fn a_peer_learns_of_a_new_order_of_joining_without_a_new_peer() {
    let mut settings = settings(ME, Role { buys: false, sells: false });
    settings.leadership.voters = [CLIENT, ME, BUYER].into();
    settings.leadership.initiator = leadership::Initiator::LastToJoin;
    let directory = settings.membership.directory;
    let mut bench = Bench { peer: AnyPeer::common(settings), random: Random::from_seed(1) };
    bench.step(Input::Start);
    for (version, order) in [(1, [BUYER, ME, CLIENT]), (2, [BUYER, CLIENT, ME])] {
        let entries = order.map(|node| membership::Entry {
            node,
            incarnation: Incarnation(1),
            address: "there".into(),
        });
        let body = membership::Message::Members { version, entries: entries.into() };
        bench.step(Input::Message { from: directory, body: Message::Membership(body) });
    }
    for node in [CLIENT, BUYER] {
        bench.step(Input::Opened(node));
    }
    let body = leadership::Message::Lead(Epoch { counter: 9, node: BUYER });
    bench.step(Input::Message { from: BUYER, body: Message::Leadership(body) });
    let lost = bench.step(Input::Closed(BUYER));
    let campaigns = lost.iter().any(
        |effect| matches!(effect, Effect::Report { report, .. } if report.what == What::Campaigned),
    );
    assert!(campaigns, "nobody else will: {lost:?}");
}

/// A new trader does not wake it.
#[test]
fn a_slow_buyer_rests_to_the_end_whoever_leads() {
    let rest = Duration::from_secs(9);
    let mut settings = settings(ME, Role { buys: true, sells: false });
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
    let mut settings = settings(ME, Role { buys: true, sells: false });
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
    let mut settings = settings(ME, Role { buys: false, sells: true });
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

/// Where a market serves by clock (seeds 000 and 002).
#[test]
fn a_buyer_tells_all_others_but_the_trader_of_each_purchase() {
    let mut settings = settings(ME, Role { buys: true, sells: false });
    settings.leadership.voters = [CLIENT, ME].into();
    settings.trader.order = OrderPolicy::Lamport(Form::Eager);
    let mut bench = Bench { peer: AnyPeer::common(settings), random: Random::from_seed(1) };
    bench.step(Input::Start);
    for node in [CLIENT, BUYER, NodeId(5)] {
        bench.step(Input::Opened(node));
    }
    let epoch = Epoch { counter: 9, node: CLIENT };
    let body = Message::Leadership(leadership::Message::Lead(epoch));
    let think = alarm(&bench.step(Input::Message { from: CLIENT, body }), "Think").unwrap();
    let mut effects = bench.step(Input::Alarm(think));
    let id = RequestId { client: ClientId { party: Party(2), life: 1 << 20 }, number: 0 };
    let body =
        Message::Trade(Trade { clock: None, body: Body::Answer { epoch, id, outcome: OPENED } });
    effects.extend(bench.step(Input::Message { from: CLIENT, body }));
    let sent = |wanted: fn(&Body) -> bool| {
        let to = effects.iter().filter_map(move |effect| match effect {
            Effect::Send { to, body: Message::Trade(trade), .. } if wanted(&trade.body) => {
                Some(to.nodes().to_vec())
            }
            _ => None,
        });
        to.flatten().collect::<Vec<_>>()
    };
    assert_eq!(sent(|body| matches!(body, Body::Stamped { .. })), [CLIENT]);
    assert_eq!(sent(|body| matches!(body, Body::Announced(_))), [BUYER, NodeId(5)]);
}

/// By the clock of each, again and again (seeds 001 and 004).
#[test]
fn a_seller_gains_goods_and_considers_bringing_more_every_so_often() {
    let second = Duration::from_secs(1);
    let mut settings = settings(ME, Role { buys: false, sells: true });
    settings.leadership.voters = [CLIENT, ME].into();
    settings.seller.accrue_goods = 2;
    settings.seller.accrue_every = second;
    settings.seller.update_probability = 1.0;
    settings.seller.update_every = 3 * second;
    let mut bench = Bench { peer: AnyPeer::common(settings), random: Random::from_seed(1) };
    let started = bench.step(Input::Start);
    bench.step(Input::Opened(CLIENT));
    let epoch = Epoch { counter: 9, node: CLIENT };
    let body = Message::Leadership(leadership::Message::Lead(epoch));
    bench.step(Input::Message { from: CLIENT, body });
    let id = RequestId { client: ClientId { party: Party(2), life: 1 << 20 }, number: 0 };
    let body =
        Message::Trade(Trade { clock: None, body: Body::Answer { epoch, id, outcome: OPENED } });
    let stocked = bench.step(Input::Message { from: CLIENT, body });
    let brings = |effects: &[Effect<AnyPeer>]| {
        let offers = requests(effects).into_iter().map(|(_, request)| match request.command {
            Command::Deposit(offer) => offer.quantity,
            other => panic!("{other:?}"),
        });
        offers.collect::<Vec<_>>()
    };
    assert_eq!(brings(&stocked), [3], "its first stock");
    for (name, every, quantity) in [("Accrue", second, 2), ("Update", 3 * second, 3)] {
        let timer = alarm(&started, name).unwrap();
        for _ in 0..3 {
            let effects = bench.step(Input::Alarm(timer));
            assert_eq!(brings(&effects), [quantity], "{name}");
            let again = effects.iter().any(|effect| {
                matches!(effect, Effect::Set { alarm, at } if *alarm == timer && *at == NOW + every)
            });
            assert!(again, "{name}: {effects:?}");
        }
    }
}
