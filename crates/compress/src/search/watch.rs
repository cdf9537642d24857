//! What a search tells whoever watches it.

use mixpress_train::{Observer, Silent};

use crate::FrontierPoint;

/// A part of a search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SearchPart {
    /// The float network.
    Float,
    /// Joint training up to one more point of the trajectory. Points are counted from 0; those that are tried in the end between two of
    /// them have a fraction.
    Stage(f64),
    /// The file of a point.
    File(f64),
}

/// Watches a search. All methods have empty defaults: implement what you need.
pub trait SearchObserver: Sync {
    /// A part begins, or goes on after a resume; its phases are told to what is returned. Two parts may run at the same time.
    fn part_started(&self, part: SearchPart) -> Box<dyn Observer + '_> {
        let _ = part;
        Box::new(Silent)
    }

    /// A file was made and judged. Which of all files is chosen comes out in the end.
    fn file_made(&self, point: &FrontierPoint) {
        let _ = point;
    }

    /// The rounds that the search expects to take in all, those of a second trajectory aside, of which it tells anew.
    fn expects(&self, rounds: u64) {
        let _ = rounds;
    }
}

impl SearchObserver for Silent {}
