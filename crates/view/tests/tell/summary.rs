//! The figures of a run, its table, and its progress.

use market::Outcome;
use view::{Cause, Event, Facts, Progress, Summary, Verdict, What};

use crate::run::{MS, answered, asked, bought, buy, epoch, event, one_of_each, request};
use machine::NodeId;

fn facts() -> Facts {
    Facts {
        preset: "market".to_owned(),
        seed: 7,
        seconds: 1.02,
        totals: None,
        oversold: 0,
        undersold: 0,
        verdict: Verdict::Pass,
        violations: Vec::new(),
    }
}

#[test]
fn the_object_is_exact() {
    let summary = Summary::tally(&one_of_each(), facts());
    let expected = concat!(
        r#"{"preset":"market","seed":7,"seconds":1.02,"#,
        r#""buys":{"asked":3,"sold":1,"refused":1,"unanswered":1},"#,
        r#""goods":{"deposited":10,"shipped":2,"left":0,"per_second":2.0,"oversold":0,"undersold":0},"#,
        r#""money":{"paid":20,"earned":18,"commission":2},"#,
        r#""latency_us":{"p50":2000,"p90":2000,"p99":2000,"max":2000},"#,
        r#""elections":[{"epoch":1,"leader":5,"cause":"start","ms":12.0,"messages":7},"#,
        r#"{"epoch":2,"leader":4,"cause":"crash","ms":12.0,"messages":4}],"#,
        r#""verdict":"pass","violations":[]}"#,
    );
    assert_eq!(serde_json::to_string(&summary).unwrap(), expected);
    assert_eq!(serde_json::from_str::<Summary>(expected).unwrap(), summary);
}

#[test]
fn the_market_that_was_left_has_the_last_word_on_goods_and_money() {
    let rules =
        market::Rules { commission_basis_points: 1000, choice: market::SellerChoice::Oldest };
    let totals = Some(market::Kernel::new(rules).unwrap().totals());
    let summary = Summary::tally(&one_of_each(), Facts { totals, ..facts() });
    assert_eq!((summary.goods.shipped, summary.money.paid), (0, 0));
    assert_eq!(summary.buys.sold, 1);
}

#[test]
fn latency_is_that_of_sold_and_refused_buys() {
    let took = |number: u64, took_ns: u64| {
        let id = request(2, 1, number);
        let what = What::Answered {
            request: id,
            operation: buy("fish", 1),
            outcome: bought("fish", 1),
            took_ns,
        };
        [asked(number, 2, id, buy("fish", 1)), event(number, 2, what)]
    };
    let mut events: Vec<Event> =
        (1..=98).flat_map(|number| took(number, number * 10_000)).collect();
    events.extend(took(99, 50 * MS));
    events.extend(took(100, u64::MAX));
    // Neither a deposit nor a session is a buy.
    let open = view::Operation::Open;
    events.push(answered(200, 2, request(2, 1, 0), open, Outcome::Opened { purchases: 0 }));
    let latency = Summary::tally(&events, facts()).latency_us;
    assert_eq!((latency.p50, latency.p90), (500, 900));
    // To four digits; what took longer than an hour took an hour.
    assert!((50_000..50_005).contains(&latency.p99), "{}", latency.p99);
    assert!((3_600_000_000..3_600_400_000).contains(&latency.max), "{}", latency.max);
}

#[test]
fn an_election_begins_with_the_first_doubt_that_lasted() {
    let doubt =
        |ms, node| event(ms, node, What::Suspected { suspect: NodeId(5), cause: Cause::Hang });
    let won = |ms, epoch, took| {
        event(ms, 4, What::Elected { epoch, cause: Cause::Hang, took_ns: took * MS })
    };
    let first = event(5, 5, What::Elected { epoch: epoch(1, 5), cause: Cause::Start, took_ns: MS });
    let ms = |events: &[Event]| Summary::tally(events, facts()).elections[1].ms;

    let follows = event(20, 1, What::Followed { epoch: epoch(1, 5), messages: 0 });
    let doubted = [first.clone(), doubt(10, 1), doubt(30, 2), won(50, epoch(2, 4), 5)];
    assert_eq!(ms(&doubted), 40.0);
    let thought_better =
        [first.clone(), doubt(10, 1), follows, doubt(30, 2), won(50, epoch(2, 4), 5)];
    assert_eq!(ms(&thought_better), 20.0);
    assert_eq!(ms(&[first, won(50, epoch(2, 4), 5)]), 5.0, "the winner's own word");
}

#[test]
fn the_table_is_aligned() {
    let violations = vec!["exactly once: request 2.1.1 was carried out twice".to_owned()];
    let facts = Facts { verdict: Verdict::Fail, violations, ..facts() };
    let table = Summary::tally(&one_of_each(), facts).table();
    let expected = "\
market, seed 7, 1.02 s: FAIL

buys           asked       sold    refused unanswered
                   3          1          1          1

goods      deposited    shipped       left per second   oversold  undersold
                  10          2          0          2          0          0

money           paid     earned commission
                  20         18          2

latency       p50 us     p90 us     p99 us     max us
                2000       2000       2000       2000

elections      epoch     leader      cause         ms   messages
                   1          5      start       12.0          7
                   2          4      crash       12.0          4

violations
exactly once: request 2.1.1 was carried out twice
";
    assert_eq!(table, expected);
}

#[test]
fn the_table_fits_80_columns_whatever_the_figures() {
    let mut summary = Summary::tally(&one_of_each(), facts());
    let buys = &mut summary.buys;
    (buys.asked, buys.sold, buys.refused, buys.unanswered) = (u64::MAX, u64::MAX, 0, 1);
    summary.money.paid = u64::MAX;
    summary.goods.per_second = f64::MAX;
    summary.elections[0].ms = 1e12;
    summary.elections[0].leader = NodeId(u32::MAX);
    summary.elections = vec![summary.elections[0]; 30];
    summary.violations = vec!["word ".repeat(50), "x".repeat(200)];
    let table = summary.table();
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    assert!(table.contains("\nand 10 more\n"), "{table}");
}

#[test]
fn progress_counts_and_forgets_a_dead_trader() {
    let mut progress = Progress::default();
    let events = one_of_each();
    let killed = events.iter().position(|event| matches!(event.what, What::Fault { .. })).unwrap();
    events[..killed].iter().for_each(|event| progress.feed(event));
    assert_eq!(
        progress.to_string(),
        "0.0 s: trader 5 (epoch 1), 1 sales (0/s), 1 refusals, 1 elections"
    );
    progress.feed(&events[killed]);
    assert_eq!(progress.trader, None);
    events[killed..].iter().for_each(|event| progress.feed(event));
    assert_eq!(progress.to_string(), "1.0 s: no trader, 1 sales (1/s), 1 refusals, 2 elections");
    progress.feed(&event(2500, 1, What::Stopped));
    assert_eq!(progress.sales_per_second, 0);
}
