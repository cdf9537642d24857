//! Models run before and after, in the runtime that is built in: how far their outputs are apart, and what it is worth
//! to measure which tensors they suffer from.

use std::path::{Path, PathBuf};

use anyhow::Context;
use mixpress_cli::mixpress::compress::runtime::{Array, Arrays, Runner};
use mixpress_cli::mixpress::compress::{Model, OutputOutcome, compare_outputs};
use mixpress_cli::mixpress::prelude::{Goal, ModelCompressor, Overwrite};

use super::round_trip::round_trip;
use super::table::Table;

/// Bits a weight of the speech detectors, and of the sentence encoder.
const SPEECH_BITS: f64 = 6.0;
const SENTENCE_BITS: [f64; 4] = [2.0, 3.0, 4.0, 6.0];
/// Frames of audio that a detector is run on, and the samples of one.
const FRAMES: usize = 24;
const FRAME: usize = 576;
/// Entries of a detector's state.
const STATE: usize = 128;

/// What was found of a detector.
#[derive(Debug)]
pub struct Found {
    name: String,
    plain: Vec<OutputOutcome>,
    measured: Vec<OutputOutcome>,
    /// What is wrong, a sentence each.
    pub problems: Vec<String>,
}

/// The header of the table of [`Found::row`].
pub fn table() -> Table {
    Table::new(&["output errors at 6 bits", "without inputs", "with inputs"])
}

impl Found {
    /// A row of the table: the relative error of each output.
    pub fn row(&self) -> [String; 3] {
        let told = |outputs: &[OutputOutcome]| {
            outputs.iter().map(|one| format!("{:.1e}", one.relative)).collect::<Vec<_>>().join(", ")
        };
        [self.name.clone(), told(&self.plain), told(&self.measured)]
    }
}

/// Runs a speech detector and what becomes of it: without loss, and compressed with and without inputs.
///
/// # Errors
/// If the detector cannot be run or compressed at all.
pub fn test(model: &Path, folder: &Path) -> anyhow::Result<Found> {
    let name = model.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let samples = frames(model)?;
    let source = Model::open(model)?;
    let mut problems = Vec::new();
    let lossless = round_trip(model, Goal::Lossless, &folder.join("lossless"))?;
    if compare_outputs(&lossless.file, &source, samples.clone())?.iter().any(|output| output.largest > 0.0) {
        problems.push(format!("{name}: without loss it has other outputs"));
    }
    let plain = round_trip(model, Goal::BitsPerWeight(SPEECH_BITS), &folder.join("6"))?;
    let plain = compare_outputs(&plain.file, &source, samples.clone())?;
    let measured = with_inputs(model, samples.clone(), SPEECH_BITS, &folder.join(format!("{name}.mxp")))?;
    let measured = compare_outputs(measured, &source, samples)?;
    if let Some(wrong) = plain.iter().chain(&measured).find(|output| !output.relative.is_finite()) {
        problems.push(format!("{name}: its output {} has no finite error", wrong.name));
    }
    Ok(Found { name, plain, measured, problems })
}

/// Compresses a model whose tensors' sensitivities are measured on some inputs.
fn with_inputs(model: &Path, samples: Arrays, bits: f64, out: &Path) -> anyhow::Result<PathBuf> {
    let compressor = ModelCompressor::open(model)?.goal(Goal::BitsPerWeight(bits)).samples(samples);
    let sensitivities = compressor.measure()?;
    compressor.sensitivities(sensitivities).run_to(out, Overwrite::Replace)?;
    Ok(out.into())
}

/// Inputs of a detector: a gliding voice in noise, and states as they may be.
fn frames(model: &Path) -> anyhow::Result<Arrays> {
    let runner = Runner::load(model)?;
    let mut seed = 1_u32;
    let mut unit = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as f32 / 8_388_608.0 - 1.0
    };
    let mut phase = 0.0_f32;
    let mut voice = || {
        phase += 0.05 + 0.02 * (phase / 40.0).sin();
        0.05 * (phase.sin() + 0.5 * (3.0 * phase).sin() + 0.3 * (7.0 * phase).sin()) * (phase / 90.0).cos()
            + 0.01 * unit()
    };
    let audio: Vec<f32> = (0..FRAMES * FRAME).map(|_| voice()).collect();
    let mut states = |shape: &[usize]| {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| 0.5 * unit()).collect();
        Array::new(shape, values)
    };
    let is_sequence = runner.inputs().any(|input| input.name() == "h");
    let mut out = Arrays::new();
    for input in runner.inputs() {
        let array = match input.name() {
            "input" if is_sequence => Array::new([FRAMES, FRAME], audio.clone())?,
            "input" => Array::new([FRAMES, 1, FRAME], audio.clone())?,
            "state" => states(&[FRAMES, 2, 1, STATE])?,
            "h" | "c" => states(&[1, 1, STATE])?,
            "sr" => Array::new([], vec![16_000])?,
            other => anyhow::bail!("{} has an unexpected input {other}", model.display()),
        };
        out.insert(input.name(), array)?;
    }
    Ok(out)
}

/// What sensitivities are worth for the sentence encoder: cosine similarities of embeddings of sentences that were not
/// measured on.
///
/// # Errors
/// If something cannot be read, compressed or run.
pub fn sentences(folder: &Path) -> anyhow::Result<String> {
    let model = folder.join("encoder.onnx");
    let arrays = |name: &str| Arrays::read_npz(folder.join(name)).with_context(|| format!("cannot read {name}"));
    let (measure, test) = (arrays("measure.npz")?, arrays("test.npz")?);
    let source = Model::open(&model)?;
    let sensitivities = ModelCompressor::open(&model)?.samples(measure).measure()?;
    let mut table = Table::new(&["MiniLM, cosine on other sentences", "without inputs", "with inputs"]);
    for bits in SENTENCE_BITS {
        let cosine = |compressor: ModelCompressor<'_>| -> anyhow::Result<String> {
            let file = folder.join("encoder.mxp");
            compressor.goal(Goal::BitsPerWeight(bits)).run_to(&file, Overwrite::Replace)?;
            Ok(format!("{:.5}", compare_outputs(file, &source, test.clone())?[0].cosine))
        };
        let plain = cosine(ModelCompressor::open(&model)?)?;
        let measured = cosine(ModelCompressor::open(&model)?.sensitivities(sensitivities.clone()))?;
        table.add_row([format!("{bits} bits a weight"), plain, measured]);
    }
    Ok(table.text())
}
