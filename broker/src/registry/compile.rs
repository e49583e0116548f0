//! Compiling in a child process. The compiler cannot be interrupted, and a small hostile component makes it take
//! minutes and gigabytes, so it runs where the kernel can end it: capped, niced, one at a time.

use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{env, io};

use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, MutexGuard};
use windlass_wire::{code::ErrorCode, problem::Problem};

use super::error::rejected;
use crate::sandbox::EngineKind;

pub(crate) mod child;

use child::Job;

/// What the child says at most, in bytes.
const STDERR_BYTES_MAX: u64 = 1 << 10;
/// Seconds by the clock for any compilation: it gives way to everything else that runs.
const WALL_SECONDS_BASE: u64 = 60;
/// Seconds by the clock for each second of processor time on top.
const WALL_SECONDS_PER_CPU_SECOND: u64 = 5;
/// Threads the child compiles with, so that its address space does not depend on the machine.
const THREADS: &str = "2";

/// What one compilation may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Address space.
    pub memory_bytes_max: u64,
    /// Processor time for any component.
    pub cpu_seconds_base: u64,
    /// Processor time for each MiB of the component on top.
    pub cpu_seconds_per_mib: u64,
    /// Processor time however large the component is.
    pub cpu_seconds_max: u64,
    /// Size of the compiled form.
    pub artefact_bytes_max: u64,
}

impl Default for CompileLimits {
    /// An honest Python component of 17 MiB takes 12 s; hostile ones of 1 MiB were seen to take minutes.
    fn default() -> Self {
        Self {
            memory_bytes_max: 1 << 30,
            cpu_seconds_base: 10,
            cpu_seconds_per_mib: 5,
            cpu_seconds_max: 120,
            artefact_bytes_max: 512 << 20,
        }
    }
}

impl CompileLimits {
    fn cpu_seconds(&self, component_bytes: usize) -> u64 {
        let mib = (component_bytes as u64).div_ceil(1 << 20);
        self.cpu_seconds_base
            .saturating_add(self.cpu_seconds_per_mib.saturating_mul(mib))
            .min(self.cpu_seconds_max)
    }
}

/// Why there is no compiled form.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    #[error("compilation took more than {0} CPU seconds")]
    Cpu(u64),
    #[error("the compiler crashed on the component ({0})")]
    Crashed(String),
    #[error("the compiler could not be started: {0}")]
    Io(#[from] io::Error),
    #[error("compilation was ended from outside ({0})")]
    Killed(String),
    #[error("compilation needed more than {}", bytes(*.0))]
    Memory(u64),
    #[error("the compiled form is larger than {}", bytes(*.0))]
    Output(u64),
    #[error("the compiler said: {0}")]
    Said(String),
    #[error("compilation did not end within {} s; the machine is busy", .0.as_secs())]
    Wall(Duration),
}

impl CompileError {
    /// The rule the component broke; none where it is not to blame and may compile at a later try.
    pub(crate) fn rule(&self) -> Option<&'static str> {
        match self {
            Self::Cpu(_) => Some("compile_cpu"),
            Self::Crashed(_) => Some("compile_crash"),
            Self::Memory(_) => Some("compile_memory"),
            Self::Output(_) => Some("compile_output"),
            Self::Said(_) => Some("compile"),
            Self::Io(_) | Self::Killed(_) | Self::Wall(_) => None,
        }
    }

    pub(crate) fn problem(&self) -> Problem {
        match self.rule() {
            Some(rule) => {
                let hint = "leave out code the plugin does not need, or split it into several plugins";
                rejected(rule, self.to_string(), None).with_hint(hint)
            }
            None if matches!(self, Self::Wall(_)) => Problem::new(ErrorCode::TimedOut, self.to_string()),
            None => Problem::new(ErrorCode::Internal, self.to_string()),
        }
    }
}

/// Compiles components with another process of this program.
#[derive(Debug)]
pub struct Compiler {
    program: PathBuf,
    limits: CompileLimits,
    turn: Mutex<()>,
    begun: AtomicU64,
}

impl Compiler {
    /// A compiler that starts `program`, which must answer `compile-worker` with [`child::compile_worker`].
    pub fn new(program: PathBuf, limits: CompileLimits) -> Self {
        Self { program, limits, turn: Mutex::new(()), begun: AtomicU64::new(0) }
    }

    /// A compiler that starts the program that is running, with the default limits.
    pub fn of_this_program() -> io::Result<Self> {
        // This link leads to the running program even after its file was replaced, which is what makes parent
        // and child agree on the form of compiled code during an upgrade.
        let running = PathBuf::from("/proc/self/exe");
        let program = if running.exists() { running } else { env::current_exe()? };
        Ok(Self::new(program, CompileLimits::default()))
    }

    /// Compilations begun so far.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Waits until nothing is being compiled. Fair and cancel safe.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        Turn { compiler: self, _only: self.turn.lock().await }
    }
}

/// The right to compile.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    compiler: &'a Compiler,
    _only: MutexGuard<'a, ()>,
}

impl Turn<'_> {
    /// Compiles a component into a file. Dropping the future kills the child.
    pub(crate) async fn compile(
        &self,
        component: &[u8],
        kind: EngineKind,
        artefact: File,
    ) -> Result<(), CompileError> {
        let Compiler { program, limits, begun, .. } = self.compiler;
        let job = Job {
            kind,
            memory_bytes_max: limits.memory_bytes_max,
            cpu_seconds_max: limits.cpu_seconds(component.len()),
            artefact_bytes_max: limits.artefact_bytes_max,
        };
        begun.fetch_add(1, Ordering::Relaxed);
        let child = Command::new(program)
            .args(job.to_args())
            .env_clear()
            .env("RAYON_NUM_THREADS", THREADS)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(artefact)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let wall = wall(job.cpu_seconds_max);
        let (status, said) = tokio::time::timeout(wall, converse(child, component))
            .await
            .map_err(|_| CompileError::Wall(wall))??;
        if status.success() { Ok(()) } else { Err(reason(status, said, &job)) }
    }
}

/// How long to wait for a compilation.
fn wall(cpu_seconds: u64) -> Duration {
    Duration::from_secs(
        WALL_SECONDS_BASE.saturating_add(cpu_seconds.saturating_mul(WALL_SECONDS_PER_CPU_SECOND)),
    )
}

/// Feeds the child and listens to it until it ends.
async fn converse(mut child: Child, component: &[u8]) -> io::Result<(ExitStatus, String)> {
    let (Some(mut stdin), Some(mut stderr)) = (child.stdin.take(), child.stderr.take()) else {
        return Err(io::Error::other("the child has no pipes"));
    };
    let feed = async move {
        // A child that ends early says why by its status.
        drop(stdin.write_all(component).await);
    };
    let listen = async move {
        let mut said = Vec::new();
        (&mut stderr).take(STDERR_BYTES_MAX).read_to_end(&mut said).await?;
        tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await?;
        Ok::<_, io::Error>(one_line(&String::from_utf8_lossy(&said)))
    };
    let ((), said, status) = tokio::join!(feed, listen, child.wait());
    Ok((status?, said?))
}

/// Reads from its end why the child failed.
fn reason(status: ExitStatus, said: String, job: &Job) -> CompileError {
    // What the standard library says before it aborts, and the kernel when a mapping is refused.
    if said.contains("memory allocation of") || said.contains("Cannot allocate memory") {
        return CompileError::Memory(job.memory_bytes_max);
    }
    match status.signal().and_then(Signal::from_named_raw) {
        Some(Signal::XCPU) => CompileError::Cpu(job.cpu_seconds_max),
        Some(Signal::XFSZ) => CompileError::Output(job.artefact_bytes_max),
        Some(Signal::ABORT | Signal::SEGV | Signal::BUS | Signal::ILL | Signal::TRAP | Signal::FPE) => {
            CompileError::Crashed(status.to_string())
        }
        Some(_) => CompileError::Killed(status.to_string()),
        None if status.code() == Some(child::REFUSED) => CompileError::Said(said),
        None => CompileError::Crashed(format!("{status}: {said}")),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn bytes(count: u64) -> String {
    match count {
        whole if whole.is_multiple_of(1 << 30) => format!("{} GiB", whole >> 30),
        whole if whole.is_multiple_of(1 << 20) => format!("{} MiB", whole >> 20),
        other => format!("{other} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_grows_with_the_component_up_to_a_limit() {
        let limits = CompileLimits::default();
        assert_eq!(limits.cpu_seconds(100), 15);
        assert_eq!(limits.cpu_seconds(4 << 20), 30);
        assert_eq!(limits.cpu_seconds(32 << 20), 120);
    }

    #[test]
    fn sizes_are_told_in_round_units() {
        assert_eq!(CompileError::Memory(1 << 30).to_string(), "compilation needed more than 1 GiB");
        assert_eq!(CompileError::Memory(64 << 20).to_string(), "compilation needed more than 64 MiB");
    }
}
