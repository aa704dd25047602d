//! A replicated key-value store. Each process holds all of it; a crash of one loses nothing, and
//! one that starts again gets what it missed. Three of them, each in a terminal of its own:
//!
//! ```text
//! cargo run -p groupcast-tokio --example kv -- 1@127.0.0.1:7001 127.0.0.1:8001
//! cargo run -p groupcast-tokio --example kv -- 2@127.0.0.1:7002 127.0.0.1:8002 1@127.0.0.1:7001
//! cargo run -p groupcast-tokio --example kv -- 3@127.0.0.1:7003 127.0.0.1:8003 1@127.0.0.1:7001
//! ```
//!
//! Then `nc 127.0.0.1 8002` and type `set salt 5`, `get salt`, `del salt`. Kill the first process,
//! go on with the others, and bring it back, now by joining them:
//!
//! ```text
//! cargo run -p groupcast-tokio --example kv -- 1@127.0.0.1:7001 127.0.0.1:8001 2@127.0.0.1:7002 3@127.0.0.1:7003
//! ```
//!
//! Every command, `get` too, is sent to the group and answered when it comes back in the group's
//! order. So all stores carry out the same commands in the same order, and a read sees every write
//! that was answered before it was asked, at whichever process.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use groupcast_tokio::{Contact, Event, Group, Options};
use tokio::sync::{mpsc, oneshot};

/// The longest command, in bytes: a client cannot fill the memory.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// How many clients are served at once, a thread each.
const CLIENTS_MAX: usize = 100;

/// A client's command, and where its answer goes.
type Request = (String, oneshot::Sender<String>);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [me, clients, contacts @ ..] = &arguments[..] else {
        return Err("usage: kv ID@HOST:PORT CLIENTS_HOST:PORT [CONTACT_ID@HOST:PORT]...".into());
    };
    let me: Contact = me.parse()?;
    let contacts = contacts.iter().map(|text| text.parse()).collect::<Result<Vec<_>, _>>()?;
    let options = Options { id: Some(me.id), listen: me.address.parse()?, ..Options::new("kv") };
    let group = match contacts.is_empty() {
        true => Group::found(options).await?,
        false => Group::join(options, contacts).await?,
    };

    let listener = TcpListener::bind(clients)?;
    println!("member {} serves clients on {}", group.contact(), listener.local_addr()?);
    let (ask, requests) = mpsc::channel(CLIENTS_MAX);
    std::thread::spawn(move || accept(&listener, &ask));
    serve(group, requests).await
}

/// Carries out what the group delivers, and sends it what clients ask for.
async fn serve(
    mut group: Group,
    mut requests: mpsc::Receiver<Request>,
) -> Result<(), Box<dyn Error>> {
    let mut store = Store::default();
    // A member's messages are delivered in the order in which it sent them, and so answered.
    let mut waiting: VecDeque<oneshot::Sender<String>> = VecDeque::new();
    loop {
        tokio::select! {
            biased;
            event = group.next() => match event? {
                Event::Delivered { sender, message } => {
                    let answer = store.carry_out(&String::from_utf8_lossy(&message));
                    if sender == group.id() && let Some(client) = waiting.pop_front() {
                        // A client that has gone needs no answer.
                        let _ = client.send(answer);
                    }
                }
                Event::StateWanted(question) => question.answer(store.to_text())?,
                Event::State(text) => store = Store::from_text(&String::from_utf8_lossy(&text)),
                Event::View(view) => println!("view {}: {} members", view.id, view.members.len()),
                // Whether the others carried them out will show in the state that comes next.
                Event::Removed { .. } => waiting.clear(),
            },
            Some((command, client)) = requests.recv() => {
                // Each client waits for its answer, so few messages are under way.
                if group.send(command).await.is_ok() {
                    waiting.push_back(client);
                }
            }
        }
    }
}

/// What is replicated: it depends on nothing but the commands and their order.
#[derive(Default)]
struct Store(BTreeMap<String, String>);

impl Store {
    fn carry_out(&mut self, command: &str) -> String {
        match command.split_whitespace().collect::<Vec<_>>()[..] {
            ["set", key, value] => {
                self.0.insert(key.to_owned(), value.to_owned());
                "ok".to_owned()
            }
            ["get", key] => self.0.get(key).map_or("none".to_owned(), |value| format!("= {value}")),
            ["del", key] => self.0.remove(key).map_or("none", |_| "ok").to_owned(),
            _ => "error: give set KEY VALUE, get KEY or del KEY".to_owned(),
        }
    }

    fn to_text(&self) -> String {
        self.0.iter().map(|(key, value)| format!("{key} {value}\n")).collect()
    }

    fn from_text(text: &str) -> Self {
        let pair = |line: &str| line.split_once(' ').map(|(k, v)| (k.to_owned(), v.to_owned()));
        Self(text.lines().filter_map(pair).collect())
    }
}

fn accept(listener: &TcpListener, ask: &mpsc::Sender<Request>) {
    for client in listener.incoming().flatten() {
        if ask.strong_count() <= CLIENTS_MAX {
            let ask = ask.clone();
            // A client whose connection breaks is done.
            std::thread::spawn(move || talk(&client, &ask).ok());
        }
    }
}

fn talk(mut client: &TcpStream, ask: &mpsc::Sender<Request>) -> Result<(), Box<dyn Error>> {
    let mut lines = BufReader::new(client);
    let mut line = String::new();
    while lines.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)? > 0 {
        let (answer, answered) = oneshot::channel();
        ask.blocking_send((std::mem::take(&mut line), answer))?;
        let answer = answered.blocking_recv();
        let answer = answer.unwrap_or("unknown: this member was cut off; look again".to_owned());
        // In one write: two small ones would wait for each other's acknowledgement.
        client.write_all((answer + "\n").as_bytes())?;
    }
    Ok(())
}
