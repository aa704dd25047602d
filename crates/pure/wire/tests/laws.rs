//! What holds for every value, every split of a stream, and every damage to a frame.

#![allow(clippy::unwrap_used, reason = "the functions that tests share")]

use std::collections::BTreeMap;

use machine::NodeId;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use wire::{FRAME_MAX_BYTES, Header, READ_MIN_BYTES, STREAM_MAX_BYTES, Stream, decode, encode};

/// All shapes that messages are made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Message {
    Ping,
    Text(String),
    Buy { id: (u64, u64), item: String, limit: Option<i64>, partial: bool },
    Members(BTreeMap<NodeId, Vec<String>>),
    Payload(Vec<u8>),
}

fn messages() -> impl Strategy<Value = Message> {
    let buy = (any::<(u64, u64)>(), ".{0,9}", any::<Option<i64>>(), any::<bool>());
    let addresses = prop::collection::vec(".{0,20}", 0..4);
    prop_oneof![
        Just(Message::Ping),
        ".{0,40}".prop_map(Message::Text),
        buy.prop_map(|(id, item, limit, partial)| Message::Buy { id, item, limit, partial }),
        prop::collection::btree_map(any::<u32>().prop_map(NodeId), addresses, 0..5)
            .prop_map(Message::Members),
        // Sometimes larger than what one read takes.
        prop::collection::vec(any::<u8>(), 0..3 * READ_MIN_BYTES).prop_map(Message::Payload),
    ]
}

fn headers() -> impl Strategy<Value = Header> {
    any::<(u8, u64, u32)>().prop_map(|(kind, cluster, from)| Header {
        kind,
        cluster,
        from: NodeId(from),
    })
}

fn frame(header: Header, message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&header, message, &mut bytes).unwrap();
    bytes
}

/// Feeds `bytes` in pieces whose lengths `pieces` repeats, and takes all frames after each.
fn receive(bytes: &[u8], pieces: &[usize]) -> Vec<(Header, Message)> {
    let (mut stream, mut found, mut rest) = (Stream::new(), Vec::new(), bytes);
    for &piece in pieces.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let space = stream.space();
        assert!(space.len() >= READ_MIN_BYTES);
        let length = piece.min(space.len()).min(rest.len());
        space[..length].copy_from_slice(&rest[..length]);
        stream.filled(length);
        rest = &rest[length..];
        while let Some(frame) = stream.next().unwrap() {
            found.push((frame.header, frame.value().unwrap()));
        }
    }
    found
}

proptest! {
    #[test]
    fn decoding_gives_what_was_encoded(header in headers(), message in messages(), after: Vec<u8>) {
        let mut bytes = frame(header, &message);
        let length = bytes.len();
        bytes.extend(after);
        let (found, used) = decode(&bytes).unwrap().unwrap();
        prop_assert_eq!((found.header, used), (header, length));
        prop_assert_eq!(found.value::<Message>().unwrap(), message);
    }

    #[test]
    fn any_split_of_a_stream_gives_the_same_frames(
        sent in prop::collection::vec((headers(), messages()), 0..8),
        pieces in prop::collection::vec(1_usize..40_000, 1..8),
    ) {
        let mut bytes = Vec::new();
        for (header, message) in &sent {
            encode(header, message, &mut bytes).unwrap();
        }
        prop_assert_eq!(receive(&bytes, &pieces), sent);
    }

    #[test]
    fn a_changed_byte_is_noticed(
        header in headers(),
        message in messages(),
        at: prop::sample::Index,
        change in 1_u8..,
    ) {
        let mut bytes = frame(header, &message);
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        // A longer length is not yet an error: it asks for bytes that may still come.
        prop_assert!(matches!(decode(&bytes), Err(_) | Ok(None)));
    }

    #[test]
    fn random_bytes_do_no_harm(bytes: Vec<u8>, after_prefix: bool) {
        let mut input = if after_prefix { b"bzr\x01".to_vec() } else { Vec::new() };
        input.extend(&bytes);
        let _ = decode(&input);
        let _ = wire::from_bytes::<Message>(&bytes);
        let mut stream = Stream::new();
        stream.space()[..input.len()].copy_from_slice(&input);
        stream.filled(input.len());
        while let Ok(Some(_)) = stream.next() {}
    }
}

#[test]
fn byte_by_byte_is_enough() {
    let sent: Vec<_> = (0..20_u8)
        .map(|kind| (Header { kind, cluster: 1, from: NodeId(2) }, Message::Text("salt".into())))
        .collect();
    let bytes: Vec<u8> = sent.iter().flat_map(|(header, value)| frame(*header, value)).collect();
    assert_eq!(receive(&bytes, &[1]), sent);
}

#[test]
fn a_stream_has_room_for_the_largest_frames_behind_small_ones() {
    let header = Header { kind: 0, cluster: 1, from: NodeId(2) };
    let largest = Message::Text("x".repeat(wire::BODY_MAX_BYTES - 4));
    assert_eq!(frame(header, &largest).len(), FRAME_MAX_BYTES);
    let sent: Vec<_> = (0..12)
        .map(|index| (header, if index % 2 == 0 { Message::Ping } else { largest.clone() }))
        .collect();
    let bytes: Vec<u8> = sent.iter().flat_map(|(header, value)| frame(*header, value)).collect();
    assert!(receive(&bytes, &[usize::MAX, 5_000]) == sent);
}

#[test]
fn a_stream_from_which_nothing_is_taken_stops_growing() {
    let small = frame(Header { kind: 0, cluster: 1, from: NodeId(2) }, &Message::Ping);
    let mut stream = Stream::new();
    let mut received = 0;
    loop {
        let space = stream.space();
        if space.is_empty() {
            break;
        }
        for (index, byte) in space.iter_mut().enumerate() {
            *byte = small[(received + index) % small.len()];
        }
        let length = space.len();
        stream.filled(length);
        received += length;
    }
    assert_eq!(received, STREAM_MAX_BYTES);

    // One frame's room is not worth moving all that waits behind it.
    assert!(stream.next().unwrap().is_some());
    assert!(stream.space().is_empty());

    let mut taken = 1;
    while stream.next().unwrap().is_some() {
        taken += 1;
    }
    assert_eq!(taken, STREAM_MAX_BYTES / small.len());
    assert!(stream.space().len() >= READ_MIN_BYTES);
}

#[test]
fn a_stream_repeats_its_error() {
    let mut stream = Stream::new();
    stream.space()[..4].copy_from_slice(b"GET ");
    stream.filled(4);
    assert_eq!(stream.next(), Err(wire::DecodeError::Magic));
    assert_eq!(stream.next(), Err(wire::DecodeError::Magic));
}

#[test]
fn no_claim_of_received_bytes_passes_the_space() {
    let mut stream = Stream::new();
    stream.filled(usize::MAX);
    assert_eq!(stream.next(), Ok(None));
}
