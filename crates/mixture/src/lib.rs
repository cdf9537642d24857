//! The Gaussian mixture prior over weights as pure math on slices.
#![forbid(unsafe_code)]

mod assignment;
mod component;
mod context;
mod density;
mod error;
mod grid;
mod heavy_tailed;
mod hyper_priors;
mod ladder;
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
