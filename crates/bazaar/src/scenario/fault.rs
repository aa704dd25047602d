//! What goes wrong in a run, and when.

use std::time::Duration;

use machine::NodeId;

use super::setting::{choices, tables};
use super::value::{Probability, Share, Target};

choices! {
    /// What a fault does.
    pub enum Action {
        /// The process is killed, without a warning.
        Kill = "kill",
        /// The process is stopped, so that it hangs.
        Pause = "pause",
        /// A paused process goes on.
        Resume = "resume",
        /// A killed process is started again.
        Restart = "restart",
        /// A trader is asked to resign.
        Resign = "resign",
        /// A peer that was not there before joins.
        Join = "join",
        /// A peer is asked to leave.
        Leave = "leave",
        /// Peers are cut off from all others: no message passes, and nobody is told.
        Partition = "partition",
        /// Messages take longer.
        Delay = "delay",
        /// Messages are lost.
        Drop = "drop",
        /// All links are made whole.
        Heal = "heal",
    }
}

tables! {
    /// Something that goes wrong.
    pub struct Fault {
        /// When: a share of the run, or a time since it began.
        pub at: Share,
        /// What.
        #[key("do")]
        pub action: Action,
        /// Whom it strikes; nobody in particular for drop and heal. 0 is the directory, which can be
        /// killed for good, or paused.
        #[key("who")]
        pub target: Option<Target>,
        /// How long until a peer that was killed or left is started again, a paused one goes on, or
        /// links are made whole; never if absent.
        #[key("for")]
        pub lasts: Option<Share>,
        /// Of a delay: only the link to this peer is meant.
        pub to: Option<NodeId>,
        /// Of a delay: how much longer each message takes.
        pub by: Option<Duration>,
        /// Of a drop: the probability that a message is lost.
        pub chance: Option<Probability>,
    }
}
