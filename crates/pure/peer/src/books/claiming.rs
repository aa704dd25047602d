//! How a trader comes by its market: it has all that it can reach register, decides which facts
//! are true as far as their books tell, and adds the books up.

use std::collections::{BTreeMap, BTreeSet};

use machine::{After, Context, Destination, Epoch, NodeId};
use market::{Act, BadPart, Kernel, Party};

use super::book::Book;
use super::leading::{Leader, Side, nodes};
use super::marks;
use super::message::{Fact, FactId, Item, Message, Part};
use super::progress::Keeper;
use super::{Alarm, Books, Report};

/// The longest book that is taken from a peer, in bytes: one with as many lots as a market may have.
const BOOK_BYTES_MAX: u64 = 1 << 28;

/// A trader before it has its market.
#[derive(Debug, Clone)]
pub(super) struct Gathering {
    pub epoch: Epoch,
    pub incoming: Incoming,
    books: BTreeMap<NodeId, Book>,
}

impl Gathering {
    pub fn has(&self, node: NodeId) -> bool {
        self.books.contains_key(&node)
    }
}

/// The books that are on their way here, as far as they have come.
#[derive(Debug, Clone, Default)]
pub(super) struct Incoming(BTreeMap<NodeId, (u64, Vec<u8>)>);

impl Incoming {
    pub fn expect(&mut self, node: NodeId) {
        self.0.entry(node).or_default();
    }

    pub fn give_up(&mut self, node: NodeId) {
        self.0.remove(&node);
    }

    /// Whom to ask, and from which byte on.
    pub fn wanted(&self) -> Vec<(NodeId, u64)> {
        self.0.iter().map(|(node, (_, bytes))| (*node, bytes.len() as u64)).collect()
    }

    /// Takes a part; the bytes of the whole, if this was the last one.
    fn take(&mut self, from: NodeId, part: &Part) -> Option<Vec<u8>> {
        let (writing, bytes) = self.0.get_mut(&from)?;
        if *writing != part.writing {
            // Parts of another writing than before: the beginning is wanted again.
            (*writing, *bytes) = (part.writing, Vec::new());
        }
        let here = bytes.len() as u64;
        let is_next = part.offset == here
            && part.total_bytes <= BOOK_BYTES_MAX
            && here + part.bytes.len() as u64 <= part.total_bytes;
        if is_next {
            bytes.extend_from_slice(&part.bytes);
        }
        (bytes.len() as u64 == part.total_bytes).then(|| std::mem::take(bytes))
    }
}

impl Books {
    pub(super) fn claim(&mut self, epoch: Epoch, cx: &mut Context<'_, Self>) {
        // An epoch is traded in once: what was done under it before may stand in books.
        if epoch <= self.book.promised || epoch.node != self.settings.me {
            return cx.report(Report::Refused(self.book.promised.max(epoch)));
        }
        let mut incoming = Incoming::default();
        self.links.iter().for_each(|node| incoming.expect(*node));
        self.side = Side::Gathering(Gathering { epoch, incoming, books: BTreeMap::new() });
        cx.clear(Alarm::Flush);
        cx.set(Alarm::Resend, self.settings.resend);
        cx.set(Alarm::Gather, self.settings.limit);
        let all = self.links.iter().copied().collect();
        let register = Message::Register { epoch, offset: 0 };
        cx.send_after(After::Nothing, Destination::Many(all), register);
    }

    pub(super) fn part_came(&mut self, from: NodeId, part: Part, cx: &mut Context<'_, Self>) {
        let (epoch, incoming) = match &mut self.side {
            Side::Idle => return,
            Side::Gathering(gathering) => (gathering.epoch, &mut gathering.incoming),
            Side::Leading(leader) => (leader.epoch, &mut leader.incoming),
        };
        if part.epoch != epoch || !incoming.wanted().iter().any(|(node, _)| *node == from) {
            return;
        }
        let Some(bytes) = incoming.take(from, &part) else { return self.want(from, cx) };
        incoming.give_up(from);
        // What is no book stays outside, and so does whoever sent it, until it is back.
        let book = Book::from_bytes(&bytes);
        let Some(book) = book.filter(|book| book.promised == epoch && book.position == 0) else {
            return;
        };
        match &mut self.side {
            Side::Gathering(gathering) => {
                gathering.books.insert(from, book);
                self.gather(false, cx);
            }
            Side::Leading(leader) => {
                if leader.admit(BTreeMap::from([(from, book)])) {
                    cx.mark(marks::REGISTERED_LATE);
                    let market = Box::new(leader.market().clone());
                    cx.report_after(After::Nothing, Report::Joined(from, market));
                    self.flush_soon(cx);
                    self.look_who_is_away(cx);
                }
            }
            Side::Idle => {}
        }
    }

    /// Asks for what is missing of a book.
    pub(super) fn want(&self, from: NodeId, cx: &mut Context<'_, Self>) {
        let (epoch, incoming) = match &self.side {
            Side::Idle => return,
            Side::Gathering(gathering) => (gathering.epoch, &gathering.incoming),
            Side::Leading(leader) => (leader.epoch, &leader.incoming),
        };
        for (node, offset) in incoming.wanted() {
            if node == from {
                let register = Message::Register { epoch, offset };
                cx.send_after(After::Nothing, Destination::One(node), register);
            }
        }
    }

    /// Begins to trade, if all that are expected have registered, or the time is over.
    pub(super) fn gather(&mut self, is_over: bool, cx: &mut Context<'_, Self>) {
        let me = self.settings.me;
        let Side::Gathering(gathering) = &mut self.side else { return };
        // Its own book has to be among them: from then on it takes nothing lower, too.
        if !gathering.has(me) || !is_over && !gathering.incoming.wanted().is_empty() {
            if is_over {
                cx.set(Alarm::Gather, self.settings.resend);
            }
            return;
        }
        let Gathering { epoch, incoming, books } = gathering;
        if !incoming.wanted().is_empty() {
            cx.mark(marks::BEGAN_WITHOUT_SOME);
        }
        let (epoch, incoming) = (*epoch, std::mem::take(incoming));
        let mut leader = Leader::new(epoch, self.settings.founding.clone(), incoming);
        leader.admit(std::mem::take(books));
        let market = Box::new(leader.market().clone());
        self.side = Side::Leading(Box::new(leader));
        cx.clear(Alarm::Gather);
        cx.report_after(After::Nothing, Report::Claimed(epoch, market));
        self.flush_soon(cx);
        self.look_who_is_away(cx);
    }
}

/// The market that these books make up, whoever of their keepers is there: what is not known of them
/// stays reserved. None if there are none.
pub fn sum(books: BTreeMap<NodeId, Book>) -> Option<Kernel> {
    let rules = *books.values().next()?.base.rules();
    let mut leader = Leader::new(Epoch::ZERO, Kernel::new(rules).ok()?, Incoming::default());
    leader.admit(books);
    Some(leader.sum)
}

/// What a fact means to one party's part of the sum, given what is known of the fact.
fn part_of(
    sum: &mut Kernel,
    of: NodeId,
    fact: &Fact,
    verdict: Option<bool>,
) -> Result<(), BadPart> {
    let party = crate::party(of);
    let is_client = fact.client() == Some(party);
    match verdict {
        Some(false) => Ok(()),
        Some(true) => sum.record(party, &fact.entry, &fact.outcome),
        // Reserved at whoever sells; the client is told when it asks.
        None if is_client => sum.record_in_doubt(party, &fact.entry, &fact.outcome),
        None => sum.record(party, &fact.entry, &fact.outcome),
    }
}

impl Leader {
    /// Takes peers in with their books, and decides what can be decided by now; whether anybody was
    /// taken in.
    pub(super) fn admit(&mut self, books: BTreeMap<NodeId, Book>) -> bool {
        let mut tails = Vec::new();
        for (node, Book { base, tail, reach, .. }) in books {
            // A book that does not add up with the others stays outside.
            if self.sum.join(crate::party(node), base).is_ok() {
                self.keepers.insert(node, Keeper::new(reach));
                tails.push((node, tail));
            }
        }
        self.sum.name_lots_by(self.epoch.counter);
        let mut open = std::mem::take(&mut self.undecided);
        for (_, tail) in &tails {
            open.extend(tail.iter().map(|(id, fact)| (*id, fact.clone())));
        }
        let verdicts: BTreeMap<FactId, Option<bool>> =
            open.values().map(|fact| (fact.id, self.verdict(fact))).collect();
        for (node, tail) in &tails {
            for fact in tail.values() {
                let verdict = verdicts.get(&fact.id).copied().flatten();
                if let Err(misfit) = part_of(&mut self.sum, *node, fact, verdict) {
                    self.misfit = Some(misfit);
                }
            }
        }
        for (id, fact) in open {
            match verdicts.get(&id).copied().flatten() {
                Some(is_true) => self.tell(&fact, is_true),
                None => drop(self.undecided.insert(id, fact)),
            }
        }
        !tails.is_empty()
    }

    /// Whether a fact of an earlier epoch is true, as far as the books here tell.
    fn verdict(&self, fact: &Fact) -> Option<bool> {
        let concerned = nodes(&fact.concerns());
        let says: BTreeSet<Option<bool>> = concerned
            .iter()
            .map(|node| self.keepers.get(node).and_then(|keeper| keeper.reach.has(fact.id)))
            .collect();
        match (says.contains(&Some(false)), says.contains(&None)) {
            (true, _) => Some(false),
            (false, false) => Some(true),
            (false, true) => None,
        }
    }

    /// Tells all that hold a fact what became of it.
    fn tell(&mut self, fact: &Fact, is_true: bool) {
        for node in nodes(&fact.concerns()) {
            if let Some(keeper) = self.keepers.get_mut(&node)
                && keeper.reach.has(fact.id) == Some(true)
            {
                keeper.give(Item::Decided { id: fact.id, is_true });
            }
        }
    }
}

impl Fact {
    fn concerns(&self) -> Vec<Party> {
        self.entry.concerns(&self.outcome)
    }

    fn client(&self) -> Option<Party> {
        match &self.entry.act {
            Act::Request(request) => Some(request.id.client.party),
            Act::ExpireSessions { .. } | Act::Term(_) | Act::EndHolds => None,
        }
    }
}
