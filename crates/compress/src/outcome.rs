//! What a run reached, as plain data: for a table, for JSON, for a page.

use mixpress_train::Measurement;
use serde::{Deserialize, Serialize};

/// The result of a compression, every figure of it measured on the reopened file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The network's name.
    pub network: String,
    /// The data set's name.
    pub data: String,
    /// The seed of the run.
    pub seed: u64,
    /// Test error of the float network (end of phase A), percent.
    pub float_error: f64,
    /// Test error of the compressed network, read back from the file, percent.
    pub compressed_error: f64,
    /// Validation error of the float network, percent.
    pub float_validation_error: f64,
    /// Validation error of the compressed network, percent.
    pub validation_error: f64,
    /// Four bytes for each parameter of the network.
    pub original_bytes: u64,
    /// Bytes of the file on disk.
    pub file_bytes: u64,
    /// `original_bytes / file_bytes`.
    pub ratio: f64,
    /// Share of the weights under the prior that are zero, 0 to 1.
    pub sparsity: f64,
    /// Wall time of the run.
    pub seconds: f64,
    /// One entry for each tensor of the file, in the network's order.
    pub layers: Vec<LayerOutcome>,
    /// Bytes of the file that belong to no tensor: header, flags of live units, definition, metadata, checksum.
    pub overhead_bytes: f64,
    /// The readings at the end of each round.
    pub history: Vec<Measurement>,
}

/// How one tensor stands in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerOutcome {
    /// Parameter name, such as `fc1.weight`.
    pub name: String,
    /// Full shape.
    pub shape: Vec<usize>,
    /// Number of values.
    pub weights: usize,
    /// Values that are not zero.
    pub nonzero: usize,
    /// Components found: codebook entries, the zero included; 0 for a tensor stored without a codebook.
    pub components: usize,
    /// Bytes in the file; fractional, because small tensors share one arithmetic-coded stream.
    pub bytes: f64,
    /// `8 * bytes / weights`.
    pub bits_per_weight: f64,
}
