//! The parts that a search consists of: the float network, the stages of its trajectory, the files of its points.
//!
//! Each is a function of the parts before it, so it is run once and remembered by the ledger.

use mixpress_codebook::encode;
use mixpress_network::Network;
use mixpress_train::{Error as TrainError, Measurement, PhaseName, Snapshot, SoftTargets, Start};

use super::budget::percent;
use super::ledger::PartKeeper;
use super::{Place, Plan, Search, SearchPart};
use crate::checkpoint::phase_of;
use crate::details::LayerDetails;
use crate::history::Recorder;
use crate::package::ValidationErrors;
use crate::{Error, FrontierPoint};

/// The float network of a search.
pub(super) struct Float {
    /// The state that joint training begins with.
    pub snapshot: Snapshot,
    pub network: Network,
    /// Which samples of the validation split it gets wrong.
    pub wrong: Vec<bool>,
    /// What the other parts learn from it.
    pub targets: Option<SoftTargets>,
}

/// A file that a search made.
pub(crate) struct Found {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The readings on the way to it.
    pub history: Vec<Measurement>,
    /// How it was judged.
    pub point: FrontierPoint,
    /// The point that it was made of.
    pub place: Place,
}

impl Search<'_> {
    /// The float network: phase A.
    pub(super) fn float(&self) -> Result<Float, Error> {
        let recipe = &self.plan.first;
        let snapshot = self.part("float", SearchPart::Float, |recorder, keeper, running| {
            let session = self.shop.session(recorder, keeper, None);
            let start = match running {
                Some(snapshot) => Start::From(snapshot, self.shop.restored(recipe, snapshot)?),
                None => Start::With(self.shop.drawn(recipe)?),
            };
            let trainee = session.plain(start, &recipe.plain)?;
            let mut snapshot = Snapshot::new();
            put_wrong(&mut snapshot, &self.shop.wrong(&trainee.full_parameters()));
            snapshot.put_json("before", &Vec::<Measurement>::new());
            trainee.save(&mut snapshot);
            Ok(snapshot)
        })?;
        let parameters = self.shop.restored(recipe, &snapshot)?.full_parameters();
        let network = Network::new(self.shop.graph.clone(), parameters)?;
        let wrong = wrong_of(&snapshot)?;
        let targets = self.shop.soft_targets(recipe, network.parameters())?;
        Ok(Float { snapshot, network, wrong, targets })
    }

    /// Joint training up to a point; `before` is the end of the stage before it, or of the float network.
    pub(super) fn stage(&self, plan: &Plan, place: Place, before: &Snapshot, float: &Float) -> Result<Snapshot, Error> {
        let recipe = &plan.recipe(place);
        self.part(&stage_name(place), SearchPart::Stage(place), |recorder, keeper, running| {
            let session = self.shop.session(recorder, keeper, float.targets.as_ref());
            let trainee = self.shop.restored(recipe, running.unwrap_or(before))?;
            let start = match running.or((place != Place::first(plan.is_lower)).then_some(before)) {
                Some(snapshot) => Start::From(snapshot, trainee),
                None => Start::With(trainee),
            };
            let mut snapshot = session.joint_stage(
                start,
                &self.shop.mixtures,
                self.shop.joint_settings(recipe),
                recipe.joint.rise.stages,
            )?;
            put_history_before(&mut snapshot, before)?;
            Ok(snapshot)
        })
    }

    /// The file of a point of the trajectory.
    pub(super) fn file(&self, plan: &Plan, place: Place, joint: &Snapshot, float: &Float) -> Result<Found, Error> {
        let recipe = plan.recipe(place);
        let part =
            self.part(&format!("file-{}", place.key()), SearchPart::File(place), |recorder, keeper, running| {
                let session = self.shop.session(recorder, keeper, float.targets.as_ref());
                let (shop, recipe) = (self.shop, &recipe);
                let phase = running.map(phase_of).transpose()?;
                let tied = if let (Some(snapshot), Some(PhaseName::Tied)) = (running, phase) {
                    let start = Start::From(snapshot, shop.restored(recipe, snapshot)?);
                    session.tied(start, &[], &recipe.tied)?
                } else {
                    let (start, levels) = if let Some(snapshot) = running {
                        (Start::From(snapshot, shop.restored(recipe, snapshot)?), Vec::new())
                    } else {
                        let outcome = shop.joint_outcome(recipe, joint)?;
                        let levels = shop.levels(recipe, &outcome);
                        (Start::With(outcome.trainee), levels)
                    };
                    let (trainee, levels) = session.hard(start, levels, shop.hard_settings(recipe))?;
                    session.tied(Start::With(trainee), &levels, &recipe.tied)?
                };
                let (trainee, _) = tied;
                let wrong = self.shop.wrong(&trainee.full_parameters());
                let errors = ValidationErrors { float: percent(&float.wrong), compressed: percent(&wrong) };
                let bytes = encode(&shop.pack(recipe, &trainee, errors)?)?;
                let mut snapshot = Snapshot::new();
                snapshot.put_u8("file", &[bytes.len()], &bytes);
                put_wrong(&mut snapshot, &wrong);
                put_history_before(&mut snapshot, joint)?;
                Ok(snapshot)
            })?;
        let (bytes, wrong) = (part.get_u8("file")?.to_vec(), wrong_of(&part)?);
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
        Ok(Found { bytes, history, point, place })
    }

    /// The layers' weights and mixtures at the end of a file's joint training.
    pub(super) fn layers(&self, file: &Found, float: &Float) -> Result<Vec<LayerDetails>, Error> {
        let joint = self.ledger.done(&stage_name(file.place)).expect("a file is made of a part that is done");
        let outcome = self.shop.joint_outcome(&self.plan.first, &joint)?;
        Ok(LayerDetails::all(&self.shop.covered, float.network.parameters(), &outcome))
    }

    /// A part of the search: as the ledger has it, or run, from where it was interrupted if it was.
    fn part(
        &self,
        name: &str,
        part: SearchPart,
        run: impl FnOnce(&Recorder<'_>, &PartKeeper<'_>, Option<&Snapshot>) -> Result<Snapshot, Error>,
    ) -> Result<Snapshot, Error> {
        if let Some(done) = self.ledger.done(name) {
            self.observer.part_known(part, self.plan.rounds_of(part));
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

fn stage_name(place: Place) -> String {
    format!("stage-{}", place.key())
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
    let earlier: Vec<Measurement> = before.get_json("before")?;
    let own: Vec<Measurement> = before.get_json("history")?;
    snapshot.put_json("before", &[earlier, own].concat());
    Ok(())
}
