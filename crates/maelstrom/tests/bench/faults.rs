//! What breaks: links between nodes, and nodes.

use std::collections::BTreeSet;
use std::time::Duration;

use machine::Random;

/// How long a partition lasts, and the time between two: longer than a group takes to go on.
const PARTITION: (u64, u64) = (1500, 5000);
/// How long a node is dead. The group needs a second to notice.
const DEATH: (u64, u64) = (500, 4000);
/// How long after a start the next node may die: the group has to have let it in, or two deaths
/// would be the loss of a majority.
const BETWEEN_DEATHS: (u64, u64) = (6000, 9000);

#[derive(Debug, Clone)]
pub enum Fault {
    /// These links are cut, and all others are whole.
    Cut(Links),
    Kill(usize),
    Start(usize),
}

/// Cut links, by sender and receiver.
#[derive(Debug, Clone, Default)]
pub struct Links(BTreeSet<(usize, usize)>);

impl Links {
    pub fn is_cut(&self, from: usize, to: usize) -> bool {
        self.0.contains(&(from, to))
    }

    fn where_(nodes: usize, is_cut: impl Fn(usize, usize) -> bool) -> Self {
        let pairs = (0..nodes).flat_map(|from| (0..nodes).map(move |to| (from, to)));
        Self(pairs.filter(|&(from, to)| from != to && is_cut(from, to)).collect())
    }
}

/// One of the partitions that the workbench knows, and links that work in one direction.
fn partition(random: &mut Random, nodes: usize) -> Links {
    let mut order: Vec<usize> = (0..nodes).collect();
    for at in (1..nodes).rev() {
        order.swap(at, random.below(at as u64 + 1) as usize);
    }
    let place = |node: usize| order.iter().position(|&other| other == node).unwrap();
    let half = random.between(1, nodes as u64 / 2) as usize;
    match random.below(5) {
        // A minority on one side.
        0 | 1 => Links::where_(nodes, |from, to| (place(from) < half) != (place(to) < half)),
        // Each node sees a majority, and no two the same one.
        2 => Links::where_(nodes, |from, to| {
            let apart = place(from).abs_diff(place(to));
            apart.min(nodes - apart) > nodes / 4
        }),
        // Two halves, and one node that sees both.
        3 => Links::where_(nodes, |from, to| {
            let side = |node: usize| place(node).cmp(&(nodes / 2)) as i32;
            side(from) * side(to) < 0
        }),
        // A minority that hears, and is not heard.
        _ => Links::where_(nodes, |from, to| place(from) < half && place(to) >= half),
    }
}

/// Partitions one after another, healed at the end.
pub fn partitions(random: &mut Random, nodes: usize, lasts: Duration) -> Vec<(Duration, Fault)> {
    let (mut faults, mut at) = (Vec::new(), Duration::ZERO);
    loop {
        at += Duration::from_millis(random.between(PARTITION.0 / 3, PARTITION.1 / 2));
        faults.push((at.min(lasts), Fault::Cut(partition(random, nodes))));
        at += Duration::from_millis(random.between(PARTITION.0, PARTITION.1));
        faults.push((at.min(lasts), Fault::Cut(Links::default())));
        if at >= lasts {
            return faults;
        }
    }
}

/// Deaths one after another, all started again at the end.
pub fn kills(random: &mut Random, nodes: usize, lasts: Duration) -> Vec<(Duration, Fault)> {
    let mut faults = Vec::new();
    let mut at = Duration::from_millis(random.between(2000, 4000));
    while at < lasts {
        let node = random.below(nodes as u64) as usize;
        faults.push((at, Fault::Kill(node)));
        at += Duration::from_millis(random.between(DEATH.0, DEATH.1));
        faults.push((at.min(lasts), Fault::Start(node)));
        at += Duration::from_millis(random.between(BETWEEN_DEATHS.0, BETWEEN_DEATHS.1));
    }
    faults
}
