//! Data sets, optimisers and the training phases of mixpress, joint objective included.
#![forbid(unsafe_code)]

mod cancel;
mod checkpoint;
mod config;
mod data;
mod distillation;
mod draw;
mod error;
mod files;
mod metrics;
mod observer;
mod optim;
mod phase;
mod random;
mod ranges;
mod schedule;
mod session;
mod trainee;

pub use cancel::CancelToken;
pub use checkpoint::Snapshot;
pub use config::{
    Coverage, HardConfig, JointConfig, PlainConfig, PriorConfig, PriorKind, ROUND, RiseConfig, TiedConfig,
};
pub use data::{
    Augmentation, BatchConfig, Batches, DataSource, Dataset, Feed, Pixels, Shifts, Split, digits, open, open_csv,
};
pub use distillation::{DistillationConfig, SoftTargets};
pub use draw::{draw_weights, initial_mixtures, initial_scales};
pub use error::Error;
pub use files::{Draft, folder_of, write_new, write_whole, write_whole_new};
pub use metrics::{ClassCount, Evaluation, cross_entropy, predict};
pub use observer::{Measurement, Observer, PhaseName, Silent};
pub use optim::{Adam, AdamConfig, AdamStep, Optimizer, OptimizerConfig, Sgd, SgdConfig, adam_update};
pub use phase::{
    CoveredLayer, HardSettings, JointOutcome, JointSettings, LayerMixture, Levels, Start, Tally, covered_layers,
};
pub use random::{Purpose, below, permutation, stream};
pub use ranges::check_range;
pub use schedule::{Decay, Schedule};
pub use session::{KeepNothing, Keeper, Session, error_rate, evaluate, wrong_samples};
pub use trainee::{Trainee, restore_parameters, save_parameters};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
