//! How far one keeper is, as its trader knows it: what it has written down, what is on its way, and
//! what it has not yet been told to be true.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::book::Reach;
use super::message::{Item, Settled};

/// How many items wait for one keeper before nothing more is asked of it: many times what a busy one
/// has under way.
pub const ITEMS_MAX: usize = 1 << 12;
/// How many facts a book may hold of which it was not told that they are true: it bounds what a
/// trader that takes over has to look at.
pub const TAIL_MAX: usize = 1 << 14;
/// How many facts a message of what is true leaves out. As many wait for absent buyers before a book
/// begins to grow.
pub const EXCEPT_MAX: usize = 256;
/// What a trader knows of one that registered.
#[derive(Debug, Clone)]
pub(super) struct Keeper {
    /// What it had taken when it registered.
    pub reach: Reach,
    /// How many items it has, and those beyond.
    pub acked: u64,
    pub items: VecDeque<Item>,
    /// How many have left.
    pub sent: u64,
    /// Facts that concern it and are not yet true.
    pub open: BTreeSet<u64>,
    /// Facts that it has and was not told to be true.
    pub tail: BTreeSet<u64>,
    /// How many it had when the alarm last went off, and since when nothing came.
    pub looked_at: u64,
    pub silent: Duration,
    pub is_behind: bool,
}

impl Keeper {
    pub fn new(reach: Reach) -> Self {
        Self {
            reach,
            acked: 0,
            items: VecDeque::new(),
            sent: 0,
            open: BTreeSet::new(),
            tail: BTreeSet::new(),
            looked_at: 0,
            silent: Duration::ZERO,
            is_behind: false,
        }
    }

    pub fn give(&mut self, item: Item) {
        self.items.push_back(item);
    }

    pub fn end(&self) -> u64 {
        self.acked + self.items.len() as u64
    }

    pub fn is_full(&self) -> bool {
        self.items.len() >= ITEMS_MAX || self.tail.len() >= TAIL_MAX
    }

    /// What is true of what it was given before the fact `next`.
    pub fn settled(&mut self, next: u64) -> Settled {
        let below = self.open.iter().nth(EXCEPT_MAX).copied().unwrap_or(next);
        let except: Vec<u64> = self.open.range(..below).copied().collect();
        let rest = self.tail.split_off(&below);
        self.tail.retain(|number| self.open.contains(number));
        self.tail.extend(rest);
        Settled { below, except }
    }

    pub fn items(&self, after: u64, most: usize) -> Vec<Item> {
        let from = usize::try_from(after - self.acked).unwrap_or(usize::MAX).min(self.items.len());
        self.items.range(from..).take(most).cloned().collect()
    }
}
