//! A backup as a file: a header, frames as the journal has them, and at the end what a whole one has.
//!
//! | frame | content after its kind |
//! |---|---|
//! | `a`, first and once | JSON: [`About`] |
//! | `c` | a group of changes, as in the journal |
//! | `b` | a blob: digest 32, bytes |
//! | `z`, last and once | JSON: [`End`] |
//! | `x` instead of `z` | text: why there is no more |
//!
//! Each frame's checksums cover its place and the salt of the file, so what is cut, swapped or from another backup is
//! found where it is; the digest at the end covers everything before it.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use windlass_core::job::Digest;

use super::error::BackupError;
use crate::store::{
    StoreError,
    blobs::digest_of,
    journal::frame::{self, Announced, FRAME_HEADER_BYTES, FileKind, HEADER_BYTES, Identity},
};

/// Backups, and their format. It rises when an older windlass could no longer read them.
const BACKUP: FileKind = FileKind { magic: b"windlass backup\n", layout: 1 };
/// Longest frame that is read, in bytes; a page of the longest records is below.
const FRAME_BYTES_MAX: usize = 128 << 20;
/// Memory that a frame gets before its bytes are there.
const RESERVED_BYTES_MAX: usize = 1 << 20;
const ABOUT: u8 = b'a';
const CHANGES: u8 = b'c';
const BLOB: u8 = b'b';
const END: u8 = b'z';
const GIVEN_UP: u8 = b'x';
const DIGEST_BYTES: usize = 32;

/// Where a backup comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct About {
    /// The version of windlass that made it.
    pub(crate) windlass: String,
    /// The format of the store it is of.
    pub(crate) store_format: u32,
    /// The number of that store's start, from which ids are made.
    pub(crate) start: u32,
    /// When it was begun, in milliseconds since 1970.
    pub(crate) made_at: u64,
}

/// What a backup has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Groups of changes.
    pub(crate) groups: u64,
    /// Blobs.
    pub(crate) blobs: u64,
    /// Bytes before the last frame; of a backup that was finished with it.
    pub(crate) bytes: u64,
}

/// What a whole backup ends with.
#[derive(Debug, Serialize, Deserialize)]
struct End {
    counts: Counts,
    /// SHA-256 of everything before this frame.
    sha256: String,
}

/// Writes a backup.
pub(crate) struct Writer<W: Write> {
    out: W,
    identity: Identity,
    digest: Sha256,
    counts: Counts,
}

impl<W: Write> Writer<W> {
    pub(crate) fn begin(mut out: W, about: &About) -> Result<Self, BackupError> {
        let identity = Identity::draw(0)?;
        let header = BACKUP.header(identity);
        out.write_all(&header)?;
        let counts = Counts { bytes: header.len() as u64, ..Counts::default() };
        let mut writer = Self { out, identity, digest: Sha256::new_with_prefix(&header), counts };
        writer.frame(ABOUT, &[&json(about)?])?;
        Ok(writer)
    }

    pub(crate) fn changes(&mut self, group: &[u8]) -> Result<(), BackupError> {
        self.counts.groups += 1;
        self.frame(CHANGES, &[group])
    }

    pub(crate) fn blob(&mut self, digest: &Digest, bytes: &[u8]) -> Result<(), BackupError> {
        self.counts.blobs += 1;
        self.frame(BLOB, &[&digest.0, bytes])
    }

    /// Writes the end; without it nothing written is a backup.
    pub(crate) fn finish(mut self) -> Result<Counts, BackupError> {
        let sha256 = Digest(self.digest.clone().finalize().into()).to_string();
        let end = json(&End { counts: self.counts, sha256 })?;
        self.frame(END, &[&end])?;
        self.out.flush()?;
        Ok(self.counts)
    }

    /// Writes why there is no more.
    pub(crate) fn give_up(mut self, why: &str) -> Result<(), BackupError> {
        self.frame(GIVEN_UP, &[why.as_bytes()])?;
        Ok(self.out.flush()?)
    }

    fn frame(&mut self, kind: u8, parts: &[&[u8]]) -> Result<(), BackupError> {
        let mut bytes = vec![0; FRAME_HEADER_BYTES];
        bytes.push(kind);
        for part in parts {
            bytes.extend_from_slice(part);
        }
        frame::seal(&mut bytes, self.identity, self.counts.bytes)?;
        self.out.write_all(&bytes)?;
        self.digest.update(&bytes);
        self.counts.bytes += bytes.len() as u64;
        Ok(())
    }
}

/// A part of a backup.
#[derive(Debug)]
pub(crate) enum Part {
    /// A group of changes.
    Changes(Vec<u8>),
    /// A blob, which has this digest.
    Blob(Digest, Vec<u8>),
}

/// Reads a backup, and checks it on the way. What was read is one only once everything was.
pub(crate) struct Reader<R: Read> {
    from: R,
    identity: Identity,
    about: About,
    digest: Sha256,
    counts: Counts,
    is_over: bool,
}

impl<R: Read> Reader<R> {
    pub(crate) fn begin(mut from: R) -> Result<Self, BackupError> {
        let mut header = [0; HEADER_BYTES];
        let read = read_up_to(&mut from, &mut header)?;
        if !header.starts_with(BACKUP.magic) {
            return Err(BackupError::Foreign);
        }
        if read < HEADER_BYTES {
            return Err(BackupError::Cut(read as u64));
        }
        let identity = BACKUP.read_header(&header).map_err(|error| newer("the backup", error))?;
        let identity = identity.ok_or(BackupError::Foreign)?;
        let about = About { windlass: String::new(), store_format: 0, start: 0, made_at: 0 };
        let counts = Counts { bytes: read as u64, ..Counts::default() };
        let digest = Sha256::new_with_prefix(header);
        let mut reader = Self { from, identity, about, digest, counts, is_over: false };
        let at = reader.counts.bytes;
        let payload = reader.frame()?;
        let about =
            payload.strip_prefix(&[ABOUT]).ok_or_else(|| damaged(at, "it does not say what it is of"))?;
        reader.about = serde_json::from_slice(about).map_err(|error| damaged(at, error.to_string()))?;
        Ok(reader)
    }

    /// Where it comes from.
    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    /// What was read so far; everything, once the end was.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// The next part; none = the backup was whole.
    pub(crate) fn next(&mut self) -> Result<Option<Part>, BackupError> {
        if self.is_over {
            return Ok(None);
        }
        let (at, before) = (self.counts, self.digest.clone());
        let mut payload = self.frame()?;
        let kind = payload.remove(0);
        match kind {
            CHANGES => {
                self.counts.groups += 1;
                Ok(Some(Part::Changes(payload)))
            }
            BLOB if payload.len() >= DIGEST_BYTES => {
                let bytes = payload.split_off(DIGEST_BYTES);
                let digest = digest_of(&bytes);
                if payload != digest.0 {
                    return Err(damaged(at.bytes, "a blob has another digest"));
                }
                self.counts.blobs += 1;
                Ok(Some(Part::Blob(digest, bytes)))
            }
            END => {
                self.end(&payload, at, before)?;
                Ok(None)
            }
            GIVEN_UP => Err(BackupError::GivenUp(String::from_utf8_lossy(&payload).into_owned())),
            _ => Err(damaged(at.bytes, "a frame is of no known kind")),
        }
    }

    fn end(&mut self, payload: &[u8], counts: Counts, digest: Sha256) -> Result<(), BackupError> {
        let end: End =
            serde_json::from_slice(payload).map_err(|error| damaged(counts.bytes, error.to_string()))?;
        if end.counts != counts || end.sha256 != Digest(digest.finalize().into()).to_string() {
            return Err(damaged(counts.bytes, "what was read is not what was written"));
        }
        if read_up_to(&mut self.from, &mut [0])? > 0 {
            return Err(damaged(self.counts.bytes, "there is more after its end"));
        }
        self.is_over = true;
        Ok(())
    }

    /// Reads a frame's payload, which is not empty.
    fn frame(&mut self) -> Result<Vec<u8>, BackupError> {
        let at = self.counts.bytes;
        let mut header = [0; FRAME_HEADER_BYTES];
        let read = read_up_to(&mut self.from, &mut header)?;
        if read < header.len() {
            return Err(BackupError::Cut(at + read as u64));
        }
        let announced = Announced::read(&header, self.identity, at);
        let announced = announced.ok_or_else(|| damaged(at, "the header of a frame"))?;
        if announced.length == 0 || announced.length > FRAME_BYTES_MAX {
            return Err(damaged(at, "a frame is of no length that one has"));
        }
        let mut payload = Vec::with_capacity(announced.length.min(RESERVED_BYTES_MAX));
        let read = (&mut self.from).take(announced.length as u64).read_to_end(&mut payload)?;
        self.counts.bytes += (header.len() + read) as u64;
        if read < announced.length {
            return Err(BackupError::Cut(self.counts.bytes));
        }
        if !announced.is_of(&payload) {
            return Err(damaged(at, "the content of a frame"));
        }
        self.digest.update(header);
        self.digest.update(&payload);
        Ok(payload)
    }
}

/// Reads until the buffer is full or there is no more; answers how much.
fn read_up_to(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, BackupError> {
    Ok(serde_json::to_vec(value).map_err(io::Error::from)?)
}

fn damaged(at: u64, detail: impl Into<String>) -> BackupError {
    BackupError::Damaged { at, detail: detail.into() }
}

fn newer(what: &'static str, error: StoreError) -> BackupError {
    match error {
        StoreError::NewerFormat { found, known } => BackupError::Newer { what, found, known },
        error @ (StoreError::Busy
        | StoreError::Corrupt { .. }
        | StoreError::Full
        | StoreError::Locked { .. }
        | StoreError::NoJournal
        | StoreError::Stopped
        | StoreError::TailTooLong { .. }
        | StoreError::TooLarge { .. }
        | StoreError::Unavailable(_)
        | StoreError::Unwritable { .. }) => error.into(),
    }
}
