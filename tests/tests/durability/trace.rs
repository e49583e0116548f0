//! A trace as the shim wrote it, read back.

use std::{ops::Range, path::Path};

use crate::record::{CREATED, HEADER_BYTES, Header, Kind, TRUNCATED};

/// What a process did to its files, in order.
pub(crate) struct Trace {
    bytes: Vec<u8>,
    records: Vec<Record>,
}

/// One thing it did.
pub(crate) struct Record {
    header: Header,
    payload: Range<usize>,
    /// The length of the trace with this record.
    pub(crate) end: u64,
}

/// The same, in words.
pub(crate) enum Event<'a> {
    Start,
    Open { path: &'a str, is_created: bool, is_emptied: bool },
    Close,
    Write { offset: u64, bytes: &'a [u8] },
    Resize { length: u64 },
    Sync,
    Rename { from: &'a str, to: &'a str },
    Unlink { path: &'a str },
    Mkdir { path: &'a str },
    Rmdir { path: &'a str },
    Link { from: &'a str, to: &'a str },
    FailedSync,
    Failed,
}

impl Record {
    pub(crate) fn is_sync(&self) -> bool {
        self.header.kind == Kind::Sync
    }
}

impl Trace {
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_default();
        let (mut records, mut at) = (Vec::new(), 0);
        while let Some(header) = bytes.get(at..).and_then(<[u8]>::first_chunk::<HEADER_BYTES>) {
            let header = Header::from_bytes(*header).expect("a trace is made of records");
            let payload = at + HEADER_BYTES;
            let end = payload + usize::try_from(header.payload_bytes).unwrap();
            if end > bytes.len() {
                break;
            }
            records.push(Record { header, payload: payload..end, end: end as u64 });
            at = end;
        }
        Self { bytes, records }
    }

    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    /// The process and descriptor of a record, and what it tells.
    pub(crate) fn event(&self, record: &Record) -> ((u32, i32), Event<'_>) {
        let Header { kind, flags, process, descriptor, offset, .. } = record.header;
        let bytes = &self.bytes[record.payload.clone()];
        let path = || std::str::from_utf8(bytes).expect("our paths are text");
        let two = || path().split_once('\0').expect("two paths have a NUL between them");
        let event = match kind {
            Kind::Start => Event::Start,
            Kind::Open => Event::Open {
                path: path(),
                is_created: flags & CREATED != 0,
                is_emptied: flags & TRUNCATED != 0,
            },
            Kind::Close => Event::Close,
            Kind::Write => Event::Write { offset, bytes },
            Kind::Resize => Event::Resize { length: offset },
            Kind::Sync => Event::Sync,
            Kind::Rename => Event::Rename { from: two().0, to: two().1 },
            Kind::Unlink => Event::Unlink { path: path() },
            Kind::Mkdir => Event::Mkdir { path: path() },
            Kind::Rmdir => Event::Rmdir { path: path() },
            Kind::Link => Event::Link { from: two().0, to: two().1 },
            Kind::FailedSync => Event::FailedSync,
            Kind::Failed => Event::Failed,
        };
        ((process, descriptor), event)
    }

    /// Whether anything was made to fail.
    pub(crate) fn has_failure(&self) -> bool {
        self.records.iter().any(|record| matches!(record.header.kind, Kind::Failed | Kind::FailedSync))
    }
}
