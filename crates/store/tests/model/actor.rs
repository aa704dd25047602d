//! Claimers, writers and readers: their calls, one at a time.

use std::collections::BTreeSet;

use crate::world::{Listing, Name, Text, World, newest};
use crate::{Broken, Job};

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Actor {
    jobs: Vec<Job>,
    pub epoch: u8,
    pub at: At,
    /// All that it knows to be written.
    pub text: Text,
    /// The number of the segment that it writes to; 0 if it has none.
    number: u8,
    /// The segment that it has open to read.
    pub open: Option<Name>,
    /// What was confirmed when it began to read.
    due: Text,
}

/// The call that an actor makes next.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum At {
    Idle,
    /// The listing ends.
    List(Listing, For),
    MakeClaim,
    OpenNewest(Option<Name>),
    LookAtNewest(BTreeSet<Name>),
    LookAtClaim,
    Read,
    LookAfterReading,
    /// Write the next segment over a file that was a segment before.
    WriteOver,
    RenameSegment,
    Write,
    LookAtOwnSegment(BTreeSet<Name>),
    Delete(Vec<Name>),
    /// A higher epoch stands there.
    Refused,
}

/// What a listing is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum For {
    Claim,
    Newest,
    NewestAgain,
    Confirm,
}

impl Actor {
    pub fn new(epoch: u8, jobs: &[Job]) -> Self {
        Self {
            jobs: jobs.to_vec(),
            epoch,
            at: At::Idle,
            text: Text::new(),
            number: 0,
            open: None,
            due: Text::new(),
        }
    }

    fn job(&self) -> Option<Job> {
        self.jobs.first().copied()
    }

    /// The name of its claim.
    fn claim(&self) -> Name {
        (self.epoch, 0)
    }

    /// The name of the segment that it writes to.
    pub fn own(&self) -> Name {
        (self.epoch, self.number)
    }

    fn done(&mut self) {
        self.jobs.remove(0);
        (self.at, self.open, self.due) = (At::Idle, None, Text::new());
    }
}

/// The worlds that the next call of one actor may lead to.
pub fn step(world: &World, id: usize, broken: Broken) -> Result<Vec<World>, String> {
    if let At::List(listing, purpose) = &world.actors[id].at {
        let shown = listing.shown().into_iter();
        return shown.map(|names| listed(world.clone(), id, *purpose, names, broken)).collect();
    }
    let mut next = world.clone();
    let actor = &world.actors[id];
    match actor.at.clone() {
        At::Refused | At::List(..) => return Ok(Vec::new()),
        At::Idle => match actor.job() {
            Some(job) => {
                next.actors[id].due = world.confirmed.1.clone();
                next.actors[id].at = begin(world, job, broken);
            }
            None => return Ok(Vec::new()),
        },
        At::MakeClaim => {
            next.create(actor.claim(), Text::new());
            if broken == Broken::KeepClaims {
                let older =
                    world.linked.keys().filter(|name| **name < actor.claim() && name.1 == 0);
                older.for_each(|name| next.delete(*name));
            }
            // From here on no lower epoch confirms; and whatever a higher one does, this one will
            // not confirm.
            next.actors[id].due = world.confirmed.1.clone();
            next.actors[id].at = At::List(next.begin_listing(), For::Newest);
            if broken == Broken::ClaimBeforeReading {
                next.actors[id].done();
            }
        }
        At::OpenNewest(name) => {
            next.actors[id].open = name;
            next.actors[id].at = match name {
                Some(name) if !world.linked.contains_key(&name) => {
                    next.actors[id].open = None;
                    At::List(world.begin_listing(), For::Newest)
                }
                Some(_) if broken == Broken::ListAgain => At::Read,
                _ => At::List(world.begin_listing(), For::NewestAgain),
            };
        }
        At::LookAtNewest(names) => {
            let linked = actor.open.is_none_or(|name| world.linked.contains_key(&name));
            let outbid = names.last().is_some_and(|name| *name > actor.claim());
            next.actors[id].at = match actor.job() {
                _ if !linked => At::List(world.begin_listing(), For::Newest),
                Some(Job::Read) => At::Read,
                _ if outbid => At::Refused,
                _ if broken == Broken::ClaimBeforeReading => At::Read,
                _ => At::LookAtClaim,
            };
        }
        At::LookAtClaim => {
            let linked = world.linked.contains_key(&actor.claim());
            next.actors[id].at = if linked { At::Read } else { At::Refused };
        }
        At::Read => read(&mut next, id, broken)?,
        At::LookAfterReading => {
            if actor.open.is_some_and(|name| !world.linked.contains_key(&name)) {
                next.actors[id].at = At::List(world.begin_listing(), For::Newest);
            } else {
                judge(&next, id)?;
                next.actors[id].done();
            }
        }
        At::WriteOver => {
            next.write_over(actor.own());
            next.actors[id].at = At::RenameSegment;
        }
        At::RenameSegment => {
            next.actors[id].number += 1;
            let own = next.actors[id].own();
            next.create(own, actor.text.clone());
            next.actors[id].at = At::List(next.begin_listing(), For::Confirm);
        }
        At::Write => {
            write(&mut next, id);
            match actor.job() {
                Some(Job::Write(_)) => next.actors[id].done(),
                _ => next.actors[id].at = At::List(next.begin_listing(), For::Confirm),
            }
        }
        At::LookAtOwnSegment(names) => {
            if !world.linked.contains_key(&actor.own()) && broken != Broken::LookAtOwnSegment {
                next.actors[id].at = At::Refused;
                return Ok(vec![next]);
            }
            if broken == Broken::WriteBeforeListing {
                write(&mut next, id);
            }
            let left_out = match actor.job() {
                Some(Job::Confirm(left_out)) => left_out,
                _ => 0,
            };
            next.confirm(id, left_out)?;
            next.actors[id].done();
            let mut older: Vec<Name> =
                names.into_iter().filter(|name| *name < actor.own()).collect();
            if broken == Broken::DeleteOldestFirst {
                older.reverse();
            }
            if actor.job() == Some(Job::Snapshot) && !older.is_empty() {
                next.actors[id].at = At::Delete(older);
            }
        }
        At::Delete(mut older) => {
            next.delete(older.remove(0));
            next.actors[id].at = if older.is_empty() { At::Idle } else { At::Delete(older) };
        }
    }
    Ok(vec![next])
}

/// The first call of a job.
fn begin(world: &World, job: Job, broken: Broken) -> At {
    match job {
        Job::Claim => At::List(world.begin_listing(), For::Claim),
        Job::Read => At::List(world.begin_listing(), For::Newest),
        Job::Snapshot => At::WriteOver,
        Job::Commit(_) if broken == Broken::WriteBeforeListing => {
            At::List(world.begin_listing(), For::Confirm)
        }
        Job::Commit(_) | Job::Write(_) => At::Write,
        Job::Confirm(_) => At::List(world.begin_listing(), For::Confirm),
    }
}

/// What an actor does when a listing shows these names.
fn listed(
    mut world: World,
    id: usize,
    purpose: For,
    names: BTreeSet<Name>,
    broken: Broken,
) -> Result<World, String> {
    let actor = &world.actors[id];
    let highest = names.last().map_or(0, |name| name.0);
    let newest = newest(names.iter());
    let at = match purpose {
        For::Claim if highest >= actor.epoch => At::Refused,
        For::Claim if broken == Broken::ClaimBeforeReading => {
            At::List(world.begin_listing(), For::Newest)
        }
        For::Claim => At::MakeClaim,
        For::Newest => At::OpenNewest(newest),
        For::NewestAgain if newest == actor.open => At::LookAtNewest(names),
        For::NewestAgain => At::List(world.begin_listing(), For::Newest),
        For::Confirm if highest > actor.epoch => At::Refused,
        For::Confirm => At::LookAtOwnSegment(names),
    };
    world.actors[id].at = at;
    Ok(world)
}

/// Reads what it has open.
fn read(world: &mut World, id: usize, broken: Broken) -> Result<(), String> {
    let text = match world.actors[id].open {
        Some(name) => world.open(name).clone(),
        None => Text::new(),
    };
    let actor = &mut world.actors[id];
    actor.text = text;
    if actor.job() == Some(Job::Read) && broken != Broken::LookAfterReading {
        actor.at = At::LookAfterReading;
        return Ok(());
    }
    judge(world, id)?;
    let actor = &mut world.actors[id];
    if broken == Broken::ClaimBeforeReading && actor.job() == Some(Job::Claim) {
        actor.at = At::MakeClaim;
    } else {
        actor.done();
    }
    Ok(())
}

/// Whether what was read is all that was due.
fn judge(world: &World, id: usize) -> Result<(), String> {
    let actor = &world.actors[id];
    // Two listings that both missed every segment tell a reader without a claim that nothing was
    // written. TAKEOVER.md says why that is let be.
    let unjudged = actor.job() == Some(Job::Read) && actor.open.is_none();
    if !unjudged && !actor.text.starts_with(&actor.due) {
        let Actor { epoch, text, due, .. } = actor;
        return Err(format!("{epoch} read {text}, but {due} was confirmed"));
    }
    Ok(())
}

/// Writes the letter of a commit to its own segment.
fn write(world: &mut World, id: usize) {
    if let Some(Job::Commit(letter) | Job::Write(letter)) = world.actors[id].job() {
        world.actors[id].text.push(letter);
        let (own, text) = (world.actors[id].own(), world.actors[id].text.clone());
        *world.open(own) = text;
    }
}
