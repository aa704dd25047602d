//! From whom a buyer gets what it asks for, and what it takes: whom the trader chooses among sellers
//! of one good, what is too dear, and what is better than nothing. On both hosts.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is a failed test")]

mod stage;

use market::{Money, Outcome, Refusal};
use stage::{Run, on_both_hosts};

/// One buyer, two sellers of one good, and one that trades.
const FOUR: [&str; 10] = [
    "run.peers=4",
    "run.duration=20s",
    "run.end_when_done=true",
    "fault=[]",
    "roles.buyers=1",
    "roles.sellers=2",
    "roles.others=bystander",
    "roles.deal=in_order",
    "trade.goods=['salt']",
    "seller.update_probability=0",
];

/// Who sold, sale by sale.
fn sellers(run: &Run) -> Vec<u64> {
    run.sales().iter().map(|sale| sale.receipt.fills[0].seller.0).collect()
}

#[test]
fn the_trader_chooses_sellers_by_the_policy_that_is_set() {
    let alike = [
        "seller.stock={min=40,max=40}",
        "seller.restock_at_zero=false",
        "seller.accrue_goods=0",
        "buyer.quantity={min=1,max=1}",
        "buyer.think={min='20ms',max='20ms'}",
        "buyer.purchases=80",
    ];
    // How often the next sale is another seller's, while there is anything; and where one of them
    // may come late, between processes.
    for (choice, order, switches, at_least, at_most) in [
        ("oldest", "arrival", 1..=1, 1, 1),
        // Their deposits are concurrent, and the lower number is first, when it has come.
        ("vector", "vector", 1..=1, 1, 2),
        ("random", "arrival", 10..=70, 5, 70),
        // Each sale puts its seller behind the other one, when both have come.
        ("lamport", "lamport", 30..=79, 5, 79),
    ] {
        let choice = format!("trade.seller_choice={choice}");
        let order = format!("trade.order={order}");
        on_both_hosts("market", &[&FOUR[..], &alike, &[&choice, &order]].concat(), |run| {
            let sellers = sellers(run);
            assert_eq!(sellers.len(), 80);
            let switched = sellers.windows(2).filter(|pair| pair[0] != pair[1]).count();
            let may_be = if run.is_simulated { switches.clone() } else { at_least..=at_most };
            assert!(may_be.contains(&switched), "{choice}: {sellers:?}");
        });
    }
}

#[test]
fn a_buyer_pays_no_more_than_its_limit() {
    let dear = ["buyer.limit=150", "seller.price={min=100,max=200}", "buyer.purchases=40"];
    let quick = ["buyer.think={min='1ms',max='5ms'}", "seller.stock={min=5,max=5}"];
    let gains = ["seller.accrue_goods=5", "seller.accrue_every=20ms", "run.duration=2s"];
    on_both_hosts("market", &[&FOUR[..], &dear, &quick, &gains].concat(), |run| {
        let (mut bought, mut too_dear) = (0, 0);
        for (_, outcome, _) in run.answers(1) {
            match outcome {
                Outcome::Bought(receipt) => {
                    bought += 1;
                    assert!(receipt.fills.iter().all(|fill| fill.unit_price <= Money(150)));
                }
                Outcome::Refused(Refusal::TooDear { cheapest }) => {
                    too_dear += 1;
                    assert!(*cheapest > Money(150));
                }
                _ => {}
            }
        }
        assert!(bought + too_dear > 0, "nothing was asked");
        // Prices are drawn: which ones, is chance between processes.
        assert!(!run.is_simulated || bought > 0 && too_dear > 0, "{bought} and {too_dear}");
    });
}

#[test]
fn a_buyer_takes_what_there_is_if_it_may() {
    let few = [
        "seller.stock={min=3,max=5}",
        "seller.restock_at_zero=true",
        "seller.accrue_goods=0",
        "roles.sellers=1",
        "buyer.quantity={min=5,max=5}",
        "buyer.think={min='5ms',max='5ms'}",
    ];
    for partial in [true, false] {
        let set = format!("buyer.partial={partial}");
        let ends = if partial { "buyer.purchases=10" } else { "run.duration=2s" };
        on_both_hosts("market", &[&FOUR[..], &few, &[&set, ends]].concat(), |run| {
            let answers = run.answers(1);
            let (mut bought, mut short) = (Vec::new(), 0);
            for (_, outcome, _) in &answers {
                match outcome {
                    Outcome::Bought(receipt) => bought.push(receipt.quantity),
                    Outcome::Refused(Refusal::OutOfStock { left: 3 | 4 }) => short += 1,
                    _ => {}
                }
            }
            if partial {
                assert!(bought.len() == 10 && short == 0, "{bought:?}, {short}");
                assert!(bought.iter().all(|units| (3..=5).contains(units)), "{bought:?}");
                assert!(!run.is_simulated || bought.iter().any(|units| *units < 5), "{bought:?}");
            } else {
                assert!(bought.iter().all(|units| *units == 5), "{bought:?}");
                assert!(short > 10, "what is left is too little: {bought:?}");
            }
        });
    }
}
