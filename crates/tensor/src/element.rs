//! The numbers that a tensor may hold: `f32`, which networks run in, and `f64`, which gradient checks run in.

use std::fmt::{Debug, Display};
use std::iter::Sum;

use num_traits::{Float, NumAssign};

mod sealed {
    /// Keeps other crates from implementing `Element`; lets kernels that exist for `f32` alone see whether they apply.
    pub trait Sealed: Sized {
        /// The numbers themselves where they are `f32`.
        fn singles(_: &[Self]) -> Option<&[f32]> {
            None
        }

        /// As `singles`, to be changed in place.
        fn singles_mut(_: &mut [Self]) -> Option<&mut [f32]> {
            None
        }
    }

    impl Sealed for f32 {
        fn singles(values: &[Self]) -> Option<&[f32]> {
            Some(values)
        }

        fn singles_mut(values: &mut [Self]) -> Option<&mut [f32]> {
            Some(values)
        }
    }

    impl Sealed for f64 {}
}

/// A floating-point number that tensors may hold. Implemented for `f32` and `f64` only: the dense products rely on that.
pub trait Element:
    Float + NumAssign + Sum + Default + Debug + Display + Send + Sync + sealed::Sealed + 'static
{
    /// Rounds a double to this type.
    fn narrow(value: f64) -> Self;

    /// The same number as a double; exact.
    fn widen(self) -> f64;
}

impl Element for f32 {
    fn narrow(value: f64) -> Self {
        value as f32
    }

    fn widen(self) -> f64 {
        f64::from(self)
    }
}

impl Element for f64 {
    fn narrow(value: f64) -> Self {
        value
    }

    fn widen(self) -> f64 {
        self
    }
}
