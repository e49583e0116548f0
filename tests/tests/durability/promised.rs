//! Opens what is left of a broker's store and looks for everything it promised.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use serde_json::{Value, json};
use windlass::store::{Family, Store, StoreError, engine::SCAN_ENTRIES_MAX};
use windlass_core::job::{Job, Payload};
use windlass_tests::{broker::Broker, numbered::number};
use windlass_wire::{id::JobId, name::DEFAULT_CHANNEL, state::JobState};

use crate::{
    check::Findings,
    jobs::{Promise, Promised},
    play,
};

/// Looks with the library.
pub(crate) fn check(data: &Path, promised: &[&Promised]) -> Findings {
    let mut findings = Findings { stores: 1, ..Findings::default() };
    let checked = catch_unwind(AssertUnwindSafe(|| {
        let store = Store::new(play::open(data)?)?;
        look(&store, promised, &mut findings)
    }));
    match checked {
        Ok(Ok(())) => {}
        Ok(Err(error)) => findings.refuse(&error),
        Err(_) => findings.refuse(&"it panicked"),
    }
    findings
}

fn look(store: &Store, promised: &[&Promised], findings: &mut Findings) -> Result<(), StoreError> {
    for Promised { promise, job, number, .. } in promised {
        findings.acknowledged += 1;
        let id: JobId = job.parse().expect("what was accepted has an id");
        let (job, tombstone) = (store.job(id)?, store.tombstone(DEFAULT_CHANNEL, id)?);
        let state = job.as_ref().map(|job| job.state.name()).or(tombstone.map(|tombstone| tombstone.state));
        let is_kept = match promise {
            Promise::Accepted => state.is_some(),
            Promise::Cancelled => state == Some(JobState::Cancelled),
            Promise::Succeeded => state == Some(JobState::Succeeded),
            Promise::Purged => state == Some(JobState::Succeeded) && job.is_none(),
        };
        if !is_kept {
            findings.lost += 1;
            findings.note(|| format!("job {number} was {promise:?} and is {state:?}"));
        }
    }
    let numbers: BTreeMap<_, _> = promised.iter().map(|promised| (&promised.job, promised.number)).collect();
    let mut seen = BTreeSet::new();
    for job in all(store)? {
        if !seen.insert(job.id) {
            findings.half_there += 1;
            findings.note(|| format!("job {} is there twice", job.id));
        }
        let asked = numbers.get(&job.id.to_string());
        match read(store, &job)? {
            None => {
                findings.half_there += 1;
                findings.note(|| format!("job {} has no blob", job.id));
            }
            Some(record)
                if number(&record).is_none_or(|found| asked.is_some_and(|asked| *asked != found)) =>
            {
                findings.unexpected += 1;
                findings.note(|| format!("job {} is not what was asked for", job.id));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// All records of jobs, wherever they lie.
fn all(store: &Store) -> Result<Vec<Job>, StoreError> {
    let mut jobs = Vec::new();
    for family in [Family::ScheduledJob, Family::ReadyJob, Family::LiveJob, Family::FinalJob] {
        jobs.extend(store.list(family, None, SCAN_ENTRIES_MAX)?.into_iter().map(|(_, job)| job));
    }
    Ok(jobs)
}

/// What was asked for, if all of it is there: the plugin and the result, too.
fn read(store: &Store, job: &Job) -> Result<Option<Value>, StoreError> {
    for blob in job.blobs().chain([job.spec.version]) {
        if store.blob(&blob)?.is_none() {
            return Ok(None);
        }
    }
    let args = match &job.spec.args {
        Payload::Inline(text) => serde_json::from_str(text),
        Payload::Blob(digest) => serde_json::from_slice(&store.blob(digest)?.unwrap_or_default()),
    };
    let args: Value = args.unwrap_or_default();
    Ok(Some(json!({ "handler": job.spec.handler, "args": args })))
}

/// Looks with the built broker, over its protocol.
pub(crate) async fn ask(broker: &mut Broker, promised: &[&Promised]) -> Findings {
    let mut findings = Findings { stores: 1, ..Findings::default() };
    for Promised { promise, job, number: asked, .. } in promised {
        findings.acknowledged += 1;
        let reply = broker.get(&format!("/v1/jobs/{job}")).await;
        let status = reply.status;
        let record = reply.json();
        let is_kept = match (status, promise) {
            (410, _) => record["error"]["detail"]["state"] != "",
            (200, Promise::Accepted) => number(&record) == Some(*asked),
            (200, Promise::Cancelled) => record["state"] == "cancelled",
            (200, Promise::Succeeded) => record["state"] == "succeeded",
            _ => false,
        };
        if !is_kept {
            findings.lost += 1;
            findings.note(|| format!("job {asked} was {promise:?}; the broker: {status} {record}"));
        }
    }
    broker.kill9().await;
    findings
}
