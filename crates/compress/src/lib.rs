//! The compression method end to end: recipe, compressor, outcome.
//!
//! 1. A [`Recipe`] holds every setting. The default one serves all networks.
//! 2. A [`Compressor`] takes a network's definition and data, and runs the method: it draws the weights from the mixture, trains them
//!    (phase A), trains weights and mixture together (B), selects each layer's target components, trains under hard
//!    assignment (C), quantises, and fine-tunes with tied weights (D).
//! 3. The result is written as an `.mxp` file, opened again, and measured: an [`Outcome`], and [`Details`] for a page about it.
//! 4. A [`CompressedModel`] is such a file in memory: tensors by name, and predictions. Its [`Origin`] is what it takes to run again.
//!
//! A model that was trained elsewhere goes another way, without data: a [`ModelCompressor`] codes its weights, each
//! tensor by a codebook or by a trellis, and [`restore`] makes the model again.
#![forbid(unsafe_code)]

mod checkpoint;
mod compressor;
mod definition;
mod details;
mod differences;
mod error;
mod frontier;
mod history;
mod imported;
mod model;
mod origin;
mod outcome;
mod package;
mod pipeline;
mod recipe;
mod search;
mod select;

pub use compressor::{Compressed, Compressor, CompressorBuilder, FrontierFile, Measured, Overwrite};
pub use details::{
    Baseline, ClassErrors, CodebookValue, Details, FileBytes, LayerDetails, MixtureComponent, TensorParts,
};
pub use error::Error;
pub use frontier::{FrontierPoint, Judgement};
pub use imported::{
    Difference, Distortion, Goal, ModelCompressor, ModelFile, ModelObserver, ModelOutcome, ModelPlan, Opened,
    OutputOutcome, Reason, Rule, Sensitivities, Sensitivity, Stage, TensorOutcome, TensorPlan, Treatment, compare,
    restore, verify,
};
#[cfg(feature = "rten")]
pub use imported::{compare_outputs, compare_outputs_until};
pub use mixpress_interchange::{Format, Gathered, Model, WriteOptions};
#[cfg(feature = "rten")]
pub use mixpress_runtime as runtime;
pub use model::CompressedModel;
pub use origin::Origin;
pub use outcome::{Description, LayerOutcome, Outcome};
pub use recipe::{DEFAULTS_VERSION, Recipe};
pub use search::{Budget, Place, SearchObserver, SearchPart};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
