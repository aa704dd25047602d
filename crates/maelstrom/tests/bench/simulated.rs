//! The nodes as values, and time as a number: one seed, one run.

use machine::{Instant, Random};
use maelstrom::{Node, Output, Packet, Settings};

use super::judge::assert_well;
use super::{Bench, Nodes, Plan};

/// How many turns a run may take: beyond it something turns without time passing.
const TURNS_MAX: u64 = 1_000_000;

struct Simulated {
    settings: Settings,
    seeds: Random,
    nodes: Vec<Option<Node>>,
    lives: u64,
    /// Nodes that have something to do now.
    woken: Vec<bool>,
    output: Output,
}

impl Nodes for Simulated {
    fn start(&mut self, node: usize) {
        // As far apart as clocks are: a member takes a new number each time that it is removed.
        self.lives += 1 << 20;
        let (life, seed) = (self.lives, self.seeds.next_u64());
        self.nodes[node] = Some(Node::new(Settings { life, seed, ..self.settings.clone() }));
    }

    fn kill(&mut self, node: usize) {
        self.nodes[node] = None;
    }

    fn line(&mut self, node: usize, now: Instant, line: &[u8]) {
        if let Some(running) = &mut self.nodes[node] {
            running.line(now, line, &mut self.output);
            self.woken[node] = true;
        }
    }
}

impl Simulated {
    /// The end of a turn: what is due is done.
    fn wake(&mut self, now: Instant) -> Vec<Packet> {
        for (node, woken) in self.nodes.iter_mut().zip(&mut self.woken) {
            let Some(node) = node else { continue };
            if std::mem::take(woken) || node.wake_at().is_some_and(|at| at <= now) {
                node.wake(now, &mut self.output);
            }
        }
        assert_eq!(self.output.failed, None);
        self.output.notes.clear();
        std::mem::take(&mut self.output.packets)
    }

    fn next_at(&self) -> Option<Instant> {
        self.nodes.iter().flatten().filter_map(Node::wake_at).min()
    }
}

/// Runs a plan, and gives back what it has seen.
pub fn run(plan: Plan, settings: Settings) -> Bench {
    let mut nodes = Simulated {
        settings,
        seeds: Random::fork(plan.seed, 4),
        nodes: (0..plan.nodes).map(|_| None).collect(),
        lives: 0,
        woken: vec![false; plan.nodes],
        output: Output::default(),
    };
    let mut bench = Bench::new(plan);
    bench.begin(&mut nodes);
    let mut now = Instant::ZERO;
    for _ in 0..TURNS_MAX {
        bench.wake(now, &mut nodes);
        for packet in nodes.wake(now) {
            bench.sent(now, packet);
        }
        if bench.is_over() {
            return bench;
        }
        let next = bench.next_at().into_iter().chain(nodes.next_at()).min();
        now = next.expect("the bench has a last event").max(now);
    }
    panic!("seed {} does not end: {now}, {:?}", bench.plan.seed, bench.counts);
}

/// The same, and all has to be well.
pub fn run_well(plan: Plan) -> Bench {
    let bench = run(plan, Settings::default());
    assert_well(&bench);
    bench
}
