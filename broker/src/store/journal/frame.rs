//! The bytes of a journal: a header for each segment, and a frame for each group. A backup is written in the same way.
//!
//! A frame is whole if both of its checksums are right. They cover where it lies, too, and a number drawn for
//! its file, so that neither bytes of an older segment nor bytes a client has chosen are ever taken for one.

use std::io;

use crate::store::{
    engine::{Change, Entry, Op},
    error::StoreError,
    planted::{Bug, planted},
};

/// Bytes before the first frame of a file.
pub(crate) const HEADER_BYTES: usize = 36;
/// Bytes before the payload of a frame.
pub(crate) const FRAME_HEADER_BYTES: usize = 16;

/// Segments of a journal.
pub(super) const SEGMENT: FileKind = FileKind { magic: b"windlass journal", layout: 1 };
const FRAME_MAGIC: [u8; 4] = *b"WLgr";
const PUT: u8 = 1;
const DELETE: u8 = 2;

/// What files of frames begin with.
pub(crate) struct FileKind {
    /// Their first bytes.
    pub(crate) magic: &'static [u8; 16],
    /// The layout of the file and its frames. It rises when an older broker could no longer read them.
    pub(crate) layout: u32,
}

/// Which file, and what its checksums begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Its number; those of segments grow by one.
    pub(crate) number: u32,
    /// Drawn when it was made.
    pub(crate) salt: u64,
}

/// What the header of a frame says of its payload.
pub(crate) struct Announced {
    /// How long it is, in bytes.
    pub(crate) length: usize,
    checksum: u32,
}

/// What lies at a place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// A whole frame, with its payload and where the next one begins.
    Frame(&'a [u8], usize),
    /// Nothing any more.
    End,
    /// Neither.
    Damage,
}

impl Identity {
    /// One that no other file has.
    pub(crate) fn draw(number: u32) -> io::Result<Self> {
        let salt = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self { number, salt })
    }
}

impl FileKind {
    /// The first bytes of a file.
    pub(crate) fn header(&self, identity: Identity) -> Vec<u8> {
        let mut bytes = self.magic.to_vec();
        bytes.extend(self.layout.to_be_bytes());
        bytes.extend(identity.number.to_be_bytes());
        bytes.extend(identity.salt.to_be_bytes());
        bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
        bytes
    }

    /// Which file this is; none = its header is not whole.
    pub(crate) fn read_header(&self, bytes: &[u8]) -> Result<Option<Identity>, StoreError> {
        let Some((header, _)) = bytes.split_first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let (told, checksum) = header.split_at(HEADER_BYTES - 4);
        if crc32fast::hash(told).to_be_bytes() != checksum || !told.starts_with(self.magic) {
            return Ok(None);
        }
        let (mut reader, mut layout) = (Reader(&told[self.magic.len()..]), 0);
        let identity = (|| {
            layout = u32::from_be_bytes(reader.array()?);
            Some(Identity {
                number: u32::from_be_bytes(reader.array()?),
                salt: u64::from_be_bytes(reader.array()?),
            })
        })();
        if layout > self.layout {
            return Err(StoreError::NewerFormat { found: layout, known: self.layout });
        }
        Ok(identity)
    }
}

impl Announced {
    /// Reads the header of the frame that lies at `offset`; none = it is damaged.
    pub(crate) fn read(header: &[u8; FRAME_HEADER_BYTES], identity: Identity, offset: u64) -> Option<Self> {
        let (told, checksum) = header.split_at(12);
        if !told.starts_with(&FRAME_MAGIC) || header_checksum(told, identity, offset) != checksum {
            return None;
        }
        let [_, _, _, _, l0, l1, l2, l3, c0, c1, c2, c3, ..] = *header;
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        Some(Self { length, checksum: u32::from_be_bytes([c0, c1, c2, c3]) })
    }

    /// Whether this is that payload.
    pub(crate) fn is_of(&self, payload: &[u8]) -> bool {
        planted(Bug::TornFrameAccepted) || crc32fast::hash(payload) == self.checksum
    }
}

/// Writes a group as the frame that is to lie at `offset`.
pub(super) fn encode(group: &[Change], identity: Identity, offset: u64) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![0; FRAME_HEADER_BYTES];
    for op in group.iter().flat_map(Change::ops) {
        match op {
            Op::Put(key, value) => write_op(&mut bytes, PUT, key, value)?,
            Op::Delete(key) => write_op(&mut bytes, DELETE, key, &[])?,
        }
    }
    seal(&mut bytes, identity, offset)?;
    Ok(bytes)
}

/// Writes entries as a group that puts them has them in its payload.
pub(crate) fn payload_of(entries: &[Entry]) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    for (key, value) in entries {
        write_op(&mut bytes, PUT, key, value)?;
    }
    Ok(bytes)
}

fn write_op(bytes: &mut Vec<u8>, kind: u8, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    bytes.push(kind);
    bytes.extend(length(key.len())?);
    bytes.extend(length(value.len())?);
    bytes.extend(key);
    bytes.extend(value);
    Ok(())
}

/// Makes a frame that is to lie at `offset` of a payload with room for the header before it.
pub(crate) fn seal(bytes: &mut [u8], identity: Identity, offset: u64) -> Result<(), StoreError> {
    let (header, payload) = bytes.split_at_mut(FRAME_HEADER_BYTES);
    header[..4].copy_from_slice(&FRAME_MAGIC);
    header[4..8].copy_from_slice(&length(payload.len())?);
    header[8..12].copy_from_slice(&crc32fast::hash(payload).to_be_bytes());
    let checksum = header_checksum(&header[..12], identity, offset);
    header[12..].copy_from_slice(&checksum);
    Ok(())
}

/// What lies at `offset` of a segment.
pub(super) fn read(segment: &[u8], identity: Identity, offset: usize) -> Found<'_> {
    let rest = segment.get(offset..).unwrap_or_default();
    if rest.is_empty() {
        return Found::End;
    }
    let Some((header, rest)) = rest.split_first_chunk() else { return Found::Damage };
    let Some(announced) = Announced::read(header, identity, offset as u64) else { return Found::Damage };
    match rest.get(..announced.length).filter(|payload| announced.is_of(payload)) {
        Some(payload) => Found::Frame(payload, offset + FRAME_HEADER_BYTES + payload.len()),
        None => Found::Damage,
    }
}

/// Whether a whole frame begins anywhere after `offset`.
pub(super) fn has_frame_after(segment: &[u8], identity: Identity, offset: usize) -> bool {
    let places = segment.windows(FRAME_MAGIC.len()).enumerate().skip(offset + 1);
    places
        .filter(|(_, bytes)| **bytes == FRAME_MAGIC)
        .any(|(place, _)| matches!(read(segment, identity, place), Found::Frame(..)))
}

/// The operations of a payload.
pub(crate) fn decode(payload: &[u8]) -> Result<Vec<Op>, StoreError> {
    let mut reader = Reader(payload);
    let mut ops = Vec::new();
    while !reader.0.is_empty() {
        let op = reader.op();
        ops.push(op.ok_or_else(|| StoreError::corrupt("a group of the journal", "it cannot be read"))?);
    }
    Ok(ops)
}

fn header_checksum(told: &[u8], identity: Identity, offset: u64) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&identity.salt.to_be_bytes());
    hasher.update(&identity.number.to_be_bytes());
    hasher.update(&offset.to_be_bytes());
    hasher.update(told);
    hasher.finalize().to_be_bytes()
}

fn length(bytes: usize) -> Result<[u8; 4], StoreError> {
    let length = u32::try_from(bytes).map(u32::to_be_bytes);
    length.map_err(|_| StoreError::corrupt("a group for the journal", "it is longer than its limit"))
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn op(&mut self) -> Option<Op> {
        let [kind] = self.array()?;
        let (key, value) = (u32::from_be_bytes(self.array()?), u32::from_be_bytes(self.array()?));
        let (key, value) = (self.take(key as usize)?, self.take(value as usize)?);
        match kind {
            PUT => Some(Op::Put(key.to_vec(), value.to_vec())),
            DELETE if value.is_empty() => Some(Op::Delete(key.to_vec())),
            _ => None,
        }
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const IDENTITY: Identity = Identity { number: 7, salt: 0x1234_5678_9abc_def0 };

    fn any_group() -> impl Strategy<Value = Vec<Change>> {
        let op = (
            prop::collection::vec(any::<u8>(), 1..20),
            prop::option::of(prop::collection::vec(any::<u8>(), 0..50)),
        );
        let change = prop::collection::vec(op, 0..5).prop_map(|ops| {
            ops.into_iter().fold(Change::default(), |change, (key, value)| match value {
                Some(value) => change.put(key, value).unwrap(),
                None => change.delete(key).unwrap(),
            })
        });
        prop::collection::vec(change, 0..5)
    }

    proptest! {
        #[test]
        fn groups_read_back(group in any_group()) {
            let frame = encode(&group, IDENTITY, 0).unwrap();
            let Found::Frame(payload, end) = read(&frame, IDENTITY, 0) else { panic!("it is whole") };
            prop_assert_eq!(end, frame.len());
            let ops: Vec<_> = group.iter().flat_map(Change::ops).cloned().collect();
            prop_assert_eq!(decode(payload).unwrap(), ops);
        }

        #[test]
        fn one_flipped_bit_is_damage(group in any_group(), at in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let mut frame = encode(&group, IDENTITY, 0).unwrap();
            let at = at.index(frame.len());
            frame[at] ^= 1_u8 << bit;
            prop_assert_eq!(read(&frame, IDENTITY, 0), Found::Damage);
        }

        #[test]
        fn a_cut_frame_is_damage(group in any_group(), at in any::<prop::sample::Index>()) {
            let frame = encode(&group, IDENTITY, 0).unwrap();
            let cut = at.index(frame.len() - 1) + 1;
            prop_assert_eq!(read(&frame[..cut], IDENTITY, 0), Found::Damage);
        }

        #[test]
        fn foreign_bytes_are_no_segment(bytes in any::<Vec<u8>>()) {
            prop_assert_eq!(SEGMENT.read_header(&bytes).unwrap(), None);
            prop_assert!(!matches!(read(&bytes, IDENTITY, 0), Found::Frame(..)));
        }
    }

    #[test]
    fn a_frame_counts_only_where_it_was_written() {
        let change = Change::default().put(b"key".to_vec(), b"value".to_vec()).unwrap();
        let frame = encode(&[change], IDENTITY, 36).unwrap();
        assert_eq!(read(&frame, IDENTITY, 0), Found::Damage, "at another place");
        let shifted = [vec![0; 36], frame].concat();
        assert!(matches!(read(&shifted, IDENTITY, 36), Found::Frame(..)));
        assert_eq!(
            read(&shifted, Identity { number: 8, ..IDENTITY }, 36),
            Found::Damage,
            "in another segment"
        );
        assert!(has_frame_after(&shifted, IDENTITY, 0));
        assert!(!has_frame_after(&shifted, IDENTITY, 36));
    }

    #[test]
    fn a_header_says_which_segment_it_is() {
        let header = SEGMENT.header(IDENTITY);
        assert_eq!(header.len(), HEADER_BYTES);
        assert_eq!(SEGMENT.read_header(&header).unwrap(), Some(IDENTITY));
        assert_eq!(SEGMENT.read_header(&header[..35]).unwrap(), None);
    }

    #[test]
    fn a_newer_layout_is_refused() {
        let mut header = SEGMENT.header(IDENTITY);
        header[19] += 1;
        let checksum = crc32fast::hash(&header[..32]).to_be_bytes();
        header[32..].copy_from_slice(&checksum);
        assert!(matches!(SEGMENT.read_header(&header), Err(StoreError::NewerFormat { found: 2, known: 1 })));
    }
}
