//! One input, exact effects.

use super::*;

fn shown(effects: &[Effect<Books>]) -> Vec<String> {
    effects.iter().map(|effect| format!("{effect:?}")).collect()
}

#[test]
fn a_claim_has_all_that_have_a_connection_register() {
    let mut trader = books(TRADER);
    step(&mut trader, Input::Opened(SELLER));
    step(&mut trader, Input::Opened(NodeId(0)));
    let effects = step(&mut trader, Input::Command(Command::Claim(epoch(1, TRADER))));
    let register = Message::Register { epoch: epoch(1, TRADER), offset: 0 };
    assert_eq!(
        shown(&effects),
        [
            "Clear(Flush)".to_owned(),
            "Set(Resend, 0.100)".to_owned(),
            "Set(Gather, 0.300)".to_owned(),
            format!("Send([1, 2], {register:?}, after nothing)"),
        ]
    );
}

#[test]
fn a_keeper_promises_and_then_hands_its_book_over_in_parts() {
    let mut keeper = books(SELLER);
    let of = epoch(1, TRADER);
    let register =
        |offset| Input::Message { from: TRADER, body: Message::Register { epoch: of, offset } };
    let effects = step(&mut keeper, register(0));
    assert_eq!(shown(&effects)[0], format!("Persist(Own, {:?})", Record::Promised(of)));
    let Effect::Send { body: Message::Part(first), after: After::Own, .. } = &effects[1] else {
        panic!("{effects:?}");
    };
    let whole = keeper.book().to_bytes();
    assert_eq!((first.offset, first.total_bytes), (0, whole.len() as u64));
    let mut bytes = first.bytes.to_vec();
    while bytes.len() < whole.len() {
        let effects = step(&mut keeper, register(bytes.len() as u64));
        let [Effect::Send { body: Message::Part(part), .. }] = &effects[..] else {
            panic!("{effects:?}");
        };
        assert_eq!(part.writing, first.writing);
        assert!(part.bytes.len() <= 64);
        bytes.extend_from_slice(&part.bytes);
    }
    assert_eq!(Book::from_bytes(&bytes).as_ref(), Some(keeper.book()));
}

#[test]
fn a_deposed_traders_facts_are_refused() {
    let mut keeper = books(SELLER);
    let (old, new) = (epoch(1, TRADER), epoch(2, NEXT));
    for epoch in [old, new] {
        let register = Message::Register { epoch, offset: 0 };
        step(&mut keeper, Input::Message { from: epoch.node, body: register });
    }
    let id = FactId { epoch: old, number: 1 };
    let fact =
        Fact { id, entry: entry(SELLER, 0, Ask::Open), outcome: Outcome::Opened { purchases: 0 } };
    let append = Message::Append {
        epoch: old,
        after: 0,
        items: vec![Item::Fact(Box::new(fact))],
        settled: Settled::default(),
    };
    let before = keeper.book().clone();
    let effects = step(&mut keeper, Input::Message { from: TRADER, body: append });
    let superseded = format!("Send([1], {:?}, after own)", Message::Superseded(new));
    assert_eq!(shown(&effects), [superseded]);
    assert_eq!(keeper.book(), &before);
    let mut trader = books(TRADER);
    step(&mut trader, Input::Command(Command::Claim(old)));
    let effects =
        step(&mut trader, Input::Message { from: SELLER, body: Message::Superseded(new) });
    let refused = format!("Report({:?}, after own)", Report::Refused(new));
    assert_eq!(shown(&effects).last(), Some(&refused));
}

#[test]
fn a_book_forgets_how_far_it_got_in_old_epochs_and_says_so() {
    let mut whole = founding();
    for entry in
        [entry(SELLER, 0, Ask::Open), entry(SELLER, 1, deposit(1)), entry(BUYER, 0, Ask::Open)]
    {
        whole.apply(&entry);
    }
    let sale = entry(BUYER, 1, buy(1));
    let outcome = whole.apply(&sale).outcome;
    let mut book = Book::new(founding());
    for counter in 1..=1_030 {
        let id = FactId { epoch: epoch(counter, TRADER), number: 7 };
        let fact = Fact { id, entry: sale.clone(), outcome: outcome.clone() };
        book.take(crate::party(SELLER), Item::Fact(Box::new(fact)));
    }
    let has = |counter, number| book.reach.has(FactId { epoch: epoch(counter, TRADER), number });
    assert_eq!(
        (has(1_030, 7), has(1_030, 8), has(1_031, 1)),
        (Some(true), Some(false), Some(false))
    );
    assert_eq!((has(7, 7), has(7, 8), has(6, 1)), (Some(true), Some(false), None));
}

#[test]
fn what_is_true_is_told_up_to_a_number_and_what_is_not_is_named_within_a_bound() {
    let mut keeper = progress::Keeper::new(Reach::default());
    keeper.tail = (1..=1_000).collect();
    keeper.open = (1..=1_000).filter(|number| number % 2 == 0).collect();
    let settled = keeper.settled(1_001);
    let last = 2 * EXCEPT_MAX as u64;
    assert_eq!((settled.below, settled.except.len()), (last + 2, EXCEPT_MAX));
    assert_eq!(keeper.tail.len(), EXCEPT_MAX + 1_000 - last as usize - 1);
    keeper.open.clear();
    assert_eq!(keeper.settled(1_001), Settled { below: 1_001, except: Vec::new() });
    assert!(keeper.tail.is_empty());
}
