//! Data sets, optimisers and the training phases of mixpress, joint objective included.
#![forbid(unsafe_code)]

mod checkpoint;
mod data;
mod error;
mod metrics;
mod optim;
mod random;
mod schedule;

pub use checkpoint::{Snapshot, write_whole};
pub use data::{Augmentation, BatchConfig, Batches, DataSource, Dataset, Feed, Pixels, Shifts, Split, digits, open};
pub use error::Error;
pub use metrics::{ClassCount, Evaluation, cross_entropy, predict};
pub use optim::{Adam, AdamConfig, AdamStep, Optimizer, OptimizerConfig, Sgd, SgdConfig, adam_update};
pub use random::{Purpose, below, permutation, stream};
pub use schedule::{Decay, Schedule};
