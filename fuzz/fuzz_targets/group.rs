//! Arbitrary bytes as the messages of other members: nothing panics, and what is read is what would
//! be written.

#![no_main]

use std::collections::BTreeSet;
use std::time::Duration;

use groupcast::group::{Alarm, Command, Group, Message, Order, Settings};
use libfuzzer_sys::fuzz_target;
use machine::{Context, Effect, Incarnation, Input, Instant, Machine, NodeId, Random};

fuzz_target!(|data: &[u8]| {
    let Some((&[order, ticks, ..], rest)) = data.split_first_chunk::<2>() else { return };
    let mut member = Member::new(Order::ALL[usize::from(order) % 4]);
    for message in rest.split(|&byte| byte == 0xA5) {
        let Some((&from, bytes)) = message.split_first() else { continue };
        let Ok(body) = wire::from_bytes::<Message>(bytes) else { continue };
        let again = wire::to_bytes(&body).expect("what fitted once fits again");
        assert_eq!(wire::from_bytes::<Message>(&again).as_ref(), Ok(&body));
        member.now = member.now + Duration::from_millis(u64::from(ticks));
        member.input(Input::Message { from: NodeId(u32::from(from) % 4), body });
    }
});

/// A member of a group with one other.
struct Member {
    group: Group,
    random: Random,
    now: Instant,
}

impl Member {
    fn new(order: Order) -> Self {
        let settings = Settings::new(NodeId(1), Incarnation(1), "a");
        let group = Group::new(Settings { order, transfers_state: false, ..settings });
        let mut member = Self { group, random: Random::from_seed(1), now: Instant::ZERO };
        member.input(Input::Opened(NodeId(2)));
        member.input(Input::Command(Command::Join(BTreeSet::from([NodeId(2)]))));
        member
    }

    fn input(&mut self, input: Input<Group>) {
        let mut effects = Vec::new();
        self.group.handle(input, &mut Context::new(self.now, &mut self.random, &mut effects));
        for alarm in [Alarm::Flush, Alarm::Repair, Alarm::Beat, Alarm::Candidate] {
            if effects
                .iter()
                .any(|effect| matches!(effect, Effect::Set { alarm: set, .. } if *set == alarm))
            {
                let mut cx = Context::new(self.now, &mut self.random, &mut effects);
                self.group.handle(Input::Alarm(alarm), &mut cx);
            }
        }
        assert_eq!(self.group.check(), Ok(()));
    }
}
