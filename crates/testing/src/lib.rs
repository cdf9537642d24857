//! Tolerances, gradient checks, golden files and random numbers that the tests of mixpress share.
//!
//! - [`assert_close`] compares slices of numbers and names the worst place;
//! - [`check_gradient`] compares a gradient with central differences;
//! - [`assert_error`] looks at what an error is and says, [`peak_memory`] at what a test takes;
//! - [`Golden`] reads files of reference values that another program made;
//! - [`uniform`], [`distinct`] and [`strategies`] make inputs from a seed, so that a failing case can be typed in again.
//!
//! Only tests depend on this crate, and it depends on none of the others.
#![forbid(unsafe_code)]

mod close;
mod error;
mod golden;
mod gradient;
mod memory;
mod numbers;
pub mod strategies;

pub use close::{assert_close, worst_difference};
pub use golden::{Case, Golden};
pub use gradient::{central_differences, check_gradient};
pub use memory::peak_memory;
pub use numbers::{distinct, uniform};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
