//! The broker of a world: the scheduler, the groups on their way to the disk, and the disk.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use windlass_core::{
    command::{Answer, Command, Refusal},
    decision::Decision,
    groups::Groups,
    idempotency::{KeyName, KeyRecord},
    job::{Fence, Job, Timestamp, WorkerId},
    queue::Queue,
    scheduler::{Remembered, Scheduler},
};
use windlass_wire::id::JobId;

/// Groups on their way to the disk at most.
const GROUPS_IN_FLIGHT_MAX: usize = 3;

/// What is written together.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Job(Arc<Job>, Option<KeyRecord>),
    Queue(Queue),
    ForgetKey(Arc<KeyName>),
}

/// What follows once everything before it is durable.
#[derive(Debug)]
pub(crate) enum Effect {
    Answer(u64, Result<Answer, Refusal>),
    Assign(WorkerId, Fence, Arc<Job>),
    Stop(Fence),
}

/// What is on the disk: it outlives a crash.
#[derive(Debug, Default, Clone)]
pub(crate) struct Disk {
    pub(crate) jobs: BTreeMap<JobId, Arc<Job>>,
    pub(crate) queues: BTreeMap<u32, Queue>,
    pub(crate) keys: BTreeMap<Arc<KeyName>, KeyRecord>,
}

impl Disk {
    pub(crate) fn write(&mut self, change: Change) {
        match change {
            Change::Job(job, key) => {
                self.keys.extend(key.map(|key| (Arc::clone(&key.name), key)));
                self.jobs.insert(job.id, job);
            }
            Change::Queue(queue) => drop(self.queues.insert(queue.number, queue)),
            Change::ForgetKey(name) => drop(self.keys.remove(&name)),
        }
    }

    fn remembered(&self) -> Remembered {
        let live = || self.jobs.values().filter(|job| !job.state.is_final());
        let awaited = live().flat_map(|job| job.state.left().chain(&job.spec.parent));
        let ended = awaited.filter_map(|id| self.jobs.get(id)).filter(|job| job.state.is_final());
        Remembered {
            queues: self.queues.values().cloned().collect(),
            jobs: live().map(|job| Job::clone(job)).collect(),
            ended: ended.map(|job| (job.id, job.state.name())).collect(),
            keys: self.keys.values().cloned().collect(),
        }
    }
}

/// One start of the broker.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) scheduler: Scheduler,
    pub(crate) groups: Groups<Change, Effect>,
    pub(crate) writing: VecDeque<Vec<Change>>,
    /// The jobs as the scheduler has them, whether durable or not.
    pub(crate) jobs: BTreeMap<JobId, Arc<Job>>,
    pub(crate) queues: BTreeMap<u32, Queue>,
    /// What is to be done now.
    pub(crate) effects: VecDeque<Effect>,
}

impl Broker {
    /// Starts over what the disk has.
    pub(crate) fn start(start: u32, disk: &Disk, now: Timestamp) -> Self {
        let (scheduler, decisions) = Scheduler::restore(start, disk.remembered(), now);
        let mut broker = Self {
            scheduler,
            groups: Groups::default(),
            writing: VecDeque::new(),
            jobs: disk.jobs.clone(),
            queues: disk.queues.clone(),
            effects: VecDeque::new(),
        };
        broker.carry_out(decisions);
        broker
    }

    /// Whether it takes requests now.
    pub(crate) fn is_open(&self) -> bool {
        self.writing.len() < GROUPS_IN_FLIGHT_MAX
    }

    /// Carries out a command that nobody waits for.
    pub(crate) fn tell(&mut self, command: Command, now: Timestamp) -> Result<Answer, Refusal> {
        let (answer, decisions) = self.scheduler.handle(command, now);
        self.carry_out(decisions);
        answer
    }

    /// Carries out a command and answers it once that is durable.
    pub(crate) fn ask(&mut self, request: u64, command: Command, now: Timestamp) {
        let answer = self.tell(command, now);
        self.groups.after(Effect::Answer(request, answer));
    }

    pub(crate) fn carry_out(&mut self, decisions: Vec<Decision>) {
        for decision in decisions {
            match decision {
                Decision::Accept { job, key } => {
                    self.groups.submitted(job.id);
                    self.jobs.insert(job.id, Arc::clone(&job));
                    self.groups.change(Change::Job(job, key));
                }
                Decision::Save(job) | Decision::SaveRetried(job) => {
                    self.jobs.insert(job.id, Arc::clone(&job));
                    self.groups.change(Change::Job(job, None));
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
        let (changes, effects) = self.groups.close();
        self.effects.extend(effects);
        self.writing.extend(changes);
    }

    /// The oldest group on its way is durable.
    pub(crate) fn commit(&mut self, disk: &mut Disk) {
        let Some(changes) = self.writing.pop_front() else { return };
        for change in changes {
            disk.write(change);
        }
        self.effects.extend(self.groups.acknowledge());
    }
}
