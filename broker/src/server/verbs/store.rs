//! Reading the whole store, at half speed: whoever else needs it goes on.

use std::{
    io::{self, Write},
    sync::Arc,
    thread,
    time::Instant,
};

use tokio::sync::OwnedSemaphorePermit;
use windlass_wire::{code::ErrorCode, problem::Problem, verify::VerifyReport};

use crate::{
    backup::{self, About, BackupError, Counts},
    server::{
        context::{Context, draining},
        limits::{VERIFY_TOLD_EVERY, WHOLE_READ_REST_MAX},
        translate::store_error,
    },
    store::{Store, StoreError, check::Check, copy::Copying},
};

/// One backup or verification at a time.
struct Turn {
    context: Arc<Context>,
    began: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Turn {
    fn take(context: &Arc<Context>) -> Result<Self, Problem> {
        if context.draining.is_cancelled() {
            return Err(draining());
        }
        let permit = Arc::clone(&context.whole_reads).try_acquire_owned().map_err(|_| {
            Problem::new(ErrorCode::Conflict, "another backup or verification is under way")
                .with_hint("ask again once it is done")
        })?;
        Ok(Self { context: Arc::clone(context), began: Instant::now(), _permit: permit })
    }

    /// Leaves as much time for others as was taken; false = it is time to stop.
    fn rest(&mut self) -> bool {
        thread::sleep(self.began.elapsed().min(WHOLE_READ_REST_MAX));
        self.began = Instant::now();
        !self.context.draining.is_cancelled()
    }
}

/// A backup that can be written.
pub(in crate::server) struct Backup {
    turn: Turn,
    copy: Copying,
    about: About,
}

/// Begins a backup of everything that is durable by now.
pub(in crate::server) async fn begin_backup(context: &Arc<Context>) -> Result<Backup, Problem> {
    let turn = Turn::take(context)?;
    let now = context.driver.clock().now();
    let begin = move |store: &Store| Ok((store.copy(), About::of(store, now)));
    let (copy, about) = context.with_store(begin).await?;
    let copy = copy.map_err(|error| {
        let is_refusal = matches!(error, StoreError::NoJournal);
        if is_refusal { Problem::new(ErrorCode::BadState, error.to_string()) } else { store_error(&error) }
    })?;
    Ok(Backup { turn, copy, about })
}

impl Backup {
    /// Writes it to its end or until the client goes away. Blocks.
    pub(in crate::server) fn write(self, out: impl Write) {
        let Self { mut turn, copy, about } = self;
        let between = || if turn.rest() { Ok(()) } else { Err(BackupError::Stopping) };
        let written = backup::write(copy, &about, out, between);
        let metrics = &turn.context.metrics;
        match written {
            Ok(Counts { groups, blobs, bytes }) => {
                tracing::info!(groups, blobs, bytes, "made a backup");
                let gauge = |figure: u64| i64::try_from(figure).unwrap_or(i64::MAX);
                metrics.backups_made.inc();
                metrics.backup_last_bytes.set(gauge(bytes));
                metrics.backup_last_at_seconds.set(gauge(turn.context.driver.clock().now().0 / 1_000));
            }
            Err(error) => {
                tracing::warn!(%error, "a backup did not become whole");
                metrics.backups_failed.inc();
            }
        }
    }
}

/// A verification that can be written.
pub(in crate::server) struct Verification {
    turn: Turn,
    check: Check,
}

/// Begins to look everything over.
pub(in crate::server) fn begin_verification(context: &Arc<Context>) -> Result<Verification, Problem> {
    Ok(Verification { turn: Turn::take(context)?, check: context.store.check() })
}

impl Verification {
    /// Writes a report each second, and the last one when all was looked at, or until the client goes away. Blocks.
    pub(in crate::server) fn write(mut self, mut out: impl Write) {
        if let Err(error) = self.write_all(&mut out) {
            tracing::info!(%error, "a verification was not finished");
        }
    }

    fn write_all(&mut self, out: &mut impl Write) -> io::Result<()> {
        let mut told = Instant::now();
        loop {
            let is_over = match self.check.step() {
                Ok(more) => !more,
                Err(error) => return self.fail(out, error.to_string()),
            };
            if is_over || told.elapsed() >= VERIFY_TOLD_EVERY {
                write_report(out, self.check.report())?;
                told = Instant::now();
            }
            if is_over {
                return Ok(());
            }
            if !self.turn.rest() {
                return self.fail(out, BackupError::Stopping.to_string());
            }
        }
    }

    fn fail(&self, out: &mut impl Write, error: String) -> io::Result<()> {
        write_report(out, &VerifyReport { error: Some(error), ..self.check.report().clone() })
    }
}

fn write_report(out: &mut impl Write, report: &VerifyReport) -> io::Result<()> {
    let mut line = serde_json::to_vec(report).map_err(io::Error::from)?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.flush()
}
