//! The majority fence: a winner leads only when a majority of the voters has promised its epoch.
//!
//! ```text
//!   candidate                                voter
//!   Canvass {epoch}  ───────────────────▶   content with a live leader: withholds its answer
//!                                            until that leader is gone
//!                    ◀───────────────────   Support {epoch}: nothing is promised yet
//!   a majority supports: promise to itself,
//!   Prepare {epoch}  ───────────────────▶   epoch above all promised so far: promise, durably
//!                    ◀───────────────────   Promise {epoch}
//!   a majority has promised: Granted
//!                    ◀───────────────────   Reject {promised}: something as high was promised
//!   Outbid: the candidate gives up
//! ```
//!
//! **Promise.** At most one node is granted each epoch counter, so at most one leader an epoch.
//! *Why:* a voter promises each counter to one node at most (it accepts only a higher counter, or
//! the very epoch that it has promised before), a promise is durable before it is sent (S4), and
//! any two majorities of the same voters share one.
//! And a leader of a lower epoch cannot act on: whoever it must ask has promised a higher one.
//! Since no counter has two leaders, *lower* and *higher* mean the counter: a voter that promised
//! 7.9 follows a leader of 7.4, for 7.9 can no longer be granted.
//!
//! **The preliminary round** (Canvass) changes nothing at the voters, so a node that merely lost
//! sight of a healthy leader disturbs nobody: it never gets a majority, and no epoch is burnt.
//! A voter that withheld its support gives it the moment it loses its leader: nothing is polled.
//! One that has just promised withholds it from others for a moment, too, so that two candidates
//! at once do not depose each other.
//!
//! **What breaks it:** voters that forget their promise (amnesia); two different sets of voters.
//! The voters are fixed when the group is made (S3: the last installed view, which here is the
//! first).

mod tally;

use std::collections::BTreeSet;
use std::time::Duration;

use super::marks;
use machine::{Context, Epoch, Input, Journal, Machine, NodeId};
use serde::{Deserialize, Serialize};
use tally::Tally;

/// How far an epoch may lie above the highest one known. A node that missed so many elections was
/// away for longer than any group lasts.
pub(crate) const COUNTER_JUMP_MAX: u64 = 1 << 32;

/// What a voter needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Settings {
    /// This node.
    pub me: NodeId,
    /// All who vote; the same at every node.
    pub voters: BTreeSet<NodeId>,
    /// After how long an unanswered request is sent again.
    pub resend: Duration,
}

/// Peer to peer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Would you promise this epoch?
    Canvass(Epoch),
    /// I would, as of now.
    Support(Epoch),
    /// Promise me this epoch.
    Prepare(Epoch),
    /// I have promised it, and will keep all lower ones out.
    Promise(Epoch),
    /// I have promised this one already.
    Reject {
        /// The epoch asked for.
        asked: Epoch,
        /// The epoch promised.
        promised: Epoch,
    },
}

/// From the layer above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// This node won an election: make it leader.
    Propose,
    /// Another one leads: give up.
    Withdraw,
    /// Whether this node follows a leader that it has no reason to doubt.
    Content(bool),
    /// A leader of this epoch was heard of: the next proposal must be higher.
    Witness(Epoch),
}

/// To the layer above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// A majority has promised: this node leads in this epoch.
    Granted(Epoch),
    /// This epoch was promised to another one first.
    Outbid(Epoch),
}

/// A promise that was made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Promised(pub Epoch);

/// Timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// Unanswered requests are sent again.
    Resend,
    /// Whoever was promised an epoch had its chance to lead.
    Chance,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Proposal {
    epoch: Epoch,
    /// Whether a majority supports it, so that promises are asked for.
    preparing: bool,
    /// Those who support it, then those who have promised it.
    granted: BTreeSet<NodeId>,
}

/// One voter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Majority {
    settings: Settings,
    promised: Epoch,
    /// The highest epoch heard of.
    witnessed: Epoch,
    content: bool,
    proposal: Option<Proposal>,
    /// Whether someone was promised an epoch a moment ago and may be about to lead: two candidates
    /// at once would only depose each other.
    hopeful: bool,
    /// Whose canvass waits until this voter has no leader.
    withheld: Option<(NodeId, Epoch)>,
    sent: Tally,
    #[cfg(feature = "planted")]
    unfenced: bool,
}

impl Majority {
    /// A voter that has promised nothing.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            promised: Epoch::ZERO,
            witnessed: Epoch::ZERO,
            content: false,
            proposal: None,
            hopeful: false,
            withheld: None,
            sent: Tally::default(),
            #[cfg(feature = "planted")]
            unfenced: false,
        }
    }

    /// Plants a bug that checkers must find: a winner leads without asking anybody.
    #[cfg(feature = "planted")]
    pub fn plant_no_fence(&mut self) {
        self.unfenced = true;
    }

    /// The highest epoch promised: all lower ones are refused (S1).
    pub fn promised(&self) -> Epoch {
        self.promised
    }

    /// The highest epoch promised or heard of.
    pub fn highest(&self) -> Epoch {
        self.promised.max(self.witnessed)
    }

    /// Whether a proposal of this node waits for voters.
    pub fn is_proposing(&self) -> bool {
        self.proposal.is_some()
    }

    /// Messages sent since the node started, one a receiver.
    pub fn messages_sent(&self) -> u64 {
        self.sent.0
    }

    /// How many make a majority of `voters`.
    pub fn quorum(voters: usize) -> usize {
        voters / 2 + 1
    }

    /// How many of the voters, this one included, must promise an epoch before it is granted.
    pub fn needed(&self) -> usize {
        Self::quorum(self.settings.voters.len())
    }

    /// Whether an epoch may have come about by elections: one that is far above all others would
    /// leave no room above it for elections to come.
    pub fn is_plausible(&self, epoch: Epoch) -> bool {
        epoch.counter.saturating_sub(self.highest().counter) <= COUNTER_JUMP_MAX
    }

    fn may_promise(&self, epoch: Epoch) -> bool {
        epoch == self.promised || epoch.counter > self.promised.counter
    }

    fn promise(&mut self, epoch: Epoch, cx: &mut Context<'_, Self>) {
        if epoch != self.promised {
            self.promised = epoch;
            cx.persist(Journal::Own, Promised(epoch));
        }
        if self.proposal.as_ref().is_some_and(|proposal| proposal.epoch != epoch) {
            // What was asked of others would now be asked against this very promise.
            cx.mark(marks::CANDIDATE_OUTBID);
            self.drop_proposal(cx);
            cx.report(Report::Outbid(epoch));
        }
    }

    fn propose(&mut self, cx: &mut Context<'_, Self>) {
        let epoch = self.highest().next(self.settings.me);
        #[cfg(feature = "planted")]
        if self.unfenced {
            self.witnessed = epoch;
            return cx.report(Report::Granted(epoch));
        }
        let granted = BTreeSet::from([self.settings.me]);
        self.proposal = Some(Proposal { epoch, preparing: false, granted });
        self.ask(cx);
        self.advance(cx);
    }

    /// Asks all voters that have not granted what is asked for.
    fn ask(&mut self, cx: &mut Context<'_, Self>) {
        let Some(proposal) = &self.proposal else { return };
        let to: Vec<NodeId> = self.settings.voters.difference(&proposal.granted).copied().collect();
        self.sent.0 += to.len() as u64;
        let body = if proposal.preparing { Message::Prepare } else { Message::Canvass };
        cx.send_many(to, body(proposal.epoch));
        cx.set(Alarm::Resend, self.settings.resend);
    }

    /// Asks again. A support says "as of now", so those of an earlier round count no more; promises
    /// stay.
    fn ask_again(&mut self, cx: &mut Context<'_, Self>) {
        let me = self.settings.me;
        if let Some(proposal) = &mut self.proposal
            && !proposal.preparing
        {
            proposal.granted = BTreeSet::from([me]);
        }
        self.ask(cx);
    }

    /// Goes on to the next phase as soon as a majority has granted this one.
    fn advance(&mut self, cx: &mut Context<'_, Self>) {
        let quorum = self.needed();
        let Some(proposal) = &self.proposal else { return };
        if proposal.granted.len() < quorum {
            return;
        }
        let epoch = proposal.epoch;
        if proposal.preparing {
            self.drop_proposal(cx);
            return cx.report(Report::Granted(epoch));
        }
        if !self.may_promise(epoch) {
            let promised = self.promised;
            self.drop_proposal(cx);
            return cx.report(Report::Outbid(promised));
        }
        let granted = BTreeSet::from([self.settings.me]);
        self.proposal = Some(Proposal { epoch, preparing: true, granted });
        self.promise(epoch, cx);
        self.ask(cx);
        self.advance(cx);
    }

    fn drop_proposal(&mut self, cx: &mut Context<'_, Self>) {
        self.proposal = None;
        cx.clear(Alarm::Resend);
    }

    fn message(&mut self, from: NodeId, body: Message, cx: &mut Context<'_, Self>) {
        let (Message::Canvass(epoch)
        | Message::Support(epoch)
        | Message::Prepare(epoch)
        | Message::Promise(epoch)
        | Message::Reject { promised: epoch, .. }) = body;
        if !self.settings.voters.contains(&from) || !self.is_plausible(epoch) {
            return;
        }
        match body {
            Message::Canvass(asked) | Message::Prepare(asked) if !self.may_promise(asked) => {
                cx.mark(marks::PROMISE_REFUSED);
                self.reply(from, Message::Reject { asked, promised: self.promised }, cx);
            }
            // A live leader is not voted out. What is withheld here is given as soon as it goes.
            Message::Canvass(epoch)
                if self.content || self.hopeful && from != self.promised.node =>
            {
                self.withheld = Some((from, epoch));
            }
            Message::Canvass(epoch) => self.reply(from, Message::Support(epoch), cx),
            Message::Prepare(epoch) if self.content && epoch != self.promised => {}
            Message::Prepare(epoch) => {
                self.promise(epoch, cx);
                self.hopeful = true;
                cx.set(Alarm::Chance, self.settings.resend);
                self.reply(from, Message::Promise(epoch), cx);
            }
            Message::Support(epoch) => self.granted(from, epoch, false, cx),
            Message::Promise(epoch) => self.granted(from, epoch, true, cx),
            Message::Reject { asked, promised } => {
                self.witnessed = self.witnessed.max(promised);
                if self.proposal.as_ref().is_some_and(|proposal| proposal.epoch == asked) {
                    self.drop_proposal(cx);
                    cx.report(Report::Outbid(promised));
                }
            }
        }
    }

    fn granted(&mut self, from: NodeId, epoch: Epoch, promise: bool, cx: &mut Context<'_, Self>) {
        if let Some(proposal) = &mut self.proposal
            && proposal.epoch == epoch
            && proposal.preparing == promise
        {
            proposal.granted.insert(from);
            self.advance(cx);
        }
    }

    fn reply(&mut self, to: NodeId, body: Message, cx: &mut Context<'_, Self>) {
        self.sent.0 += 1;
        cx.send(to, body);
    }

    fn content(&mut self, content: bool, cx: &mut Context<'_, Self>) {
        self.content = content;
        self.hopeful = false;
        cx.clear(Alarm::Chance);
        if !content {
            self.support_withheld(cx);
        }
    }

    fn support_withheld(&mut self, cx: &mut Context<'_, Self>) {
        if let Some((from, epoch)) = self.withheld.take()
            && self.may_promise(epoch)
        {
            self.reply(from, Message::Support(epoch), cx);
        }
    }
}

impl Machine for Majority {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Promised;
    type Snapshot = Promised;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Restore { snapshot: Promised(epoch), .. }
            | Input::Replay { record: Promised(epoch), .. } => self.promised = epoch,
            Input::Command(Command::Propose) => self.propose(cx),
            Input::Command(Command::Withdraw) => self.drop_proposal(cx),
            Input::Command(Command::Content(content)) => self.content(content, cx),
            Input::Command(Command::Witness(epoch)) => self.witnessed = self.witnessed.max(epoch),
            Input::Message { from, body } => self.message(from, body, cx),
            Input::Alarm(Alarm::Resend) => self.ask_again(cx),
            Input::Alarm(Alarm::Chance) => {
                self.hopeful = false;
                if !self.content {
                    self.support_withheld(cx);
                }
            }
            Input::Start
            | Input::Claimed(_)
            | Input::Refused(_)
            | Input::Opened(_)
            | Input::Closed(_) => {}
        }
    }

    fn check(&self) -> Result<(), String> {
        match &self.proposal {
            Some(proposal) if proposal.preparing && self.promised < proposal.epoch => {
                Err(format!("asks others to promise {} without promising it", proposal.epoch))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
