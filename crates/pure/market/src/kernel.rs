//! The kernel: the whole state of a market, and the one way to change it.

use serde::{Deserialize, Serialize};

use crate::carts::{self, Carts, end_holds};
use crate::ledger::{Account, Ledger, Totals};
use crate::limits::LOTS_MAX;
use crate::lots::{Inventory, Lot, Stock, Units};
use crate::session::{Place, Sessions};
use crate::terms::Terms;
use crate::trade;
use crate::{
    Act, Applied, BadRules, Command, Entry, Good, Limit, LotId, Order, Outcome, Party, Refusal,
    Request, Rules,
};

/// A market. The same entries, in the same order, make the same market everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Image")]
pub struct Kernel {
    pub(crate) rules: Rules,
    /// The latest time that any entry carried.
    pub(crate) now_ms: u64,
    pub(crate) inventory: Inventory,
    pub(crate) ledger: Ledger,
    pub(crate) sessions: Sessions,
    pub(crate) terms: Terms,
    pub(crate) carts: Carts,
    #[cfg(feature = "planted")]
    #[serde(skip)]
    forgetful: bool,
}

impl Kernel {
    /// An empty market.
    ///
    /// # Errors
    /// [`BadRules`] if the commission is above the whole price.
    pub fn new(rules: Rules) -> Result<Self, BadRules> {
        rules.check()?;
        Ok(Self {
            rules,
            now_ms: 0,
            inventory: Inventory::default(),
            ledger: Ledger::default(),
            sessions: Sessions::default(),
            terms: Terms::default(),
            carts: Carts::default(),
            #[cfg(feature = "planted")]
            forgetful: false,
        })
    }

    /// Takes one step. Every entry has an answer; one that is refused moves neither goods nor money.
    ///
    /// An entry whose outcome [changes the market](Outcome::changes_the_market) must be kept, for
    /// the same market to be made again.
    pub fn apply(&mut self, entry: &Entry) -> Applied {
        let before_ms = self.now_ms;
        self.now_ms = self.now_ms.max(entry.at_ms);
        let applied = match &entry.act {
            Act::Request(request) => self.answer(entry, request),
            Act::ExpireSessions { idle_ms } => {
                let sessions = self.sessions.expire(*idle_ms, self.now_ms) as u32;
                Applied { outcome: Outcome::Expired { sessions }, repeated: false }
            }
            Act::Term(act) => {
                Applied { outcome: Outcome::Term(self.step(entry, act)), repeated: false }
            }
            Act::EndHolds => {
                let ended = end_holds(&mut self.inventory, &mut self.carts, self.now_ms);
                Applied { outcome: Outcome::HoldsEnded(ended), repeated: false }
            }
        };
        if !applied.outcome.changes_the_market() {
            self.now_ms = before_ms;
        }
        applied
    }

    /// Answers a request: with its first answer if it has one.
    fn answer(&mut self, entry: &Entry, request: &Request) -> Applied {
        let refused = |refusal| Applied { outcome: Outcome::Refused(refusal), repeated: false };
        if request.command == Command::Open {
            let purchases = self.account(request.id.client.party).purchases;
            return match self.sessions.open(request, self.now_ms) {
                Ok(repeated) => Applied { outcome: Outcome::Opened { purchases }, repeated },
                Err(refusal) => refused(refusal),
            };
        }
        if let Some(highest) = self.sessions.shut_to(request) {
            return refused(Refusal::LifeOver { highest });
        }
        let Self { rules, now_ms, inventory, ledger, sessions, terms, carts, .. } = self;
        let Some(session) = sessions.open.get_mut(&request.id.client) else {
            return refused(Refusal::UnknownSession);
        };
        session.hear(request, *now_ms);
        let mut execute = || {
            let goods = (&mut *inventory, &mut *carts, &*terms);
            execute(goods, ledger, rules, *now_ms, entry, request).unwrap_or_else(Outcome::Refused)
        };
        match session.find(request) {
            Err(refusal) => refused(refusal),
            #[cfg(feature = "planted")]
            Ok(Place::Answered(_)) if self.forgetful => {
                Applied { outcome: execute(), repeated: false }
            }
            Ok(Place::Answered(place)) => {
                Applied { outcome: session.answers[place].outcome.clone(), repeated: true }
            }
            Ok(Place::New(place)) => {
                let outcome = execute();
                if outcome.is_remembered() {
                    session.keep(place, request, outcome.clone());
                }
                Applied { outcome, repeated: false }
            }
        }
    }

    /// Plants a bug, for proving that a checker finds it: a repeated request is executed again.
    #[cfg(feature = "planted")]
    pub fn plant_forgetful_sessions(&mut self) {
        self.forgetful = true;
    }

    /// The rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The kernel's time: the latest that any entry carried, in milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// What is left of a good.
    pub fn stock(&self, good: &Good) -> Stock {
        self.inventory.stock(good)
    }

    /// All goods ever sold here, by name, and where their units have gone.
    pub fn goods(&self) -> impl Iterator<Item = (&Good, Units)> {
        self.inventory.shelves.iter().map(|(good, shelf)| (good, shelf.units))
    }

    /// What is on the shelves, oldest first.
    pub fn lots(&self) -> impl Iterator<Item = (LotId, &Lot)> {
        self.inventory.lots.iter().map(|(id, lot)| (*id, lot))
    }

    /// What a party has on sale, oldest first. Looks at every lot.
    pub fn lots_of(&self, party: Party) -> impl Iterator<Item = (LotId, &Lot)> {
        self.lots().filter(move |(_, lot)| lot.seller == party)
    }

    /// What a party has done here; all zero for one that has done nothing.
    pub fn account(&self, party: Party) -> Account {
        self.ledger.accounts.get(&party).copied().unwrap_or_default()
    }

    /// All who have done anything here, by number.
    pub fn accounts(&self) -> impl Iterator<Item = (Party, &Account)> {
        self.ledger.accounts.iter().map(|(party, account)| (*party, account))
    }

    /// What all parties have done here.
    pub fn totals(&self) -> Totals {
        self.ledger.totals
    }

    /// How many sessions are open.
    pub fn sessions(&self) -> usize {
        self.sessions.open.len()
    }

    /// How many lots, accounts, sessions and kept answers there are: a snapshot has about as many
    /// times the bytes of an entry. Looks at every session.
    pub fn parts(&self) -> usize {
        let sessions = &self.sessions.open;
        let answers: usize = sessions.values().map(|session| session.answers.len()).sum();
        let aside = self.terms.lots().count() + self.carts.lots;
        self.inventory.lots.len() + aside + self.ledger.accounts.len() + sessions.len() + answers
    }

    /// Whether the totals add up: deposited = withdrawn + shipped + left, and paid = earned +
    /// commission. Takes no longer in a large market.
    ///
    /// # Errors
    /// A sentence with the figures that do not.
    pub fn check_quick(&self) -> Result<(), String> {
        self.ledger.totals.check()
    }

    /// The whole market as bytes.
    ///
    /// ```
    /// use market::{Kernel, Rules, SellerChoice};
    ///
    /// let rules = Rules { commission_basis_points: 1_000, choice: SellerChoice::Oldest };
    /// let kernel = Kernel::new(rules)?;
    /// assert_eq!(Kernel::from_bytes(&kernel.to_bytes())?, kernel);
    /// assert!(Kernel::from_bytes(b"no market").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("all lengths are known, and stamps are within bounds")
    }

    /// The market that these bytes stand for. Allocates in proportion to their number.
    ///
    /// # Errors
    /// [`BadSnapshot`] if they stand for none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadSnapshot> {
        let (image, rest) = postcard::take_from_bytes::<Image>(bytes)?;
        if !rest.is_empty() {
            return Err(BadSnapshot::Longer(rest.len()));
        }
        Self::try_from(image)
    }
}

/// Executes a command, whatever was answered before.
fn execute(
    (inventory, carts, terms): (&mut Inventory, &mut Carts, &Terms),
    ledger: &mut Ledger,
    rules: &Rules,
    now_ms: u64,
    entry: &Entry,
    request: &Request,
) -> Result<Outcome, Refusal> {
    let party = request.id.client.party;
    let parties = (party, entry.trader);
    // Too little on the shelves is not *sold out* where traders have some on loan (then it is not
    // known here), or carts have some that may come back (SAFETY S13).
    let why = |carts: &Carts, order: &Order, refusal| {
        let is_no = matches!(
            refusal,
            Refusal::OutOfStock { .. } | Refusal::OnlyOwnGoods | Refusal::TooDear { .. }
        );
        if !is_no {
            return refusal;
        }
        match (terms.lent_for(party, order), carts.held_for(party, order)) {
            (units @ 1.., _) => Refusal::Lent { units },
            (0, units @ 1..) => Refusal::Held { units },
            (0, 0) => refusal,
        }
    };
    match &request.command {
        // Answered where sessions are looked up.
        Command::Open => Err(Refusal::UnknownSession),
        Command::Buy(order) => trade::buy(inventory, ledger, rules, parties, order, entry.draw)
            .map_err(|refusal| why(carts, order, refusal)),
        Command::Hold { order, for_ms } => {
            let moment = (now_ms, entry.draw);
            carts::hold((inventory, carts), rules, party, (order, *for_ms), moment)
                .map_err(|refusal| why(carts, order, refusal))
        }
        Command::Claim { hold } => carts::claim((inventory, carts), ledger, parties, *hold),
        Command::Void { hold } => carts::void((inventory, carts), party, *hold),
        Command::Deposit(_)
            if inventory.lots.len() + carts.lots + terms.lots().count() >= LOTS_MAX =>
        {
            Err(Refusal::LimitReached(Limit::Lots))
        }
        Command::Deposit(offer) => trade::deposit(inventory, ledger, rules, party, offer),
        Command::Withdraw { lot } => trade::withdraw(inventory, ledger, party, *lot),
    }
}

/// Why bytes are no snapshot of a market.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSnapshot {
    /// They do not decode.
    #[error("not a snapshot of a market: {0}; take another snapshot; nothing was restored")]
    Malformed(#[from] postcard::Error),
    /// This many bytes follow the snapshot.
    #[error("{0} bytes follow the snapshot of a market; nothing was restored")]
    Longer(usize),
    /// The market in it cannot be.
    #[error("the market in the snapshot does not add up: {0}; nothing was restored")]
    Broken(String),
}

/// A kernel as it is read, before it is indexed and audited: the same fields in the same order.
#[derive(Deserialize)]
struct Image {
    rules: Rules,
    now_ms: u64,
    inventory: Inventory,
    ledger: Ledger,
    sessions: Sessions,
    terms: Terms,
    carts: Carts,
}

impl TryFrom<Image> for Kernel {
    type Error = BadSnapshot;
    fn try_from(image: Image) -> Result<Self, BadSnapshot> {
        let Image { rules, now_ms, mut inventory, ledger, sessions, terms, mut carts } = image;
        inventory.index().map_err(BadSnapshot::Broken)?;
        carts.index();
        let mut kernel = Self::new(rules).map_err(|bad| BadSnapshot::Broken(bad.to_string()))?;
        (kernel.now_ms, kernel.inventory) = (now_ms, inventory);
        (kernel.ledger, kernel.sessions) = (ledger, sessions);
        (kernel.terms, kernel.carts) = (terms, carts);
        kernel.audit().map_err(BadSnapshot::Broken)?;
        Ok(kernel)
    }
}
