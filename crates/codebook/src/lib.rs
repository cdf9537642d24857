//! Quantised tensors and the compact `.mxp` file: encode, decode.

#![forbid(unsafe_code)]

mod breakdown;
mod codebook;
mod container;
mod error;
mod file;
mod groups;
mod limits;
mod plain;
mod tensor;
mod wire;

pub use breakdown::{Breakdown, TensorBytes, breakdown};
pub use codebook::Codebook;
pub use container::{Container, Entry, Metadata};
pub use error::Error;
pub use file::{decode, decode_with_limits, encode};
pub use groups::{AxisRef, UnitGroup};
pub use limits::Limits;
pub use plain::{Dtype, PlainTensor};
pub use tensor::QuantizedTensor;
