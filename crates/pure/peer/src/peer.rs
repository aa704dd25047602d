//! The stack: one peer, from its machines and roles. This file routes inputs; what follows from
//! requests and answers is in `asking` and `serving`.

use clocks::{Stamp, VectorClock};
use groupcast::election::bully;
use groupcast::leadership::{self, Leadership};
use groupcast::membership::{self, Member};
use machine::{After, Epoch, Incarnation, Input, Instant, Machine as _, NodeId};
use market::RequestId;

pub use crate::alarm::Alarm;
use crate::any_peer::{AnyPeer, Cx};
use crate::buyer::Buyer;
use crate::client::Client;
use crate::counts::Reserve;
use crate::event::{ElectionWord, What};
use crate::leaving::Leaving;
use crate::message::Message;
use crate::ordering::Ordering;
use crate::presence::Presence;
use crate::resigning::Resignation;
use crate::seller::Seller;
use crate::settings::{OrderPolicy, Role, Settings};
use crate::trader::Trader;

/// Peers that buy, sell, and trade for all while they lead.
#[derive(Debug, Clone)]
pub struct Peer {
    pub(crate) settings: Settings,
    pub(crate) me: NodeId,
    pub(crate) incarnation: Incarnation,
    pub(crate) role: Role,
    /// What it became by chance when it led no more.
    pub(crate) role_by_chance: Option<Role>,
    /// What happened before what, of all that peers say to each other; travels in each message.
    pub(crate) clock: Option<VectorClock>,
    pub(crate) reserve: Reserve,
    /// What was asked for before what.
    pub(crate) ordering: Ordering,
    pub(crate) presence: Presence,
    /// Whether the trader's alarm is set to ask again who holds up what is queued.
    pub(crate) asks_again: bool,
    pub(crate) member: Member,
    pub(crate) leadership: Leadership,
    pub(crate) client: Client,
    pub(crate) buyer: Buyer,
    /// Whether the buyer has a purchase under way.
    pub(crate) buying: bool,
    /// Until when a slow buyer rests, whoever leads.
    pub(crate) rests_until: Instant,
    pub(crate) seller: Seller,
    pub(crate) is_winding_down: bool,
    /// How far it is on its way out; none if it stays.
    pub(crate) leaving: Option<Leaving>,
    pub(crate) trader: Trader,
    /// Whether it tells of single requests.
    pub(crate) reports_requests: bool,
    /// How many records stand behind the last snapshot of its own journal.
    pub(crate) own_records: u32,
    #[cfg(feature = "planted")]
    pub(crate) has_amnesia: bool,
}

/// From the layer above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// If this peer leads: resign.
    Resign,
    /// Ask for nothing new; what is under way goes on.
    WindDown,
    /// Leave the market: finish what is under way, take back what is unsold, if the settings say so,
    /// and go, as soon as a majority of the voters stays. Holds for this life only.
    Leave,
}

/// To the layer above: what happened, and the peer's clock then.
#[derive(Clone, PartialEq, Eq)]
pub struct Report {
    /// When it happened; the report leaves when what it rests on is durable.
    pub at: Instant,
    /// The clock, where the market keeps clocks: Lamport's counts purchases, a vector clock all
    /// messages.
    pub clock: Option<Stamp>,
    /// What happened.
    pub what: What,
}

/// What happened, and the clock if there is one.
impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.clock {
            Some(clock) => write!(f, "{:?} at {clock}", self.what),
            None => write!(f, "{:?}", self.what),
        }
    }
}

impl Peer {
    /// A peer before its first life; the host hands over its own journal, then starts it.
    pub fn new(settings: Settings) -> Self {
        let me = settings.leadership.me;
        let incarnation = Incarnation::default();
        Self {
            me,
            incarnation,
            role: settings.role,
            role_by_chance: None,
            clock: matches!(settings.trader.order, OrderPolicy::Vector(_)).then(VectorClock::new),
            reserve: Reserve::default(),
            ordering: Ordering::new(me, settings.trader.order),
            presence: Presence::new(settings.membership.directory),
            asks_again: false,
            member: Member::new(settings.membership.clone()),
            leadership: Leadership::new(settings.leadership.clone()),
            client: Client::new(crate::party(me)),
            buyer: Buyer::new(settings.buyer.clone(), settings.goods.clone()),
            buying: false,
            rests_until: Instant::ZERO,
            seller: Seller::new(settings.seller.clone(), settings.goods.clone()),
            is_winding_down: false,
            leaving: None,
            trader: Trader::new(settings.trader.clone()),
            reports_requests: true,
            own_records: 0,
            #[cfg(feature = "planted")]
            has_amnesia: false,
            settings,
        }
    }

    /// Who leads, as far as this peer knows.
    pub fn leader(&self) -> Option<Epoch> {
        self.leadership.epoch()
    }

    /// The highest epoch that this peer promised as a voter.
    pub fn promised(&self) -> Epoch {
        self.leadership.promised().0
    }

    /// The trader's side of this peer.
    pub fn trader(&self) -> &Trader {
        &self.trader
    }

    /// Whether this peer buys while another one leads.
    pub fn is_buyer(&self) -> bool {
        self.role.buys && self.leaving.is_none()
    }

    /// What this peer asked for and has no answer to.
    pub fn pending(&self) -> impl Iterator<Item = RequestId> {
        self.client.pending().map(|(id, _)| id)
    }

    /// How often this peer has bought, in all of its lives.
    pub fn purchases(&self) -> u64 {
        self.buyer.purchases()
    }

    /// Whether a request of this peer is under way or waits.
    pub fn is_busy(&self) -> bool {
        self.client.is_busy()
    }

    /// Whether the peer may ask for something new: a trader neither buys nor sells.
    pub(crate) fn may_act(&self) -> bool {
        !self.is_winding_down && !self.leadership.is_leading()
    }

    /// The clock as the record shows it.
    pub(crate) fn reading(&self) -> Option<Stamp> {
        match &self.clock {
            Some(clock) => Some(Stamp::Vector(clock.clone())),
            None => self.ordering.clock().cloned(),
        }
    }

    /// Tells of something that the common journal has no part in.
    pub(crate) fn report(&self, what: What, cx: &mut Cx<'_>) {
        self.report_after(After::Own, what, cx);
    }

    /// Tells of something that the common journal holds.
    pub(crate) fn report_trade(&self, what: What, cx: &mut Cx<'_>) {
        self.report_after(After::All, what, cx);
    }

    fn report_after(&self, after: After, what: What, cx: &mut Cx<'_>) {
        if self.reports_requests || !what.is_of_a_request() {
            cx.report_after(after, Report { at: cx.now, clock: self.reading(), what });
        }
    }

    fn start(&mut self, cx: &mut Cx<'_>) {
        self.resume(cx);
        self.member.begin(self.incarnation);
        self.member_input(Input::Start, cx);
        self.lead_input(Input::Start, cx);
        let seller = self.seller.settings();
        for (alarm, every) in [
            (Alarm::Accrue, seller.accrue_every),
            (Alarm::Update, seller.update_every),
            (Alarm::Inquire, seller.inquire_every),
        ] {
            if !every.is_zero() {
                cx.set(alarm, every);
            }
        }
    }

    pub(crate) fn member_input(&mut self, input: Input<Member>, cx: &mut Cx<'_>) {
        let order = self.member.order().to_vec();
        for report in cx.run_after(After::Own, &mut self.member, input) {
            match &report {
                membership::Report::Joined(entry) => {
                    self.presence.joined(entry.node);
                }
                membership::Report::Expired(node) => self.presence.expired(*node),
            }
            let what = What::from(report);
            self.report(what, cx);
        }
        if self.member.order() != order {
            // Nobody else knows who was there before whom, this peer for instance: one that expired
            // and came back is the last, though it finds the same others.
            let joined = leadership::Command::Joined(self.member.order().to_vec());
            self.lead_input(Input::Command(joined), cx);
        }
    }

    pub(crate) fn lead_input(&mut self, input: Input<Leadership>, cx: &mut Cx<'_>) {
        for report in cx.run_after(After::Own, &mut self.leadership, input) {
            match report {
                leadership::Report::Suspected { node, cause } => {
                    self.report(What::Suspected { suspect: node, cause }, cx);
                }
                leadership::Report::Campaigned => self.report(What::Campaigned, cx),
                leadership::Report::Elected { epoch, cause, took, messages } => {
                    let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                    self.report(What::Elected { epoch, cause, took_ns }, cx);
                    self.report(What::Followed { epoch, messages }, cx);
                    self.trader.claim(epoch);
                    cx.claim(epoch);
                    self.resend(cx);
                }
                leadership::Report::Followed { epoch, messages } => {
                    self.report(What::Followed { epoch, messages }, cx);
                    self.resend(cx);
                    self.act(cx);
                    self.go_on_leaving(cx);
                }
                leadership::Report::SteppedDown { epoch, why } => {
                    self.report(What::SteppedDown { epoch, why }, cx);
                    self.stop_trading(why, cx);
                }
                leadership::Report::Released => self.go(cx),
            }
        }
    }

    fn report_election(&self, from: NodeId, body: &leadership::Message, cx: &mut Cx<'_>) {
        let says = match body {
            leadership::Message::Bully(bully::Message::Election { .. }) => ElectionWord::Election,
            leadership::Message::Bully(bully::Message::Answer { .. }) => ElectionWord::Ok,
            _ => return,
        };
        self.report(What::ElectionHeard { from, says }, cx);
    }

    fn message(&mut self, from: NodeId, body: Message, cx: &mut Cx<'_>) {
        match body {
            Message::Membership(body) => self.member_input(Input::Message { from, body }, cx),
            Message::Leadership(body) => {
                self.report_election(from, &body, cx);
                self.lead_input(Input::Message { from, body }, cx);
            }
            Message::Trade(trade) => self.trade(from, trade, cx),
            // For whoever holds this peer, if anybody does.
            Message::Log(_) | Message::Books(_) => {}
        }
    }

    fn alarm(&mut self, alarm: Alarm, cx: &mut Cx<'_>) {
        match alarm {
            Alarm::Membership(alarm) => self.member_input(Input::Alarm(alarm), cx),
            Alarm::Leadership(alarm) => self.lead_input(Input::Alarm(alarm), cx),
            Alarm::Resend => self.resend(cx),
            Alarm::Think => self.buy(cx),
            Alarm::Accrue | Alarm::Update | Alarm::Inquire => self.tend_stall(alarm, cx),
            Alarm::Serve => self.serve_queue(false, cx),
            Alarm::Notify => self.notify(cx),
            Alarm::Question => self.ask_again(cx),
            Alarm::Quantum => self.consider_resigning(cx),
            Alarm::Expire => self.expire_sessions(cx),
            Alarm::EndHolds => self.end_holds(cx),
            Alarm::Leave => self.go_on_leaving(cx),
            Alarm::Log(_) | Alarm::Books(_) => {}
        }
    }

    pub(crate) fn handle(&mut self, input: Input<AnyPeer>, cx: &mut Cx<'_>) {
        match input {
            Input::Restore { snapshot, .. } => self.restore(snapshot, cx),
            Input::Replay { record, .. } => self.replay(record, cx),
            Input::Start => self.start(cx),
            Input::Claimed(epoch) => self.start_trading(epoch, cx),
            Input::Refused(epoch) => {
                self.lead_input(Input::Command(leadership::Command::Outbid(epoch)), cx);
            }
            Input::Command(Command::Resign) => self.resign(Resignation::Command, cx),
            Input::Command(Command::WindDown) => self.is_winding_down = true,
            Input::Command(Command::Leave) => self.leave(cx),
            Input::Message { from, body } => self.message(from, body, cx),
            Input::Opened(node) => {
                self.presence.opened(node);
                self.member_input(Input::Opened(node), cx);
                self.lead_input(Input::Opened(node), cx);
            }
            Input::Closed(node) => {
                self.presence.closed(node);
                self.trader.queue().gone(node);
                self.serve_soon(cx);
                self.lead_input(Input::Closed(node), cx);
            }
            Input::Alarm(alarm) => self.alarm(alarm, cx),
        }
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        self.leadership.check()?;
        self.trader.check()?;
        match self.trader.epoch() {
            Some(epoch) if self.leadership.epoch() != Some(epoch) => {
                Err(format!("trades in {epoch} but does not lead in it"))
            }
            _ if self.is_idle_though_sold_out() => {
                Err("heard that all it brought is sold, and brings no more".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Nobody would tell it a second time.
    fn is_idle_though_sold_out(&self) -> bool {
        let follows = self.leader().is_some_and(|leader| leader.node != self.me);
        let may_bring = follows && self.may_act() && self.client.has_returned();
        may_bring && self.role.sells && self.leaving.is_none() && self.seller.is_sold_out()
    }
}
