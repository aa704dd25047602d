//! A set and a counter that every node changes and reads by itself, partition or not.
//!
//! Total order needs a majority; these two workloads ask for no order and reward a node that always
//! answers. So each node keeps what it was told itself, and tells the others until they have it.
//!
//! ```text
//!   node  { life, have, pieces, asks }  node      new pieces at once, unconfirmed ones each period
//!   node  { life, have }                node      the answer
//! ```
//!
//! What clients added is kept by the *life* of the node that they told: a list of values, and the
//! sums of what was added and taken away. A life's list only grows at its end, and its sums change
//! only together with a count of changes that rises; so of two states of one life one is the
//! beginning of the other, merging is taking the longer one, and it matters neither how often nor in
//! which order pieces come (Shapiro et al. 2011, *Conflict-free Replicated Data Types*).
//!
//! *Promise:* what a node acknowledged is seen by all nodes that live, once they can talk, as long as
//! the node lived until it had told one of them. *Why:* each node sends all that it has to each other
//! node until that one's `have` says that it has it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::refusal::{Code, Refusal};
use crate::services::size_bytes;

/// How much is held, as the other services count it: what a node sends another that begins anew.
pub const HELD_BYTES_MAX: usize = 64 << 20;
/// How many lives are told apart. A workbench starts each of at most 128 nodes a few times.
pub const LIVES_MAX: usize = 4096;
/// How many values travel in one word.
const WORD_VALUES_MAX: usize = 1024;
/// How many bytes of values travel in one word: a part of what a line may have.
const WORD_BYTES_MAX: usize = 256 << 10;

/// How much of a life is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mark {
    values: u64,
    adds: u64,
}

impl Mark {
    fn covers(self, other: Self) -> bool {
        self.values >= other.values && self.adds >= other.adds
    }

    fn max(self, other: Self) -> Self {
        Self { values: self.values.max(other.values), adds: self.adds.max(other.adds) }
    }
}

type Marks = BTreeMap<String, Mark>;

/// What was added by one life.
#[derive(Debug, Clone, PartialEq, Default)]
struct Share {
    values: Vec<Value>,
    sums: Sums,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Sums {
    /// How many additions these are.
    adds: u64,
    plus: u64,
    minus: u64,
}

/// A part of a share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Piece {
    life: String,
    /// The position of the first of the values.
    first: u64,
    values: Vec<Value>,
    sums: Sums,
}

/// What nodes say to each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// Which life of the sender.
    life: u64,
    /// How much it has of each life.
    have: Marks,
    pieces: Vec<Piece>,
    /// Whether the sender wants to know what the receiver has.
    asks: bool,
}

/// What another node is known to have.
#[derive(Debug, Clone, Default)]
struct Peer {
    /// Its life; none before it was heard.
    life: Option<u64>,
    has: Marks,
    /// What of this life's share is on its way there.
    sent: Mark,
}

/// One node's part.
#[derive(Debug, Clone)]
pub struct Gossip {
    life: u64,
    /// The name of this life.
    name: String,
    shares: BTreeMap<String, Share>,
    held_bytes: usize,
    peers: BTreeMap<String, Peer>,
    /// Whether clients have added something that was not sent yet.
    has_news: bool,
}

impl Gossip {
    /// A node that knows nothing yet, with the other nodes.
    pub fn new(me: &str, life: u64, others: impl IntoIterator<Item = String>) -> Self {
        let name = format!("{me}/{life}");
        Self {
            life,
            shares: BTreeMap::from([(name.clone(), Share::default())]),
            name,
            held_bytes: 0,
            peers: others.into_iter().map(|peer| (peer, Peer::default())).collect(),
            has_news: false,
        }
    }

    /// Adds a value to the set.
    ///
    /// # Errors
    /// The set is full; nothing has changed.
    pub fn broadcast(&mut self, value: Value) -> Result<(), Refusal> {
        let held_bytes = self.held_bytes.saturating_add(size_bytes(&value));
        if held_bytes > HELD_BYTES_MAX {
            let text = format!("the set is full: it holds at most {HELD_BYTES_MAX} bytes");
            return Err(Refusal::new(Code::Abort, text));
        }
        self.held_bytes = held_bytes;
        self.has_news = true;
        self.own().values.push(value);
        Ok(())
    }

    /// Adds to the counter.
    ///
    /// # Errors
    /// The counter would leave its range; nothing has changed.
    pub fn add(&mut self, delta: i64) -> Result<(), Refusal> {
        let own = self.own();
        let side = if delta < 0 { &mut own.sums.minus } else { &mut own.sums.plus };
        let full = || Refusal::new(Code::Abort, "the counter has reached the end of its range");
        *side = side.checked_add(delta.unsigned_abs()).ok_or_else(full)?;
        own.sums.adds += 1;
        self.has_news = true;
        Ok(())
    }

    /// All values, each as often as it was added.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.shares.values().flat_map(|share| &share.values)
    }

    /// What the counter stands at.
    pub fn count(&self) -> i128 {
        let sums = self.shares.values().map(|share| share.sums);
        sums.map(|sums| i128::from(sums.plus) - i128::from(sums.minus)).sum()
    }

    /// What was added since the last time, to all others. At the end of each turn.
    pub fn news(&mut self) -> Vec<(String, Word)> {
        if !std::mem::take(&mut self.has_news) {
            return Vec::new();
        }
        let Some(own) = self.shares.get(&self.name) else { return Vec::new() };
        let mut words = Vec::new();
        for (name, peer) in &mut self.peers {
            let known = peer.has.get(&self.name).copied().unwrap_or_default().max(peer.sent);
            let mut room = Room::default();
            let piece = own.after(&self.name, known, &mut room);
            let have = Marks::from([(self.name.clone(), own.mark())]);
            peer.sent = piece.as_ref().map_or(known, Piece::end);
            let pieces = Vec::from_iter(piece);
            words.push((name.clone(), Word { life: self.life, have, pieces, asks: true }));
        }
        words
    }

    /// What others are not known to have, and a question to those that were never heard. Each period.
    pub fn remind(&mut self) -> Vec<(String, Word)> {
        let mut words = Vec::new();
        let mine = self.marks();
        for (name, peer) in &mut self.peers {
            peer.sent = Mark::default();
            let pieces = pieces(&self.shares, peer);
            if !pieces.is_empty() || peer.life.is_none() {
                let have = mine.clone();
                words.push((name.clone(), Word { life: self.life, have, pieces, asks: true }));
            }
        }
        words
    }

    /// Another node's word, and the answer to it.
    pub fn heard(&mut self, from: &str, word: Word) -> Option<Word> {
        let peer = self.peers.get_mut(from)?;
        if peer.life.is_some_and(|life| life > word.life) {
            return None;
        }
        // What begins again has forgotten.
        if peer.life != Some(word.life) {
            *peer = Peer { life: Some(word.life), ..Peer::default() };
        }
        for piece in word.pieces {
            self.take(piece);
        }
        // What is not known here need not be sent there.
        for (life, mark) in word.have {
            if self.shares.contains_key(&life)
                && let Some(peer) = self.peers.get_mut(from)
            {
                let known = peer.has.entry(life).or_default();
                *known = known.max(mark);
            }
        }
        word.asks.then(|| {
            let (life, have) = (self.life, self.marks());
            Word { life, have, pieces: Vec::new(), asks: false }
        })
    }

    /// Whether there are [`news`](Self::news).
    pub fn has_news(&self) -> bool {
        self.has_news
    }

    /// Whether all others are known to have all that is here.
    pub fn is_settled(&self) -> bool {
        self.peers.values().all(|peer| {
            let has = |life| peer.has.get(life).copied().unwrap_or_default();
            peer.life.is_some()
                && self.shares.iter().all(|(life, share)| has(life).covers(share.mark()))
        })
    }

    fn own(&mut self) -> &mut Share {
        self.shares.entry(self.name.clone()).or_default()
    }

    fn marks(&self) -> Marks {
        self.shares.iter().map(|(life, share)| (life.clone(), share.mark())).collect()
    }

    /// Takes of a piece what is new and follows what is here.
    fn take(&mut self, piece: Piece) {
        if piece.life == self.name {
            return;
        }
        if !self.shares.contains_key(&piece.life) {
            let held_bytes = self.held_bytes.saturating_add(piece.life.len());
            if self.shares.len() >= LIVES_MAX || held_bytes > HELD_BYTES_MAX {
                return;
            }
            self.held_bytes = held_bytes;
        }
        let share = self.shares.entry(piece.life).or_default();
        if piece.sums.adds > share.sums.adds {
            share.sums = piece.sums;
        }
        let held = (share.values.len() as u64).checked_sub(piece.first);
        let Some(held) = held.and_then(|held| usize::try_from(held).ok()) else { return };
        for value in piece.values.into_iter().skip(held) {
            let held_bytes = self.held_bytes.saturating_add(size_bytes(&value));
            if held_bytes > HELD_BYTES_MAX {
                return;
            }
            self.held_bytes = held_bytes;
            share.values.push(value);
        }
    }
}

impl Share {
    fn mark(&self) -> Mark {
        Mark { values: self.values.len() as u64, adds: self.sums.adds }
    }

    /// What comes after `known`, as far as there is room in a word.
    fn after(&self, life: &str, known: Mark, room: &mut Room) -> Option<Piece> {
        if known.covers(self.mark()) {
            return None;
        }
        let first = usize::try_from(known.values).unwrap_or(usize::MAX).min(self.values.len());
        let values = self.values[first..].iter().take_while(|value| room.takes(value));
        let values = values.cloned().collect();
        Some(Piece { life: life.to_owned(), first: first as u64, values, sums: self.sums })
    }
}

impl Piece {
    fn end(&self) -> Mark {
        Mark { values: self.first + self.values.len() as u64, adds: self.sums.adds }
    }
}

/// What still fits into a word. The first value always does.
struct Room {
    values: usize,
    bytes: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { values: WORD_VALUES_MAX, bytes: WORD_BYTES_MAX }
    }
}

impl Room {
    fn takes(&mut self, value: &Value) -> bool {
        let takes = self.values > 0 && self.bytes > 0;
        if takes {
            self.values -= 1;
            self.bytes = self.bytes.saturating_sub(value.to_string().len());
        }
        takes
    }
}

/// What a node is not known to have.
fn pieces(shares: &BTreeMap<String, Share>, peer: &Peer) -> Vec<Piece> {
    let mut room = Room::default();
    let known = |life: &String| peer.has.get(life).copied().unwrap_or_default();
    let pieces =
        shares.iter().filter_map(|(life, share)| share.after(life, known(life), &mut room));
    pieces.collect()
}

#[cfg(test)]
mod tests;
