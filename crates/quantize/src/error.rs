//! Everything that can be wrong with what is to be quantised.

use std::ops::Range;

use mixpress_parallel::map_reduce;

/// Why a layer, or a setting, was refused. Every message names the value and, where there is one, the remedy.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The quantised tensor was refused.
    #[error(transparent)]
    Codebook(#[from] mixpress_codebook::Error),
    /// The mixture, or a setting of it, was refused.
    #[error(transparent)]
    Mixture(#[from] mixpress_mixture::Error),
    /// A weight is NaN or infinite.
    #[error("value {position} is {value}, only finite values can be quantised; the training has diverged")]
    NotFinite {
        /// Position in the tensor.
        position: usize,
        /// The value.
        value: f32,
    },
    /// Means are not finite, or not in ascending order.
    #[error("mean {position} is {value}, means must be finite and ascend")]
    Mean {
        /// Position of the mean.
        position: usize,
        /// The mean.
        value: f64,
    },
    /// No mean, or no target component, is zero.
    #[error("the zero component is missing among {components} components; pruned weights would have no value")]
    NoZeroComponent {
        /// Number of components.
        components: usize,
    },
    /// A target component is not a component.
    #[error("target component {target} of {components} components")]
    Target {
        /// The target component.
        target: usize,
        /// Number of components.
        components: usize,
    },
    /// The scale of a layer is not a positive number.
    #[error("the scale of a layer is {scale}; it must be positive and finite")]
    Scale {
        /// The scale.
        scale: f64,
    },
    /// A codebook value overflows its stored type.
    #[error("codebook value {value} is too large for {stored}; store it as f32")]
    Overflow {
        /// The value.
        value: f32,
        /// Name of the type.
        stored: &'static str,
    },
    /// A number of levels that no codebook can have.
    #[error("a codebook has 1 to 65536 levels, not {levels}")]
    Levels {
        /// The number asked for.
        levels: usize,
    },
    /// A bit width that no grid can have.
    #[error("values on a grid have 2 to 16 bits, not {bits}; 4 or 5 suit biases")]
    Bits {
        /// The bit width asked for.
        bits: u8,
    },
    /// There are no values to fit a codebook to.
    #[error("there is nothing to fit a codebook to: no value has a positive importance")]
    Nothing,
    /// There is not one importance a value.
    #[error("{got} importances for {expected} values")]
    ImportanceCount {
        /// Number of values.
        expected: usize,
        /// Number of importances.
        got: usize,
    },
    /// A sensitivity is not a positive number.
    #[error(
        "the sensitivity of tensor {position} is {value}; it must be positive and finite, and 1 is plain squared error"
    )]
    Sensitivity {
        /// Position of the tensor.
        position: usize,
        /// The sensitivity.
        value: f64,
    },
    /// The step of a trellis-coded matrix is none, or too fine.
    #[error("the step {step} must be positive, finite and at least 2^-30 of the largest weight, {largest}")]
    Step {
        /// The step.
        step: f32,
        /// The largest weight's absolute value.
        largest: f32,
    },
    /// A target of rate or distortion is not a number.
    #[error("a target of bits or dB must be a number, not {value}")]
    TargetNumber {
        /// The target.
        value: f64,
    },
    /// No step meets a target.
    #[error("no step reaches {target}; the nearest is {nearest:.4}")]
    OutOfReach {
        /// The target, in words.
        target: String,
        /// What can be reached, in the target's unit.
        nearest: f64,
    },
    /// An importance is negative or not finite.
    #[error("importance {position} is {value}; importances must be finite and not negative")]
    Importance {
        /// Position in the tensor.
        position: usize,
        /// The importance.
        value: f32,
    },
}

/// An error naming the first value that is not finite.
pub(crate) fn all_finite(values: &[f32]) -> Result<(), Error> {
    match first_other(values, f32::is_finite) {
        Some(position) => Err(Error::NotFinite { position, value: values[position] }),
        None => Ok(()),
    }
}

/// An error naming the first importance that is negative or not finite.
pub(crate) fn all_importances(importances: &[f32]) -> Result<(), Error> {
    match first_other(importances, |value| value.is_finite() && value >= 0.0) {
        Some(position) => Err(Error::Importance { position, value: importances[position] }),
        None => Ok(()),
    }
}

/// The first value that is not good. Looks at whole blocks without a branch a value, because as a rule all are good.
fn first_other(values: &[f32], is_good: impl Fn(f32) -> bool + Sync) -> Option<usize> {
    let block = |range: Range<usize>| values[range].iter().fold(true, |good, &value| good & is_good(value));
    let all_good = map_reduce(values.len(), block, |left, right| left & right).unwrap_or(true);
    if all_good { None } else { values.iter().position(|&value| !is_good(value)) }
}
