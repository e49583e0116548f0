//! Plain jobs: their lines, and how many of them there are.
//!
//! They have families of their own, so that a start reads only the other live ones, and of each line a part.

use std::{collections::BTreeMap, sync::Arc};

use windlass_core::{
    job::{Job, Timestamp, queue_number},
    parked::{Load, Loaded, Parked, Place, PlainJobs},
};
use windlass_wire::id::JobId;

use super::{
    Change, Family, Key, Store, StoreError,
    engine::{Direction, KeyRange, SCAN_ENTRIES_MAX},
    keys::LANE_BYTES,
    lanes::{job_id, lanes_of},
    record,
};

impl Change {
    /// Writes how many plain jobs a queue has.
    pub fn set_plain_jobs(self, queue: u32, plain: PlainJobs) -> Result<Self, StoreError> {
        self.put(
            Key::PlainJobs(queue).to_bytes(),
            [plain.ready, plain.scheduled].map(|count| (count as u64).to_be_bytes()).concat(),
        )
    }
}

impl Store {
    /// What a start has to know of plain jobs; of those `named` by others which are plain. Blocks on the disk.
    pub fn parked(&self, named: impl Iterator<Item = JobId>) -> Result<Parked, StoreError> {
        let lanes = lanes_of(self.engine.as_ref(), &[Family::ReadyJob.prefix()])?;
        let lane = |[a, b, c, level]: [u8; LANE_BYTES]| (u32::from_be_bytes([0, a, b, c]), level);
        let timetable = KeyRange::prefix(&[Family::Timetable.prefix()]);
        let mut awaited = Vec::new();
        for id in named {
            if self.plain_job(id)?.is_some() {
                awaited.push(id);
            }
        }
        Ok(Parked {
            counts: self.plain_jobs()?,
            lanes: lanes.into_iter().map(lane).collect(),
            has_timetable: !self.engine.scan(&timetable, Direction::Forward, 1)?.is_empty(),
            awaited,
        })
    }

    /// Reads a job if it is plain. Blocks on the disk.
    pub fn plain_job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        match self.read(&Key::ScheduledJob(id))? {
            Some(job) => Ok(Some(job)),
            None => self.read(&Key::ReadyJob(id)),
        }
    }

    /// Finds up to `limit` plain jobs of a queue. Blocks on the disk.
    pub fn plain_jobs_of(&self, queue: u32, limit: usize) -> Result<Vec<JobId>, StoreError> {
        let mut jobs = Vec::new();
        for family in [Family::ReadyJob, Family::ScheduledJob] {
            let prefix = [&[family.prefix()], &queue.to_be_bytes()[1..]].concat();
            let left = limit.saturating_sub(jobs.len());
            for (key, _) in self.engine.scan(&KeyRange::prefix(&prefix), Direction::Forward, left)? {
                jobs.push(job_id(&key)?);
            }
        }
        Ok(jobs)
    }

    /// Reads a part of a line of plain jobs. Blocks on the disk.
    pub fn load(&self, load: Load) -> Result<Loaded, StoreError> {
        let limit = load.jobs_max.min(SCAN_ENTRIES_MAX);
        let (jobs, read) = match load.after {
            Place::Lane(after) => self.load_lane(after, limit)?,
            Place::Timetable(due, job) => self.load_timetable(due, job, limit)?,
        };
        Ok(Loaded { load, jobs, is_end: read < limit })
    }

    fn load_lane(&self, after: JobId, limit: usize) -> Result<(Vec<Arc<Job>>, usize), StoreError> {
        let first = JobId(after.0.saturating_add(1)).to_bytes();
        let lane = [&[Family::ReadyJob.prefix()], &first[..LANE_BYTES]].concat();
        let range = KeyRange::prefix(&lane).from(&[&[Family::ReadyJob.prefix()], first.as_slice()].concat());
        let entries = self.engine.scan(&range, Direction::Forward, limit)?;
        let jobs: Result<Vec<_>, _> =
            entries.iter().map(|(_, value)| record::decode::<Job>(value).map(Arc::new)).collect();
        Ok((jobs?, entries.len()))
    }

    fn load_timetable(
        &self,
        due: Timestamp,
        job: JobId,
        limit: usize,
    ) -> Result<(Vec<Arc<Job>>, usize), StoreError> {
        let range = KeyRange::prefix(&[Family::Timetable.prefix()]);
        let range = range.above(&Key::Timetable { due, job }.to_bytes());
        let entries = self.engine.scan(&range, Direction::Forward, limit)?;
        let mut jobs = Vec::new();
        for (key, _) in &entries {
            let Key::Timetable { job, .. } = Key::from_bytes(key)? else { continue };
            // One that has just come due or was cancelled is not there any more.
            jobs.extend(self.read(&Key::ScheduledJob(job))?.map(Arc::new));
        }
        Ok((jobs, entries.len()))
    }

    fn plain_jobs(&self) -> Result<Vec<(u32, PlainJobs)>, StoreError> {
        let mut range = KeyRange::prefix(&[Family::PlainJobs.prefix()]);
        let mut counts = Vec::new();
        loop {
            let entries = self.engine.scan(&range, Direction::Forward, SCAN_ENTRIES_MAX)?;
            let Some((last, _)) = entries.last() else { return Ok(counts) };
            range = range.above(last);
            for (key, value) in &entries {
                let Key::PlainJobs(queue) = Key::from_bytes(key)? else { continue };
                counts.push((queue, read_count(value)?));
            }
        }
    }

    /// Moves the plain jobs of an older broker to their families, and counts them. Blocks on the disk.
    pub(super) fn part_plain_jobs(&self) -> Result<(), StoreError> {
        let mut last = None;
        loop {
            let jobs = self.list::<Job>(Family::LiveJob, last.as_ref(), SCAN_ENTRIES_MAX)?;
            let Some((key, _)) = jobs.last() else { break };
            last = Some(key.clone());
            let plain = jobs.iter().filter(|(_, job)| job.is_plain());
            let part = |(key, job): &(Key, Job)| Change::default().remove(key)?.set_record(job);
            self.engine.commit(&plain.map(part).collect::<Result<Vec<_>, _>>()?)?;
        }
        let mut counts = BTreeMap::<u32, PlainJobs>::new();
        for family in [Family::ReadyJob, Family::ScheduledJob] {
            let mut last = None;
            loop {
                let jobs = self.list::<Job>(family, last.as_ref(), SCAN_ENTRIES_MAX)?;
                let Some((key, _)) = jobs.last() else { break };
                last = Some(key.clone());
                for (_, job) in &jobs {
                    let plain = counts.entry(queue_number(job.id)).or_default();
                    let is_ready = family == Family::ReadyJob;
                    *if is_ready { &mut plain.ready } else { &mut plain.scheduled } += 1;
                }
            }
        }
        let write = |(queue, plain): (u32, PlainJobs)| Change::default().set_plain_jobs(queue, plain);
        self.engine.commit(&counts.into_iter().map(write).collect::<Result<Vec<_>, _>>()?)
    }
}

pub(super) fn read_count(value: &[u8]) -> Result<PlainJobs, StoreError> {
    let count = value.split_first_chunk::<8>().and_then(|(ready, scheduled)| {
        let scheduled = scheduled.try_into().ok()?;
        let count = |bytes| usize::try_from(u64::from_be_bytes(bytes)).ok();
        Some(PlainJobs { ready: count(*ready)?, scheduled: count(scheduled)? })
    });
    count.ok_or_else(|| StoreError::corrupt("the number of plain jobs", "it has not 16 bytes"))
}

#[cfg(test)]
mod tests;
