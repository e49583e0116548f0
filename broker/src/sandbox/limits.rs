//! What one run may use, and the meter that counts a guest's memory while it runs.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// The largest memory one run can be allowed: the pool reserves no more for any memory.
pub const MEMORY_BYTES_CEILING: usize = 256 << 20;
/// Table elements one table may have; the largest interpreter measured asks for 7,688.
pub const TABLE_ELEMENTS_MAX: usize = 20_000;
/// Core instances within one component instance.
pub const CORE_INSTANCES_MAX: usize = 64;
/// Tables within one component instance.
pub const TABLES_MAX: usize = 16;
/// Memories within one component instance; interpreters have two.
pub const MEMORIES_MAX: usize = 4;
/// Handles (streams, pollables, errors) a guest may hold at once.
pub const HANDLES_MAX: usize = 1_000;
/// Random bytes a guest may ask for in one call.
pub const RANDOM_BYTES_MAX: u64 = 64 << 10;

/// What one run may use. The default is what a plugin gets unless it is granted more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wall time from the start of the run; `None` lets it run until it is cancelled.
    pub time: Option<Duration>,
    /// Memory of all of the guest's linear memories together, at most [`MEMORY_BYTES_CEILING`] for each.
    pub memory_bytes_max: usize,
    /// The result: bytes as decoded, everything else as JSON text.
    pub result_bytes_max: usize,
    /// What is kept of standard output and standard error together.
    pub log_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            time: Some(Duration::from_secs(30)),
            memory_bytes_max: 64 << 20,
            result_bytes_max: 4 << 20,
            log_bytes_max: 64 << 10,
        }
    }
}

/// Sums a guest's memories (a cap on each alone would let a guest with four have four times as much).
#[derive(Debug)]
pub(super) struct Meter {
    memory_bytes_max: usize,
    memory_bytes: usize,
    memory_bytes_peak: usize,
    refused: bool,
}

impl Meter {
    pub(super) fn new(memory_bytes_max: usize) -> Meter {
        Meter { memory_bytes_max, memory_bytes: 0, memory_bytes_peak: 0, refused: false }
    }

    pub(super) fn memory_bytes_peak(&self) -> usize {
        self.memory_bytes_peak
    }

    /// Whether the guest ever asked for memory it did not get.
    pub(super) fn refused(&self) -> bool {
        self.refused
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let next = self.memory_bytes.saturating_sub(current).saturating_add(desired);
        if next > self.memory_bytes_max || desired > MEMORY_BYTES_CEILING {
            self.refused = true;
            return Ok(false);
        }
        if maximum.is_none_or(|maximum| desired <= maximum) {
            self.memory_bytes = next;
            self.memory_bytes_peak = self.memory_bytes_peak.max(next);
        }
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = true;
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_counted_together() {
        let mut meter = Meter::new(100);
        assert!(meter.memory_growing(0, 60, None).unwrap());
        assert!(!meter.memory_growing(0, 60, None).unwrap());
        assert!(meter.memory_growing(60, 100, None).unwrap());
        assert_eq!(meter.memory_bytes_peak(), 100);
        assert!(meter.refused());
    }

    #[test]
    fn growth_beyond_the_memory_s_own_maximum_is_not_counted() {
        let mut meter = Meter::new(100);
        assert!(meter.memory_growing(0, 80, Some(10)).unwrap());
        assert_eq!(meter.memory_bytes_peak(), 0);
    }
}
