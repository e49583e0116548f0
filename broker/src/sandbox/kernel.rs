//! What the kernel under us allows: whether memory can be swapped out, and how many mappings there may be.

use std::fs;

/// Mappings of a live instance on the pool: four of its own (with copy-on-write images) and two of its stack.
const MAPPINGS_PER_INSTANCE: u64 = 6;
/// Mappings left to everything that is not a guest.
const MAPPINGS_RESERVED: u64 = 6_000;
/// Linux's own default, for when it cannot be read.
const MAPPINGS_DEFAULT: u64 = 65_530;

/// Whether memory of this process can be swapped out.
///
/// It decides how pool slots are cleaned: wasmtime 48 finds dirty pages with `PAGEMAP_SCAN`, which does not see
/// those that were swapped out, and the next guest in the slot would read them. When in doubt it is `true`.
pub fn swap_possible() -> bool {
    let swap_exists = fs::read_to_string("/proc/swaps").map_or(true, |swaps| swaps.lines().count() > 1);
    swap_exists && !swap_forbidden_by_cgroup().unwrap_or(false)
}

fn swap_forbidden_by_cgroup() -> Option<bool> {
    let cgroups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = cgroups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let max = fs::read_to_string(format!("/sys/fs/cgroup{path}/memory.swap.max")).ok()?;
    Some(max.trim() == "0")
}

/// How many instances may live at once before the kernel refuses mappings. At that point an allocation of the
/// broker itself may be the one that fails, which aborts it. `sysctl vm.max_map_count` raises it.
pub fn max_live_instances() -> usize {
    let mappings_max = fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|count| count.trim().parse::<u64>().ok())
        .unwrap_or(MAPPINGS_DEFAULT);
    let instances = mappings_max.saturating_sub(MAPPINGS_RESERVED) / MAPPINGS_PER_INSTANCE;
    usize::try_from(instances).unwrap_or(usize::MAX)
}
