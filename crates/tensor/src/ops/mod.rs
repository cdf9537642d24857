//! The operators, one a file: what it computes, its way back, a gradient check and a naive reference.
//!
//! A new operator is one more file here, with a method on [`Tape`](crate::Tape) that checks shapes, computes the value and
//! records an [`Operator`](crate::tape::Operator), and one more line below.

mod add;
mod average_pool2d;
mod batch_norm;
mod broadcast;
mod conv2d;
mod dropout;
mod global_average_pool;
mod linear;
mod matmul;
mod max_pool2d;
mod mean_squared_error;
mod mul;
mod relu;
mod reshape;
mod sigmoid;
mod softmax_cross_entropy;
mod sparse;
mod sum;
mod tanh;
mod transpose;
mod window;

pub use batch_norm::{BatchNorm, BatchStatistics};
pub use conv2d::Conv2d;
pub use sparse::{SparseLayer, SparsePattern};
pub use window::Pool2d;
