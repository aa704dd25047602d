//! A few groups' members on a virtual network that can be watched.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use groupcast::group::{Alarm, Command, Delivery, Group, Message, Order, Report, Settings};
use machine::{Context, Effect, Incarnation, Input, Instant, Machine, NodeId, Random};

struct Node {
    group: Group,
    random: Random,
    alarms: BTreeMap<Alarm, Instant>,
    /// What was delivered: the state that joining members get.
    log: Vec<String>,
}

pub struct World {
    nodes: BTreeMap<NodeId, Node>,
    under_way: VecDeque<(NodeId, NodeId, Message)>,
    cuts: BTreeSet<(NodeId, NodeId)>,
    now: Instant,
    order: Order,
    delivery: Delivery,
    lives: u64,
    pub out: String,
    quiet: bool,
}

impl Default for World {
    fn default() -> Self {
        Self {
            nodes: BTreeMap::new(),
            under_way: VecDeque::new(),
            cuts: BTreeSet::new(),
            now: Instant::ZERO,
            order: Order::Sequencer,
            delivery: Delivery::Safe,
            lives: 0,
            out: String::new(),
            quiet: false,
        }
    }
}

impl World {
    pub fn directive(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let directive = words.next().unwrap_or_default();
        let rest: Vec<&str> = words.collect();
        let nodes = || rest.iter().map(|word| NodeId(word.parse().unwrap())).collect::<Vec<_>>();
        match directive {
            "group" => self.settings(&rest),
            "quiet" => self.quiet = true,
            "loud" => self.quiet = false,
            "found" => {
                self.start(nodes()[0]);
                self.input(nodes()[0], Input::Command(Command::Found));
            }
            "join" => {
                for node in nodes() {
                    self.start(node);
                    let contacts =
                        self.nodes.keys().copied().filter(|&other| other != node).collect();
                    self.input(node, Input::Command(Command::Join(contacts)));
                }
            }
            "send" => {
                let message = Bytes::from(rest[1..].join(" "));
                self.input(
                    NodeId(rest[0].parse().unwrap()),
                    Input::Command(Command::Multicast(message)),
                );
            }
            "leave" => self.input(nodes()[0], Input::Command(Command::Leave)),
            "step" => self.step(),
            "run" => self.run(),
            "pass" => self.pass(duration(rest[0])),
            "cut" => {
                self.cuts.insert((nodes()[0], nodes()[1]));
                self.cuts.insert((nodes()[1], nodes()[0]));
            }
            "heal" => self.cuts.clear(),
            "crash" => self.crash(nodes()[0], true),
            "kill-quietly" => self.crash(nodes()[0], false),
            other => panic!("{other}: no such directive"),
        }
    }

    fn settings(&mut self, words: &[&str]) {
        for word in words {
            match word.split_once('=').unwrap() {
                ("order", name) => {
                    let found = Order::ALL.into_iter().find(|order| order.to_string() == name);
                    self.order = found.unwrap();
                }
                ("delivery", name) => {
                    let found = Delivery::ALL.into_iter().find(|kind| kind.to_string() == name);
                    self.delivery = found.unwrap();
                }
                (key, _) => panic!("{key}: no such setting"),
            }
        }
    }

    fn start(&mut self, node: NodeId) {
        self.lives += 1;
        let settings = Settings {
            order: self.order,
            delivery: self.delivery,
            ..Settings::new(node, Incarnation(self.lives), format!("n{node}"))
        };
        let fresh = Node {
            group: Group::new(settings),
            random: Random::fork(7, self.lives),
            alarms: BTreeMap::new(),
            log: Vec::new(),
        };
        self.nodes.insert(node, fresh);
        self.input(node, Input::Start);
        for other in self.others(node) {
            self.input(node, Input::Opened(other));
            self.input(other, Input::Opened(node));
        }
    }

    fn others(&self, node: NodeId) -> Vec<NodeId> {
        self.nodes.keys().copied().filter(|&other| other != node).collect()
    }

    fn crash(&mut self, node: NodeId, is_noticed: bool) {
        self.nodes.remove(&node);
        self.under_way.retain(|(_, to, _)| *to != node);
        if is_noticed {
            for other in self.others(node) {
                self.input(other, Input::Closed(node));
            }
        }
    }

    /// What is under way now arrives; what follows from it is under way then.
    fn step(&mut self) {
        for _ in 0..self.under_way.len() {
            if let Some((from, to, body)) = self.under_way.pop_front()
                && !self.cuts.contains(&(from, to))
                && self.nodes.contains_key(&to)
            {
                self.note(format_args!("{from} -> {to}  {}", shown(&body)));
                self.input(to, Input::Message { from, body });
            }
        }
    }

    fn run(&mut self) {
        for _ in 0..1000 {
            if self.under_way.is_empty() {
                return;
            }
            self.step();
        }
        panic!("it never ends");
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.run();
            let due = self.nodes.iter().flat_map(|(&node, state)| {
                state.alarms.iter().map(move |(&alarm, &at)| (at, node, alarm))
            });
            let Some((at, node, alarm)) = due.min().filter(|(at, ..)| *at <= end) else { break };
            self.now = self.now.max(at);
            self.nodes.get_mut(&node).unwrap().alarms.remove(&alarm);
            self.input(node, Input::Alarm(alarm));
        }
        self.now = end;
    }

    fn input(&mut self, node: NodeId, input: Input<Group>) {
        let Some(state) = self.nodes.get_mut(&node) else { return };
        let mut effects = Vec::new();
        state.group.handle(input, &mut Context::new(self.now, &mut state.random, &mut effects));
        state.group.check().unwrap();
        let mut flush = false;
        for effect in effects {
            match effect {
                Effect::Send { to, body, .. } => {
                    let to = to.nodes().iter().map(|&to| (node, to, body.clone()));
                    self.under_way.extend(to);
                }
                Effect::Set { alarm: Alarm::Flush, .. } => flush = true,
                Effect::Set { alarm, at } => {
                    self.nodes.get_mut(&node).unwrap().alarms.insert(alarm, at);
                }
                Effect::Clear(alarm) => {
                    self.nodes.get_mut(&node).unwrap().alarms.remove(&alarm);
                }
                Effect::Report { report, .. } => self.report(node, report),
                Effect::Persist { .. } | Effect::Snapshot { .. } | Effect::Claim(_) => {}
            }
        }
        if flush {
            self.input(node, Input::Alarm(Alarm::Flush));
        }
    }

    fn report(&mut self, node: NodeId, report: Report) {
        match report {
            Report::Delivered { sender, messages } => {
                self.note(format_args!("{node}: delivered {messages:?} of {sender}"));
                let texts = messages.iter().map(|text| String::from_utf8_lossy(text).into_owned());
                self.nodes.get_mut(&node).unwrap().log.extend(texts);
            }
            Report::View(view) => {
                let members: Vec<_> = view.members.iter().map(|member| member.node.0).collect();
                let (id, coordinator) = (view.id, view.coordinator);
                self.out += &format!("{node}: {id:?} {members:?}, coordinator {coordinator}\n");
            }
            Report::StateWanted(view) => {
                let state = Bytes::from(self.nodes[&node].log.join(","));
                self.input(node, Input::Command(Command::State(view, state)));
            }
            Report::State(state) => {
                let text = String::from_utf8_lossy(&state).into_owned();
                self.note(format_args!("{node}: begins with [{text}]"));
                let log = text.split(',').filter(|word| !word.is_empty()).map(str::to_owned);
                self.nodes.get_mut(&node).unwrap().log = log.collect();
            }
            Report::Meet(..) => {}
            other => self.out += &format!("{node}: {other:?}\n"),
        }
    }

    fn note(&mut self, line: std::fmt::Arguments<'_>) {
        if !self.quiet {
            writeln!(self.out, "{line}").unwrap();
        }
    }
}

/// A message as a line of a transcript.
fn shown(body: &Message) -> String {
    match body {
        Message::Frame(frame) | Message::Heartbeat(frame) => format!("{frame:?}"),
        Message::Promised(view, epoch, promise) => {
            format!(
                "Promised({view:?}, {epoch}, held {:?}, accepted {:?})",
                promise.held,
                promise.accepted.as_ref().map(|(epoch, _)| epoch)
            )
        }
        Message::Propose(view, epoch, proposal) => {
            format!("Propose({view:?}, {epoch}, {:?}, cut {:?})", proposal.view.id, proposal.cut)
        }
        Message::Install(view, proposal) => {
            format!("Install(after {view:?}: {:?}, cut {:?})", proposal.view.id, proposal.cut)
        }
        Message::Join(joiner) => format!("Join({})", joiner.node),
        other => format!("{other:?}"),
    }
}

fn duration(word: &str) -> Duration {
    Duration::from_millis(word.trim_end_matches("ms").parse().unwrap())
}
