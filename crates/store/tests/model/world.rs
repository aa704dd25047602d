//! The directory, and what was confirmed.

use std::collections::{BTreeMap, BTreeSet};

use crate::actor::{Actor, At};

/// Epoch, and 0 for its claim or the number of its segment: ordered like the names of the files.
pub type Name = (u8, u8);

/// What a segment holds: the letters of its snapshot, and those written after it.
pub type Text = String;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct World {
    /// The directory.
    pub linked: BTreeMap<Name, Text>,
    /// Deleted files that an actor has open.
    pub unlinked: BTreeMap<Name, Text>,
    pub actors: Vec<Actor>,
    /// The longest text that was confirmed, and by whom.
    pub confirmed: (u8, Text),
}

/// A listing under way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Listing {
    /// Existed when the listing began, and does still.
    all_the_while: BTreeSet<Name>,
    /// Came or went since.
    passing: BTreeSet<Name>,
}

impl World {
    /// A journal to which epoch 6 has written one letter.
    pub fn new(actors: Vec<Actor>) -> Self {
        Self {
            linked: BTreeMap::from([((6, 1), Text::from("z"))]),
            unlinked: BTreeMap::new(),
            actors,
            confirmed: (6, Text::from("z")),
        }
    }

    pub fn create(&mut self, name: Name, text: Text) {
        assert!(self.linked.insert(name, text).is_none(), "{name:?} is there already");
        self.comes_or_goes(name);
    }

    pub fn delete(&mut self, name: Name) {
        if let Some(text) = self.linked.remove(&name) {
            self.unlinked.insert(name, text);
            self.comes_or_goes(name);
        }
    }

    /// The files of earlier segments of an epoch, which have their names no more, are used again:
    /// for whoever has one open, it holds anything.
    pub fn write_over(&mut self, newest: Name) {
        let used = self.unlinked.iter_mut().filter(|(name, _)| name.0 == newest.0 && name.1 > 0);
        used.filter(|(name, _)| **name < newest).for_each(|(_, text)| *text = Text::from("?"));
    }

    fn comes_or_goes(&mut self, name: Name) {
        for actor in &mut self.actors {
            if let At::List(listing, _) = &mut actor.at {
                listing.all_the_while.remove(&name);
                listing.passing.insert(name);
            }
        }
    }

    pub fn begin_listing(&self) -> Listing {
        let all_the_while = self.linked.keys().copied().collect();
        Listing { all_the_while, passing: BTreeSet::new() }
    }

    /// The text of a file that an actor has open.
    pub fn open(&mut self, name: Name) -> &mut Text {
        let Self { linked, unlinked, .. } = self;
        linked.get_mut(&name).or_else(|| unlinked.get_mut(&name)).expect("it is open")
    }

    /// An actor tells that all it wrote is confirmed, but so many of the last letters.
    pub fn confirm(&mut self, id: usize, left_out: usize) -> Result<(), String> {
        let Actor { epoch, text, .. } = &self.actors[id];
        let text = &text[..text.len() - left_out];
        let (before, confirmed) = &self.confirmed;
        // Who is stopped between its last look and its return tells late of what others have read.
        if !text.starts_with(confirmed) && !confirmed.starts_with(text) {
            return Err(format!("{before} confirmed {confirmed}, then {epoch} {text}"));
        }
        if text.len() > confirmed.len() {
            self.confirmed = (*epoch, text.to_owned());
        }
        Ok(())
    }

    /// Whoever claimed and read now would have to find all that was confirmed, in order, once.
    pub fn check(&self) -> Result<(), String> {
        let (epoch, confirmed) = &self.confirmed;
        match newest(self.linked.keys()) {
            Some(name) if self.linked[&name].starts_with(confirmed) => Ok(()),
            Some(name) => {
                let standing = &self.linked[&name];
                Err(format!("{epoch} confirmed {confirmed}, but {standing} stands"))
            }
            None => Err("no segment is left".to_owned()),
        }
    }

    /// So that worlds in which the same can happen are equal.
    pub fn forget_what_nobody_sees(&mut self) {
        for actor in &mut self.actors {
            if actor.at == At::Refused {
                *actor = Actor::new(actor.epoch, &[]);
                actor.at = At::Refused;
            }
        }
        let actors = &self.actors;
        self.unlinked.retain(|name, _| {
            actors.iter().any(|actor| actor.open == Some(*name) || actor.own() == *name)
        });
    }
}

impl Listing {
    /// All that it may show.
    pub fn shown(&self) -> Vec<BTreeSet<Name>> {
        let passing: Vec<Name> = self.passing.iter().copied().collect();
        (0..1_u32 << passing.len())
            .map(|choice| {
                let some = passing.iter().enumerate().filter(|(at, _)| choice >> at & 1 == 1);
                self.all_the_while.iter().copied().chain(some.map(|(_, name)| *name)).collect()
            })
            .collect()
    }
}

/// The newest segment among files in order.
pub fn newest<'a>(names: impl DoubleEndedIterator<Item = &'a Name>) -> Option<Name> {
    names.rev().find(|(_, number)| *number > 0).copied()
}
