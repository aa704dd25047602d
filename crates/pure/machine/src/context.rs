//! What a machine is handed beside its input, and how machines stack.

use std::time::Duration;

use crate::{
    After, Destination, Effect, Epoch, Input, Instant, Journal, Machine, Mark, Marks, NodeId,
    Random,
};

/// Time, chance, and the list that a machine leaves its effects in.
pub struct Context<'a, M: Machine> {
    /// The time of this input, since the run began.
    pub now: Instant,
    /// The node's source of chance.
    pub random: &'a mut Random,
    effects: Effects<'a, M>,
    /// Where rare paths are counted; nowhere but in a simulator.
    marks: Option<&'a mut Marks>,
}

/// Where effects go.
enum Effects<'a, M: Machine> {
    /// Into a list.
    Listed(&'a mut Vec<Effect<M>>),
    /// To the machine that holds this one, one by one: a list for each inner machine and input would
    /// cost more than most inputs do.
    Passed(&'a mut dyn FnMut(Effect<M>)),
}

impl<M: Machine> Effects<'_, M> {
    fn push(&mut self, effect: Effect<M>) {
        match self {
            Self::Listed(effects) => effects.push(effect),
            Self::Passed(pass) => pass(effect),
        }
    }
}

impl<'a, M: Machine> Context<'a, M> {
    /// A context whose effects are appended to `effects`.
    pub fn new(now: Instant, random: &'a mut Random, effects: &'a mut Vec<Effect<M>>) -> Self {
        Self { now, random, effects: Effects::Listed(effects), marks: None }
    }

    /// The same context, which counts rare paths.
    #[must_use]
    pub fn marking(self, marks: &'a mut Marks) -> Self {
        Self { marks: Some(marks), ..self }
    }

    /// Marks that a rare path is taken here. Nothing comes of it, but that a simulator counts it.
    pub fn mark(&mut self, mark: Mark) {
        if let Some(marks) = &mut self.marks {
            marks.hit(mark);
        }
    }

    /// A context of this moment for another machine, whose effects are put into a list.
    pub fn listed<'b, N: Machine>(&'b mut self, effects: &'b mut Vec<Effect<N>>) -> Context<'b, N> {
        let marks = self.marks.as_deref_mut();
        Context { now: self.now, random: self.random, effects: Effects::Listed(effects), marks }
    }

    /// Appends a record to a journal.
    pub fn persist(&mut self, journal: Journal, record: M::Record) {
        self.effects.push(Effect::Persist { journal, record });
    }

    /// Replaces all that stands in a journal.
    pub fn snapshot(&mut self, journal: Journal, snapshot: M::Snapshot) {
        self.effects.push(Effect::Snapshot { journal, snapshot });
    }

    /// Claims the common journal for `epoch`.
    pub fn claim(&mut self, epoch: Epoch) {
        self.effects.push(Effect::Claim(epoch));
    }

    /// Sends to one node.
    pub fn send(&mut self, to: NodeId, body: M::Message) {
        self.send_after(After::All, Destination::One(to), body);
    }

    /// Sends to several nodes; no effect if there are none.
    pub fn send_many(&mut self, to: Vec<NodeId>, body: M::Message) {
        self.send_after(After::All, Destination::Many(to), body);
    }

    /// Sends a heartbeat: it overtakes what waits for a journal.
    pub fn send_urgent(&mut self, to: Vec<NodeId>, body: M::Message) {
        self.send_after(After::Nothing, Destination::Many(to), body);
    }

    /// Sends behind these writes; no effect if there is nobody to send to.
    pub fn send_after(&mut self, after: After, to: Destination, body: M::Message) {
        if !to.nodes().is_empty() {
            self.effects.push(Effect::Send { to, body, after });
        }
    }

    /// Sets a timer to go off after `delay`, in place of its old deadline.
    pub fn set(&mut self, alarm: M::Alarm, delay: Duration) {
        self.effects.push(Effect::Set { alarm, at: self.now + delay });
    }

    /// Clears a timer.
    pub fn clear(&mut self, alarm: M::Alarm) {
        self.effects.push(Effect::Clear(alarm));
    }

    /// Tells the layer above.
    pub fn report(&mut self, report: M::Report) {
        self.report_after(After::All, report);
    }

    /// Tells the layer above behind these writes.
    pub fn report_after(&mut self, after: After, report: M::Report) {
        self.effects.push(Effect::Report { report, after });
    }

    /// Lets a machine that this one holds handle an input. Its effects become effects of this
    /// machine, in order; its reports come back, for this machine to act on.
    pub fn run<N: Machine>(&mut self, child: &mut N, input: Input<N>) -> Vec<N::Report>
    where
        M: Holds<N>,
    {
        self.run_after(After::All, child, input)
    }

    /// The same for a machine that has nothing to do with some of the writes: what it sends waits
    /// for these at most.
    pub fn run_after<N: Machine>(
        &mut self,
        most: After,
        child: &mut N,
        input: Input<N>,
    ) -> Vec<N::Report>
    where
        M: Holds<N>,
    {
        let mut reports = Vec::new();
        let effects = &mut self.effects;
        let mut pass = |effect| pass_on(effect, most, effects, |_, report, _| reports.push(report));
        let (now, random, effects) = (self.now, &mut *self.random, Effects::Passed(&mut pass));
        let marks = self.marks.as_deref_mut();
        child.handle(input, &mut Context { now, random, effects, marks });
        reports
    }

    /// Lets a machine that this one stands for handle an input: its reports are this one's.
    pub fn relay<N: Machine<Report = M::Report>>(&mut self, child: &mut N, input: Input<N>)
    where
        M: Holds<N>,
    {
        let effects = &mut self.effects;
        let mut pass = |effect| {
            pass_on(effect, After::All, effects, |effects, report, after| {
                effects.push(Effect::Report { report, after });
            });
        };
        let (now, random, effects) = (self.now, &mut *self.random, Effects::Passed(&mut pass));
        let marks = self.marks.as_deref_mut();
        child.handle(input, &mut Context { now, random, effects, marks });
    }
}

/// Leaves an inner machine's effect as the outer one's, or does something with its report. Each kind
/// goes its own way at once: effects are large, and most of what a busy node does is to move them.
fn pass_on<'a, M, N>(
    effect: Effect<N>,
    most: After,
    effects: &mut Effects<'a, M>,
    report_to: impl FnOnce(&mut Effects<'a, M>, N::Report, After),
) where
    M: Holds<N>,
    N: Machine,
{
    match effect {
        Effect::Persist { journal, record } => {
            effects.push(Effect::Persist { journal, record: M::record(record) });
        }
        Effect::Snapshot { journal, snapshot } => {
            effects.push(Effect::Snapshot { journal, snapshot: M::snapshot(snapshot) });
        }
        Effect::Claim(epoch) => effects.push(Effect::Claim(epoch)),
        Effect::Send { to, body, after } => {
            effects.push(Effect::Send { to, body: M::message(body), after: after.min(most) });
        }
        Effect::Set { alarm, at } => effects.push(Effect::Set { alarm: M::alarm(alarm), at }),
        Effect::Clear(alarm) => effects.push(Effect::Clear(M::alarm(alarm))),
        Effect::Report { report, after } => report_to(effects, report, after.min(most)),
    }
}

/// That a machine holds another one: how the inner one's values travel inside the outer one's.
pub trait Holds<N: Machine>: Machine {
    /// Wraps a message.
    fn message(inner: N::Message) -> Self::Message;
    /// Wraps a record.
    fn record(inner: N::Record) -> Self::Record;
    /// Wraps a snapshot.
    fn snapshot(inner: N::Snapshot) -> Self::Snapshot;
    /// Wraps an alarm.
    fn alarm(inner: N::Alarm) -> Self::Alarm;
}

/// That one machine [`Holds`] others: of each, how its messages, records, snapshots and alarms are
/// wrapped. [`identity`](std::convert::identity) leaves a value as it is, [`Never::into_any`](crate::Never::into_any) stands
/// where there is none.
///
/// ```
/// use machine::{Context, Input, Machine, Never, holds};
///
/// struct Clock;
/// impl Machine for Clock {
///     type Message = Never;
///     type Command = ();
///     type Report = ();
///     type Record = Never;
///     type Snapshot = Never;
///     type Alarm = ();
///     fn handle(&mut self, _: Input<Self>, _: &mut Context<'_, Self>) {}
/// }
/// struct Tower(Clock);
/// #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
/// enum Bell {
///     Rings,
/// }
/// impl Machine for Tower {
///     type Message = String;
///     type Command = ();
///     type Report = ();
///     type Record = Never;
///     type Snapshot = Never;
///     type Alarm = Bell;
///     fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
///         if let Input::Alarm(Bell::Rings) = input {
///             cx.relay(&mut self.0, Input::Alarm(()));
///         }
///     }
/// }
/// holds! {
///     Tower: Clock {
///         message: Never::into_any,
///         record: Never::into_any,
///         snapshot: Never::into_any,
///         alarm: |()| Bell::Rings,
///     }
/// }
/// ```
#[macro_export]
macro_rules! holds {
    ($($outer:ty: $inner:ty {
        message: $message:expr,
        record: $record:expr,
        snapshot: $snapshot:expr,
        alarm: $alarm:expr $(,)?
    })*) => {
        $(impl $crate::Holds<$inner> for $outer {
            fn message(
                inner: <$inner as $crate::Machine>::Message,
            ) -> <$outer as $crate::Machine>::Message {
                ($message)(inner)
            }
            fn record(
                inner: <$inner as $crate::Machine>::Record,
            ) -> <$outer as $crate::Machine>::Record {
                ($record)(inner)
            }
            fn snapshot(
                inner: <$inner as $crate::Machine>::Snapshot,
            ) -> <$outer as $crate::Machine>::Snapshot {
                ($snapshot)(inner)
            }
            fn alarm(
                inner: <$inner as $crate::Machine>::Alarm,
            ) -> <$outer as $crate::Machine>::Alarm {
                ($alarm)(inner)
            }
        })*
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Never;

    const RARE: Mark = Mark("an inner machine was asked");

    struct Inner;
    impl Machine for Inner {
        type Message = u8;
        type Command = ();
        type Report = &'static str;
        type Record = u8;
        type Snapshot = Never;
        type Alarm = ();
        fn handle(&mut self, _: Input<Self>, cx: &mut Context<'_, Self>) {
            cx.mark(RARE);
            cx.persist(Journal::Own, 1);
            cx.report("between");
            cx.send(NodeId(2), 3);
            cx.set((), Duration::from_millis(5));
        }
    }

    struct Outer;
    impl Machine for Outer {
        type Message = (char, u8);
        type Command = ();
        type Report = Never;
        type Record = (char, u8);
        type Snapshot = Never;
        type Alarm = char;
        fn handle(&mut self, _: Input<Self>, cx: &mut Context<'_, Self>) {
            assert_eq!(cx.run(&mut Inner, Input::Command(())), ["between"]);
            cx.run_after(After::Own, &mut Inner, Input::Command(()));
        }
    }
    impl Holds<Inner> for Outer {
        fn message(inner: u8) -> (char, u8) {
            ('m', inner)
        }
        fn record(inner: u8) -> (char, u8) {
            ('r', inner)
        }
        fn snapshot(inner: Never) -> Never {
            inner
        }
        fn alarm((): ()) -> char {
            'a'
        }
    }

    #[test]
    fn effects_of_an_inner_machine_pass_in_order_and_its_reports_come_back() {
        let (mut random, mut effects) = (Random::from_seed(0), Vec::new());
        let now = Instant::from_nanos(7);
        let mut marks = Marks::default();
        let mut cx = Context::new(now, &mut random, &mut effects).marking(&mut marks);
        Outer.handle(Input::Start, &mut cx);
        assert_eq!(marks.count(RARE), 2, "marks pass from inner machines, too");
        let seen: Vec<String> = effects.iter().map(|effect| format!("{effect:?}")).collect();
        let once = ["Persist(Own, ('r', 1))", "Send([2], ('m', 3))", "Set('a', 0.005)"];
        assert_eq!(seen[..3], once);
        assert_eq!(seen[3..], [once[0], "Send([2], ('m', 3), after own)", once[2]]);
    }
}
