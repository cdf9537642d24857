//! Other people's trained models, compressed without data.
//!
//! A [`ModelCompressor`] opens a safetensors or an ONNX model and gives each of its weight tensors a codebook, or codes
//! it by a trellis where that is better, all with one Lagrange multiplier, so that bits go where they lower the error
//! ([`Distortion`]) most, until a [`Goal`] is met. What is not a weight, or was to be left alone ([`Rule`]), is kept
//! exactly. Everything of the model that is no tensor goes into the same file, so that [`restore`] makes the model
//! again: with the same names, types and graph, and nothing but values of weights changed.
//!
//! With inputs, and the feature `rten`, the model is run: [`ModelCompressor::measure`] finds which tensors its outputs
//! suffer from, and a goal may be an error of the outputs.
//!
//! [`verify`] reads such a file whole and compares it with its source; [`compare`] tells how two models differ.

mod check;
mod codings;
mod compressor;
mod fill;
mod fit;
mod gather;
mod goal;
#[cfg(feature = "rten")]
mod measure;
mod outcome;
mod payload;
mod plan;
mod progress;
mod restore;
mod sensitivity;
mod uncollected;
#[cfg(not(feature = "rten"))]
mod unmeasured;

pub use check::{Difference, compare, verify};
pub use compressor::ModelCompressor;
pub use goal::{Distortion, Goal, Rule, Treatment};
#[cfg(feature = "rten")]
pub use measure::{compare_outputs, compare_outputs_until};
pub use outcome::{ModelOutcome, OutputOutcome, TensorOutcome};
pub use plan::{ModelPlan, Reason, TensorPlan};
pub use progress::{ModelObserver, Stage};
pub(crate) use restore::{IMPORTED, is_model, open_archive};
pub use restore::{ModelFile, Opened, restore};
pub use sensitivity::{Sensitivities, Sensitivity};
