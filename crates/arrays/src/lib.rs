//! Named arrays in memory, and as the `.npz` files that numpy reads and writes.
//!
//! [`Arrays`] are what a model is given, what it returns, and what a data set is made of: each an [`Array`], which is a
//! shape and [`Values`]. [`Arrays::read_npz`] and [`Arrays::write_npz`] are the file.
//!
//! # What a caller can rely on
//!
//! No file makes this crate panic, and nothing is allocated because a header claims it; [`Limits`] bound the rest. The same
//! arrays are written as the same bytes.

#![forbid(unsafe_code)]

mod arrays;
mod error;
mod npz;

pub use arrays::{Array, Arrays, MOST_AXES, Values, position};
pub use error::Error;
pub use npz::Limits;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
