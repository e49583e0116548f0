//! What a guest has of the host: WASI 0.2 without environment, arguments, files or network.

use std::time::Instant;

use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::control::Control;
use super::limits::{HANDLES_MAX, Limits, Meter, RANDOM_BYTES_MAX};
use super::log::LogStream;

/// The host's side of one run.
pub(super) struct Guest {
    wasi: WasiCtx,
    table: ResourceTable,
    pub(super) meter: Meter,
}

/// Why a running guest was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stop {
    #[error("the time limit passed")]
    Deadline,
    #[error("the run was cancelled")]
    Cancelled,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// What can be imported. Interpreters import files and sockets whether they use them or not, so those are
/// there, but no directory is open and no address allowed.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Ok(linker)
}

/// A store for one run, armed: from here on no guest code runs unwatched.
pub(super) fn store(
    engine: &Engine,
    limits: &Limits,
    control: &Control,
    deadline: Option<Instant>,
) -> Store<Guest> {
    let mut table = ResourceTable::new();
    table.set_max_capacity(HANDLES_MAX);
    let wasi = WasiCtx::builder()
        .stdout(LogStream(control.clone()))
        .stderr(LogStream(control.clone()))
        .max_random_size(RANDOM_BYTES_MAX)
        .build();
    let guest = Guest { wasi, table, meter: Meter::new(limits.memory_bytes_max) };
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.meter);
    store.set_epoch_deadline(1);
    let control = control.clone();
    store.epoch_deadline_callback(move |_| {
        if control.is_cancelled() {
            Err(Stop::Cancelled.into())
        } else if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            Err(Stop::Deadline.into())
        } else {
            Ok(UpdateDeadline::Yield(1))
        }
    });
    store
}
