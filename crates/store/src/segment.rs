//! The bytes of a segment: a header, one frame with the snapshot, then one frame for each commit.
//!
//! ```text
//! header   magic and version 8 | epoch's counter 8 | epoch's node 4 | sequence 8 | checksum 4
//! frame    size 4 | unsure 4 | head checksum 4 | body checksum 4 | body | zeros up to a multiple of 8
//! batch    the body of a commit's frame: for each record its length 4, then the record
//! end      eight zeros, which the next frame is written over
//! ```
//!
//! Numbers are little-endian; the size of a frame counts its head and body, so it is never zero.
//! *Unsure* says how many bytes before the frame were not known to be durable when it was written.
//! Behind the end stand zeros, or what is left of an earlier segment whose file this one is written
//! over.
//!
//! All checksums are CRC-32. A frame's are salted with the header's checksum and the frame's offset,
//! so that neither bytes of another segment nor a frame in another place can look valid. For the
//! frames of an earlier segment of the same epoch this is certain, not just likely: two headers that
//! differ in their sequence differ within 32 bits, which CRC-32 never maps to the same checksum, and
//! the same offset and size under two salts never have the same one either.
//!
//! A commit is one frame with one checksum (a very large one is several), because a disk may write
//! the later half of a batch and lose the earlier one when the power fails. With a frame for each
//! record that would look like a hole in the middle; with one for the batch the whole batch is torn.
//!
//! Several commits may be on their way to the disk at a time, and it may keep any of them and lose
//! any other. So a bad frame is the torn end, and what follows it was never confirmed, unless a later
//! frame was written when the bad one was durable already: that proves damage. Where the next frame
//! may begin, its head is enough; from there on only a whole frame counts, because among the millions
//! of places in a long file chance alone makes a head now and then.

use machine::Epoch;

use crate::{BATCH_MAX_BYTES, Contents, Cut, SNAPSHOT_MAX_BYTES};

const MAGIC: [u8; 8] = *b"bzjrnl\0\x02";

/// Where in the header the version stands.
const VERSION_AT: usize = 7;

/// Size of a segment's header.
pub const HEADER_BYTES: usize = 32;

/// Size of a frame's head.
pub const HEAD_BYTES: usize = 16;

/// Size of the mark behind the last frame.
pub const END_BYTES: usize = ALIGNMENT;

/// The end of what was written.
const END: [u8; ALIGNMENT] = [0; ALIGNMENT];

/// Where a frame may begin. A search for frames looks at one place in eight.
const ALIGNMENT: usize = 8;

/// A damaged segment: where, and what is wrong there.
#[derive(Debug, PartialEq, Eq)]
pub struct Damage {
    /// Bytes from the beginning of the file.
    pub offset: u64,
    /// What is wrong.
    pub what: &'static str,
}

/// The header of a segment.
pub fn header(epoch: Epoch, sequence: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..16].copy_from_slice(&epoch.counter.to_le_bytes());
    header[16..20].copy_from_slice(&epoch.node.0.to_le_bytes());
    header[20..28].copy_from_slice(&sequence.to_le_bytes());
    let checksum = crc32fast::hash(&header[..28]);
    header[28..].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// What makes the frames of one segment valid in it alone.
#[derive(Debug, Clone, Copy)]
pub struct Salt(u32);

impl Salt {
    /// The salt of a segment.
    pub fn of(epoch: Epoch, sequence: u64) -> Self {
        Self(word(&header(epoch, sequence), HEADER_BYTES - 4))
    }

    /// Makes `frame`, [`HEAD_BYTES`] of room and a body, valid at `offset`, when all before
    /// `firm_bytes` is durable: fills in the head and pads it and marks the end, [`END_BYTES`] that
    /// belong to no frame. The caller has checked that the body is within its limit, and that both
    /// places are within a segment.
    pub fn seal(self, offset: u64, firm_bytes: u64, frame: &mut Vec<u8>) {
        let size = (frame.len() as u32).to_le_bytes();
        let unsure = ((offset - firm_bytes) as u32).to_le_bytes();
        let head_checksum = self.head_checksum(offset, size, unsure);
        let body_checksum = body_checksum(head_checksum, &frame[HEAD_BYTES..]);
        frame[..4].copy_from_slice(&size);
        frame[4..8].copy_from_slice(&unsure);
        frame[8..12].copy_from_slice(&head_checksum.to_le_bytes());
        frame[12..HEAD_BYTES].copy_from_slice(&body_checksum.to_le_bytes());
        frame.resize(frame.len().next_multiple_of(ALIGNMENT), 0);
        frame.extend_from_slice(&END);
    }

    fn head_checksum(self, offset: u64, size: [u8; 4], unsure: [u8; 4]) -> u32 {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.0);
        hasher.update(&offset.to_le_bytes());
        hasher.update(&size);
        hasher.update(&unsure);
        hasher.finalize()
    }

    /// The head that stands at `offset`; none if no valid one does, of a body that may have so many
    /// bytes.
    fn head(self, bytes: &[u8], offset: usize, body_max: usize) -> Option<Head> {
        let head = bytes.get(offset..offset.checked_add(HEAD_BYTES)?)?;
        let (size, unsure) = (word(head, 0), word(head, 4));
        // Most of what is no head is told by its size alone, which makes a search fast.
        let valid = (HEAD_BYTES..=HEAD_BYTES + body_max).contains(&(size as usize))
            && word(head, 8)
                == self.head_checksum(offset as u64, size.to_le_bytes(), unsure.to_le_bytes());
        let firm = offset.checked_sub(unsure as usize)?;
        valid.then_some(Head { size: size as usize, firm })
    }

    /// The body of the frame at `offset`; none if no whole frame stands there.
    fn body(self, bytes: &[u8], offset: usize, body_max: usize) -> Option<&[u8]> {
        let size = self.head(bytes, offset, body_max)?.size;
        let frame = bytes.get(offset..offset.checked_add(size)?)?;
        let (head, body) = frame.split_at(HEAD_BYTES);
        (body_checksum(word(head, 8), body) == word(head, 12)).then_some(body)
    }
}

/// The head of a frame.
struct Head {
    /// How many bytes the frame has.
    size: usize,
    /// Up to where all was durable when it was written.
    firm: usize,
}

/// The first bytes of a segment: its header and snapshot, and the mark behind them.
pub fn begin(epoch: Epoch, sequence: u64, snapshot: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEAD_BYTES + snapshot.len() + ALIGNMENT);
    frame.resize(HEAD_BYTES, 0);
    frame.extend_from_slice(snapshot);
    Salt::of(epoch, sequence).seal(HEADER_BYTES as u64, HEADER_BYTES as u64, &mut frame);
    frame.splice(..0, header(epoch, sequence));
    frame
}

/// Adds a record to the body of a frame that [`Salt::seal`] will close.
pub fn push_record(frame: &mut Vec<u8>, record: &[u8]) {
    frame.extend_from_slice(&(record.len() as u32).to_le_bytes());
    frame.extend_from_slice(record);
}

/// Reads a whole segment. Allocates no more than a small multiple of `bytes`.
///
/// # Errors
/// [`Damage`] if bytes that were once confirmed are not as they were written. A torn end is no
/// damage: what was there was never confirmed, and [`Contents::cut`] tells of it.
pub fn decode(bytes: &[u8], epoch: Epoch, sequence: u64) -> Result<Contents, Damage> {
    let damage = |offset, what| Err(Damage { offset: offset as u64, what });
    if bytes.get(..HEADER_BYTES) != Some(&header(epoch, sequence)) {
        if bytes.starts_with(&MAGIC[..VERSION_AT]) && bytes.get(VERSION_AT) != MAGIC.get(VERSION_AT)
        {
            return damage(0, "its format is of a version that this program does not know");
        }
        return damage(0, "the header is not the one that the file's name asks for");
    }
    let salt = Salt::of(epoch, sequence);
    let Some(snapshot) = salt.body(bytes, HEADER_BYTES, SNAPSHOT_MAX_BYTES) else {
        return damage(HEADER_BYTES, "the snapshot does not match its checksum");
    };
    let mut records = Vec::new();
    let mut offset = after(HEADER_BYTES, snapshot);
    while let Some(batch) = salt.body(bytes, offset, BATCH_MAX_BYTES) {
        if !push_records(batch, &mut records) {
            return damage(offset, "a commit matches its checksum but does not hold records");
        }
        offset = after(offset, batch);
    }
    if was_durable(salt, bytes, offset) {
        return damage(
            offset,
            "a commit does not match its checksum, and later ones say that it did",
        );
    }
    Ok(Contents { snapshot: Some(snapshot.to_vec()), records, cut: torn_end(bytes, offset) })
}

/// Where the next frame begins.
fn after(offset: usize, body: &[u8]) -> usize {
    (offset + HEAD_BYTES + body.len()).next_multiple_of(ALIGNMENT)
}

fn push_records(batch: &[u8], records: &mut Vec<Vec<u8>>) -> bool {
    let mut rest = batch;
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        let Some((record, tail)) = tail.split_at_checked(u32::from_le_bytes(*length) as usize)
        else {
            return false;
        };
        records.push(record.to_vec());
        rest = tail;
    }
    rest.is_empty()
}

/// Whether a commit was written behind the bad frame at `offset` when that was durable already.
fn was_durable(salt: Salt, bytes: &[u8], offset: usize) -> bool {
    let next_max = offset + (HEAD_BYTES + BATCH_MAX_BYTES).next_multiple_of(ALIGNMENT);
    (offset + ALIGNMENT..bytes.len()).step_by(ALIGNMENT).any(|place| {
        let head = salt.head(bytes, place, BATCH_MAX_BYTES);
        head.is_some_and(|head| head.firm > offset)
            && (place <= next_max || salt.body(bytes, place, BATCH_MAX_BYTES).is_some())
    })
}

/// What was written in part, if the end is not marked.
fn torn_end(bytes: &[u8], offset: usize) -> Option<Cut> {
    let torn = bytes.get(offset..)?;
    if torn.starts_with(&END) {
        return None;
    }
    let size = torn.iter().rposition(|byte| *byte != 0)? + 1;
    Some(Cut { offset: offset as u64, size_bytes: size as u64 })
}

fn body_checksum(head_checksum: u32, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(head_checksum);
    hasher.update(body);
    hasher.finalize()
}

/// The number that stands in four bytes of a header or head.
fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}
