//! Quantised tensors and the compact `.mxp` file.
//!
//! A compressed network is a few values and, for each weight, which of them it has. [`QuantizedTensor`] holds one tensor
//! so: a [`Codebook`] and indices into it. A [`Container`] holds a whole network: tensors, the [`UnitGroup`]s that their
//! axes share, the network's definition and metadata, both opaque here. [`encode`] turns it into the bytes of a file,
//! [`decode`] turns them back, exactly; [`breakdown`] says what the bytes of a file are spent on.
//!
//! # What makes a file small
//!
//! - *Liveness.* A unit of a group none of whose entries is nonzero is dead, and nothing that belongs to it is stored:
//!   neither rows, nor columns, nor biases. [`Container::sort_units`] brings live hidden units to the front and into an
//!   order that need not be told.
//! - *One stream.* Names, flags, codebooks, and the entries of sparse tensors are one sequence of binary decisions in one
//!   range coder. Each decision has a probability learned from those before it: the density of its row, its column, its
//!   neighbours, mixed by a small online learner. All of it is integer arithmetic, so that every machine agrees.
//! - *The smallest wins.* Each tensor is stored in the way that takes the fewest bytes: by the adaptive model, as packed
//!   bits, or, when it is large and dense, by static entropy coding in a section of its own.
//! - *Trellises.* Large matrices take a sixth of a bit a weight less at the same error when whole columns are quantised at a
//!   time: a [`TrellisTensor`](trellis::TrellisTensor) is such a matrix, and several share a section.
//! - *Planes.* The bytes of a plain tensor are taken apart, so that the exponents of floats stand together; each block of a plane
//!   is coded by its frequencies or by Zstandard, whichever is smaller.
//!
//! A [`ContainerWriter`] takes tensors one at a time, so that memory holds one of them and not the whole network.
//!
//! # What makes it fast to open
//!
//! [`Archive`] reads a file's stream and leaves its large sections of indices as they are: structure, sizes and counts are
//! there at once, values when a tensor is asked for them. Statically coded indices stand in blocks of 64 interleaved lanes,
//! which vector units decode side by side, and blocks and tensors are decoded on all threads of the current rayon pool,
//! straight into `f32` values or into indices of 8 or 16 bits. The results do not depend on threads or vector units.
//!
//! `docs/format.md` in the repository defines the format, and `docs/format/decode.py` reads it without this crate.
//! The format is frozen only at version 1.0.
//!
//! # What a reader can rely on
//!
//! No file makes [`decode`] or [`Archive`] panic. What a file may ask for is bounded by [`Limits`]; every refusal is an
//! [`Error`] that says what was wrong.

#![deny(unsafe_code)]

mod archive;
mod binary;
mod bitpack;
mod breakdown;
mod choice;
mod codebook;
mod container;
mod counter;
#[cfg(test)]
mod documented;
mod dtype;
mod error;
mod estimate;
mod geometry;
mod groups;
#[cfg(test)]
mod hostile;
mod levels;
mod limits;
mod liveness;
mod logistic;
mod magnitude;
mod matrix;
mod mixer;
mod names;
mod numbers;
mod order;
mod outline;
mod output;
mod plain;
mod planes;
mod position;
mod primer;
mod range_coder;
mod rans;
mod reader;
mod runs;
mod section;
mod sign;
mod source;
mod spool;
mod stored;
mod stream;
mod structure;
mod tensor;
mod text;
pub mod trellis;
mod tuning;
mod vector;
mod wire;
mod writer;

pub use archive::{Archive, StoredTensor};
pub use breakdown::{Breakdown, TensorBytes};
pub use codebook::Codebook;
pub use container::{Container, Entry, Metadata};
pub use dtype::Dtype;
pub use error::Error;
pub use groups::{AxisRef, UnitGroup};
pub use limits::Limits;
pub use outline::{Outline, TensorKind, TensorOutline};
pub use plain::PlainTensor;
pub use reader::{breakdown, decode, decode_with_breakdown, decode_with_limits};
pub use section::MAGIC;
pub use tensor::QuantizedTensor;
pub use writer::{ContainerWriter, encode};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
