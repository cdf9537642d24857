//! One step for all tensors that meets a target of rate or of distortion.

use rayon::prelude::*;

use super::profile::Profile;
use super::quantizer::{ScalarQuantizer, finest_step};
use crate::{Error, Stored};

/// A tensor that takes part in a search.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its weights.
    pub profile: &'a Profile,
    /// How much its squared error counts: 1 for plain squared error. Its step is the common one over the square root of this.
    pub sensitivity: f64,
    /// The type in which it will be restored, whose values its codebook must have.
    pub stored: Stored,
}

impl Source<'_> {
    /// The tensor's own step where the common one is `step`.
    #[must_use]
    pub fn step(&self, step: f64) -> f64 {
        step / self.sensitivity.sqrt()
    }

    /// The tensor's quantiser where the common step is `step`.
    #[must_use]
    pub fn quantizer(&self, step: f64) -> ScalarQuantizer {
        ScalarQuantizer::new(self.profile, self.step(step), self.stored)
    }
}

/// What a search is to reach with all tensors together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// At most so many bits a weight.
    BitsPerWeight(f64),
    /// At most so many bytes in all, of which some are spent on other things.
    Bytes {
        /// All bytes.
        total: u64,
        /// Those that are spent whatever the step.
        fixed: u64,
    },
    /// At least this ratio of the weights' energy to the squared error, in dB: `10 log10(Σ w² / Σ (w - ŵ)²)`.
    SignalToNoise(f64),
}

/// Rate and distortion of all tensors at a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OperatingPoint {
    /// The common step.
    pub step: f64,
    /// Bits of all tensors, estimated.
    pub rate: f64,
    /// Squared error of all weights, each counted once whatever its sensitivity; estimated.
    pub distortion: f64,
    /// Number of weights.
    pub weights: usize,
    /// The sum of the squared weights.
    pub energy: f64,
}

impl OperatingPoint {
    /// Rate and distortion of some tensors at a step.
    #[must_use]
    pub fn at(sources: &[Source], step: f64) -> Self {
        let each: Vec<(f64, f64)> = (sources.par_iter())
            .map(|source| {
                let quantizer = source.quantizer(step);
                (quantizer.rate(), quantizer.distortion())
            })
            .collect();
        Self {
            step,
            rate: each.iter().map(|each| each.0).sum(),
            distortion: each.iter().map(|each| each.1).sum(),
            weights: sources.iter().map(|source| source.profile.len()).sum(),
            energy: sources.iter().map(|source| source.profile.sum_of_squares()).sum(),
        }
    }

    /// Bits a weight; zero where there are no weights.
    #[must_use]
    pub fn bits_per_weight(&self) -> f64 {
        self.rate / (self.weights as f64).max(1.0)
    }

    /// Signal-to-noise ratio in dB; infinite without noise.
    #[must_use]
    pub fn signal_to_noise(&self) -> f64 {
        if self.distortion > 0.0 { 10.0 * (self.energy / self.distortion).log10() } else { f64::INFINITY }
    }

    /// By how much the target is exceeded, in its own unit; negative where it is not reached.
    fn slack(&self, target: Target) -> f64 {
        match target {
            Target::BitsPerWeight(bits) => bits - self.bits_per_weight(),
            Target::Bytes { total, fixed } => total as f64 - fixed as f64 - self.rate / 8.0,
            Target::SignalToNoise(ratio) => self.signal_to_noise() - ratio,
        }
    }

    /// What the target asks for, as it is here.
    fn reached(&self, target: Target) -> f64 {
        match target {
            Target::BitsPerWeight(_) => self.bits_per_weight(),
            Target::Bytes { fixed, .. } => fixed as f64 + self.rate / 8.0,
            Target::SignalToNoise(_) => self.signal_to_noise(),
        }
    }
}

/// Steps are told apart to this factor: finer than a step in f16.
const RESOLUTION: f64 = 1.0 + 1e-5;

/// The step at which the tensors meet a target with the least to spare: the finest one within a budget of bits, the coarsest one with a
/// signal-to-noise ratio.
///
/// Rate and distortion of a tensor jump where its best codebook becomes another one: by a few percent below two bits a weight, by next to
/// nothing above, and many tensors do not jump together.
///
/// A budget that even the finest step does not use up gives the finest, a ratio that even the coarsest step exceeds gives the
/// coarsest.
///
/// # Errors
/// [`Error::Sensitivity`], [`Error::TargetNumber`] for a target that is not a number, and [`Error::OutOfReach`] for one that no
/// step meets.
pub fn find_step(sources: &[Source], target: Target) -> Result<OperatingPoint, Error> {
    if let Some(position) = sources.iter().position(|s| !(s.sensitivity > 0.0 && s.sensitivity.is_finite())) {
        return Err(Error::Sensitivity { position, value: sources[position].sensitivity });
    }
    if let Target::BitsPerWeight(value) | Target::SignalToNoise(value) = target
        && value.is_nan()
    {
        return Err(Error::TargetNumber { value });
    }
    let ends = sources.iter().map(|source| {
        let (low, high) = source.profile.range();
        let scale = source.sensitivity.sqrt();
        (finest_step(source.profile) * scale, 4.0 * low.abs().max(high.abs()) * scale)
    });
    let (mut fine, mut coarse) = ends
        .filter(|end| end.1 > 0.0)
        .fold((f64::INFINITY, 0.0_f64), |(low, high), (fine, coarse)| (low.min(fine), high.max(coarse)));
    if coarse == 0.0 {
        (fine, coarse) = (1.0, 1.0);
    }
    let is_budget = !matches!(target, Target::SignalToNoise(_));
    let (wanted, other) = if is_budget { (fine, coarse) } else { (coarse, fine) };
    // A budget wants the finest step, a ratio the coarsest; the other end must do.
    let best = OperatingPoint::at(sources, wanted);
    if best.slack(target) >= 0.0 {
        return Ok(best);
    }
    let mut met = OperatingPoint::at(sources, other);
    if met.slack(target) < 0.0 {
        return Err(Error::OutOfReach { target: target.to_string(), nearest: met.reached(target) });
    }
    let mut missed = wanted;
    while (met.step / missed).max(missed / met.step) > RESOLUTION {
        let middle = OperatingPoint::at(sources, met.step.sqrt() * missed.sqrt());
        if middle.slack(target) >= 0.0 {
            met = middle;
        } else {
            missed = middle.step;
        }
    }
    Ok(met)
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BitsPerWeight(bits) => write!(f, "at most {bits} bits a weight"),
            Self::Bytes { total, fixed } => write!(f, "at most {total} bytes, {fixed} of them fixed"),
            Self::SignalToNoise(ratio) => write!(f, "at least {ratio} dB"),
        }
    }
}
