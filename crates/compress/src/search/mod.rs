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
mod plan;
mod watch;

pub use budget::Budget;
pub(crate) use ledger::Ledger;
pub(crate) use plan::Plan;
pub use watch::{SearchObserver, SearchPart};

use std::cmp::Reverse;

use budget::percent;
use mixpress_codebook::encode;
use mixpress_network::{Network, Parameters};
use mixpress_tensor::Pool;
use mixpress_train::{Error as TrainError, Measurement, PhaseName, Snapshot, Start, wrong_samples};

use crate::checkpoint::phase_of;
use crate::details::LayerDetails;
use crate::history::Recorder;
use crate::package::ValidationErrors;
use crate::pipeline::Workshop;
use crate::{Error, FrontierPoint};

/// A search: on what it works, for what, how, who watches, and what is done of it.
pub(crate) struct Search<'a> {
    pub shop: &'a Workshop<'a>,
    pub plan: Plan,
    pub budget: Budget,
    pub observer: &'a dyn SearchObserver,
    pub ledger: &'a Ledger<'a>,
}

/// The float network of a search.
struct Float {
    /// The state that joint training begins with.
    snapshot: Snapshot,
    network: Network,
    /// Which samples of the validation split it gets wrong.
    wrong: Vec<bool>,
}

/// A file that a search made.
pub(crate) struct Found {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The readings on the way to it.
    pub history: Vec<Measurement>,
    /// The layers' weights and mixtures at the end of joint training.
    pub layers: Vec<LayerDetails>,
    /// How it was judged.
    pub point: FrontierPoint,
}

/// What a search found.
pub(crate) struct Discovery {
    /// All files, from the largest to the smallest; one at least, and one of them is chosen.
    pub files: Vec<Found>,
    /// The float network.
    pub float: Network,
    /// Its error on the validation split, percent.
    pub float_validation_error: f64,
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
        let float = self.float()?;
        let mut files = Vec::new();
        let explored = self.explore(&float, &mut files);
        let found = (!files.is_empty()).then(|| self.conclude(files, float));
        match (explored, found) {
            (Ok(()), Some(found)) => Ok(found),
            (Err(Error::Train(TrainError::Interrupted)), Some(found)) if !self.shop.cancel.is_cancelled() => Ok(found),
            (Err(error), found) => Err(Box::new(Unfinished { error, found })),
            (Ok(()), None) => unreachable!("a search that ends well has made the file of its first point"),
        }
    }

    /// Follows the trajectory and, where no file of it keeps a budget of error, another one of lower strengths.
    fn explore(&self, float: &Float, files: &mut Vec<Found>) -> Result<(), Error> {
        self.follow(&self.plan, float, files)?;
        if matches!(self.budget, Budget::Bytes(_)) || files.iter().any(|file| file.point.is_within) {
            return Ok(());
        }
        self.follow(&self.plan.lower(), float, files)
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
            match next? {
                Some(next) if !self.is_beyond(plan, &files[before..]) => stages.push(next),
                _ => break,
            }
        }
        let Some(best) = files[before..].iter().rposition(|file| file.point.is_within) else { return Ok(()) };
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

    /// Tells the watcher what is expected before the file of a point is made, after those of the points before it.
    fn expects(&self, plan: &Plan, point: u64, files: &[Found]) {
        let Plan { first, least_points, thorough, most_thorough, .. } = plan;
        let brief = first.hard.rounds + first.tied.rounds;
        let to_come = least_points.saturating_sub(point + 1).max(u64::from(!self.is_beyond(plan, files)));
        let done = first.plain.rounds + plan.recipe(point, false).joint.all_rounds() + point * brief;
        let left =
            brief + to_come * (first.joint.rise.rounds + brief) + most_thorough.min(&2) * thorough.iter().sum::<u64>();
        self.observer.expects(done, left);
    }

    /// Whether smaller files than these need not be tried.
    fn is_beyond(&self, plan: &Plan, files: &[Found]) -> bool {
        if (files.len() as u64) < plan.least_points {
            return false;
        }
        match self.budget {
            Budget::Bytes(most) => files.iter().filter(|file| file.point.file_bytes <= most).count() >= 2,
            Budget::ErrorIncrease(_) | Budget::Error(_) => files.iter().rev().take(2).all(|file| !file.point.is_within),
        }
    }

    /// Orders the files and marks the best ones.
    fn conclude(&self, mut files: Vec<Found>, float: Float) -> Discovery {
        files.sort_by_key(|file| Reverse(file.point.file_bytes));
        let figures: Vec<(u64, f64)> =
            files.iter().map(|file| (file.point.file_bytes, file.point.validation_error)).collect();
        for file in &mut files {
            let own = (file.point.file_bytes, file.point.validation_error);
            file.point.is_optimal = !figures.iter().any(|&other| other != own && other.0 <= own.0 && other.1 <= own.1);
        }
        let chosen = self.choose(&files);
        files[chosen].point.is_chosen = true;
        Discovery { files, float: float.network, float_validation_error: percent(&float.wrong) }
    }

    /// The best of some files, which are ordered from the largest to the smallest: of those within the budget or, where there is none, the
    /// one that comes closest. With a budget of error that is the largest: the one with the lowest bound of many would be a lucky one.
    fn choose(&self, files: &[Found]) -> usize {
        let error = |file: &Found| file.point.validation_error;
        let mut within = (0..files.len()).filter(|&at| files[at].point.is_within);
        match self.budget {
            Budget::Bytes(_) => {
                let by_error = |&a: &usize, &b: &usize| error(&files[a]).total_cmp(&error(&files[b]));
                within.min_by(by_error).unwrap_or(files.len() - 1)
            }
            Budget::ErrorIncrease(_) | Budget::Error(_) => within.next_back().unwrap_or(0),
        }
    }

    /// The float network: phase A.
    fn float(&self) -> Result<Float, Error> {
        let recipe = &self.plan.first;
        let snapshot = self.part("float", SearchPart::Float, |recorder, keeper, running| {
            let session = self.shop.session(recorder, keeper);
            let start = match running {
                Some(snapshot) => Start::From(snapshot, self.shop.restored(recipe, snapshot)?),
                None => Start::With(self.shop.drawn(recipe)?),
            };
            let trainee = session.plain(start, &recipe.plain)?;
            let mut snapshot = Snapshot::new();
            put_wrong(&mut snapshot, &self.wrong(&trainee.full_parameters()));
            trainee.save(&mut snapshot);
            Ok(snapshot)
        })?;
        let parameters = self.shop.restored(recipe, &snapshot)?.full_parameters();
        let network = Network::new(self.shop.graph.clone(), parameters)?;
        let wrong = wrong_of(&snapshot)?;
        Ok(Float { snapshot, network, wrong })
    }

    /// Joint training up to the end of a stage; `before` is the end of the stage before it, or of the float network.
    fn stage(&self, plan: &Plan, stage: u64, before: &Snapshot) -> Result<Snapshot, Error> {
        let recipe = &plan.recipe(stage, false);
        self.part(&format!("{}stage-{stage}", plan.tag), SearchPart::Stage(stage), |recorder, keeper, running| {
            let session = self.shop.session(recorder, keeper);
            let trainee = self.shop.restored(recipe, running.unwrap_or(before))?;
            let start = match running.or((stage > 0).then_some(before)) {
                Some(snapshot) => Start::From(snapshot, trainee),
                None => Start::With(trainee),
            };
            let mut snapshot =
                session.joint_stage(start, &self.shop.mixtures, self.shop.joint_settings(recipe), stage)?;
            put_history_before(&mut snapshot, before)?;
            Ok(snapshot)
        })
    }

    /// The file of a point of the trajectory.
    fn file(
        &self,
        plan: &Plan,
        stage: u64,
        joint: &Snapshot,
        float: &Float,
        is_thorough: bool,
    ) -> Result<Found, Error> {
        let recipe = plan.recipe(stage, is_thorough);
        let name = format!("{}file-{stage}{}", plan.tag, if is_thorough { "-thorough" } else { "" });
        let part = self.part(&name, SearchPart::File { stage, is_thorough }, |recorder, keeper, running| {
            let session = self.shop.session(recorder, keeper);
            let (shop, recipe) = (self.shop, &recipe);
            let phase = running.map(phase_of).transpose()?;
            let outcome = session.joint_outcome(joint, shop.restored(recipe, joint)?, shop.joint_settings(recipe))?;
            let layers = LayerDetails::all(&shop.covered, float.network.parameters(), &outcome);
            let tied = if let (Some(snapshot), Some(PhaseName::Tied)) = (running, phase) {
                let start = Start::From(snapshot, shop.restored(recipe, snapshot)?);
                session.tied(start, &[], &recipe.tied)?
            } else {
                let (start, levels) = if let Some(snapshot) = running {
                    (Start::From(snapshot, shop.restored(recipe, snapshot)?), Vec::new())
                } else {
                    let levels = shop.levels(recipe, &outcome);
                    (Start::With(outcome.trainee), levels)
                };
                let (trainee, levels) = session.hard(start, levels, shop.hard_settings(recipe))?;
                session.tied(Start::With(trainee), &levels, &recipe.tied)?
            };
            let (trainee, _) = tied;
            let wrong = self.wrong(&trainee.full_parameters());
            let errors = ValidationErrors { float: percent(&float.wrong), compressed: percent(&wrong) };
            let bytes = encode(&shop.pack(recipe, &trainee, errors)?)?;
            let mut snapshot = Snapshot::new();
            snapshot.put_u8("file", &[bytes.len()], &bytes);
            put_wrong(&mut snapshot, &wrong);
            snapshot.put_json("layers", &layers);
            put_history_before(&mut snapshot, joint)?;
            Ok(snapshot)
        })?;
        let (bytes, wrong) = (part.get_u8("file")?.to_vec(), wrong_of(&part)?);
        let layers = part.get_json("layers")?;
        let history = [part.get_json::<Vec<Measurement>>("before")?, part.get_json("history")?].concat();
        let bound = self.budget.bound(&float.wrong, &wrong);
        let file_bytes = bytes.len() as u64;
        let point = FrontierPoint {
            file_bytes,
            ratio: 4.0 * self.shop.graph.parameter_count() as f64 / file_bytes as f64,
            strength: recipe.joint.last_strength(),
            validation_error: percent(&wrong),
            increase: percent(&wrong) - percent(&float.wrong),
            bound,
            is_within: self.budget.is_kept(file_bytes, bound),
            is_optimal: false,
            is_chosen: false,
        };
        self.observer.file_made(&point);
        Ok(Found { bytes, history, layers, point })
    }

    /// Which samples of the validation split a network at full shape gets wrong.
    fn wrong(&self, parameters: &Parameters) -> Vec<bool> {
        wrong_samples(&self.shop.graph, parameters, &self.shop.validation, &Pool::new())
    }

    /// A part of the search: as the ledger has it, or run, from where it was interrupted if it was.
    fn part(
        &self,
        name: &str,
        part: SearchPart,
        run: impl FnOnce(&Recorder<'_>, &ledger::PartKeeper<'_>, Option<&Snapshot>) -> Result<Snapshot, Error>,
    ) -> Result<Snapshot, Error> {
        if let Some(done) = self.ledger.done(name) {
            return Ok(done);
        }
        let running = self.ledger.running(name);
        let history = running.as_ref().map(|snapshot| snapshot.get_json("history")).transpose()?.unwrap_or_default();
        let observer = self.observer.part_started(part);
        let recorder = Recorder::new(&*observer, history);
        let keeper = self.ledger.keeper(name, &recorder);
        let mut snapshot = run(&recorder, &keeper, running.as_ref())?;
        snapshot.put_json("history", &recorder.readings());
        self.ledger.finish(name, snapshot.clone())?;
        Ok(snapshot)
    }
}

fn put_wrong(snapshot: &mut Snapshot, wrong: &[bool]) {
    let wrong: Vec<u8> = wrong.iter().map(|&wrong| u8::from(wrong)).collect();
    snapshot.put_u8("wrong", &[wrong.len()], &wrong);
}

fn wrong_of(snapshot: &Snapshot) -> Result<Vec<bool>, TrainError> {
    Ok(snapshot.get_u8("wrong")?.iter().map(|&wrong| wrong != 0).collect())
}

/// The readings of all parts before this one: those that led to `before`, and its own.
fn put_history_before(snapshot: &mut Snapshot, before: &Snapshot) -> Result<(), TrainError> {
    let earlier: Vec<Measurement> = before.get_json("before").unwrap_or_default();
    let own: Vec<Measurement> = before.get_json("history")?;
    snapshot.put_json("before", &[earlier, own].concat());
    Ok(())
}
