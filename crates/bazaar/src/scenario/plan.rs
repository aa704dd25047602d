//! What goes wrong in a simulated world, as a file that a person writes by hand.
//!
//! The words are those of a scenario's faults where they mean the same. Times count from the
//! beginning of the world, and what has no `for` lasts until all faults end.

mod check;

use std::path::Path;
use std::time::Duration;

use machine::{Instant, NodeId};
use sim::Kind;
use sim::fault::{Fault, Plan, Planned, Who};

use super::layers;
use super::problem::{Problems, ScenarioError};
use super::setting::{Cursor, Leaf, Setting, Written, Wrong, choices, no_choice, tables};
use super::text;
use super::tree::{self, Node, Place, Value, quote};
use super::value::Probability;

/// The latest time of a plan, and the duration of what has none: longer than any world.
const TIME_MAX: Duration = Duration::from_secs(3_600);
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
        let form =
            ("plan of faults", "give the path of a file with faults, as bazaar sim faults prints");
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
        let text =
            <Self as Setting>::read(&Cursor { path: String::new(), node: &tree }, &mut problems);
        problems.finish(text)?.plan(kind, nodes, &tree)
    }

    /// The plan that the text stands for.
    fn plan(&self, kind: &Kind, nodes: u32, tree: &Node) -> Result<Plan, ScenarioError> {
        check::plan(self, kind, nodes, tree)
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
