//! A trader that is started when there is more to do than the elected ones can carry, and ends by
//! itself when it is not needed any more. It is no peer of the village: it holds no post, stands in
//! no election, and neither buys nor sells.
//!
//! ```text
//!   announced ── connected to the customers, or long enough ──▶ Trade ──▶ a term from the warehouse
//!   Drain from the warehouse, or Retire ──▶ the term's end ──▶ Goes: may it? ── MayGo ──▶ Left
//! ```
//!
//! **Promise.** It leaves when nobody counts on it: its term is over, so all of its sales are in the
//! warehouse's books and what it did not sell is back; no other trader's sale is known to it alone,
//! and the books name it as nobody's buddy, so that nobody will ask it; and it has passed on every
//! answer that it asked the warehouse for.

use std::convert::identity;

use std::collections::BTreeSet;
use std::time::Duration;

use groupcast::membership::{self, Member};
use machine::{Context, Input, Machine, Never, NodeId, holds};
use market::Rules;
use peer::{Report, What};

use crate::message::{Message, Record, Snapshot};
use crate::node::{Alarm, Command};
use crate::settings::Settings;
use crate::trader::{self, Trader};

/// A trader for as long as it is needed.
#[derive(Debug, Clone)]
pub struct Hired {
    member: Member,
    trader: Trader,
    /// Who will ask it.
    customers: BTreeSet<NodeId>,
    connected: BTreeSet<NodeId>,
    /// How long it waits for them.
    gather_limit: Duration,
    is_trading: bool,
    has_left: bool,
}

type Cx<'a> = Context<'a, Hired>;

impl Hired {
    /// A trader before its first life, under the warehouse's rules. It trades when all customers are
    /// connected, or `gather_limit` has passed.
    pub fn new(
        settings: Settings,
        rules: Rules,
        membership: membership::Settings,
        gather_limit: Duration,
    ) -> Self {
        Self {
            member: Member::new(membership),
            customers: settings.customers.clone(),
            trader: Trader::new(settings, rules).out_of_office(),
            connected: BTreeSet::new(),
            gather_limit,
            is_trading: false,
            has_left: false,
        }
    }

    /// It as a trader.
    pub fn trader(&self) -> &Trader {
        &self.trader
    }

    fn tell(&self, what: What, cx: &mut Cx<'_>) {
        cx.report(Report { at: cx.now, clock: None, what });
    }

    fn member_input(&mut self, input: Input<Member>, cx: &mut Cx<'_>) {
        for report in cx.run(&mut self.member, input) {
            self.tell(What::from(report), cx);
        }
    }

    fn start(&mut self, cx: &mut Cx<'_>) {
        cx.relay(&mut self.trader, Input::Start);
        let incarnation = self.trader.incarnation();
        self.tell(What::Started { incarnation, role: "hired trader".to_owned() }, cx);
        self.member.begin(incarnation);
        self.member_input(Input::Start, cx);
        cx.set(Alarm::Gather, self.gather_limit);
    }

    /// Those that will ask it are there, as far as they will be.
    fn gathered(&mut self, cx: &mut Cx<'_>) {
        if !self.is_trading {
            self.is_trading = true;
            cx.clear(Alarm::Gather);
            cx.relay(&mut self.trader, Input::Command(trader::Command::Trade));
        }
    }

    /// Goes, if nobody counts on it any more.
    fn consider_leaving(&mut self, cx: &mut Cx<'_>) {
        if self.is_trading && self.trader.may_go() && !self.has_left {
            self.has_left = true;
            self.member_input(Input::Command(membership::Command::Leave), cx);
            self.tell(What::Left, cx);
        }
    }
}

impl Machine for Hired {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Record;
    type Snapshot = Snapshot;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Cx<'_>) {
        match input {
            Input::Restore { journal, snapshot } => {
                cx.relay(&mut self.trader, Input::Restore { journal, snapshot });
            }
            Input::Replay { journal, record } => {
                cx.relay(&mut self.trader, Input::Replay { journal, record });
            }
            Input::Start => self.start(cx),
            Input::Message { from, body: Message::Membership(body) } => {
                self.member_input(Input::Message { from, body }, cx);
            }
            Input::Message { from, body } => {
                cx.relay(&mut self.trader, Input::Message { from, body });
            }
            Input::Opened(node) => {
                self.connected.insert(node);
                cx.relay(&mut self.trader, Input::Opened(node));
                self.member_input(Input::Opened(node), cx);
                if self.customers.is_subset(&self.connected) {
                    self.gathered(cx);
                }
            }
            Input::Closed(node) => {
                self.connected.remove(&node);
                cx.relay(&mut self.trader, Input::Closed(node));
                self.member_input(Input::Closed(node), cx);
            }
            Input::Alarm(Alarm::Gather) => self.gathered(cx),
            Input::Alarm(Alarm::Member(alarm)) => self.member_input(Input::Alarm(alarm), cx),
            Input::Alarm(Alarm::Trader(alarm)) => cx.relay(&mut self.trader, Input::Alarm(alarm)),
            Input::Command(Command::Trader(command)) => {
                self.is_trading |= command == trader::Command::Retire;
                cx.relay(&mut self.trader, Input::Command(command));
            }
            Input::Alarm(_) | Input::Command(_) | Input::Claimed(_) | Input::Refused(_) => {}
        }
        self.consider_leaving(cx);
    }

    fn check(&self) -> Result<(), String> {
        self.trader.check()
    }
}

holds! {
    Hired: Trader {
        message: identity,
        record: identity,
        snapshot: identity,
        alarm: Alarm::Trader,
    }
    Hired: Member {
        message: Message::Membership,
        record: Never::into_any,
        snapshot: Never::into_any,
        alarm: Alarm::Member,
    }
}
