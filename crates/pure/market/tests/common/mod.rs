//! Short ways to speak to a kernel.

#![allow(dead_code, reason = "each test file uses some of it")]

use market::{
    Act, ClientId, Command, Entry, Good, Kernel, Money, Offer, Order, Outcome, Party, Request,
    RequestId, Rules, SellerChoice,
};

pub const TRADER: Party = Party(99);

pub fn kernel(commission_basis_points: u16, choice: SellerChoice) -> Kernel {
    Kernel::new(Rules { commission_basis_points, choice }).expect("at most 10 000 basis points")
}

pub fn good(name: &str) -> Good {
    Good::new(name).expect("a name")
}

pub fn request(party: u64, life: u64, number: u64, command: Command) -> Request {
    let id = RequestId { client: ClientId { party: Party(party), life }, number };
    Request { id, answered_below: 0, command }
}

pub fn entry(at_ms: u64, request: Request) -> Entry {
    Entry { at_ms, trader: TRADER, draw: 0, act: Act::Request(request) }
}

pub fn expire(at_ms: u64, idle_ms: u64) -> Entry {
    Entry { at_ms, trader: TRADER, draw: 0, act: Act::ExpireSessions { idle_ms } }
}

pub fn deposit(name: &str, quantity: u32, unit_price: u64) -> Command {
    let unit_price = Money(unit_price);
    Command::Deposit(Offer { good: good(name), quantity, unit_price, stamp: None })
}

pub fn buy(name: &str, quantity: u32) -> Command {
    Command::Buy(Order { good: good(name), quantity, limit: None, partial: false })
}

/// Clients that number their requests and acknowledge nothing.
pub struct Clients {
    pub kernel: Kernel,
    next: u64,
}

impl Clients {
    /// Parties 0 to 9 have sessions open.
    pub fn new(kernel: Kernel) -> Self {
        let mut clients = Self { kernel, next: 1 };
        for party in 0..10 {
            let opened = clients.kernel.apply(&entry(0, request(party, 1, 0, Command::Open)));
            assert_eq!(opened.outcome, Outcome::Opened { purchases: 0 });
        }
        clients
    }

    pub fn ask(&mut self, party: u64, command: Command) -> Outcome {
        let request = request(party, 1, self.next, command);
        self.next += 1;
        let applied = self.kernel.apply(&entry(0, request));
        assert!(!applied.repeated);
        assert_eq!(self.kernel.audit(), Ok(()));
        applied.outcome
    }
}
