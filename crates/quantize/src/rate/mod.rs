//! Trained weights without data: the fewest bits for a given squared error.
//!
//! With one Lagrange multiplier for a whole network, the sum `D + λ R` of squared error and bits is least tensor by
//! tensor and weight by weight. At high rate that means *one step* for all weights of all tensors, large or small, with
//! entropy coding to follow (Gish and Pierce 1968); at any rate a weight goes to the level with the least
//! `(w - v)² + λ · bits(v)`, and levels that do not pay for themselves are left out.
//!
//! [`Profile`] tells what there is to know of a tensor's weights. [`ScalarQuantizer`] is designed on a profile alone,
//! which takes well under a millisecond, so that [`find_step`] can look at all tensors at many steps until bits or
//! error are as wanted. [`ScalarQuantizer::quantize`] then visits each weight once.
//!
//! A source that may be trellis-coded is estimated in both ways, at one price of a bit, and takes the better one
//! ([`Source::estimate`]); which that is depends on the step.

mod assign;
mod lookup;
mod moments;
mod partition;
mod profile;
mod quantizer;
mod search;
mod table;

pub use assign::Coded;
pub use profile::Profile;
pub use quantizer::ScalarQuantizer;
pub use search::{Estimate, OperatingPoint, Source, Target, find_step, find_step_near};

#[cfg(test)]
mod tests;
