//! What is to fail: `WINDLASS_SHIM_FAIL=PLAN:NUMBER`.

use libc::{EIO, ENOSPC, c_int};

/// What a process is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Make a name.
    Create,
    /// Take a name away, give it to another file, or make a file shorter.
    Rename,
    /// Make what was written durable, or say so.
    Sync,
    /// Write so many bytes.
    Write(usize),
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is done.
    Do,
    /// Only so many bytes are written.
    Part(usize),
    /// It fails with this `errno`.
    Fail(c_int),
}

/// A plan, and how far it has come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Faults {
    /// Nothing fails.
    None,
    /// `io-once:N`: the deed number N fails with `EIO`, and no other.
    Once { left: u64 },
    /// `io:N`: the deed number N fails with `EIO`, and all after it.
    From { left: u64 },
    /// `full:N`: of those that take space the one with number N is done by half, and all after it fail with `ENOSPC`.
    Full { left: u64 },
    /// `space:N`: after N written bytes nothing that takes space is done any more.
    Space { bytes_left: u64 },
}

impl Faults {
    /// Reads a plan; none = it is not one.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let (plan, number) = std::str::from_utf8(text).ok()?.split_once(':')?;
        let left: u64 = number.parse().ok()?;
        match plan {
            "full" => Some(Self::Full { left }),
            "io" => Some(Self::From { left }),
            "io-once" => Some(Self::Once { left }),
            "space" => Some(Self::Space { bytes_left: left }),
            _ => None,
        }
    }

    pub(crate) fn judge(&mut self, deed: Deed) -> Verdict {
        let takes_space = matches!(deed, Deed::Create | Deed::Write(_));
        match self {
            Self::Once { left } => match count_down(left) {
                Some(0) => Verdict::Fail(EIO),
                Some(_) | None => Verdict::Do,
            },
            Self::From { left } => match count_down(left) {
                Some(0) | None => Verdict::Fail(EIO),
                Some(_) => Verdict::Do,
            },
            Self::Full { left } if takes_space => match (count_down(left), deed) {
                (Some(0), Deed::Write(bytes)) if bytes > 1 => Verdict::Part(bytes / 2),
                (Some(0) | None, _) => Verdict::Fail(ENOSPC),
                (Some(_), _) => Verdict::Do,
            },
            Self::Space { bytes_left } if takes_space => {
                let Deed::Write(bytes) = deed else {
                    return if *bytes_left == 0 { Verdict::Fail(ENOSPC) } else { Verdict::Do };
                };
                let written = usize::try_from(*bytes_left).unwrap_or(usize::MAX).min(bytes);
                *bytes_left -= written as u64;
                match written {
                    0 => Verdict::Fail(ENOSPC),
                    written if written < bytes => Verdict::Part(written),
                    _ => Verdict::Do,
                }
            }
            Self::None | Self::Full { .. } | Self::Space { .. } => Verdict::Do,
        }
    }
}

/// Counts one down; `Some(0)` for the one that is meant, none after it.
fn count_down(left: &mut u64) -> Option<u64> {
    *left = left.checked_sub(1)?;
    Some(*left)
}
