//! Each format, read by a judge that is not ours where there is one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use std::collections::BTreeMap;

use exports::flows::{About, flows};
use machine::{Epoch, Incarnation, NodeId};
use market::{ClientId, Good, LotId, Money, Order, Outcome, Party, Refusal, RequestId};
use serde_json::{Value, json};
use view::{Cause, Event, Fault, Operation, What};

fn good(name: &str) -> Good {
    Good::new(name).unwrap()
}

fn request(node: u64, number: u64) -> RequestId {
    RequestId { client: ClientId { party: Party(node), life: 1 }, number }
}

fn deposit() -> Operation {
    Operation::Deposit { good: good("fish"), quantity: 5, unit_price: Money(3) }
}

fn buy() -> Operation {
    Operation::Buy(Order { good: good("salt"), quantity: 2, limit: None, partial: false })
}

/// Peer 3 is elected; peer 1 brings fish; peer 2 asks for salt in vain twice, the second time while
/// the first question is open; then it is killed.
fn run() -> Vec<Event> {
    let epoch = Epoch { counter: 1, node: NodeId(3) };
    let outcome = Outcome::Deposited { lot: LotId(1) };
    let refusal = Refusal::NotSoldHere;
    let asked = |node, number, operation| {
        (node as u32, What::Asked { request: request(node, number), operation, stamp: None })
    };
    let refused = |number| {
        let request = request(2, number);
        (3, What::Refused { epoch, request, good: good("salt"), refusal })
    };
    let answered = |number| {
        let (request, outcome) = (request(2, number), Outcome::Refused(refusal));
        (2, What::Answered { request, operation: buy(), outcome, took_ns: 2500 })
    };
    let started =
        |node| (node, What::Started { incarnation: Incarnation(1), role: "peer".to_owned() });
    let told = vec![
        started(1),
        started(2),
        started(3),
        (3, What::Elected { epoch, cause: Cause::Start, took_ns: 7 }),
        (1, What::Followed { epoch, messages: 2 }),
        asked(1, 1, deposit()),
        (
            3,
            What::Deposited {
                epoch,
                request: request(1, 1),
                seller: Party(1),
                good: good("fish"),
                quantity: 5,
                unit_price: Money(3),
                lot: LotId(1),
            },
        ),
        (1, What::Answered { request: request(1, 1), operation: deposit(), outcome, took_ns: 9 }),
        asked(2, 1, buy()),
        asked(2, 2, buy()),
        refused(1),
        refused(2),
        answered(1),
        answered(2),
        asked(2, 3, buy()),
        (0, What::Fault { fault: Fault::Kill, target: NodeId(2) }),
    ];
    let numbered = told.into_iter().enumerate();
    let event = |(at, (node, what)): (usize, (u32, What))| Event {
        time_ns: at as u64 * 1500,
        node: NodeId(node),
        clock: None,
        what,
    };
    numbered.map(event).collect()
}

fn text(write: impl FnOnce(&[Event], &mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut bytes = Vec::new();
    write(&run(), &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn causes_lead_to_effects_at_other_nodes() {
    let found: Vec<_> = flows(&run()).iter().map(|flow| (flow.from, flow.to, flow.about)).collect();
    assert_eq!(
        found,
        [
            (3, 4, About::Leader),
            (5, 6, About::Question),
            (6, 7, About::Answer),
            (8, 10, About::Question),
            (9, 11, About::Question),
            (10, 12, About::Answer),
            (11, 13, About::Answer),
        ]
    );
}

/// By a parser of EDN.
#[test]
fn edn_says_what_json_says() {
    let jsonl = text(|events, to| exports::jepsen::jsonl(events, to));
    let edn = text(|events, to| exports::jepsen::edn(events, to));
    assert_eq!(jsonl.lines().count(), 8);
    assert_eq!(edn.lines().count(), 8);
    for (json, edn) in jsonl.lines().zip(edn.lines()) {
        let json: Value = serde_json::from_str(json).unwrap();
        let edn = edn_format::parse_str(edn).unwrap();
        assert_eq!(of_edn(&edn), json);
    }
    let first = "{:index 0, :time 7500, :type :invoke, :process 0, :f :deposit, :key \"fish\", \
                 :value {:quantity 5, :unit_price 3}}";
    assert_eq!(edn.lines().next(), Some(first));
}

fn of_edn(edn: &edn_format::Value) -> Value {
    use edn_format::Value as Edn;
    match edn {
        Edn::Nil => Value::Null,
        Edn::Boolean(value) => json!(value),
        Edn::Integer(value) => json!(value),
        Edn::String(text) => json!(text),
        Edn::Keyword(word) => json!(word.name()),
        Edn::Vector(values) => values.iter().map(of_edn).collect(),
        Edn::Map(fields) => {
            let field = |(key, value): (&Edn, &Edn)| {
                (of_edn(key).as_str().unwrap().to_owned(), of_edn(value))
            };
            Value::Object(fields.iter().map(field).collect())
        }
        other => panic!("nothing of ours is {other:?}"),
    }
}

/// By the patterns that the log itself begins with, in an engine for the patterns of browsers.
#[test]
fn shiviz_can_read_the_log() {
    let log = text(|events, to| exports::shiviz::write(events, to));
    let mut lines = log.lines();
    let line = regress::Regex::new(lines.next().unwrap()).unwrap();
    let between = regress::Regex::new(lines.next().unwrap()).unwrap();
    assert!(between.find(lines.next().unwrap()).is_some());
    let mut clocks: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    let mut count = 0;
    let mut named = std::collections::BTreeSet::new();
    for text in lines {
        count += 1;
        let found = line.find(text).unwrap_or_else(|| panic!("{text} is no line of the log"));
        assert_eq!(found.range(), 0..text.len());
        let group = |name: &str| text[found.named_group(name).unwrap()].to_owned();
        let clock: BTreeMap<String, u64> = serde_json::from_str(&group("clock")).unwrap();
        let (host, before) = (group("host"), clocks.get(&group("host")));
        let own = before.map_or(0, |before| before[&host]);
        assert_eq!(clock[&host], own + 1, "{text}");
        for (other, known) in before.into_iter().flatten() {
            assert!(clock[other] >= *known, "{text}");
        }
        named.extend(clock.keys().cloned());
        assert!(!group("event").is_empty());
        clocks.insert(host, clock);
    }
    assert_eq!(count, run().len());
    assert!(named.iter().all(|host| clocks.contains_key(host)), "each host has events");
    // Peer 2 knows of the election by what it was told, and of the deposit too.
    assert_eq!(
        clocks["peer-2"],
        BTreeMap::from([
            ("peer-1".to_owned(), 3),
            ("peer-2".to_owned(), 6),
            ("peer-3".to_owned(), 5),
        ])
    );
}

/// By what Perfetto asks of the form: no judge of it is to be had from a registry.
#[test]
fn a_trace_has_slices_that_nest_and_flows_that_begin_and_end_in_them() {
    let trace: Value = serde_json::from_str(&text(|e, to| exports::chrome::write(e, to))).unwrap();
    assert_eq!(trace["displayTimeUnit"], "ms");
    let events = trace["traceEvents"].as_array().unwrap();
    let of = |ph: &str| events.iter().filter(|event| event["ph"] == ph).collect::<Vec<_>>();
    let mut tracks: BTreeMap<(u64, u64), Vec<(f64, f64)>> = BTreeMap::new();
    for slice in of("X") {
        let track = (slice["pid"].as_u64().unwrap(), slice["tid"].as_u64().unwrap());
        let begin = slice["ts"].as_f64().unwrap();
        tracks.entry(track).or_default().push((begin, begin + slice["dur"].as_f64().unwrap()));
    }
    for spans in tracks.values() {
        for (begin, end) in spans {
            let overlaps =
                |(other, until): &&(f64, f64)| begin < other && *other < *end && end < until;
            assert_eq!(spans.iter().find(overlaps), None, "slices of a track nest");
        }
    }
    // Two operations of peer 2 are open at once, so they have tracks of their own.
    assert_eq!(tracks.keys().filter(|(pid, _)| *pid == 2).count(), 3);
    let (begins, ends) = (of("s"), of("f"));
    assert_eq!((begins.len(), ends.len()), (7, 7));
    for (begin, end) in begins.iter().zip(&ends) {
        assert_eq!((&begin["id"], &begin["name"]), (&end["id"], &end["name"]));
        assert!(begin["ts"].as_f64() <= end["ts"].as_f64());
        for side in [begin, end] {
            let track = (side["pid"].as_u64().unwrap(), side["tid"].as_u64().unwrap());
            let at = side["ts"].as_f64().unwrap();
            assert!(tracks[&track].iter().any(|(from, to)| (*from..=*to).contains(&at)));
        }
    }
    let names: Vec<_> = of("M").iter().map(|name| name["args"]["name"].clone()).collect();
    assert!(names.contains(&json!("peer-3")) && names.contains(&json!("directory")), "{names:?}");
    assert_eq!(of("i")[0]["args"], json!({"fault": "kill", "target": 2}));
    assert_eq!(of("C")[0]["args"], json!({"fish": 5}));
    assert_eq!(of("X")[0]["dur"], json!(3.0), "it took two steps of 1.5 us");
}

/// By a reader of CSV.
#[test]
fn a_table_has_a_row_an_event() {
    let table = text(|events, to| exports::csv::write(events, to));
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    assert_eq!(reader.headers().unwrap().len(), 9);
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), run().len());
    assert_eq!(&rows[6][2], "deposited");
    assert_eq!((&rows[6][4], &rows[6][5]), ("fish", "5"));
    let fields: Value = serde_json::from_str(&rows[6][8]).unwrap();
    assert_eq!(fields["lot"], 1);
}

#[test]
fn a_graph_has_an_edge_a_pair_and_subject() {
    let graph = text(|events, to| exports::dot::write(events, to));
    let expected = r#"digraph run {
  node [shape=box, fontname="sans-serif"];
  "directory" [label="directory\n", peripheries=1];
  "peer-1" [label="peer-1\npeer", peripheries=1];
  "peer-2" [label="peer-2\npeer", peripheries=1];
  "peer-3" [label="peer-3\npeer", peripheries=2];
  "peer-1" -> "peer-3" [label="1 question"];
  "peer-2" -> "peer-3" [label="2 question"];
  "peer-3" -> "peer-1" [label="1 answer"];
  "peer-3" -> "peer-1" [label="1 leader"];
  "peer-3" -> "peer-2" [label="2 answer"];
}
"#;
    assert_eq!(graph, expected);
}

/// By a checker of transactions.
#[test]
fn one_order_of_deliveries_is_serializable_and_two_are_not() {
    let judge = |other: &[u64]| {
        let of = |numbers: &[u64]| numbers.iter().map(|number| (NodeId(1), *number)).collect();
        let delivered =
            BTreeMap::from([(NodeId(1), of(&[1, 2, 3, 20, 4])), (NodeId(2), of(other))]);
        let mut text = Vec::new();
        exports::deliveries::jsonl(&delivered, &mut text).unwrap();
        let history = adya::History::from_json(std::str::from_utf8(&text).unwrap()).unwrap();
        let models = vec!["strict-serializable".into()];
        let options = adya::Opts { models, ..adya::Opts::default() };
        adya::check(&history, adya::Workload::ListAppend, &options)
    };
    assert_eq!(judge(&[1, 2, 3, 20, 4]).valid, adya::Valid::True);
    // A member may be behind.
    assert_eq!(judge(&[1, 2]).valid, adya::Valid::True);
    let swapped = judge(&[1, 3, 2, 20, 4]);
    assert_eq!(swapped.valid, adya::Valid::False);
    assert_eq!(swapped.anomaly_types, ["incompatible-order"]);
    assert_eq!(judge(&[1, 2, 3, 4, 20]).valid, adya::Valid::True, "lists are orders of their own");
}
