//! Uploads that were refused only after costly work, so that the same bytes are refused at once.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use windlass_core::job::Digest;
use windlass_wire::problem::Problem;

/// Refusals remembered; the oldest is forgotten first.
const REFUSALS_MAX: usize = 256;

/// The last refusals, in memory only: a broker that was started again may have become more able.
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<VecDeque<(Digest, Problem)>>);

impl Refused {
    pub(crate) fn remember(&self, digest: Digest, problem: Problem) {
        let mut refusals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.retain(|(other, _)| *other != digest);
        if refusals.len() == REFUSALS_MAX {
            refusals.pop_front();
        }
        refusals.push_back((digest, problem));
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<Problem> {
        let refusals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.iter().find(|(other, _)| other == digest).map(|(_, problem)| problem.clone())
    }
}

#[cfg(test)]
mod tests {
    use windlass_wire::code::ErrorCode;

    use super::*;

    fn digest(number: usize) -> Digest {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        Digest(bytes)
    }

    #[test]
    fn the_oldest_refusal_gives_way() {
        let refused = Refused::default();
        let problem = Problem::new(ErrorCode::PluginRejected, "too hard");
        for number in 0..=REFUSALS_MAX {
            refused.remember(digest(number), problem.clone());
        }
        assert_eq!(refused.get(&digest(0)), None);
        assert_eq!(refused.get(&digest(1)), Some(problem.clone()));
        assert_eq!(refused.get(&digest(REFUSALS_MAX)), Some(problem));
    }
}
