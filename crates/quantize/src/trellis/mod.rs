//! Trellis-coded quantisation: whole columns at a time, for the fewest bits at a squared error.
//!
//! The state of a machine decides which parity a number may have, so that the errors of a column hang together, and a
//! search along the column (A. J. Viterbi, 1967) finds the way of least `(w - v)² / Δ² + λ bits`. At three bits a
//! weight that is about a sixth of a bit better than one weight at a time, of the quarter that no quantiser can go
//! beyond (M. W. Marcellin and T. R. Fischer, *Trellis coded quantization of memoryless and Gauss-Markov sources*,
//! 1990).
//!
//! What another matrix, or an earlier row, makes likely is taken off before, where that pays, and rows may be quantised
//! along the principal directions of the rows before them.
//!
//! How many bits a number takes depends on its class alone, and that on a scale of its row and one of its column
//! ([`TrellisProfile`]). Decoding and the bytes of a section are [`mixpress_codebook::trellis`].

mod bases;
mod costs;
mod effort;
mod estimate;
mod own_rows;
mod pairs;
mod predict;
mod profile;
mod quantize;
mod references;
mod viterbi;

pub use effort::states_of_effort;
pub use estimate::TrellisEstimate;
pub use profile::TrellisProfile;
pub use quantize::{TrellisCoded, TrellisPlan, TrellisQuantizer};

#[cfg(test)]
mod tests;
