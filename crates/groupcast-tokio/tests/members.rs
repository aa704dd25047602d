//! Members in one process, over real sockets: sends, state, leaving, slow applications.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use std::time::Duration;

use groupcast_tokio::{
    Contact, Delivery, Ended, Event, Group, MESSAGE_BYTES_MAX, Options, Order, SendError,
    StartError, Transport,
};
use tokio::task::JoinSet;

/// Far longer than anything here takes: what hangs fails instead.
const PATIENCE: Duration = Duration::from_secs(120);

async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it never came")
}

/// An application whose state is all messages so far.
struct Log {
    group: Group,
    lines: Vec<String>,
    members: usize,
}

impl Log {
    fn new(group: Group) -> Self {
        Self { group, lines: Vec::new(), members: 0 }
    }

    async fn step(&mut self) -> Result<(), Ended> {
        match self.group.next().await? {
            Event::State(state) => {
                let text = String::from_utf8(state.to_vec()).unwrap();
                self.lines = text.lines().map(str::to_owned).collect();
            }
            Event::View(view) => self.members = view.members.len(),
            Event::Delivered { message, .. } => {
                self.lines.push(String::from_utf8(message.to_vec()).unwrap());
            }
            Event::StateWanted(question) => question.answer(self.lines.join("\n")).unwrap(),
            Event::Removed { unknown } => panic!("removed with {unknown:?}"),
        }
        Ok(())
    }

    async fn until(mut self, done: impl Fn(&Self) -> bool) -> Self {
        while !done(&self) {
            self.step().await.unwrap();
        }
        self
    }
}

/// Founds a group and lets others join one after the other, all of them working meanwhile.
async fn group_of(options: &Options, members: usize) -> Vec<Log> {
    let mut logs = vec![Log::new(Group::found(options.clone()).await.unwrap())];
    let contact = logs[0].group.contact();
    while logs.len() < members {
        let joining = tokio::spawn(Group::join(options.clone(), vec![contact.clone()]));
        let size = logs.len() + 1;
        let mut tasks = JoinSet::new();
        for (place, log) in logs.drain(..).enumerate() {
            tasks.spawn(async move { (place, log.until(|log| log.members == size).await) });
        }
        // The first one goes on until it has given its state.
        let mut placed: Vec<_> = tasks.join_all().await;
        placed.sort_by_key(|(place, _)| *place);
        logs = placed.into_iter().map(|(_, log)| log).collect();
        if options.transfers_state {
            logs[0].step().await.unwrap();
        }
        logs.push(Log::new(joining.await.unwrap().unwrap()).until(|log| log.members == size).await);
    }
    logs
}

#[tokio::test]
async fn all_members_deliver_all_messages_in_one_order_under_load() {
    for (order, transport) in [(Order::Sequencer, Transport::Tcp), (Order::Lamport, Transport::Udp)]
    {
        let options = Options { order, transport, ..Options::new("load") };
        let logs = within(group_of(&options, 3)).await;
        let (mut tasks, mut senders) = (JoinSet::new(), JoinSet::new());
        for (place, log) in logs.into_iter().enumerate() {
            let sender = log.group.sender();
            senders.spawn(async move {
                for number in 0..5_000 {
                    sender.send(format!("{place} {number}")).await.unwrap();
                }
            });
            tasks.spawn(log.until(|log| log.lines.len() == 15_000));
        }
        let logs = within(tasks.join_all()).await;
        within(senders.join_all()).await;
        assert!(logs.iter().all(|log| log.lines == logs[0].lines), "{order}");
        for place in 0..3 {
            let of_one =
                logs[0].lines.iter().filter_map(|line| line.strip_prefix(&format!("{place} ")));
            assert!(of_one.map(|number| number.parse::<u32>().unwrap()).eq(0..5_000), "{order}");
        }
    }
}

#[tokio::test]
async fn a_state_is_that_of_the_view_to_the_message() {
    let options = Options::new("state");
    let mut logs = within(group_of(&options, 2)).await;
    let contact = logs[0].group.contact();
    let sender = logs[0].group.sender();
    // Messages stream while the third one joins.
    let stream = tokio::spawn(async move {
        for number in 0..20_000 {
            sender.send(number.to_string()).await.unwrap();
        }
    });
    let mut tasks = JoinSet::new();
    for log in logs.drain(..) {
        tasks.spawn(log.until(|log| log.lines.len() == 20_000 && log.members == 3));
    }
    let third = Log::new(within(Group::join(options, vec![contact])).await.unwrap());
    tasks.spawn(third.until(|log| log.lines.len() == 20_000));
    for log in within(tasks.join_all()).await {
        assert!(log.lines.iter().map(|line| line.parse::<u32>().unwrap()).eq(0..20_000));
    }
    stream.await.unwrap();
}

#[tokio::test]
async fn a_member_that_is_dropped_is_excluded_and_one_that_leaves_is_heard_out() {
    let options = Options { delivery: Delivery::Agreed, ..Options::new("leave") };
    let mut logs = within(group_of(&options, 3)).await;
    drop(logs.remove(0));
    let mut tasks = JoinSet::new();
    for log in logs.drain(..) {
        tasks.spawn(log.until(|log| log.members == 2));
    }
    let mut logs = within(tasks.join_all()).await;
    let leaver = logs.pop().unwrap().group;
    let sender = leaver.sender();
    for number in 0..100 {
        sender.send(number.to_string()).await.unwrap();
    }
    let last = tokio::spawn(logs.pop().unwrap().until(|log| log.members == 1));
    within(leaver.leave()).await.unwrap();
    let error = sender.send("late").await.unwrap_err();
    assert!(matches!(error, SendError::Ended { why: Ended::Left, .. }), "{error}");
    let last = within(last).await.unwrap();
    assert_eq!(last.lines.len(), 100, "all before the view without it");
}

#[tokio::test]
async fn an_application_that_takes_no_events_brakes_its_own_sends_and_is_ended_in_the_end() {
    let options = Options { backlog_bytes: 1 << 20, ..Options::new("slow") };
    let mut logs = within(group_of(&options, 2)).await;
    let (mut slow, busy) = (logs.pop().unwrap(), logs.pop().unwrap());
    let sender = busy.group.sender();
    let flood = tokio::spawn(async move { while sender.send(vec![7; 10_000]).await.is_ok() {} });
    let reader = tokio::spawn(async move {
        let mut group = busy.group;
        while group.next().await.is_ok() {}
    });
    // It takes nothing until it has been ended; what waited for it is still there.
    within(slow.group.sender().send("x")).await.unwrap();
    let ended = within(async {
        loop {
            let probe = slow.group.sender().send("x").await;
            if let Err(SendError::Ended { why, .. }) = probe {
                break why;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(matches!(ended, Ended::Slow { limit_bytes: 1_048_576, .. }), "{ended}");
    let mut events = 0;
    while slow.step().await.is_ok() {
        events += 1;
    }
    assert!(events > 100, "{events}");
    flood.abort();
    reader.abort();
}

#[tokio::test]
async fn what_cannot_work_is_refused_with_reasons() {
    let limit = Duration::from_millis(100);
    let options = Options { join_limit: limit, ..Options::new("refused") };
    let none = Group::join(options.clone(), Vec::new()).await.unwrap_err();
    assert!(matches!(none, StartError::NoContacts));
    let nowhere: Contact = "1@127.0.0.1:9".parse().unwrap();
    let error = Group::join(options.clone(), vec![nowhere]).await.unwrap_err();
    assert!(
        error.to_string().contains("1@127.0.0.1:9") && error.to_string().contains("100ms"),
        "{error}"
    );
    let any = Options { listen: "0.0.0.0:0".parse().unwrap(), ..options.clone() };
    assert!(matches!(Group::found(any).await, Err(StartError::Unspecified(_))));

    let group = Group::found(options.clone()).await.unwrap();
    let taken = Options { listen: group.contact().address.parse().unwrap(), ..options.clone() };
    let error = Group::found(taken).await.unwrap_err();
    assert!(error.to_string().contains("cannot listen on"), "{error}");
    let error = group.send(vec![0; MESSAGE_BYTES_MAX + 1]).await.unwrap_err();
    assert!(matches!(error, SendError::TooLarge(_)), "{error}");
    // Another order is another group.
    let other = Options { order: Order::Fifo, ..options };
    let error = Group::join(other, vec![group.contact()]).await.unwrap_err();
    assert!(matches!(error, StartError::NoAnswer { .. }), "{error}");
}
