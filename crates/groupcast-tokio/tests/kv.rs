//! The example `kv` as three real processes: one is killed, misses some, comes back and has it all.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// What hangs fails after this time instead.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where cargo puts examples when it builds the tests of a package.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("examples").join("kv");
    assert!(
        program.is_file(),
        "{} is not built; run all tests of the package, or cargo build --examples first",
        program.display()
    );
    program
}

/// A process; killed when the value is dropped, in a panic too.
struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
    contact: String,
    clients: String,
}

impl Process {
    fn start(me: &str, contacts: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.args([me, "127.0.0.1:0"]).args(contacts).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut process = Self { child, output, contact: String::new(), clients: String::new() };
        let line = process.line_with("serves clients");
        let words: Vec<_> = line.split_whitespace().collect();
        process.contact = words[1].to_owned();
        process.clients = words[5].to_owned();
        process
    }

    fn line_with(&mut self, what: &str) -> String {
        let mut line = String::new();
        while !line.contains(what) {
            line.clear();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "it ended before {what:?}");
        }
        line
    }

    fn client(&self) -> Client {
        let socket = TcpStream::connect(&self.clients).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { answers: BufReader::new(socket.try_clone().unwrap()), socket }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Client {
    socket: TcpStream,
    answers: BufReader<TcpStream>,
}

impl Client {
    fn ask(&mut self, command: &str) -> String {
        self.socket.write_all(format!("{command}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer.trim_end().to_owned()
    }
}

#[test]
fn a_killed_process_comes_back_with_all_that_it_missed() {
    let first = Process::start("1@127.0.0.1:0", &[]);
    let home = first.contact.clone();
    let mut second = Process::start("2@127.0.0.1:0", &[&home]);
    let third = Process::start("3@127.0.0.1:0", &[&home]);
    assert_eq!(first.client().ask("set salt 1"), "ok");
    assert_eq!(second.client().ask("get salt"), "= 1", "whoever asks after the answer sees it");
    second.line_with("3 members");
    // A member counts once it has the state; a majority that has it must outlive the first one.
    assert_eq!(third.client().ask("set fish 2"), "ok");

    drop(first);
    let (mut two, mut three) = (second.client(), third.client());
    for number in 0..100 {
        assert_eq!(two.ask(&format!("set boar{number} {number}")), "ok");
        assert_eq!(three.ask(&format!("get boar{number}")), format!("= {number}"));
    }
    assert_eq!(three.ask("del salt"), "ok");

    let contacts = [second.contact.as_str(), third.contact.as_str()];
    let again = Process::start(&home, &contacts);
    let mut one = again.client();
    for client in [&mut one, &mut two, &mut three] {
        assert_eq!(client.ask("get salt"), "none");
        assert_eq!(client.ask("get fish"), "= 2");
        for number in 0..100 {
            assert_eq!(client.ask(&format!("get boar{number}")), format!("= {number}"));
        }
    }
    assert_eq!(one.ask("set salt 3"), "ok");
    assert_eq!(three.ask("get salt"), "= 3");
    assert!(one.ask("nonsense").starts_with("error"));
}

#[test]
fn the_whole_store_is_less_than_150_lines() {
    let text = include_str!("../examples/kv.rs");
    assert!(text.lines().count() < 150, "{}", text.lines().count());
}
