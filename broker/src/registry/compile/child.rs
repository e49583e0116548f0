//! The child's side of compiling: it binds itself to its limits before it looks at anything, reads a component
//! from its input and writes the compiled form to its output.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, Signal, nice, set_parent_process_death_signal, setrlimit};

use crate::sandbox::{EngineKind, SandboxError, compile::compile};

/// The first argument that makes this program a compile worker.
pub const COMMAND: &str = "compile-worker";
/// The exit code of a component that the compiler refuses.
pub(super) const REFUSED: i32 = 65;
/// The exit code of everything else that fails.
const FAILED: u8 = 70;
/// How far the child stands back behind jobs.
const NICENESS: i32 = 10;

/// One compilation: what for and within which limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) kind: EngineKind,
    pub(super) memory_bytes_max: u64,
    pub(super) cpu_seconds_max: u64,
    pub(super) artefact_bytes_max: u64,
}

/// Compiles the component on standard input, as a child of the broker and never in it. To be called before any
/// thread is started.
pub fn compile_worker() -> ExitCode {
    let ended = Job::from_args(std::env::args().skip(2)).and_then(|job| {
        job.bind().map_err(|error| Failure::Failed(error.into()))?;
        job.work()
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Refused(message)) => say(&message, u8::try_from(REFUSED).unwrap_or(FAILED)),
        Err(Failure::Failed(error)) => say(&error.to_string(), FAILED),
    }
}

enum Failure {
    Failed(io::Error),
    Refused(String),
}

fn say(message: &str, code: u8) -> ExitCode {
    // Whoever should read it may be gone.
    drop(writeln!(io::stderr(), "{message}"));
    ExitCode::from(code)
}

impl Job {
    pub(super) fn to_args(self) -> [String; 5] {
        let kind = match self.kind {
            EngineKind::Jobs => "jobs",
            EngineKind::JobsAsync => "jobs-async",
        };
        [
            COMMAND.to_owned(),
            kind.to_owned(),
            self.memory_bytes_max.to_string(),
            self.cpu_seconds_max.to_string(),
            self.artefact_bytes_max.to_string(),
        ]
    }

    fn from_args(mut args: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let wrong = || {
            let usage = format!("`{COMMAND}` is started by the broker itself");
            Failure::Failed(io::Error::new(io::ErrorKind::InvalidInput, usage))
        };
        let kind = match args.next().as_deref() {
            Some("jobs") => EngineKind::Jobs,
            Some("jobs-async") => EngineKind::JobsAsync,
            _ => return Err(wrong()),
        };
        let mut number = || args.next().and_then(|text| text.parse().ok()).ok_or_else(wrong);
        Ok(Self {
            kind,
            memory_bytes_max: number()?,
            cpu_seconds_max: number()?,
            artefact_bytes_max: number()?,
        })
    }

    /// Lets the kernel end this process when it uses more than it may, or when the broker is gone.
    fn bind(&self) -> rustix::io::Result<()> {
        let limit = |resource, current: u64, maximum| {
            setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })
        };
        limit(Resource::Core, 0, 0)?;
        limit(Resource::As, self.memory_bytes_max, self.memory_bytes_max)?;
        // The first limit ends the process with a signal that tells why, the second one whatever it does.
        limit(Resource::Cpu, self.cpu_seconds_max, self.cpu_seconds_max.saturating_add(1))?;
        limit(Resource::Fsize, self.artefact_bytes_max, self.artefact_bytes_max)?;
        set_parent_process_death_signal(Some(Signal::KILL))?;
        nice(NICENESS).map(drop)
    }

    fn work(&self) -> Result<(), Failure> {
        let mut component = Vec::new();
        io::stdin().lock().read_to_end(&mut component).map_err(Failure::Failed)?;
        match compile(&component, self.kind) {
            Ok(artefact) => io::stdout().lock().write_all(&artefact).map_err(Failure::Failed),
            Err(SandboxError::Compile(message)) => Err(Failure::Refused(message)),
            Err(other) => Err(Failure::Failed(io::Error::other(other))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_reads_what_the_parent_asks() {
        for kind in [EngineKind::Jobs, EngineKind::JobsAsync] {
            let job = Job { kind, memory_bytes_max: 1, cpu_seconds_max: 2, artefact_bytes_max: 3 };
            let args = job.to_args().into_iter().skip(1);
            assert_eq!(Job::from_args(args).ok(), Some(job));
        }
    }
}
