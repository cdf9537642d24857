//! Quantised tensors and the compact `.mxp` file: encode, decode.

#![forbid(unsafe_code)]

mod binary;
mod bitpack;
mod breakdown;
mod codebook;
mod container;
mod counter;
mod error;
mod estimate;
mod geometry;
mod groups;
mod levels;
mod limits;
mod liveness;
mod logistic;
mod magnitude;
mod matrix;
mod mixer;
mod names;
mod numbers;
mod order;
mod plain;
mod position;
mod range_coder;
mod rans;
mod reader;
mod runs;
mod section;
mod sign;
mod stream;
mod structure;
mod tensor;
mod text;
mod tuning;
mod vector;
mod wire;
mod writer;

pub use breakdown::{Breakdown, TensorBytes};
pub use codebook::Codebook;
pub use container::{Container, Entry, Metadata};
pub use error::Error;
pub use groups::{AxisRef, UnitGroup};
pub use limits::Limits;
pub use plain::{Dtype, PlainTensor};
pub use reader::{breakdown, decode, decode_with_limits};
pub use tensor::QuantizedTensor;
pub use writer::encode;
