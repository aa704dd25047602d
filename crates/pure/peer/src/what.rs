//! What can happen in a run, as its record tells it.

use clocks::Stamp;
use groupcast::leadership::{Cause, Stepped};
use machine::{Epoch, Incarnation, NodeId};
use market::{Good, HoldId, LotId, Money, Outcome, Party, Receipt, Refusal, RequestId};
use serde::{Deserialize, Serialize};

use crate::deed::{ElectionWord, Fault, Operation};
use crate::link_fault::LinkFault;
use crate::resigning::Resignation;

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// A node began a life.
    Started {
        /// Which life of it.
        incarnation: Incarnation,
        /// What it is there for, in a word: `peer`, `buyer`, `directory`…
        role: String,
    },
    /// A buyer has bought all that it wants.
    BoughtAll {
        /// How often it bought, in all of its lives.
        purchases: u64,
    },
    /// A node has left the market in good order: nothing of it is under way, and it says goodbye to
    /// the directory.
    Left,
    /// A node ended its life in good order.
    Stopped,
    /// The runner did this to a node.
    Fault {
        /// What it did.
        fault: Fault,
        /// To whom.
        target: NodeId,
    },

    /// The runner did this to links.
    Links(LinkFault),

    /// The runner stops all nodes: the run is over.
    Ending,

    /// A node became a member of the group, as the reporting node sees it.
    Joined {
        /// Who.
        member: NodeId,
        /// Which life of it.
        incarnation: Incarnation,
        /// Where it listens.
        address: String,
    },
    /// A member was not heard of for too long and is one no more.
    Expired {
        /// Who.
        member: NodeId,
    },

    /// The node has reason to doubt the leader that it followed.
    Suspected {
        /// The leader.
        suspect: NodeId,
        /// Why.
        cause: Cause,
    },
    /// The node started an election.
    Campaigned,
    /// A node said this to the reporting one in an election.
    ElectionHeard {
        /// Who.
        from: NodeId,
        /// What.
        says: ElectionWord,
    },
    /// The node has the promises of a majority and leads. Reported by the winner.
    Elected {
        /// Its term.
        epoch: Epoch,
        /// What became of the leader before it.
        cause: Cause,
        /// From the winner's own suspicion until now, in nanoseconds.
        took_ns: u64,
    },
    /// The node recognises a leader; the winner recognises itself.
    Followed {
        /// The leader's term.
        epoch: Epoch,
        /// Election messages that the node sent since it recognised the leader before.
        messages: u64,
    },
    /// The node leads no more.
    SteppedDown {
        /// The term that ends.
        epoch: Epoch,
        /// Why.
        why: Stepped,
    },

    /// The trader serves nobody any more, and resigns when its last commit is done.
    Resigning {
        /// Its term.
        epoch: Epoch,
        /// Why.
        why: Resignation,
    },
    /// A new trader has taken over the market and serves.
    Trading {
        /// Its term.
        epoch: Epoch,
        /// How many units the market that it took over has shipped.
        shipped_before: u64,
    },
    /// The new trader serves first what waited while it took the market over.
    Pending {
        /// Its term.
        epoch: Epoch,
        /// How many requests.
        requests: u64,
    },
    /// A trader that is one no more goes back to buying, selling, both or neither.
    TookRole {
        /// Which, in a word.
        role: String,
    },
    /// The trader sold; the sale is durable.
    Sold {
        /// Its term.
        epoch: Epoch,
        /// The buy.
        request: RequestId,
        /// Who bought.
        buyer: Party,
        /// What, from whom and for how much.
        receipt: Receipt,
    },
    /// The trader refused a buy.
    Refused {
        /// Its term.
        epoch: Epoch,
        /// The buy.
        request: RequestId,
        /// What was asked for.
        good: Good,
        /// Why not.
        refusal: Refusal,
    },
    /// The trader was asked again and gave its first answer again.
    Repeated {
        /// Its term.
        epoch: Epoch,
        /// The request.
        request: RequestId,
    },
    /// The trader took goods into stock.
    Deposited {
        /// Its term.
        epoch: Epoch,
        /// The deposit.
        request: RequestId,
        /// Who deposited.
        seller: Party,
        /// What.
        good: Good,
        /// How many units.
        quantity: u32,
        /// The price of each.
        unit_price: Money,
        /// The lot that they make.
        lot: LotId,
    },
    /// The trader gave what was left of a lot back to its seller.
    Withdrawn {
        /// Its term.
        epoch: Epoch,
        /// The withdrawal.
        request: RequestId,
        /// Who has them back.
        seller: Party,
        /// What.
        good: Good,
        /// How many units.
        quantity: u32,
        /// The lot that is no more.
        lot: LotId,
    },
    /// The trader holds units for a buyer.
    Held {
        /// Its term.
        epoch: Epoch,
        /// The request to hold them.
        request: RequestId,
        /// For whom.
        buyer: Party,
        /// The name of the cart.
        hold: HoldId,
        /// What, from whom and for how much, if it is claimed.
        receipt: Receipt,
    },
    /// A cart is no more, and what was in it is for sale again.
    HoldEnded {
        /// The trader's term.
        epoch: Epoch,
        /// Which.
        hold: HoldId,
        /// What was in it.
        good: Good,
        /// How many units.
        quantity: u64,
        /// Who asked for that; none: its time was over.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<RequestId>,
    },
    /// The trader serves a purchase later, because an earlier one may still come.
    HeldBack {
        /// Which waits.
        request: RequestId,
        /// From whom the earlier one may come.
        waits_for: NodeId,
    },
    /// The trader forgot sessions that were idle for too long.
    SessionsExpired {
        /// Its term.
        epoch: Epoch,
        /// How many.
        sessions: u32,
    },

    /// A client asks. Reported once a request, not again when it is sent again.
    Asked {
        /// The request.
        request: RequestId,
        /// For what.
        operation: Operation,
        /// A purchase's stamp, where the market keeps a clock; see [`ordering`](crate::ordering).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stamp: Option<Stamp>,
    },
    /// A client has its answer. Reported once a request.
    Answered {
        /// The request.
        request: RequestId,
        /// What was asked for.
        operation: Operation,
        /// The answer.
        outcome: Outcome,
        /// From the first sending until now, in nanoseconds.
        took_ns: u64,
    },
    /// A client was promised what it asks for: the answer follows, and may take the promise back.
    Promised {
        /// The request.
        request: RequestId,
        /// From the first sending until now, in nanoseconds.
        took_ns: u64,
    },
    /// What a client was promised, it cannot have.
    TakenBack {
        /// The request.
        request: RequestId,
    },
    /// A client stops waiting for an answer; it may have happened or not.
    Abandoned {
        /// The request.
        request: RequestId,
        /// What was asked for.
        operation: Operation,
    },
    /// A client has a session again after a crash of its own, or after the market forgot the one that
    /// it had: nothing that it asked for before happens from now on.
    Returned {
        /// How often it has bought in all of its lives, by the market's books.
        purchases: u64,
    },
    /// A buyer was refused a good and looks for another one.
    Switched {
        /// What it asked for.
        good: Good,
        /// What it asks for next.
        instead: Good,
    },
    /// A slow buyer rests before it buys again.
    Rests {
        /// For how long, in nanoseconds.
        lasts_ns: u64,
    },
    /// A client looked at the stock of a good.
    Looked {
        /// Of what.
        good: Good,
        /// How many units there were.
        units: u64,
        /// From the question until now, in nanoseconds.
        took_ns: u64,
    },
    /// A seller learns that it sold.
    Earned {
        /// In which order, and so to whom.
        request: RequestId,
        /// What.
        good: Good,
        /// How many units.
        quantity: u32,
        /// What the buyer pays for them.
        paid: Money,
        /// What the seller earns by it, after commission.
        amount: Money,
        /// All that it earned in this life.
        total: Money,
        /// How many units it has left in the market.
        #[serde(default)]
        left: u64,
    },

    /// The warehouse began a term of a trader.
    TermBegan {
        /// The term.
        epoch: Epoch,
    },
    /// The warehouse ended a term.
    TermEnded {
        /// The term.
        epoch: Epoch,
        /// How many units on loan went back on the shelves.
        units: u64,
    },
    /// The warehouse wants another number of traders than before.
    TradersWanted {
        /// How many there are.
        traders: u64,
        /// How many it wants.
        wanted: u64,
        /// How many answers a second they gave of late, together.
        answers_per_second: u64,
    },
    /// The runner started a trader, since the warehouse wanted more.
    Hired {
        /// Which.
        trader: NodeId,
    },
    /// The warehouse lent a trader stock.
    Lent {
        /// In which term.
        epoch: Epoch,
        /// What.
        good: Good,
        /// How many units.
        units: u64,
    },
    /// A trader refused a buy by what it knew of the stock, without asking the warehouse.
    DeniedByCache {
        /// Its term.
        epoch: Epoch,
        /// The buy.
        request: RequestId,
        /// What was asked for.
        good: Good,
    },

    /// A trader told a customer what came of its request.
    Told {
        /// The request.
        request: RequestId,
        /// What it was about, as far as the trader knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        good: Option<Good>,
        /// What came of it.
        outcome: Outcome,
    },

    /// A limit bit.
    Overflow {
        /// Which.
        limit: String,
        /// Its value.
        value: u64,
    },
}
