//! One step for all tensors that meets a target of rate or of distortion.

use rayon::prelude::*;

use super::profile::Profile;
use super::quantizer::{MULTIPLIER, ScalarQuantizer, finest_step};
use crate::{Error, Stored, TrellisEstimate};

/// A tensor that takes part in a search.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its weights.
    pub profile: &'a Profile,
    /// How much its squared error counts: 1 for plain squared error. Its step is the common one over the square root of
    /// this.
    pub sensitivity: f64,
    /// The type in which it will be restored, whose values its codebook must have.
    pub stored: Stored,
    /// What it would take if it were trellis-coded, where it may be.
    pub trellis: Option<&'a TrellisEstimate>,
}

/// What a tensor takes and errs by, estimated, coded in the way that is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Bits.
    pub rate: f64,
    /// Squared error of all weights together.
    pub distortion: f64,
    /// The step of the trellis; nothing where single weights go to the values of a codebook.
    pub trellis_step: Option<f32>,
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

    /// What the tensor takes and errs by where the common step is `step`: by a codebook or by a trellis, whichever has
    /// the lower sum of squared error and bits, a bit being worth the same for both.
    #[must_use]
    pub fn estimate(&self, step: f64) -> Estimate {
        let quantizer = self.quantizer(step);
        let (rate, distortion) = (quantizer.rate(), quantizer.distortion());
        let single = Estimate { rate, distortion, trellis_step: None };
        let lambda = MULTIPLIER * self.step(step).powi(2);
        let cost = |estimate: &Estimate| estimate.distortion + lambda * estimate.rate;
        let of_trellis = self.trellis.and_then(|trellis| {
            let trellis_step = trellis.step(self.step(step)) as f32;
            let (rate, distortion) = trellis.at(f64::from(trellis_step))?;
            Some(Estimate { rate, distortion, trellis_step: Some(trellis_step) })
        });
        of_trellis.filter(|trellis| cost(trellis) < cost(&single)).unwrap_or(single)
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
        let each: Vec<Estimate> = sources.par_iter().map(|source| source.estimate(step)).collect();
        Self {
            step,
            rate: each.iter().map(|each| each.rate).sum(),
            distortion: each.iter().map(|each| each.distortion).sum(),
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

    /// Whether the target is met with next to nothing to spare.
    fn is_close(&self, target: Target) -> bool {
        let slack = self.slack(target);
        let left = match target {
            Target::BitsPerWeight(bits) => LEFT * bits,
            Target::Bytes { total, fixed } => LEFT * (total as f64 - fixed as f64),
            Target::SignalToNoise(_) => LEFT_DB,
        };
        slack >= 0.0 && slack <= left
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

/// Steps are told apart to this factor: the rate of next to it differs by a hundred thousandth of a bit a weight.
const RESOLUTION: f64 = 1.0 + 1e-5;
/// What may be left of a target: this share of a budget, so many dB of a ratio.
const LEFT: f64 = 1e-5;
const LEFT_DB: f64 = 1e-4;
/// The first look beside a step that is known to be near goes so far.
const NEAR: f64 = 1.02;

/// The step at which the tensors meet a target with the least to spare: the finest one within a budget of bits, the
/// coarsest one with a signal-to-noise ratio.
///
/// Rate and distortion of a tensor jump where its best codebook becomes another one: by a few percent below two bits a
/// weight, by next to nothing above, and many tensors do not jump together.
///
/// A budget that even the finest step does not use up gives the finest, a ratio that even the coarsest step exceeds
/// gives the coarsest.
///
/// # Errors
/// [`Error::Sensitivity`], [`Error::TargetNumber`] for a target that is not a number, and [`Error::OutOfReach`] for one
/// that no step meets.
pub fn find_step(sources: &[Source], target: Target) -> Result<OperatingPoint, Error> {
    find_step_near(sources, target, None)
}

/// [`find_step`], sooner where a step is known that is near the one wanted.
///
/// # Errors
/// As [`find_step`].
pub fn find_step_near(sources: &[Source], target: Target, near: Option<f64>) -> Result<OperatingPoint, Error> {
    if let Some(position) = sources.iter().position(|s| !(s.sensitivity > 0.0 && s.sensitivity.is_finite())) {
        return Err(Error::Sensitivity { position, value: sources[position].sensitivity });
    }
    if let Target::BitsPerWeight(value) | Target::SignalToNoise(value) = target
        && value.is_nan()
    {
        return Err(Error::TargetNumber { value });
    }
    let (fine, coarse) = ends(sources);
    let is_budget = !matches!(target, Target::SignalToNoise(_));
    // A budget wants the finest step, a ratio the coarsest; the other end must do.
    let (wanted, other) = if is_budget { (fine, coarse) } else { (coarse, fine) };
    let at = |step: f64| OperatingPoint::at(sources, step);
    let does = |point: &OperatingPoint| point.slack(target) >= 0.0;
    let between =
        |from: f64, to: f64, factor: f64| if from < to { (from * factor).min(to) } else { (from / factor).max(to) };
    // One step that meets the target, and one beyond that does not: from the one nearby outwards, or from the ends inwards.
    let (mut met, mut missed);
    if let Some(near) = near.filter(|&near| near > fine && near < coarse) {
        let mut factor = NEAR;
        let (mut last, mut next);
        last = at(near);
        let end = if does(&last) { wanted } else { other };
        loop {
            next = at(between(last.step, end, factor));
            if does(&next) != does(&last) {
                break;
            }
            if next.step == end {
                return if does(&next) { Ok(next) } else { Err(out_of_reach(target, &next)) };
            }
            (last, factor) = (next, factor * factor);
        }
        (met, missed) = if does(&next) { (next, last) } else { (last, next) };
    } else {
        missed = at(wanted);
        if does(&missed) {
            return Ok(missed);
        }
        met = at(other);
        if !does(&met) {
            return Err(out_of_reach(target, &met));
        }
    }
    // False position on the logarithm of the step, and every third time its middle, for where the rate jumps.
    let mut turn = 0;
    while (met.step / missed.step).max(missed.step / met.step) > RESOLUTION && !met.is_close(target) {
        let (above, below) = (met.slack(target), -missed.slack(target));
        turn += 1;
        let share = above / (above + below);
        let share = if turn % 3 == 0 || !share.is_finite() { 0.5 } else { share.clamp(0.02, 0.98) };
        let next = at((met.step.ln() * (1.0 - share) + missed.step.ln() * share).exp());
        if does(&next) {
            met = next;
        } else {
            missed = next;
        }
    }
    Ok(met)
}

/// The finest and the coarsest step that make a difference.
fn ends(sources: &[Source]) -> (f64, f64) {
    let ends = sources.iter().map(|source| {
        let (low, high) = source.profile.range();
        let scale = source.sensitivity.sqrt();
        (finest_step(source.profile) * scale, 4.0 * low.abs().max(high.abs()) * scale)
    });
    let (fine, coarse) = ends
        .filter(|end| end.1 > 0.0)
        .fold((f64::INFINITY, 0.0_f64), |(low, high), (fine, coarse)| (low.min(fine), high.max(coarse)));
    if coarse == 0.0 { (1.0, 1.0) } else { (fine, coarse) }
}

fn out_of_reach(target: Target, nearest: &OperatingPoint) -> Error {
    Error::OutOfReach { target: target.to_string(), nearest: nearest.reached(target) }
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
