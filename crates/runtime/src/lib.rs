//! ONNX models run on named arrays, and how far the outputs of two models are apart.
//!
//! Three things make a run: [`Arrays`], from a file of numpy or from code; a [`Runner`], which is a model in memory; and
//! [`Samples`], the arrays checked against what the model declares and cut into runs. [`Runner::run`] returns
//! [`Outputs`], and [`compare`] says of two of them, output by output, how far they are apart.
//!
//! Models are run by [rten](https://docs.rs/rten), on one thread, so that the same model, samples and kind of processor
//! give the same outputs ([`Runner`] says more).
//!
//! # What a caller can rely on
//!
//! No file makes this crate panic, and nothing is allocated because a header claims it; [`Limits`] bound the rest.
//! Where rten panics, that is an [`Error`] (and, unless the program's hook asks [`is_model_thread`], a message on the
//! standard error). What a model computes is its own affair: a small file can ask for long runs and large tensors.

#![forbid(unsafe_code)]

mod compare;
mod error;
mod guard;
mod outputs;
mod runner;
mod samples;
mod value_info;

pub use compare::{OutputError, Side, compare};
pub use error::Error;
pub use guard::is_model_thread;
pub use mixpress_arrays::{Array, Arrays, Error as ArrayError, Limits, Values};
pub use outputs::{Output, Outputs};
pub use runner::Runner;
pub use samples::Samples;
pub use value_info::{Dimension, Element, ValueInfo};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
