//! The search for the smallest file that keeps a budget.
//!
//! The prior's strength rises along one trajectory of joint training. Each point of it is compressed (selected, assigned, fine-tuned,
//! packed) and judged on the validation split, while the trajectory goes on to the next. When the budget has been left for good, points
//! between the best one and the next are tried, and the smallest file that keeps the budget is the result.
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
pub(crate) use plan::{Place, Plan};
pub use watch::{SearchObserver, SearchPart};

use std::cmp::Reverse;

pub(crate) use budget::percent;
use mixpress_network::Network;
use mixpress_train::Error as TrainError;
use parts::Float;
use rayon::prelude::*;

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

    /// Follows a trajectory until the budget has been left, then tries points between the best one and the next.
    fn follow(&self, plan: &Plan, float: &Float, files: &mut Vec<Found>) -> Result<(), Error> {
        let before = files.len();
        let mut stages = vec![self.stage(plan, Place::at(0), &float.snapshot, float)?];
        loop {
            let (last, at) = (&stages[stages.len() - 1], stages.len() as u64 - 1);
            self.expects(plan, at, &files[before..]);
            let is_last = at + 1 >= plan.most_points;
            let next = || if is_last { Ok(None) } else { self.stage(plan, Place::at(at + 1), last, float).map(Some) };
            let (next, file) = rayon::join(next, || self.file(plan, Place::at(at), last, float));
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
        let Some(best) = self.last_before_budget(&files[before..]) else { return Ok(()) };
        let between: Vec<Result<Found, Error>> = plan
            .places_between(best as u64)
            .into_par_iter()
            .map(|place| self.file(plan, place, &self.stage(plan, place, &stages[best], float)?, float))
            .collect();
        let mut end = Ok(());
        for file in between {
            match file {
                Ok(file) => files.push(file),
                Err(Error::Train(error @ TrainError::Diverged { .. })) => {
                    tracing::warn!(%error, "a point between two others is left out, since training diverged");
                }
                Err(error) => end = Err(error),
            }
        }
        end
    }

    /// The point after which the budget begins or ends, whichever it is that the points after it are tried for: the last within a budget of
    /// error, the one before the first within a budget of bytes.
    fn last_before_budget(&self, files: &[Found]) -> Option<usize> {
        let mut within = (0..files.len()).filter(|&at| files[at].point.is_within);
        match self.budget {
            Budget::Bytes(_) => within.next().map(|first| first.saturating_sub(1)),
            Budget::ErrorIncrease(_) | Budget::Error(_) => within.next_back(),
        }
    }

    /// Tells the watcher what is expected of a trajectory before the file of a point is made, after those of the points before it.
    fn expects(&self, plan: &Plan, point: u64, files: &[Found]) {
        let Plan { first, least_points, between, .. } = plan;
        let to_come = least_points.saturating_sub(point + 1).max(u64::from(!self.is_beyond(plan, files)));
        let before_first = first.plain.rounds + first.joint.rounds;
        let each = first.joint.rise.rounds + plan.rounds_a_file();
        self.observer.expects(before_first + plan.rounds_a_file() + (point + to_come + between) * each);
    }

    /// Whether smaller files than these need not be tried: there are as many as a frontier needs and the budget has been left for good, or a
    /// trajectory of lower strengths will be needed anyway.
    fn is_beyond(&self, plan: &Plan, files: &[Found]) -> bool {
        let is_enough = files.len() as u64 >= plan.least_points;
        let are_out = |files: &[Found]| files.iter().all(|file| !file.point.is_within);
        match self.budget {
            Budget::Bytes(_) => is_enough && files.iter().filter(|file| file.point.is_within).count() >= 2,
            Budget::ErrorIncrease(_) | Budget::Error(_) => {
                let is_too_strong = files.len() >= 2 && !plan.is_lowest && are_out(files);
                is_too_strong || is_enough && are_out(&files[files.len() - 2..])
            }
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
