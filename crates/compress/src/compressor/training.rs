//! What a compressor does before anything is measured: one run of its recipe, or a search.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use mixpress_network::Network;
use mixpress_train::{Error as TrainError, Measurement, write_whole};

use super::saving::saved_elsewhere;
use super::{Compressor, FrontierFile};
use crate::checkpoint::{Checkpoints, Lock, claim, identity, load};
use crate::details::LayerDetails;
use crate::history::{Clock, Recorder};
use crate::package::ValidationErrors;
use crate::pipeline::{Run, Workshop, lower};
use crate::search::{BEST, Discovery, Found, Ledger, Plan, Search};
use crate::{Budget, Error, Judgement};

/// What a run made, before it is measured.
pub(super) struct Trained {
    pub bytes: Vec<u8>,
    /// The float network, as it was at the end of plain training.
    pub float: Network,
    pub errors: ValidationErrors,
    /// The readings on the way to the file.
    pub history: Vec<Measurement>,
    /// The layers' weights and mixtures at the end of joint training.
    pub layers: Vec<LayerDetails>,
    /// What a search was asked for.
    pub judgement: Option<Judgement>,
    /// Its files.
    pub files: Vec<FrontierFile>,
    pub seconds: f64,
}

impl Compressor<'_> {
    /// Runs the recipe or, with a budget, a search around it.
    pub(super) fn train(&self) -> Result<Trained, Error> {
        match self.budget {
            Some(budget) => self.search(budget),
            None => self.train_once(),
        }
    }

    fn train_once(&self) -> Result<Trained, Error> {
        let identity = identity(&self.definition, &self.data, &self.recipe);
        let (resumed, _lock) = match &self.checkpoint {
            Some(folder) if self.resume => {
                let lock = Lock::of_earlier_run(folder)?;
                (Some(load(folder, &identity)?), Some(lock))
            }
            Some(folder) => (None, Some(claim(folder)?)),
            None => (None, None),
        };
        let (snapshot, history, clock) = match resumed {
            Some((snapshot, history, seconds)) => (Some(snapshot), history, Clock::start(seconds)),
            None => (None, Vec::new(), Clock::start(0.0)),
        };
        let recorder = Recorder::new(self.observer, history);
        let folders = (self.checkpoint.as_deref(), self.checkpoint_on_interrupt.as_deref());
        let checkpoints = Checkpoints::new(folders.0, folders.1, &recorder, identity, clock);
        let run = Run {
            definition: &self.definition,
            data: &self.data,
            recipe: &self.recipe,
            recorder: &recorder,
            cancel: &self.cancel,
            checkpoints: &checkpoints,
        };
        let product = run.run(snapshot.as_ref()).map_err(|error| match error {
            Error::Train(TrainError::Interrupted) => {
                Error::Interrupted { checkpoint: checkpoints.folder_after_interrupt(), best: None }
            }
            error => error,
        })?;
        Ok(Trained {
            bytes: mixpress_codebook::encode(&product.container)?,
            float: product.float,
            errors: product.errors,
            history: recorder.readings(),
            layers: product.layers,
            judgement: None,
            files: Vec::new(),
            seconds: clock.seconds(),
        })
    }

    fn search(&self, budget: Budget) -> Result<Trained, Error> {
        let graph = lower(&self.definition, &self.data.train)?;
        let plan = Plan::new(&self.recipe, &graph, self.data.train.len());
        let identity =
            format!("{}{}\nbudget = {budget}\n", identity(&self.definition, &self.data, &plan.first), plan.outline());
        let (ledger, _lock) = match &self.checkpoint {
            Some(folder) if self.resume => {
                let lock = Lock::of_earlier_run(folder)?;
                (Ledger::resumed(folder, identity, self.cancel.clone())?, Some(lock))
            }
            Some(folder) => (Ledger::new(Some(folder), None, identity, self.cancel.clone()), Some(claim(folder)?)),
            None => {
                let folder = self.checkpoint_on_interrupt.as_deref();
                (Ledger::new(None, folder, identity, self.cancel.clone()), None)
            }
        };
        let mut cancel = self.cancel.clone();
        if let Some(deadline) = self.time_limit.and_then(|limit| Instant::now().checked_add(limit)) {
            cancel = cancel.with_deadline(deadline);
        }
        let shop = Workshop::new(&self.definition, &self.data, &plan.first, &cancel)?;
        if let Some(problem) = budget.out_of_reach(shop.validation.len()) {
            tracing::warn!("{problem}");
        }
        let search = Search { shop: &shop, plan, budget, observer: self.search_observer, ledger: &ledger };
        let found = search.run().map_err(|unfinished| match unfinished.error {
            Error::Train(TrainError::Interrupted) if cancel.is_cancelled() => {
                let checkpoint = ledger.folder_after_interrupt();
                let best =
                    checkpoint.as_deref().zip(unfinished.found).and_then(|(folder, found)| save_best(folder, &found));
                Error::Interrupted { checkpoint, best }
            }
            Error::Train(TrainError::Interrupted) => Error::TimeLimit { seconds: ledger.seconds() },
            error => match unfinished.found {
                // What has been found is not lost with what failed.
                Some(found) => {
                    saved_elsewhere(error, &found.chosen().bytes, OsStr::new("mixpress-"), &[&env::temp_dir()])
                }
                None => error,
            },
        })?;
        let chosen = found.chosen();
        let is_kept = chosen.point.is_within;
        Ok(Trained {
            bytes: chosen.bytes.clone(),
            errors: ValidationErrors { float: found.float_validation_error, compressed: chosen.point.validation_error },
            history: chosen.history.clone(),
            float: found.float,
            layers: found.layers,
            judgement: Some(Judgement {
                budget,
                samples: shop.validation.len(),
                is_kept,
                is_complete: found.is_complete,
            }),
            files: found.files.into_iter().map(|Found { bytes, point, .. }| FrontierFile { point, bytes }).collect(),
            seconds: ledger.seconds(),
        })
    }
}

/// Saves the best file of a search that was interrupted; where it was saved.
fn save_best(folder: &Path, found: &Discovery) -> Option<PathBuf> {
    let path = folder.join(BEST);
    // The parts of the search have been saved already, and it makes the file again from them.
    write_whole(&path, &found.chosen().bytes).ok().map(|()| path)
}
