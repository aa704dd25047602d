//! That a cart is its holder's: what is held for one party is sold to that party as it was held, or
//! goes back on sale, once.

use market::RequestId;

use crate::finding::Finding;
use crate::story::{End, Stories, line};

const PROPERTY: &str = "a cart is its holder's";

/// Judges every cart that is told of; none if there are none, and nothing is promised.
pub fn judge(stories: &Stories<'_>) -> Option<Finding> {
    (!stories.carts.is_empty()).then(|| Finding::from_check(PROPERTY, check(stories)))
}

fn check(stories: &Stories<'_>) -> Result<Finding, String> {
    let (mut held, mut claimed, mut voided, mut timed_out) = (0, 0, 0, 0);
    for (hold, cart) in &stories.carts {
        if let [(a, first), (b, second), ..] = cart.ends[..] {
            return Err(format!(
                "cart {hold} came to two ends: {first:?} at {}, {second:?} at {}",
                line(a),
                line(b)
            ));
        }
        held += usize::from(cart.held.is_some());
        match cart.ends.first() {
            Some((_, End::Claimed)) => claimed += 1,
            Some((_, End::Voided)) => voided += 1,
            Some((_, End::TimedOut)) => timed_out += 1,
            None => {}
        }
    }
    for (request, story) in &stories.requests {
        let Some(hold) = story.claims() else { continue };
        check_claim(stories, *request, hold)?;
    }
    let evidence =
        format!("carts held: {held}, claimed: {claimed}, voided: {voided}, timed out: {timed_out}");
    Ok(Finding::held(PROPERTY, held, evidence, "nobody had anything held"))
}

/// What is claimed is what was held, for the same party.
fn check_claim(
    stories: &Stories<'_>,
    request: RequestId,
    hold: market::HoldId,
) -> Result<(), String> {
    let Some(sold) = stories.requests.get(&request).and_then(|story| story.receipt()) else {
        return Ok(());
    };
    let Some((by, held)) = stories.carts.get(&hold).and_then(|cart| cart.held) else {
        return Ok(());
    };
    if by.client.party != request.client.party {
        return Err(format!(
            "request {request} bought cart {hold}, which was held for party {}",
            by.client.party
        ));
    }
    match sold == held {
        true => Ok(()),
        false => Err(format!(
            "request {request} bought {} {} for {} of cart {hold}, in which {} {} were held for {}",
            sold.quantity, sold.good, sold.paid, held.quantity, held.good, held.paid
        )),
    }
}
