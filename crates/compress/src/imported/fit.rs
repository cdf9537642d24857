//! From a goal to the step of each tensor.

use mixpress_interchange::SourceTensor;
use mixpress_quantize::{Profile, Source, Target, find_step};

use super::compressor::ModelCompressor;
use super::goal::{DEFAULT_BITS, Distortion, Goal};
use super::payload;
use super::plan::{Role, entries};
use crate::Error;

/// Files that are made to find one that fits its goal. The first misses by what names and shapes take, and by what some coder does
/// better than expected.
const ATTEMPTS: usize = 8;
/// The share of a goal that may be left unused.
const UNUSED: f64 = 5e-4;

/// What a file may take, and what has to be said of that.
pub(super) struct Budget {
    pub(super) limit: Option<u64>,
    pub(super) note: Option<String>,
}

impl ModelCompressor<'_> {
    /// A tensor as the search takes it.
    pub(super) fn source<'p>(&self, tensor: &SourceTensor, profile: &'p Profile) -> Source<'p> {
        Source { profile, sensitivity: self.sensitivity(profile), stored: payload::stored(tensor.element()) }
    }

    /// How much a tensor's squared error counts.
    fn sensitivity(&self, profile: &Profile) -> f64 {
        let is_total = match self.distortion {
            Some(distortion) => distortion == Distortion::Total,
            None => matches!(self.goal, Some(Goal::SignalToNoise(_))),
        };
        let mean_square = profile.sum_of_squares() / profile.len() as f64;
        if is_total || mean_square < f64::MIN_POSITIVE { 1.0 } else { mean_square.recip() }
    }

    /// The step of each tensor: of the files that fit the goal, the first that leaves little of it unused, or the largest.
    pub(super) fn fitting_steps(&self, roles: &[Role], limit: Option<u64>, fixed: u64) -> Result<Vec<f64>, Error> {
        let Some(limit) = limit else { return self.steps(roles, None, fixed) };
        // What the search has to be told that it spends besides, so that whole files come out as long as they may be.
        let mut besides = fixed as i64;
        let mut best: Option<(i64, Vec<f64>)> = None;
        let mut shortest = u64::MAX;
        let mut tried = Vec::new();
        for _ in 0..ATTEMPTS {
            let steps = self.steps(roles, Some(limit), besides.max(0) as u64)?;
            if tried.contains(&steps) {
                if best.is_some() {
                    break;
                }
                // The rate jumps here; the other side of the jump fits.
                besides += 8 + limit as i64 / 2000;
                continue;
            }
            let length = fixed + self.weights_bytes(roles, &steps)?;
            tried.push(steps.clone());
            shortest = shortest.min(length);
            let left = limit as i64 - length as i64;
            besides -= left;
            if left < 0 {
                // A little more, for a step near this one may be as long.
                besides += 8 - left / 8;
                continue;
            }
            if best.as_ref().is_none_or(|best| left < best.0) {
                best = Some((left, steps));
            }
            if left <= (UNUSED * limit as f64) as i64 {
                break;
            }
        }
        let nearest = || Error::OutOfReach { goal: self.words(), nearest: format!("{shortest} bytes") };
        Ok(best.ok_or_else(nearest)?.1)
    }

    /// The bytes that the goal allows, if it limits them, where `fixed` are spent on all but weights.
    pub(super) fn budget(&self, roles: &[Role], fixed: u64) -> Budget {
        let weights: u64 = (self.model.tensors().iter().zip(roles))
            .filter(|(_, role)| matches!(role, Role::Weights { .. }))
            .map(|(tensor, _)| entries(tensor.element(), tensor.bytes()))
            .sum();
        let of_weights = |bits: f64| (bits * weights as f64 / 8.0) as u64;
        let limit = match self.goal {
            // Without weights to compress there is nothing to limit.
            Some(Goal::BitsPerWeight(_)) | None if weights == 0 => None,
            Some(Goal::BitsPerWeight(bits)) => Some(of_weights(bits)),
            Some(Goal::Ratio(ratio)) => Some((self.model.file_bytes() as f64 / ratio) as u64),
            Some(Goal::Bytes(bytes)) => Some(bytes),
            Some(Goal::SignalToNoise(_) | Goal::Lossless) => None,
            None => {
                let limit = of_weights(DEFAULT_BITS);
                if fixed > limit / 2 {
                    let note = format!(
                        "{DEFAULT_BITS} bits a weight with all bytes counted: all but the weights takes {fixed} bytes, so they are \
                         {DEFAULT_BITS} bits for the weights alone"
                    );
                    return Budget { limit: Some(limit + fixed), note: Some(note) };
                }
                Some(limit)
            }
        };
        Budget { limit, note: None }
    }

    /// The goal in words.
    fn words(&self) -> String {
        self.goal.unwrap_or_default().to_string()
    }

    /// The step of each tensor; `fixed` bytes are spent on all but those that share a step.
    pub(super) fn steps(&self, roles: &[Role], limit: Option<u64>, fixed: u64) -> Result<Vec<f64>, Error> {
        let out_of_reach = |error: mixpress_quantize::Error| match error {
            mixpress_quantize::Error::OutOfReach { nearest, .. } => {
                let nearest = match self.goal {
                    Some(Goal::SignalToNoise(_)) => format!("{nearest:.1} dB"),
                    _ => format!("{nearest:.0} bytes"),
                };
                Error::OutOfReach { goal: self.words(), nearest }
            }
            error => error.into(),
        };
        let mut steps = vec![1.0; roles.len()];
        let mut shared = Vec::new();
        let (mut own_bytes, mut own_distortion, mut own_energy) = (0.0, 0.0, 0.0);
        for (number, (tensor, role)) in self.model.tensors().iter().zip(roles).enumerate() {
            let Role::Weights { profile, own_bits } = role else { continue };
            let source = self.source(tensor, profile);
            if let Some(bits) = own_bits {
                let point = find_step(&[source], Target::BitsPerWeight(*bits)).map_err(|error| match error {
                    mixpress_quantize::Error::OutOfReach { nearest, .. } => Error::OutOfReach {
                        goal: format!("at most {bits} bits a weight of {}", tensor.name()),
                        nearest: format!("{nearest:.3} bits a weight"),
                    },
                    error => error.into(),
                })?;
                steps[number] = point.step;
                own_bytes += point.rate / 8.0;
                own_distortion += point.distortion;
                own_energy += point.energy;
            } else {
                shared.push((number, source));
            }
        }
        if shared.is_empty() {
            return Ok(steps);
        }
        let fixed = fixed + own_bytes.ceil() as u64;
        let sources: Vec<Source<'_>> = shared.iter().map(|shared| shared.1).collect();
        let target = match (self.goal, limit) {
            (_, Some(total)) => Target::Bytes { total, fixed },
            (Some(Goal::SignalToNoise(ratio)), None) => {
                let energy: f64 = sources.iter().map(|source| source.profile.sum_of_squares()).sum();
                let allowed = (energy + own_energy) / 10_f64.powf(ratio / 10.0) - own_distortion;
                // What is left of the error may be none at all: then no step is fine enough.
                Target::SignalToNoise(10.0 * (energy / allowed.max(f64::MIN_POSITIVE)).log10())
            }
            _ => return Ok(steps),
        };
        let step = find_step(&sources, target).map_err(out_of_reach)?.step;
        for (number, _) in shared {
            steps[number] = step;
        }
        Ok(steps)
    }
}
