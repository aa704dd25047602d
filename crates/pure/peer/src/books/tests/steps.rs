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
        items: vec![Item::Fact(fact)],
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
