//! What a compression without data reached.

use std::path::Path;
use std::time::Duration;

use mixpress_codebook::TensorKind;
use mixpress_interchange::Model;
use serde::{Deserialize, Serialize};

use super::plan::entries;
use super::restore::ModelFile;
use crate::Error;

/// What a file holds of a tensor, and how far it is from its source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorOutcome {
    /// Its name, the first one where it has several.
    pub name: String,
    /// Lengths of its axes.
    pub shape: Vec<u64>,
    /// Its type, as `f16`.
    pub dtype: String,
    /// Number of entries.
    pub weights: u64,
    /// Number of codebook values in use; 0 for a tensor that is trellis-coded or kept exactly.
    pub levels: usize,
    /// Number of states of its trellis; 0 (left out in JSON) for a tensor that is not trellis-coded.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub states: u16,
    /// Bits an entry, with all that the file spends on the tensor.
    pub bits: f64,
    /// `10 log10(Σ w² / Σ (w - ŵ)²)`; infinite (`null` in JSON) for one that is exact, NaN (left out in JSON) without
    /// the source.
    #[serde(with = "infinite", skip_serializing_if = "is_unknown", default = "unknown")]
    pub snr_db: f64,
    /// Bytes in the file.
    pub bytes: f64,
    /// Bytes of its codebook, or of its scales, gains, bases and patches.
    #[serde(default)]
    pub codebook_bytes: f64,
    /// How it is stored, in words.
    pub treatment: String,
    /// Why it is kept exactly; nothing if it is not, or nobody knows.
    pub reason: Option<String>,
    /// The sum of the squared entries and of the squared errors.
    #[serde(skip)]
    pub(super) energy: f64,
    #[serde(skip)]
    pub(super) distortion: f64,
}

/// How far an output of the compressed model is from that of the original, over all inputs that both were run on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputOutcome {
    /// The output's name.
    pub name: String,
    /// `‖y - ŷ‖ / ‖y‖` over all entries; infinite where only the original is zero, or this one is not finite.
    #[serde(with = "infinite")]
    pub relative: f64,
    /// The mean cosine similarity of a sample's output to the original's.
    pub cosine: f64,
    /// The largest `|y - ŷ|`.
    #[serde(with = "infinite")]
    pub largest: f64,
    /// Of rows along the last axis, the share whose largest entry is at the same place: for classifiers, how often both
    /// say the same.
    pub top1: Option<f64>,
    /// Of whole numbers, the share that is equal.
    pub equal: Option<f64>,
}

impl OutputOutcome {
    /// Of an output that is not finite, and was.
    #[cfg(feature = "rten")]
    pub(super) fn not_finite(name: String) -> Self {
        Self { name, relative: f64::INFINITY, cosine: 0.0, largest: f64::INFINITY, top1: None, equal: None }
    }

    /// What a limit on output errors is compared with: the relative error, of whole numbers the share that is not equal.
    #[must_use]
    pub fn error(&self) -> f64 {
        self.equal.map_or(self.relative, |equal| 1.0 - equal)
    }
}

#[cfg(feature = "rten")]
impl From<mixpress_runtime::OutputError> for OutputOutcome {
    fn from(error: mixpress_runtime::OutputError) -> Self {
        let mixpress_runtime::OutputError { name, relative, cosine, largest, top1, equal } = error;
        Self { name, relative, cosine, largest, top1, equal }
    }
}

/// What a compression without data reached, measured on the file that was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelOutcome {
    /// The model's file, without its folder.
    pub source: String,
    /// Bytes of the source's files.
    pub original_bytes: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// `original_bytes / file_bytes`.
    pub ratio: f64,
    /// Weights that were compressed, those of all tensors that are not kept exactly.
    pub weights: u64,
    /// Number of states of the trellis, where tensors are trellis-coded; otherwise 0 (left out in JSON).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub states: u16,
    /// `8 * file_bytes / weights`: all bytes of the file count. Infinite (`null` in JSON) without compressed weights.
    #[serde(with = "infinite")]
    pub bits_per_weight: f64,
    /// Signal-to-noise ratio over all compressed weights together, in dB; infinite (`null` in JSON) if every one is
    /// exact, NaN (left out in JSON) without the source.
    #[serde(with = "infinite", skip_serializing_if = "is_unknown", default = "unknown")]
    pub snr_db: f64,
    /// Bytes that are no tensor's: the graph, names, checksums.
    pub overhead_bytes: f64,
    /// Each tensor.
    pub tensors: Vec<TensorOutcome>,
    /// How far each output is from the original's, where there were inputs to run the models on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<OutputOutcome>,
    /// What was asked and was not done, a sentence each.
    pub not_done: Vec<String>,
    /// The most memory that the process had, in bytes, where the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// Wall time in seconds; NaN (left out in JSON) where nothing was compressed.
    #[serde(skip_serializing_if = "is_unknown", default = "unknown")]
    pub seconds: f64,
}

impl ModelOutcome {
    /// What was measured on a file that was compared with its source.
    pub(super) fn new(model: &Model, file: &Path, tensors: Vec<TensorOutcome>) -> Result<Self, Error> {
        let source = model.paths().next().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
        let file_bytes = file.metadata().map_err(|source| Error::Read { path: file.into(), source })?.len();
        let coded = || tensors.iter().filter(|tensor| tensor.is_compressed());
        let energy: f64 = coded().map(|tensor| tensor.energy).sum();
        let distortion: f64 = coded().map(|tensor| tensor.distortion).sum();
        let snr_db = ratio_db(energy, distortion);
        let outcome = Self::of_tensors(source, model.file_bytes(), file_bytes, tensors);
        Ok(Self { snr_db, peak_memory_bytes: peak_memory(), ..outcome })
    }

    /// What a file alone tells: the source's bytes are those of its tensors, and distortions are unknown (NaN).
    ///
    /// # Errors
    /// [`Error::Codebook`] if a section that has to be looked into does not decode.
    pub fn of_model_file(file: &ModelFile) -> Result<Self, Error> {
        let tensors = (0..file.tensors().len()).map(|number| TensorOutcome::of_file(file, number));
        let tensors = tensors.collect::<Result<_, _>>()?;
        let source = file.skeleton().file_names().next().unwrap_or_default().to_owned();
        let original_bytes =
            file.skeleton().tensors().iter().map(|tensor| tensor.bytes() * tensor.names().len() as u64).sum();
        Ok(Self::of_tensors(source, original_bytes, file.breakdown().total as u64, tensors))
    }

    /// What follows from sizes and tensors; the rest is unknown.
    fn of_tensors(source: String, original_bytes: u64, file_bytes: u64, tensors: Vec<TensorOutcome>) -> Self {
        let weights: u64 = tensors.iter().filter(|tensor| tensor.is_compressed()).map(|tensor| tensor.weights).sum();
        Self {
            source,
            original_bytes,
            file_bytes,
            ratio: original_bytes as f64 / file_bytes as f64,
            weights,
            states: tensors.iter().map(|tensor| tensor.states).max().unwrap_or(0),
            bits_per_weight: 8.0 * file_bytes as f64 / weights as f64,
            snr_db: f64::NAN,
            overhead_bytes: file_bytes as f64 - tensors.iter().map(|tensor| tensor.bytes).sum::<f64>(),
            tensors,
            outputs: Vec::new(),
            not_done: Vec::new(),
            peak_memory_bytes: None,
            seconds: f64::NAN,
        }
    }

    /// At the end of the work.
    pub(super) fn after(self, time: Duration) -> Self {
        Self { seconds: time.as_secs_f64(), peak_memory_bytes: peak_memory(), ..self }
    }
}

impl TensorOutcome {
    /// Whether it is not kept exactly: it has a codebook, or is trellis-coded.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.levels > 0 || self.states > 0
    }

    /// What the file tells of a tensor.
    pub(super) fn of_file(file: &ModelFile, number: usize) -> Result<Self, Error> {
        let (tensor, stored) = (&file.skeleton().tensors()[number], &file.tensors()[number]);
        let bytes = &file.breakdown().tensors[number];
        let weights = entries(tensor.element(), tensor.bytes());
        let states = if stored.kind() == TensorKind::Trellis { file.states() } else { 0 };
        Ok(Self {
            name: tensor.name().to_owned(),
            shape: tensor.shape().to_vec(),
            dtype: tensor.element().name().to_owned(),
            weights,
            levels: stored.used_values()?,
            states,
            bits: 8.0 * bytes.total() / weights.max(1) as f64,
            snr_db: f64::NAN,
            bytes: bytes.total(),
            codebook_bytes: bytes.codebook,
            treatment: bytes.coding.clone(),
            reason: None,
            energy: 0.0,
            distortion: 0.0,
        })
    }

    /// With the squared error from its source.
    pub(super) fn measured(self, energy: f64, distortion: f64) -> Self {
        Self { snr_db: ratio_db(energy, distortion), energy, distortion, ..self }
    }
}

/// `10 log10(energy / distortion)`; infinite without distortion.
pub(super) fn ratio_db(energy: f64, distortion: f64) -> f64 {
    if distortion > 0.0 { 10.0 * (energy / distortion).log10() } else { f64::INFINITY }
}

/// The most memory that this process had, in bytes, where the system tells.
pub(super) fn peak_memory() -> Option<u64> {
    memory("VmHWM:")
}

/// The memory that this process has now, in bytes, where the system tells.
pub(super) fn current_memory() -> Option<u64> {
    memory("VmRSS:")
}

/// A line of what Linux tells of this process.
fn memory(line: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|text| text.strip_prefix(line))?;
    Some(1024 * line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?)
}

/// What is not known.
fn unknown() -> f64 {
    f64::NAN
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_unknown(value: &f64) -> bool {
    value.is_nan()
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(value: &u16) -> bool {
    *value == 0
}

/// Numbers of which infinity is `null`: JSON has no word for it.
pub(super) mod infinite {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    pub(in crate::imported) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        value.is_finite().then_some(*value).serialize(serializer)
    }

    pub(in crate::imported) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(deserializer)?.unwrap_or(f64::INFINITY))
    }
}
