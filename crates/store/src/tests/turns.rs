//! Lets threads take turns, one call of the operating system at a time, in orders that a test
//! chooses; or makes a call fail.

use std::cell::RefCell;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};

type Hook = Box<dyn FnMut(&'static str) -> io::Result<()>>;

thread_local! {
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

/// Called before each call of the operating system.
pub(crate) fn step(what: &'static str) -> io::Result<()> {
    HOOK.with_borrow_mut(|hook| hook.as_mut().map_or(Ok(()), |hook| hook(what)))
}

/// Runs `body` with a hook on each step of this thread.
pub(super) fn with_hook<T>(
    hook: impl FnMut(&'static str) -> io::Result<()> + 'static,
    body: impl FnOnce() -> T,
) -> T {
    HOOK.set(Some(Box::new(hook)));
    let result = body();
    HOOK.set(None);
    result
}

/// One moment at which it was decided who goes on.
struct Decision {
    /// Who could; whoever went last comes first.
    able: Vec<usize>,
    /// Which of them did.
    chosen: usize,
    /// Whether any other choice takes the turn away from somebody who could go on.
    preempts: bool,
}

/// Runs what `actors` makes in every order of steps in which at most `preemptions_max` times
/// somebody is stopped while it could go on. Whoever is stopped may stay so until all others are
/// done. `look` is called after each step, with its name. Returns the number of orders.
pub(super) fn every_order<'a>(
    preemptions_max: usize,
    mut actors: impl FnMut() -> Vec<Box<dyn FnOnce() + Send + 'a>>,
    mut look: impl FnMut(&'static str),
) -> usize {
    let mut path: Vec<Decision> = Vec::new();
    for orders in 1.. {
        let prefix: Vec<usize> = path.iter().map(|decision| decision.chosen).collect();
        path = run(&prefix, actors(), &mut look);
        loop {
            let Some(mut last) = path.pop() else { return orders };
            let spent = path.iter().filter(|past| past.preempts && past.chosen > 0).count();
            let affordable = !last.preempts || spent < preemptions_max;
            if affordable && last.chosen + 1 < last.able.len() {
                last.chosen += 1;
                path.push(last);
                break;
            }
        }
    }
    unreachable!("the loop returns")
}

enum Event {
    /// It waits before this step.
    Waits(usize, &'static str),
    Done(usize),
}

struct Actor {
    go: Sender<()>,
    /// The step that it waits for; none if it is done.
    next: Option<&'static str>,
}

fn run(
    prefix: &[usize],
    bodies: Vec<Box<dyn FnOnce() + Send + '_>>,
    look: &mut impl FnMut(&'static str),
) -> Vec<Decision> {
    std::thread::scope(|scope| {
        let (tell, told) = channel();
        let mut actors = Vec::new();
        for (id, body) in bodies.into_iter().enumerate() {
            let (go, turn) = channel();
            let tell = tell.clone();
            scope.spawn(move || take_turns(id, body, tell, turn));
            actors.push(Actor { go, next: None });
        }
        drop(tell);
        for _ in 0..actors.len() {
            listen(&told, &mut actors);
        }
        let (mut path, mut last) = (Vec::<Decision>::new(), None);
        loop {
            let mut able: Vec<usize> =
                (0..actors.len()).filter(|id| actors[*id].next.is_some()).collect();
            able.sort_by_key(|id| Some(*id) != last);
            let chosen = prefix.get(path.len()).copied().unwrap_or(0);
            let Some(id) = able.get(chosen).copied() else { return path };
            let preempts = last.is_some_and(|last| actors[last].next.is_some());
            path.push(Decision { able, chosen, preempts });
            last = Some(id);
            let step = actors[id].next.take();
            actors[id].go.send(()).expect("it waits");
            listen(&told, &mut actors);
            step.into_iter().for_each(&mut *look);
        }
    })
}

fn take_turns(
    id: usize,
    body: Box<dyn FnOnce() + Send + '_>,
    tell: Sender<Event>,
    turn: Receiver<()>,
) {
    let _done = Done(id, tell.clone());
    let hook = move |what| {
        tell.send(Event::Waits(id, what)).map_err(io::Error::other)?;
        turn.recv().map_err(io::Error::other)
    };
    with_hook(hook, body);
}

/// Says so when an actor is done, be it by a panic.
struct Done(usize, Sender<Event>);

impl Drop for Done {
    fn drop(&mut self) {
        // If the test is over because another actor failed, nobody listens.
        let _ = self.1.send(Event::Done(self.0));
    }
}

fn listen(told: &Receiver<Event>, actors: &mut [Actor]) {
    match told.recv().expect("an actor tells of its end") {
        Event::Waits(id, what) => actors[id].next = Some(what),
        Event::Done(id) => actors[id].next = None,
    }
}
