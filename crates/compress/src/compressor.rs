//! The whole method behind one builder.

mod saving;
mod training;

use std::path::{Path, PathBuf};
use std::time::Duration;

use mixpress_network::{Definition, Network};
use mixpress_tensor::Pool;
use mixpress_train::{CancelToken, DataSource, Observer, Silent, evaluate};

pub use saving::Overwrite;
use saving::{check_output, write_result};
use training::Trained;

use crate::checkpoint::has_state;
use crate::details::{Baseline, ClassErrors, Details};
use crate::pipeline::lower;
use crate::{
    Budget, CompressedModel, Error, Format, FrontierPoint, ModelCompressor, Outcome, Recipe, SearchObserver, frontier,
};

/// What was measured on a compressed network.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// What the run reached.
    pub outcome: Outcome,
    /// What it knows beyond that, for a page with pictures.
    pub details: Details,
}

/// A compressed network in memory, and what was measured on it.
#[derive(Clone, Debug)]
pub struct Compressed {
    /// What the run reached.
    pub outcome: Outcome,
    /// What it knows beyond that, for a page with pictures.
    pub details: Details,
    /// The bytes of the `.mxp` file.
    pub bytes: Vec<u8>,
    /// The float network, as it was at the end of plain training (phase A), before any pull of the mixture.
    pub float: Network,
    /// All files that a search made, as [`Outcome::frontier`] lists them; none of a fixed recipe.
    pub files: Vec<FrontierFile>,
}

/// A file of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct FrontierFile {
    /// How it was judged.
    pub point: FrontierPoint,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Compressed {
    /// Opens the bytes.
    ///
    /// # Errors
    /// None unless `bytes` were changed; then as [`CompressedModel::from_bytes`].
    pub fn model(&self) -> Result<CompressedModel, Error> {
        CompressedModel::from_bytes(&self.bytes)
    }
}

/// A compression that is ready to run.
pub struct Compressor<'a> {
    definition: Definition,
    data: DataSource,
    recipe: Recipe,
    observer: &'a dyn Observer,
    cancel: CancelToken,
    checkpoint: Option<PathBuf>,
    checkpoint_on_interrupt: Option<PathBuf>,
    resume: bool,
    budget: Option<Budget>,
    time_limit: Option<Duration>,
    frontier: Option<PathBuf>,
    search_observer: &'a dyn SearchObserver,
}

/// Collects what a [`Compressor`] needs; network and data are required, the rest has defaults.
#[derive(Default)]
pub struct CompressorBuilder<'a> {
    definition: Option<Definition>,
    data: Option<DataSource>,
    recipe: Recipe,
    observer: Option<&'a dyn Observer>,
    cancel: CancelToken,
    checkpoint: Option<PathBuf>,
    checkpoint_on_interrupt: Option<PathBuf>,
    resume: bool,
    budget: Option<Budget>,
    time_limit: Option<Duration>,
    frontier: Option<PathBuf>,
    search_observer: Option<&'a dyn SearchObserver>,
}

impl<'a> CompressorBuilder<'a> {
    /// The network to train and compress.
    #[must_use]
    pub fn network(self, definition: Definition) -> Self {
        Self { definition: Some(definition), ..self }
    }

    /// The data to train on, to choose by, and to test with once.
    #[must_use]
    pub fn data(self, data: DataSource) -> Self {
        Self { data: Some(data), ..self }
    }

    /// Every setting; [`Recipe::default`] serves all networks.
    #[must_use]
    pub fn recipe(self, recipe: Recipe) -> Self {
        Self { recipe, ..self }
    }

    /// Who is told of progress.
    #[must_use]
    pub fn observer(self, observer: &'a dyn Observer) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// By which the run can be stopped.
    #[must_use]
    pub fn cancel(self, cancel: CancelToken) -> Self {
        Self { cancel, ..self }
    }

    /// A folder in which the run's state is kept at the end of each round and when it is stopped.
    #[must_use]
    pub fn checkpoint(self, folder: impl Into<PathBuf>) -> Self {
        Self { checkpoint: Some(folder.into()), ..self }
    }

    /// A folder in which the run's state is left when it is stopped, where no other is given.
    #[must_use]
    pub fn checkpoint_on_interrupt(self, folder: impl Into<PathBuf>) -> Self {
        Self { checkpoint_on_interrupt: Some(folder.into()), ..self }
    }

    /// Searches for the smallest file that keeps a budget, instead of running the recipe as it is: its strength, and
    /// with it the accuracy, is what the search varies.
    #[must_use]
    pub fn budget(self, budget: Budget) -> Self {
        Self { budget: Some(budget), ..self }
    }

    /// When a search has taken this long, what it has found by then is its result.
    #[must_use]
    pub fn time_limit(self, limit: Duration) -> Self {
        Self { time_limit: Some(limit), ..self }
    }

    /// A folder for all files of a search, with a table of them as `frontier.csv`.
    #[must_use]
    pub fn frontier(self, folder: impl Into<PathBuf>) -> Self {
        Self { frontier: Some(folder.into()), ..self }
    }

    /// Who is told of the progress of a search; its phases are told to what this one returns, not to [`Self::observer`].
    #[must_use]
    pub fn search_observer(self, observer: &'a dyn SearchObserver) -> Self {
        Self { search_observer: Some(observer), ..self }
    }

    /// Whether to go on from the state in the checkpoint's folder.
    #[must_use]
    pub fn resume(self, resume: bool) -> Self {
        Self { resume, ..self }
    }

    /// Checks everything that can be checked before a run.
    ///
    /// # Errors
    /// [`Error::Missing`] without network or data; [`Error::Train`] when the two parts of the data do not fit each
    /// other; [`Error::Setting`] for a setting out of its range; [`Error::Network`], [`Error::OutputShape`] or
    /// [`Error::Classes`] when the network does not fit the data.
    pub fn build(self) -> Result<Compressor<'a>, Error> {
        let definition = self.definition.ok_or(Error::Missing("network"))?;
        let DataSource { train, test } = self.data.ok_or(Error::Missing("data"))?;
        let data = DataSource::new(train, test)?;
        self.recipe.validate()?;
        lower(&definition, &data.train)?;
        if let Some(budget) = self.budget {
            budget.validate()?;
            if self.recipe.joint.rise.stages > 0 {
                let (setting, value) = ("joint.rise.stages", self.recipe.joint.rise.stages as f64);
                return Err(Error::Setting { setting, value, range: "0 where a budget is given: a search finds it" });
            }
        } else if self.time_limit.is_some() || self.frontier.is_some() {
            return Err(Error::Missing("budget for a search"));
        }
        if self.resume && self.checkpoint.is_none() {
            return Err(Error::Missing("checkpoint to resume from"));
        }
        Ok(Compressor {
            definition,
            data,
            recipe: self.recipe,
            observer: self.observer.unwrap_or(&Silent),
            cancel: self.cancel,
            checkpoint: self.checkpoint,
            checkpoint_on_interrupt: self.checkpoint_on_interrupt,
            resume: self.resume,
            budget: self.budget,
            time_limit: self.time_limit,
            frontier: self.frontier,
            search_observer: self.search_observer.unwrap_or(&Silent),
        })
    }
}

impl<'a> Compressor<'a> {
    /// A builder with nothing set.
    #[must_use]
    pub fn builder() -> CompressorBuilder<'a> {
        CompressorBuilder::default()
    }

    /// A compressor without data, for a trained model: a safetensors file, or the index of a sharded one.
    ///
    /// # Errors
    /// [`Error::Format`] for a model of another kind, [`Error::Interchange`].
    pub fn from_safetensors(path: impl AsRef<Path>) -> Result<ModelCompressor<'a>, Error> {
        ModelCompressor::open_as(path, &[Format::Safetensors, Format::ShardedSafetensors], "safetensors")
    }

    /// A compressor without data, for a trained ONNX model.
    ///
    /// # Errors
    /// As [`Compressor::from_safetensors`].
    pub fn from_onnx(path: impl AsRef<Path>) -> Result<ModelCompressor<'a>, Error> {
        ModelCompressor::open_as(path, &[Format::Onnx], "ONNX")
    }

    /// Compresses in memory.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the run was cancelled; [`Error::Train`] when it diverged or a checkpoint could not
    /// be written; [`Error::NoCheckpoint`] or [`Error::OtherRun`] when there is nothing to resume;
    /// [`Error::CheckpointExists`] when a new run would overwrite an earlier one's state; [`Error::CheckpointInUse`]
    /// when another run is writing its state there.
    pub fn run(self) -> Result<Compressed, Error> {
        let trained = self.train()?;
        let model = CompressedModel::from_bytes(&trained.bytes)?;
        let Measured { outcome, details } = self.measure(&trained, &model)?;
        Ok(Compressed { outcome, details, bytes: trained.bytes, float: trained.float, files: trained.files })
    }

    /// Compresses into a file, whole or not at all, then opens the file and measures what it holds.
    ///
    /// # Errors
    /// [`Error::Exists`] and [`Error::Write`] before anything is computed where they can be foreseen, [`Error::Saved`] where
    /// they came up during the run; else as [`Compressor::run`].
    pub fn run_to(self, path: &Path, overwrite: Overwrite) -> Result<Measured, Error> {
        check_output(path, overwrite)?;
        self.check_state(overwrite)?;
        if let Some(folder) = &self.frontier {
            frontier::claim(folder, overwrite)?;
        }
        let trained = self.train()?;
        write_result(path, &trained.bytes, overwrite)?;
        if let Some(folder) = &self.frontier {
            frontier::write(folder, &trained.files)?;
        }
        let model = CompressedModel::open(path)?;
        self.measure(&trained, &model)
    }

    /// Refuses to begin where the state of a run that was stopped would be lost if this one is stopped, too.
    fn check_state(&self, overwrite: Overwrite) -> Result<(), Error> {
        let Some(folder) = self.checkpoint_on_interrupt.as_ref().filter(|_| self.checkpoint.is_none()) else {
            return Ok(());
        };
        if overwrite == Overwrite::Refuse && has_state(folder).unwrap_or(false) {
            return Err(Error::CheckpointExists { path: folder.clone() });
        }
        Ok(())
    }

    /// Reads the test set, for the first and only time: once for the float network, once for the file, once for the
    /// baseline, by which nothing is chosen.
    fn measure(&self, trained: &Trained, model: &CompressedModel) -> Result<Measured, Error> {
        let test = &self.data.test;
        let (graph, float) = (trained.float.graph(), trained.float.parameters());
        let (before, after) = (evaluate(graph, float, test, &Pool::new()), model.evaluate(test)?);
        let details = Details {
            layers: trained.layers.clone(),
            classes: ClassErrors::of(&before, &after),
            baseline: Some(Baseline::measure(graph, float, test)),
            ..Details::of_model(model)
        };
        let outcome = Outcome {
            network: self.definition.name.clone(),
            data: test.name().to_owned(),
            seed: self.recipe.seed,
            float_error: before.error_percent(),
            compressed_error: after.error_percent(),
            float_validation_error: trained.errors.float,
            validation_error: trained.errors.compressed,
            history: trained.history.clone(),
            seconds: trained.seconds,
            frontier: trained.files.iter().map(|file| file.point.clone()).collect(),
            judgement: trained.judgement,
            ..Outcome::of_model(model)
        };
        Ok(Measured { outcome, details })
    }
}
