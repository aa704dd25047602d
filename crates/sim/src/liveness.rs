//! The liveness phase: all faults are over. Within a bounded time there must be one trader that
//! all peers follow, every buyer must be served again, and nothing may stay under way; then the
//! market's books must agree with what everybody was told.

use std::time::Duration;

use machine::Instant;

use crate::market_world::MarketWorld;
use crate::peers::founding;
use crate::swarm::Handover;

/// How long a world may take to come together: many times the longest limit of its protocols.
const TOGETHER_WITHIN: Duration = Duration::from_secs(30);
/// How long what is under way may take to be answered.
const DONE_WITHIN: Duration = Duration::from_secs(10);

/// How long the last writes may take: longer than a slow disk does.
const QUIET: Duration = Duration::from_secs(3);

pub(crate) fn phase(market: &mut MarketWorld) {
    let healed = market.world.now();
    if !until(market, healed + TOGETHER_WITHIN, |market| is_together(market, healed)) {
        return fail(market, "all come together again", describe(market, healed));
    }
    let peers: Vec<_> = market.peers().map(|(node, _)| node).collect();
    for node in peers {
        market.world.command(node, peer::Command::WindDown);
    }
    (market.leavers_return, market.winds_down) = (false, true);
    let winding_down = market.world.now();
    let done = |market: &MarketWorld| market.peers().all(|(_, peer)| !peer.is_busy());
    if !until(market, winding_down + DONE_WITHIN, done) {
        return fail(market, "all that is under way ends", describe(market, healed));
    }
    // The last writes reach the disk, and an election that was under way ends.
    let quiet = market.world.now() + QUIET;
    until(market, quiet, |_| false);
    // A session may have ended just now: the trader's market is ahead of the journal until that is
    // written down. A cart may have ended just now: its units are back on sale, and a seller that
    // leaves withdraws them, and tells of it when it has written that down.
    until(market, quiet + DONE_WITHIN, |market| {
        let is_written = |(node, _)| market.world.has_writes_done(node);
        market.trader().is_some() && market.peers().all(is_written) && done(market)
    });
    let now = market.world.now();
    let peers: Vec<_> = market.peers().map(|(node, peer)| (node, peer.clone())).collect();
    for (node, peer) in peers {
        market.watch.is_settled(now, peer::party(node), &peer);
    }
    finish(market);
}

/// Lets the world go on until something holds; false if it never did, or an invariant broke.
fn until(market: &mut MarketWorld, limit: Instant, held: impl Fn(&MarketWorld) -> bool) -> bool {
    let mut steps = 0_u32;
    while market.world.next_at().is_some_and(|at| at <= limit) && market.watch.violation.is_none() {
        market.step();
        steps += 1;
        // To look at all peers after every step would take longer than the steps do.
        if steps.is_multiple_of(32) && held(market) {
            return true;
        }
    }
    held(market)
}

fn is_together(market: &MarketWorld, since: Instant) -> bool {
    let Some(trader) = market.trader() else { return false };
    let epoch =
        market.peers().find(|(node, _)| *node == trader).and_then(|(_, peer)| peer.leader());
    // A buyer may find nobody but itself to buy from, but the market sells.
    let sells = market.watch.last_sale.is_some_and(|at| at > since);
    sells
        && market.peers().all(|(node, peer)| {
            let served = || market.watch.last_answer.get(&node).is_some_and(|&at| at > since);
            peer.leader() == epoch && (node == trader || !peer.is_buyer() || served())
        })
}

fn describe(market: &MarketWorld, since: Instant) -> String {
    let peers = market.peers().map(|(node, peer)| {
        let leader = peer.leader().map_or("nobody".into(), |epoch| epoch.to_string());
        let busy = if peer.is_busy() { ", busy" } else { "" };
        let served = match market.watch.last_answer.get(&node) {
            Some(&at) if at > since => "",
            _ if peer.is_buyer() => ", not served",
            _ => "",
        };
        format!("{node} follows {leader}{busy}{served}")
    });
    peers.collect::<Vec<_>>().join("; ")
}

fn fail(market: &mut MarketWorld, invariant: &'static str, evidence: String) {
    let now = market.world.now();
    market.watch.hold(invariant, now, Err(evidence));
}

fn finish(market: &mut MarketWorld) {
    let now = market.world.now();
    if market.swarm.handover == Handover::Sellers {
        return market.watch.books_at_the_end(now, market.books(), founding());
    }
    let kernel = market.trader().and_then(|trader| {
        let (_, peer) = market.peers().find(|(node, _)| *node == trader)?;
        peer.trader().market().cloned()
    });
    match kernel {
        Some(kernel) => market.watch.at_the_end(now, &kernel),
        None => fail(market, "all come together again", "the trader is gone again".into()),
    }
}
