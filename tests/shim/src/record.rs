//! The form of a trace: records one behind the other, each a header and then a payload. It is written and read on one
//! machine, so numbers are as that machine has them.
#![allow(dead_code, reason = "one side writes what the other reads")]

/// Bytes before a payload.
pub(crate) const HEADER_BYTES: usize = 32;
/// The open made the file.
pub(crate) const CREATED: u32 = 1;
/// The open emptied the file.
pub(crate) const TRUNCATED: u32 = 2;

/// What a record tells. Payloads are paths, two of them with a NUL between, or what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    /// A process begins.
    Start,
    /// A file or directory was opened. Flags: [`CREATED`], [`TRUNCATED`].
    Open,
    /// A descriptor was given up.
    Close,
    /// Bytes were written at `offset`.
    Write,
    /// A file is `offset` bytes long from now on.
    Resize,
    /// `fsync` or `fdatasync` succeeded.
    Sync,
    /// From, to.
    Rename,
    /// A file lost this name.
    Unlink,
    /// A directory was made.
    Mkdir,
    /// A directory was removed.
    Rmdir,
    /// From, to.
    Link,
    /// A sync was made to fail.
    FailedSync,
    /// Anything else was made to fail.
    Failed,
}

impl Kind {
    const ALL: [Self; 13] = [
        Self::Start,
        Self::Open,
        Self::Close,
        Self::Write,
        Self::Resize,
        Self::Sync,
        Self::Rename,
        Self::Unlink,
        Self::Mkdir,
        Self::Rmdir,
        Self::Link,
        Self::FailedSync,
        Self::Failed,
    ];
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) flags: u32,
    pub(crate) process: u32,
    pub(crate) descriptor: i32,
    pub(crate) offset: u64,
    pub(crate) payload_bytes: u64,
}

impl Header {
    pub(crate) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&(self.kind as u32).to_ne_bytes());
        bytes[4..8].copy_from_slice(&self.flags.to_ne_bytes());
        bytes[8..12].copy_from_slice(&self.process.to_ne_bytes());
        bytes[12..16].copy_from_slice(&self.descriptor.to_ne_bytes());
        bytes[16..24].copy_from_slice(&self.offset.to_ne_bytes());
        bytes[24..].copy_from_slice(&self.payload_bytes.to_ne_bytes());
        bytes
    }

    /// Reads a header; none = it is not one.
    pub(crate) fn from_bytes(bytes: [u8; HEADER_BYTES]) -> Option<Self> {
        let (numbers, _) = bytes.as_chunks::<4>();
        let [kind, flags, process, descriptor, o0, o1, p0, p1] = *numbers.first_chunk()?;
        let kind = usize::try_from(u32::from_ne_bytes(kind)).ok()?;
        let long = |low: [u8; 4], high: [u8; 4]| {
            let mut bytes = [0; 8];
            bytes[..4].copy_from_slice(&low);
            bytes[4..].copy_from_slice(&high);
            u64::from_ne_bytes(bytes)
        };
        Some(Self {
            kind: *Kind::ALL.get(kind)?,
            flags: u32::from_ne_bytes(flags),
            process: u32::from_ne_bytes(process),
            descriptor: i32::from_ne_bytes(descriptor),
            offset: long(o0, o1),
            payload_bytes: long(p0, p1),
        })
    }
}
