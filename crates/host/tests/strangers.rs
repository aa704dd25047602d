//! What comes from outside and is not a node: it does no harm, and it is counted.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};

use common::{PATIENCE, Running, pair, settings, start};
use host::Transport::{Tcp, Udp};
use machine::NodeId;
use wire::Header;

const HELLO: u8 = 1;
const MESSAGE: u8 = 2;
const ENVELOPE: u8 = 3;

/// A frame as node `from` of the test's cluster would send it.
fn frame(kind: u8, from: u32, value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::encode(&Header { kind, cluster: 42, from: NodeId(from) }, value, &mut bytes).unwrap();
    bytes
}

fn hello(from: u32, life: u64) -> Vec<u8> {
    hello_to(Some(1), from, life)
}

fn hello_to(to: Option<u32>, from: u32, life: u64) -> Vec<u8> {
    frame(HELLO, from, &(life, 1_u16, to))
}

fn connect(node: &Running) -> TcpStream {
    let connection = TcpStream::connect(node.address).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection
}

/// Waits until the node closes the connection.
fn assert_closed(mut connection: TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end as well: the node did not read all that was sent.
    if let Err(error) = connection.read_to_end(&mut rest) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
}

#[test]
fn garbage_lies_and_strays_close_the_connection_and_nothing_else() {
    let (one, two) = pair(Tcp);
    let other_run = {
        let mut bytes = Vec::new();
        let header = Header { kind: HELLO, cluster: 43, from: NodeId(7) };
        wire::encode(&header, &(1_u64, 1_u16, Some(1_u32)), &mut bytes).unwrap();
        bytes
    };
    let mut broken = hello(7, 1);
    *broken.last_mut().unwrap() ^= 1;
    let refused = [
        ("no frame", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("a frame that never ends", frame(HELLO, 7, &"x".repeat(1000))[..1000].to_vec()),
        ("a broken frame", broken),
        ("another run", other_run),
        ("a message before the hello", frame(MESSAGE, 7, &"early")),
        ("meant for another node", hello_to(Some(2), 7, 1)),
        ("our own name", hello(1, 1)),
        ("a lower name, which does not dial", hello(0, 1)),
        ("not a hello", frame(HELLO, 7, &1_u8)),
    ];
    let count = refused.len() as u64;
    for (what, bytes) in refused {
        println!("{what}");
        let mut connection = connect(&one);
        connection.write_all(&bytes).unwrap();
        assert_closed(connection);
    }
    for (what, bytes) in [
        ("a false sender", frame(MESSAGE, 2, &"lie")),
        ("an unknown kind", frame(9, 7, &"what")),
        ("a second hello", hello(7, 1)),
        ("not a message", frame(MESSAGE, 7, &0xFF_FF_FF_u64)),
    ] {
        println!("{what}");
        let mut connection = connect(&one);
        connection.write_all(&hello(7, 1)).unwrap();
        one.expect(["opened 7"]);
        connection.write_all(&bytes).unwrap();
        assert_closed(connection);
        one.expect(["closed 7"]);
    }
    two.tell("send 1 still-here");
    one.expect(["2: still-here"]);
    assert_eq!(one.stop().unwrap().rejected, count + 4);
}

#[test]
fn a_silent_connection_is_closed() {
    let one = start(settings(1, Tcp));
    assert_closed(connect(&one));
    assert_eq!(one.stop().unwrap().rejected, 1);
}

#[test]
fn silent_connections_leave_room_for_nodes() {
    let one = start(settings(1, Tcp));
    one.expect(["start []"]);
    let silent: Vec<TcpStream> = (0..300).map(|_| connect(&one)).collect();
    for connection in silent.into_iter().skip(256) {
        assert_closed(connection);
    }
    let two = start(settings(2, Tcp));
    two.tell(&format!("connect 1 {}", one.address));
    one.expect(["opened 2"]);
}

#[test]
fn a_newer_life_replaces_an_older_one_and_not_the_other_way_round() {
    let one = start(settings(1, Tcp));
    one.expect(["start []"]);
    let mut first = connect(&one);
    first.write_all(&hello(7, 5)).unwrap();
    one.expect(["opened 7"]);
    let mut older = connect(&one);
    older.write_all(&hello(7, 4)).unwrap();
    assert_closed(older);
    let mut newer = connect(&one);
    newer.write_all(&[hello(7, 6), frame(MESSAGE, 7, &"new")].concat()).unwrap();
    one.expect(["closed 7", "opened 7", "7: new"]);
    assert_closed(first);
    // A connection that breaks ends once.
    drop(newer);
    one.expect(["closed 7"]);
    assert_eq!(one.stop().unwrap().rejected, 1);
}

#[test]
fn a_link_stands_when_its_peer_finds_another_address_here() {
    let (one, two) = pair(Tcp);
    let three = start(settings(3, Tcp));
    three.expect(["start []"]);
    three.tell(&format!("connect 1 {}", one.address));
    three.expect(["opened 1"]);
    one.expect(["opened 3"]);
    // Where 3 was told that 2 is, somebody else is by now: 1 itself, or one of another run.
    three.tell(&format!("connect 2 {}", one.address));
    let rejected = || {
        one.tell("counts");
        let counts = one.next();
        assert!(counts.starts_with("Counts"), "{counts}");
        !counts.contains("rejected: 0")
    };
    while !rejected() {}
    let mut stranger = settings(2, Tcp);
    stranger.cluster = 43;
    let stranger = start(stranger);
    stranger.expect(["start []"]);
    three.tell(&format!("connect 2 {}", stranger.address));
    three.tell("send 1 still-here");
    one.expect(["3: still-here"]);
    three.tell(&format!("connect 2 {}", two.address));
    three.expect(["opened 2"]);
    two.expect(["opened 3"]);
    assert_eq!(stranger.stop().unwrap().received, 0, "nothing was said to it");
}

#[test]
fn who_takes_whoever_is_there_is_taken() {
    let one = start(settings(1, Tcp));
    one.expect(["start []"]);
    let mut connection = connect(&one);
    connection.write_all(&hello_to(None, 7, 1)).unwrap();
    one.expect(["opened 7"]);
}

#[test]
fn frames_that_come_in_pieces_are_put_together() {
    let one = start(settings(1, Tcp));
    one.expect(["start []"]);
    let mut connection = connect(&one);
    connection.set_nodelay(true).unwrap();
    for byte in [hello(7, 1), frame(MESSAGE, 7, &"slowly")].concat() {
        connection.write_all(&[byte]).unwrap();
    }
    one.expect(["opened 7", "7: slowly"]);
}

#[test]
fn what_a_peer_does_not_read_is_bounded_and_what_it_reads_is_whole() {
    let one = start(settings(1, Tcp));
    one.expect(["start []"]);
    let mut connection = connect(&one);
    connection.write_all(&hello(7, 1)).unwrap();
    one.expect(["opened 7"]);
    // More than the queue and both buffers of the system hold.
    one.tell(&vec!["send 7 bytes 1000000"; 64].join(";"));
    one.tell("report told");
    one.expect(["told"]);
    let counts = {
        one.tell("counts");
        one.next()
    };
    assert!(!counts.contains("overflowed: 0"), "{counts}");

    let (mut stream, mut messages) = (wire::Stream::new(), 0);
    while messages < 8 {
        let read = connection.read(stream.space()).unwrap();
        assert!(read > 0, "the link must stand");
        stream.filled(read);
        while let Some(frame) = stream.next().unwrap() {
            if frame.header.kind == MESSAGE {
                assert_eq!(frame.value::<String>().unwrap().len(), 1_000_000);
                messages += 1;
            }
        }
    }
}

#[test]
fn datagrams_are_believed_only_from_where_their_sender_is() {
    let (one, two) = pair(Udp);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to_one = frame(ENVELOPE, 2, &1_u32);
    let message = frame(MESSAGE, 2, &"lie");
    let refused = [
        b"garbage".to_vec(),
        Vec::new(),
        message.clone(),
        [to_one.clone(), message.clone()].concat(),
        [frame(ENVELOPE, 9, &1_u32), message].concat(),
        to_one[..to_one.len() - 1].to_vec(),
    ];
    for datagram in &refused {
        socket.send_to(datagram, one.address).unwrap();
    }
    // Loopback keeps the order, so those have been read when this one has.
    two.tell("send 1 truth");
    one.expect(["2: truth"]);
    assert_eq!(one.stop().unwrap().rejected, refused.len() as u64);
}

#[test]
fn a_datagram_for_another_node_is_not_taken() {
    let one = start(settings(1, Udp));
    one.expect(["start []"]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    one.tell(&format!("connect 0 {}", socket.local_addr().unwrap()));
    let message = frame(MESSAGE, 0, &"hello");
    let for_another = [frame(ENVELOPE, 0, &3_u32), message.clone()].concat();
    let for_one = [frame(ENVELOPE, 0, &1_u32), message].concat();
    one.tell("report connected");
    one.expect(["connected"]);
    socket.send_to(&for_another, one.address).unwrap();
    socket.send_to(&for_one, one.address).unwrap();
    one.expect(["0: hello"]);
    assert_eq!(one.stop().unwrap().rejected, 1);
}
