//! What goes wrong in a run, and when.

use super::setting::{choices, tables};
use super::value::{Share, Target};

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
        /// Whom it strikes.
        #[key("who")]
        pub target: Target,
        /// How long until a peer that was killed or left is started again, or a paused one goes on;
        /// never if absent.
        #[key("for")]
        pub lasts: Option<Share>,
    }
}
