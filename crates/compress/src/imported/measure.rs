//! What errors in a model's weights do to its outputs, found by running it on samples.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

use mixpress_interchange::{Format, Model, Payloads, WriteOptions};
use mixpress_quantize::{Source, Target, find_step};
use mixpress_runtime::{Arrays, Outputs, Runner, Samples, Side, compare};
use mixpress_train::CancelToken;
use rayon::prelude::*;
use tempfile::TempDir;

use super::check::Errors;
use super::compressor::ModelCompressor;
use super::fit::{Aim, source};
use super::goal::Goal;
use super::outcome::OutputOutcome;
use super::plan::Role;
use super::progress::Stage;
use super::restore::{ModelFile, written};
use super::sensitivity::{Sensitivities, Sensitivity};
use crate::Error;

/// The signal-to-noise ratios, in dB, that a tensor has while its sensitivity is measured: those of about 3 and 5 bits
/// a weight.
const MEASURED_AT: [f64; 2] = [17.0, 29.0];
/// Bytes of models that are loaded at a time, each of which takes about three times its file.
const LOADED: u64 = 2 << 30;
const COPIES: u64 = 3;
/// How often the model is run to find the step whose output error is just allowed.
const RUNS: usize = 12;
/// The share of the allowed output error that may be left unused.
const UNUSED: f64 = 0.01;
/// The largest relative error of an output that counts as more than others.
const LARGEST: f64 = 1e3;
/// How far the first guess goes to the other side of what is allowed, if the error does not follow the step.
const ASIDE: f64 = 1.25;
/// Steps that are tried beside the one that was found.
const BESIDE: [f64; 3] = [1.03, 1.07, 1.15];

/// A model, samples, and what it returns for them.
pub(super) struct Trials<'m> {
    model: &'m Model,
    samples: Samples,
    original: Outputs,
    cancel: &'m CancelToken,
}

impl<'m> Trials<'m> {
    /// Runs the model as it is.
    pub(super) fn new(model: &'m Model, samples: Arrays, cancel: &'m CancelToken) -> Result<Self, Error> {
        let path = model.paths().next().unwrap_or(Path::new(""));
        if model.format() != Format::Onnx {
            return Err(Error::NoGraph { path: path.into() });
        }
        let runner = Runner::load(path)?;
        let samples = Samples::new(samples, &runner)?;
        let original = run(&runner, &samples, cancel)?;
        Ok(Self { model, samples, original, cancel })
    }

    /// How far the outputs of a model of the same graph are from those of this one.
    pub(super) fn of_model(&self, path: &Path) -> Result<Vec<OutputOutcome>, Error> {
        let outputs = run(&Runner::load(path)?, &self.samples, self.cancel)?;
        match compare(&self.original, &outputs) {
            // That far off is an error like any other, but larger.
            Err(mixpress_runtime::Error::OutputNotFinite { output, side: Side::Other, .. }) => {
                Ok(vec![OutputOutcome::not_finite(output)])
            }
            errors => Ok(errors?.into_iter().map(OutputOutcome::from).collect()),
        }
    }

    /// How far the outputs of a file's model are from those of this one.
    pub(super) fn of_file(&self, file: &Path) -> Result<Vec<OutputOutcome>, Error> {
        let folder = temporary()?;
        self.of_model(&ModelFile::open(file)?.restore_in(&folder, self.cancel)?)
    }

    /// How far the outputs are apart where the model has these tensors.
    fn with(&self, payloads: &mut Payloads<'_, '_>) -> Result<Vec<OutputOutcome>, Error> {
        let folder = temporary()?;
        let path = model_in(&folder);
        self.model.skeleton().write(&path, payloads, &WriteOptions::default()).map_err(written)?;
        self.of_model(&path)
    }
}

/// How far the outputs of a file's model are from those of the model that it was made of, on samples.
///
/// # Errors
/// [`Error::NoGraph`] for a model that is not ONNX; [`Error::Runtime`]; whatever is wrong with the file.
pub fn compare_outputs(file: impl AsRef<Path>, source: &Model, samples: Arrays) -> Result<Vec<OutputOutcome>, Error> {
    compare_outputs_until(file, source, samples, &CancelToken::new())
}

/// [`compare_outputs`], stopped when somebody asks for that.
///
/// # Errors
/// As [`compare_outputs`], and [`Error::Interrupted`].
pub fn compare_outputs_until(
    file: impl AsRef<Path>,
    source: &Model,
    samples: Arrays,
    cancel: &CancelToken,
) -> Result<Vec<OutputOutcome>, Error> {
    Trials::new(source, samples, cancel)?.of_file(file.as_ref())
}

impl ModelFile {
    /// The outputs of the ONNX model in the file, run on inputs that are named as its inputs are. Arrays with one axis
    /// more are one sample after the other.
    ///
    /// # Errors
    /// [`Error::NoGraph`] for a model that is not ONNX; [`Error::Runtime`] where the inputs do not fit, or it cannot be run.
    pub fn predict(&self, inputs: Arrays) -> Result<Arrays, Error> {
        self.predict_until(inputs, &CancelToken::new())
    }

    /// [`ModelFile::predict`], stopped when somebody asks for that.
    ///
    /// # Errors
    /// As [`ModelFile::predict`], and [`Error::Interrupted`].
    pub fn predict_until(&self, inputs: Arrays, cancel: &CancelToken) -> Result<Arrays, Error> {
        if self.skeleton().format() != Format::Onnx {
            return Err(Error::NoGraph { path: self.skeleton().file_names().next().unwrap_or_default().into() });
        }
        let folder = temporary()?;
        let runner = Runner::load(self.restore_in(&folder, cancel)?)?;
        let samples = Samples::new(inputs, &runner)?;
        Ok(run(&runner, &samples, cancel)?.into_arrays()?)
    }

    /// Writes the model into a folder that is there for the moment.
    fn restore_in(&self, folder: &TempDir, cancel: &CancelToken) -> Result<PathBuf, Error> {
        let path = model_in(folder);
        self.restore_until(&path, &WriteOptions::default(), cancel)?;
        Ok(path)
    }
}

/// Where a model lies that is there to be run.
fn model_in(folder: &TempDir) -> PathBuf {
    folder.path().join("model.onnx")
}

fn temporary() -> Result<TempDir, Error> {
    tempfile::tempdir().map_err(|source| Error::Write { path: std::env::temp_dir(), source })
}

fn run(runner: &Runner, samples: &Samples, cancel: &CancelToken) -> Result<Outputs, Error> {
    runner.run_with(samples, &mut |_| !cancel.is_cancelled()).map_err(|error| match error {
        mixpress_runtime::Error::Stopped { .. } => Error::Interrupted { checkpoint: None, best: None },
        error => error.into(),
    })
}

/// The mean of the squared relative errors of all outputs. One that was zero and is not, or is not finite, has the
/// largest that counts.
fn mean_square(errors: &[OutputOutcome]) -> f64 {
    errors.iter().map(|error| error.error().min(LARGEST).powi(2)).sum::<f64>() / errors.len().max(1) as f64
}

impl ModelCompressor<'_> {
    /// The model and the samples that it was given.
    pub(super) fn trials(&self) -> Result<Option<Trials<'_>>, Error> {
        if matches!(self.goal, Some(Goal::OutputError(_))) && self.samples.is_none() {
            return Err(Error::NoInputs);
        }
        self.samples.as_ref().map(|samples| Trials::new(&self.model, samples.clone(), &self.cancel)).transpose()
    }

    /// Measures the sensitivity of each tensor that would be compressed: the tensor is quantised, and nothing else of
    /// the model, and the model is run on the samples.
    ///
    /// # Errors
    /// [`Error::NoInputs`] without [`samples`](Self::samples); [`Error::NoGraph`] for a model that is not ONNX;
    /// [`Error::Runtime`]; [`Error::Interrupted`].
    pub fn measure(&self) -> Result<Sensitivities, Error> {
        let trials = self.trials()?.ok_or(Error::NoInputs)?;
        let (roles, _) = self.roles()?;
        let weights: Vec<usize> = (0..roles.len()).filter(|&n| matches!(roles[n], Role::Weights { .. })).collect();
        let tensors = self.model.tensors();
        let mut watch = self.watch(Stage::Measuring);
        watch.total = weights.iter().map(|&number| tensors[number].bytes()).sum();
        let at_once = LOADED / (COPIES * self.model.file_bytes().max(1));
        let mut measured = Vec::new();
        for some in weights.chunks((at_once as usize).clamp(1, rayon::current_num_threads())) {
            for &number in some {
                watch.next(tensors[number].bytes())?;
            }
            let each: Vec<Option<f64>> = some
                .par_iter()
                .map(|&number| self.sensitivity(&trials, number, &roles[number]))
                .collect::<Result<_, _>>()?;
            for (&number, sensitivity) in some.iter().zip(each) {
                let (name, shape) = (tensors[number].name().to_owned(), tensors[number].shape().to_vec());
                measured.extend(sensitivity.map(|sensitivity| Sensitivity { name, shape, sensitivity }));
            }
        }
        let path = self.model.paths().next().and_then(Path::file_name).unwrap_or_default();
        Ok(Sensitivities::new(path.to_string_lossy(), trials.samples.runs(), measured))
    }

    /// The sensitivity of a tensor, the geometric mean of what it is to coarse and to fine errors: outputs may jump at
    /// some size of them. Nothing if its weights are few values that cannot be told more coarsely.
    fn sensitivity(&self, trials: &Trials<'_>, number: usize, role: &Role) -> Result<Option<f64>, Error> {
        let mut product = 1.0;
        for ratio in MEASURED_AT {
            let Some(of_ratio) = self.sensitivity_at(trials, number, role, ratio)? else { return Ok(None) };
            product *= of_ratio;
        }
        Ok(Some(product.powf(1.0 / MEASURED_AT.len() as f64)))
    }

    /// The sensitivity of a tensor to errors of a signal-to-noise ratio in dB.
    fn sensitivity_at(
        &self,
        trials: &Trials<'_>,
        number: usize,
        role: &Role,
        ratio: f64,
    ) -> Result<Option<f64>, Error> {
        let tensor = &self.model.tensors()[number];
        let Some(source) = source(tensor, role) else { return Ok(None) };
        let point = match find_step(&[source], Target::SignalToNoise(ratio)) {
            Err(mixpress_quantize::Error::OutOfReach { .. }) => {
                find_step(&[source], Target::BitsPerWeight(f64::INFINITY))?
            }
            found => found?,
        };
        let after = self.restored(number, role, point.step)?;
        let errors = Errors::between(tensor.element(), &self.model.payload(number)?, &after);
        let noise = errors.map_or(0.0, |errors| errors.squared / errors.energy);
        if !(noise > 0.0 && noise.is_finite()) {
            return Ok(None);
        }
        let errors = trials.with(&mut |other| {
            Ok(if other == number { Cow::Borrowed(&after[..]) } else { Cow::Owned(self.model.payload(other)?) })
        })?;
        Ok(Some(mean_square(&errors) / noise))
    }

    fn too_far(&self, error: f64) -> Error {
        let nearest =
            format!("{error:.2e}, with all steps as fine as they can be; to keep tensors exactly reaches further");
        Error::OutOfReach { goal: self.words(), nearest }
    }

    /// The steps of the coarsest file whose outputs are within an error on the samples.
    pub(super) fn steps_within(
        &self,
        trials: &Trials<'_>,
        roles: &[Role],
        aim: &Aim,
        allowed: f64,
    ) -> Result<Vec<f64>, Error> {
        let parts = self.parts(roles, aim)?;
        let sources: Vec<Source<'_>> = parts.shared.iter().map(|shared| shared.1).collect();
        let measured = |step: f64| -> Result<f64, Error> {
            // Matrices may predict each other, so that what becomes of one a file alone tells.
            let folder = temporary()?;
            let path = folder.path().join("trial.mxp");
            let file = File::create(&path).map_err(|source| Error::Write { path: path.clone(), source })?;
            self.write_to(file, folder.path(), roles, &parts.with(step), Stage::Fitting)?;
            let errors = trials.of_file(&path)?;
            Ok(errors.iter().map(OutputOutcome::error).fold(0.0, f64::max))
        };
        let end = |target| find_step(&sources, target).map(|point| point.step);
        let (finest, coarsest) =
            (end(Target::BitsPerWeight(f64::INFINITY))?, end(Target::SignalToNoise(f64::NEG_INFINITY))?);
        let mut step = expected_step(&sources, allowed, finest, coarsest);
        // The coarsest step that is known to do, and the finest that does not.
        let (mut does, mut fails) = (None, None);
        let mut aside = 1.0;
        for _ in 0..RUNS {
            let error = measured(step)?;
            if error <= allowed {
                does = Some(step);
                if error >= allowed * (1.0 - UNUSED) || step >= coarsest {
                    break;
                }
            } else {
                fails = Some(step);
                if step <= finest {
                    break;
                }
            }
            // Errors of outputs go with the step as long as they are small.
            let next = step * (allowed / error.max(f64::MIN_POSITIVE)).clamp(0.1, 10.0);
            step = match (does, fails) {
                (Some(does), Some(fails)) if fails / does < 1.0 + UNUSED / 2.0 => break,
                (Some(does), Some(fails)) if next > does && next < fails => next,
                (Some(does), Some(fails)) => does.sqrt() * fails.sqrt(),
                // Further each time, for the error may follow the step slowly.
                (None, _) => next.min(step / aside).clamp(finest, coarsest),
                (_, None) => next.max(step * aside).clamp(finest, coarsest),
            };
            aside *= ASIDE;
        }
        // Errors do not fall with the step alone: one that is a little coarser may do as well.
        let beside = does.unwrap_or(finest);
        let mut best = does;
        for factor in BESIDE {
            let step = (beside * factor).min(coarsest);
            if measured(step)? <= allowed {
                best = Some(step);
            }
        }
        let Some(best) = best else { return Err(self.too_far(measured(finest)?)) };
        Ok(parts.with(best))
    }
}

/// The step at which the sum of what all tensors do to the outputs is what is allowed, if each did it alone.
fn expected_step(sources: &[Source<'_>], allowed: f64, finest: f64, coarsest: f64) -> f64 {
    let expected = |step: f64| -> f64 {
        let each: Vec<f64> = sources.par_iter().map(|s| s.sensitivity * s.estimate(step).distortion).collect();
        each.iter().sum::<f64>().sqrt()
    };
    let (mut does, mut fails) = (finest, coarsest);
    while fails / does > 1.05 {
        let middle = does.sqrt() * fails.sqrt();
        if expected(middle) <= allowed { does = middle } else { fails = middle }
    }
    does
}
