//! What a reader makes of an index: the index itself, in 8 or 16 bits, or the codebook's value.

use std::fmt::Debug;

use crate::rans::Store;

/// What becomes of an index.
pub(crate) trait Output: Store + Copy + Default + Send + Sync + Debug + PartialEq {
    /// The output of `index`, which the caller knows to fit; `values` are those of the codebook where the output is one
    /// of them.
    fn of(index: u16, values: &[f32]) -> Self;
}

impl Output for u8 {
    fn of(index: u16, _: &[f32]) -> Self {
        index as Self
    }
}

impl Output for u16 {
    fn of(index: u16, _: &[f32]) -> Self {
        index
    }
}

impl Output for f32 {
    fn of(index: u16, values: &[f32]) -> Self {
        values[usize::from(index)]
    }
}
