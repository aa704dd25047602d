//! Words between three nodes, lost and repeated.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const NAMES: [&str; 3] = ["n1", "n2", "n3"];

fn node(at: usize, life: u64) -> Gossip {
    let others = NAMES.iter().enumerate().filter(|(other, _)| *other != at);
    Gossip::new(NAMES[at], life, others.map(|(_, name)| (*name).to_owned()))
}

/// Passes words on, and their answers, until there are none.
fn pass(
    nodes: &mut [Gossip],
    from: usize,
    words: Vec<(String, Word)>,
    arrives: impl Fn(usize) -> bool,
) {
    for (to, word) in words {
        let to = NAMES.iter().position(|name| *name == to).unwrap();
        if !arrives(to) {
            continue;
        }
        if let Some(answer) = nodes[to].heard(NAMES[from], word) {
            assert_eq!(nodes[from].heard(NAMES[to], answer), None, "answers are not answered");
        }
    }
}

fn settle(nodes: &mut [Gossip]) {
    for _ in 0..20 {
        for at in 0..nodes.len() {
            let words = nodes[at].remind();
            pass(nodes, at, words, |_| true);
        }
        if nodes.iter().all(Gossip::is_settled) {
            return;
        }
    }
    panic!("twenty periods without a loss, and not settled");
}

#[test]
fn news_go_out_once_and_what_is_not_confirmed_again() {
    let mut nodes = [node(0, 1), node(1, 1), node(2, 1)];
    settle(&mut nodes);
    nodes[0].broadcast(json!("a")).unwrap();
    nodes[0].add(-3).unwrap();
    let words = nodes[0].news();
    assert_eq!(words.len(), 2);
    assert_eq!(nodes[0].news(), []);
    pass(&mut nodes, 0, words, |to| to == 1);
    assert_eq!((nodes[1].values().count(), nodes[1].count()), (1, -3));
    let again = nodes[0].remind();
    assert_eq!(again.len(), 1, "one has confirmed: {again:?}");
    assert_eq!(again[0].0, "n3");
    settle(&mut nodes);
    assert_eq!((nodes[2].values().count(), nodes[2].count()), (1, -3));
    assert!(nodes[0].remind().is_empty(), "all is said");
}

#[test]
fn a_node_that_starts_again_is_told_all_even_what_it_had_said_itself() {
    let mut nodes = [node(0, 1), node(1, 1), node(2, 1)];
    nodes[0].broadcast(json!(1)).unwrap();
    settle(&mut nodes);
    nodes[0] = node(0, 2);
    nodes[0].broadcast(json!(2)).unwrap();
    settle(&mut nodes);
    for node in &nodes {
        let values: Vec<_> = node.values().collect();
        assert_eq!(values, [&json!(1), &json!(2)]);
    }
}

#[test]
fn a_counter_at_the_end_of_its_range_and_a_full_set_refuse_and_stay() {
    let mut node = node(0, 1);
    for _ in 0..2 {
        node.add(i64::MAX).unwrap();
    }
    node.add(1).unwrap();
    assert_eq!(node.add(1).unwrap_err().code, Code::Abort);
    assert_eq!(node.count(), i128::from(u64::MAX));
    node.held_bytes = HELD_BYTES_MAX;
    assert_eq!(node.broadcast(json!(1)).unwrap_err().code, Code::Abort);
    assert_eq!(node.values().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is lost and however often it is said: in the end all have the same, and all of it.
    #[test]
    fn nodes_come_to_agree(
        steps in proptest::collection::vec((0..3_usize, 0..5_u8, -5..5_i64, any::<[bool; 3]>()), 1..60),
    ) {
        let mut nodes = [node(0, 1), node(1, 1), node(2, 1)];
        let (mut values, mut count) = (Vec::new(), 0);
        for (number, (at, what, delta, arrives)) in steps.into_iter().enumerate() {
            match what {
                0 => {
                    nodes[at].broadcast(json!(number)).unwrap();
                    values.push(number);
                }
                1 => {
                    nodes[at].add(delta).unwrap();
                    count += i128::from(delta);
                }
                _ => {
                    let words = if what == 2 { nodes[at].remind() } else { nodes[at].news() };
                    pass(&mut nodes, at, words.clone(), |to| arrives[to]);
                    pass(&mut nodes, at, words, |to| !arrives[to] && what == 4);
                }
            }
        }
        settle(&mut nodes);
        for node in &nodes {
            let mut found: Vec<_> = node.values().map(|value| value.as_u64().unwrap() as usize).collect();
            found.sort_unstable();
            prop_assert_eq!(&found, &values);
            prop_assert_eq!(node.count(), count);
        }
    }
}
