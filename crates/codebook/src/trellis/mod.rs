//! Trellis-coded quantisation of matrices, entropy-coded with static tables.
//!
//! An entry is a whole number times a step that all entries share. Which parity a number has is decided by the state of
//! a machine that runs down its column ([`Trellis`]), so that a writer who chooses whole columns (M. W. Marcellin and
//! T. R. Fischer, *Trellis coded quantization*, 1990) has twice as many numbers to choose from as a table has to tell
//! apart, and errs as if the step were smaller. Numbers are entropy-coded (T. R. Fischer and M. Wang,
//! *Entropy-constrained trellis-coded quantization*, 1992) by the table of the entry's class: the scale of its row plus
//! that of its column say how large it is likely to be. Tables are those of a family of three parameters ([`Model`]).
//!
//! # Layout of a section
//!
//! All matrices of a section share its lanes: a column is a lane's, 64 adjacent columns stand side by side, row by row.
//! A lane is a rANS coder as in statically coded indices, and goes on from strip to strip and from matrix to matrix, so
//! that a flush is paid once a block of 2^20 entries. The strips of a matrix that another one predicts come between
//! those of that one, so that both are near. Blocks stand alone and are decoded in parallel. Numbers that a
//! table lacks are coded as the nearest ones that lead to the same state, and corrected afterwards by a list of
//! patches: the loop has no branch.
//!
//! In a file a [`TrellisTensor`] is one more kind of tensor; those of a file fill sections in their order.
//!
//! What a matrix is besides its numbers - orientation, step, scales, patches, a partner that predicts it, bases of its
//! rows - stands in a head before them. Shapes do not: a file tells them elsewhere.

mod basis;
mod block;
mod decode;
mod description;
mod encode;
mod fit;
mod head;
#[allow(unsafe_code, reason = "vector units")]
mod kernels;
mod layout;
mod machine;
mod matrix;
mod model;
mod orthonormal;
mod predict;
mod recent;
mod strips;
mod sums;
mod tensor;
mod window;

pub use basis::{BASIS_ROWS, Basis, Covariance, Directions, MOST_BASIS_COLUMNS};
pub use decode::Section;
pub use encode::encode;
pub use fit::{DULL, PATCH_BITS, classes};
pub use machine::Trellis;
pub use matrix::{MAX_SCALE, MOST_PREDICTED, Patch, Prediction, PredictionSource, TrellisMatrix};
pub use model::{ClassTables, MAX_CLASSES, Model};
pub use predict::{Predictor, row_factor};
pub use tensor::{SECTION_WEIGHTS, TrellisSettings, TrellisTensor, section_ends};

pub(crate) use encode::{Encoded, encode_checked};
pub(crate) use recent::Recent;
pub(crate) use tensor::matrix_shape;

use crate::rans::LANES;

/// Rows that are decoded before they go to where they belong.
const TILE: usize = 64;

#[cfg(test)]
pub(crate) mod tests;
