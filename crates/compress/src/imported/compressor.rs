//! From a trained model to a file: one step for all weights that meets the goal, tensors one after the other, and a look at the result.

use std::env;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::time::Instant;

use mixpress_codebook::{ContainerWriter, Entry, Outline, TensorOutline};
use mixpress_interchange::{Format, Model, SourceTensor};
use mixpress_quantize::{OperatingPoint, Profile, Source, Target, find_step};
use mixpress_train::{CancelToken, folder_of, write_whole_new_with, write_whole_with};

use super::check::verify_with;
use super::goal::{DEFAULT_BITS, Distortion, Goal, Rule};
use super::outcome::{ModelOutcome, ratio_db};
use super::payload;
use super::plan::{ModelPlan, Role, TensorPlan, entries, not_done, role};
use super::progress::{ModelObserver, Stage, Watch};
use super::restore::definition;
use crate::{Error, Overwrite};

/// Files that are made to find one that fits its goal. The first misses by what names and shapes take, and by what some coder does
/// better than expected.
const ATTEMPTS: usize = 8;
/// The share of a goal that may be left unused.
const UNUSED: f64 = 5e-4;

/// What a file may take, and what has to be said of that.
struct Budget {
    limit: Option<u64>,
    note: Option<String>,
}

/// Compresses a trained model without data.
///
/// ```no_run
/// use mixpress_compress::{Compressor, Goal, Overwrite};
///
/// let compressor = Compressor::from_safetensors("model.safetensors")?.goal(Goal::BitsPerWeight(4.0));
/// let outcome = compressor.run_to("model.mxp", Overwrite::Refuse)?;
/// println!("{} bytes, {:.1} dB", outcome.file_bytes, outcome.snr_db);
/// # Ok::<(), mixpress_compress::Error>(())
/// ```
pub struct ModelCompressor<'a> {
    model: Model,
    goal: Option<Goal>,
    rules: Vec<Rule>,
    distortion: Option<Distortion>,
    is_strict: bool,
    observer: &'a dyn ModelObserver,
    cancel: CancelToken,
}

impl<'a> ModelCompressor<'a> {
    /// Opens a model: a safetensors file, the index of a sharded one, or an ONNX model. What it is, its contents say.
    ///
    /// # Errors
    /// [`Error::Interchange`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Ok(Self {
            model: Model::open(path)?,
            goal: None,
            rules: Vec::new(),
            distortion: None,
            is_strict: false,
            observer: &(),
            cancel: CancelToken::new(),
        })
    }

    /// Opens a model that has to be of one of these formats.
    pub(crate) fn open_as(path: impl AsRef<Path>, formats: &[Format], wanted: &'static str) -> Result<Self, Error> {
        let path = path.as_ref();
        let out = Self::open(path)?;
        if formats.contains(&out.model.format()) { Ok(out) } else { Err(Error::Format { path: path.into(), wanted }) }
    }

    /// What the file is to reach. The default is 4 bits a weight, all bytes counted; where what is kept exactly takes more than half of
    /// that, it is 4 bits for the weights alone, and [`ModelOutcome::not_done`] says so.
    #[must_use]
    pub fn goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }

    /// Adds a rule for some tensors. Of several that name a tensor the last one counts.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// What is made least (default: the total error for a signal-to-noise ratio, relative errors for every other goal).
    #[must_use]
    pub fn distortion(self, distortion: Distortion) -> Self {
        Self { distortion: Some(distortion), ..self }
    }

    /// Whether what was asked and cannot be done is an error (default: no; it is listed).
    #[must_use]
    pub fn strict(self, is_strict: bool) -> Self {
        Self { is_strict, ..self }
    }

    /// Who is told how far it is (default: nobody).
    #[must_use]
    pub fn observer(self, observer: &'a dyn ModelObserver) -> Self {
        Self { observer, ..self }
    }

    /// What stops it at the next tensor; nothing is written then.
    #[must_use]
    pub fn cancel(self, cancel: CancelToken) -> Self {
        Self { cancel, ..self }
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What would become of each tensor. Reads the model, and writes nothing.
    ///
    /// # Errors
    /// As [`ModelCompressor::run_to`].
    pub fn plan(&self) -> Result<ModelPlan, Error> {
        let roles = self.roles()?;
        let (fixed, kept_bytes) = self.kept_bytes(&roles)?;
        let budget = self.budget(&roles, fixed);
        let steps = self.steps(&roles, budget.limit, fixed)?;
        let mut out = ModelPlan {
            tensors: Vec::new(),
            source_bytes: self.model.file_bytes(),
            expected_bytes: 0,
            expected_snr_db: f64::INFINITY,
            not_done: not_done(&self.model, &self.rules, &roles).into_iter().chain(budget.note).collect(),
        };
        let (mut rate, mut energy, mut distortion) = (0.0, 0.0, 0.0);
        for (number, (tensor, role)) in self.model.tensors().iter().zip(&roles).enumerate() {
            let (kept, own_bits, bytes, snr) = match role {
                Role::Kept(reason) => (Some(reason.clone()), None, kept_bytes[number] as f64, f64::INFINITY),
                Role::Weights { profile, own_bits } => {
                    let point = OperatingPoint::at(&[self.source(tensor, profile)], steps[number]);
                    rate += point.rate;
                    energy += point.energy;
                    distortion += point.distortion;
                    (None, *own_bits, point.rate / 8.0, point.signal_to_noise())
                }
            };
            out.tensors.push(TensorPlan {
                name: tensor.name().to_owned(),
                shape: payload::shape(tensor)?,
                dtype: tensor.element().name().to_owned(),
                weights: entries(tensor.element(), tensor.bytes()) as usize,
                source_bytes: tensor.bytes(),
                kept,
                own_bits,
                expected_bytes: bytes,
                expected_snr_db: snr,
            });
        }
        out.expected_bytes = fixed + (rate / 8.0).ceil() as u64;
        out.expected_snr_db = ratio_db(energy, distortion);
        Ok(out)
    }

    /// Compresses the model into a file, opens the file again and compares it with the source.
    ///
    /// # Errors
    /// [`Error::Exists`] when the output may not be replaced; [`Error::OutOfReach`] for a goal that cannot be met;
    /// [`Error::NotDone`] when [`ModelCompressor::strict`] is asked for; [`Error::Write`]; [`Error::Interrupted`].
    pub fn run_to(&self, path: impl AsRef<Path>, overwrite: Overwrite) -> Result<ModelOutcome, Error> {
        let started = Instant::now();
        let path = path.as_ref();
        if overwrite == Overwrite::Refuse && path.symlink_metadata().is_ok() {
            return Err(Error::Exists { path: path.into() });
        }
        let roles = self.roles()?;
        // A goal that limits no bytes does not ask.
        let limits = !matches!(self.goal, Some(Goal::Lossless | Goal::SignalToNoise(_)));
        let fixed = if limits { self.kept_bytes(&roles)?.0 } else { 0 };
        let budget = self.budget(&roles, fixed);
        let not_done: Vec<String> = not_done(&self.model, &self.rules, &roles).into_iter().chain(budget.note).collect();
        if self.is_strict
            && let Some(first) = not_done.first()
        {
            return Err(Error::NotDone { what: first.clone(), others: not_done.len() - 1 });
        }
        let steps = self.fitting_steps(&roles, budget.limit, fixed)?;
        self.write(path, overwrite, &roles, &steps)?;
        let tensors = verify_with(path, Some(&self.model), &roles, &mut self.watch(Stage::Checking))?;
        Ok(ModelOutcome::new(&self.model, path, tensors, not_done)?.after(started.elapsed()))
    }

    fn roles(&self) -> Result<Vec<Role>, Error> {
        let goal = self.goal.unwrap_or_default();
        goal.check()?;
        let mut watch = self.watch(Stage::Reading);
        (0..self.model.tensors().len())
            .map(|number| {
                watch.next(self.model.tensors()[number].bytes())?;
                role(&self.model, number, goal, &self.rules)
            })
            .collect()
    }

    /// A tensor as the search takes it.
    fn source<'p>(&self, tensor: &SourceTensor, profile: &'p Profile) -> Source<'p> {
        Source { profile, sensitivity: self.sensitivity(profile), stored: payload::stored(tensor.element()) }
    }

    /// How much a tensor's squared error counts.
    fn sensitivity(&self, profile: &Profile) -> f64 {
        let is_total = match self.distortion {
            Some(distortion) => distortion == Distortion::Total,
            None => matches!(self.goal, Some(Goal::SignalToNoise(_))),
        };
        let mean_square = profile.sum_of_squares() / profile.len() as f64;
        if is_total || mean_square < f64::MIN_POSITIVE { 1.0 } else { mean_square.recip() }
    }

    /// Tells of tensors that pass a stage.
    fn watch(&self, stage: Stage) -> Watch<'_> {
        let total = self.model.tensors().iter().map(SourceTensor::bytes).sum();
        Watch { observer: self.observer, cancel: &self.cancel, stage, done: 0, total }
    }

    /// The step of each tensor: of the files that fit the goal, the first that leaves little of it unused, or the largest.
    fn fitting_steps(&self, roles: &[Role], limit: Option<u64>, fixed: u64) -> Result<Vec<f64>, Error> {
        let Some(limit) = limit else { return self.steps(roles, None, fixed) };
        // What the search has to be told that it spends besides, so that whole files come out as long as they may be.
        let mut besides = fixed as i64;
        let mut best: Option<(i64, Vec<f64>)> = None;
        let mut shortest = u64::MAX;
        let mut tried = Vec::new();
        for _ in 0..ATTEMPTS {
            let steps = self.steps(roles, Some(limit), besides.max(0) as u64)?;
            if tried.contains(&steps) {
                if best.is_some() {
                    break;
                }
                // The rate jumps here; the other side of the jump fits.
                besides += 8 + limit as i64 / 2000;
                continue;
            }
            let length = fixed + self.weights_bytes(roles, &steps)?;
            tried.push(steps.clone());
            shortest = shortest.min(length);
            let left = limit as i64 - length as i64;
            besides -= left;
            if left < 0 {
                // A little more, for a step near this one may be as long.
                besides += 8 - left / 8;
                continue;
            }
            if best.as_ref().is_none_or(|best| left < best.0) {
                best = Some((left, steps));
            }
            if left <= (UNUSED * limit as f64) as i64 {
                break;
            }
        }
        let nearest = || Error::OutOfReach { goal: self.words(), nearest: format!("{shortest} bytes") };
        Ok(best.ok_or_else(nearest)?.1)
    }

    /// The bytes that the goal allows, if it limits them, where `fixed` are spent on all but weights.
    fn budget(&self, roles: &[Role], fixed: u64) -> Budget {
        let weights: u64 = (self.model.tensors().iter().zip(roles))
            .filter(|(_, role)| matches!(role, Role::Weights { .. }))
            .map(|(tensor, _)| entries(tensor.element(), tensor.bytes()))
            .sum();
        let of_weights = |bits: f64| (bits * weights as f64 / 8.0) as u64;
        let limit = match self.goal {
            // Without weights to compress there is nothing to limit.
            Some(Goal::BitsPerWeight(_)) | None if weights == 0 => None,
            Some(Goal::BitsPerWeight(bits)) => Some(of_weights(bits)),
            Some(Goal::Ratio(ratio)) => Some((self.model.file_bytes() as f64 / ratio) as u64),
            Some(Goal::Bytes(bytes)) => Some(bytes),
            Some(Goal::SignalToNoise(_) | Goal::Lossless) => None,
            None => {
                let limit = of_weights(DEFAULT_BITS);
                if fixed > limit / 2 {
                    let note = format!(
                        "{DEFAULT_BITS} bits a weight with all bytes counted: all but the weights takes {fixed} bytes, so they are \
                         {DEFAULT_BITS} bits for the weights alone"
                    );
                    return Budget { limit: Some(limit + fixed), note: Some(note) };
                }
                Some(limit)
            }
        };
        Budget { limit, note: None }
    }

    /// The goal in words.
    fn words(&self) -> String {
        self.goal.unwrap_or_default().to_string()
    }

    /// The step of each tensor; `fixed` bytes are spent on all but those that share a step.
    fn steps(&self, roles: &[Role], limit: Option<u64>, fixed: u64) -> Result<Vec<f64>, Error> {
        let out_of_reach = |error: mixpress_quantize::Error| match error {
            mixpress_quantize::Error::OutOfReach { nearest, .. } => {
                let nearest = match self.goal {
                    Some(Goal::SignalToNoise(_)) => format!("{nearest:.1} dB"),
                    _ => format!("{nearest:.0} bytes"),
                };
                Error::OutOfReach { goal: self.words(), nearest }
            }
            error => error.into(),
        };
        let mut steps = vec![1.0; roles.len()];
        let mut shared = Vec::new();
        let (mut own_bytes, mut own_distortion, mut own_energy) = (0.0, 0.0, 0.0);
        for (number, (tensor, role)) in self.model.tensors().iter().zip(roles).enumerate() {
            let Role::Weights { profile, own_bits } = role else { continue };
            let source = self.source(tensor, profile);
            if let Some(bits) = own_bits {
                let point = find_step(&[source], Target::BitsPerWeight(*bits)).map_err(|error| match error {
                    mixpress_quantize::Error::OutOfReach { nearest, .. } => Error::OutOfReach {
                        goal: format!("at most {bits} bits a weight of {}", tensor.name()),
                        nearest: format!("{nearest:.3} bits a weight"),
                    },
                    error => error.into(),
                })?;
                steps[number] = point.step;
                own_bytes += point.rate / 8.0;
                own_distortion += point.distortion;
                own_energy += point.energy;
            } else {
                shared.push((number, source));
            }
        }
        if shared.is_empty() {
            return Ok(steps);
        }
        let fixed = fixed + own_bytes.ceil() as u64;
        let sources: Vec<Source<'_>> = shared.iter().map(|shared| shared.1).collect();
        let target = match (self.goal, limit) {
            (_, Some(total)) => Target::Bytes { total, fixed },
            (Some(Goal::SignalToNoise(ratio)), None) => {
                let energy: f64 = sources.iter().map(|source| source.profile.sum_of_squares()).sum();
                let allowed = (energy + own_energy) / 10_f64.powf(ratio / 10.0) - own_distortion;
                // What is left of the error may be none at all: then no step is fine enough.
                Target::SignalToNoise(10.0 * (energy / allowed.max(f64::MIN_POSITIVE)).log10())
            }
            _ => return Ok(steps),
        };
        let step = find_step(&sources, target).map_err(out_of_reach)?.step;
        for (number, _) in shared {
            steps[number] = step;
        }
        Ok(steps)
    }

    /// Bytes of a file of everything but the weights, and of each tensor that is kept, as the file tells them.
    fn kept_bytes(&self, roles: &[Role]) -> Result<(u64, Vec<u64>), Error> {
        let kept = |number: usize| matches!(roles[number], Role::Kept(_));
        let mut bytes = vec![0; roles.len()];
        let mut writer = ContainerWriter::new(self.outline(roles, kept, true)?, spool(None)?)?;
        for number in (0..roles.len()).filter(|&number| kept(number)) {
            let tensor = &self.model.tensors()[number];
            let entry: Entry = payload::plain(tensor, self.model.payload(number)?)?.into();
            let before = writer.bytes();
            writer.push(&entry)?;
            bytes[number] = writer.bytes() - before;
        }
        Ok((writer.finish(io::sink())?, bytes))
    }

    /// Bytes that the weights add to a file, at these steps; a few more than they do.
    fn weights_bytes(&self, roles: &[Role], steps: &[f64]) -> Result<u64, Error> {
        let is_weights = |number: usize| matches!(roles[number], Role::Weights { .. });
        let mut writer = ContainerWriter::new(self.outline(roles, is_weights, false)?, spool(None)?)?;
        let mut watch = self.watch(Stage::Fitting);
        for number in (0..roles.len()).filter(|&number| is_weights(number)) {
            watch.next(self.model.tensors()[number].bytes())?;
            writer.push(&self.entry(number, &roles[number], steps[number])?)?;
        }
        Ok(writer.finish(io::sink())?)
    }

    /// Writes the file, whole or not at all. One tensor is in memory at a time.
    fn write(&self, path: &Path, overwrite: Overwrite, roles: &[Role], steps: &[f64]) -> Result<(), Error> {
        let mut writer = ContainerWriter::new(self.outline(roles, |_| true, true)?, spool(Some(path))?)?;
        let mut watch = self.watch(Stage::Writing);
        for (number, (role, &step)) in roles.iter().zip(steps).enumerate() {
            watch.next(self.model.tensors()[number].bytes())?;
            writer.push(&self.entry(number, role, step)?)?;
        }
        let fill = |file: &mut File| writer.finish(BufWriter::new(file)).map(drop).map_err(io::Error::other);
        match overwrite {
            Overwrite::Refuse => write_whole_new_with(path, fill)?,
            Overwrite::Replace => write_whole_with(path, fill)?,
        }
        Ok(())
    }

    /// The outline of a file of some of the tensors, with the model's skeleton or without.
    fn outline(&self, roles: &[Role], takes: impl Fn(usize) -> bool, with_skeleton: bool) -> Result<Outline, Error> {
        let mut tensors = Vec::new();
        for (number, (tensor, role)) in self.model.tensors().iter().zip(roles).enumerate() {
            if takes(number) {
                tensors.push(match role {
                    Role::Kept(_) => payload::plain_outline(tensor)?,
                    Role::Weights { .. } => TensorOutline::quantized(tensor.name(), payload::shape(tensor)?),
                });
            }
        }
        let definition = with_skeleton.then(|| definition(self.model.skeleton()));
        Ok(Outline { tensors, definition, ..Outline::default() })
    }

    /// A tensor as the file will hold it.
    fn entry(&self, number: usize, role: &Role, step: f64) -> Result<Entry, Error> {
        let tensor = &self.model.tensors()[number];
        let bytes = self.model.payload(number)?;
        match role {
            Role::Kept(_) => Ok(payload::plain(tensor, bytes)?.into()),
            Role::Weights { profile, .. } => {
                let source = self.source(tensor, profile);
                let weights = payload::weights(tensor.element(), &bytes).unwrap_or_default();
                drop(bytes);
                let coded = source.quantizer(step).quantize(tensor.name(), payload::shape(tensor)?, &weights)?;
                Ok(coded.tensor.into())
            }
        }
    }
}

/// Where sections wait for the end of their file: a temporary file, beside the output where that is known, which will need as much
/// room.
fn spool(output: Option<&Path>) -> Result<File, Error> {
    let folder = output.map_or_else(env::temp_dir, |path| folder_of(path).to_owned());
    tempfile::tempfile_in(&folder).map_err(|source| Error::Write { path: folder, source })
}
