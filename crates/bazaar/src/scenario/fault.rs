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
        /// How long until a killed peer is started again, or a paused one goes on; never if absent.
        #[key("for")]
        pub lasts: Option<Share>,
    }
}
