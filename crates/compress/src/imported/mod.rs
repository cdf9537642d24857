//! Other people's trained models, compressed without data.
//!
//! A [`ModelCompressor`] opens a safetensors or an ONNX model and gives each of its weight tensors a codebook, all with one Lagrange
//! multiplier, so that bits go where they lower the error ([`Distortion`]) most, until a [`Goal`] is met. What is not a weight, or was to be left
//! alone ([`Rule`]), is kept exactly. Everything of the model that is no tensor goes into the same file, so that [`restore`] makes
//! the model again: with the same names, types and graph, and nothing but values of weights changed.
//!
//! [`verify`] reads such a file whole and compares it with its source; [`compare`] tells how two models differ.

mod check;
mod compressor;
mod fill;
mod fit;
mod gather;
mod goal;
mod outcome;
mod payload;
mod plan;
mod progress;
mod restore;

pub use check::{Difference, compare, verify};
pub use compressor::ModelCompressor;
pub use goal::{Distortion, Goal, Rule, Treatment};
pub use outcome::{ModelOutcome, TensorOutcome};
pub use plan::{ModelPlan, Reason, TensorPlan};
pub use progress::{ModelObserver, Stage};
pub(crate) use restore::{IMPORTED, is_model, open_archive};
pub use restore::{ModelFile, Opened, restore};
