//! The search for the smallest file that keeps a budget.
//!
//! The prior's strength rises along one trajectory of joint training. Each point of it is compressed (selected,
//! assigned, fine-tuned, packed) and judged on the validation split, while the trajectory goes on to the next. When the
//! budget has been left for good, points between the best one and the next are tried. The smallest file that keeps the
//! budget is the result.
//!
//! Parts that do not need each other run at the same time; what is decided depends on their results alone, never on
//! which came first.

mod budget;
mod choice;
mod ledger;
mod parts;
mod place;
mod plan;
mod watch;

pub use budget::Budget;
pub(crate) use ledger::{BEST, Ledger};
pub(crate) use parts::Found;
pub use place::Place;
pub(crate) use plan::Plan;
pub use watch::{SearchObserver, SearchPart};

use std::cmp::Reverse;

pub(crate) use budget::percent;
use choice::Judged;
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
        self.observer.expects(self.plan.expected_rounds());
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
        let spent = self.follow(&self.plan, float, files, self.plan.rounds_of(SearchPart::Float))?;
        let needs_lower = match self.budget {
            // Larger files than the first may be within, too, and more accurate.
            Budget::Bytes(_) => files.first().is_some_and(|file| file.point.is_within),
            Budget::ErrorIncrease(_) | Budget::Error(_) => choice::best(self.budget, &judged(files)).is_none(),
        };
        if needs_lower {
            self.follow(&self.plan.lower(), float, files, spent)?;
        }
        Ok(())
    }

    /// Follows a trajectory until the budget has been left, then tries points between the best one and the next.
    /// `spent` rounds have been taken before it, and so many as are returned after it.
    fn follow(&self, plan: &Plan, float: &Float, files: &mut Vec<Found>, spent: u64) -> Result<u64, Error> {
        let first = Place::first(plan.is_lower);
        let mut spent = spent + plan.rounds_of(SearchPart::Stage(first));
        let each = plan.first.joint.rise.rounds + plan.rounds_a_file();
        let mut stages = vec![(first, self.stage(plan, first, &float.snapshot, float)?)];
        loop {
            let (place, last) = &stages[stages.len() - 1];
            let to_come = plan.least_points.saturating_sub(place.stages + 1).max(1);
            self.observer.expects(spent + plan.rounds_a_file() + (to_come + plan.between) * each);
            let is_last = place.stages + 1 >= plan.most_points;
            let next = || if is_last { Ok(None) } else { self.stage(plan, place.next(), last, float).map(Some) };
            let (next, file) = rayon::join(next, || self.file(plan, *place, last, float));
            files.push(file?);
            spent += plan.rounds_a_file();
            let next = match next {
                Ok(next) => next,
                Err(Error::Train(error @ TrainError::Diverged { .. })) => {
                    tracing::warn!(%error, "the trajectory ends where training diverged");
                    None
                }
                Err(error) => return Err(error),
            };
            let is_over = choice::is_over(self.budget, &judged(files), plan.is_lower, plan.least_points);
            let Some(next) = next.filter(|_| !is_over) else { break };
            spent += plan.first.joint.rise.rounds;
            stages.push((place.next(), next));
        }
        let Some(edge) = choice::edge(self.budget, &judged(files), plan.is_lower) else { return Ok(spent) };
        let (_, before) = stages.iter().find(|(place, _)| place.stages == edge).expect("an edge is beside a point");
        let between = plan.places_between(edge);
        spent += between.len() as u64 * each;
        self.observer.expects(spent);
        let made: Vec<Result<Found, Error>> = (between.into_par_iter())
            .map(|place| self.file(plan, place, &self.stage(plan, place, before, float)?, float))
            .collect();
        let mut failures = Vec::new();
        for file in made {
            match file {
                Ok(file) => files.push(file),
                Err(Error::Train(error @ TrainError::Diverged { .. })) => {
                    tracing::warn!(%error, "a point between two others is left out, since training diverged");
                }
                Err(error) => failures.push(error),
            }
        }
        // What failed is told rather than that the others were stopped.
        failures.sort_by_key(|error| matches!(error, Error::Train(TrainError::Interrupted)));
        failures.into_iter().next().map_or(Ok(spent), Err)
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
        // Where none is within, the largest: the one with the lowest bound of many has been lucky.
        let nearest = if matches!(self.budget, Budget::Bytes(_)) { files.len() - 1 } else { 0 };
        let chosen = choice::best(self.budget, &judged(&files)).unwrap_or(nearest);
        files[chosen].point.is_chosen = true;
        let layers = self.layers(&files[chosen], &float)?;
        let float_validation_error = percent(&float.wrong);
        Ok(Discovery { files, float: float.network, float_validation_error, is_complete: true, layers })
    }
}

/// What counts of some files when one is chosen.
fn judged(files: &[Found]) -> Vec<Judged> {
    let judged = |Found { place, point, .. }: &Found| Judged {
        place: *place,
        bytes: point.file_bytes,
        error: point.validation_error,
        is_within: point.is_within,
    };
    files.iter().map(judged).collect()
}
