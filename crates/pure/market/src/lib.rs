//! The market kernel: a deterministic value that holds stock, money, and what was already answered.
//!
//! [`Kernel::apply`] takes one [`Entry`] and gives one answer. It knows no time, no chance and no
//! network: an entry carries the leader's time and a draw. So the same kernel stands in an elected
//! trader, in a warehouse, or in every member of a replicated group, and the same journal always
//! makes the same market.
//!
//! ```
//! use market::{
//!     Act, ClientId, Command, Entry, Good, Kernel, Money, Offer, Order, Outcome, Party, Request,
//!     RequestId, Rules, SellerChoice,
//! };
//!
//! let rules = Rules { commission_basis_points: 1_000, choice: SellerChoice::Cheapest };
//! let mut kernel = Kernel::new(rules)?;
//! let (trader, seller, buyer) = (Party(5), Party(1), Party(2));
//!
//! let mut ask = |party, number, command| {
//!     let id = RequestId { client: ClientId { party, life: 1 }, number };
//!     let act = Act::Request(Request { id, answered_below: 0, command });
//!     kernel.apply(&Entry { at_ms: 0, trader, draw: 0, act })
//! };
//! let salt = Good::new("salt")?;
//! let offer = Offer { good: salt.clone(), quantity: 10, unit_price: Money(50), stamp: None };
//! let order = Order { good: salt.clone(), quantity: 2, limit: None, partial: false };
//! ask(seller, 0, Command::Open);
//! ask(seller, 1, Command::Deposit(offer));
//! ask(buyer, 0, Command::Open);
//! let sale = ask(buyer, 1, Command::Buy(order.clone()));
//! let again = ask(buyer, 1, Command::Buy(order)); // a retry: the first answer, no second sale
//!
//! assert!(matches!(&sale.outcome, Outcome::Bought(receipt) if receipt.paid == Money(100)));
//! assert_eq!(again.outcome, sale.outcome);
//! assert!(again.repeated);
//! assert_eq!(kernel.stock(&salt).units, 8);
//! assert_eq!(kernel.account(seller).earned, Money(90));
//! assert_eq!(kernel.account(trader).commission, Money(10));
//! assert_eq!(kernel.audit(), Ok(()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! To look something up is no command, since it changes nothing: [`Kernel::stock`] and
//! [`Kernel::goods`] count a good, [`Kernel::lots`] and [`Kernel::lots_of`] are what is on the
//! shelves and at what price, [`Kernel::account`] and [`Kernel::accounts`] what each party did.
//!
//! # What holds
//!
//! - **Conservation.** Deposited = withdrawn + shipped + left, for each good and each seller. Buyer
//!   pays = seller earns + trader keeps, in every fill, to the unit. [`Kernel::check_quick`] checks
//!   the totals, [`Kernel::audit`] everything.
//! - **Exactly once** (SAFETY S9). A request of an open session is executed once at most; asked
//!   again, it gets its first answer, until the client acknowledges it. A party's lives must rise:
//!   a session that expired is never opened again, and nothing of it is executed later; nor is
//!   anything of an earlier life when a later one has opened its session.
//! - **Stock on loan is sold once.** A warehouse lends units to a trader for a [term](Term); what the
//!   trader's [`Stall`] sells is booked once, and while any of a good is on loan nobody says that it
//!   is sold out (SAFETY S11 to S13).
//! - **A cart is its holder's.** What is held for one party is sold to nobody else until it is
//!   claimed, voided, or timed out by an entry with the leader's time (SAFETY S9, S13).
//! - **No self-dealing.** A seller never buys from its own lot.
//! - **Bounds.** Everything has a limit ([`limits`]); no sum can overflow.

mod aside;
mod audit;
mod carts;
mod choice;
mod good;
mod kernel;
mod ledger;
mod lending;
pub mod limits;
mod lots;
mod money;
mod outcome;
mod parts;
mod request;
mod rules;
mod session;
mod stall;
mod terms;
mod trade;

pub use carts::{EndedHold, Hold, HoldId};
pub use good::{BadName, Good};
pub use kernel::{BadSnapshot, Kernel};
pub use ledger::{Account, Totals};
pub use lots::{Lot, Stock, Units};
pub use money::Money;
pub use outcome::{Applied, Fill, Invalid, Limit, Outcome, Receipt, Refusal};
pub use parts::{BadPart, NOT_KNOWN, NotJoined};
pub use request::{Act, ClientId, Command, Entry, LotId, Offer, Order, Party, Request, RequestId};
pub use rules::{BadRules, Rules, SellerChoice};
pub use stall::{Stall, Tried};
pub use terms::{Deed, Grant, Part, Term, TermAct, TermId, TermOutcome};
