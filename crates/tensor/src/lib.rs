//! Reverse-mode automatic differentiation over dense tensors, the numeric core of mixpress.
//!
//! Training a small network repeats one small computation a hundred thousand times. So everything here is built around one
//! *step*:
//!
//! 1. a [`Tape`] is opened on a [`Pool`] of buffers; parameters are borrowed, nothing is global;
//! 2. operators are methods of the tape ([`Tape::linear`], [`Tape::conv2d`], [`Tape::relu`], ...). Each checks its shapes,
//!    computes its value at once and notes what its backward pass needs;
//! 3. [`Tape::backward`] consumes the tape from its end, frees every value as soon as nobody needs it, and returns the
//!    [`Gradients`] of the parameters;
//! 4. all buffers return to the pool, so that the next step of the same shapes asks the allocator for next to nothing.
//!
//! A [`Tensor`] is an owned, contiguous, row-major array. Everything is generic over [`Element`] (`f32` and `f64`): networks
//! run in `f32`, gradient checks in `f64`. Results are the same bytes for any number of threads, because work is split by
//! the shapes alone and partial results are added in a fixed order.
//!
//! ```
//! use mixpress_tensor::{Mode, Pool, Tape, Tensor};
//!
//! # fn main() -> Result<(), mixpress_tensor::Error> {
//! let pool = Pool::new();
//! let weight = Tensor::new(&[1, 2], vec![3.0_f32, -1.0])?;
//! let images = Tensor::new(&[2, 2], vec![1.0, 2.0, 3.0, 4.0])?;
//! let targets = Tensor::new(&[2, 1], vec![0.0, 4.0])?;
//!
//! let mut tape = Tape::new(&pool, Mode::Training);
//! let x = tape.constant(&images);
//! let w = tape.parameter(&weight);
//! let y = tape.linear(x, w, None);
//! assert_eq!(tape.value(y), [1.0, 5.0]);
//! let t = tape.constant(&targets);
//! let loss = tape.mean_squared_error(y, t);
//! assert_eq!(tape.value(loss), [1.0]);
//! let gradients = tape.backward(loss);
//! assert_eq!(gradients.get(w), Some([4.0, 6.0].as_slice()));
//! # Ok(())
//! # }
//! ```

#![deny(unsafe_code)]

mod blocks;
mod element;
mod error;
mod gradients;
mod kernels;
mod ops;
mod pool;
#[cfg(test)]
mod problem;
mod rows;
mod tape;
mod tensor;

pub use element::Element;
pub use error::Error;
pub use gradients::Gradients;
pub use ops::{BatchNorm, BatchStatistics, Conv2d, Pool2d, SparseLayer, SparsePattern};
pub use pool::{Buffer, Pool};
pub use rows::{argmax, argmax_rows, softmax_rows};
pub use tape::{Mode, Tape, Var};
pub use tensor::Tensor;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
