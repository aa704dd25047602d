//! What the warehouse and the traders of the trading houses do, in words.

use machine::NodeId;
use market::{Outcome, Refusal};

use super::{goods, over, refused};
use crate::{Event, What};

/// What `me` did, if that is something of trading houses.
pub(super) fn deed(event: &Event, me: &str) -> Option<String> {
    let is_warehouse = event.node == NodeId(0);
    Some(match &event.what {
        What::TermBegan { epoch } => format!("{me} began term {epoch} of trader {}", epoch.node),
        What::TermEnded { epoch, units } => {
            format!("{me} ended term {epoch} of trader {}: {units} units came back", epoch.node)
        }
        What::Lent { epoch, good, units } => {
            format!("{me} lent {units} {good} to trader {} in term {epoch}", epoch.node)
        }
        What::TradersWanted { traders, wanted, answers_per_second } => format!(
            "{me} wants {wanted} traders: the {traders} that there are gave {answers_per_second} \
             answers a second"
        ),
        What::Hired { trader } => format!("trader {trader} was started: the warehouse wants more"),
        What::Promised { request, .. } => {
            format!("{me} was promised what it asked for with request {}", request.number)
        }
        What::TakenBack { request } => {
            format!("{me} heard that the promise of request {} was taken back", request.number)
        }
        What::DeniedByCache { request, good, .. } => format!(
            "{me} denied buyer {} {good} by its counts, without asking the warehouse",
            request.client.party
        ),
        What::Told { request, good, outcome } => {
            let good = good.as_ref().map_or("of its good", |good| good.as_str());
            told(me, &request.client.party.to_string(), good, outcome)
        }
        What::Sold { epoch, buyer, receipt, .. } if is_warehouse => format!(
            "{me} shipped {} to buyer {buyer} of trader {} for {} and kept {} of it",
            goods(receipt),
            epoch.node,
            receipt.paid,
            receipt.commission
        ),
        What::Held { epoch, buyer, receipt, hold, .. } if is_warehouse => format!(
            "{me} holds {} for buyer {buyer} of trader {} in cart {hold}",
            goods(receipt),
            epoch.node
        ),
        What::HoldEnded { hold, request, .. } if is_warehouse => {
            format!("{me} put cart {hold} back on sale{}", over(*request))
        }
        What::Refused { epoch, request, good, refusal } if is_warehouse => {
            let (buyer, trader) = (request.client.party, epoch.node);
            match refusal {
                Refusal::OutOfStock { left } => format!(
                    "{me} rejected the buy request of buyer {buyer} that trader {trader} passed \
                     on: {left} {good} were left"
                ),
                other => format!(
                    "{me} rejected the buy request of buyer {buyer} for {good} that trader \
                     {trader} passed on: {other}"
                ),
            }
        }
        What::Deposited { epoch, seller, good, quantity, unit_price, lot, .. } if is_warehouse => {
            format!(
                "{me} stocked {quantity} {good} of seller {seller} at {unit_price} each, brought by \
                 trader {}, as lot {lot}",
                epoch.node
            )
        }
        _ => return None,
    })
}

/// What a trader told a customer.
fn told(me: &str, party: &str, good: &str, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Opened { .. } => format!("{me} informed party {party} that it has its session"),
        Outcome::Bought(receipt) => {
            format!("{me} informed buyer {party} that {} were shipped", goods(receipt))
        }
        Outcome::Deposited { lot } => {
            format!("{me} informed seller {party} that its goods are in stock as lot {lot}")
        }
        Outcome::Withdrawn { good, quantity } => {
            format!("{me} informed seller {party} that it has {quantity} {good} back")
        }
        Outcome::Refused(refusal) => {
            format!("{me} informed {}", refused(party, good, refusal))
        }
        Outcome::Held { hold, receipt, .. } => {
            format!("{me} informed buyer {party} that {} are in cart {hold}", goods(receipt))
        }
        Outcome::Voided { good, quantity } => {
            format!("{me} informed buyer {party} that it let {quantity} {good} go")
        }
        Outcome::Expired { .. } | Outcome::Term(_) | Outcome::HoldsEnded(_) => {
            format!("{me} answered party {party}")
        }
    }
}
