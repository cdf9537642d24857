//! The search for the smallest file that keeps a budget.
//!
//! The prior's strength rises along one trajectory of joint training. Each point of it is compressed (selected, assigned, fine-tuned,
//! packed) and judged on the validation split, while the trajectory goes on to the next. When the budget has been left for good, the
//! best points are compressed again, more thoroughly, and the smallest file that keeps the budget is the result.
//!
//! Parts that do not need each other run at the same time; what is decided depends on their results alone, never on which came
//! first.

mod budget;
mod ledger;
mod parts;
mod plan;
mod watch;

pub use budget::Budget;
pub(crate) use ledger::{BEST, Ledger};
pub(crate) use parts::Found;
pub(crate) use plan::Plan;
pub use watch::{SearchObserver, SearchPart};

use std::cmp::Reverse;

pub(crate) use budget::percent;
use mixpress_network::Network;
use mixpress_train::Error as TrainError;
use parts::Float;

use crate::Error;
use crate::details::LayerDetails;
use crate::pipeline::Workshop;

/// A search: on what it works, for what, how, who watches, and what is done of it.
pub(crate) struct Search<'a> {
    pub shop: &'a Workshop<'a>,
    pub plan: Plan,
    pub budget: Budget,
    pub observer: &'a dyn SearchObserver,
    pub ledger: &'a Ledger<'a>,
}

/// What a search found.
pub(crate) struct Discovery {
    /// All files, from the largest to the smallest; one at least, and one of them is chosen.
    pub files: Vec<Found>,
    /// The float network.
    pub float: Network,
    /// Its error on the validation split, percent.
    pub float_validation_error: f64,
    /// Whether the search came to its own end, and not to that of its time.
    pub is_complete: bool,
    /// The layers' weights and mixtures at the end of the chosen file's joint training.
    pub layers: Vec<LayerDetails>,
}

impl Discovery {
    /// The file that is handed over.
    pub fn chosen(&self) -> &Found {
        self.files.iter().find(|file| file.point.is_chosen).expect("a search chooses one of its files")
    }
}

/// A search that did not come to its end.
pub(crate) struct Unfinished {
    /// Why.
    pub error: Error,
    /// What it had found by then, if anything.
    pub found: Option<Discovery>,
}

impl From<Error> for Box<Unfinished> {
    fn from(error: Error) -> Self {
        Self::new(Unfinished { error, found: None })
    }
}

impl Search<'_> {
    /// Runs the search, or what is left of it. When its time is over, what has been found is the result.
    ///
    /// # Errors
    /// With what had been found by then, if there was anything.
    pub fn run(&self) -> Result<Discovery, Box<Unfinished>> {
        self.expects(&self.plan, 0, &[]);
        let float = self.float()?;
        let mut files = Vec::new();
        let explored = self.explore(&float, &mut files);
        let found = if files.is_empty() { None } else { Some(self.conclude(files, float)?) };
        match (explored, found) {
            (Ok(()), Some(found)) => Ok(found),
            (Err(Error::Train(TrainError::Interrupted)), Some(found)) if self.shop.cancel.is_expired() => {
                Ok(Discovery { is_complete: false, ..found })
            }
            (Err(error), found) => Err(Box::new(Unfinished { error, found })),
            (Ok(()), None) => unreachable!("a search that ends well has made the file of its first point"),
        }
    }

    /// Follows the trajectory and, where no file of it keeps a budget of error, another one of lower strengths.
    fn explore(&self, float: &Float, files: &mut Vec<Found>) -> Result<(), Error> {
        self.follow(&self.plan, float, files)?;
        let needs_lower = match self.budget {
            // Larger files than the first may be within, too, and more accurate.
            Budget::Bytes(_) => files.first().is_some_and(|file| file.point.is_within),
            Budget::ErrorIncrease(_) | Budget::Error(_) => !files.iter().any(|file| file.point.is_within),
        };
        if needs_lower { self.follow(&self.plan.lower(), float, files) } else { Ok(()) }
    }

    /// Follows a trajectory until the budget has been left, then makes the best points' files again, thoroughly.
    fn follow(&self, plan: &Plan, float: &Float, files: &mut Vec<Found>) -> Result<(), Error> {
        let before = files.len();
        let mut stages = vec![self.stage(plan, 0, &float.snapshot)?];
        loop {
            let at = stages.len() - 1;
            self.expects(plan, at as u64, &files[before..]);
            let is_last = stages.len() as u64 >= plan.most_points;
            let next = || if is_last { Ok(None) } else { self.stage(plan, at as u64 + 1, &stages[at]).map(Some) };
            let (next, file) = rayon::join(next, || self.file(plan, at as u64, &stages[at], float, false));
            files.push(file?);
            match next {
                Ok(Some(next)) if !self.is_beyond(plan, &files[before..]) => stages.push(next),
                Ok(_) => break,
                Err(Error::Train(error @ TrainError::Diverged { .. })) => {
                    tracing::warn!(%error, "the trajectory ends where training diverged");
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let Some(best) = self.most_promising(&files[before..]) else { return Ok(()) };
        let most = usize::try_from(plan.most_thorough).unwrap_or(usize::MAX);
        let ahead: Vec<usize> = (best..stages.len()).take(most).collect();
        for pair in ahead.chunks(2) {
            let make = |at: usize| self.file(plan, at as u64, &stages[at], float, true);
            let (first, second) = rayon::join(|| make(pair[0]), || pair.get(1).map(|&at| make(at)).transpose());
            let made_before = files.len();
            files.push(first?);
            files.extend(second?);
            if !files[made_before..].iter().all(|file| file.point.is_within) {
                break;
            }
        }
        Ok(())
    }

    /// The point from which on files are made again: the best one within the budget. For a budget of bytes that is the point before
    /// the first within, whose file may yet become small enough.
    fn most_promising(&self, files: &[Found]) -> Option<usize> {
        let mut within = (0..files.len()).filter(|&at| files[at].point.is_within);
        match self.budget {
            Budget::Bytes(_) => within.next().map(|first| first.saturating_sub(1)),
            Budget::ErrorIncrease(_) | Budget::Error(_) => within.next_back(),
        }
    }

    /// Tells the watcher what is expected of a trajectory before the file of a point is made, after those of the points before it.
    fn expects(&self, plan: &Plan, point: u64, files: &[Found]) {
        let Plan { first, least_points, thorough, most_thorough, .. } = plan;
        let brief = first.hard.rounds + first.tied.rounds;
        let to_come = least_points.saturating_sub(point + 1).max(u64::from(!self.is_beyond(plan, files)));
        let before_first = first.plain.rounds + first.joint.rounds;
        let each = first.joint.rise.rounds + brief;
        let last = most_thorough.min(&2) * thorough.iter().sum::<u64>();
        self.observer.expects(before_first + point * each + brief + to_come * each + last);
    }

    /// Whether smaller files than these need not be tried.
    fn is_beyond(&self, plan: &Plan, files: &[Found]) -> bool {
        if (files.len() as u64) < plan.least_points {
            return false;
        }
        match self.budget {
            Budget::Bytes(_) => files.iter().filter(|file| file.point.is_within).count() >= 2,
            Budget::ErrorIncrease(_) | Budget::Error(_) => files.iter().rev().take(2).all(|file| !file.point.is_within),
        }
    }

    /// Orders the files and marks the best ones.
    fn conclude(&self, mut files: Vec<Found>, float: Float) -> Result<Discovery, Error> {
        files.sort_by_key(|file| Reverse(file.point.file_bytes));
        let figures: Vec<(u64, f64)> =
            files.iter().map(|file| (file.point.file_bytes, file.point.validation_error)).collect();
        for file in &mut files {
            let own = (file.point.file_bytes, file.point.validation_error);
            file.point.is_optimal = !figures.iter().any(|&other| other != own && other.0 <= own.0 && other.1 <= own.1);
        }
        let chosen = self.choose(&files);
        files[chosen].point.is_chosen = true;
        let layers = self.layers(&files[chosen], &float)?;
        let float_validation_error = percent(&float.wrong);
        Ok(Discovery { files, float: float.network, float_validation_error, is_complete: true, layers })
    }

    /// The best of some files, which are ordered from the largest to the smallest: of those within the budget or, where there is none, the
    /// one that comes closest. With a budget of error, files beyond two in a row that are not within do not count: one of them that is has
    /// been lucky. So has the one with the lowest bound where none is within, and the largest is taken.
    fn choose(&self, files: &[Found]) -> usize {
        let error = |file: &Found| file.point.validation_error;
        let within = (0..files.len()).filter(|&at| files[at].point.is_within);
        match self.budget {
            Budget::Bytes(_) => {
                let by_error = |&a: &usize, &b: &usize| error(&files[a]).total_cmp(&error(&files[b]));
                within.min_by(by_error).unwrap_or(files.len() - 1)
            }
            Budget::ErrorIncrease(_) | Budget::Error(_) => {
                let is_out = |at: usize| files.get(at).is_some_and(|file| !file.point.is_within);
                let end = (0..files.len()).find(|&at| is_out(at) && is_out(at + 1)).unwrap_or(files.len());
                within.take_while(|&at| at < end).last().unwrap_or(0)
            }
        }
    }
}
