//! What can go wrong with data that a caller brings: tensors whose numbers do not match their shape.

/// An error of this crate.
///
/// Only tensors made from outside data give errors. An operator that is applied to shapes which do not fit is a mistake of
/// the calling code and panics, naming both shapes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The number of elements is not the product of the dimensions.
    #[error("shape {shape:?} holds {expected} elements, but {got} were given")]
    ElementCount {
        /// The shape that was asked for.
        shape: Vec<usize>,
        /// The product of its dimensions.
        expected: usize,
        /// The number of elements at hand.
        got: usize,
    },
    /// The product of the dimensions does not fit into a `usize`.
    #[error("shape {shape:?} holds more elements than this machine can address")]
    TooLarge {
        /// The shape that was asked for.
        shape: Vec<usize>,
    },
}
