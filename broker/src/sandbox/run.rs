//! One run: a fresh sandbox, one call, and an outcome whatever the guest does.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tokio::time::sleep_until;
use wasmtime::{FrameInfo, Store, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::arguments::Arguments;
use super::call::{Returned, call};
use super::control::Control;
use super::guest::{self, Guest, Stop};
use super::limits::Limits;
use super::outcome::{Finished, Outcome, Usage};
use super::program::{Handler, Program};

/// How wasmtime words that a guest handed over more than it may.
const HOSTCALL_EXHAUSTED: &str = "too much data is being copied between the host and the guest: fuel allocated for hostcalls has been exhausted";

/// The traps that happen to honest code; of the others the message tells more than a name.
const TRAP_KINDS: [(Trap, &str); 10] = [
    (Trap::UnreachableCodeReached, "unreachable"),
    (Trap::MemoryOutOfBounds, "memory_out_of_bounds"),
    (Trap::StackOverflow, "stack_overflow"),
    (Trap::IntegerDivisionByZero, "integer_divide_by_zero"),
    (Trap::IntegerOverflow, "integer_overflow"),
    (Trap::BadConversionToInteger, "bad_conversion_to_integer"),
    (Trap::TableOutOfBounds, "table_out_of_bounds"),
    (Trap::IndirectCallToNull, "indirect_call_to_null"),
    (Trap::BadSignature, "bad_signature"),
    (Trap::CannotEnterComponent, "cannot_enter_component"),
];

/// Runs a handler in a sandbox of its own, with arguments checked against its signature.
///
/// Needs a tokio runtime with time. Dropping the future stops the guest at its next await and gives its slot
/// back; to have an outcome use [`Control::cancel`].
pub async fn run(
    program: &Program,
    handler: &str,
    arguments: Arguments,
    limits: &Limits,
    control: &Control,
) -> Finished {
    let started = Instant::now();
    let mut usage = Usage::default();
    let outcome = match program.handler(handler) {
        _ if control.is_cancelled() => Outcome::Cancelled,
        None => Outcome::BadPlugin { message: format!("there is no handler `{handler}`") },
        Some(handler) => {
            let deadline = limits.time.and_then(|time| started.checked_add(time));
            let cpu_nanos = AtomicU64::new(0);
            let mut store = guest::store(program.pre.engine(), limits, control, deadline);
            let ended = {
                let call = Timed {
                    inner: pin!(enter(program, handler, &mut store, arguments, limits)),
                    cpu_nanos: &cpu_nanos,
                };
                until_stopped(call, control, deadline).await
            };
            usage = Usage {
                cpu: Duration::from_nanos(cpu_nanos.into_inner()),
                memory_bytes_peak: store.data().meter.memory_bytes_peak(),
                ..usage
            };
            match ended {
                Ok(Ok(returned)) => outcome_of_return(returned, limits),
                Ok(Err(error)) => outcome_of_error(&error, &store, limits),
                Err(stop) => outcome_of_stop(stop, limits),
            }
        }
    };
    usage.wall = started.elapsed();
    Finished { outcome, usage }
}

async fn enter(
    program: &Program,
    handler: &Handler,
    store: &mut Store<Guest>,
    arguments: Arguments,
    limits: &Limits,
) -> wasmtime::Result<Returned> {
    store.set_hostcall_fuel(handler.plan.hostcall_bytes_max(limits.result_bytes_max));
    let instance = program.pre.instantiate_async(&mut *store).await?;
    let Some(function) = instance.get_func(&mut *store, handler.export) else {
        wasmtime::bail!("the component does not export `{}`", handler.signature.name);
    };
    call(store, function, (&handler.signature, handler.plan), arguments, limits.result_bytes_max).await
}

/// A guest at work looks at the clock and the control by itself, at every tick of the epoch. One that waits in
/// the host is left where it waits: its store is dropped right after and never entered again.
async fn until_stopped<T>(
    call: impl Future<Output = T> + Unpin,
    control: &Control,
    deadline: Option<Instant>,
) -> Result<T, Stop> {
    let passed = async {
        match deadline {
            Some(deadline) => sleep_until(deadline.into()).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        ended = call => Ok(ended),
        () = control.cancelled() => Err(Stop::Cancelled),
        () = passed => Err(Stop::Deadline),
    }
}

fn outcome_of_return(returned: Returned, limits: &Limits) -> Outcome {
    match returned {
        Returned::Ok(json) => Outcome::Succeeded(json),
        Returned::Err(json) => Outcome::failed(&json),
        Returned::TooLarge => Outcome::TooLarge { result_bytes_max: limits.result_bytes_max },
    }
}

fn outcome_of_stop(stop: Stop, limits: &Limits) -> Outcome {
    match (stop, limits.time) {
        (Stop::Deadline, Some(limit)) => Outcome::TimedOut { limit },
        (Stop::Deadline, None) | (Stop::Cancelled, _) => Outcome::Cancelled,
    }
}

fn outcome_of_error(error: &wasmtime::Error, store: &Store<Guest>, limits: &Limits) -> Outcome {
    let refused = store.data().meter.refused();
    let out_of_memory = Outcome::OutOfMemory { memory_bytes_max: limits.memory_bytes_max };
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return outcome_of_stop(*stop, limits);
    }
    if let Some(I32Exit(code)) = error.downcast_ref::<I32Exit>() {
        return trapped(error, "exit", format!("the guest ended itself with exit code {code}"));
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        // A guest that cannot go on without memory it was refused gives up or follows a null pointer.
        let gave_up = matches!(trap, Trap::UnreachableCodeReached | Trap::MemoryOutOfBounds);
        return if refused && gave_up {
            out_of_memory
        } else {
            let message = trap.to_string();
            trapped(error, trap_kind(*trap), message.trim_start_matches("wasm trap: ").to_owned())
        };
    }
    if error.root_cause().to_string() == HOSTCALL_EXHAUSTED {
        Outcome::TooLarge { result_bytes_max: limits.result_bytes_max }
    } else if refused {
        out_of_memory
    } else {
        Outcome::BadPlugin { message: format!("{error:#}") }
    }
}

fn trapped(error: &wasmtime::Error, kind: &'static str, message: String) -> Outcome {
    let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
    let name = |frame: &FrameInfo| match frame.func_name() {
        Some(name) => demangled(name),
        None => format!("function {}", frame.func_index()),
    };
    Outcome::Trapped { kind, message, backtrace: frames.iter().map(name).collect() }
}

/// Rust's symbol names as they are written in source; other names as they are.
fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

fn trap_kind(trap: Trap) -> &'static str {
    TRAP_KINDS.iter().find(|(known, _)| *known == trap).map_or("other", |(_, kind)| kind)
}

/// Sums the processor time of this thread while the future is being polled.
struct Timed<'a, F> {
    inner: Pin<&'a mut F>,
    cpu_nanos: &'a AtomicU64,
}

impl<F: Future> Future for Timed<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let before = thread_cpu();
        let polled = self.inner.as_mut().poll(cx);
        let nanos = thread_cpu().saturating_sub(before).as_nanos();
        self.cpu_nanos.fetch_add(u64::try_from(nanos).unwrap_or(u64::MAX), Ordering::Relaxed);
        polled
    }
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}
