//! Sentences and texts.

use clocks::VectorClock;
use machine::NodeId;
use market::{Outcome, Refusal};
use view::{Event, sentence, texts};

use crate::run::{answered, buy, event, one_of_each, refused, request};

/// 21.11.2024 21:27:36 UTC.
const ORIGIN: u64 = 1_732_224_456_000_000_000;

/// The words after the wall time.
fn words(event: &Event) -> String {
    sentence(event, ORIGIN)["21.11.2024 21:27:36.399 ".len()..].to_owned()
}

#[test]
fn every_kind_of_event_has_its_words() {
    let told: Vec<String> = one_of_each().iter().map(words).collect();
    let expected = [
        "peer 2 starts life 1 as buyer",
        "directory saw peer 2 join at 127.0.0.1:5002",
        "peer 5 has started the election",
        "peer 5 received an election message from peer 2",
        "peer 2 received OK from peer 5 and leaves the election to it",
        "Dear buyers and sellers, my ID is 5, and I am the new coordinator (epoch 1.5, there was \
         no leader yet, after 9.000 ms)",
        "peer 5 recognizes peer 5 as the new coordinator of the bazaar and is ready to trade (epoch 1.5, 6 election \
         messages sent)",
        "peer 2 recognizes peer 5 as the new coordinator of the bazaar and is ready to trade (epoch 1.5, 1 election \
         messages sent)",
        "trader 5 is ready for product registration and to trade (epoch 1.5, 0 units shipped before)",
        "seller 3 offers 10 fish at 10 each",
        "seller 3 registered 10 fish at 10 each with trader 5 as lot 1",
        "seller 3 has its goods in stock as lot 1 after 2.000 ms",
        "buyer 2 initiates a buy of 2 fish",
        "trader 5 sold 2 fish of seller 3 to buyer 2 for 20 and kept 2 of it",
        "buyer 2 bought 2 fish of seller 3 for 20 after 2.000 ms",
        "seller 3 has sold 2 fish to buyer 2 for 20 and earned 18 of it (18 in all), and has 3 units left",
        "buyer 2 initiates a buy of 1 salt",
        "trader 5 informed buyer 2 that no salt was available",
        "buyer 2 learned that no salt was available after 2.000 ms",
        "buyer 2 cannot have salt and picks fish instead",
        "buyer 2 rests for 6.000 ms",
        "buyer 2 initiates a buy of 1 fish",
        "the runner killed peer 5",
        "peer 2 doubts that peer 5 leads: the leader's connection ended",
        "peer 4 doubts that peer 5 leads: the leader's connection ended",
        "Dear buyers and sellers, my ID is 4, and I am the new coordinator (epoch 2.4, the \
         leader's connection ended, after 11.000 ms)",
        "peer 4 recognizes peer 4 as the new coordinator of the bazaar and is ready to trade (epoch 2.4, 4 election \
         messages sent)",
        "trader 4 is ready for product registration and to trade (epoch 2.4, 2 units shipped before)",
        "trader 4 serves the 1 requests first that were pending",
        "trader 4 gave its first answer to request 2.1.1 again",
        "peer 2 saw 8 fish in stock",
        "trader 4 gave the 8 fish of lot 1 back to seller 3",
        "trader 4 closed 1 idle sessions",
        "directory has not heard of peer 5 for too long",
        "peer 4 has reached its limit pending requests = 9",
        "peer 2 gives request 2.1.3 up: its fate is unknown",
        "peer 2 has its session again; by the books it has bought 1 times",
        "trader 4 resigns: it has made all the sales of its term",
        "peer 4 leads no more (epoch 2.4): it resigned",
        "peer 4 goes on as buyer",
        "peer 2 stopped",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_sentence_begins_with_the_wall_time_and_ends_with_the_clock() {
    let mut stopped = event(399, 2, view::What::Stopped);
    assert_eq!(sentence(&stopped, ORIGIN), "21.11.2024 21:27:36.399 peer 2 stopped");
    let mut clock = VectorClock::new();
    clock.tick(NodeId(2));
    stopped.clock = Some(clocks::Stamp::Vector(clock));
    stopped.time_ns = 25_000 * 1_000_000 + 999_999;
    assert_eq!(sentence(&stopped, ORIGIN), "21.11.2024 21:28:01.000 peer 2 stopped at {2:1}");
    // The last moment that can be told.
    stopped.time_ns = u64::MAX;
    assert!(sentence(&stopped, u64::MAX).contains(" peer 2 stopped"));
}

#[test]
fn refusals_say_why() {
    let told = |refusal| {
        let outcome: Outcome = refused(refusal);
        words(&answered(0, 2, request(2, 1, 1), buy("salt", 3), outcome))
    };
    assert_eq!(
        told(Refusal::OutOfStock { left: 2 }),
        "buyer 2 learned that only 2 salt were available after 2.000 ms"
    );
    assert_eq!(
        told(Refusal::NotSoldHere),
        "buyer 2 learned that nobody ever sold salt here after 2.000 ms"
    );
    assert_eq!(
        told(Refusal::OnlyOwnGoods),
        "buyer 2 learned that all salt left is its own after 2.000 ms"
    );
    assert!(told(Refusal::Conflict).starts_with("party 2 learned that it cannot be served: "));
}

#[test]
fn each_process_has_a_text_of_its_own() {
    let texts = texts(&one_of_each(), ORIGIN);
    let names: Vec<&str> = texts.keys().map(String::as_str).collect();
    assert_eq!(names, ["directory", "peer-2", "peer-3", "peer-4", "peer-5"]);
    assert_eq!(
        texts["directory"],
        "21.11.2024 21:27:36.002 directory saw peer 2 join at 127.0.0.1:5002\n\
         21.11.2024 21:27:36.061 the runner killed peer 5\n\
         21.11.2024 21:27:36.092 directory has not heard of peer 5 for too long\n"
    );
}

#[test]
fn what_a_request_did_to_a_clock_is_told() {
    let mut events = vec![
        event(1, 2, view::What::Campaigned),
        event(2, 2, view::What::Rests { lasts_ns: 0 }),
        event(3, 2, view::What::Rests { lasts_ns: 0 }),
    ];
    for (event, count) in events.iter_mut().zip([4, 4, 6]) {
        event.clock = Some(clocks::Stamp::Lamport(clocks::LamportClock(count)));
    }
    let text = &texts(&events, ORIGIN)["peer-2"];
    let ends: Vec<&str> = text.lines().map(|line| line.rsplit_once(" at ").unwrap().1).collect();
    assert_eq!(ends, ["4", "4", "6, 4 before"]);
}
