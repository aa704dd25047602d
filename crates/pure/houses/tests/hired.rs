//! A hired trader goes when nobody counts on it, step by step.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod steps;

use std::time::Duration;

use groupcast::membership;
use houses::{Alarm, Buddy, Hired, House, Message, Scaling, Warehouse, WarehouseSettings, trader};
use machine::{Incarnation, Input, NodeId};
use market::{Deed, Kernel, TermId};
use peer::What;
use steps::{CUSTOMER, ELECTED, HIRED, RULES, WAREHOUSE, from, happens, settings, term};

#[test]
fn it_goes_when_the_warehouse_says_so_and_not_when_its_term_is_over() {
    let (address, period) = (String::new(), Duration::from_secs(1));
    let member = membership::Settings { me: HIRED, directory: WAREHOUSE, address, period };
    let mut hired = Hired::new(settings(HIRED), RULES, member, period);
    let (incarnation, term) = (Incarnation(1), term(HIRED, 1));
    happens(&mut hired, Input::Start);
    happens(&mut hired, Input::Opened(CUSTOMER));
    let house = |body| from(WAREHOUSE, Message::House(body));
    happens(&mut hired, house(House::Enlisted { incarnation, term }));
    happens(&mut hired, house(House::Drain { term }));
    let (_, told) = happens(&mut hired, house(House::Over { term }));
    assert_eq!(told, [], "an earlier life may have been asked to hold deeds");
    let (sent, _) = happens(&mut hired, Input::Alarm(Alarm::Trader(trader::Alarm::Resend)));
    assert!(sent.contains(&(WAREHOUSE, Message::House(House::Goes { incarnation }))), "{sent:?}");
    let earlier = House::MayGo { incarnation: Incarnation(0) };
    assert_eq!(happens(&mut hired, house(earlier)).1, [], "that was said to another life");
    assert_eq!(happens(&mut hired, house(House::MayGo { incarnation })).1, [What::Left]);
    assert_eq!(happens(&mut hired, house(House::MayGo { incarnation })).1, [], "once");
}

/// A warehouse whose books name an earlier life of the hired trader as the elected one's buddy.
fn warehouse() -> Warehouse {
    let founding = Kernel::new(RULES).unwrap();
    let own = WarehouseSettings { founding, snapshot_every: 99, scaling: Scaling::fixed(1) };
    let mut warehouse = Warehouse::new(settings(WAREHOUSE), own);
    happens(&mut warehouse, Input::Start);
    let enlist = |life| Message::House(House::Enlist { incarnation: Incarnation(life) });
    let buddy = Message::Buddy;
    for (node, body) in [
        (HIRED, enlist(1)),
        (ELECTED, enlist(1)),
        (HIRED, buddy(Buddy::Stands { term: term(ELECTED, 1), pairing: 1, by: term(HIRED, 1) })),
        (HIRED, enlist(2)),
    ] {
        happens(&mut warehouse, from(node, body));
    }
    let terms: Vec<_> = warehouse.market().terms().map(|(id, _)| id).collect();
    assert_eq!(terms, [term(ELECTED, 1), term(HIRED, 2)]);
    warehouse
}

fn report(term: TermId, deeds: Vec<Deed>, is_last: bool) -> Message {
    Message::House(House::Report { term, received: 0, from: 0, deeds, is_last })
}

#[test]
fn the_warehouse_lets_it_go_when_no_term_is_its_own_or_counts_on_it() {
    let mut warehouse = warehouse();
    let goes = || from(HIRED, Message::House(House::Goes { incarnation: Incarnation(2) }));
    happens(&mut warehouse, from(HIRED, report(term(HIRED, 2), Vec::new(), true)));
    let (sent, _) = happens(&mut warehouse, goes());
    let declined = Buddy::Declined { term: term(ELECTED, 1), pairing: 1 };
    assert_eq!(sent, [(ELECTED, Message::Buddy(declined))]);
    happens(&mut warehouse, from(ELECTED, report(term(ELECTED, 1), vec![Deed::Unpaired], false)));
    let (sent, _) = happens(&mut warehouse, goes());
    let may = House::MayGo { incarnation: Incarnation(2) };
    assert_eq!(sent, [(HIRED, Message::House(may))]);
}

#[test]
fn a_term_that_it_does_not_know_of_ends_first_unless_a_later_life_has_it() {
    let mut warehouse = warehouse();
    happens(&mut warehouse, from(ELECTED, report(term(ELECTED, 1), vec![Deed::Unpaired], false)));
    let goes = |life| from(HIRED, Message::House(House::Goes { incarnation: Incarnation(life) }));
    assert_eq!(happens(&mut warehouse, goes(1)), (Vec::new(), Vec::new()), "that came late");
    let (sent, told) = happens(&mut warehouse, goes(2));
    assert!(matches!(told[..], [What::TermEnded { .. }]), "{told:?}");
    let may = |(_, body): &(NodeId, Message)| matches!(body, Message::House(House::MayGo { .. }));
    assert!(!sent.iter().any(may), "{sent:?}");
    assert!(happens(&mut warehouse, goes(2)).0.iter().any(may));
}
