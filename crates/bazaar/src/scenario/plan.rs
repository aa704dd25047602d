//! What goes wrong in a simulated world, as a file that a person writes by hand.
//!
//! The words are those of a scenario's faults where they mean the same. Times count from the
//! beginning of the world, and what has no `for` lasts until all faults end.

use std::path::Path;
use std::time::Duration;

use machine::{Instant, NodeId};
use sim::Kind;
use sim::fault::{Fault, Plan, Planned, Who};

use super::duration::DurationText;
use super::layers;
use super::problem::{Problem, Problems, ScenarioError};
use super::setting::{Cursor, Leaf, Setting, Written, Wrong, choices, no_choice, tables};
use super::text;
use super::tree::{self, Node, Place, Value, quote};
use super::value::Probability;

/// The latest time of a plan, and the duration of what has none: longer than any world.
const TIME_MAX: Duration = Duration::from_secs(3_600);
/// How late a message may be made: longer than any limit of a protocol.
const DELAY_MAX: Duration = Duration::from_secs(60);
/// Largest plan, in bytes: a hundred times what any world's has.
const FILE_MAX_BYTES: u64 = 1 << 20;

choices! {
    /// What a fault does.
    pub enum Deed {
        /// The node ends without warning, and comes back after.
        Kill = "kill",
        /// The node stops in its tracks, and goes on after.
        Pause = "pause",
        /// A trader is asked to resign.
        Resign = "resign",
        /// A peer that was not there before joins.
        Join = "join",
        /// A node is asked to leave in good order, and comes back after.
        Leave = "leave",
        /// No message passes between these and the others; or with `to`, between two.
        Partition = "partition",
        /// Messages to and from it take longer.
        Delay = "delay",
        /// Messages are lost.
        Drop = "drop",
        /// Connections drop, though both ends are up.
        Flap = "flap",
        /// Writes of the trader, or of the warehouse, take long.
        SlowDisk = "slow-disk",
        /// Whoever leads the next change of views is not heard while it goes on.
        CutInChange = "cut-in-change",
        /// Whoever leads the next change of views is killed while it goes on.
        KillInChange = "kill-in-change",
    }
}

/// Whom a fault strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// Whoever leads, in the word of one kind of world.
    Leader(&'static str),
    /// These nodes.
    Nodes(Vec<NodeId>),
}

/// What a leader is called: in markets, in groups, and in trading houses.
const LEADERS: [&str; 3] = ["trader", "coordinator", "warehouse"];

fn leader_in(kind: &Kind) -> &'static str {
    match kind {
        Kind::Market(_) => LEADERS[0],
        Kind::Group(_) => LEADERS[1],
        Kind::Houses(_) => LEADERS[2],
    }
}

impl Leaf for Whom {
    fn form() -> String {
        "\"trader\", \"coordinator\", \"warehouse\", the number of a node, or a list of such \
         numbers"
            .to_owned()
    }
    fn parse(value: &Value) -> Result<Self, Wrong> {
        match value {
            Value::Text(text) => {
                let word = LEADERS.into_iter().find(|word| word == text);
                word.map(Self::Leader).ok_or_else(|| no_choice(value))
            }
            Value::List(items) => {
                let nodes = items.iter().map(|item| NodeId::parse(&item.value));
                Ok(Self::Nodes(nodes.collect::<Result<_, _>>()?))
            }
            _ => NodeId::parse(value).map(|node| Self::Nodes(vec![node])),
        }
    }
    fn text(&self) -> String {
        match self {
            Self::Leader(word) => quote(word),
            Self::Nodes(nodes) => {
                let numbers: Vec<_> = nodes.iter().map(NodeId::to_string).collect();
                match &numbers[..] {
                    [one] => one.clone(),
                    _ => format!("[{}]", numbers.join(", ")),
                }
            }
        }
    }
}

tables! {
    /// Something that goes wrong in a simulated world.
    pub struct PlannedFault {
        /// When, since the world began.
        pub at: Duration,
        /// What.
        #[key("do")]
        pub deed: Deed,
        /// Whom it strikes; nobody in particular for drop, slow-disk and what waits for a change.
        pub who: Option<Whom>,
        /// Of a partition: only the link to this node is meant.
        pub to: Option<NodeId>,
        /// Of a partition: only what they send is lost, not what they are sent.
        pub one_way: Option<bool>,
        /// Of a delay: how much longer each message takes.
        pub by: Option<Duration>,
        /// Of a drop: the probability that a message is lost.
        pub chance: Option<Probability>,
        /// How long; until all faults end if absent.
        #[key("for")]
        pub lasts: Option<Duration>,
    }

    /// What goes wrong in a world, in place of what its seed draws.
    pub struct PlanText {
        /// Only so many of the seed's nodes are there, the first ones.
        pub nodes: Option<u32>,
        /// When all faults end, though there may have been little trade until then.
        pub faults_end: Option<Duration>,
        /// Whether links lose, double and hold up nothing but by a fault.
        pub calm_links: Option<bool>,
        /// What goes wrong, and when.
        pub fault: Vec<PlannedFault>,
    }
}

impl PlanText {
    /// Reads the plan of a world of this kind, with so many nodes at most.
    ///
    /// # Errors
    /// All that is wrong, with places. Nothing is changed.
    pub fn read(path: &Path, kind: &Kind, nodes: u32) -> Result<Plan, ScenarioError> {
        let form = ("plan of faults", "give the path of a file with faults, as bazaar sim faults prints");
        Self::parse(layers::read_text(path, form, FILE_MAX_BYTES)?, kind, nodes)
    }

    /// Reads a plan from its text; messages call it by this name.
    ///
    /// # Errors
    /// All that is wrong, with places.
    pub fn from_text(
        name: &str,
        text: &str,
        kind: &Kind,
        nodes: u32,
    ) -> Result<Plan, ScenarioError> {
        Self::parse(layers::file(name.to_owned(), text.to_owned()), kind, nodes)
    }

    fn parse(start: Place, kind: &Kind, nodes: u32) -> Result<Plan, ScenarioError> {
        let tree = tree::parse(&start)?;
        let mut problems = Problems::default();
        let text = <Self as Setting>::read(&Cursor { path: String::new(), node: &tree }, &mut problems);
        problems.finish(text)?.plan(kind, nodes, &tree)
    }

    /// The plan that the text stands for.
    pub(super) fn plan(
        &self,
        kind: &Kind,
        nodes: u32,
        tree: &Node,
    ) -> Result<Plan, ScenarioError> {
        let mut checker = Checker { kind, nodes: self.nodes.unwrap_or(nodes), tree, problems: Problems::default() };
        checker.whole(self, nodes);
        let faults = self.fault.iter().enumerate();
        let faults = faults.filter_map(|(index, fault)| checker.planned(&format!("fault[{index}]"), fault));
        let plan = Plan {
            faults: faults.collect(),
            nodes: self.nodes,
            faults_end: self.faults_end,
            calm_links: self.calm_links.unwrap_or(false),
        };
        checker.problems.finish(Some(plan))
    }

    /// A plan as its text.
    pub fn of(plan: &Plan, kind: &Kind) -> Self {
        Self {
            nodes: plan.nodes,
            faults_end: plan.faults_end,
            calm_links: plan.calm_links.then_some(true),
            fault: plan.faults.iter().map(|planned| PlannedFault::of(planned, kind)).collect(),
        }
    }

    /// The text, under a first line that says what it is.
    pub fn to_toml(&self, header: &str) -> String {
        match self.written() {
            Written::Table(entries) => format!("# {header}\n") + &text::document(&entries),
            Written::Value(_) | Written::List(_) | Written::Absent => String::new(),
        }
    }
}

impl PlannedFault {
    fn of(planned: &Planned, kind: &Kind) -> Self {
        let whom = |who: &Who| match who {
            Who::Leader => Whom::Leader(leader_in(kind)),
            Who::Nodes(nodes) => Whom::Nodes(nodes.iter().copied().collect()),
        };
        let (mut to, mut one_way, mut by, mut chance) = (None, None, None, None);
        let mut who = planned.fault.who().map(whom);
        let deed = match &planned.fault {
            Fault::Partition(_) => Deed::Partition,
            Fault::OneWay(_) => {
                one_way = Some(true);
                Deed::Partition
            }
            Fault::Link(one, other) | Fault::LinkOneWay(one, other) => {
                let is_one_way = matches!(planned.fault, Fault::LinkOneWay(..));
                (who, to) = (Some(Whom::Nodes(vec![*one])), Some(*other));
                one_way = is_one_way.then_some(true);
                Deed::Partition
            }
            Fault::Crash(_) => Deed::Kill,
            Fault::Pause(_) => Deed::Pause,
            Fault::Slow(_, delay) => {
                by = Some(*delay);
                Deed::Delay
            }
            Fault::Loss(probability) => {
                chance = Probability::new(*probability);
                Deed::Drop
            }
            Fault::Flap(_) => Deed::Flap,
            Fault::SlowDisk => Deed::SlowDisk,
            Fault::Resign(_) => Deed::Resign,
            Fault::Join(node) => {
                who = Some(Whom::Nodes(vec![*node]));
                Deed::Join
            }
            Fault::Leave(_) => Deed::Leave,
            Fault::CutInChange => Deed::CutInChange,
            Fault::CrashInChange => Deed::KillInChange,
        };
        let lasts = (planned.lasts != TIME_MAX).then_some(planned.lasts);
        let at = planned.at.since(Instant::ZERO);
        Self { at, deed, who, to, one_way, by, chance, lasts }
    }
}

struct Checker<'a> {
    kind: &'a Kind,
    nodes: u32,
    tree: &'a Node,
    problems: Problems,
}

impl Checker<'_> {
    fn blame(&mut self, key: &str, reason: impl Into<String>, mend: impl Into<String>) {
        // A key that is missing is blamed where its table stands.
        let node = self.tree.find(key);
        let table = key.rsplit_once('.').and_then(|(table, _)| self.tree.find(table));
        self.problems.add(Problem {
            place: node.or(table).map(|node| node.place.clone()),
            key: key.to_owned(),
            value: node.map(|node| node.value.shown()),
            reason: reason.into(),
            mend: mend.into(),
        });
    }

    fn whole(&mut self, plan: &PlanText, most: u32) {
        if let Some(nodes) = plan.nodes.filter(|nodes| !(2..=most).contains(nodes)) {
            let reason = format!("a plan leaves nodes out, and {nodes} of {most} does not");
            self.blame("nodes", reason, format!("give 2 to {most}, or leave it out"));
        }
        self.time("faults_end", plan.faults_end);
    }

    fn time(&mut self, key: &str, time: Option<Duration>) {
        if time.is_some_and(|time| time > TIME_MAX) {
            let most = DurationText(TIME_MAX);
            self.blame(key, "no world goes on for so long", format!("give {most} at most"));
        }
    }

    fn planned(&mut self, path: &str, fault: &PlannedFault) -> Option<Planned> {
        self.time(&format!("{path}.at"), Some(fault.at));
        self.time(&format!("{path}.for"), fault.lasts);
        self.only_where_they_belong(path, fault);
        let does = self.fault(path, fault)?;
        if !self.kind.knows(&does) {
            let reason = format!("no world of this kind knows {}", fault.deed.name());
            self.blame(&format!("{path}.do"), reason, "leave the fault out, or choose another world");
        }
        for node in does.named() {
            if !self.kind.has(self.nodes, node) {
                let reason = format!("there is no node {node} in this world");
                let mend = match self.kind {
                    Kind::Market(_) => {
                        format!("give 1 to {}, or the number of one that joins", self.nodes)
                    }
                    _ => format!("give 0 to {}", self.nodes.saturating_sub(1)),
                };
                self.blame(&format!("{path}.who"), reason, mend);
            }
        }
        let lasts = fault.lasts.unwrap_or(TIME_MAX);
        Some(Planned { at: Instant::ZERO + fault.at.min(TIME_MAX), lasts, fault: does })
    }

    fn only_where_they_belong(&mut self, path: &str, fault: &PlannedFault) {
        for (name, is_given, of) in [
            ("to", fault.to.is_some(), Deed::Partition),
            ("one_way", fault.one_way.is_some(), Deed::Partition),
            ("by", fault.by.is_some(), Deed::Delay),
            ("chance", fault.chance.is_some(), Deed::Drop),
        ] {
            if is_given && fault.deed != of {
                let reason = format!("only {} has this", of.name());
                self.blame(&format!("{path}.{name}"), reason, "leave it out");
            }
        }
    }

    /// What the keys of a fault stand for, if they fit one another.
    fn fault(&mut self, path: &str, fault: &PlannedFault) -> Option<Fault> {
        let one_way = fault.one_way.unwrap_or(false);
        Some(match fault.deed {
            Deed::Partition => match (fault.to, one_way) {
                (None, false) => Fault::Partition(self.who(path, fault)?),
                (None, true) => Fault::OneWay(self.who(path, fault)?),
                (Some(to), false) => Fault::Link(self.one(path, fault)?, to),
                (Some(to), true) => Fault::LinkOneWay(self.one(path, fault)?, to),
            },
            Deed::Kill => Fault::Crash(self.who(path, fault)?),
            Deed::Pause => Fault::Pause(self.who(path, fault)?),
            Deed::Leave => Fault::Leave(self.who(path, fault)?),
            Deed::Resign => Fault::Resign(self.who(path, fault)?),
            Deed::Flap => Fault::Flap(self.who(path, fault)?),
            Deed::Join => Fault::Join(self.one(path, fault)?),
            Deed::Delay => match fault.by {
                Some(by) if by <= DELAY_MAX => Fault::Slow(self.who(path, fault)?, by),
                Some(_) => {
                    let most = DurationText(DELAY_MAX);
                    self.blame(&format!("{path}.by"), "this is out of bounds", format!("give {most} at most"));
                    return None;
                }
                None => {
                    self.blame(&format!("{path}.by"), "how late messages are is not said", "give by = \"20ms\"");
                    return None;
                }
            },
            Deed::Drop => {
                self.nobody(path, fault);
                let Some(chance) = fault.chance else {
                    self.blame(&format!("{path}.chance"), "how much is lost is not said", "give chance = 0.1");
                    return None;
                };
                Fault::Loss(chance.get())
            }
            Deed::SlowDisk => {
                self.nobody(path, fault);
                Fault::SlowDisk
            }
            Deed::CutInChange => {
                self.nobody(path, fault);
                Fault::CutInChange
            }
            Deed::KillInChange => {
                self.nobody(path, fault);
                Fault::CrashInChange
            }
        })
    }

    fn nobody(&mut self, path: &str, fault: &PlannedFault) {
        if fault.who.is_some() {
            let reason = format!("{} strikes nobody that is named", fault.deed.name());
            self.blame(&format!("{path}.who"), reason, "leave it out");
        }
    }

    fn who(&mut self, path: &str, fault: &PlannedFault) -> Option<Who> {
        let key = format!("{path}.who");
        match &fault.who {
            None => {
                let mend = format!("give who = \"{}\", a number, or a list of numbers", leader_in(self.kind));
                self.blame(&key, "somebody must be struck by it", mend);
                None
            }
            Some(Whom::Leader(word)) if *word != leader_in(self.kind) => {
                let reason = format!("nobody is called {word} in this world");
                self.blame(&key, reason, format!("give \"{}\"", leader_in(self.kind)));
                None
            }
            Some(Whom::Leader(_)) => Some(Who::Leader),
            Some(Whom::Nodes(nodes)) => Some(Who::Nodes(nodes.iter().copied().collect())),
        }
    }

    fn one(&mut self, path: &str, fault: &PlannedFault) -> Option<NodeId> {
        match &fault.who {
            Some(Whom::Nodes(nodes)) if nodes.len() == 1 => nodes.first().copied(),
            _ => {
                self.blame(&format!("{path}.who"), "one node is meant here", "give its number");
                None
            }
        }
    }
}
