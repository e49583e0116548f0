//! The broker of a world: the scheduler, the groups on their way to the disk, and the disk.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use windlass_core::{
    command::{Answer, Command, Refusal},
    decision::Decision,
    groups::Groups,
    idempotency::{KeyName, KeyRecord},
    job::{Digest, Fence, Job, State, Timestamp, WorkerId, level, queue_number},
    parked::{Fetches, Load, Loaded, Parked, Place, PlainJobs},
    pins::Pins,
    queue::Queue,
    schedule::{Calendar, DueTick, Schedule},
    scheduler::{Remembered, Scheduler},
};
use windlass_wire::{id::JobId, state::JobState};

/// Groups on their way to the disk at most.
const GROUPS_IN_FLIGHT_MAX: usize = 3;

/// What is written at once.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Job(Arc<Job>, Option<KeyRecord>, Option<Arc<Schedule>>),
    Queue(Queue),
    ForgetKey(Arc<KeyName>),
    Schedule(Arc<Schedule>),
    ForgetSchedule(Arc<Schedule>),
    Purge(Arc<Job>),
    Counts(u32, PlainJobs),
}

/// What is written together: by the driver, or by whoever forgets final jobs.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) changes: Vec<Change>,
    pub(crate) is_purge: bool,
}

/// What can be pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    Blob(Digest),
    Job(JobId),
}

/// What follows once everything before it is durable.
#[derive(Debug)]
pub(crate) enum Effect {
    Answer(u64, Result<Answer, Refusal>, Vec<Target>),
    Assign(WorkerId, Fence, Arc<Job>),
    Stop(Fence),
    Tick(DueTick),
    Load(Load),
    Fetch(JobId),
    Unpin(Vec<Target>),
}

/// A calendar whose cron is a number of milliseconds.
#[derive(Debug)]
pub(crate) struct Beats;

impl Calendar for Beats {
    fn next(&self, cron: &str, _: &str, after: Timestamp) -> Option<Timestamp> {
        let period: u64 = cron.parse().ok()?;
        Some(Timestamp((after.0 / period + 1) * period))
    }
}

/// What is on the disk: it outlives a crash.
#[derive(Debug, Default, Clone)]
pub(crate) struct Disk {
    pub(crate) jobs: BTreeMap<JobId, Arc<Job>>,
    pub(crate) queues: BTreeMap<u32, Queue>,
    pub(crate) keys: BTreeMap<Arc<KeyName>, KeyRecord>,
    pub(crate) schedules: BTreeMap<String, Arc<Schedule>>,
    pub(crate) blobs: BTreeSet<Digest>,
    pub(crate) counts: BTreeMap<u32, PlainJobs>,
    /// The jobs that were purged, and how they had ended.
    pub(crate) tombstones: BTreeMap<JobId, JobState>,
}

impl Disk {
    pub(crate) fn write(&mut self, change: Change) {
        match change {
            Change::Job(job, key, schedule) => {
                self.keys.extend(key.map(|key| (Arc::clone(&key.name), key)));
                self.schedules.extend(schedule.map(|schedule| (schedule.name.clone(), schedule)));
                self.jobs.insert(job.id, job);
            }
            Change::Queue(queue) => drop(self.queues.insert(queue.number, queue)),
            Change::ForgetKey(name) => drop(self.keys.remove(&name)),
            Change::Schedule(schedule) => drop(self.schedules.insert(schedule.name.clone(), schedule)),
            Change::ForgetSchedule(schedule) => drop(self.schedules.remove(&schedule.name)),
            Change::Counts(queue, plain) => drop(self.counts.insert(queue, plain)),
            Change::Purge(job) => {
                self.jobs.remove(&job.id);
                self.tombstones.insert(job.id, job.state.name());
            }
        }
    }

    /// Whether a record points to a blob.
    pub(crate) fn points_to(&self, blob: Digest) -> bool {
        self.jobs.values().any(|job| job.blobs().any(|own| own == blob))
    }

    fn remembered(&self) -> Remembered {
        let live = || self.jobs.values().filter(|job| !job.state.is_final());
        let awaited = live().flat_map(|job| job.state.left().chain(&job.spec.parent));
        let awaited: Vec<_> = awaited.filter_map(|id| self.jobs.get(id)).collect();
        let ended = awaited.iter().filter(|job| job.state.is_final());
        let plain = || live().filter(|job| job.is_plain());
        let ready = plain().filter(|job| job.state == State::Ready);
        let lanes: BTreeSet<_> = ready.map(|job| (queue_number(job.id), level(job.id))).collect();
        let parked = Parked {
            counts: self.counts.iter().map(|(queue, plain)| (*queue, *plain)).collect(),
            lanes: lanes.into_iter().collect(),
            has_timetable: plain().any(|job| job.state != State::Ready),
            awaited: awaited.iter().filter(|job| job.is_plain()).map(|job| job.id).collect(),
        };
        Remembered {
            queues: self.queues.values().cloned().collect(),
            jobs: live().filter(|job| !job.is_plain()).map(|job| Job::clone(job)).collect(),
            parked,
            ended: ended.map(|job| (job.id, job.state.name())).collect(),
            keys: self.keys.values().cloned().collect(),
            schedules: self.schedules.values().map(|schedule| Schedule::clone(schedule)).collect(),
        }
    }
}

impl Disk {
    /// A part of a line of plain jobs.
    pub(crate) fn load(&self, load: Load) -> Loaded {
        let plain = self.jobs.values().filter(|job| job.is_plain());
        let mut jobs: Vec<_> = match load.after {
            Place::Lane(after) => {
                let in_lane = |id: JobId| id > after && id.0 >> 96 == (after.0 + 1) >> 96;
                plain.filter(|job| job.state == State::Ready && in_lane(job.id)).cloned().collect()
            }
            Place::Timetable(at, id) => {
                let is_after = |job: &&Arc<Job>| due(job).is_some_and(|due| (due, job.id) > (at, id));
                plain.filter(is_after).cloned().collect()
            }
        };
        jobs.sort_by_key(|job| (due(job), job.id));
        let is_end = jobs.len() < load.jobs_max;
        jobs.truncate(load.jobs_max);
        Loaded { load, jobs, is_end }
    }
}

fn due(job: &Job) -> Option<Timestamp> {
    if let State::Scheduled { due } = job.state { Some(due) } else { None }
}

/// What a client asks for.
#[derive(Debug)]
pub(crate) struct Request {
    number: u64,
    command: Command,
    pinned: Vec<Target>,
}

/// One start of the broker.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) scheduler: Scheduler,
    pub(crate) groups: Groups<Change, Effect>,
    pub(crate) writing: VecDeque<Group>,
    /// The jobs as the scheduler has them, whether durable or not.
    pub(crate) jobs: BTreeMap<JobId, Arc<Job>>,
    pub(crate) queues: BTreeMap<u32, Queue>,
    pub(crate) schedules: BTreeMap<String, Arc<Schedule>>,
    /// What is to be done now.
    pub(crate) effects: VecDeque<Effect>,
    pub(crate) pins: Pins<Target>,
    /// What waits for a parked job.
    pub(crate) fetches: Fetches<Request>,
    /// Jobs that were granted, and for each one of its lane that should have been granted before.
    pub(crate) granted: Vec<(JobId, Option<JobId>)>,
    /// Blobs that may have lost the last that used them.
    pub(crate) to_sweep: BTreeSet<Digest>,
}

impl Broker {
    /// Starts over what the disk has.
    pub(crate) fn start(start: u32, disk: &Disk, window_jobs: usize, now: Timestamp) -> Self {
        let remembered = disk.remembered();
        let (scheduler, decisions) = Scheduler::restore(start, remembered, window_jobs, Box::new(Beats), now);
        let mut broker = Self {
            scheduler,
            groups: Groups::default(),
            writing: VecDeque::new(),
            jobs: disk.jobs.clone(),
            queues: disk.queues.clone(),
            schedules: disk.schedules.clone(),
            effects: VecDeque::new(),
            pins: Pins::default(),
            fetches: Fetches::default(),
            granted: Vec::new(),
            to_sweep: disk.blobs.clone(),
        };
        broker.carry_out(decisions);
        broker
    }

    /// Whether it takes requests now.
    pub(crate) fn is_open(&self) -> bool {
        self.writing.iter().filter(|group| !group.is_purge).count() < GROUPS_IN_FLIGHT_MAX
    }

    /// Carries out a command that nobody waits for.
    pub(crate) fn tell(&mut self, command: Command, now: Timestamp) -> Result<Answer, Refusal> {
        let (answer, decisions) = self.scheduler.handle(command, now);
        self.carry_out(decisions);
        answer
    }

    /// Carries out a command and answers it once that is durable.
    pub(crate) fn ask(&mut self, number: u64, command: Command, pinned: Vec<Target>, now: Timestamp) {
        self.take(Request { number, command, pinned }, BTreeSet::new(), now);
    }

    fn take(&mut self, request: Request, known: BTreeSet<JobId>, now: Timestamp) {
        if let Some(job) = self.scheduler.missing(&request.command, &known) {
            if self.fetches.wait(job, request, known) {
                self.groups.after(Effect::Fetch(job));
            }
            return;
        }
        let answer = self.tell(request.command, now);
        self.groups.after(Effect::Answer(request.number, answer, request.pinned));
    }

    /// A job was read that may have been parked.
    pub(crate) fn fetched(&mut self, id: JobId, job: Option<Arc<Job>>, now: Timestamp) {
        let job = job.filter(|job| job.is_plain());
        let Some(waiting) = self.fetches.fetched(id, job.is_some()) else {
            self.groups.after(Effect::Fetch(id));
            return;
        };
        if let Some(job) = job {
            drop(self.tell(Command::Fetched(job), now));
        }
        for (request, known) in waiting {
            self.take(request, known, now);
        }
    }

    /// A job of the same lane that stands before this one.
    fn overtaken(&self, granted: &Job) -> Option<JobId> {
        let lane = JobId(granted.id.0 >> 96 << 96)..granted.id;
        let is_whole = |job: &Job| self.queues[&queue_number(job.id)].limits.per_tag.is_some();
        let waits = |job: &Job| job.state == State::Ready && job.spec.serial_key.is_none() && !is_whole(job);
        self.jobs.range(lane).find(|(_, job)| waits(job)).map(|(id, _)| *id)
    }

    /// What was pinned is no longer used.
    pub(crate) fn unpin(&mut self, pinned: Vec<Target>) {
        for target in pinned {
            let was_last = self.pins.unpin(&target);
            if let (Target::Blob(blob), true) = (target, was_last) {
                self.to_sweep.insert(blob);
            }
        }
    }

    pub(crate) fn carry_out(&mut self, decisions: Vec<Decision>) {
        for decision in decisions {
            if let Decision::Assign { job, .. } = &decision {
                self.granted.push((job.id, self.overtaken(job)));
            }
            match decision {
                Decision::Accept { job, key, schedule } => {
                    self.groups.submitted(job.id);
                    self.jobs.insert(job.id, Arc::clone(&job));
                    let known = schedule.iter().map(|schedule| (schedule.name.clone(), Arc::clone(schedule)));
                    self.schedules.extend(known);
                    self.groups.change(Change::Job(job, key, schedule));
                }
                Decision::SaveSchedule { schedule, .. } | Decision::SkipTick(schedule) => {
                    self.schedules.insert(schedule.name.clone(), Arc::clone(&schedule));
                    self.groups.change(Change::Schedule(schedule));
                }
                Decision::ForgetSchedule(schedule) => {
                    self.schedules.remove(&schedule.name);
                    self.groups.change(Change::ForgetSchedule(schedule));
                }
                Decision::Load(load) => self.groups.after(Effect::Load(load)),
                Decision::Tick(due) => self.effects.push_back(Effect::Tick(due)),
                Decision::Save(job) | Decision::SaveRetried(job) => {
                    self.fetches.changed(job.id);
                    self.jobs.insert(job.id, Arc::clone(&job));
                    self.groups.change(Change::Job(job, None, None));
                }
                Decision::SaveQueue(queue) => {
                    self.queues.insert(queue.number, queue.clone());
                    self.groups.change(Change::Queue(queue));
                }
                Decision::ForgetKey(name) => self.groups.change(Change::ForgetKey(name)),
                Decision::Assign { worker, fence, job } if self.groups.is_undurable(job.id) => {
                    self.groups.after(Effect::Assign(worker, fence, job));
                }
                Decision::Assign { worker, fence, job } => {
                    self.effects.push_back(Effect::Assign(worker, fence, job));
                }
                Decision::Stop { fence, .. } => self.groups.after(Effect::Stop(fence)),
                Decision::AssignCall { .. } | Decision::RefuseCall(_) => {}
            }
        }
    }

    /// Hands what was gathered to the disk.
    pub(crate) fn send(&mut self) {
        for (queue, plain) in self.scheduler.take_counts() {
            self.groups.change(Change::Counts(queue, plain));
        }
        let (changes, effects) = self.groups.close();
        self.effects.extend(effects);
        self.writing.extend(changes.map(|changes| Group { changes, is_purge: false }));
    }

    /// The oldest group on its way is durable.
    pub(crate) fn commit(&mut self, disk: &mut Disk) {
        let Some(Group { changes, is_purge }) = self.writing.pop_front() else { return };
        for change in changes {
            if let Change::Purge(job) = &change {
                self.pins.left(&Target::Job(job.id));
                self.to_sweep.extend(job.blobs());
            }
            disk.write(change);
        }
        if !is_purge {
            self.effects.extend(self.groups.acknowledge());
        }
    }
}
