//! The table of keys: where every record lies. Prefixes and layouts are on disk and never change.
//!
//! Numbers are big-endian, so the order of bytes is the order of keys.

use windlass_core::job::{Digest, Timestamp};
use windlass_wire::id::JobId;

use super::{
    error::StoreError,
    index::{TERM_BYTES, Term},
};

/// Bytes of a job's id that name its lane: queue (3) and priority (1).
pub(crate) const LANE_BYTES: usize = 4;

/// The first byte of a key says what lies there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Family {
    /// Which jobs point to a blob: digest 32, job 16. The value is empty.
    Reference = b'b',
    /// How many plain jobs a queue has: number 4.
    PlainJobs = b'c',
    /// Records of plain jobs that wait for a time, laid out like other live ones.
    ScheduledJob = b'd',
    /// When final jobs leave: 0, time 8, job 16. The value is since when it is final, 8 bytes.
    Retention = b'e',
    /// Records of final jobs, laid out like live ones.
    FinalJob = b'f',
    /// Jobs that were purged: block 8, channel. A block is a run of sequence numbers.
    Tombstones = b'h',
    /// What jobs can be found by: term 16, sequence 8, queue 3, priority 1, shard 1, salt 3. The value is empty.
    Index = b'i',
    /// Records of jobs that are neither final nor plain: queue 3, priority 1, sequence 8, shard 1, salt 3.
    LiveJob = b'j',
    /// Idempotency keys: channel, NUL, key.
    Idempotency = b'k',
    /// Numbers about the store itself, 4 bytes each.
    Meta = b'm',
    /// What guests wrote to their logs: job 16, attempt 4, chunk 4. Chunks are bounded by their writer.
    Output = b'o',
    /// Plugins by name.
    Plugin = b'p',
    /// Queues: channel, NUL, name.
    Queue = b'q',
    /// Records of plain jobs that are ready, laid out like other live ones.
    ReadyJob = b'r',
    /// Schedules: channel, NUL, name.
    Schedule = b's',
    /// When plain jobs come due: time 8, job 16. The value is empty.
    Timetable = b't',
    /// Plugin versions by the digest of their bytes.
    Version = b'v',
    /// Connections by id.
    Connection = b'w',
}

impl Family {
    /// The first byte of every key of this family.
    pub const fn prefix(self) -> u8 {
        self as u8
    }
}

/// The key of a record. Keys order as their bytes do; names hold no NUL, which the edge has checked (an
/// idempotency key may).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A job that points to a blob.
    Reference {
        /// The blob.
        blob: Digest,
        /// The job.
        job: JobId,
    },
    /// How many plain jobs a queue has, by its number.
    PlainJobs(u32),
    /// A plain job that waits for a time.
    ScheduledJob(JobId),
    /// A final job that leaves at a time.
    Retention {
        /// When.
        until: Timestamp,
        /// The job.
        job: JobId,
    },
    /// A final job.
    FinalJob(JobId),
    /// Jobs of a channel that were purged.
    Tombstones {
        /// The block their sequence numbers are in.
        block: u64,
        /// The channel they belonged to.
        channel: String,
    },
    /// A job that has a term.
    Index {
        /// The term.
        term: Term,
        /// The job.
        place: Place,
    },
    /// A job that is neither final nor plain.
    LiveJob(JobId),
    /// An idempotency key.
    Idempotency {
        /// The channel it belongs to.
        channel: String,
        /// The key.
        key: String,
    },
    /// A number about the store.
    Meta(Meta),
    /// A piece of what one attempt logged.
    Output {
        /// The job.
        job: JobId,
        /// Its attempt, 1 for the first.
        attempt: u32,
        /// The piece, 0 for the first.
        chunk: u32,
    },
    /// A plugin, by name.
    Plugin(String),
    /// A queue.
    Queue {
        /// The channel it belongs to.
        channel: String,
        /// Its name.
        name: String,
    },
    /// A plain job that is ready.
    ReadyJob(JobId),
    /// A schedule.
    Schedule {
        /// The channel it belongs to.
        channel: String,
        /// Its name.
        name: String,
    },
    /// When a plain job comes due.
    Timetable {
        /// When.
        due: Timestamp,
        /// The job.
        job: JobId,
    },
    /// A plugin version.
    Version(Digest),
    /// A connection, by id.
    Connection(String),
}

/// A job by its place in the order of submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its sequence number.
    pub sequence: u64,
    /// What comes before that in its id.
    lane: [u8; LANE_BYTES],
    /// What comes after.
    rest: [u8; 4],
}

impl Place {
    /// The place of a job.
    pub fn of(id: JobId) -> Self {
        let [l0, l1, l2, l3, s0, s1, s2, s3, s4, s5, s6, s7, rest @ ..] = id.to_bytes();
        let sequence = u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
        Self { sequence, lane: [l0, l1, l2, l3], rest }
    }

    /// The job.
    pub fn id(self) -> JobId {
        let [s0, s1, s2, s3, s4, s5, s6, s7] = self.sequence.to_be_bytes();
        let ([l0, l1, l2, l3], [r0, r1, r2, r3]) = (self.lane, self.rest);
        JobId::from_bytes([l0, l1, l2, l3, s0, s1, s2, s3, s4, s5, s6, s7, r0, r1, r2, r3])
    }
}

/// Numbers about the store itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meta {
    /// The last segment of the journal that is in the state.
    Folded,
    /// The format of the whole store.
    Format,
    /// By what jobs are indexed.
    Index,
    /// How often the store has been opened.
    Start,
}

impl Meta {
    const fn name(self) -> &'static [u8] {
        match self {
            Self::Folded => b"folded",
            Self::Format => b"format",
            Self::Index => b"index",
            Self::Start => b"start",
        }
    }
}

impl Key {
    /// The family the key belongs to.
    pub const fn family(&self) -> Family {
        match self {
            Self::Reference { .. } => Family::Reference,
            Self::PlainJobs(_) => Family::PlainJobs,
            Self::ScheduledJob(_) => Family::ScheduledJob,
            Self::Retention { .. } => Family::Retention,
            Self::FinalJob(_) => Family::FinalJob,
            Self::Tombstones { .. } => Family::Tombstones,
            Self::Index { .. } => Family::Index,
            Self::LiveJob(_) => Family::LiveJob,
            Self::Idempotency { .. } => Family::Idempotency,
            Self::Meta(_) => Family::Meta,
            Self::Output { .. } => Family::Output,
            Self::Plugin(_) => Family::Plugin,
            Self::Queue { .. } => Family::Queue,
            Self::ReadyJob(_) => Family::ReadyJob,
            Self::Schedule { .. } => Family::Schedule,
            Self::Timetable { .. } => Family::Timetable,
            Self::Version(_) => Family::Version,
            Self::Connection(_) => Family::Connection,
        }
    }

    /// The key as it is stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.family().prefix()];
        match self {
            Self::Reference { blob, job } => {
                bytes.extend(blob.0);
                bytes.extend(job.to_bytes());
            }
            Self::Retention { until, job } => {
                bytes.push(0);
                bytes.extend(until.0.to_be_bytes());
                bytes.extend(job.to_bytes());
            }
            Self::PlainJobs(queue) => bytes.extend(queue.to_be_bytes()),
            Self::Timetable { due, job } => {
                bytes.extend(due.0.to_be_bytes());
                bytes.extend(job.to_bytes());
            }
            Self::FinalJob(id) | Self::LiveJob(id) | Self::ReadyJob(id) | Self::ScheduledJob(id) => {
                bytes.extend(id.to_bytes());
            }
            Self::Tombstones { block, channel } => {
                bytes.extend(block.to_be_bytes());
                bytes.extend(channel.as_bytes());
            }
            Self::Index { term, place } => {
                bytes.extend(term.0);
                bytes.extend(place.sequence.to_be_bytes());
                bytes.extend(place.lane);
                bytes.extend(place.rest);
            }
            Self::Meta(meta) => bytes.extend(meta.name()),
            Self::Output { job, attempt, chunk } => {
                bytes.extend(job.to_bytes());
                bytes.extend(attempt.to_be_bytes());
                bytes.extend(chunk.to_be_bytes());
            }
            Self::Plugin(name) | Self::Connection(name) => bytes.extend(name.as_bytes()),
            Self::Queue { channel, name }
            | Self::Schedule { channel, name }
            | Self::Idempotency { channel, key: name } => {
                bytes.extend(channel.as_bytes());
                bytes.push(0);
                bytes.extend(name.as_bytes());
            }
            Self::Version(digest) => bytes.extend(digest.0),
        }
        bytes
    }

    /// Reads a stored key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        let damaged = || StoreError::corrupt("a key", bytes.escape_ascii());
        let (family, rest) = bytes.split_first().ok_or_else(damaged)?;
        let key = match family {
            b'b' => reference(rest),
            b'c' => rest.try_into().ok().map(|queue| Self::PlainJobs(u32::from_be_bytes(queue))),
            b'd' => job_id(rest).map(Self::ScheduledJob),
            b'e' => retention(rest),
            b'f' => job_id(rest).map(Self::FinalJob),
            b'h' => tombstones(rest),
            b'i' => index(rest),
            b'j' => job_id(rest).map(Self::LiveJob),
            b'k' => channel_and_name(rest).map(|(channel, key)| Self::Idempotency { channel, key }),
            b'm' => [Meta::Folded, Meta::Format, Meta::Index, Meta::Start]
                .into_iter()
                .find(|meta| meta.name() == rest)
                .map(Self::Meta),
            b'o' => output(rest),
            b'p' => text(rest).map(Self::Plugin),
            b'q' => channel_and_name(rest).map(|(channel, name)| Self::Queue { channel, name }),
            b'r' => job_id(rest).map(Self::ReadyJob),
            b's' => channel_and_name(rest).map(|(channel, name)| Self::Schedule { channel, name }),
            b't' => timetable(rest),
            b'v' => rest.try_into().ok().map(|bytes| Self::Version(Digest(bytes))),
            b'w' => text(rest).map(Self::Connection),
            _ => None,
        };
        key.ok_or_else(damaged)
    }
}

fn job_id(bytes: &[u8]) -> Option<JobId> {
    bytes.try_into().ok().map(JobId::from_bytes)
}

fn reference(bytes: &[u8]) -> Option<Key> {
    let (blob, job) = bytes.split_first_chunk::<32>()?;
    Some(Key::Reference { blob: Digest(*blob), job: job_id(job)? })
}

fn retention(bytes: &[u8]) -> Option<Key> {
    let (until, job) = bytes.strip_prefix(&[0])?.split_first_chunk::<8>()?;
    Some(Key::Retention { until: Timestamp(u64::from_be_bytes(*until)), job: job_id(job)? })
}

fn tombstones(bytes: &[u8]) -> Option<Key> {
    let (block, channel) = bytes.split_first_chunk::<8>()?;
    Some(Key::Tombstones { block: u64::from_be_bytes(*block), channel: text(channel)? })
}

fn timetable(bytes: &[u8]) -> Option<Key> {
    let (due, job) = bytes.split_first_chunk::<8>()?;
    Some(Key::Timetable { due: Timestamp(u64::from_be_bytes(*due)), job: job_id(job)? })
}

fn index(bytes: &[u8]) -> Option<Key> {
    let (term, rest) = bytes.split_first_chunk::<TERM_BYTES>()?;
    let (sequence, rest) = rest.split_first_chunk::<8>()?;
    let (lane, rest) = rest.split_first_chunk::<LANE_BYTES>()?;
    let place = Place { sequence: u64::from_be_bytes(*sequence), lane: *lane, rest: rest.try_into().ok()? };
    Some(Key::Index { term: Term(*term), place })
}

fn output(bytes: &[u8]) -> Option<Key> {
    let (job, rest) = bytes.split_first_chunk::<16>()?;
    let (attempt, rest) = rest.split_first_chunk::<4>()?;
    let chunk = rest.try_into().ok()?;
    Some(Key::Output {
        job: JobId::from_bytes(*job),
        attempt: u32::from_be_bytes(*attempt),
        chunk: u32::from_be_bytes(chunk),
    })
}

fn channel_and_name(bytes: &[u8]) -> Option<(String, String)> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((text(&bytes[..end])?, text(&bytes[end + 1..])?))
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_key() -> impl Strategy<Value = Key> {
        let id = || any::<u128>().prop_map(JobId);
        let name = || "[a-z0-9._:@-]{0,12}";
        prop_oneof![
            (any::<[u8; 32]>(), id()).prop_map(|(blob, job)| Key::Reference { blob: Digest(blob), job }),
            (any::<u64>(), id()).prop_map(|(until, job)| Key::Retention { until: Timestamp(until), job }),
            any::<u32>().prop_map(Key::PlainJobs),
            id().prop_map(Key::ScheduledJob),
            id().prop_map(Key::ReadyJob),
            (any::<u64>(), id()).prop_map(|(due, job)| Key::Timetable { due: Timestamp(due), job }),
            id().prop_map(Key::FinalJob),
            (any::<u64>(), name()).prop_map(|(block, channel)| Key::Tombstones { block, channel }),
            id().prop_map(Key::LiveJob),
            (any::<[u8; TERM_BYTES]>(), id())
                .prop_map(|(term, id)| Key::Index { term: Term(term), place: Place::of(id) }),
            prop_oneof![Just(Meta::Folded), Just(Meta::Format), Just(Meta::Index), Just(Meta::Start)]
                .prop_map(Key::Meta),
            (id(), any::<u32>(), any::<u32>()).prop_map(|(job, attempt, chunk)| Key::Output {
                job,
                attempt,
                chunk
            }),
            name().prop_map(Key::Plugin),
            (name(), name()).prop_map(|(channel, name)| Key::Queue { channel, name }),
            (name(), name()).prop_map(|(channel, name)| Key::Schedule { channel, name }),
            (name(), name()).prop_map(|(channel, key)| Key::Idempotency { channel, key }),
            any::<[u8; 32]>().prop_map(|bytes| Key::Version(Digest(bytes))),
            name().prop_map(Key::Connection),
        ]
    }

    proptest! {
        #[test]
        fn keys_read_back(key in any_key()) {
            prop_assert_eq!(Key::from_bytes(&key.to_bytes()).unwrap(), key);
        }

        #[test]
        fn the_order_of_bytes_is_the_order_of_keys(left in any_key(), right in any_key()) {
            prop_assert_eq!(left.to_bytes().cmp(&right.to_bytes()), left.cmp(&right));
        }

        #[test]
        fn places_lead_back_to_their_jobs(id in any::<u128>().prop_map(JobId)) {
            prop_assert_eq!(Place::of(id).id(), id);
        }

        #[test]
        fn foreign_bytes_are_refused_or_read_back(bytes in any::<Vec<u8>>()) {
            if let Ok(key) = Key::from_bytes(&bytes) {
                prop_assert_eq!(key.to_bytes(), bytes);
            }
        }
    }

    #[test]
    fn the_layout_on_disk_does_not_drift() {
        let job = JobId(0x0000_0107_0000_0000_0000_0009_0000_0005);
        assert_eq!(
            Key::Output { job, attempt: 2, chunk: 3 }.to_bytes(),
            b"o\0\0\x01\x07\0\0\0\0\0\0\0\x09\0\0\0\x05\0\0\0\x02\0\0\0\x03"
        );
        let term = Term::handler("0", "demo/add");
        assert_eq!(
            Key::Index { term, place: Place::of(job) }.to_bytes(),
            [b"i".as_slice(), &term.0, b"\0\0\0\0\0\0\0\x09", b"\0\0\x01\x07", b"\0\0\0\x05"].concat()
        );
        assert_eq!(
            Key::Retention { until: Timestamp(4), job }.to_bytes(),
            b"e\0\0\0\0\0\0\0\0\x04\0\0\x01\x07\0\0\0\0\0\0\0\x09\0\0\0\x05"
        );
        assert_eq!(
            Key::Reference { blob: Digest([b'd'; 32]), job }.to_bytes(),
            [b"b".as_slice(), &[b'd'; 32], b"\0\0\x01\x07\0\0\0\0\0\0\0\x09\0\0\0\x05"].concat()
        );
        assert_eq!(
            Key::Timetable { due: Timestamp(4), job }.to_bytes(),
            b"t\0\0\0\0\0\0\0\x04\0\0\x01\x07\0\0\0\0\0\0\0\x09\0\0\0\x05"
        );
        assert_eq!(Key::Tombstones { block: 5, channel: "0".into() }.to_bytes(), b"h\0\0\0\0\0\0\0\x050");
        assert_eq!(Key::PlainJobs(7).to_bytes(), b"c\0\0\0\x07");
        assert_eq!(Key::Queue { channel: "0".into(), name: "mail".into() }.to_bytes(), b"q0\0mail");
        assert_eq!(Key::Schedule { channel: "0".into(), name: "nightly".into() }.to_bytes(), b"s0\0nightly");
        assert_eq!(Key::Meta(Meta::Start).to_bytes(), b"mstart");
    }
}
