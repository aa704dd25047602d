//! The directory of a live market: entries expire, and stale ones do no harm.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

mod live;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use groupcast::membership;
use machine::{Incarnation, NodeId};
use peer::Packet;
use wire::Header;

use live::{Run, argument, of_kind, wait_until};

const HELLO: u8 = 1;
const MESSAGE: u8 = 2;
/// How long to wait for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Says to the directory, as a peer would, that `node` is at `address`.
fn announce(directory: SocketAddr, cluster: u64, node: u32, address: &str) -> TcpStream {
    let frame = |kind, value: &dyn Fn(&Header, &mut Vec<u8>)| {
        let mut bytes = Vec::new();
        value(&Header { kind, cluster, from: NodeId(node) }, &mut bytes);
        bytes
    };
    let announcement = membership::Message::Announce {
        incarnation: Incarnation(1),
        address: address.to_owned(),
        known: 0,
    };
    let hello = frame(HELLO, &|header, bytes| {
        wire::encode(header, &(1_u64, 1_u16, Some(NodeId(0))), bytes).unwrap();
    });
    let message = frame(MESSAGE, &|header, bytes| {
        wire::encode(header, &Packet::Membership(announcement.clone()), bytes).unwrap();
    });
    let mut connection = TcpStream::connect(directory).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection.write_all(&[hello, message].concat()).unwrap();
    connection
}

/// Somebody who has come to a dead peer's address, and answers all that is said there with
/// something else. What it is told comes out of the channel.
fn stranger(address: SocketAddr) -> Receiver<Vec<u8>> {
    let mut listener = None;
    // The system closes the sockets of a process that is gone a moment later.
    wait_until("the dead peer's address", || {
        listener = TcpListener::bind(address).ok();
        listener.is_some()
    });
    let listener = listener.unwrap();
    let (told, hear) = channel();
    // It ends when nobody hears it any more, or with the test's process.
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut bytes = Vec::new();
            let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = connection.set_read_timeout(Some(PATIENCE));
            let _ = connection.read_to_end(&mut bytes);
            if told.send(bytes).is_err() {
                return;
            }
        }
    });
    hear
}

/// How long the run below lasts, in nanoseconds.
const RUN_NS: u64 = 10_000_000_000;

#[test]
fn a_stale_entry_does_no_harm_whoever_has_its_address_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let fault = "fault=[{at='1s',do='kill',who=2,for='6s'}]";
    let run = Run::start(&folder.path().join("run"), &["run.duration=10s", fault]);
    run.wait_for("peer-6.0.jsonl", r#""kind":"sold""#);
    let address = |name: &str| -> SocketAddr {
        let place = run.out.join("processes").join(format!("{name}.address"));
        fs::read_to_string(place).unwrap().parse().unwrap()
    };
    let (directory, two, three) = (address("directory"), address("peer-2"), address("peer-3"));
    let processes = run.processes();
    let cluster: u64 = argument(&processes[&2].1, "--cluster").unwrap().parse().unwrap();

    // A peer of an earlier run that is alive yet is not heard, and so leaves no entry.
    let mut refused = announce(directory, cluster.wrapping_add(1), 1, "127.0.0.1:1");
    let mut rest = Vec::new();
    if let Err(error) = refused.read_to_end(&mut rest) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }

    // The port of a dead peer passes to a stranger: it is told a hello, and nothing of the market.
    wait_until("the end of peer 2", || !run.processes().contains_key(&2));
    let hear = stranger(two);
    let told = hear.recv_timeout(PATIENCE).unwrap();
    if !told.is_empty() {
        let (frame, used) = wire::decode(&told).unwrap().unwrap();
        assert_eq!((frame.header.kind, used), (HELLO, told.len()));
    }
    // It expires. Then an old entry says that it is where peer 3 is.
    run.wait_for("directory.0.jsonl", r#""kind":"expired","member":2"#);
    let stale = announce(directory, cluster, 2, &three.to_string());
    let entry = format!(r#""member":2,"incarnation":1,"address":"{three}""#);
    run.wait_for("peer-6.0.jsonl", &entry);
    drop(stale);

    let (_, events) = run.passes();
    let places: Vec<String> = of_kind(&events, 0, "joined")
        .iter()
        .filter(|event| event["member"] == 2)
        .map(|event| event["address"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(places.len(), 3, "{places:?}");
    assert_eq!(places[..2], [two.to_string(), three.to_string()]);
    let old_run = events.iter().find(|event| event["address"] == "127.0.0.1:1");
    assert_eq!(old_run, None, "the other run's word has gone nowhere");
    for node in [1, 3, 4, 5, 6] {
        let gone = of_kind(&events, node, "expired").iter().any(|event| event["member"] == 2);
        assert!(gone, "peer {node} was told that 2 expired");
        let closed: Vec<_> = of_kind(&events, node, "suspected")
            .into_iter()
            .filter(|event| event["cause"] == "crash")
            // When the run is over all end, one after another.
            .filter(|event| event["time_ns"].as_u64().unwrap() < RUN_NS)
            .collect();
        assert!(closed.is_empty(), "no link between the living broke: {closed:?}");
    }
    assert_eq!(of_kind(&events, 2, "started").len(), 2, "it came back");
}
