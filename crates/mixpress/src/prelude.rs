//! What most programs need: `use mixpress::prelude::*;`.

pub use mixpress_compress::{
    CompressedModel, Compressor, Goal, ModelCompressor, ModelFile, ModelOutcome, Outcome, Overwrite, Recipe,
};
pub use mixpress_network::{Definition, zoo};
pub use mixpress_report::{json, table};
pub use mixpress_train::{CancelToken, DataSource, Dataset, Measurement, Observer, PhaseName};
