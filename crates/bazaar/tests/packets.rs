//! Packets: a peer on an overlay speaks along its edges, and plainly to the directory.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use bazaar::nodes::DIRECTORY;
use bazaar::scenario::Scenario;
use bazaar::settings;
use groupcast::overlay::Overlay;
use groupcast::{leadership, membership};
use machine::{Context, Destination, Effect, Incarnation, Input, Instant, Machine, NodeId, Random};
use peer::{Body, Message, Node, Packet, Trade};

const ME: NodeId = NodeId(2);

fn step(node: &mut Node, input: Input<Node>) -> Vec<(Destination, Packet)> {
    let (mut random, mut effects) = (Random::from_seed(0), Vec::new());
    node.handle(input, &mut Context::new(Instant::ZERO, &mut random, &mut effects));
    let sends = effects.into_iter().filter_map(|effect| match effect {
        Effect::Send { to, body, .. } => Some((to, body)),
        _ => None,
    });
    sends.collect()
}

/// Node 2 of the path 1 ─ 2 ─ 3 ─ 4.
fn node() -> Node {
    let edges = [(1, 2), (2, 3), (3, 4)].map(|(one, other)| (NodeId(one), NodeId(other)));
    let overlay = Overlay::from_edges(&(1..=4).map(NodeId).collect(), edges).unwrap();
    let scenario = Scenario::resolve("market", None, &["run.peers=4".to_owned()]).unwrap();
    settings::peer(&scenario, ME, "here".to_owned()).on(Some(overlay))
}

#[test]
fn a_peer_on_an_overlay_talks_to_the_directory_as_any_other() {
    let mut node = node();
    step(&mut node, Input::Start);
    let sent = step(&mut node, Input::Opened(DIRECTORY));
    let announced = |packet: &Packet| {
        matches!(packet, Packet::Membership(membership::Message::Announce { .. }))
    };
    assert!(sent.iter().any(|(to, packet)| to.nodes() == [DIRECTORY] && announced(packet)));
    let entry =
        membership::Entry { node: NodeId(4), incarnation: Incarnation(1), address: "there".into() };
    let list = membership::Message::Members { version: 1, entries: vec![entry] };
    let input = Input::Message { from: DIRECTORY, body: Packet::Membership(list) };
    let (mut random, mut effects) = (Random::from_seed(0), Vec::new());
    node.handle(input, &mut Context::new(Instant::ZERO, &mut random, &mut effects));
    let told = effects.iter().any(|effect| format!("{effect:?}").contains("Joined"));
    assert!(told, "{effects:?}");
}

#[test]
fn a_peer_on_an_overlay_talks_to_its_neighbours_only() {
    let mut node = node();
    let mut sent = step(&mut node, Input::Start);
    for neighbour in [1, 3] {
        sent.extend(step(&mut node, Input::Opened(NodeId(neighbour))));
    }
    assert!(sent.iter().any(|(_, packet)| matches!(packet, Packet::Overlay(_))));
    for (to, packet) in sent {
        let neighbours = [ME, NodeId(1), NodeId(3)];
        let is_plain = !matches!(packet, Packet::Overlay(_));
        let fits = |node: &NodeId| neighbours.contains(node) && (!is_plain || *node == ME);
        assert!(
            to.nodes().iter().all(|node| fits(node) || *node == DIRECTORY),
            "{to:?} {packet:?}"
        );
    }
    // What a neighbour, or anybody else on the overlay, says past it is not heard.
    let inquiry = || Packet::Trade(Trade { clock: None, body: Body::Inquire });
    for from in [3, 4] {
        let input = Input::Message { from: NodeId(from), body: inquiry() };
        assert_eq!(step(&mut node, input), []);
    }
}

#[test]
fn what_goes_as_it_is_is_written_as_a_message() {
    let messages = [
        Message::Membership(membership::Message::AskId { token: 7 }),
        Message::Leadership(leadership::Message::Ask),
        Message::Trade(Trade { clock: None, body: Body::Inquire }),
    ];
    for message in messages {
        let bytes = wire::to_bytes(&message).unwrap();
        assert_eq!(bytes, wire::to_bytes(&Packet::from(message.clone())).unwrap());
        assert_eq!(wire::from_bytes::<Packet>(&bytes).unwrap(), Packet::from(message));
    }
}
