//! Everything that can be wrong with arrays, a model, or two models that are compared.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use crate::{Side, ValueInfo};

/// Why a file was refused, a model could not be run, or outputs not be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something is wrong with arrays or a file of them.
    #[error(transparent)]
    Arrays(#[from] mixpress_arrays::Error),

    /// A model's file cannot be read as ONNX.
    #[error(transparent)]
    Model(#[from] mixpress_interchange::Error),
    /// The runtime cannot do what the model asks for.
    #[error(
        "rten cannot load {path}{}: {reason}; another runtime, such as ONNX Runtime, may",
        .node.as_ref().map_or_else(String::new, |node| format!(", node {node:?}"))
    )]
    Load {
        /// The model.
        path: PathBuf,
        /// The node that it fails at, where it has a name.
        node: Option<String>,
        /// What the runtime said.
        reason: String,
    },
    /// The runtime failed in a run.
    #[error(
        "rten cannot run the model{}, in run {run}: {reason}; another runtime, such as ONNX Runtime, may",
        .node.as_ref().map_or_else(String::new, |node| format!(", node {node:?}"))
    )]
    Run {
        /// Number of the run, from 0.
        run: usize,
        /// The node that it fails at, where it has a name; within subgraphs after those that lead there.
        node: Option<String>,
        /// What the runtime said.
        reason: String,
    },
    /// The runtime gave up in a way that it does not intend.
    #[error("rten panicked when it was to {what}: {message}; another runtime, such as ONNX Runtime, may do it")]
    Panic {
        /// What it was to do.
        what: String,
        /// What it said.
        message: String,
    },
    /// An output is no tensor.
    #[error("output {output:?} is a {kind}; only tensors can be compared")]
    OutputKind {
        /// The output.
        output: String,
        /// What it is.
        kind: String,
    },
    /// The caller stopped between runs.
    #[error("stopped after {done} of {runs} runs")]
    Stopped {
        /// Runs that were done.
        done: usize,
        /// Runs that there are.
        runs: usize,
    },

    /// Inputs of the model were not given.
    #[error("no array is given for {}; the model takes {}", names(.missing), values(.expected))]
    MissingInputs {
        /// Their names.
        missing: Vec<String>,
        /// All inputs of the model.
        expected: Vec<ValueInfo>,
    },
    /// An array is not an input of the model.
    #[error("array {name:?} is no input of the model, which takes {}", values(.expected))]
    UnknownInput {
        /// The array.
        name: String,
        /// All inputs of the model.
        expected: Vec<ValueInfo>,
    },
    /// An array has another type than its input.
    #[error("input {input} is given as {found}; save the array with the input's type")]
    Element {
        /// The input.
        input: ValueInfo,
        /// Type of the array.
        found: &'static str,
    },
    /// An array does not have the axes of its input, nor one more.
    #[error(
        "input {input} is given with shape {shape:?}: it has to have as many axes, or one more in front for samples"
    )]
    Rank {
        /// The input.
        input: ValueInfo,
        /// Shape of the array.
        shape: Vec<usize>,
    },
    /// A dimension of an array is not the one that its input fixes.
    #[error("input {input} is given with shape {shape:?}, whose axis {axis} does not fit")]
    Dimension {
        /// The input.
        input: ValueInfo,
        /// Shape of the array.
        shape: Vec<usize>,
        /// The axis of the array.
        axis: usize,
    },
    /// Arrays are cut into different numbers of runs.
    #[error("array {name:?} has samples for {runs} runs, but {other:?} has for {other_runs}")]
    Runs {
        /// The array.
        name: String,
        /// Its runs.
        runs: usize,
        /// An array before it.
        other: String,
        /// Runs of that one.
        other_runs: usize,
    },
    /// An array has no samples.
    #[error("array {name:?} has no samples: its shape is {shape:?}")]
    NoSamples {
        /// The array.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// An input is not a number.
    #[error("array {name:?} has the value {value} at {position:?}; inputs have to be finite")]
    InputNotFinite {
        /// The array.
        name: String,
        /// Where the value stands.
        position: Vec<usize>,
        /// The value.
        value: f32,
    },

    /// Two models do not return the same outputs.
    #[error("output {output:?} of {one} is none of {other}; only models with the same outputs can be compared")]
    OutputMissing {
        /// The output.
        output: String,
        /// Who has it.
        one: Side,
        /// Who has not.
        other: Side,
    },
    /// Two models were run another number of times.
    #[error("the original was run {original} times, the other model {other} times")]
    OutputRuns {
        /// Runs of the original.
        original: usize,
        /// Runs of the other model.
        other: usize,
    },
    /// An output has another shape or type in the two models.
    #[error("output {output:?}, run {run}: {original} in the original, {other} in the other model")]
    OutputShape {
        /// The output.
        output: String,
        /// The run, from 0.
        run: usize,
        /// Type and shape in the original.
        original: String,
        /// Type and shape in the other model.
        other: String,
    },
    /// An output is not a number.
    #[error(
        "output {output:?} of {side} has the value {value} at {position:?} in run {run}; there is no distance from it"
    )]
    OutputNotFinite {
        /// The output.
        output: String,
        /// Whose it is.
        side: Side,
        /// The run, from 0.
        run: usize,
        /// Where the value stands.
        position: Vec<usize>,
        /// The value.
        value: f32,
    },
}

fn names(names: &[String]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

fn values(values: &[ValueInfo]) -> String {
    let mut text = String::new();
    for (number, value) in values.iter().enumerate() {
        // Writing into a text cannot fail.
        let _ = write!(text, "{}{value}", if number == 0 { "" } else { ", " });
    }
    if text.is_empty() { "nothing".into() } else { text }
}
