//! What an application asks of its own machine: by itself, at a time, and when another thread wakes
//! the loop.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is a failed test")]

mod common;

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use common::{PATIENCE, settings};
use host::{Application, Control, Node, Transport};
use machine::{Context, Input, Instant, Machine, Never};

/// Gathers the commands of a turn by an alarm at `now`, and reports them together.
#[derive(Default)]
struct Gatherer(Vec<u32>);

impl Machine for Gatherer {
    type Message = Never;
    type Command = u32;
    type Report = (Instant, Vec<u32>);
    type Record = Never;
    type Snapshot = Never;
    type Alarm = ();

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Command(number) => {
                self.0.push(number);
                cx.set((), Duration::ZERO);
            }
            Input::Alarm(()) => cx.report((cx.now, std::mem::take(&mut self.0))),
            _ => {}
        }
    }
}

/// Hands on what a channel holds; 0 stops the node.
struct Wiring {
    asked: Receiver<u32>,
    told: Sender<(Instant, Vec<u32>)>,
    alone_at: Option<Instant>,
    turns: usize,
}

impl Application for Wiring {
    type Machine = Gatherer;

    fn report(&mut self, _: Instant, report: (Instant, Vec<u32>), _: &mut Control) {
        self.told.send(report).unwrap();
    }

    fn line(&mut self, _: &str, _: &mut Control) -> Option<u32> {
        None
    }

    fn commands(
        &mut self,
        at: Instant,
        _: &Gatherer,
        commands: &mut Vec<u32>,
        control: &mut Control,
    ) {
        self.turns += 1;
        if self.alone_at.is_some_and(|alone_at| alone_at <= at) {
            self.alone_at = None;
            commands.push(99);
        }
        for number in self.asked.try_iter() {
            if number == 0 {
                control.stop();
            } else {
                commands.push(number);
            }
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        self.alone_at
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn another_thread_wakes_a_node_and_its_commands_are_one_batch() {
    let ((ask, asked), (told, reports)) = (channel(), channel());
    let node = Node::bind(settings(1, Transport::Tcp)).unwrap();
    let waker = node.waker();
    let mut wiring = Wiring { asked, told, alone_at: None, turns: 0 };
    let thread = std::thread::spawn(move || {
        node.run(Gatherer::default(), &mut wiring).unwrap();
        wiring.turns
    });
    for batch in [vec![1, 2, 3], vec![4]] {
        let mut left = batch.clone();
        batch.iter().for_each(|number| ask.send(*number).unwrap());
        waker.wake();
        // The loop may have been awake for a reason of its own and have found a part.
        while !left.is_empty() {
            let (_, found) = reports.recv_timeout(PATIENCE).unwrap();
            assert_eq!(found, left[..found.len()]);
            left.drain(..found.len());
        }
    }
    ask.send(0).unwrap();
    waker.wake();
    let turns = thread.join().unwrap();
    assert!(turns <= 8, "a loop with nothing to do waits; it made {turns} turns");
    waker.wake();
}

#[test]
fn a_node_asks_at_the_time_its_application_names_and_never_before() {
    let ((ask, asked), (told, reports)) = (channel(), channel());
    let mut settings = settings(1, Transport::Tcp);
    settings.origin_ns = host::clock::monotonic_ns();
    let node = Node::bind(settings).unwrap();
    let waker = node.waker();
    let due = Instant::from_nanos(1_500_000);
    let mut wiring = Wiring { asked, told, alone_at: Some(due), turns: 0 };
    let thread =
        std::thread::spawn(move || node.run(Gatherer::default(), &mut wiring).map(drop).unwrap());
    let (at, found) = reports.recv_timeout(PATIENCE).unwrap();
    assert_eq!(found, [99]);
    assert!(at >= due);
    ask.send(0).unwrap();
    waker.wake();
    thread.join().unwrap();
}
