//! What a search tells whoever watches it.

use mixpress_train::{Observer, Silent};

use super::Place;
use crate::FrontierPoint;

/// A part of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SearchPart {
    /// The float network.
    Float,
    /// Joint training up to a point.
    Stage(Place),
    /// The file of a point.
    File(Place),
}

/// Watches a search. All methods have empty defaults: implement what you need.
pub trait SearchObserver: Sync {
    /// A part begins, or goes on after a resume; its phases are told to what is returned. Two parts may run at the same
    /// time.
    fn part_started(&self, part: SearchPart) -> Box<dyn Observer + '_> {
        let _ = part;
        Box::new(Silent)
    }

    /// A part of so many rounds had been done before the search was resumed.
    fn part_known(&self, part: SearchPart, rounds: u64) {
        let _ = (part, rounds);
    }

    /// A file was made and judged. Which of all files is chosen comes out in the end.
    fn file_made(&self, point: &FrontierPoint) {
        let _ = point;
    }

    /// The rounds that the search expects to take in all, from its beginning on; it tells anew whenever it knows better.
    fn expects(&self, rounds: u64) {
        let _ = rounds;
    }
}

impl SearchObserver for Silent {}
