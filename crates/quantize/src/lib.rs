//! From trained layers to quantised tensors: pruning, codebooks, bit widths.
//!
//! A layer that was trained under a mixture has weights gathered around the means of its components. [`Components`] finds
//! which of them enough weights belong to, and makes a codebook of those ([`Components::quantize`]; steps 5 and 6 of
//! the method): how many levels a layer has, and so how many bits an index, is found and not set. [`PruningMask`] says which
//! weights the zero component took. Biases go to a uniform grid ([`quantize_uniform`]).
//!
//! A layer that was trained in any other way gets the levels that are best in squared error ([`fit_codebook`]),
//! weighted if need be.
//!
//! Where a whole network of such layers is to take so many bits, or to keep so much of its precision, they share one step:
//! a [`Profile`] of each layer's weights tells what any step would cost, [`find_step`] finds the one that is wanted, and a
//! [`ScalarQuantizer`] for each layer gives every weight the level that is best in squared error *and* bits. The levels are
//! then those of an entropy coder: many, on a grid as a rule, and few of them often used.
//!
//! Matrices are better off with a trellis: [`TrellisPlan`] quantises whole columns at a time, and lets matrices predict
//! each other. A [`TrellisEstimate`] tells what that takes at any step, so that a search gives each tensor the better of
//! both ways. What comes out are numbers for a section of [`mixpress_codebook::trellis`].
//!
//! What comes out of all else is a [`QuantizedTensor`](mixpress_codebook::QuantizedTensor). Always true of it: each
//! value is in the codebook. Without a price on bits it is the nearest to the weight that it stands for, and quantising
//! again changes nothing.
#![forbid(unsafe_code)]

mod assign;
mod error;
mod fit;
mod layer;
mod mask;
mod optimal;
mod rate;
mod stored;
mod trellis;
mod uniform;

pub use assign::{energy, nearest_indices, quantize_to, squared_error};
pub use error::Error;
pub use fit::{BINS, CELLS, Fit, fit_codebook, fit_weighted_codebook};
pub use layer::{Components, QuantizedLayer};
pub use mask::PruningMask;
pub use rate::{Coded, Estimate, OperatingPoint, Profile, ScalarQuantizer, Source, Target, find_step, find_step_near};
pub use stored::Stored;
pub use trellis::{TrellisCoded, TrellisEstimate, TrellisPlan, TrellisProfile, TrellisQuantizer, states_of_effort};
pub use uniform::quantize_uniform;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
