//! What the kernel under us allows.

use std::{fs, thread};

use rustix::process::{Resource, getrlimit};
use wasmtime::PoolingAllocationConfig;

use super::Finding;
use crate::{config::Settings, sandbox::kernel};

/// Each connection is an open file; below this a busy broker runs out of them.
const OPEN_FILES_GOOD: u64 = 16_384;

/// What runs here.
pub(super) fn versions() -> Finding {
    let linux = fs::read_to_string("/proc/sys/kernel/osrelease");
    let linux = linux.map_or_else(|_| "unknown".to_owned(), |release| release.trim().to_owned());
    Finding::ok("versions", format!("windlass {}, Linux {linux}", env!("CARGO_PKG_VERSION")))
}

/// The limit on open files.
pub(super) fn open_files() -> Finding {
    let limit = getrlimit(Resource::Nofile);
    match limit.current {
        Some(files) if files < OPEN_FILES_GOOD => Finding::warn(
            "open files",
            format!("at most {files}, so fewer connections than that"),
            "raise the limit: `ulimit -n 65536`, or LimitNOFILE= in a unit file",
        ),
        Some(files) => Finding::ok("open files", format!("at most {files}")),
        None => Finding::ok("open files", "no limit"),
    }
}

/// The limit on memory mappings, and how many guests may live at once under it.
pub(super) fn mappings(settings: &Settings) -> Finding {
    let ceiling = kernel::max_live_instances();
    let workers = match settings.workers {
        0 => thread::available_parallelism().map_or(1, usize::from),
        workers => usize::try_from(workers).unwrap_or(usize::MAX),
    };
    let found = format!("vm.max_map_count allows {ceiling} guests at once, workers want {workers}");
    if workers < ceiling {
        Finding::ok("mappings", found)
    } else {
        Finding::fail("mappings", found, "use fewer workers, or `sysctl -w vm.max_map_count=262144`")
    }
}

/// Whether guests' memory may be swapped out.
pub(super) fn swap() -> Finding {
    if kernel::swap_possible() {
        Finding::warn(
            "swap",
            "memory may be swapped out, so guests' memory is cleaned the slower way",
            "switch swap off for the broker: `swapoff -a`, or MemorySwapMax=0 in a unit file",
        )
    } else {
        Finding::ok("swap", "memory cannot be swapped out, so guests' memory is cleaned the fast way")
    }
}

/// Whether the kernel can say which pages a guest has touched.
pub(super) fn cleaning() -> Finding {
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        Finding::ok("page scan", "PAGEMAP_SCAN is available")
    } else {
        Finding::warn(
            "page scan",
            "PAGEMAP_SCAN is not available, so a fresh guest costs more",
            "it comes with Linux 6.7; some container runtimes forbid it",
        )
    }
}
