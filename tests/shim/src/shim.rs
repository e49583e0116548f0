//! What is watched, and how it is told: one lock is held over the real call and its record, so the records of all
//! threads have one order, and it is the order of what happened.

use std::{
    ffi::CStr,
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use libc::{c_char, c_int, c_long, iovec};

use crate::{
    faults::{Deed, Faults, Verdict},
    record::{Header, Kind},
};

/// Descriptors from here on are not watched; no process that is tested has as many.
const DESCRIPTORS_MAX: usize = 65_536;

static WATCHED: [AtomicBool; DESCRIPTORS_MAX] = [const { AtomicBool::new(false) }; DESCRIPTORS_MAX];
static SHIM: OnceLock<Option<Mutex<Shim>>> = OnceLock::new();

/// The directory that is watched, where its trace goes and what is to fail.
pub(crate) struct Shim {
    root: Vec<u8>,
    trace: c_int,
    process: u32,
    faults: Faults,
}

/// The shim, if anything is to be watched.
pub(crate) fn shim() -> Option<MutexGuard<'static, Shim>> {
    let shim = SHIM.get_or_init(|| Shim::from_environment().map(Mutex::new)).as_ref()?;
    Some(shim.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The shim, if this descriptor is watched. Others are not slowed down.
pub(crate) fn shim_of(descriptor: c_int) -> Option<MutexGuard<'static, Shim>> {
    let watched = WATCHED.get(usize::try_from(descriptor).ok()?)?;
    if watched.load(Ordering::Acquire) { shim() } else { None }
}

/// Runs when the process begins to end. From then on nothing more happens: otherwise a thread could be stopped between
/// what it did and the record of it.
extern "C" fn end() {
    let _held = std::mem::ManuallyDrop::new(shim());
}

impl Shim {
    fn from_environment() -> Option<Self> {
        let root = variable(c"WINDLASS_SHIM_ROOT")?.to_vec();
        let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC;
        let path = variable(c"WINDLASS_SHIM_TRACE")?.as_ptr();
        // SAFETY: the path ends with NUL, as variables of the environment do.
        let trace = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags, 0o600) };
        let trace = c_int::try_from(trace).ok().filter(|trace| *trace >= 0)?;
        let faults = variable(c"WINDLASS_SHIM_FAIL").and_then(Faults::parse).unwrap_or(Faults::None);
        let shim = Self { root, trace, process: std::process::id(), faults };
        shim.record(Kind::Start, 0, -1, 0, &[]);
        // SAFETY: the function lives as long as the process.
        let is_registered = unsafe { libc::atexit(end) } == 0;
        is_registered.then_some(shim)
    }

    /// Whether a path lies below the directory.
    pub(crate) fn is_watched(&self, path: &[u8]) -> bool {
        path.strip_prefix(self.root.as_slice()).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    }

    /// Does something that changes files, unless it is to fail.
    pub(crate) fn change(&mut self, deed: Deed, real: impl FnOnce() -> c_long) -> c_long {
        match self.faults.judge(deed) {
            Verdict::Do | Verdict::Part(_) => real(),
            Verdict::Fail(errno) => self.fail(Kind::Failed, -1, errno),
        }
    }

    /// Writes, maybe less than was asked for, and records what was written.
    pub(crate) fn write(
        &mut self,
        descriptor: c_int,
        offset: u64,
        bytes: &[u8],
        real: impl FnOnce(usize) -> c_long,
    ) -> c_long {
        let count = match self.faults.judge(Deed::Write(bytes.len())) {
            Verdict::Do => bytes.len(),
            Verdict::Part(count) => {
                self.record(Kind::Failed, 0, descriptor, 0, &[]);
                count
            }
            Verdict::Fail(errno) => return self.fail(Kind::Failed, descriptor, errno),
        };
        let written = real(count);
        if let Ok(written) = usize::try_from(written) {
            self.record(Kind::Write, 0, descriptor, offset, &bytes[..written]);
        }
        written
    }

    /// Syncs. `is_durable` = success means that everything written before is on the disk.
    pub(crate) fn sync(
        &mut self,
        descriptor: c_int,
        is_durable: bool,
        real: impl FnOnce() -> c_long,
    ) -> c_long {
        let verdict = self.faults.judge(Deed::Sync);
        if let Verdict::Fail(errno) = verdict {
            return self.fail(Kind::FailedSync, descriptor, errno);
        }
        let done = real();
        if done == 0 && is_durable {
            self.record(Kind::Sync, 0, descriptor, 0, &[]);
        }
        done
    }

    pub(crate) fn record(&self, kind: Kind, flags: u32, descriptor: c_int, offset: u64, payload: &[u8]) {
        let header = Header {
            kind,
            flags,
            process: self.process,
            descriptor,
            offset,
            payload_bytes: payload.len() as u64,
        };
        let header = header.to_bytes();
        let pieces = [&header[..], payload]
            .map(|piece| iovec { iov_base: piece.as_ptr().cast_mut().cast(), iov_len: piece.len() });
        // SAFETY: both pieces live until the call returns.
        let written = unsafe { libc::syscall(libc::SYS_writev, self.trace, pieces.as_ptr(), pieces.len()) };
        if usize::try_from(written) != Ok(header.len() + payload.len()) {
            // A trace with a hole would prove things that are not so.
            std::process::abort();
        }
    }

    fn fail(&self, kind: Kind, descriptor: c_int, errno: c_int) -> c_long {
        self.record(kind, 0, descriptor, 0, &[]);
        // SAFETY: the C library gives each thread a place for its error.
        unsafe { *libc::__errno_location() = errno };
        -1
    }
}

/// A variable of the environment, which lives as long as the process: nothing here changes it.
fn variable(name: &CStr) -> Option<&'static [u8]> {
    // SAFETY: the name ends with NUL.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    // SAFETY: `getenv` answers NULL or text that ends with NUL.
    (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) }.to_bytes())
}

/// Watches a descriptor, or does not any more. The shim is held meanwhile.
pub(crate) fn watch(_: &Shim, descriptor: c_int, is_watched: bool) {
    let watched = usize::try_from(descriptor).ok().and_then(|index| WATCHED.get(index));
    if let Some(watched) = watched {
        watched.store(is_watched, Ordering::Release);
    }
}

/// The absolute path that a call means; none = it is relative to the working directory, where nothing is watched.
pub(crate) fn path_of(directory: c_int, path: *const c_char) -> Option<Vec<u8>> {
    // SAFETY: whoever calls the C library passes text that ends with NUL.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes();
    let path = path.strip_suffix(b"/").unwrap_or(path);
    if path.starts_with(b"/") {
        return Some(path.to_vec());
    }
    if directory == libc::AT_FDCWD {
        return None;
    }
    let link = format!("/proc/self/fd/{directory}\0");
    let mut buffer = vec![0; 4096];
    // SAFETY: the link ends with NUL, and the buffer is as long as told.
    let length = unsafe {
        libc::syscall(libc::SYS_readlinkat, libc::AT_FDCWD, link.as_ptr(), buffer.as_mut_ptr(), buffer.len())
    };
    buffer.truncate(usize::try_from(length).ok()?);
    Some([&buffer, b"/".as_slice(), path].concat())
}
