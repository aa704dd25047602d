//! The group that is measured, from outside: its processes, what they are told and what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use anyhow::{Context as _, bail};
use host::children::Children;
use host::clock::monotonic_ns;

use super::Shape;
use super::sequence::InView;
use super::words::{Figures, MemberSettings, Said, State, Task, Told};
use crate::run::nanos;

/// How long anything may take that must happen: a start, a view, an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often members are asked for their state while something must come true.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How much of what a process said last is shown if it ends by itself.
const LAST_WORDS_BYTES: usize = 2000;

/// What a member said, and which process it was; `None` at its end.
type Heard = ((u32, u32), Option<Said>);

/// The processes of a group. All are killed when the value is dropped, in a panic too.
pub(super) struct Group {
    shape: Shape,
    folder: PathBuf,
    pub origin_ns: u64,
    cluster: u64,
    children: Children,
    sender: Sender<Heard>,
    heard: Receiver<Heard>,
    starts: u32,
    members: BTreeMap<u32, Member>,
    /// Where each node listened last. One that starts again listens there, because of two nodes
    /// the one with the higher id dials, and the others know no other place.
    addresses: BTreeMap<u32, String>,
    /// What was delivered in each view that ended, and who said so first.
    ended: BTreeMap<u64, (InView, u32)>,
}

/// What is known of a process that runs.
#[derive(Default)]
struct Member {
    start: u32,
    address: Option<String>,
    view: Option<ViewSeen>,
    state: Option<State>,
    figures: Option<Figures>,
}

/// The view that a member is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ViewSeen {
    pub number: u64,
    pub members: Vec<u32>,
    pub coordinator: u32,
}

impl Group {
    /// Starts a group with all of its members in one view.
    ///
    /// # Errors
    /// A process cannot be started, or the members do not find together.
    pub fn start(shape: &Shape, folder: PathBuf) -> anyhow::Result<Self> {
        let (sender, heard) = channel();
        let mut group = Self {
            shape: shape.clone(),
            folder,
            origin_ns: monotonic_ns(),
            cluster: host::entropy::seed().context("cannot draw the tag of the group")?,
            children: Children::default(),
            sender,
            heard,
            starts: 0,
            members: BTreeMap::new(),
            addresses: BTreeMap::new(),
            ended: BTreeMap::new(),
        };
        for node in 1..=shape.members {
            group.add(node)?;
        }
        group.wait_for_all_in_one_view()?;
        Ok(group)
    }

    /// Nanoseconds since the group began.
    pub fn now_ns(&self) -> u64 {
        monotonic_ns().saturating_sub(self.origin_ns)
    }

    /// Starts a process that founds the group, or joins through a member that runs.
    pub fn add(&mut self, node: u32) -> anyhow::Result<()> {
        self.starts += 1;
        let known = |(other, member): (&u32, &Member)| Some((*other, member.address.clone()?));
        let contact = self.members.iter().find_map(known);
        let settings = MemberSettings {
            node,
            order: self.shape.order,
            delivery: self.shape.delivery,
            uses_udp: self.shape.uses_udp,
            size_bytes: self.shape.size_bytes,
            polls_us: self.shape.polls_us,
            origin_ns: self.origin_ns,
            cluster: self.cluster,
            parent: std::process::id(),
            listen: self.addresses.get(&node).cloned().unwrap_or_else(|| "127.0.0.1:0".into()),
            contact,
        };
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = Command::new(program);
        command.args(["bench", "member", &serde_json::to_string(&settings)?]);
        command.stdout(Stdio::piped());
        let name = node.to_string();
        self.children.spawn(&name, command, &self.errors(node))?;
        let output = self.children.take_output(&name).context("a process without output")?;
        let (key, sender) = ((node, self.starts), self.sender.clone());
        // It ends with the process, whose output ends then.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let said = serde_json::from_str(&line)
                    .unwrap_or_else(|error| Said::Broken(format!("cannot read {line}: {error}")));
                if sender.send((key, Some(said))).is_err() {
                    return;
                }
            }
            let _ = sender.send((key, None));
        });
        self.members.insert(node, Member { start: self.starts, ..Member::default() });
        self.wait("a process that listens", |group| {
            group.members.get(&node).is_some_and(|member| member.address.is_some())
        })
    }

    fn errors(&self, node: u32) -> PathBuf {
        self.folder.join(format!("member-{node}.stderr"))
    }

    /// Who runs.
    pub fn nodes(&self) -> Vec<u32> {
        self.members.keys().copied().collect()
    }

    /// The newest view that any member is in.
    pub fn view(&self) -> Option<&ViewSeen> {
        let views = self.members.values().filter_map(|member| member.view.as_ref());
        views.max_by_key(|view| view.number)
    }

    /// Tells a member something.
    pub fn tell(&mut self, node: u32, told: &Told) -> anyhow::Result<()> {
        Ok(self.children.send_line(&node.to_string(), &serde_json::to_string(told)?)?)
    }

    /// Has each member do its task.
    pub fn all_do(&mut self, task: impl Fn(u32) -> Task) -> anyhow::Result<()> {
        self.nodes().into_iter().try_for_each(|node| self.tell(node, &Told::Do(task(node))))
    }

    /// Kills a process and waits for its end.
    pub fn kill(&mut self, node: u32) -> anyhow::Result<()> {
        self.members.remove(&node);
        self.children.kill(&node.to_string())?;
        while self.children.id(&node.to_string()).is_some() {
            self.children.ended(Some(PATIENCE))?;
        }
        Ok(())
    }

    /// Stops a process where it is.
    pub fn pause(&mut self, node: u32) -> anyhow::Result<()> {
        Ok(self.children.pause(&node.to_string())?)
    }

    /// Lets it go on.
    pub fn resume(&mut self, node: u32) -> anyhow::Result<()> {
        Ok(self.children.resume(&node.to_string())?)
    }

    /// The most memory that a process has held, in bytes.
    pub fn peak_memory_bytes(&self, node: u32) -> anyhow::Result<u64> {
        let id = self.children.id(&node.to_string()).context("it does not run")?;
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes: u64 =
            peak.and_then(|peak| peak.split_whitespace().next()).context("no VmHWM")?.parse()?;
        Ok(kibibytes << 10)
    }

    /// Waits until something that members say is true.
    ///
    /// # Errors
    /// A member found a promise broken or ended by itself, or it takes too long.
    pub fn wait(
        &mut self,
        what: &str,
        mut is_true: impl FnMut(&Self) -> bool,
    ) -> anyhow::Result<()> {
        let limit_ns = monotonic_ns() + nanos(PATIENCE);
        while !is_true(self) {
            let left_ns = limit_ns.saturating_sub(monotonic_ns());
            match self.heard.recv_timeout(Duration::from_nanos(left_ns)) {
                Ok((key, said)) => self.hear(key, said)?,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    let views: Vec<_> = self.members.iter().map(|(n, m)| (n, &m.view)).collect();
                    bail!("waited {PATIENCE:?} in vain for {what}; the views are {views:?}")
                }
            }
        }
        Ok(())
    }

    /// Takes in what is said for a time.
    pub fn listen_until(&mut self, end_ns: u64) -> anyhow::Result<()> {
        loop {
            let left_ns = end_ns.saturating_sub(self.now_ns());
            match self.heard.recv_timeout(Duration::from_nanos(left_ns)) {
                Ok((key, said)) => self.hear(key, said)?,
                Err(_) => return Ok(()),
            }
        }
    }

    fn hear(&mut self, (node, start): (u32, u32), said: Option<Said>) -> anyhow::Result<()> {
        let Some(member) = self.members.get_mut(&node).filter(|member| member.start == start)
        else {
            return Ok(());
        };
        match said {
            Some(Said::Listens(address)) => {
                self.addresses.insert(node, address.clone());
                member.address = Some(address);
            }
            Some(Said::View { number, members, coordinator }) => {
                member.view = Some(ViewSeen { number, members, coordinator });
            }
            Some(Said::Removed) => member.view = None,
            Some(Said::State(state)) => member.state = Some(state),
            Some(Said::Figures(figures)) => member.figures = Some(figures),
            Some(Said::Ended(ended)) => {
                let (first, who) = *self.ended.entry(ended.view).or_insert((ended, node));
                if first != ended {
                    bail!(
                        "members {who} and {node} passed through view {} and did not deliver the \
                         same: {first:?}, {ended:?}",
                        ended.view
                    );
                }
            }
            Some(Said::Broken(broken)) => bail!("member {node} found a promise broken: {broken}"),
            None => {
                let words = fs::read_to_string(self.errors(node)).unwrap_or_default();
                let from = words.len().saturating_sub(LAST_WORDS_BYTES);
                let words = words.get(from..).unwrap_or_default();
                bail!("member {node} ended by itself: {words}");
            }
        }
        Ok(())
    }

    /// Waits until all members that run are in one view of which no other node is a member.
    pub fn wait_for_all_in_one_view(&mut self) -> anyhow::Result<()> {
        let nodes: BTreeSet<u32> = self.nodes().into_iter().collect();
        self.wait_for_view(&nodes)
    }

    /// Waits until these are in one view of which no other node is a member.
    pub fn wait_for_view(&mut self, nodes: &BTreeSet<u32>) -> anyhow::Result<()> {
        self.wait("one view of all members", |group| {
            let mut views = nodes.iter().map(|node| group.members.get(node)?.view.as_ref());
            let first = views.next().flatten();
            let is_right =
                |view: &ViewSeen| view.members.iter().copied().collect::<BTreeSet<_>>() == *nodes;
            first.is_some_and(is_right) && views.all(|view| view == first)
        })
    }

    /// How these members stand.
    pub fn states(&mut self, nodes: &[u32]) -> anyhow::Result<Vec<State>> {
        for node in nodes {
            self.tell(*node, &Told::State)?;
        }
        let mut states = Vec::new();
        for node in nodes {
            self.wait("the state of a member", |group| {
                group.members.get(node).is_some_and(|member| member.state.is_some())
            })?;
            states.extend(self.members.get_mut(node).and_then(|member| member.state.take()));
        }
        Ok(states)
    }

    /// What all members counted.
    pub fn figures(&mut self) -> anyhow::Result<Vec<Figures>> {
        let nodes = self.nodes();
        for node in &nodes {
            self.tell(*node, &Told::Figures)?;
        }
        let mut all = Vec::new();
        for node in &nodes {
            self.wait("the figures of a member", |group| {
                group.members.get(node).is_some_and(|member| member.figures.is_some())
            })?;
            all.extend(self.members.get_mut(node).and_then(|member| member.figures.take()));
        }
        Ok(all)
    }

    /// Has all members stop sending, waits until all is delivered everywhere, and compares what
    /// they delivered. How many messages that were in the present view.
    pub fn settle(&mut self) -> anyhow::Result<u64> {
        let nodes = self.nodes();
        for node in &nodes {
            self.tell(*node, &Told::Stop)?;
        }
        let limit_ns = self.now_ns() + nanos(PATIENCE);
        loop {
            let states = self.states(&nodes)?;
            let first = states.first().and_then(|state| state.present);
            let alike = |pick: fn(InView) -> u64| {
                states.iter().all(|state| state.present.map(pick) == first.map(pick))
            };
            let is_settled = states.iter().all(|state| state.under_way == 0);
            if let Some(first) = first
                && is_settled
                && alike(|present| present.view)
                && alike(|present| present.count)
            {
                if !alike(|present| present.hash) {
                    bail!("the members did not deliver the same sequence: {states:?}");
                }
                return Ok(first.count);
            }
            if self.now_ns() > limit_ns {
                bail!("not all was delivered everywhere after {PATIENCE:?}: {states:?}");
            }
            let next_ns = self.now_ns() + nanos(LOOK_EVERY);
            self.listen_until(next_ns)?;
        }
    }

    /// Ends all processes.
    pub fn end(mut self) -> anyhow::Result<()> {
        self.children.terminate_all(PATIENCE)?;
        Ok(())
    }
}
