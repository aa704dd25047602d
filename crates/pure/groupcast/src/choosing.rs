//! Which order, and which delivery? A page to read before the first line of code.
//!
//! # In one minute
//!
//! | what you build | choose | because |
//! |---|---|---|
//! | a replicated state machine: a store, a ledger, a lock, a queue | [`Sequencer`](Order::Sequencer), [`Safe`](Delivery::Safe) | all replicas apply the same commands in the same order, and a command that one confirmed is never taken back |
//! | the same where every member writes all the time | [`Lamport`](Order::Lamport), [`Safe`](Delivery::Safe) | nobody carries more than the others; a silent member is waited for |
//! | a chat, a shared board, invalidations of caches | [`Causal`](Order::Causal), [`Agreed`](Delivery::Agreed) | no answer before its question, and nobody waits for a round trip |
//! | feeds that have nothing to do with each other | [`Fifo`](Order::Fifo), [`Agreed`](Delivery::Agreed) | the least that makes sense, at the least cost |
//!
//! If in doubt: the first row. It is the default, and with three members `safe` costs no more than
//! `agreed`: one round trip.
//!
//! # The orders
//!
//! [`Fifo`](Order::Fifo) keeps each sender's messages in the order sent. Two senders' messages may
//! arrive in another order at each member.
//!
//! [`Causal`](Order::Causal) adds: if one message may have caused another, through any number of
//! members, nobody sees the effect first. Messages that could not know of each other still arrive in
//! any order; so two concurrent writes of the same value may end differently at two members.
//!
//! The total orders end that: all members deliver one sequence. [`Sequencer`](Order::Sequencer) has
//! the view's coordinator say which; [`Lamport`](Order::Lamport) computes it from time stamps. Both
//! respect FIFO, and Lamport's respects causality. Under `Sequencer` a message is ordered when the
//! coordinator holds it, and a member's later message never comes before its earlier one; what one
//! member *delivered* before it sent is before what it sent, too.
//!
//! # Delivery
//!
//! [`Agreed`](Delivery::Agreed) delivers as soon as the order is known. If the members that
//! delivered a message all crash, the others may go on without it. [`Safe`](Delivery::Safe) waits
//! until a majority of the view holds the message and its place. From then on no crash of a
//! minority takes it back. **Answer the outside world only for what was delivered safe.**
//!
//! Neither writes to a disk. A group lives in the memory of its members: losing a majority at once
//! loses it (SAFETY S4).
//!
//! # What a crash does
//!
//! Members notice a killed process by its connection and a hung one by the detector's limit, agree
//! on a new view, and go on: seven delays of a link from the crash to the next delivery, whatever
//! the order (`bazaar bench orders` shows it). Under `Lamport` deliveries stop when *any* member
//! hangs, under the others when the coordinator does, and under `Safe` when a majority is missing.
//!
//! A message in flight when its sender crashes is delivered by all survivors or by none. One in
//! flight when somebody else crashes is delivered exactly once. A member that was removed though it
//! was only slow gets the messages back whose fate it cannot know
//! ([`Report::Removed`](crate::group::Report::Removed)): ask the group before sending them again, or
//! make them idempotent.
//!
//! # What it costs
//!
//! Messages between members for one multicast at low load, acknowledgements included, as measured
//! in simulated groups of 3, 10 and 50 (`bazaar bench orders`; under load most of it rides on what is
//! sent anyway):
//!
//! | order, delivery | 3 | 10 | 50 | own delivery, in delays of a link |
//! |---|---|---|---|---|
//! | FIFO, agreed | 5.3 | 40.5 | 221 | 0 |
//! | causal, agreed | 5.3 | 40.5 | 221 | 0 |
//! | sequencer, agreed | 7.3 | 48.6 | 268 | 2 |
//! | sequencer, safe | 8.9 | 50.4 | 289 | 2 with three members, else 4 |
//! | Lamport, safe | 6 | 90 | 2,450 | 2 |
//!
//! # Questions that come up
//!
//! *May I send from within a delivery?* Yes. What you send is ordered after what you have delivered.
//!
//! *Do I get my own messages?* Yes, at their place in the order. Apply them then and not when you
//! send them, or your replica differs from the others.
//!
//! *How do I know that my message was delivered?* When you deliver it yourself, under `Safe`.
//!
//! *What is a good group size?* Three or five. Seven tolerate three crashes and cost more for each
//! message. For hundreds of nodes use [`swim`](crate::swim) for membership and a small group for
//! what must be agreed.

#[allow(unused_imports, reason = "names that the text links to")]
use crate::group::{Delivery, Order};
