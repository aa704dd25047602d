//! One client: its session, the requests that it has under way, and what it was told.

use std::collections::VecDeque;

use machine::NodeId;
use market::{ClientId, Command, Good, Money, Order, Outcome, Request, RequestId};
use peer::{Body, Message, Trade};

/// A client.
#[derive(Debug)]
pub(super) struct Buyer {
    id: ClientId,
    next: u64,
    /// What is under way, by rising number, and when each was sent.
    under_way: VecDeque<(u64, u64)>,
    pub bought: u64,
}

/// What a receipt must say.
#[derive(Debug)]
pub(super) struct Expected {
    pub good: Good,
    pub unit_price: Money,
    pub commission: Money,
}

impl Buyer {
    pub fn new(node: NodeId, life: u64) -> Self {
        let id = ClientId { party: peer::party(node), life };
        Self { id, next: 1, under_way: VecDeque::new(), bought: 0 }
    }

    /// Asks for a session.
    pub fn open(&self) -> Message {
        self.request(0, Command::Open)
    }

    /// Asks for one unit, under a number of its own.
    pub fn buy(&mut self, good: &Good, now_ns: u64) -> Message {
        let order = Order { good: good.clone(), quantity: 1, limit: None, partial: false };
        self.ask(Command::Buy(order), now_ns)
    }

    /// Asks for something, under a number of its own.
    pub fn ask(&mut self, command: Command, now_ns: u64) -> Message {
        let number = self.next;
        self.next += 1;
        self.under_way.push_back((number, now_ns));
        self.request(number, command)
    }

    fn request(&self, number: u64, command: Command) -> Message {
        let answered_below = self.under_way.front().map_or(self.next, |(number, _)| *number);
        let id = RequestId { client: self.id, number };
        message(Body::Request(Request { id, answered_below, command }))
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Takes the answer to a request under way: when that was sent.
    ///
    /// # Errors
    /// No such request is under way: it was never asked, or is answered twice.
    pub fn answered(&mut self, id: RequestId) -> Result<u64, String> {
        let place = self.under_way.iter().position(|(number, _)| *number == id.number);
        match place.filter(|_| id.client == self.id).and_then(|place| self.under_way.remove(place))
        {
            Some((_, sent_ns)) => Ok(sent_ns),
            None => Err(format!("{id} was answered, and is not under way at {}", self.id)),
        }
    }
}

/// A message of a market without clocks.
pub(super) fn message(body: Body) -> Message {
    Message::Trade(Trade { clock: None, body })
}

impl Expected {
    /// Whether an outcome is the sale of one unit, and all of it adds up. What was paid.
    ///
    /// # Errors
    /// Says what came instead.
    pub fn check(&self, outcome: &Outcome) -> Result<u64, String> {
        let Self { good, unit_price, commission } = self;
        match outcome {
            Outcome::Bought(receipt)
                if receipt.good == *good
                    && (receipt.quantity, receipt.paid) == (1, *unit_price)
                    && receipt.commission == *commission
                    && matches!(&receipt.fills[..], [fill]
                        if (fill.quantity, fill.paid, fill.commission)
                            == (1, *unit_price, *commission)
                            && fill.earned.0 + fill.commission.0 == fill.paid.0) =>
            {
                Ok(receipt.paid.0)
            }
            other => Err(format!("one unit was asked for, and the answer is {other:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use market::{Fill, LotId, Party, Receipt};

    use super::*;

    #[test]
    fn an_answer_counts_once_and_only_for_what_was_asked() {
        let mut buyer = Buyer::new(NodeId(7), 1);
        let good = Good::new("salt").unwrap();
        let ids: Vec<RequestId> = [10, 20]
            .into_iter()
            .map(|now_ns| match buyer.buy(&good, now_ns) {
                Message::Trade(Trade { body: Body::Request(request), .. }) => request.id,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(buyer.answered(ids[1]), Ok(20));
        assert!(buyer.answered(ids[1]).is_err(), "answered twice");
        let client = ClientId { party: Party(8), life: 1 };
        assert!(buyer.answered(RequestId { client, ..ids[0] }).is_err(), "another's answer");
        assert_eq!(buyer.answered(ids[0]), Ok(10));
        assert!(buyer.is_idle());
    }

    #[test]
    fn a_receipt_that_does_not_add_up_is_told() {
        let good = Good::new("salt").unwrap();
        let (unit_price, commission) = (Money(100), Money(10));
        let expected = Expected { good: good.clone(), unit_price, commission };
        let fill = Fill {
            lot: LotId(1),
            seller: Party(5),
            quantity: 1,
            unit_price,
            paid: unit_price,
            earned: Money(90),
            commission,
        };
        let receipt = |fills| Receipt {
            good: good.clone(),
            quantity: 1,
            paid: unit_price,
            commission,
            fills,
        };
        assert_eq!(expected.check(&Outcome::Bought(receipt(vec![fill]))), Ok(100));
        assert!(expected.check(&Outcome::Bought(receipt(vec![]))).is_err());
        let short = Fill { earned: Money(89), ..fill };
        assert!(expected.check(&Outcome::Bought(receipt(vec![short]))).is_err());
        assert!(expected.check(&Outcome::Opened { purchases: 0 }).is_err());
    }
}
