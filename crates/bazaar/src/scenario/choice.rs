//! Keys that hold one of a few words.

use super::setting::choices;

choices! {
    /// How messages travel.
    pub enum Transport {
        /// One stream a pair of processes.
        Tcp = "tcp",
        /// Datagrams, and a stream that only tells of a process's end.
        Udp = "udp",
    }

    /// Who talks to whom.
    pub enum OverlayForm {
        /// All to all.
        Mesh = "mesh",
        /// Each to the next lower and the next higher number, in a circle.
        Ring = "ring",
        /// Each to at most three others, by chance.
        Random = "random",
        /// As a file says.
        File = "file",
    }

    /// What the peers are that are neither counted as buyers nor as sellers.
    pub enum OtherRoles {
        /// Buyers and sellers at once.
        Both = "both",
        /// Buyers.
        Buyer = "buyer",
        /// Neither: they are there to vote and to lead.
        Bystander = "bystander",
        /// Sellers.
        Seller = "seller",
        /// Each a buyer or a seller, equally likely.
        Random = "random",
    }

    /// Which peer gets which role.
    pub enum Deal {
        /// Buyers first, then sellers, then the others.
        InOrder = "in_order",
        /// The same roles, dealt by chance.
        Shuffled = "shuffled",
    }

    /// Whose goods are sold first.
    pub enum SellerChoice {
        /// Those deposited first.
        Oldest = "oldest",
        /// Those with the lowest price.
        Cheapest = "cheapest",
        /// Any, equally likely.
        Random = "random",
        /// Those whose seller's Lamport clock is lowest; it rises with each sale.
        Lamport = "lamport",
        /// Those whose deposit happened before the others'.
        Vector = "vector",
    }

    /// The order in which a trader serves.
    pub enum Order {
        /// As orders arrive; no clocks travel.
        Arrival = "arrival",
        /// By Lamport clock, ties by the buyer's number.
        Lamport = "lamport",
        /// By vector clock: what happened before is served before.
        Vector = "vector",
    }

    /// How a trader serves by clock.
    pub enum Service {
        /// The first of what is here.
        Eager = "eager",
        /// Nothing, as long as something earlier may still come.
        Stable = "stable",
    }

    /// What a former trader becomes.
    pub enum ReturnAs {
        /// What it was before.
        Same = "same",
        /// A buyer or a seller, equally likely.
        Random = "random",
    }

    /// What makes the winner of an election a leader.
    pub enum Fence {
        /// Promises of a majority for a higher epoch.
        Majority = "majority",
    }

    /// Who starts an election when the trader is lost.
    pub enum Initiator {
        /// Every peer that notices.
        Every = "every",
        /// One of the others, by chance.
        Random = "random",
        /// The one with the lowest number.
        Lowest = "lowest",
        /// The one with the highest number.
        Highest = "highest",
        /// The one that the directory listed last.
        LastToJoin = "last_to_join",
    }

    /// How the market passes to the next trader.
    pub enum Handover {
        /// Through a journal in a common place.
        File = "file",
        /// Through an embedded database in a common place.
        Database = "database",
        /// Not at all: a majority of the peers holds it.
        Replicated = "replicated",
        /// Each peer registers again what is its own.
        Sellers = "sellers",
    }

    /// How traders of the trading houses use what they know of the warehouse's stock.
    pub enum Cache {
        /// Not at all: each order is the warehouse's to decide.
        None = "none",
        /// Counts that they ask for, used up to an age.
        TimeToLive = "ttl",
        /// Counts that the warehouse sends.
        Push = "push",
        /// A ledger that traders keep together: they promise at once, and the warehouse decides after.
        Ledger = "ledger",
        /// Stock on loan, sold without asking.
        Lease = "lease",
    }

    /// What a sale from a loan outlives.
    pub enum LeaseDurability {
        /// The loss of all traders: the warehouse has it.
        Warehouse = "warehouse",
        /// The loss of one trader: another one has it.
        Buddy = "buddy",
        /// The restart of its trader: that has it in its journal.
        TraderLog = "trader_log",
    }

    /// Which trader a customer asks.
    pub enum TraderChoice {
        /// Any, for each request anew.
        Random = "random",
        /// The same, as long as it is there.
        Sticky = "sticky",
        /// The one of two, drawn by chance, that answered less of late.
        LeastLoaded = "least_loaded",
    }

    /// What starts a trader when the load asks for one more.
    pub enum Provider {
        /// This program, as a process of this machine.
        Process = "process",
        /// A command of the scenario.
        Command = "command",
    }

    /// When a trader refuses by a cached count.
    pub enum Refuse {
        /// Never: the warehouse decides.
        Never = "never",
        /// If it is too low, and fresh.
        FreshZero = "fresh_zero",
        /// If it is too low, however old.
        Zero = "zero",
    }

    /// What a confirmed write outlives.
    pub enum Durability {
        /// The loss of power.
        Disk = "disk",
        /// The death of any process, not that of the machine.
        Memory = "memory",
    }
}
