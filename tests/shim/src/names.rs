//! The functions of the C library that take paths.

use libc::{AT_FDCWD, AT_REMOVEDIR, c_char, c_int, c_uint, mode_t};

use crate::{
    faults::Deed,
    record::{CREATED, Kind, TRUNCATED},
    result,
    shim::{path_of, shim, watch},
};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat64(
    directory: c_int,
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
) -> c_int {
    let real = || {
        // SAFETY: as the caller's.
        unsafe { libc::syscall(libc::SYS_openat, directory, path, flags, mode) }
    };
    let Some(name) = path_of(directory, path) else { return result(real()) };
    let Some(mut shim) = shim().filter(|shim| shim.is_watched(&name)) else { return result(real()) };
    let creates = flags & libc::O_CREAT != 0 && !exists(directory, path);
    let opened = if creates { shim.change(Deed::Create, real) } else { real() };
    if opened >= 0 {
        let flags =
            if creates { CREATED } else { 0 } | if flags & libc::O_TRUNC != 0 { TRUNCATED } else { 0 };
        watch(&shim, result(opened), true);
        shim.record(Kind::Open, flags, result(opened), 0, &name);
    }
    result(opened)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat(directory: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: as the caller's.
    unsafe { openat64(directory, path, flags, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: as the caller's.
    unsafe { openat64(AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: as the caller's.
    unsafe { openat64(AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdirat(directory: c_int, path: *const c_char, mode: mode_t) -> c_int {
    one(directory, path, Deed::Create, Kind::Mkdir, || {
        // SAFETY: as the caller's.
        unsafe { libc::syscall(libc::SYS_mkdirat, directory, path, mode) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: as the caller's.
    unsafe { mkdirat(AT_FDCWD, path, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlinkat(directory: c_int, path: *const c_char, flags: c_int) -> c_int {
    let kind = if flags & AT_REMOVEDIR == 0 { Kind::Unlink } else { Kind::Rmdir };
    one(directory, path, Deed::Rename, kind, || {
        // SAFETY: as the caller's.
        unsafe { libc::syscall(libc::SYS_unlinkat, directory, path, flags) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: as the caller's.
    unsafe { unlinkat(AT_FDCWD, path, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    // SAFETY: as the caller's.
    unsafe { unlinkat(AT_FDCWD, path, AT_REMOVEDIR) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn renameat2(
    from_directory: c_int,
    from: *const c_char,
    to_directory: c_int,
    to: *const c_char,
    flags: c_uint,
) -> c_int {
    two((from_directory, from), (to_directory, to), Deed::Rename, Kind::Rename, || {
        // SAFETY: as the caller's.
        unsafe { libc::syscall(libc::SYS_renameat2, from_directory, from, to_directory, to, flags) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn renameat(
    from_directory: c_int,
    from: *const c_char,
    to_directory: c_int,
    to: *const c_char,
) -> c_int {
    // SAFETY: as the caller's.
    unsafe { renameat2(from_directory, from, to_directory, to, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: as the caller's.
    unsafe { renameat2(AT_FDCWD, from, AT_FDCWD, to, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn linkat(
    from_directory: c_int,
    from: *const c_char,
    to_directory: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    two((from_directory, from), (to_directory, to), Deed::Create, Kind::Link, || {
        // SAFETY: as the caller's.
        unsafe { libc::syscall(libc::SYS_linkat, from_directory, from, to_directory, to, flags) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn link(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: as the caller's.
    unsafe { linkat(AT_FDCWD, from, AT_FDCWD, to, 0) }
}

/// Does something to one name.
fn one(
    directory: c_int,
    path: *const c_char,
    deed: Deed,
    kind: Kind,
    real: impl Fn() -> libc::c_long,
) -> c_int {
    let Some(name) = path_of(directory, path) else { return result(real()) };
    let Some(mut shim) = shim().filter(|shim| shim.is_watched(&name)) else { return result(real()) };
    // What would fail anyway changes nothing, so it is not counted.
    if exists(directory, path) == (kind == Kind::Mkdir) {
        return result(real());
    }
    let done = shim.change(deed, real);
    if done == 0 {
        shim.record(kind, 0, -1, 0, &name);
    }
    result(done)
}

/// Does something to two names. What comes from outside or goes there is seen only half, so both must be watched.
fn two(
    from: (c_int, *const c_char),
    to: (c_int, *const c_char),
    deed: Deed,
    kind: Kind,
    real: impl Fn() -> libc::c_long,
) -> c_int {
    let names = path_of(from.0, from.1).zip(path_of(to.0, to.1));
    let Some((from, to)) = names else { return result(real()) };
    let watched = shim().filter(|shim| shim.is_watched(&from) && shim.is_watched(&to));
    let Some(mut shim) = watched else { return result(real()) };
    let done = shim.change(deed, real);
    if done == 0 {
        shim.record(kind, 0, -1, 0, &[&from, b"\0".as_slice(), &to].concat());
    }
    result(done)
}

fn exists(directory: c_int, path: *const c_char) -> bool {
    // SAFETY: as the caller's.
    unsafe { libc::syscall(libc::SYS_faccessat, directory, path, libc::F_OK) == 0 }
}
