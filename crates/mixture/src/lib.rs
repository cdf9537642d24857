//! The Gaussian mixture prior over a network's weights, as pure math on slices.
//!
//! A weight `w` of a layer of scale `s` has the penalty `-ln p(w / s)`. The story of `p`:
//!
//! 1. [`Range`] divides a preset range into equally spaced means, [`Proportions`] draws mixing proportions, and
//!    [`Mixture`] is what they make: sorted by mean, one component at zero for ever, valid by construction.
//! 2. A mixture has a density, a score, responsibilities and a distribution function, all by log-sum-exp
//!    ([`Mixture::evaluate`]), and whole layers can be drawn from it ([`Mixture::draw_weights`]).
//! 3. Training needs the penalty's gradient to the weights, and [`Statistics`] of the weights for the mixture's own
//!    parameters: exactly from [`Mixture::add_gradient`], or in O(N + K B) from a [`Grid`]. [`Gradients`],
//!    [`HyperPriors`] and [`Parameters`] are for learning the mixture by gradient, [`Mixture::merge`] tidies up.
//! 4. [`HeavyTailed`] is the prior that makes files small: its zero component is a [`Ladder`] of Gaussians with a power
//!    law's tail, its other components follow the weights. [`PlaceContext`] makes weights in dying rows and columns more
//!    expensive, and [`ScoreTable`] tabulates it all, so that a weight costs one lookup.
//! 5. [`nearest`] says which component a weight belongs to, [`target_components`] which components a layer keeps.
//!
//! Everything is deterministic for any number of threads, and nothing here panics on data, files or configuration.
#![forbid(unsafe_code)]

mod assignment;
mod component;
mod context;
mod density;
mod divide;
mod error;
mod grid;
mod heavy_tailed;
mod hyper_priors;
mod ladder;
mod lanes;
mod merge;
mod mixture;
mod parameters;
mod proportions;
mod range;
mod sampling;
mod score_table;
mod statistics;

pub use assignment::{CountThreshold, counts, nearest, root_mean_square, target_components};
pub use component::Component;
pub use context::{DEFAULT_CAP, PlaceContext, exponent};
pub use density::LogDensity;
pub use divide::divide_wide;
pub use error::Error;
pub use grid::Grid;
pub use heavy_tailed::{DEFAULT_PULL, HeavyTailed, ReEstimate, typical_large};
pub use hyper_priors::HyperPriors;
pub use ladder::{Ladder, RUNGS};
pub use mixture::Mixture;
pub use parameters::Parameters;
pub use proportions::{Proportions, SMALLEST_PROPORTION};
pub use range::{MAX_COMPONENTS, Range};
pub use score_table::{BINS, CLASSES, PenaltyTable, ScoreTable, ZERO_BIN, class, class_center};
pub use statistics::{Gradients, Statistics, Sums};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
