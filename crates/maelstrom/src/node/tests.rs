//! One input, and what exactly follows; and a few nodes on links that lose nothing.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Nodes n1 to nK, and the packets between them, which arrive at once unless a node is cut off.
struct World {
    nodes: Vec<Node>,
    now: Instant,
    cut_off: Option<usize>,
    /// What clients were told.
    told: Vec<(String, Value)>,
}

impl World {
    fn new(count: usize) -> Self {
        let node = |life| Node::new(Settings { life, seed: life, ..Settings::default() });
        let nodes = (1..=count as u64).map(node).collect();
        let mut world = Self { nodes, now: Instant::ZERO, cut_off: None, told: Vec::new() };
        let names: Vec<_> = (1..=count).map(|at| format!("n{at}")).collect();
        for at in 0..count {
            let told =
                world.ask(at, json!({"type": "init", "node_id": names[at], "node_ids": names}));
            assert_eq!(told, Some(json!({"type": "init_ok", "in_reply_to": 1})));
        }
        world
    }

    /// A client's request, and the answer that came at once.
    fn ask(&mut self, at: usize, mut body: Value) -> Option<Value> {
        body["msg_id"] = json!(1);
        self.line(
            at,
            &json!({"src": "c1", "dest": format!("n{}", at + 1), "body": body}).to_string(),
        );
        self.pass();
        self.told.pop().map(|(_, body)| body)
    }

    fn line(&mut self, at: usize, line: &str) {
        let mut output = Output::default();
        self.nodes[at].line(self.now, line.as_bytes(), &mut output);
        self.take(output);
    }

    /// Lets all nodes do what is due, until nothing is.
    fn pass(&mut self) {
        while let Some(at) =
            self.nodes.iter().position(|node| node.wake_at().is_some_and(|at| at <= self.now))
        {
            let mut output = Output::default();
            self.nodes[at].wake(self.now, &mut output);
            self.take(output);
        }
    }

    fn take(&mut self, output: Output) {
        for packet in output.packets {
            let of = |name: &str| {
                self.nodes
                    .iter()
                    .enumerate()
                    .map(|(at, _)| at)
                    .find(|at| name == format!("n{}", at + 1))
            };
            match (of(&packet.source), of(&packet.destination)) {
                (from, to) if from.is_some() && to.is_some() => {
                    if self.cut_off.is_none() || self.cut_off != from && self.cut_off != to {
                        self.line(to.unwrap(), &String::from_utf8(packet.line().unwrap()).unwrap());
                    }
                }
                _ => self.told.push((packet.destination, Value::Object(packet.body))),
            }
        }
    }

    fn wait(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        self.pass();
        while let Some(next) = self.nodes.iter().filter_map(Node::wake_at).min()
            && next <= end
        {
            self.now = next.max(self.now);
            self.pass();
        }
        self.now = end;
    }

    fn code(&mut self, at: usize, body: Value) -> Option<u64> {
        self.ask(at, body).and_then(|body| body["code"].as_u64())
    }
}

fn write() -> Value {
    json!({"type": "write", "key": 1, "value": 2})
}

#[test]
fn a_node_that_does_not_know_who_it_is_refuses_and_is_told_once() {
    let mut output = Output::default();
    let mut node = Node::new(Settings::default());
    let ask = |body: Value| json!({"src": "c1", "dest": "n1", "body": body}).to_string();
    node.line(
        Instant::ZERO,
        ask(json!({"type": "echo", "msg_id": 1, "echo": 1})).as_bytes(),
        &mut output,
    );
    let told = json!({
        "type": "error", "in_reply_to": 1, "code": 11,
        "text": "this node has not been told who it is: no `init`",
    });
    assert_eq!(json!(output.packets.pop().unwrap().body), told);
    for (nodes, code) in
        [(json!(["n2"]), json!(12)), (json!(["n1"]), json!(null)), (json!(["n1"]), json!(12))]
    {
        let init = json!({"type": "init", "msg_id": 1, "node_id": "n1", "node_ids": nodes});
        node.line(Instant::ZERO, ask(init).as_bytes(), &mut output);
        assert_eq!(json!(output.packets.pop().unwrap().body)["code"], code);
    }
    let many: Vec<_> = (0..=NODES_MAX).map(|at| format!("n{at}")).collect();
    let init = json!({"type": "init", "msg_id": 1, "node_id": "n1", "node_ids": many});
    let mut node = Node::new(Settings::default());
    node.line(Instant::ZERO, ask(init).as_bytes(), &mut output);
    assert_eq!(output.packets.pop().unwrap().body["code"], 12);
}

#[test]
fn what_needs_no_order_is_answered_at_once() {
    let mut world = World::new(3);
    world.cut_off = Some(0);
    let answer = |world: &mut World, body| {
        world.ask(0, body).map(|mut body| {
            body.as_object_mut().unwrap().remove("in_reply_to");
            body
        })
    };
    let cases = [
        (json!({"type": "generate"}), json!({"type": "generate_ok", "id": "n1-1-1"})),
        (json!({"type": "generate"}), json!({"type": "generate_ok", "id": "n1-1-2"})),
        (json!({"type": "echo", "echo": 0.1}), json!({"type": "echo_ok", "echo": 0.1})),
        (json!({"type": "add", "delta": -4}), json!({"type": "add_ok"})),
        (json!({"type": "read"}), json!({"type": "read_ok", "value": -4})),
        (json!({"type": "topology", "topology": {}}), json!({"type": "topology_ok"})),
        (json!({"type": "read"}), json!({"type": "read_ok", "messages": []})),
        (json!({"type": "broadcast", "message": "a"}), json!({"type": "broadcast_ok"})),
        (json!({"type": "read"}), json!({"type": "read_ok", "messages": ["a"]})),
        (json!({"type": "poll", "offsets": {"k": 0}}), json!({"type": "poll_ok", "msgs": {}})),
    ];
    for (body, told) in cases {
        assert_eq!(answer(&mut world, body), Some(told));
    }
}

#[test]
fn a_request_waits_for_the_group_and_not_for_ever() {
    let mut world = World::new(3);
    assert_eq!(world.ask(1, write()), None);
    world.wait(2000);
    let told = json!({"type": "write_ok", "in_reply_to": 1});
    assert_eq!(world.told, [("c1".to_owned(), told)]);

    let mut world = World::new(3);
    world.cut_off = Some(2);
    assert_eq!(world.ask(2, write()), None);
    world.wait(ANSWER_LIMIT.as_millis() as u64);
    let told = std::mem::take(&mut world.told);
    assert_eq!(told[0].1["code"], 11, "it was never begun");
    for _ in 0..WAITING_MAX {
        assert_eq!(world.code(2, write()), None);
    }
    assert_eq!(world.code(2, write()), Some(11));
}

#[test]
fn a_node_that_is_cut_off_refuses_and_what_it_had_begun_stays_in_doubt() {
    let mut world = World::new(3);
    world.wait(2000);
    world.cut_off = Some(0);
    assert_eq!(world.ask(0, write()), None, "it hopes still");
    world.wait(CUT_OFF_LIMIT.as_millis() as u64);
    assert_eq!(world.code(0, write()), Some(11));
    let commit = json!({"type": "commit_offsets", "offsets": {"k": 1}});
    assert_eq!(world.code(0, commit), Some(13), "a definite error would undo its poll");
    world.wait(3000);
    let told = std::mem::take(&mut world.told);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1["code"], 0, "nobody can tell whether it will be done");
    // The others have gone on, and it comes back.
    assert_eq!(world.ask(1, write()).unwrap()["type"], "write_ok");
    world.cut_off = None;
    world.wait(4000);
    let read = json!({"type": "read", "key": 1});
    let told = json!({"type": "read_ok", "in_reply_to": 1, "value": 2});
    assert_eq!(world.ask(0, read), Some(told));
}

#[test]
fn one_node_alone_is_a_group() {
    let mut world = World::new(1);
    world.wait(1000);
    assert_eq!(world.ask(0, write()).unwrap()["type"], "write_ok");
    let cas = json!({"type": "cas", "key": 1, "from": 9, "to": 3});
    assert_eq!(world.code(0, cas), Some(22));
}

#[test]
fn what_is_nested_too_deeply_for_a_message_is_malformed() {
    let mut world = World::new(1);
    world.wait(1000);
    for (depth, code) in [(100, None), (123, Some(12))] {
        let value: Value = (0..depth).fold(json!(1), |value, _| json!([value]));
        let txn = json!({"type": "txn", "txn": [["append", 1, value]]});
        assert_eq!(world.code(0, txn), code, "{depth}");
    }
}

/// Bodies that are nearly right, in all their parts.
fn near() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        prop_oneof!["n1", "n2", "c1", "k", "r", "append", "00ff"].prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z]{1,3}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    let kind = prop_oneof![
        "init",
        "topology",
        "echo",
        "generate",
        "broadcast",
        "add",
        "read",
        "write",
        "cas",
        "txn",
        "send",
        "poll",
        "commit_offsets",
        "list_committed_offsets",
        "group",
        "gossip",
        "founding",
        ".{0,4}",
    ];
    let name = prop_oneof![
        "msg_id",
        "in_reply_to",
        "node_id",
        "node_ids",
        "echo",
        "message",
        "delta",
        "key",
        "value",
        "from",
        "to",
        "txn",
        "msg",
        "offsets",
        "keys",
        "bytes",
        "word",
        "life",
        "asks",
        "has_been",
    ];
    (kind, prop_oneof!["n1", "n2", "c1"], proptest::collection::btree_map(name, value, 0..6))
        .prop_map(|(kind, source, fields)| {
            let mut body: Body = fields.into_iter().collect();
            body.insert("type".into(), kind.into());
            json!({"src": source, "dest": "n1", "body": body})
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes on standard input: no panic, and no more than one answer to a request.
    #[test]
    fn no_line_is_too_much(
        lines in proptest::collection::vec(prop_oneof![near().prop_map(|v| v.to_string()), ".{0,40}"], 0..40),
        is_told: bool,
    ) {
        let mut node = Node::new(Settings::default());
        let mut output = Output::default();
        let init = r#"{"src":"c0","dest":"n1","body":{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1","n2"]}}"#;
        if is_told {
            node.line(Instant::ZERO, init.as_bytes(), &mut output);
        }
        for (at, line) in lines.iter().enumerate() {
            let now = Instant::ZERO + Duration::from_millis(100) * at as u32;
            node.line(now, line.as_bytes(), &mut output);
            node.wake(now, &mut output);
        }
        let answers = output.packets.iter().filter(|packet| packet.destination != "n2");
        prop_assert!(answers.count() <= lines.len() + 1);
    }
}
