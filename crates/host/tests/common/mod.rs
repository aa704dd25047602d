//! Nodes on threads of the test, each with a machine that does what lines tell it and reports what
//! it hears.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is a failed test")]

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use host::{Application, Control, Counts, HostError, Impairment, Node, NodeSettings, Transport};
use machine::{After, Context, Destination, Epoch, Input, Instant, Journal, Machine, NodeId};
use store::Durability;

/// Does what it is told in commands and reports all that it hears.
#[derive(Default)]
pub struct Puppet {
    heard: Vec<String>,
}

impl Machine for Puppet {
    type Message = String;
    type Command = String;
    type Report = String;
    type Record = String;
    type Snapshot = String;
    type Alarm = u64;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Restore { snapshot, .. } => self.heard.push(snapshot),
            Input::Replay { record, .. } => self.heard.push(record),
            Input::Start => cx.report(format!("start {:?}", std::mem::take(&mut self.heard))),
            Input::Claimed(epoch) => {
                cx.report(format!("claimed {epoch} {:?}", std::mem::take(&mut self.heard)));
            }
            Input::Refused(epoch) => cx.report(format!("refused {epoch}")),
            Input::Command(steps) => {
                for step in steps.split(';') {
                    do_step(step.trim(), cx);
                }
            }
            // What was asked for by a message is done here: `@` and the steps.
            Input::Message { from, body } => match body.strip_prefix('@') {
                Some(steps) => steps.split('|').for_each(|step| do_step(step, cx)),
                None => cx.report(format!("{from}: {}", shorten(&body))),
            },
            Input::Opened(node) => cx.report(format!("opened {node}")),
            Input::Closed(node) => cx.report(format!("closed {node}")),
            Input::Alarm(alarm) => cx.report(format!("alarm {alarm}")),
        }
    }
}

fn shorten(body: &str) -> String {
    if body.len() > 100 { format!("{} bytes", body.len()) } else { body.to_owned() }
}

fn do_step(step: &str, cx: &mut Context<'_, Puppet>) {
    let words: Vec<&str> = step.split(' ').collect();
    let journal = |name: &str| if name == "own" { Journal::Own } else { Journal::Common };
    let node = |text: &str| NodeId(text.parse().unwrap());
    match words[..] {
        ["send", to, "bytes", count] => cx.send(node(to), "x".repeat(count.parse().unwrap())),
        ["send", to, ref body @ ..] => cx.send(node(to), body.join(" ")),
        ["flood", to, count] => {
            for _ in 0..count.parse().unwrap() {
                cx.send(node(to), "y".to_owned());
            }
        }
        ["many", to, body] => cx.send_many(to.split(',').map(node).collect(), body.to_owned()),
        ["urgent", to, body] => cx.send_urgent(vec![node(to)], body.to_owned()),
        ["own", to, body] => {
            cx.send_after(After::Own, Destination::One(node(to)), body.to_owned());
        }
        ["persist", name, record] => cx.persist(journal(name), record.to_owned()),
        ["snapshot", name, snapshot] => cx.snapshot(journal(name), snapshot.to_owned()),
        ["claim", counter, by] => {
            cx.claim(Epoch { counter: counter.parse().unwrap(), node: node(by) });
        }
        ["alarm", name] => cx.set(name.parse().unwrap(), Duration::ZERO),
        ["report", text] => cx.report(text.to_owned()),
        _ => panic!("no such step: {step}"),
    }
}

/// Passes lines on as commands, except those for the host, and reports to a channel.
pub struct Wiring {
    pub reports: Sender<String>,
}

impl Application for Wiring {
    type Machine = Puppet;

    fn report(&mut self, _: Instant, report: String, _: &mut Control) {
        // The test may have ended already.
        let _ = self.reports.send(report);
    }

    fn line(&mut self, line: &str, control: &mut Control) -> Option<String> {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["connect", node, address] => {
                control.connect(NodeId(node.parse().unwrap()), address).unwrap();
                None
            }
            ["forget", node] => {
                control.forget(NodeId(node.parse().unwrap()));
                None
            }
            ["cut", ref nodes @ ..] => {
                let cut = nodes.iter().map(|node| NodeId(node.parse().unwrap())).collect();
                control.impair(Impairment { cut, ..Impairment::default() });
                None
            }
            ["late", node, millis] => {
                let delay = Duration::from_millis(millis.parse().unwrap());
                let delay = [(NodeId(node.parse().unwrap()), delay)].into();
                control.impair(Impairment { delay, ..Impairment::default() });
                None
            }
            ["lossy"] => {
                control.impair(Impairment { loss: 1.0, ..Impairment::default() });
                None
            }
            ["sound"] => {
                control.impair(Impairment::default());
                None
            }
            ["counts"] => {
                let _ = self.reports.send(format!("{:?}", control.counts()));
                None
            }
            ["stop"] => {
                control.stop();
                None
            }
            _ => Some(line.to_owned()),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// How long a test waits for what must come, so that a failure is not a test that hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A node on a thread.
pub struct Running {
    pub address: SocketAddr,
    pub reports: Receiver<String>,
    lines: Option<UnixStream>,
    thread: Option<JoinHandle<Result<Counts, HostError>>>,
}

/// Settings of a node that knows nobody and keeps nothing.
pub fn settings(node: u32, transport: Transport) -> NodeSettings {
    NodeSettings {
        node: NodeId(node),
        cluster: 42,
        origin_ns: 0,
        seed: 1,
        transport,
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        own_journal: None,
        common_journal: None,
        durability: Durability::Disk,
        polls_for: host::POLLS_FOR,
        known: Vec::new(),
        lines: None,
        parent: None,
    }
}

/// The folders of a node's journals below `folder`.
pub fn with_journals(mut settings: NodeSettings, folder: &Path) -> NodeSettings {
    settings.own_journal = Some(folder.join(format!("own-{}", settings.node)));
    let form = store::Form::Files;
    settings.common_journal = Some(host::CommonJournal { folder: common(folder), form });
    settings
}

pub fn common(folder: &Path) -> PathBuf {
    let common = folder.join("common");
    std::fs::create_dir_all(&common).unwrap();
    common
}

pub fn start(mut settings: NodeSettings) -> Running {
    let (lines, source) = UnixStream::pair().unwrap();
    settings.lines = Some(source.into());
    let (sender, reports) = channel();
    let node = Node::bind(settings).unwrap();
    let address = node.address();
    let run = move || node.run(Puppet::default(), &mut Wiring { reports: sender });
    let thread = Some(std::thread::spawn(run));
    Running { address, reports, lines: Some(lines), thread }
}

impl Running {
    /// Gives the node a line.
    pub fn tell(&self, line: &str) {
        writeln!(self.lines.as_ref().unwrap(), "{line}").unwrap();
    }

    /// The next report.
    pub fn next(&self) -> String {
        self.reports.recv_timeout(PATIENCE).expect("a report")
    }

    /// Asserts what the next reports are.
    pub fn expect<const N: usize>(&self, reports: [&str; N]) {
        for report in reports {
            assert_eq!(self.next(), report);
        }
    }

    /// Takes reports until this one has come.
    pub fn wait_for(&self, report: &str) {
        while self.next() != report {}
    }

    /// Ends the node's lines and waits for its end.
    pub fn stop(mut self) -> Result<Counts, HostError> {
        self.lines.take();
        self.thread.take().unwrap().join().unwrap()
    }

    /// Waits for the node to end by itself.
    pub fn join(mut self) -> Result<Counts, HostError> {
        let outcome = self.thread.take().unwrap().join().unwrap();
        self.lines.take();
        outcome
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.lines.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Two nodes with a link between them: node 1 and node 2, which dialed.
pub fn pair(transport: Transport) -> (Running, Running) {
    let one = start(settings(1, transport));
    one.expect(["start []"]);
    let two = start(settings(2, transport));
    two.expect(["start []"]);
    two.tell(&format!("connect 1 {}", one.address));
    two.expect(["opened 1"]);
    one.expect(["opened 2"]);
    (one, two)
}
