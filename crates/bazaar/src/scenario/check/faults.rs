//! Whether the faults of a scenario can come as they are written.

use std::ops::RangeInclusive;
use std::time::Duration;

use machine::NodeId;

use super::Checker;
use crate::nodes::{DIRECTORY, JOINERS_MAX};
use crate::scenario::choice::Transport;
use crate::scenario::duration::DurationText;
use crate::scenario::fault::{Action, Fault};
use crate::scenario::setting::Leaf;
use crate::scenario::value::Target;
use crate::scenario::{Run, Scenario};

/// How late messages may be made: more than any network is, and less than what a host keeps of them
/// would need a lot of memory for.
const DELAY: RangeInclusive<Duration> = Duration::from_micros(1)..=Duration::from_secs(60);

/// The highest peer that there is in a run, or that joins it.
pub(super) fn last_peer(scenario: &Scenario) -> u32 {
    scenario.joiners().iter().fold(scenario.run.peers, |last, node| last.max(node.0))
}

/// Whether a fault is one of links, not of a process.
fn is_of_links(action: Action) -> bool {
    matches!(action, Action::Partition | Action::Delay | Action::Drop | Action::Heal)
}

impl Checker<'_> {
    fn joiner(&mut self, key: &str, node: NodeId, run: &Run) {
        let (first, last) = (run.peers + 1, run.peers + JOINERS_MAX);
        if !(first..=last).contains(&node.0) {
            self.blame(
                &[key, "run.peers"],
                format_args!(
                    "peers up to {} are there from the start, and {JOINERS_MAX} more may join",
                    run.peers
                ),
                format_args!("give {first} to {last}"),
            );
        }
    }

    pub(super) fn fault(&mut self, path: &str, fault: &Fault, scenario: &Scenario) {
        let run = &scenario.run;
        let (at, lasts) = (format!("{path}.at"), format!("{path}.for"));
        let begins = fault.at.of(run.duration);
        let whole = DurationText(run.duration);
        if begins >= run.duration {
            self.blame(
                &[&at, "run.duration"],
                format_args!("the run is over after {whole}"),
                "give an earlier time, or a share such as \"50%\"",
            );
        } else if let Some(lasts_for) = fault.lasts.map(|lasts| lasts.of(run.duration))
            && begins.saturating_add(lasts_for) >= run.duration
        {
            self.blame(
                &[&lasts, &at, "run.duration"],
                format_args!("it would end after the run, which is over after {whole}"),
                "give a shorter time, or leave out \"for\"",
            );
        }
        let action = fault.action;
        let may_last = matches!(action, Action::Kill | Action::Pause | Action::Leave)
            || is_of_links(action) && action != Action::Heal;
        if fault.lasts.is_some() && !may_last {
            self.blame(
                &[&lasts],
                format_args!("{} happens at once", action.name()),
                "leave out \"for\"; only kill, pause, leave, partition, delay and drop last",
            );
        }
        self.target(path, fault, scenario);
        self.links(path, fault, scenario);
    }

    fn target(&mut self, path: &str, fault: &Fault, scenario: &Scenario) {
        let (action, who) = (format!("{path}.do"), format!("{path}.who"));
        let is_for_all = matches!(fault.action, Action::Drop | Action::Heal);
        let Some(target) = &fault.target else {
            if !is_for_all {
                let mend = format!("give who = {}", Target::form());
                self.blame(&[&action], "somebody must be struck by it", mend);
            }
            return;
        };
        if is_for_all {
            let reason = format!("{} concerns all links", fault.action.name());
            return self.blame(&[&who], reason, "leave out \"who\"");
        }
        for &node in target.named() {
            match fault.action {
                Action::Join => self.joiner(&who, node, &scenario.run),
                // The directory: who starts it again would find it elsewhere.
                Action::Kill if node == DIRECTORY && fault.lasts.is_none() => {}
                // The warehouse is where it was when it is started again.
                Action::Kill | Action::Restart if node == DIRECTORY && scenario.is_of_houses() => {}
                Action::Pause if node == DIRECTORY => {}
                _ if scenario.joiners().contains(&node) => {}
                _ => self.node(&who, node, &scenario.run),
            }
        }
        match (target, fault.action) {
            (Target::Trader, Action::Join) => self.blame(
                &[&action],
                "the trader is there already",
                format_args!("give the number of a new peer, as in {}", scenario.run.peers + 1),
            ),
            (Target::Trader, Action::Resume | Action::Restart) => self.blame(
                &[&action],
                "a killed or paused peer is no trader any more",
                "give the number of the peer, or end the first fault by its \"for\"",
            ),
            _ => {}
        }
    }

    fn links(&mut self, path: &str, fault: &Fault, scenario: &Scenario) {
        let Fault { action, to, by, chance, .. } = fault;
        let key = |name: &str| format!("{path}.{name}");
        let does = key("do");
        for (name, is_given, of) in [
            ("to", to.is_some(), Action::Delay),
            ("by", by.is_some(), Action::Delay),
            ("chance", chance.is_some(), Action::Drop),
        ] {
            if is_given && *action != of {
                let reason = format!("only {} has this", of.name());
                self.blame(&[&key(name)], reason, format_args!("leave it out"));
            }
        }
        match (action, by, chance) {
            (Action::Delay, None, _) => {
                self.blame(&[&does], "how late messages are is not said", "give by = \"20ms\"");
            }
            (Action::Delay, Some(by), _) if !DELAY.contains(by) => self.blame(
                &[&key("by")],
                "this is out of bounds",
                format_args!("give {} to {}", DELAY.start().text(), DELAY.end().text()),
            ),
            (Action::Drop, _, None) => {
                self.blame(&[&does], "how much is lost is not said", "give chance = 0.1");
            }
            (Action::Drop, ..) if scenario.run.transport == Transport::Tcp => self.blame(
                &[&does, "run.transport"],
                "a TCP connection loses nothing as long as it is up",
                "give run.transport = \"udp\", or a delay or a partition",
            ),
            _ => {}
        }
        if let (Action::Delay, Some(to)) = (action, to)
            && !scenario.joiners().contains(to)
        {
            self.node(&key("to"), *to, &scenario.run);
        }
    }
}
