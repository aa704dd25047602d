//! Histories: their exact form, their processes, and reading whatever comes.

use market::Refusal;
use proptest::prelude::*;
use serde_json::Value;
use view::history::{self, Phase, Step};
use view::lines::{self, Tail};
use view::{Event, What, merge};

use crate::run::{answered, asked, bought, buy, deposit, event, one_of_each, refused, request};

fn text(events: &[Event]) -> String {
    let mut bytes = Vec::new();
    history::write(&mut bytes, &history::from_events(events)).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Process and phase of each line.
fn lanes(events: &[Event]) -> Vec<(u64, Phase)> {
    history::from_events(events).iter().map(|step| (step.process, step.phase)).collect()
}

#[test]
fn the_form_is_exact() {
    let expected = r#"
{"index":0,"time":30000000,"type":"invoke","process":0,"f":"deposit","key":"fish","value":{"quantity":10,"unit_price":10}}
{"index":1,"time":32000000,"type":"ok","process":0,"f":"deposit","key":"fish","value":{"lot":1,"request":"3.1.1"}}
{"index":2,"time":40000000,"type":"invoke","process":1,"f":"buy","key":"fish","value":{"limit":null,"partial":false,"quantity":2}}
{"index":3,"time":42000000,"type":"ok","process":1,"f":"buy","key":"fish","value":{"paid":20,"quantity":2,"request":"2.1.1"}}
{"index":4,"time":50000000,"type":"invoke","process":1,"f":"buy","key":"salt","value":{"limit":null,"partial":false,"quantity":1}}
{"index":5,"time":52000000,"type":"fail","process":1,"f":"buy","key":"salt","value":"out of stock: 0 units can be had; ask for fewer or later; nothing was sold"}
{"index":6,"time":60000000,"type":"invoke","process":1,"f":"buy","key":"fish","value":{"limit":null,"partial":false,"quantity":1}}
{"index":7,"time":81000000,"type":"invoke","process":2,"f":"look","key":"fish","value":null}
{"index":8,"time":82000000,"type":"ok","process":2,"f":"look","key":"fish","value":{"units":8}}
{"index":9,"time":94000000,"type":"info","process":1,"f":"buy","key":"fish","value":null}
"#;
    assert_eq!(text(&one_of_each()).trim(), expected.trim());
}

#[test]
fn requests_at_once_take_lanes_and_free_them() {
    let [a, b, c] = [1, 2, 3].map(|number| request(2, 1, number));
    let events = [
        asked(1, 2, a, buy("fish", 1)),
        asked(2, 2, b, buy("fish", 1)),
        answered(3, 2, a, buy("fish", 1), bought("fish", 1)),
        asked(4, 2, c, buy("fish", 1)),
        answered(5, 2, c, buy("fish", 1), refused(Refusal::NotSoldHere)),
        answered(6, 2, b, buy("fish", 1), bought("fish", 1)),
    ];
    let (invoke, ok, fail) = (Phase::Invoke, Phase::Ok, Phase::Fail);
    let expected = [(0, invoke), (1, invoke), (0, ok), (0, invoke), (0, fail), (1, ok)];
    assert_eq!(lanes(&events), expected);
}

#[test]
fn who_never_got_an_answer_is_in_doubt_and_its_lane_is_used_no_more() {
    let (old, new) = (request(2, 1, 1), request(2, 2, 1));
    let events = [
        asked(1, 2, old, buy("fish", 1)),
        event(2, 2, What::Stopped),
        asked(3, 2, new, buy("fish", 1)),
        answered(4, 2, new, buy("fish", 1), bought("fish", 1)),
    ];
    let (invoke, ok, info) = (Phase::Invoke, Phase::Ok, Phase::Info);
    assert_eq!(lanes(&events), [(0, invoke), (1, invoke), (1, ok), (0, info)]);
}

#[test]
fn a_forgotten_session_leaves_a_request_in_doubt() {
    for refusal in [Refusal::UnknownSession, Refusal::AnswerForgotten] {
        let [a, b] = [1, 2].map(|number| request(2, 1, number));
        let events = [
            asked(1, 2, a, buy("fish", 1)),
            answered(2, 2, a, buy("fish", 1), refused(refusal)),
            asked(3, 2, b, buy("fish", 1)),
        ];
        let (invoke, info) = (Phase::Invoke, Phase::Info);
        assert_eq!(lanes(&events), [(0, invoke), (0, info), (1, invoke), (1, info)]);
    }
}

#[test]
fn an_abandoned_request_that_was_answered_all_the_same_has_its_answer() {
    let id = request(2, 1, 1);
    let operation = deposit("fish", 2);
    let outcome = market::Outcome::Deposited { lot: market::LotId(4) };
    let events = [
        asked(1, 2, id, operation.clone()),
        event(2, 2, What::Abandoned { request: id, operation: operation.clone() }),
        answered(3, 2, id, operation, outcome),
    ];
    assert_eq!(lanes(&events), [(0, Phase::Invoke), (0, Phase::Ok)]);
}

#[test]
fn a_withdrawal_has_the_good_of_its_lot() {
    let [offer, back] = [1, 2].map(|number| request(3, 1, number));
    let (lot, quantity) = (market::LotId(4), 2);
    let withdraw = view::Operation::Withdraw { lot };
    let good = crate::run::good("fish");
    let events = [
        asked(1, 3, offer, deposit("fish", 2)),
        answered(2, 3, offer, deposit("fish", 2), market::Outcome::Deposited { lot }),
        asked(3, 3, back, withdraw.clone()),
        answered(4, 3, back, withdraw, market::Outcome::Withdrawn { good, quantity }),
    ];
    let told = text(&events);
    let last = told.lines().last().unwrap();
    assert!(last.contains(r#""f":"withdraw","key":"fish","value":{"quantity":2,"#), "{last}");
}

#[test]
fn foreign_histories_are_read() {
    let line = r#"{"process":3,"type":"invoke","f":"read","value":null,"op-index":1}"#;
    let [step] = &history::read(line.as_bytes()).unwrap()[..] else { panic!() };
    assert_eq!((step.process, step.phase, step.f.as_str()), (3, Phase::Invoke, "read"));
    assert_eq!((step.index, step.time, &step.key, &step.value), (0, 0, &None, &Value::Null));
    let error = history::read(&b"{}\n{\"process\":-1}"[..]).unwrap_err().to_string();
    assert!(
        error.starts_with("line 1 is not a step of a history: missing field `type`"),
        "{error}"
    );
}

#[test]
fn events_are_read_as_they_were_written() {
    let events = one_of_each();
    let mut bytes = Vec::new();
    lines::write(&mut bytes, &events).unwrap();
    assert_eq!(lines::read::<Event>(&bytes[..], Tail::Whole, "an event").unwrap(), events);
    // A process that was killed leaves a piece of a line.
    bytes.truncate(bytes.len() - 3);
    let read = lines::read::<Event>(&bytes[..], Tail::MayBeTorn, "an event").unwrap();
    assert_eq!(read, events[..events.len() - 1]);
}

#[test]
fn files_are_merged_by_time_then_node_then_position() {
    let started = |ms, node, role: &str| {
        let incarnation = machine::Incarnation(1);
        event(ms, node, What::Started { incarnation, role: role.to_owned() })
    };
    let second = vec![started(1, 2, "a"), started(4, 2, "b"), started(3, 2, "c")];
    let first = vec![started(1, 1, "d"), started(4, 1, "e"), started(4, 1, "f")];
    let roles: Vec<String> = merge(vec![second, first])
        .into_iter()
        .map(|event| match event.what {
            What::Started { role, .. } => role,
            _ => unreachable!(),
        })
        .collect();
    assert_eq!(roles, ["d", "a", "c", "e", "f", "b"]);
}

fn steps() -> impl Strategy<Value = Step> {
    let phase = prop::sample::select(vec![Phase::Invoke, Phase::Ok, Phase::Fail, Phase::Info]);
    let value = prop_oneof![
        Just(Value::Null),
        any::<u64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
        any::<(u32, bool)>().prop_map(|(quantity, partial)| {
            serde_json::json!({ "quantity": quantity, "limit": null, "partial": partial })
        }),
    ];
    (any::<(u64, u64, u64)>(), phase, ".*", proptest::option::of(".*"), value).prop_map(
        |((index, time, process), phase, f, key, value)| Step {
            index,
            time,
            phase,
            process,
            f,
            key,
            value,
        },
    )
}

proptest! {
    #[test]
    fn any_history_is_read_as_it_was_written(told in prop::collection::vec(steps(), 0..20)) {
        let mut bytes = Vec::new();
        history::write(&mut bytes, &told).unwrap();
        prop_assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), told.len());
        prop_assert_eq!(history::read(&bytes[..]).unwrap(), told);
    }

    #[test]
    fn whatever_the_bytes_are_reading_ends(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = history::read(&bytes[..]);
        let _ = lines::read::<Event>(&bytes[..], Tail::MayBeTorn, "an event");
    }

    #[test]
    fn a_damaged_line_is_an_event_or_an_error(at in 0..4000_usize, byte: u8) {
        let mut bytes = Vec::new();
        lines::write(&mut bytes, &one_of_each()).unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(events) = lines::read::<Event>(&bytes[..], Tail::Whole, "an event") {
            // What is read can be told.
            history::from_events(&events);
            view::texts(&events, u64::MAX);
        }
    }
}
