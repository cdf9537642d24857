//! Compress neural networks with a Gaussian-mixture prior.
//!
//! Training pulls every weight towards the components of a mixture of Gaussians, one of which sits at zero; what is left
//! is a network whose layers use a handful of values each, mostly zero, and a file some hundred times smaller. Each layer's
//! codebook and bit width come out of the training itself.
//!
//! This crate is a facade: it re-exports the crates that do the work, each under its own name, and a [`prelude`] with what
//! most programs need. It has no logic of its own.
//!
//! | module | what it is about |
//! | --- | --- |
//! | [`arrays`] | named arrays in memory and as `.npz` files |
//! | [`tensor`] | reverse-mode autodiff over f32 tensors |
//! | [`mixture`] | the Gaussian mixture prior as pure math on slices |
//! | [`codebook`] | the `.mxp` file: encode, decode |
//! | [`interchange`] | safetensors and ONNX models in and out |
//! | [`network`] | layers, graphs of them, TOML definitions, a zoo |
//! | [`quantize`] | whole layers to codebooks and indices |
//! | [`train`] | data sets, optimisers, the joint objective, checkpoints |
//! | [`compress`] | the method end to end: recipe, compressor, outcome |
//! | [`report`] | an outcome as a table, as JSON, as a page |
#![forbid(unsafe_code)]

pub mod prelude;

pub use mixpress_arrays as arrays;
pub use mixpress_codebook as codebook;
pub use mixpress_compress as compress;
pub use mixpress_interchange as interchange;
pub use mixpress_mixture as mixture;
pub use mixpress_network as network;
pub use mixpress_quantize as quantize;
pub use mixpress_report as report;
pub use mixpress_tensor as tensor;
pub use mixpress_train as train;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
