//! The drawing of a topology: a document of its own, with every node and edge in it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use std::collections::BTreeSet;

use groupcast::overlay::Overlay;
use machine::{NodeId, Random};
use roxmltree::Document;
use view::topology::{Node, Topology};

fn overlays(count: u32) -> Vec<Overlay> {
    let nodes: BTreeSet<NodeId> = (1..=count).map(NodeId).collect();
    let mut random = Random::from_seed(u64::from(count));
    vec![
        Overlay::mesh(&nodes).unwrap(),
        Overlay::ring(&nodes).unwrap(),
        Overlay::degree_three(&nodes, &mut random).unwrap(),
        Overlay::leader_and_random(&nodes, NodeId(count), count as usize, &mut random).unwrap(),
        Overlay::from_edges(&nodes, (2..=count).map(|node| (NodeId(node / 2), NodeId(node))))
            .unwrap(),
    ]
}

fn topology(overlay: Overlay) -> Topology {
    let leader = overlay.nodes().last().unwrap();
    let role = |id: NodeId| match id.0 % 3 {
        _ if id == leader => "trader",
        0 => "buyer",
        1 => "seller",
        _ => "buyer and seller",
    };
    let node = |id: NodeId| Node {
        id,
        name: format!("peer-{id}"),
        role: role(id).to_owned(),
        address: Some("127.0.0.1:7001".to_owned()),
        leads: id == leader,
    };
    Topology { nodes: overlay.nodes().map(node).collect(), overlay }
}

fn numbers(element: roxmltree::Node<'_, '_>, names: [&str; 4]) -> [f64; 4] {
    names.map(|name| element.attribute(name).unwrap().parse().unwrap())
}

#[test]
fn every_node_and_edge_is_drawn_inside_the_picture_and_no_node_covers_another() {
    for count in [1, 2, 3, 4, 7, 12, 30, 60] {
        for overlay in overlays(count) {
            let topology = topology(overlay.clone());
            let svg = topology.svg();
            assert_eq!(svg, topology.svg(), "the same topology, the same bytes");
            let document = Document::parse(&svg).unwrap();
            let root = document.root_element();
            let all = |name: &'static str| {
                root.descendants().filter_map(move |element| element.attribute(name))
            };
            let edges: Vec<String> =
                overlay.edges().map(|(one, other)| format!("{one}-{other}")).collect();
            assert!(all("data-edge").eq(edges.iter().map(String::as_str)));
            let nodes: Vec<String> = overlay.nodes().map(|node| node.to_string()).collect();
            assert!(all("data-node").eq(nodes.iter().map(String::as_str)));

            let [width, height] = ["width", "height"]
                .map(|name| root.attribute(name).unwrap().parse::<f64>().unwrap());
            let groups = root.children().filter(|element| element.has_attribute("data-node"));
            let boxes: Vec<[f64; 4]> = groups
                .map(|group| {
                    let rect = group.children().rfind(|child| child.has_tag_name("rect")).unwrap();
                    numbers(rect, ["x", "y", "width", "height"])
                })
                .collect();
            for (index, &[x, y, w, h]) in boxes.iter().enumerate() {
                assert!(x >= 0.0 && y >= 0.0 && x + w <= width && y + h <= height);
                for &[other_x, other_y, other_w, other_h] in &boxes[index + 1..] {
                    let apart = x + w <= other_x || other_x + other_w <= x;
                    let above = y + h <= other_y || other_y + other_h <= y;
                    assert!(
                        apart || above,
                        "nodes cover each other: {} of {count}",
                        overlay.kind()
                    );
                }
            }
        }
    }
}

#[test]
fn names_roles_and_the_leader_are_written() {
    let svg = topology(overlays(4).remove(1)).svg();
    let document = Document::parse(&svg).unwrap();
    let texts: Vec<&str> = document
        .descendants()
        .filter(|element| element.has_tag_name("text"))
        .filter_map(|element| element.text())
        .collect();
    assert_eq!(texts[..4], ["peer-1", "peer-2", "peer-3", "peer-4"]);
    assert_eq!(texts[4], "ring: 4 nodes, 4 edges");
    assert_eq!(
        texts[5..],
        ["buyer", "buyer and seller", "seller", "trader", "surrounds the leader"]
    );
    assert!(svg.contains("<title>peer-4: trader, leads</title>"));
    assert_eq!(svg.matches("fill=\"#e0a000\"").count(), 2, "the leader's and the legend's");
}

#[test]
fn whatever_the_names_are_the_document_is_well_formed() {
    let mut topology = topology(overlays(3).remove(1));
    let names =
        ["</text><script>alert('x')</script>", "a&b\"\u{0}\u{1b}[31m\u{FFFE}", "ünïcödé 名"];
    for (node, name) in topology.nodes.iter_mut().zip(names) {
        (node.name, node.role) = (name.to_owned(), name.repeat(9));
    }
    let svg = topology.svg();
    let document = Document::parse(&svg).unwrap();
    assert!(!document.descendants().any(|element| element.has_tag_name("script")));
    assert!(svg.contains("ünïcödé 名</text>"));
}

#[test]
fn a_node_of_which_nothing_is_known_is_drawn_under_its_number() {
    let overlay = overlays(2).remove(1);
    let svg = Topology { overlay, nodes: Vec::new() }.svg();
    Document::parse(&svg).unwrap();
    assert!(svg.contains(">1</text>") && svg.contains(">2</text>"));
}

#[test]
fn it_comes_back_from_json() {
    for overlay in overlays(5) {
        let topology = topology(overlay);
        let json = serde_json::to_string(&topology).unwrap();
        assert_eq!(serde_json::from_str::<Topology>(&json).unwrap(), topology);
    }
    let json = serde_json::to_string(&topology(overlays(2).remove(1))).unwrap();
    let start = r#"{"overlay":{"kind":"ring","nodes":[1,2],"edges":[[1,2]]},"nodes":[{"id":1,"#;
    assert!(json.starts_with(start), "{json}");
    let unknown = json.replacen("\"name\"", "\"nome\"", 1);
    let refusal = serde_json::from_str::<Topology>(&unknown).unwrap_err().to_string();
    assert!(refusal.contains("unknown field `nome`"), "{refusal}");
}
