//! Lanes: the jobs of one queue and priority, whose keys lie together.

use std::collections::BTreeSet;

use windlass_wire::id::JobId;

use super::{
    Engine, Family, StoreError,
    engine::{Direction, KeyRange},
    error::Limit,
    keys::{Key, LANE_BYTES},
};

/// What the ids of a lane begin with.
pub(super) type LanePrefix = [u8; LANE_BYTES];

/// The lanes of these queues, or of all, with jobs in one of the families; too many are an error.
pub(super) fn find_lanes(
    engine: &dyn Engine,
    families: &[Family],
    queues: Option<&BTreeSet<u32>>,
) -> Result<BTreeSet<LanePrefix>, StoreError> {
    let mut lanes = BTreeSet::new();
    for family in families {
        let Some(queues) = queues else {
            lanes.extend(lanes_of(engine, &[family.prefix()])?);
            Limit::Lanes.check(lanes.len())?;
            continue;
        };
        for queue in queues {
            let prefix = [&[family.prefix()], &queue.to_be_bytes()[1..]].concat();
            lanes.extend(lanes_of(engine, &prefix)?);
            Limit::Lanes.check(lanes.len())?;
        }
    }
    Ok(lanes)
}

/// The lanes of the jobs whose keys begin with `prefix`, found by skipping from one to the next.
pub(super) fn lanes_of(engine: &dyn Engine, prefix: &[u8]) -> Result<Vec<LanePrefix>, StoreError> {
    let mut lanes = Vec::new();
    let mut range = KeyRange::prefix(prefix);
    while let Some((key, _)) = engine.scan(&range, Direction::Forward, 1)?.pop() {
        let lane = lane_of(job_id(&key)?);
        lanes.push(lane);
        let Some(next) = u32::from_be_bytes(lane).checked_add(1) else { break };
        range = KeyRange::prefix(prefix).from(&[&key[..1], &next.to_be_bytes()].concat());
    }
    Ok(lanes)
}

/// The job a record's key is of.
pub(super) fn job_id(key: &[u8]) -> Result<JobId, StoreError> {
    match Key::from_bytes(key)? {
        Key::FinalJob(id) | Key::LiveJob(id) | Key::ReadyJob(id) | Key::ScheduledJob(id) => Ok(id),
        other @ (Key::Connection(_)
        | Key::Idempotency { .. }
        | Key::Index { .. }
        | Key::Meta(_)
        | Key::Output { .. }
        | Key::PlainJobs(_)
        | Key::Plugin(_)
        | Key::Queue { .. }
        | Key::Schedule { .. }
        | Key::Reference { .. }
        | Key::Retention { .. }
        | Key::Timetable { .. }
        | Key::Tombstones { .. }
        | Key::Version(_)) => Err(StoreError::corrupt("a job's key", format!("{other:?}"))),
    }
}

fn lane_of(id: JobId) -> LanePrefix {
    let bytes = id.to_bytes();
    [bytes[0], bytes[1], bytes[2], bytes[3]]
}
