//! From what is asked to the step of each tensor.

use std::collections::BTreeMap;

use mixpress_interchange::SourceTensor;
use mixpress_quantize::{OperatingPoint, Source, Target, find_step, find_step_near};

use super::compressor::ModelCompressor;
use super::goal::{DEFAULT_BITS, Distortion, Goal};
use super::outcome::{ModelOutcome, ratio_db};
use super::payload;
use super::plan::{Role, entries};
use crate::Error;

/// Lengths that are tried to find one that fits its goal. The first misses by what some coder does better than expected.
const ATTEMPTS: usize = 8;
/// And as long as none does, which is where the rate jumps.
const MOST_ATTEMPTS: usize = 20;
/// The share of a goal that may be left unused.
const UNUSED: f64 = 5e-4;
/// The most bytes that are asked for: beyond them nothing is limited.
const MOST_BYTES: u64 = i64::MAX as u64 / 2;

/// What a file is to reach: what is asked for, and a little more where a file has missed that.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Aim {
    /// The most bytes.
    limit: Option<u64>,
    /// Bytes that are spent on all but the weights.
    besides: u64,
    /// The least signal-to-noise ratio in dB.
    ratio: Option<f64>,
    /// The most bits a weight, by the numbers of tensors that a rule gives bits of their own.
    own: BTreeMap<usize, f64>,
    /// A step near which one is looked for.
    near: Option<f64>,
}

impl Aim {
    /// Aims higher where a file missed what was asked, and tells what it missed, a sentence each.
    pub(super) fn tighten(&mut self, asked: &Self, file: &ModelOutcome) -> Vec<String> {
        let mut missed = Vec::new();
        if let Some(limit) = asked.limit.filter(|&limit| file.file_bytes > limit) {
            self.besides += file.file_bytes - limit + 4;
            missed.push(format!("at most {limit} bytes: the file has {}", file.file_bytes));
        }
        if let Some(ratio) = asked.ratio.filter(|&ratio| file.snr_db < ratio) {
            self.ratio = self.ratio.map(|aim| aim + (ratio - file.snr_db) + 1e-3);
            missed.push(format!("at least {ratio} dB: the file has {:.4}", file.snr_db));
        }
        for (&number, &bits) in &asked.own {
            let tensor = &file.tensors[number];
            if tensor.is_compressed() && tensor.bits > bits {
                let aim = self.own.entry(number).or_insert(bits);
                *aim = (*aim - (tensor.bits - bits) - 1e-3).max(*aim / 2.0);
                missed.push(format!("at most {bits} bits a weight of {}: it has {:.4}", tensor.name, tensor.bits));
            }
        }
        missed
    }
}

/// The tensors of a model as the search sees them.
pub(super) struct Parts<'r> {
    /// The step of each tensor with bits of its own; 1 for others.
    steps: Vec<f64>,
    /// The number of each tensor that shares a step with the others, and what the search takes.
    pub(super) shared: Vec<(usize, Source<'r>)>,
    /// Rate, distortion and energy of all with bits of their own.
    own: OperatingPoint,
}

impl Parts<'_> {
    /// The step of each tensor, where this is the shared one.
    pub(super) fn with(&self, shared: f64) -> Vec<f64> {
        let mut out = self.steps.clone();
        self.shared.iter().for_each(|(number, _)| out[*number] = shared);
        out
    }
}

/// A tensor as the search takes it; nothing for one that is kept.
pub(super) fn source<'p>(tensor: &SourceTensor, role: &'p Role) -> Option<Source<'p>> {
    let Role::Weights { profile, sensitivity, matrix, .. } = role else { return None };
    let (stored, trellis) = (payload::stored(tensor.element()), matrix.as_ref().map(|matrix| &matrix.estimate));
    Some(Source { profile, sensitivity: *sensitivity, stored, trellis })
}

impl ModelCompressor<'_> {
    /// Says how much each tensor's squared error counts, and tells what had to be assumed for that.
    pub(super) fn count_errors(&self, roles: &mut [Role]) -> Result<Vec<String>, Error> {
        if let Some(sensitivities) = &self.sensitivities {
            return sensitivities.apply(&self.model, roles);
        }
        let is_total = match self.distortion {
            Some(distortion) => distortion == Distortion::Total,
            None => matches!(self.goal, Some(Goal::SignalToNoise(_))),
        };
        for role in roles {
            if let Role::Weights { profile, sensitivity, .. } = role {
                let mean_square = profile.sum_of_squares() / profile.len() as f64;
                *sensitivity = if is_total || mean_square < f64::MIN_POSITIVE { 1.0 } else { mean_square.recip() };
            }
        }
        Ok(Vec::new())
    }

    /// What is asked for, where `fixed` bytes are spent on all but weights; and what has to be said of that.
    pub(super) fn aim(&self, roles: &[Role], fixed: u64) -> (Aim, Option<String>) {
        let weights: u64 = (self.model.tensors().iter().zip(roles))
            .filter(|(_, role)| matches!(role, Role::Weights { .. }))
            .map(|(tensor, _)| entries(tensor.element(), tensor.bytes()))
            .sum();
        let of_weights = |bits: f64| (bits * weights as f64 / 8.0) as u64;
        let mut note = None;
        let limit = match self.goal {
            // Without weights to compress there is nothing to limit.
            Some(Goal::BitsPerWeight(_)) | None if weights == 0 => None,
            Some(Goal::BitsPerWeight(bits)) => Some(of_weights(bits)),
            Some(Goal::Ratio(ratio)) => Some((self.model.file_bytes() as f64 / ratio) as u64),
            Some(Goal::Bytes(bytes)) => Some(bytes),
            Some(Goal::SignalToNoise(_) | Goal::OutputError(_) | Goal::Lossless) => None,
            None if fixed > of_weights(DEFAULT_BITS) / 2 => {
                note = Some(format!(
                    "{DEFAULT_BITS} bits a weight with all bytes counted: all but the weights takes {fixed} bytes, so they are \
                     {DEFAULT_BITS} bits for the weights alone"
                ));
                Some(of_weights(DEFAULT_BITS) + fixed)
            }
            None => Some(of_weights(DEFAULT_BITS)),
        };
        let ratio = if let Some(Goal::SignalToNoise(ratio)) = self.goal { Some(ratio) } else { None };
        let own = (roles.iter().enumerate()).filter_map(|(number, role)| match role {
            Role::Weights { own_bits: Some(bits), .. } => Some((number, *bits)),
            _ => None,
        });
        let limit = limit.map(|limit| limit.min(MOST_BYTES));
        (Aim { limit, besides: fixed, ratio, own: own.collect(), near: None }, note)
    }

    /// The goal in words.
    pub(super) fn words(&self) -> String {
        self.goal.unwrap_or_default().to_string()
    }

    /// The tensors with bits of their own, and those that share a step.
    pub(super) fn parts<'r>(&self, roles: &'r [Role], aim: &Aim) -> Result<Parts<'r>, Error> {
        let mut out = Parts { steps: vec![1.0; roles.len()], shared: Vec::new(), own: OperatingPoint::at(&[], 1.0) };
        for (number, (tensor, role)) in self.model.tensors().iter().zip(roles).enumerate() {
            let Some(source) = source(tensor, role) else { continue };
            let Some(&bits) = aim.own.get(&number) else {
                out.shared.push((number, source));
                continue;
            };
            let point = find_step(&[source], Target::BitsPerWeight(bits)).map_err(|error| match error {
                mixpress_quantize::Error::OutOfReach { nearest, .. } => Error::OutOfReach {
                    goal: format!("at most {bits} bits a weight of {}", tensor.name()),
                    nearest: format!("{nearest:.3} bits a weight"),
                },
                error => error.into(),
            })?;
            out.steps[number] = point.step;
            out.own.rate += point.rate;
            out.own.distortion += point.distortion;
            out.own.energy += point.energy;
        }
        Ok(out)
    }

    /// The step of each tensor, as estimated.
    pub(super) fn steps(&self, parts: &Parts<'_>, aim: &mut Aim) -> Result<Vec<f64>, Error> {
        let out_of_reach = |error: mixpress_quantize::Error| match error {
            mixpress_quantize::Error::OutOfReach { nearest, .. } => {
                let nearest = match self.goal {
                    Some(Goal::SignalToNoise(_)) => {
                        let shared: f64 = parts.shared.iter().map(|shared| shared.1.profile.sum_of_squares()).sum();
                        let noise = shared / 10_f64.powf(nearest / 10.0) + parts.own.distortion;
                        format!("{:.1} dB", ratio_db(shared + parts.own.energy, noise))
                    }
                    _ => format!("{nearest:.0} bytes"),
                };
                Error::OutOfReach { goal: self.words(), nearest }
            }
            error => error.into(),
        };
        let sources: Vec<Source<'_>> = parts.shared.iter().map(|shared| shared.1).collect();
        let own = &parts.own;
        let target = match (aim.limit, aim.ratio) {
            _ if sources.is_empty() => return Ok(parts.steps.clone()),
            (Some(total), _) => Target::Bytes { total, fixed: aim.besides + (own.rate / 8.0).ceil() as u64 },
            (None, Some(ratio)) => {
                let energy: f64 = sources.iter().map(|source| source.profile.sum_of_squares()).sum();
                let allowed = (energy + own.energy) / 10_f64.powf(ratio / 10.0) - own.distortion;
                // What is left of the error may be none at all: then no step is fine enough.
                Target::SignalToNoise(10.0 * (energy / allowed.max(f64::MIN_POSITIVE)).log10())
            }
            (None, None) => return Ok(parts.steps.clone()),
        };
        let step = find_step_near(&sources, target, aim.near).map_err(out_of_reach)?.step;
        aim.near = Some(step);
        Ok(parts.with(step))
    }

    /// The step of each tensor: of the lengths that fit the goal, the first that leaves little of it unused, or the largest.
    pub(super) fn fitting_steps(&self, roles: &[Role], aim: &mut Aim) -> Result<Vec<f64>, Error> {
        let parts = self.parts(roles, aim)?;
        let Some(limit) = aim.limit else { return self.steps(&parts, aim) };
        // What the search has to be told that it spends besides, so that whole files come out as long as they may be.
        let mut told = aim.clone();
        let mut besides = aim.besides as i64;
        let mut best: Option<(i64, Vec<f64>)> = None;
        let mut shortest = u64::MAX;
        let mut tried = Vec::new();
        let mut jump = 8 + limit as i64 / 2000;
        for attempt in 0.. {
            if attempt >= ATTEMPTS && (best.is_some() || attempt >= MOST_ATTEMPTS) {
                break;
            }
            // Where files are shorter than estimated by more than all else takes, the search is allowed more than there is.
            told.besides = besides.max(0) as u64;
            told.limit = Some(limit.saturating_add((-besides).max(0) as u64));
            let steps = self.steps(&parts, &mut told)?;
            if tried.contains(&steps) {
                if best.is_some() {
                    break;
                }
                // The rate jumps here; the other side of the jump fits, however far it is.
                besides += jump;
                jump *= 2;
                continue;
            }
            let length = aim.besides + self.weights_bytes(roles, &steps)?;
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
        aim.near = told.near;
        let nearest = || Error::OutOfReach { goal: self.words(), nearest: format!("{shortest} bytes") };
        Ok(best.ok_or_else(nearest)?.1)
    }
}
