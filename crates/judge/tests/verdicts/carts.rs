//! Carts: held for one, bought by it or for sale again.

use judge::{Ruling, RunFiles};
use market::{Command, HoldId, Outcome, Party, Refusal};
use view::What;

use crate::world::{World, assert_broken, at, buy, deposit, finding, hold, retell};

const CARTS: &str = "a cart is its holder's";
const REFUSALS: &str = "no refusal was false";
const STOCK: &str = "the stock is linearizable";

/// Ten fish: four are bought through a cart, three are let go, two are forgotten, and while most are
/// in carts some are refused.
fn run() -> RunFiles {
    let mut world = World::new();
    world.go(1, deposit("fish", 10, 8));
    let held = |outcome| match outcome {
        Outcome::Held { hold, .. } => hold,
        other => panic!("{other:?}"),
    };
    let claimed = held(world.go(3, hold("fish", 4, 50)));
    let voided = held(world.go(2, hold("fish", 3, 50)));
    held(world.go(2, hold("fish", 2, 10)));
    let refused = world.go(3, buy("fish", 2));
    assert_eq!(refused, Outcome::Refused(Refusal::Held { units: 9 }));
    world.go(3, Command::Claim { hold: claimed });
    world.go(2, Command::Void { hold: voided });
    world.end_holds();
    world.go(3, buy("fish", 6));
    world.go(3, buy("fish", 1));
    world.finish()
}

fn is_claim(what: &What) -> bool {
    let What::Sold { receipt, .. } = what else { return false };
    receipt.quantity == 4
}

#[test]
fn a_run_with_carts_that_kept_its_promises() {
    let run = run();
    let findings = judge::judge(&run).findings;
    for finding in &findings {
        assert_ne!(finding.ruling, Ruling::Fail, "{finding}");
    }
    let carts = finding(&run, CARTS);
    assert_eq!(carts.evidence, "carts held: 3, claimed: 1, voided: 1, timed out: 1");
    assert_eq!(finding(&run, STOCK).ruling, Ruling::Pass);
    assert_eq!(finding(&run, REFUSALS).evidence, "refusals for want of goods: 2");
    assert_eq!(finding(&run, "exactly once").ruling, Ruling::Pass);
    assert_eq!(finding(&run, "sales fit their orders").evidence, "sales: 4");
    let without = World::new().finish();
    assert!(judge::judge(&without).findings.iter().all(|finding| finding.property != CARTS));
}

#[test]
fn a_cart_that_comes_to_two_ends() {
    let mut run = run();
    let claim = at(&run, is_claim);
    let What::Sold { epoch, receipt, .. } = run.events[claim].what.clone() else { panic!() };
    let mut again = run.events[claim].clone();
    let (good, quantity) = (receipt.good, receipt.quantity.into());
    again.what = What::HoldEnded { epoch, hold: HoldId(1), good, quantity, request: None };
    run.events.insert(claim + 1, again);
    let evidence = format!(
        "cart 1 came to two ends: Claimed at line {} of events.jsonl, TimedOut at line {} of \
         events.jsonl",
        claim + 1,
        claim + 2
    );
    assert_broken(&run, CARTS, &evidence);
}

#[test]
fn a_cart_sold_to_another_one_or_at_another_price() {
    let kept = run();
    let mut other = kept.clone();
    for event in &mut other.events {
        if let What::Held { request, buyer, hold: HoldId(1), .. } = &mut event.what {
            (request.client.party, *buyer) = (Party(2), Party(2));
        }
        if let What::Answered { outcome: Outcome::Held { hold: HoldId(1), .. }, request, .. } =
            &mut event.what
        {
            request.client.party = Party(2);
        }
    }
    let evidence = finding(&other, CARTS).evidence;
    assert!(evidence.ends_with("bought cart 1, which was held for party 2"), "{evidence}");

    let mut dearer = kept;
    let claim = at(&dearer, is_claim);
    let What::Sold { receipt, .. } = &mut dearer.events[claim].what else { panic!() };
    receipt.paid.0 += 1;
    let evidence = finding(&dearer, CARTS).evidence;
    assert!(evidence.contains("bought 4 fish for 33 of cart 1, in which 4 fish were held for 32"));
}

#[test]
fn sold_out_was_said_while_a_cart_held_some() {
    let mut run = run();
    for event in &mut run.events {
        if let What::Refused { refusal, .. } = &mut event.what
            && matches!(refusal, Refusal::Held { .. })
        {
            *refusal = Refusal::OutOfStock { left: 1 };
        }
    }
    let told = finding(&run, REFUSALS);
    assert_eq!(told.ruling, Ruling::Fail);
    assert!(told.evidence.contains("nothing is to be had, but cart 1 held some"), "{told}");
}

#[test]
fn a_refusal_after_a_cart_was_let_go_is_found() {
    let mut run = run();
    // All carts are over before the one that was refused asks.
    let is_refused = |what: &What| matches!(what, What::Refused { .. });
    let refused = at(&run, is_refused);
    let asked = refused - 1;
    let after = at(&run, |what| matches!(what, What::HoldEnded { request: None, .. }));
    for place in [asked, asked, asked] {
        let event = run.events.remove(place);
        run.events.insert(after, event);
    }
    let mut now_ns = 0;
    for event in &mut run.events {
        now_ns += 1_000_000;
        event.time_ns = now_ns;
    }
    retell(&mut run);
    assert_eq!(finding(&run, STOCK).ruling, Ruling::Fail);
    assert_eq!(finding(&run, REFUSALS).ruling, Ruling::Fail);
}
