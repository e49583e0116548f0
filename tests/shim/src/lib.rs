//! A library to preload: it stands between a process and the C library, records in their order everything the process
//! does to files below one directory, and lets some of it fail.
//!
//! `WINDLASS_SHIM_ROOT` is the directory, `WINDLASS_SHIM_TRACE` the file the records are added to, and
//! `WINDLASS_SHIM_FAIL` what is to fail. What is done through system calls without the C library is not seen.
#![expect(unsafe_code, reason = "functions of the C library take pointers")]
#![expect(missing_docs, clippy::missing_safety_doc, reason = "they are those of the C library")]

mod faults;
pub mod names;
mod record;
mod shim;

use libc::{c_int, c_long, c_uint, c_void, iovec, off64_t, size_t, ssize_t};
use record::Kind;
use shim::{shim_of, watch};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn close(descriptor: c_int) -> c_int {
    if let Some(shim) = shim_of(descriptor) {
        // Before it is closed: from then on its number may belong to another file.
        watch(&shim, descriptor, false);
        shim.record(Kind::Close, 0, descriptor, 0, &[]);
    }
    // SAFETY: as the caller's.
    result(unsafe { libc::syscall(libc::SYS_close, descriptor) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(descriptor: c_int, bytes: *const c_void, count: size_t) -> ssize_t {
    let real = |count: usize| {
        // SAFETY: as the caller's.
        unsafe { libc::syscall(libc::SYS_write, descriptor, bytes, count) }
    };
    let Some(mut shim) = shim_of(descriptor) else { return size(real(count)) };
    let offset = position(descriptor);
    // SAFETY: as the caller's.
    size(shim.write(descriptor, offset, unsafe { slice(bytes, count) }, real))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(descriptor: c_int, pieces: *const iovec, count: c_int) -> ssize_t {
    let Some(mut shim) = shim_of(descriptor) else {
        // SAFETY: as the caller's.
        return size(unsafe { libc::syscall(libc::SYS_writev, descriptor, pieces, count) });
    };
    // SAFETY: as the caller's.
    let (offset, bytes) = (position(descriptor), unsafe { gather(pieces, count) });
    size(shim.write(descriptor, offset, &bytes, |count| {
        // SAFETY: `count` is not more than there are.
        unsafe { libc::syscall(libc::SYS_write, descriptor, bytes.as_ptr(), count) }
    }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(
    descriptor: c_int,
    bytes: *const c_void,
    count: size_t,
    offset: off64_t,
) -> ssize_t {
    let real = |count: usize| {
        // SAFETY: as the caller's.
        unsafe { libc::syscall(libc::SYS_pwrite64, descriptor, bytes, count, offset) }
    };
    let Some(mut shim) = shim_of(descriptor) else { return size(real(count)) };
    // SAFETY: as the caller's.
    size(shim.write(descriptor, offset.cast_unsigned(), unsafe { slice(bytes, count) }, real))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(
    descriptor: c_int,
    bytes: *const c_void,
    count: size_t,
    offset: off64_t,
) -> ssize_t {
    // SAFETY: as the caller's.
    unsafe { pwrite64(descriptor, bytes, count, offset) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwritev64(
    descriptor: c_int,
    pieces: *const iovec,
    count: c_int,
    offset: off64_t,
) -> ssize_t {
    // SAFETY: as the caller's.
    let bytes = unsafe { gather(pieces, count) };
    // SAFETY: they live until it returns.
    unsafe { pwrite64(descriptor, bytes.as_ptr().cast(), bytes.len(), offset) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate64(descriptor: c_int, length: off64_t) -> c_int {
    let real = || {
        // SAFETY: no memory is touched.
        unsafe { libc::syscall(libc::SYS_ftruncate, descriptor, length) }
    };
    let Some(mut shim) = shim_of(descriptor) else { return result(real()) };
    let done = shim.change(faults::Deed::Rename, real);
    if done == 0 {
        shim.record(Kind::Resize, 0, descriptor, length.cast_unsigned(), &[]);
    }
    result(done)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate(descriptor: c_int, length: off64_t) -> c_int {
    // SAFETY: no memory is touched.
    unsafe { ftruncate64(descriptor, length) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(descriptor: c_int) -> c_int {
    sync(descriptor, true, libc::SYS_fsync)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(descriptor: c_int) -> c_int {
    sync(descriptor, true, libc::SYS_fdatasync)
}

/// It hands data to the disk and makes nothing durable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sync_file_range(
    descriptor: c_int,
    offset: off64_t,
    count: off64_t,
    flags: c_uint,
) -> c_int {
    let real = || {
        // SAFETY: no memory is touched.
        unsafe { libc::syscall(libc::SYS_sync_file_range, descriptor, offset, count, flags) }
    };
    result(match shim_of(descriptor) {
        Some(mut shim) => shim.sync(descriptor, false, real),
        None => real(),
    })
}

fn sync(descriptor: c_int, is_durable: bool, call: c_long) -> c_int {
    let real = || {
        // SAFETY: no memory is touched.
        unsafe { libc::syscall(call, descriptor) }
    };
    result(match shim_of(descriptor) {
        Some(mut shim) => shim.sync(descriptor, is_durable, real),
        None => real(),
    })
}

/// Where the next `write` goes.
fn position(descriptor: c_int) -> u64 {
    // SAFETY: no memory is touched.
    let flags = unsafe { libc::syscall(libc::SYS_fcntl, descriptor, libc::F_GETFL) };
    let appends = flags & c_long::from(libc::O_APPEND) != 0;
    let from = if appends { libc::SEEK_END } else { libc::SEEK_CUR };
    // SAFETY: no memory is touched. Where a descriptor appends, its place is of no importance.
    unsafe { libc::syscall(libc::SYS_lseek, descriptor, 0, from) }.cast_unsigned()
}

unsafe fn slice<'a>(bytes: *const c_void, count: usize) -> &'a [u8] {
    // SAFETY: as the caller's.
    if count == 0 { &[] } else { unsafe { std::slice::from_raw_parts(bytes.cast(), count) } }
}

unsafe fn gather(pieces: *const iovec, count: c_int) -> Vec<u8> {
    let pieces = (0..usize::try_from(count).unwrap_or(0)).map(|index| {
        // SAFETY: there are `count` pieces.
        unsafe { *pieces.add(index) }
    });
    // SAFETY: as the caller's.
    pieces.flat_map(|piece| unsafe { slice(piece.iov_base, piece.iov_len) }).copied().collect()
}

/// What a call answers whose answers are small.
fn result(answer: c_long) -> c_int {
    c_int::try_from(answer).unwrap_or(-1)
}

fn size(answer: c_long) -> ssize_t {
    ssize_t::try_from(answer).unwrap_or(-1)
}
