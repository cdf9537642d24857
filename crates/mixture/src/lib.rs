//! The Gaussian mixture prior over weights as pure math on slices.
#![forbid(unsafe_code)]

mod assignment;
mod component;
mod context;
mod density;
mod error;
mod heavy_tailed;
mod ladder;
mod mixture;
mod proportions;
mod range;
mod sampling;
mod score_table;

pub use assignment::{CountThreshold, counts, nearest, root_mean_square, target_components};
pub use component::Component;
pub use context::{DEFAULT_CAP, PlaceContext, exponent};
pub use density::LogDensity;
pub use error::Error;
pub use heavy_tailed::{DEFAULT_PULL, HeavyTailed, ReEstimate, typical_large};
pub use ladder::{Ladder, RUNGS};
pub use mixture::Mixture;
pub use proportions::{Proportions, SMALLEST_PROPORTION};
pub use range::{MAX_COMPONENTS, Range};
pub use score_table::{BINS, CLASSES, PenaltyTable, ScoreTable, ZERO_BIN, class, class_center};
