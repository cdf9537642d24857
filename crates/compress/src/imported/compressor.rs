//! What is asked for a trained model, the plan of it, and the whole way to a file: read, fit, fill, check.

use std::path::Path;
use std::time::Instant;

use mixpress_codebook::trellis::SECTION_WEIGHTS;
use mixpress_interchange::{Format, Model, SourceTensor};
use mixpress_quantize::{OperatingPoint, states_of_effort};
use mixpress_train::CancelToken;

use super::check::verify_with;
use super::fit::source;
use super::goal::{Distortion, Goal, Rule};
use super::outcome::{ModelOutcome, current_memory, peak_memory, ratio_db};
use super::payload;
use super::plan::{ModelPlan, Role, TensorPlan, entries, not_done, role};
use super::progress::{ModelObserver, Stage, Watch};
use super::sensitivity::Sensitivities;
use crate::{Error, Overwrite};

/// How much is tried for matrices that are trellis-coded where nobody says.
const DEFAULT_EFFORT: u8 = 5;

/// Bytes that a weight of a trellis-coded tensor takes while the numbers of its section wait for its end: two copies, and
/// the values of tensors that predict others.
const WAITING_BYTES: u64 = 6;

/// Files that are written at most, until one keeps what is asked for where estimates were too good.
const ATTEMPTS: usize = 4;

/// How often the weights are usually quantised for a goal that limits bytes: twice to meet it, once to write.
const USUAL_PASSES: f64 = 3.0;

/// A tensor in the file is in memory about so often while it is compared with its source.
const CHECKING_COPIES: f64 = 2.2;

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
    pub(super) model: Model,
    pub(super) goal: Option<Goal>,
    rules: Vec<Rule>,
    pub(super) distortion: Option<Distortion>,
    pub(super) sensitivities: Option<Sensitivities>,
    #[cfg(feature = "rten")]
    pub(super) samples: Option<mixpress_runtime::Arrays>,
    is_strict: bool,
    effort: u8,
    takes_codebooks_only: bool,
    observer: &'a dyn ModelObserver,
    pub(super) cancel: CancelToken,
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
            sensitivities: None,
            #[cfg(feature = "rten")]
            samples: None,
            is_strict: false,
            effort: DEFAULT_EFFORT,
            takes_codebooks_only: false,
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

    /// What the file is to reach. The default is 4 bits a weight, all bytes counted; where what is kept exactly takes
    /// more than half of that, it is 4 bits for the weights alone, and [`ModelOutcome::not_done`] says so.
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

    /// How much each tensor's error counts, instead of one [`Distortion`] for all.
    #[must_use]
    pub fn sensitivities(self, sensitivities: Sensitivities) -> Self {
        Self { sensitivities: Some(sensitivities), ..self }
    }

    /// Inputs to run the model on, named as its inputs are: to [`measure`](Self::measure), for [`Goal::OutputError`],
    /// and for [`ModelOutcome::outputs`]. Arrays with one axis more than an input are one sample after the other.
    #[cfg(feature = "rten")]
    #[must_use]
    pub fn samples(self, samples: mixpress_runtime::Arrays) -> Self {
        Self { samples: Some(samples), ..self }
    }

    /// Whether what was asked and cannot be done is an error (default: no; it is listed).
    #[must_use]
    pub fn strict(self, is_strict: bool) -> Self {
        Self { is_strict, ..self }
    }

    /// How much is tried for matrices that are trellis-coded, 1 to 9 (default: 5): more states take more time to search
    /// and save hundredths of a bit a weight ([`states_of_effort`]); with more than 4 of them, from 3 on, rows are looked
    /// for that are like earlier ones, which saves more in tables of embeddings. At 9 rows are coded along the principal
    /// directions of the rows before them, and read several times more slowly; files of all other efforts are read as fast.
    #[must_use]
    pub fn effort(self, effort: u8) -> Self {
        Self { effort, ..self }
    }

    /// Whether every tensor that is compressed gets a codebook, even where a trellis would be better (default: no).
    /// [`ModelFile::restore_as_gather`](super::ModelFile::restore_as_gather) keeps codebooks and nothing else small.
    #[must_use]
    pub fn codebooks_only(self, takes_codebooks_only: bool) -> Self {
        Self { takes_codebooks_only, ..self }
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

    /// What would become of each tensor, and what it would take. Reads the model, compresses its largest tensor for a
    /// trial, and writes nothing.
    ///
    /// # Errors
    /// As [`ModelCompressor::run_to`].
    pub fn plan(&self) -> Result<ModelPlan, Error> {
        let trials = self.trials()?;
        let started = Instant::now();
        let (mut roles, not_done) = self.roles()?;
        let reading = started.elapsed().as_secs_f64();
        let (fixed, kept_bytes) = self.kept_bytes(&roles)?;
        let keeping = started.elapsed().as_secs_f64() - reading;
        let (mut aim, note) = self.aim(&roles, fixed);
        let steps = self.with_fallback(&mut roles, |roles| match (self.goal, &trials) {
            (Some(Goal::OutputError(allowed)), Some(trials)) => self.steps_within(trials, roles, &aim, allowed),
            _ => self.steps(&self.parts(roles, &aim)?, &mut aim),
        })?;
        let searching = started.elapsed().as_secs_f64() - keeping - reading;
        let quantizing = self.with_fallback(&mut roles, |roles| self.trial(roles, &steps))?;
        let codings = self.codings(&roles, &steps, |_| true);
        let mut out = ModelPlan {
            tensors: Vec::new(),
            source_bytes: self.model.file_bytes(),
            expected_bytes: 0,
            expected_snr_db: f64::INFINITY,
            expected_seconds: 0.0,
            expected_memory_bytes: None,
            not_done: not_done.into_iter().chain(note).collect(),
        };
        let (mut rate, mut energy, mut distortion) = (0.0, 0.0, 0.0);
        for (number, (tensor, role)) in self.model.tensors().iter().zip(&roles).enumerate() {
            let (kept, own_bits, bytes, snr) = match role {
                Role::Kept(reason) => (Some(reason.clone()), None, kept_bytes[number] as f64, f64::INFINITY),
                Role::Weights { own_bits, .. } => {
                    let source = source(tensor, role);
                    let point = OperatingPoint::at(source.as_slice(), steps[number]);
                    rate += point.rate;
                    energy += point.energy;
                    distortion += point.distortion;
                    (None, *own_bits, point.rate / 8.0, point.signal_to_noise())
                }
            };
            let states = if codings.is_trellis(number) { self.states() } else { 0 };
            out.tensors.push(TensorPlan {
                name: tensor.name().to_owned(),
                shape: payload::shape(tensor)?,
                dtype: tensor.element().name().to_owned(),
                weights: entries(tensor.element(), tensor.bytes()) as usize,
                source_bytes: tensor.bytes(),
                kept,
                states,
                own_bits,
                expected_bytes: bytes,
                expected_snr_db: snr,
            });
        }
        out.expected_bytes = fixed + (rate / 8.0).ceil() as u64;
        out.expected_snr_db = ratio_db(energy, distortion);
        let (passes, keeping) = if self.limits_bytes() { (USUAL_PASSES, 2.0 * keeping) } else { (1.0, keeping) };
        // To compare the file with the source takes about as long as to look at the source.
        out.expected_seconds = 2.0 * reading + keeping + searching + passes * quantizing;
        let largest = self.model.tensors().iter().map(SourceTensor::bytes).max().unwrap_or(0);
        let waiting: u64 =
            out.tensors.iter().filter(|tensor| tensor.states > 0).map(|tensor| tensor.weights as u64).sum();
        let writing = current_memory().map(|bytes| bytes + WAITING_BYTES * waiting.min(SECTION_WEIGHTS));
        let checking = current_memory().map(|bytes| bytes + (CHECKING_COPIES * largest as f64) as u64);
        out.expected_memory_bytes = peak_memory().max(checking).max(writing);
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
        overwrite.refuse_taken(path)?;
        // Here a folder that is not there is found, before the work.
        let mut file = overwrite.draft(path)?;
        let trials = self.trials()?;
        let (mut roles, mut not_done) = self.roles()?;
        // A goal that limits no bytes does not ask.
        let fixed = if self.limits_bytes() { self.kept_bytes(&roles)?.0 } else { 0 };
        let (asked, note) = self.aim(&roles, fixed);
        not_done.extend(note);
        self.fail_if_strict(&not_done)?;
        let mut aim = asked.clone();
        let mut attempt = 1;
        loop {
            let steps = self.with_fallback(&mut roles, |roles| match (self.goal, &trials) {
                (Some(Goal::OutputError(allowed)), Some(trials)) => self.steps_within(trials, roles, &aim, allowed),
                _ => self.fitting_steps(roles, &mut aim),
            })?;
            self.with_fallback(&mut roles, |roles| self.write(&mut file, roles, &steps))?;
            let tensors = verify_with(file.path(), Some(&self.model), &roles, &mut self.watch(Stage::Checking))?;
            let outcome = ModelOutcome::new(&self.model, file.path(), tensors)?;
            let missed = aim.tighten(&asked, &outcome);
            if !missed.is_empty() && attempt < ATTEMPTS {
                file = overwrite.draft(path)?;
                attempt += 1;
                continue;
            }
            self.fail_if_strict(&missed)?;
            not_done.extend(missed);
            let outputs = trials.as_ref().map_or(Ok(Vec::new()), |trials| trials.of_file(file.path()))?;
            let infinite = outputs.iter().filter(|output| output.largest.is_infinite());
            not_done
                .extend(infinite.map(|output| format!("an output {} that is finite: it no longer is", output.name)));
            file.put()?;
            return Ok(ModelOutcome { outputs, not_done, ..outcome }.after(started.elapsed()));
        }
    }

    fn fail_if_strict(&self, not_done: &[String]) -> Result<(), Error> {
        match not_done {
            [first, others @ ..] if self.is_strict => Err(Error::NotDone { what: first.clone(), others: others.len() }),
            _ => Ok(()),
        }
    }

    /// Whether the goal is a number of bytes.
    fn limits_bytes(&self) -> bool {
        !matches!(self.goal, Some(Goal::Lossless | Goal::SignalToNoise(_) | Goal::OutputError(_)))
    }

    /// What becomes of each tensor, and what was asked and cannot be done.
    pub(super) fn roles(&self) -> Result<(Vec<Role>, Vec<String>), Error> {
        let goal = self.goal.unwrap_or_default();
        goal.check()?;
        if !(1..=9).contains(&self.effort) {
            return Err(Error::Setting { setting: "effort", value: self.effort.into(), range: "1 to 9" });
        }
        let effort = (!self.takes_codebooks_only).then_some(self.effort);
        let mut watch = self.watch(Stage::Reading);
        let mut roles = Vec::new();
        for (number, tensor) in self.model.tensors().iter().enumerate() {
            watch.next(tensor.bytes())?;
            roles.push(role(&self.model, number, goal, &self.rules, effort)?);
        }
        let mut notes = not_done(&self.model, &self.rules, &roles);
        notes.extend(self.count_errors(&mut roles)?);
        Ok((roles, notes))
    }

    /// States of the trellis.
    pub(super) fn states(&self) -> u16 {
        states_of_effort(self.effort)
    }

    /// Tells of tensors that pass a stage.
    pub(super) fn watch(&self, stage: Stage) -> Watch<'_> {
        let total = self.model.tensors().iter().map(SourceTensor::bytes).sum();
        Watch { observer: self.observer, cancel: &self.cancel, stage, done: 0, total }
    }
}
