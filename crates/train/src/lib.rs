//! Data sets, optimisers and the training phases of mixpress, joint objective included.
#![forbid(unsafe_code)]

mod data;
mod error;
mod random;

pub use data::{Augmentation, BatchConfig, Batches, DataSource, Dataset, Feed, Pixels, Shifts, Split, digits, open};
pub use error::Error;
pub use random::{Purpose, below, permutation, stream};
