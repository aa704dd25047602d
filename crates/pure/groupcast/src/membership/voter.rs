//! One election at a time: a node's side.
//!
//! ```text
//!            Ask                      Elect from the directory
//!   Idle ──────────▶ Asking ──────────────────────────────────▶ May elect
//!    ▲                │ ▲ │ each period: MayElect                  │  │
//!    │                │ └─┘                                        │  │
//!    ├── Done ────────┘                                            │  │
//!    ├── Done: ElectionOver ───────────────────────────────────────┘  │
//!    └── its time is over: Lapsed ────────────────────────────────────┘
//! ```
//!
//! Nobody is told that another one may: the result of that election is news enough, and the layer
//! above then says that it is done. A node that the directory does not answer for long holds its
//! election all the same: order is lost, nothing else.

use std::time::Duration;

use machine::{Context, Incarnation, Input, Machine, Never, NodeId};

use super::Message;

/// From the layer above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// An election is needed.
    Ask,
    /// It is over, or no longer needed.
    Done,
}

/// To the layer above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// This node may hold an election.
    MayElect {
        /// For how long from now, a little less than the directory thinks.
        lasts: Duration,
    },
    /// Its time is over, and another one may have been let.
    Lapsed,
}

/// Timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// Ask again.
    Ask,
    /// The grant is over.
    Lapse,
}

/// Asks the directory for leave to hold an election.
#[derive(Debug, Clone)]
pub struct Voter {
    directory: NodeId,
    incarnation: Incarnation,
    period: Duration,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Asking,
    MayElect,
}

type Cx<'a> = Context<'a, Voter>;

impl Voter {
    /// This life of a node, which must announce itself to this directory; it asks each `period`.
    pub fn new(directory: NodeId, incarnation: Incarnation, period: Duration) -> Self {
        Self { directory, incarnation, period, state: State::Idle }
    }

    fn ask(&mut self, cx: &mut Cx<'_>) {
        cx.send(self.directory, Message::MayElect { incarnation: self.incarnation });
        cx.set(Alarm::Ask, self.period);
    }

    fn over(&self, cx: &mut Cx<'_>) {
        cx.send(self.directory, Message::ElectionOver { incarnation: self.incarnation });
    }

    fn granted(&mut self, lasts: Duration, cx: &mut Cx<'_>) {
        match self.state {
            State::Asking => {
                self.state = State::MayElect;
                cx.clear(Alarm::Ask);
                cx.set(Alarm::Lapse, lasts);
                cx.report(Report::MayElect { lasts });
            }
            // The answer to a question that was overtaken by its end.
            State::Idle => self.over(cx),
            State::MayElect => {}
        }
    }

    fn done(&mut self, cx: &mut Cx<'_>) {
        if self.state != State::Idle {
            self.state = State::Idle;
            cx.clear(Alarm::Ask);
            cx.clear(Alarm::Lapse);
            self.over(cx);
        }
    }
}

impl Machine for Voter {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Never;
    type Snapshot = Never;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Command(Command::Ask) if self.state == State::Idle => {
                self.state = State::Asking;
                self.ask(cx);
            }
            Input::Command(Command::Done) => self.done(cx),
            Input::Alarm(Alarm::Ask) if self.state == State::Asking => self.ask(cx),
            Input::Opened(node) if node == self.directory && self.state == State::Asking => {
                self.ask(cx);
            }
            Input::Alarm(Alarm::Lapse) if self.state == State::MayElect => {
                self.state = State::Idle;
                cx.report(Report::Lapsed);
            }
            Input::Message { from, body: Message::Elect { incarnation, lasts } }
                if from == self.directory && incarnation == self.incarnation =>
            {
                self.granted(lasts, cx);
            }
            Input::Restore { snapshot, .. } => match snapshot {},
            Input::Replay { record, .. } => match record {},
            Input::Start
            | Input::Command(_)
            | Input::Message { .. }
            | Input::Alarm(_)
            | Input::Claimed(_)
            | Input::Refused(_)
            | Input::Opened(_)
            | Input::Closed(_) => {}
        }
    }
}
