//! What every overlay keeps: laws over all sizes, and exact refusals.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use std::collections::BTreeSet;

use groupcast::overlay::{DEGREE_THREE_MAX, EDGES_MAX, Kind, NODES_MAX, Overlay, OverlayError};
use machine::{NodeId, Random};
use proptest::prelude::*;

fn nodes(count: u32) -> BTreeSet<NodeId> {
    (1..=count).map(NodeId).collect()
}

/// One overlay of each kind that is built.
fn all_kinds(count: u32, seed: u64) -> Vec<Overlay> {
    let (nodes, mut random) = (nodes(count), Random::from_seed(seed));
    let leader = NodeId(random.between(1, u64::from(count)) as u32);
    let extra = random.below(2 * u64::from(count)) as usize;
    vec![
        Overlay::mesh(&nodes).unwrap(),
        Overlay::ring(&nodes).unwrap(),
        Overlay::degree_three(&nodes, &mut random).unwrap(),
        Overlay::leader_and_random(&nodes, leader, extra, &mut random).unwrap(),
    ]
}

fn assert_laws(overlay: &Overlay, count: u32) {
    assert!(overlay.nodes().eq(nodes(count)));
    let first = overlay.nodes().next().unwrap();
    assert_eq!(overlay.routes(first).reached().count() + 1, overlay.size(), "connected");
    for one in overlay.nodes() {
        let neighbours = overlay.neighbours(one);
        assert!(!neighbours.contains(&one), "no self edge");
        assert!(neighbours.iter().all(|&other| overlay.has_edge(other, one)), "undirected");
        match overlay.kind() {
            Kind::Mesh => assert_eq!(neighbours.len() as u32, count - 1),
            Kind::Ring => assert_eq!(neighbours.len() as u32, (count - 1).min(2)),
            Kind::DegreeThree => assert!(neighbours.len() <= DEGREE_THREE_MAX),
            Kind::LeaderAndRandom | Kind::Edges => {}
        }
    }
    if overlay.kind() == Kind::LeaderAndRandom {
        assert_eq!(overlay.neighbours(overlay.hub().unwrap()).len() as u32, count - 1);
    }
}

#[test]
fn every_size_to_two_hundred_keeps_its_laws_and_comes_back_from_json() {
    for count in 1..=200 {
        for overlay in all_kinds(count, u64::from(count)) {
            assert_laws(&overlay, count);
            let json = serde_json::to_string(&overlay).unwrap();
            assert_eq!(serde_json::from_str::<Overlay>(&json).unwrap(), overlay);
        }
    }
}

#[test]
fn a_degree_three_overlay_is_as_dense_as_it_may_be() {
    for count in 4..=200 {
        let overlay =
            Overlay::degree_three(&nodes(count), &mut Random::from_seed(u64::from(count))).unwrap();
        let free: Vec<NodeId> = overlay
            .nodes()
            .filter(|&node| overlay.neighbours(node).len() < DEGREE_THREE_MAX)
            .collect();
        for (place, &one) in free.iter().enumerate() {
            assert!(free[place + 1..].iter().all(|&other| overlay.has_edge(one, other)));
        }
    }
}

#[test]
fn who_comes_later_finds_an_edge_and_is_not_missed_before() {
    for count in 1..=60 {
        for more in 0..=count + 2 {
            let (first, all) = (nodes(count), nodes(count + more));
            let mut random = Random::from_seed(u64::from(count * 100 + more));
            let later = &all - &first;
            let overlay = Overlay::degree_three_joined_by(&first, &later, &mut random).unwrap();
            assert_laws(&overlay, count + more);
            let is_first = |node: NodeId| node.0 <= count;
            let routes =
                overlay.routes_over(NodeId(1), |one, other| is_first(one) && is_first(other));
            assert_eq!(routes.reached().count() as u32, count - 1, "{more} beside {count}");
            for node in later {
                assert!(overlay.neighbours(node).iter().any(|&node| is_first(node)));
            }
        }
    }
    let (first, all) = (nodes(2), nodes(40));
    let crowd = Overlay::degree_three_joined_by(&first, &all, &mut Random::from_seed(1));
    assert_laws(&crowd.unwrap(), 40);
}

#[test]
fn with_a_tree_of_extra_edges_the_leader_may_go() {
    for count in 3..=60 {
        let (nodes, leader) = (nodes(count), NodeId(count));
        let extra = count as usize - 2;
        let mut random = Random::from_seed(u64::from(count));
        let overlay = Overlay::leader_and_random(&nodes, leader, extra, &mut random).unwrap();
        let routes = overlay.routes_over(NodeId(1), |one, other| ![one, other].contains(&leader));
        assert_eq!(routes.reached().count(), extra);
    }
    let full =
        Overlay::leader_and_random(&nodes(5), NodeId(2), usize::MAX, &mut Random::from_seed(0));
    assert_eq!(full.unwrap().edges().count(), 10, "more edges than there is place for");
}

proptest! {
    #[test]
    fn the_same_seed_gives_the_same_overlays(count in 1..=200_u32, seed: u64) {
        let overlays = all_kinds(count, seed);
        prop_assert_eq!(&overlays, &all_kinds(count, seed));
        for overlay in overlays {
            assert_laws(&overlay, count);
        }
    }

    #[test]
    fn each_hop_of_a_route_is_an_edge_and_lowers_the_distance(count in 2..=60_u32, seed: u64) {
        for overlay in all_kinds(count, seed) {
            for from in overlay.nodes() {
                let routes = overlay.routes(from);
                for to in overlay.nodes().filter(|&to| to != from) {
                    let via = routes.next_hop(to).unwrap();
                    prop_assert!(overlay.has_edge(from, via));
                    let left = if via == to { 0 } else { overlay.routes(via).hops(to).unwrap() };
                    prop_assert_eq!(routes.hops(to), Some(left + 1));
                }
            }
        }
    }

    #[test]
    fn edges_make_an_overlay_if_and_only_if_they_connect_all(
        count in 1..=8_u32,
        drawn in proptest::collection::btree_set((1..=8_u32, 1..=8_u32), 0..16),
    ) {
        let simple = drawn.iter().filter(|(one, other)| one < other && *other <= count);
        let edges: Vec<_> = simple.map(|&(one, other)| (NodeId(one), NodeId(other))).collect();
        let mut parts: Vec<BTreeSet<NodeId>> = (1..=count).map(|n| [NodeId(n)].into()).collect();
        for (one, other) in &edges {
            let (touched, mut rest): (Vec<_>, Vec<_>) =
                parts.into_iter().partition(|part| part.contains(one) || part.contains(other));
            rest.push(touched.into_iter().flatten().collect());
            parts = rest;
        }
        let built = Overlay::from_edges(&nodes(count), edges.iter().copied());
        prop_assert_eq!(built.is_ok(), parts.len() == 1);
        if let Ok(overlay) = built {
            prop_assert!(overlay.edges().eq(edges));
        }
    }

    #[test]
    fn no_json_panics(text in "[\\[\\]{},:\"0-9a-z-]{0,60}") {
        let _ = serde_json::from_str::<Overlay>(&text);
        let inside = format!(r#"{{"kind":"edges","nodes":[1,2],"edges":[{text}]}}"#);
        let _ = serde_json::from_str::<Overlay>(&inside);
    }
}

#[test]
fn the_form_is_stable() {
    let text = r#"{"kind":"degree-three","nodes":[1,2,3],"edges":[[1,2],[2,3]]}"#;
    let overlay: Overlay = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&overlay).unwrap(), text);
    let shuffled = r#"{"edges":[[3,2],[2,1]],"nodes":[3,1,2],"kind":"degree-three"}"#;
    assert_eq!(serde_json::from_str::<Overlay>(shuffled).unwrap(), overlay);
    for overlay in all_kinds(5, 1) {
        let value = serde_json::to_value(&overlay).unwrap();
        assert_eq!(value["kind"], overlay.kind().to_string());
    }
}

#[test]
fn what_is_no_overlay_is_refused_with_a_reason() {
    let refusal = |text: &str| serde_json::from_str::<Overlay>(text).unwrap_err().to_string();
    let edges = |kind: &str, nodes: &str, edges: &str| {
        refusal(&format!(r#"{{"kind":"{kind}","nodes":{nodes},"edges":{edges}}}"#))
    };
    let cases = [
        (edges("edges", "[]", "[]"), "at least one node"),
        (edges("edges", "[1,1]", "[]"), "node 1 is listed twice"),
        (edges("edges", "[1,2]", "[[1,2],[2,1]]"), "the edge between 2 and 1 is listed twice"),
        (edges("edges", "[1,2]", "[[2,2]]"), "joins node 2 with itself"),
        (edges("edges", "[1,2]", "[[1,3]]"), "names node 3, which is not listed"),
        (edges("edges", "[1,2,3,4]", "[[1,2],[3,4]]"), "no way leads from node 1 to node 3"),
        (edges("ring", "[1,2,3]", "[[1,2],[2,3]]"), "node 1 has 1 neighbours"),
        (edges("mesh", "[1,2,3]", "[[1,2],[2,3]]"), "2 to 2"),
        (
            edges("degree-three", "[1,2,3,4,5]", "[[1,2],[1,3],[1,4],[1,5]]"),
            "node 1 has 4 neighbours, and in a degree-three overlay",
        ),
        (
            edges("leader-and-random", "[1,2,3,4]", "[[1,2],[2,3],[3,4]]"),
            "one node has an edge to each other one",
        ),
        (edges("star", "[1]", "[]"), "unknown variant `star`, expected one of `mesh`, `ring`"),
        (edges("edges", "[1,2]", "[[1]]"), "invalid length 1"),
        (edges("edges", "[-1]", "[]"), "invalid value: integer `-1`"),
        (refusal(r#"{"kind":"edges","nodes":[1]}"#), "missing field `edges`"),
        (
            refusal(r#"{"kind":"edges","nodes":[1],"edges":[],"leader":1}"#),
            "unknown field `leader`, expected one of `kind`, `nodes`, `edges`",
        ),
    ];
    for (found, expected) in cases {
        assert!(found.contains(expected), "{found:?} does not say {expected:?}");
    }
}

#[test]
fn sizes_are_bounded() {
    let many = nodes(NODES_MAX as u32 + 1);
    let found = many.len();
    let too_many = Err(OverlayError::TooManyNodes { found });
    let mut random = Random::from_seed(0);
    assert_eq!(Overlay::ring(&many), too_many);
    assert_eq!(Overlay::degree_three(&many, &mut random), too_many);
    assert_eq!(Overlay::leader_and_random(&many, NodeId(1), 0, &mut random), too_many);
    assert_eq!(Overlay::mesh(&nodes(257)), Err(OverlayError::TooManyEdges));
    assert!(Overlay::mesh(&nodes(256)).is_ok());
    assert!(Overlay::degree_three(&nodes(NODES_MAX as u32), &mut random).is_ok());

    let list = |item: &str, count: usize| vec![item; count].join(",");
    let nodes = format!(r#"{{"kind":"edges","nodes":[{}]"#, list("1", NODES_MAX + 1));
    let edges =
        format!(r#"{{"kind":"edges","nodes":[1,2],"edges":[{}]"#, list("[1,2]", EDGES_MAX + 1));
    for (text, expected) in [(nodes, "at most 1024 nodes"), (edges, "at most 32768 edges")] {
        let refusal = serde_json::from_str::<Overlay>(&text).unwrap_err().to_string();
        assert!(refusal.contains(expected), "{refusal}");
    }
    assert_eq!(
        Overlay::leader_and_random(&many, NodeId(5000), 0, &mut random),
        Err(OverlayError::UnknownLeader { leader: NodeId(5000) }),
    );
}
