//! That every sale is what was asked for, and that its money adds up, fill by fill.

use market::{Fill, Order, Outcome, Party, Receipt};
use view::What;

use crate::finding::Finding;
use crate::story::{Stories, line};

const FIT: &str = "sales fit their orders";

/// The good that was asked for, no more units than that, all of them unless fewer were welcome,
/// nothing above the limit, nothing from the buyer itself.
pub fn fit_orders(stories: &Stories<'_>) -> Finding {
    let mut sales = 0;
    let mut check = || {
        for (request, story) in &stories.requests {
            let held = story.cart().map(|(_, receipt)| receipt);
            let (Some(order), Some(receipt)) = (story.order(), story.receipt().or(held)) else {
                continue;
            };
            sales += 1;
            fits(order, receipt, request.client.party)
                .map_err(|why| format!("buy {request}, {}: {why}", line(story.asked[0].0)))?;
        }
        let evidence = format!("sales: {sales}");
        Ok(Finding::held(FIT, sales, evidence, "no sale of a known order was made"))
    };
    Finding::from_check(FIT, check())
}

fn fits(order: &Order, receipt: &Receipt, buyer: Party) -> Result<(), String> {
    let Receipt { good, quantity, fills, .. } = receipt;
    if *good != order.good {
        return Err(format!("{} was asked for and {good} was sold", order.good));
    }
    let enough = if order.partial { *quantity >= 1 } else { *quantity == order.quantity };
    if !enough || *quantity > order.quantity {
        return Err(format!("{} units were asked for and {quantity} were sold", order.quantity));
    }
    if let Some(limit) = order.limit
        && let Some(fill) = fills.iter().find(|fill| fill.unit_price > limit)
    {
        return Err(format!("the limit was {limit} and a unit cost {}", fill.unit_price));
    }
    if let Some(fill) = fills.iter().find(|fill| fill.seller == buyer) {
        return Err(format!("{} units came from the buyer's own lot {}", fill.quantity, fill.lot));
    }
    Ok(())
}

/// How many receipts there are, or what is wrong with one: paid is earned and commission; each fill
/// costs its units times their price; the trader keeps its part, rounded to the nearest unit of
/// money, a half to the even one; and the fills make up the sale.
pub fn check_money(stories: &Stories<'_>, basis_points: Option<u16>) -> Result<usize, String> {
    let mut receipts = 0;
    for (at, event) in stories.events.iter().enumerate() {
        let (What::Sold { receipt, .. } | What::Answered { outcome: Outcome::Bought(receipt), .. }) =
            &event.what
        else {
            continue;
        };
        receipts += 1;
        adds_up(receipt, basis_points).map_err(|why| format!("the sale at {}: {why}", line(at)))?;
    }
    Ok(receipts)
}

fn adds_up(receipt: &Receipt, basis_points: Option<u16>) -> Result<(), String> {
    let mut sums = [0_u128; 3];
    for fill in &receipt.fills {
        let Fill { lot, quantity, unit_price, paid, earned, commission, .. } = fill;
        let wide = |money: &market::Money| u128::from(money.0);
        if wide(paid) != wide(unit_price) * u128::from(*quantity) {
            return Err(format!("{quantity} units of lot {lot} at {unit_price} cost {paid}"));
        }
        if wide(paid) != wide(earned) + wide(commission) {
            return Err(format!("lot {lot}: {paid} was paid, {earned} earned, {commission} kept"));
        }
        if let Some(basis_points) = basis_points
            && wide(commission) != half_even(wide(paid) * u128::from(basis_points), 10_000)
        {
            return Err(format!(
                "lot {lot}: {commission} of {paid} was kept at {basis_points} basis points"
            ));
        }
        let parts = [u128::from(*quantity), wide(paid), wide(commission)];
        sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
    }
    let whole = [u128::from(receipt.quantity), receipt.paid.0.into(), receipt.commission.0.into()];
    if sums != whole {
        let [units, paid, kept] = sums;
        return Err(format!(
            "{} units, {} paid and {} kept in all, but its fills come to {units}, {paid} and {kept}",
            receipt.quantity, receipt.paid, receipt.commission
        ));
    }
    Ok(())
}

/// Rounded to the nearest whole, a half to the even one.
fn half_even(dividend: u128, divisor: u128) -> u128 {
    let (whole, twice_rest) = (dividend / divisor, dividend % divisor * 2);
    let up = twice_rest > divisor || (twice_rest == divisor && whole % 2 == 1);
    whole + u128::from(up)
}
