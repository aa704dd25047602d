//! From which lots an order is filled, and in which order.
//!
//! `Oldest` and `Cheapest` walk an index and stop when the order is filled. `Random`, `Lamport`
//! and `Vector` first gather every lot that the order may be filled from.

use rand_core::Rng;
use rand_pcg::Pcg64Mcg;

use crate::limits::FILLS_MAX;
use crate::lots::{Inventory, Lot, Shelf};
use crate::{Fill, Limit, LotId, Money, Order, Party, Refusal, Rules, SellerChoice};

/// Chooses the fills of an order. Nothing is taken from the shelf yet.
pub(crate) fn choose(
    inventory: &Inventory,
    rules: &Rules,
    buyer: Party,
    order: &Order,
    draw: u64,
) -> Result<Vec<Fill>, Refusal> {
    let shelf = inventory.shelves.get(&order.good).ok_or(Refusal::NotSoldHere)?;
    let limit = order.limit.unwrap_or(Money(u64::MAX));
    let lot = |id: &LotId| inventory.lots.get(id).map(|lot| (*id, lot));
    let others =
        |(_, lot): &(LotId, &Lot)| lot.seller != buyer && !inventory.away.contains(&lot.seller);
    let by_age = || {
        let lots = shelf.by_age.iter().filter_map(lot).filter(others);
        lots.filter(|(_, lot)| lot.unit_price <= limit)
    };
    let chosen = match rules.choice {
        SellerChoice::Oldest => Chosen::collect(rules, order, by_age()),
        SellerChoice::Cheapest => {
            let affordable = shelf.by_price.range(..=(limit, LotId(u64::MAX)));
            let lots = affordable.filter_map(|(_, id)| lot(id)).filter(others);
            Chosen::collect(rules, order, lots)
        }
        SellerChoice::Random => Chosen::collect(rules, order, shuffled(by_age().collect(), draw)),
        SellerChoice::Lamport => {
            let mut lots: Vec<_> = by_age().collect();
            lots.sort_by_key(|(id, lot)| (lot.clock(), lot.seller, *id));
            Chosen::collect(rules, order, lots.into_iter())
        }
        SellerChoice::Vector => Chosen::collect(rules, order, causal(by_age().collect())),
    };
    if chosen.fills.is_empty() {
        let cheapest = shelf.by_price.iter().filter_map(|(_, id)| lot(id)).find(others);
        return Err(nothing_to_be_had(inventory, shelf, cheapest));
    }
    if chosen.missing > 0 && !order.partial {
        return Err(match chosen.more_lots {
            true => Refusal::LimitReached(Limit::Fills),
            false => Refusal::OutOfStock { left: order.quantity - chosen.missing },
        });
    }
    Ok(chosen.fills)
}

/// Why no unit can be had, given the cheapest lot of another party.
fn nothing_to_be_had(
    inventory: &Inventory,
    shelf: &Shelf,
    cheapest: Option<(LotId, &Lot)>,
) -> Refusal {
    match cheapest {
        Some((_, lot)) => Refusal::TooDear { cheapest: lot.unit_price },
        None if shelf.units.left == 0 || !inventory.away.is_empty() => {
            Refusal::OutOfStock { left: 0 }
        }
        None => Refusal::OnlyOwnGoods,
    }
}

/// What was chosen so far.
struct Chosen {
    fills: Vec<Fill>,
    /// Units that the order still lacks.
    missing: u32,
    /// Whether lots were left over when the order had its most fills.
    more_lots: bool,
}

impl Chosen {
    /// Fills the order from these lots, in this order.
    fn collect<'a>(
        rules: &Rules,
        order: &Order,
        lots: impl Iterator<Item = (LotId, &'a Lot)>,
    ) -> Self {
        let mut chosen = Self { fills: Vec::new(), missing: order.quantity, more_lots: false };
        for (id, lot) in lots {
            if chosen.fills.len() == FILLS_MAX {
                chosen.more_lots = true;
                break;
            }
            let quantity = chosen.missing.min(lot.quantity);
            chosen.missing -= quantity;
            chosen.fills.push(fill(rules, id, lot, quantity));
            if chosen.missing == 0 {
                break;
            }
        }
        chosen
    }
}

/// Shares the price of some units of a lot.
pub(crate) fn fill(rules: &Rules, id: LotId, lot: &Lot, quantity: u32) -> Fill {
    let paid = Money(lot.unit_price.0 * u64::from(quantity));
    let commission = paid.commission(rules.commission_basis_points);
    Fill {
        lot: id,
        seller: lot.seller,
        quantity,
        unit_price: lot.unit_price,
        paid,
        earned: Money(paid.0 - commission.0),
        commission,
    }
}

/// The lots in a random order, each equally likely.
fn shuffled(mut lots: Vec<(LotId, &Lot)>, draw: u64) -> impl Iterator<Item = (LotId, &Lot)> {
    // The generator sets the lowest bit of its state, so the draw stays clear of it.
    let mut random = Pcg64Mcg::new(u128::from(draw) << 1);
    std::iter::from_fn(move || {
        let position = (u128::from(random.next_u64()) * lots.len() as u128) >> 64;
        (!lots.is_empty()).then(|| lots.swap_remove(position as usize))
    })
}

/// The lots in an order that never contradicts happened-before; among those that none of the rest
/// happened before, the seller of the lowest number, then the oldest lot.
fn causal(mut lots: Vec<(LotId, &Lot)>) -> impl Iterator<Item = (LotId, &Lot)> {
    lots.sort_unstable_by_key(|(id, lot)| (lot.seller, *id));
    let mut taken = vec![false; lots.len()];
    // The lot that is known to stand before this one; the end of the list if none does. Lots are
    // only ever taken, so a search goes on where it stopped, and no pair is compared twice.
    let mut blocker: Vec<Option<usize>> = vec![None; lots.len()];
    std::iter::from_fn(move || {
        let next = (0..lots.len()).filter(|this| !taken[*this]).find(|&this| {
            let from = blocker[this].unwrap_or(0);
            let mut found = from..lots.len();
            let blocks = |other: &usize| {
                let known = blocker[this] == Some(*other);
                !taken[*other] && (known || happened_before(lots[*other].1, lots[this].1))
            };
            blocker[this] = Some(found.find(blocks).unwrap_or(lots.len()));
            blocker[this] == Some(lots.len())
        })?;
        taken[next] = true;
        Some(lots[next])
    })
}

/// Whether one offer was made before the other, as far as their stamps tell.
fn happened_before(one: &Lot, other: &Lot) -> bool {
    matches!((&one.stamp, &other.stamp), (Some(one), Some(other)) if one.before(other))
}

#[cfg(test)]
mod tests {
    use clocks::{LamportClock, Stamp, VectorClock};
    use machine::NodeId;

    use super::*;
    use crate::{Good, Offer};

    /// Lots of salt: seller, quantity, unit price, ticks of nodes 0 and 1 (none: no stamp).
    fn salt(lots: &[(u64, u32, u64, Option<[u32; 2]>)]) -> Inventory {
        let mut inventory = Inventory::default();
        for &(seller, quantity, unit_price, ticks) in lots {
            let stamp = ticks.map(|ticks| {
                let mut clock = VectorClock::new();
                for (node, count) in (0..).zip(ticks) {
                    (0..count).for_each(|_| clock.tick(NodeId(node)));
                }
                Stamp::Vector(clock)
            });
            let good = Good::new("salt").unwrap();
            let offer = Offer { good, quantity, unit_price: Money(unit_price), stamp };
            inventory.add(Party(seller), &offer);
        }
        inventory
    }

    fn order(quantity: u32, limit: Option<u64>, partial: bool) -> Order {
        Order { good: Good::new("salt").unwrap(), quantity, limit: limit.map(Money), partial }
    }

    /// Lots and quantities that buyer 0 gets.
    fn chosen(
        inventory: &Inventory,
        choice: SellerChoice,
        order: &Order,
        draw: u64,
    ) -> Result<Vec<(u64, u32)>, Refusal> {
        let rules = Rules { commission_basis_points: 1_000, choice };
        let fills = choose(inventory, &rules, Party(0), order, draw)?;
        Ok(fills.iter().map(|fill| (fill.lot.0, fill.quantity)).collect())
    }

    #[test]
    fn oldest_goes_by_age_and_passes_over_dear_and_own_lots() {
        let inventory = salt(&[(1, 2, 9, None), (0, 5, 1, None), (2, 2, 3, None), (1, 9, 4, None)]);
        let buy = |order| chosen(&inventory, SellerChoice::Oldest, &order, 0);
        assert_eq!(buy(order(5, None, false)), Ok(vec![(1, 2), (3, 2), (4, 1)]));
        assert_eq!(buy(order(5, Some(4), false)), Ok(vec![(3, 2), (4, 3)]));
        assert_eq!(buy(order(99, Some(3), true)), Ok(vec![(3, 2)]));
    }

    #[test]
    fn cheapest_goes_by_price_and_then_by_age() {
        let inventory = salt(&[(1, 2, 9, None), (2, 2, 3, None), (0, 5, 1, None), (3, 2, 3, None)]);
        let buy = |order| chosen(&inventory, SellerChoice::Cheapest, &order, 0);
        assert_eq!(buy(order(5, None, false)), Ok(vec![(2, 2), (4, 2), (1, 1)]));
        assert_eq!(buy(order(9, Some(8), true)), Ok(vec![(2, 2), (4, 2)]));
    }

    #[test]
    fn random_follows_the_draw_and_reaches_every_lot() {
        let inventory = salt(&[(1, 1, 1, None), (2, 1, 1, None), (3, 1, 1, None), (0, 1, 1, None)]);
        let first = |draw: u64| {
            chosen(&inventory, SellerChoice::Random, &order(1, None, false), draw).unwrap()[0].0
        };
        // Draws like these stand in journals: a replay must choose the same lots for ever.
        let draws = [0, 1, u64::MAX / 3, u64::MAX / 2, u64::MAX];
        assert_eq!(draws.map(first), [3, 1, 1, 1, 3]);
        let mut counts = [0; 3];
        for draw in (0..3_000_u64).map(|draw| draw.wrapping_mul(0x9E37_79B9_7F4A_7C15)) {
            counts[first(draw) as usize - 1] += 1;
        }
        assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
        let mut all = chosen(&inventory, SellerChoice::Random, &order(3, None, false), 5).unwrap();
        all.sort_unstable();
        assert_eq!(all, [(1, 1), (2, 1), (3, 1)]);
    }

    #[test]
    fn vector_never_contradicts_happened_before() {
        // The lowest seller's lot is the latest; 3 and 2 are concurrent; 4 has no stamp.
        let inventory = salt(&[
            (1, 1, 1, Some([2, 2])),
            (3, 1, 1, Some([1, 0])),
            (2, 1, 1, Some([0, 1])),
            (4, 1, 1, None),
        ]);
        let buy = |order| chosen(&inventory, SellerChoice::Vector, &order, 0);
        assert_eq!(buy(order(4, None, false)), Ok(vec![(3, 1), (2, 1), (1, 1), (4, 1)]));
        // What may not be bought holds nobody up: with seller 3 too dear, only 2 stands before 1.
        let inventory = salt(&[(1, 1, 1, Some([2, 0])), (3, 1, 9, Some([1, 0]))]);
        let cheap = chosen(&inventory, SellerChoice::Vector, &order(1, Some(5), false), 0);
        assert_eq!(cheap, Ok(vec![(1, 1)]));
    }

    #[test]
    fn by_lamport_clock_sales_go_round_among_sellers() {
        let mut inventory = Inventory::default();
        for (seller, clock) in [(1, 3), (2, 1), (3, 2)] {
            let (good, stamp) = (Good::new("salt").unwrap(), Stamp::Lamport(LamportClock(clock)));
            let offer = Offer { good, quantity: 9, unit_price: Money(1), stamp: Some(stamp) };
            inventory.add(Party(seller), &offer);
        }
        let mut sellers = Vec::new();
        for _ in 0..6 {
            let fills = chosen(&inventory, SellerChoice::Lamport, &order(1, None, false), 0);
            let (seller, _) = fills.unwrap()[0];
            sellers.push(seller);
            inventory.ship(&Good::new("salt").unwrap(), LotId(seller), 1);
        }
        assert_eq!(sellers, [2, 2, 3, 1, 2, 3]);
    }

    #[test]
    fn refusals_are_kept_apart() {
        let buy = |lots: &[_], order| chosen(&salt(lots), SellerChoice::Oldest, &order, 0);
        assert_eq!(buy(&[], order(1, None, true)), Err(Refusal::NotSoldHere));
        let mut sold_out = salt(&[(1, 1, 1, None)]);
        sold_out.ship(&Good::new("salt").unwrap(), LotId(1), 1);
        for choice in [
            SellerChoice::Oldest,
            SellerChoice::Cheapest,
            SellerChoice::Random,
            SellerChoice::Vector,
        ] {
            let refusal = chosen(&sold_out, choice, &order(1, None, true), 0);
            assert_eq!(refusal, Err(Refusal::OutOfStock { left: 0 }));
        }
        let lots = [(1, 2, 5, None), (0, 9, 1, None), (2, 2, 7, None)];
        assert_eq!(buy(&lots, order(5, None, false)), Err(Refusal::OutOfStock { left: 4 }));
        assert_eq!(buy(&lots, order(3, Some(5), false)), Err(Refusal::OutOfStock { left: 2 }));
        let too_dear = Refusal::TooDear { cheapest: Money(5) };
        assert_eq!(buy(&lots, order(1, Some(4), true)), Err(too_dear));
        assert_eq!(buy(&lots[1..2], order(1, Some(4), true)), Err(Refusal::OnlyOwnGoods));
    }

    #[test]
    fn an_order_has_a_most_of_fills() {
        let lots = vec![(1, 1, 1, None); FILLS_MAX + 1];
        let buy = |lots: &[_], order| chosen(&salt(lots), SellerChoice::Cheapest, &order, 0);
        let wanted = FILLS_MAX as u32 + 1;
        let refusal = Refusal::LimitReached(Limit::Fills);
        assert_eq!(buy(&lots, order(wanted, None, false)), Err(refusal));
        assert_eq!(buy(&lots, order(wanted, None, true)).unwrap().len(), FILLS_MAX);
        assert_eq!(buy(&lots, order(wanted - 1, None, false)).unwrap().len(), FILLS_MAX);
        let left = Refusal::OutOfStock { left: wanted - 1 };
        assert_eq!(buy(&lots[1..], order(wanted, None, false)), Err(left));
    }
}
