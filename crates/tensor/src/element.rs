//! The numbers that a tensor may hold: `f32`, which networks run in, and `f64`, which gradient checks run in.

use std::fmt::{Debug, Display};
use std::iter::Sum;

use num_traits::{Float, NumAssign};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
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
