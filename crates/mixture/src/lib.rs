//! The Gaussian mixture prior over weights as pure math on slices.
#![forbid(unsafe_code)]

mod assignment;
mod component;
mod density;
mod error;
mod mixture;
mod proportions;
mod range;
mod sampling;

pub use assignment::{CountThreshold, counts, nearest, root_mean_square, target_components};
pub use component::Component;
pub use density::LogDensity;
pub use error::Error;
pub use mixture::Mixture;
pub use proportions::{Proportions, SMALLEST_PROPORTION};
pub use range::{MAX_COMPONENTS, Range};
