//! Arbitrary bytes as a frame, as a body, and as a stream that arrives in pieces.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use machine::NodeId;
use serde::{Deserialize, Serialize};
use wire::{
    DecodeError, Frame, HEADER_BYTES, Header, Stream, decode, encode, from_bytes, to_bytes,
};

/// All shapes that messages are made of.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Message {
    Ping,
    Text(String),
    Buy { id: (u64, u64), item: String, limit: Option<i64>, partial: bool, mark: char },
    Members(BTreeMap<NodeId, Vec<String>>),
    Batch(Vec<(u32, Vec<u64>)>),
    Payload(Vec<u8>),
}

fuzz_target!(|data: &[u8]| {
    frame(data);
    body(data);
    stream(data);
});

/// A frame is what `decode` says it is, and it needs no byte behind it.
fn frame(data: &[u8]) {
    let Ok(Some((frame, used))) = decode(data) else { return };
    assert_eq!(used, HEADER_BYTES + frame.body.len());
    assert_eq!(decode(&data[..used]), Ok(Some((frame, used))));
    assert_eq!(decode(&data[..used - 1]), Ok(None));
}

/// A value that was read can be written, and reads the same again.
fn body(data: &[u8]) {
    let Ok(value) = from_bytes::<Message>(data) else { return };
    let bytes = to_bytes(&value).expect("what fitted once fits again");
    assert_eq!(from_bytes(&bytes), Ok(value));
}

/// The same frames and the same error come out, however the bytes are split.
fn stream(data: &[u8]) {
    let Some((&[piece, kind, damage, ..], rest)) = data.split_first_chunk::<4>() else { return };
    // Bytes of the fuzzer's own seldom have a right checksum, so they become bodies; then one of
    // the bytes is damaged, or none.
    let header = Header { kind, cluster: 7, from: NodeId(u32::from(damage)) };
    let mut bytes = Vec::new();
    // Some kinds make bodies longer than one read takes.
    let times = 1 + usize::from(kind.saturating_sub(200));
    for chunk in rest.chunks(1 + 2 * usize::from(kind)) {
        encode(&header, &Message::Payload(chunk.repeat(times)), &mut bytes).expect("it is short");
    }
    frame(&bytes);
    if let Some(byte) = bytes.get_mut(usize::from(damage) * 3) {
        *byte ^= damage;
    }

    for bytes in [&bytes[..], rest] {
        let mut expected = Found::default();
        let mut whole = bytes;
        while let Some(used) = expected.take(decode(whole)) {
            whole = &whole[used..];
        }
        assert_eq!(receive(bytes, 1 + usize::from(piece).pow(2)), expected);
    }
}

fn receive(mut bytes: &[u8], piece: usize) -> Found {
    let (mut stream, mut found) = (Stream::new(), Found::default());
    while !bytes.is_empty() {
        let space = stream.space();
        assert!(space.len() >= wire::READ_MIN_BYTES || found.error.is_some());
        let length = piece.min(bytes.len()).min(space.len());
        space[..length].copy_from_slice(&bytes[..length]);
        stream.filled(length);
        bytes = &bytes[length..];
        while found.take(stream.next().map(|frame| frame.map(|frame| (frame, 0)))).is_some() {}
        if found.error.is_some() {
            break;
        }
    }
    found
}

/// What came out of bytes.
#[derive(Debug, Default, PartialEq)]
struct Found {
    frames: Vec<(Header, Vec<u8>)>,
    error: Option<DecodeError>,
}

impl Found {
    /// Notes a result; how many bytes it used, if it was a frame.
    fn take(&mut self, result: Result<Option<(Frame<'_>, usize)>, DecodeError>) -> Option<usize> {
        match result {
            Ok(Some((frame, used))) => {
                self.frames.push((frame.header, frame.body.to_vec()));
                Some(used)
            }
            Ok(None) => None,
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }
}
