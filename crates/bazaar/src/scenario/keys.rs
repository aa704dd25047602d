//! The keys of every section, their types, their bounds, and the reason for those.
//!
//! A field's comment is also the comment of its key in the text of a scenario.

use std::net::IpAddr;
use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::time::Duration;

use market::Good;
use market::limits::{BASIS_POINTS_ALL, QUANTITY_MAX};

use super::choice::{
    Deal, Durability, Fence, Handover, Initiator, LeaseDurability, Order, OtherRoles, OverlayForm,
    Provider, Refuse, ReturnAs, SellerChoice, Service, TraderChoice, Transport,
};
use super::setting::tables;
use super::value::{Between, FirstTrader, Probability};

/// Bounds of everything that happens again and again.
const PERIOD: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);
const PERIOD_WHY: &str = "a timer is slow enough to leave time for work, and fast enough to be of \
                          use in a run";

tables! {
    /// The run itself.
    pub struct Run {
        /// How long the market trades.
        #[within(
            Duration::from_millis(10)..=Duration::from_secs(86_400),
            "a run needs time for an election, and its events need room on the disk"
        )]
        pub duration: Duration,
        /// Whether the run is over as soon as all buyers but the trader have made their purchases.
        pub end_when_done: bool,
        /// How messages travel: "tcp" or "udp".
        pub transport: Transport,
        /// The address on which all processes listen; one of the loopback.
        pub host: IpAddr,
        /// The directory listens on this port, and peer n on this port + n; 0 means any free ports.
        pub base_port: u16,
        /// How many peers there are, numbered from 1.
        #[within(
            3..=100,
            "a market needs at least 3 peers, so that a majority outlives the loss of one, and one \
             machine carries at most 100"
        )]
        pub peers: u32,
    }

    /// Who buys and who sells. A peer does neither while it is the trader.
    pub struct Roles {
        /// How many peers only buy.
        pub buyers: u32,
        /// How many peers only sell.
        pub sellers: u32,
        /// What the remaining peers are: "both", "buyer", "seller", "bystander", or "random": each
        /// of them a buyer or a seller by chance.
        pub others: OtherRoles,
        /// Who gets which: "in_order": peer 1 and on are the buyers, then come the sellers, then
        /// the others; "shuffled": the same roles, dealt by chance.
        pub deal: Deal,
        /// What a peer is that joins the running market: as for others.
        pub joiners: OtherRoles,
    }

    /// What is traded, and by which rules.
    pub struct Trade {
        /// The names of the goods.
        pub goods: Vec<Good>,
        /// What the trader keeps of every sale, in hundredths of a percent.
        #[within(
            0..=BASIS_POINTS_ALL,
            "a trader keeps at least nothing, and at most all of the price"
        )]
        pub commission_basis_points: u16,
        /// Whose goods are sold first: the "oldest", the "cheapest", "random" ones, by "lamport"
        /// clock those of the seller whose clock is lowest, or by "vector" clock those whose
        /// deposit happened before the others'.
        pub seller_choice: SellerChoice,
        /// The order in which the trader serves: by "arrival"; by "lamport" clock, of which each
        /// buyer tells all others; or by "vector" clock: what happened before is served before.
        pub order: Order,
        /// How it serves by clock: "eager", the first of what is here; or "stable", nothing as long
        /// as something earlier may still come.
        pub service: Service,
        /// How long a buyer or seller waits for an answer before it asks again.
        #[within(PERIOD, PERIOD_WHY)]
        pub resend: Duration,
    }

    /// How buyers behave.
    pub struct Buyer {
        /// Units in one order.
        pub quantity: Between<u32>,
        /// The highest unit price that a buyer pays, in minor units; 0 means any.
        pub limit: Option<NonZeroU64>,
        /// Whether a buyer takes a part of what it ordered, if there is no more.
        pub partial: bool,
        /// How long a buyer pauses before an order.
        pub think: Between<Duration>,
        /// The chance that a buyer buys again at once after a purchase, without a pause.
        pub buy_probability: Probability,
        /// The purchases after which a buyer leaves; 0 means that it stays to the end.
        pub purchases: Option<NonZeroU64>,
        /// The chance that a purchase begins with a cart: the units are held, and bought after a
        /// pause.
        pub cart_probability: Probability,
        /// How long a cart is held before what is in it is for sale again.
        #[within(PERIOD, PERIOD_WHY)]
        pub cart_time_out: Duration,
        /// The chance that a buyer lets what is in its cart go instead of buying it.
        pub void_probability: Probability,
        /// The chance that it forgets its cart, which is held until its time is over.
        pub forget_probability: Probability,
        /// Whether a buyer looks for another good when one is not to be had.
        pub retry_other_good: bool,
        /// How many peers, from peer 1 on, are slow: they rest after every `pause_after` purchases.
        pub slow_peers: u32,
        /// The purchases after which a slow peer rests; 0 means that it does not.
        pub pause_after: Option<NonZeroU64>,
        /// How long it rests.
        #[within(PERIOD, PERIOD_WHY)]
        pub pause: Duration,
        /// Whether a buyer that does not sell leaves the market after its purchases, as soon as it
        /// can be spared as a voter; otherwise it stays and asks for nothing more.
        pub leave_when_done: bool,
    }

    /// How sellers behave.
    pub struct Seller {
        /// Units in one deposit.
        pub stock: Between<u32>,
        /// Unit price of a deposit, in minor units.
        pub price: Between<u64>,
        /// Whether a seller picks a good by chance and deposits it when all it had is sold.
        pub restock_at_zero: bool,
        /// Units that a seller deposits again and again; 0 means none.
        #[within(0..=QUANTITY_MAX, "the market takes no more in one deposit")]
        pub accrue_goods: u32,
        /// How often it deposits them.
        #[within(PERIOD, PERIOD_WHY)]
        pub accrue_every: Duration,
        /// The chance that a seller picks a good and deposits it before all is sold.
        pub update_probability: Probability,
        /// How often that chance comes.
        #[within(PERIOD, PERIOD_WHY)]
        pub update_every: Duration,
        /// How often it asks the trader what is left, lest a notice was lost.
        #[within(PERIOD, PERIOD_WHY)]
        pub inquire_every: Duration,
        /// Whether a seller that leaves takes back what is unsold; otherwise it stays for sale.
        pub withdraw_when_leaving: bool,
    }

    /// How a trader comes and goes.
    pub struct Trader {
        /// The first trader: "elected", or the number of a peer, which is appointed.
        pub first: FirstTrader,
        /// The chance that a trader resigns at the end of a quantum; 0 means never.
        pub resign_probability: Probability,
        /// How long a quantum lasts.
        #[within(PERIOD, PERIOD_WHY)]
        pub resign_quantum: Duration,
        /// The sales after which a trader resigns; 0 means none.
        pub resign_after_sales: Option<NonZeroU64>,
        /// Whether a trader that resigned or failed yields to all others in the next election.
        pub bar_last_trader: bool,
        /// The chance, each `back_every`, that it yields no more; 0 means that it yields in one
        /// election only.
        pub back_probability: Probability,
        /// How often that chance comes.
        #[within(PERIOD, PERIOD_WHY)]
        pub back_every: Duration,
        /// What a trader that resigned becomes: the "same" as before, or a "random" one of buyer
        /// and seller.
        pub return_as: ReturnAs,
    }

    /// How peers watch each other and elect.
    pub struct Group {
        /// How often a process shows that it is alive.
        #[within(PERIOD, PERIOD_WHY)]
        pub heartbeat_period: Duration,
        /// The silence after which it is suspected. A process that ends is suspected at once.
        #[within(
            Duration::from_millis(1)..=Duration::from_secs(60),
            "a trader that hangs halts trade until it is noticed, so this is short, and not zero"
        )]
        pub heartbeat_limit: Duration,
        /// How long a candidate waits for the answer of a higher peer that is connected.
        #[within(
            Duration::from_millis(1)..=Duration::from_secs(60),
            "a peer needs time to answer, and trade halts while a candidate waits"
        )]
        pub answer_limit: Duration,
        /// How long a request for a promise waits for its answer before it is sent again.
        #[within(PERIOD, PERIOD_WHY)]
        pub resend: Duration,
        /// What makes the winner of an election the trader: the promises of a "majority".
        pub fence: Fence,
        /// Who starts an election when the trader is lost: "every" peer that sees it, or only a
        /// "random" one, the "lowest", the "highest" or the "last_to_join".
        pub initiator: Initiator,
        /// How often a peer announces itself to the directory.
        #[within(PERIOD, PERIOD_WHY)]
        pub announce_period: Duration,
        /// The time without an announcement after which the directory strikes a peer off.
        #[within(PERIOD, PERIOD_WHY)]
        pub expiry: Duration,
    }

    /// Who talks to whom. Messages to others go by way of these.
    pub struct Overlay {
        /// A "mesh": all to all; a "ring"; a "random" connected graph in which each peer talks to
        /// at most three others; or as in a "file". All talk to the directory.
        pub form: OverlayForm,
        /// The file with the overlay, as JSON: { "kind": "edges", "nodes": [1, 2, 3], "edges":
        /// [[1, 2], [2, 3]] }; empty for the other forms.
        pub file: String,
    }

    /// How the market outlives its traders.
    pub struct Journal {
        /// How the market passes to the next trader: through a "file" in a common place; through an
        /// embedded "database" there, which is slower, and waits for the disk whatever "durability"
        /// says; "replicated": a majority of the first peers holds it, each in its own journal; or
        /// "sellers": each peer keeps what is its own, and registers it with every new trader.
        pub handover: Handover,
        /// What a confirmed sale outlives: with "disk" the loss of power, with "memory" the death
        /// of any process.
        pub durability: Durability,
        /// After how many records a snapshot replaces them: at least so many, and as many as the
        /// last snapshot had lots, accounts and unacknowledged answers.
        #[within(
            1..=1_000_000,
            "a snapshot replaces at least one record, and reading more than a million takes long"
        )]
        pub snapshot_every: u32,
    }

    /// The trading houses: several traders and one warehouse that holds the stock, in place of one
    /// trader. What they do with what they know of the stock is the key "cache" above.
    pub struct Houses {
        /// How many peers trade; 0 means that this is a trading post, and the rest counts for
        /// nothing.
        #[within(0..=32, "each trader is one peer, and one machine carries few that are busy")]
        pub traders: u32,
        /// Whether the peers elect another trader when one is lost. If not, those that are left have
        /// its customers too, as long as it is away.
        pub replace_lost: bool,
        /// Which trader a buyer or seller asks: a "random" one for each request; the same as long
        /// as it is there: "sticky"; or of two random ones that which answered less of late:
        /// "least_loaded".
        pub choice: TraderChoice,
        /// With the cache "lease": what a sale outlives whose buyer has heard of it: the loss of all
        /// traders, the "warehouse" has it; that of one trader, its "buddy" has it; or its restart,
        /// by its own journal: "trader_log".
        pub durability: LeaseDurability,
        /// With the caches "ttl", "push" and "ledger": when a trader refuses by its count: "never"; if it is
        /// too low, and no older than age_max: "fresh_zero"; or if it is too low: "zero".
        pub refuse: Refuse,
        /// How old a count is used, in "ttl" and "fresh_zero".
        #[within(PERIOD, PERIOD_WHY)]
        pub age_max: Duration,
        /// With the caches "push" and "ledger": how often the warehouse sends its counts at most.
        #[within(PERIOD, PERIOD_WHY)]
        pub push_period: Duration,
        /// With the cache "lease": how long sales wait for others before the warehouse is told,
        /// where no answer waits for that. With "ledger": how long promises wait before the other
        /// traders are told.
        #[within(PERIOD, PERIOD_WHY)]
        pub report_every: Duration,
        /// With the cache "lease": how long the warehouse waits for traders that do not give back
        /// what is recalled, before it answers that it does not know.
        #[within(PERIOD, PERIOD_WHY)]
        pub recall_limit: Duration,
        /// With the cache "lease": for which time to come a trader borrows.
        #[within(PERIOD, PERIOD_WHY)]
        pub horizon: Duration,
        /// The share of one processor that the process of each trader has, as long as it trades, in
        /// percent; 0 means as much as it takes. What one does not use, no other one has. It needs
        /// Linux control groups, and the right to make them. Nodes do not look for work before they
        /// sleep then: it would use up the share.
        #[within(0..=100, "a machine turns off whoever has less than none, and one thread has one processor")]
        pub trader_cpu_percent: u32,
    }

    /// How many traders there are beside those that are elected, in trading houses: they are started
    /// when the load asks for them and go when it does not. They neither buy nor sell.
    pub struct Scaling {
        /// How many traders there may be in all; as many as houses.traders, or fewer, means that
        /// none is started.
        #[within(0..=48, "16 at most are started beside 32 that are elected")]
        pub traders_max: u32,
        /// How many answers a second a trader is to give: for a higher load more are started.
        #[within(1..=10_000_000, "a trader is there to answer, and none gives more")]
        pub answers_per_second: u32,
        /// By how many percent the load may differ from that, to either side, before the number of
        /// traders changes.
        #[within(0..=90, "a load that may differ by all of it asks for nothing")]
        pub tolerance_percent: u32,
        /// How often the warehouse looks at the load, and tells it where houses.choice is
        /// "least_loaded".
        #[within(PERIOD, PERIOD_WHY)]
        pub period: Duration,
        /// How long the load must have been lower before a trader goes.
        #[within(PERIOD, PERIOD_WHY)]
        pub calm: Duration,
        /// What starts a trader: a "process" of this machine; or a "command".
        pub provider: Provider,
        /// The command, its words apart by blanks: {program} stands for this program, {arguments}
        /// for what it is to be told, {node} for the trader's number. It is to run as long as the
        /// trader does, in front, and to pass its standard input on.
        pub command: String,
    }

    /// What is refused so that nothing grows without bound.
    pub struct Limits {
        /// Orders that may wait at a trader.
        #[within(
            1..=1_000_000,
            "a trader takes at least one order, and more than a million fill its memory"
        )]
        pub pending_orders: u32,
        /// The silence after which a client's session ends, and with it the memory of its answers;
        /// with journal.handover = "sellers" none ends.
        #[within(PERIOD, PERIOD_WHY)]
        pub session_idle: Duration,
    }
}
