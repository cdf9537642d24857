//! Which file of a search is handed over, and where points are worth trying: functions of how the files were judged, and of nothing else.

use super::{Budget, Place};

/// What counts of a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Judged {
    pub place: Place,
    pub bytes: u64,
    /// On the validation split, in percent.
    pub error: f64,
    /// Whether it is within the budget.
    pub is_within: bool,
}

/// The position of the best file, if one is within the budget and not for its luck alone.
///
/// With a budget of error, a trajectory ends before two of its own points in a row that are not within: one beyond them that is has been
/// lucky. The points between its last one within and the next count, too. The smallest of all these that are within is the best. With a
/// budget of bytes it is the most accurate within, of several the smallest.
pub(super) fn best(budget: Budget, files: &[Judged]) -> Option<usize> {
    let within = (0..files.len()).filter(|&at| files[at].is_within);
    match budget {
        Budget::Bytes(_) => {
            within.min_by(|&a, &b| files[a].error.total_cmp(&files[b].error).then(files[a].bytes.cmp(&files[b].bytes)))
        }
        Budget::ErrorIncrease(_) | Budget::Error(_) => {
            let ends = [false, true].map(|is_lower| last_within(files, is_lower));
            let counts = |place: Place| ends[usize::from(place.is_lower)].is_some_and(|last| place.stages <= last);
            within.filter(|&at| counts(files[at].place)).min_by_key(|&at| files[at].bytes)
        }
    }
}

/// The number of stages of a trajectory's last point that is within a budget of error before two in a row are not.
fn last_within(files: &[Judged], is_lower: bool) -> Option<u64> {
    let own = own_points(files, is_lower);
    let is_out = |at: usize| own.get(at).is_some_and(|file| !file.is_within);
    let end = (0..own.len()).find(|&at| is_out(at) && is_out(at + 1)).unwrap_or(own.len());
    own[..end].iter().rev().find(|file| file.is_within).map(|file| file.place.stages)
}

/// The points of a trajectory itself, in its order.
fn own_points(files: &[Judged], is_lower: bool) -> Vec<&Judged> {
    let mut own: Vec<_> =
        files.iter().filter(|file| file.place.is_whole() && file.place.is_lower == is_lower).collect();
    own.sort_by_key(|file| file.place.stages);
    own
}

/// The number of stages of the point after which more are worth trying: a trajectory crosses the budget's edge between it and the next.
///
/// The last point within a budget of error; the one before the first within a budget of bytes, which is the last one where a trajectory of
/// lower strengths ends without any.
pub(super) fn edge(budget: Budget, files: &[Judged], is_lower: bool) -> Option<u64> {
    match budget {
        Budget::ErrorIncrease(_) | Budget::Error(_) => last_within(files, is_lower),
        Budget::Bytes(_) => {
            let own = own_points(files, is_lower);
            match own.iter().position(|file| file.is_within) {
                Some(first) => first.checked_sub(1).map(|before| own[before].place.stages),
                None if is_lower => own.last().map(|last| last.place.stages),
                None => None,
            }
        }
    }
}

/// Whether a trajectory need not go on: it has as many points as a frontier needs and has left the budget for good, or lower strengths will
/// be needed anyway.
pub(super) fn is_over(budget: Budget, files: &[Judged], is_lower: bool, least_points: u64) -> bool {
    let own = own_points(files, is_lower);
    let is_enough = own.len() as u64 >= least_points;
    let are_out = |files: &[&Judged]| files.len() >= 2 && files.iter().all(|file| !file.is_within);
    match budget {
        Budget::Bytes(_) => is_enough && own.iter().filter(|file| file.is_within).count() >= 2,
        Budget::ErrorIncrease(_) | Budget::Error(_) => {
            !is_lower && are_out(&own) || is_enough && are_out(&own[own.len().saturating_sub(2)..])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: Budget = Budget::Error(1.0);

    /// Points of a trajectory, `i` for one within the budget and `o` for one that is not, each of a hundred bytes fewer than the one before.
    fn points(is_lower: bool, judgements: &str) -> Vec<Judged> {
        let first = if is_lower { 3000 } else { 1000 };
        let point = |(at, judgement)| Judged {
            place: Place { is_lower, stages: at, hundredths: 0 },
            bytes: first - 100 * at,
            error: 0.5 + at as f64,
            is_within: judgement == 'i',
        };
        (0..).zip(judgements.chars()).map(point).collect()
    }

    fn between(stages: u64, hundredths: u64, bytes: u64, is_within: bool) -> Judged {
        Judged { place: Place { is_lower: false, stages, hundredths }, bytes, error: 0.5, is_within }
    }

    #[test]
    fn a_point_that_is_out_alone_does_not_end_a_trajectory_and_two_do() {
        for (judgements, best_at, edge_at) in [
            ("iioioo", Some(3), Some(3)),
            ("iiooio", Some(1), Some(1)),
            ("iiiiii", Some(5), Some(5)),
            ("oioooo", Some(1), Some(1)),
            ("oo", None, None),
            ("ooii", None, None),
            ("", None, None),
        ] {
            let files = points(false, judgements);
            assert_eq!(best(ERROR, &files), best_at, "{judgements}");
            assert_eq!(edge(ERROR, &files, false), edge_at, "{judgements}");
        }
    }

    #[test]
    fn points_between_never_make_the_best_file_larger() {
        let mut files = points(false, "iioioo");
        files.push(between(3, 33, 705, false));
        files.push(between(3, 67, 640, false));
        assert_eq!(best(ERROR, &files), Some(3), "though files out of the budget lie around it");
        files.push(between(3, 50, 650, true));
        assert_eq!(best(ERROR, &files), Some(8));
        files.reverse();
        assert_eq!(best(ERROR, &files), Some(0), "in whatever order they are told");
    }

    #[test]
    fn the_smallest_of_two_trajectories_is_the_best() {
        let files = [points(false, "oo"), points(true, "iiioio")].concat();
        assert_eq!(best(ERROR, &files), Some(2 + 4));
        assert_eq!((edge(ERROR, &files, false), edge(ERROR, &files, true)), (None, Some(4)));
    }

    #[test]
    fn a_budget_of_bytes_is_met_by_the_most_accurate_file_and_looked_at_from_the_larger_side() {
        let budget = Budget::Bytes(1);
        assert_eq!(best(budget, &points(false, "ooiii")), Some(2));
        let mut files = points(false, "iii");
        files[1].error = files[0].error;
        assert_eq!(best(budget, &files), Some(1), "the smallest of the most accurate ones");
        assert_eq!(edge(budget, &points(false, "ooiii"), false), Some(1));
        assert_eq!(edge(budget, &points(false, "iiiii"), false), None, "the edge is beyond its first point");
        assert_eq!(edge(budget, &points(false, "oooo"), false), None, "the edge is beyond its last point");
        assert_eq!(edge(budget, &points(true, "oooo"), true), Some(3), "the edge is before the other trajectory");
    }

    #[test]
    fn trajectories_end_where_nothing_is_left_to_find() {
        let over = |budget, judgements, is_lower| is_over(budget, &points(is_lower, judgements), is_lower, 6);
        for (judgements, first, lower) in [
            ("oo", true, false),
            ("io", false, false),
            ("iioo", false, false),
            ("oooooo", true, true),
            ("iiiioo", true, true),
            ("iiioio", false, false),
            ("o", false, false),
        ] {
            assert_eq!((over(ERROR, judgements, false), over(ERROR, judgements, true)), (first, lower), "{judgements}");
        }
        let bytes = Budget::Bytes(1);
        assert!(!over(bytes, "oooooi", false) && over(bytes, "ooooii", false) && !over(bytes, "iii", false));
    }
}
