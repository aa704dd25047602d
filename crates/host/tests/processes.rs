//! Real processes: this test program starts itself again as a node, and as a parent of nodes.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Running, Wiring, settings, start};
use host::Transport::Tcp;
use host::children::{ChildError, Children};
use host::{HostError, Node};
use machine::NodeId;
use rustix::process::{Pid, Signal, kill_process};

/// Says what a started process of this program is to be.
const ROLE: &str = "HOST_TEST_ROLE";
/// The address of node 1.
const KNOWN: &str = "HOST_TEST_KNOWN";

/// A command that runs [`role`] in a process of its own.
fn command(role: &str, known: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "role", "--nocapture"]).env(ROLE, role).env(KNOWN, known);
    command.stdout(Stdio::piped());
    command
}

/// Not a test of its own: what the processes that the others start do.
#[test]
fn role() {
    let (Ok(role), Ok(known)) = (std::env::var(ROLE), std::env::var(KNOWN)) else { return };
    match role.as_str() {
        "node" => {
            use std::os::fd::AsFd;
            let mut settings = settings(2, Tcp);
            settings.known = vec![(NodeId(1), known)];
            settings.lines = Some(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
            settings.parent = Some(std::os::unix::process::parent_id());
            let (reports, _unread) = std::sync::mpsc::channel();
            let node = Node::bind(settings).unwrap();
            node.run(common::Puppet::default(), &mut Wiring { reports }).unwrap();
        }
        "parent" => {
            let folder = tempfile::tempdir().unwrap();
            let mut children = Children::default();
            children.spawn("node", command("node", &known), &folder.path().join("errors")).unwrap();
            for line in std::io::stdin().lines() {
                assert_eq!(line.unwrap(), "pause");
                children.pause("node").unwrap();
                println!("paused");
            }
        }
        "interrupt" => {
            let interrupt = host::Interrupt::listen().unwrap();
            assert!(!interrupt.is_set());
            println!("listening");
            while !interrupt.is_set() {
                std::thread::yield_now();
            }
            println!("interrupted");
            loop {
                std::thread::park();
            }
        }
        role => panic!("no such role: {role}"),
    }
}

struct Started {
    children: Children,
    folder: tempfile::TempDir,
}

impl Started {
    fn new() -> Self {
        Self { children: Children::default(), folder: tempfile::tempdir().unwrap() }
    }

    fn spawn(&mut self, name: &str, command: Command) -> u32 {
        let errors = self.folder.path().join("errors");
        self.children.spawn(name, command, &errors).unwrap()
    }
}

/// Waits until the link to node 2 is up on both sides.
fn wait_for_two(one: &Running) {
    one.expect(["opened 2"]);
    one.tell("send 2 @send 1 ready");
    one.expect(["2: ready"]);
}

fn is_alive(id: u32) -> bool {
    Path::new(&format!("/proc/{id}")).exists()
}

#[test]
fn a_killed_process_is_noticed_by_its_connection() {
    let one = start(settings(1, Tcp));
    let mut started = Started::new();
    started.spawn("two", command("node", &one.address.to_string()));
    one.expect(["start []"]);
    wait_for_two(&one);
    started.children.send_line("two", "send 1 hello").unwrap();
    one.expect(["2: hello"]);
    started.children.kill("two").unwrap();
    one.expect(["closed 2"]);
    let ended = started.children.ended(None).unwrap();
    assert_eq!(ended.len(), 1);
    assert!(!ended[0].1.success());
    // The name is free again.
    started.spawn("two", command("node", &one.address.to_string()));
    wait_for_two(&one);
}

#[test]
fn a_paused_process_goes_on_where_it_was() {
    let one = start(settings(1, Tcp));
    let mut started = Started::new();
    started.spawn("two", command("node", &one.address.to_string()));
    one.expect(["start []"]);
    wait_for_two(&one);
    started.children.pause("two").unwrap();
    started.children.send_line("two", "send 1 later").unwrap();
    started.children.resume("two").unwrap();
    one.expect(["2: later"]);
}

#[test]
fn a_node_ends_cleanly_when_asked_and_leaves_ctrl_c_to_its_parent() {
    let one = start(settings(1, Tcp));
    let mut started = Started::new();
    let id = started.spawn("two", command("node", &one.address.to_string()));
    one.expect(["start []"]);
    wait_for_two(&one);
    let process = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    kill_process(process, Signal::INT).unwrap();
    started.children.send_line("two", "send 1 alive").unwrap();
    one.expect(["2: alive"]);
    kill_process(process, Signal::TERM).unwrap();
    one.expect(["closed 2"]);
    let ended = started.children.ended(None).unwrap();
    assert!(ended[0].1.success(), "{ended:?}");
}

#[test]
fn a_paused_process_dies_with_its_parent() {
    let one = start(settings(1, Tcp));
    let mut started = Started::new();
    started.spawn("parent", command("parent", &one.address.to_string()));
    one.expect(["start []"]);
    wait_for_two(&one);
    let output = BufReader::new(started.children.take_output("parent").unwrap());
    started.children.send_line("parent", "pause").unwrap();
    // The test harness of that process writes lines of its own.
    assert!(output.lines().any(|line| line.unwrap() == "paused"));
    started.children.kill("parent").unwrap();
    one.expect(["closed 2"]);
}

#[test]
fn a_node_whose_parent_is_another_process_does_not_begin() {
    let mut settings = settings(1, Tcp);
    settings.parent = Some(std::process::id());
    assert!(matches!(Node::bind(settings), Err(HostError::Orphan { .. })));
}

#[test]
fn the_first_interrupt_is_told_and_the_second_ends_the_process() {
    let mut started = Started::new();
    let id = started.spawn("interrupt", command("interrupt", ""));
    let process = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    let output = BufReader::new(started.children.take_output("interrupt").unwrap());
    let mut lines = output.lines();
    assert!(lines.any(|line| line.unwrap() == "listening"));
    kill_process(process, Signal::INT).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "interrupted");
    kill_process(process, Signal::INT).unwrap();
    let ended = started.children.ended(None).unwrap();
    assert_eq!(ended[0].1.code(), Some(130));
}

#[test]
fn children_do_not_outlive_their_owner_even_in_a_panic() {
    let ids = std::sync::Mutex::new(Vec::new());
    let outcome = std::panic::catch_unwind(|| {
        let mut started = Started::new();
        for name in ["a", "b"] {
            ids.lock().unwrap().push(started.spawn(name, Command::new("cat")));
        }
        started.children.pause("b").unwrap();
        panic!("as planned");
    });
    assert!(outcome.is_err());
    let ids = ids.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    assert_eq!(ids.len(), 2);
    assert!(!ids.into_iter().any(is_alive));
}

#[test]
fn all_children_end_the_stubborn_ones_by_force() {
    let mut started = Started::new();
    started.spawn("willing", Command::new("cat"));
    started.spawn("paused", Command::new("cat"));
    started.children.pause("paused").unwrap();
    let mut stubborn = Command::new("sh");
    stubborn.args([
        "-c",
        "trap '' TERM; echo ready; while :; do read -r line || read -r x < /dev/zero; done",
    ]);
    stubborn.stdout(Stdio::piped());
    started.spawn("stubborn", stubborn);
    let mut line = String::new();
    let output = started.children.take_output("stubborn").unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();
    let mut ended = started.children.terminate_all(Duration::from_millis(200)).unwrap();
    ended.sort_by(|a, b| a.0.cmp(&b.0));
    let names: Vec<&str> = ended.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["paused", "stubborn", "willing"]);
}

#[test]
fn a_line_never_waits_for_a_child_that_does_not_read() {
    let mut started = Started::new();
    started.spawn("reader", Command::new("cat"));
    started.children.pause("reader").unwrap();
    let line = "x".repeat(4000);
    let refused = std::iter::repeat_with(|| started.children.send_line("reader", &line))
        .take(1000)
        .find_map(Result::err);
    assert!(matches!(refused, Some(ChildError::System { .. })), "{refused:?}");
    let long = started.children.send_line("reader", &"x".repeat(4096));
    assert!(matches!(long, Err(ChildError::LineTooLong { size_bytes: 4097, .. })));
    let again = started.children.spawn("reader", Command::new("cat"), Path::new("/dev/null"));
    assert!(matches!(again, Err(ChildError::Running(name)) if name == "reader"));
    let nobody = started.children.kill("nobody");
    assert!(matches!(nobody, Err(ChildError::NotRunning(name)) if name == "nobody"));
}
