//! Group communication, as machines: who is there ([`membership`]), who may be down
//! ([`detector`]), who leads ([`election`]), and what makes a winner a leader ([`fence`]).
//! [`leadership`] stacks the last three into the one machine that most users want.
//!
//! Useful without the market: nothing here knows what is traded, stored or counted.
//!
//! | part | promise | relies on |
//! |---|---|---|
//! | [`membership`] | a node that announces itself is introduced to all others; one that stops is expired | nothing: it introduces, it never decides (SAFETY S3) |
//! | [`detector`] | a killed process is suspected as soon as its connection ends, a hung one after the heartbeat limit | the host's liveness links (S5) |
//! | [`election`] | of any number of elections at once, some candidate wins as long as links work | answers within a limit; no safety at all |
//! | [`fence`] | at most one leader an epoch, whatever the network does | a majority of durable promises (S1 to S4) |
//! | [`leadership`] | all of it: at most one leader an epoch, and some leader while a majority can talk | the four above |

pub mod detector;
pub mod election;
pub mod fence;
pub mod leadership;
pub mod membership;
