//! A node that has no id yet.

use std::time::Duration;

use machine::{Context, Input, Machine, Never, NodeId, Random};

use super::Message;

/// Provisional ids begin here. No node has one of them for longer than it takes to get a real one.
pub const PROVISIONAL_MIN: NodeId = NodeId(0xF000_0000);

/// A provisional id: hosts need one to address a node before the directory gave it its own. Of two
/// nodes that ask at once, both draw the same in one case of 268 million.
///
/// ```
/// use groupcast::membership::newcomer::{PROVISIONAL_MIN, provisional};
/// use machine::Random;
///
/// assert!(provisional(&mut Random::from_seed(1)) >= PROVISIONAL_MIN);
/// ```
pub fn provisional(random: &mut Random) -> NodeId {
    let id = random.between(u64::from(PROVISIONAL_MIN.0), u64::from(u32::MAX));
    NodeId(id as u32)
}

/// Asks the directory for an id until it has one. The process then starts its machine under that id
/// and drops this one.
#[derive(Debug, Clone)]
pub struct Newcomer {
    directory: NodeId,
    period: Duration,
    /// Drawn at the start; none before it, and after the answer.
    token: Option<u64>,
}

/// Timer: ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ask;

/// To the layer above: this is the node's id from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given(pub NodeId);

impl Newcomer {
    /// A node that asks this directory, again each `period`.
    pub fn new(directory: NodeId, period: Duration) -> Self {
        Self { directory, period, token: None }
    }

    fn ask(&self, cx: &mut Context<'_, Self>) {
        if let Some(token) = self.token {
            cx.send(self.directory, Message::AskId { token });
            cx.set(Ask, self.period);
        }
    }
}

impl Machine for Newcomer {
    type Message = Message;
    type Command = Never;
    type Report = Given;
    type Record = Never;
    type Snapshot = Never;
    type Alarm = Ask;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Start => {
                self.token = Some(cx.random.next_u64());
                self.ask(cx);
            }
            Input::Alarm(Ask) => self.ask(cx),
            Input::Opened(node) if node == self.directory => self.ask(cx),
            Input::Message { from, body: Message::Id { token, id } }
                if from == self.directory && self.token == Some(token) =>
            {
                self.token = None;
                cx.clear(Ask);
                cx.report(Given(id));
            }
            Input::Restore { snapshot, .. } => match snapshot {},
            Input::Replay { record, .. } => match record {},
            Input::Command(command) => match command {},
            Input::Message { .. }
            | Input::Claimed(_)
            | Input::Refused(_)
            | Input::Opened(_)
            | Input::Closed(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use machine::{Effect, Instant};

    use super::*;

    #[test]
    fn it_asks_until_it_is_answered_and_takes_only_its_own_answer() {
        let mut newcomer = Newcomer::new(NodeId(0), Duration::from_secs(1));
        let mut random = Random::from_seed(0);
        let mut step = |newcomer: &mut Newcomer, input| {
            let mut effects = Vec::new();
            newcomer.handle(input, &mut Context::new(Instant::ZERO, &mut random, &mut effects));
            effects.iter().map(|effect: &Effect<Newcomer>| format!("{effect:?}")).collect()
        };
        let id = |from, token| Input::Message {
            from: NodeId(from),
            body: Message::Id { token, id: NodeId(7) },
        };
        let silent: Vec<String> = step(&mut newcomer, Input::Opened(NodeId(0)));
        assert!(silent.is_empty(), "not before the start");
        let asked = step(&mut newcomer, Input::Start);
        let token = newcomer.token.unwrap();
        let expected = [format!("Send([0], AskId {{ token: {token} }})"), "Set(Ask, 1.000)".into()];
        assert_eq!(asked, expected);
        assert_eq!(step(&mut newcomer, Input::Alarm(Ask)), expected);
        assert_eq!(step(&mut newcomer, Input::Opened(NodeId(0))), expected);
        assert!(step(&mut newcomer, id(0, token ^ 1)).is_empty(), "another one's");
        assert!(step(&mut newcomer, id(3, token)).is_empty(), "no directory");
        assert_eq!(step(&mut newcomer, id(0, token)), ["Clear(Ask)", "Report(Given(NodeId(7)))"]);
        assert!(step(&mut newcomer, id(0, token)).is_empty(), "once");
        assert!(step(&mut newcomer, Input::Alarm(Ask)).is_empty());
    }
}
