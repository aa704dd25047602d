//! The warehouse's process: it also keeps the directory, by which all find each other.
//!
//! It is the one process whose address everybody knows. Nothing but introductions depends on the
//! directory, which is kept in memory: after a restart the next announcements fill it again.

use std::convert::identity;

use std::time::Duration;

use groupcast::membership::Directory;
use machine::{Context, Incarnation, Input, Machine, Never, holds};
use peer::{Report, What};

use crate::message::{Message, Record, Snapshot};
use crate::node::{Alarm, Command};
use crate::warehouse::Warehouse;

/// A warehouse and a directory.
#[derive(Debug, Clone)]
pub struct Premises {
    warehouse: Warehouse,
    directory: Directory,
    life: Incarnation,
}

type Cx<'a> = Context<'a, Premises>;

impl Premises {
    /// A warehouse, and a directory that drops whoever has not announced itself for `expiry`. `life`
    /// must rise from one start of the process to the next.
    pub fn new(warehouse: Warehouse, expiry: Duration, life: Incarnation) -> Self {
        Self { warehouse, directory: Directory::new(expiry, life), life }
    }

    /// The warehouse.
    pub fn warehouse(&self) -> &Warehouse {
        &self.warehouse
    }

    fn introduce(&mut self, input: Input<Directory>, cx: &mut Cx<'_>) {
        for report in cx.run(&mut self.directory, input) {
            cx.report(Report { at: cx.now, clock: None, what: What::from(report) });
        }
    }
}

impl Machine for Premises {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Record;
    type Snapshot = Snapshot;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Cx<'_>) {
        let warehouse = &mut self.warehouse;
        match input {
            Input::Restore { journal, snapshot } => {
                cx.relay(warehouse, Input::Restore { journal, snapshot });
            }
            Input::Replay { journal, record } => {
                cx.relay(warehouse, Input::Replay { journal, record });
            }
            Input::Start => {
                let what = What::Started { incarnation: self.life, role: "warehouse".into() };
                cx.report(Report { at: cx.now, clock: None, what });
                cx.relay(warehouse, Input::Start);
                self.introduce(Input::Start, cx);
            }
            Input::Message { from, body: Message::Membership(body) } => {
                self.introduce(Input::Message { from, body }, cx);
            }
            Input::Message { from, body } => cx.relay(warehouse, Input::Message { from, body }),
            Input::Opened(node) => {
                cx.relay(warehouse, Input::Opened(node));
                self.introduce(Input::Opened(node), cx);
            }
            Input::Closed(node) => {
                cx.relay(warehouse, Input::Closed(node));
                self.introduce(Input::Closed(node), cx);
            }
            Input::Alarm(Alarm::Warehouse(alarm)) => cx.relay(warehouse, Input::Alarm(alarm)),
            Input::Alarm(Alarm::Directory(alarm)) => self.introduce(Input::Alarm(alarm), cx),
            Input::Command(Command::Warehouse(command)) => {
                cx.relay(warehouse, Input::Command(command));
            }
            Input::Alarm(_) | Input::Command(_) | Input::Claimed(_) | Input::Refused(_) => {}
        }
    }

    fn check(&self) -> Result<(), String> {
        self.warehouse.check()?;
        self.directory.check()
    }
}

holds! {
    Premises: Warehouse {
        message: identity,
        record: identity,
        snapshot: identity,
        alarm: Alarm::Warehouse,
    }
    Premises: Directory {
        message: Message::Membership,
        record: Never::into_any,
        snapshot: Never::into_any,
        alarm: Alarm::Directory,
    }
}
