//! A tensor's quantiser at one step: which codebook, and which weights go to which of its values.

use half::f16;
use mixpress_codebook::Codebook;

use super::partition::{Lagrangian, Partition};
use super::profile::Profile;
use super::table;
use crate::Stored;

/// Bits that distortion is traded for: `lambda = MULTIPLIER · step²`.
///
/// At high rate `D = step² / 12` and `D ∝ 2^(-2R)`, so `-dD/dR = 2 ln 2 · step² / 12 = 0.1155 step²`.
pub(super) const MULTIPLIER: f64 = 0.1155;

/// Rounds of the design. At 3 bits a weight and more one is enough; below one bit later ones save a percent.
const ROUNDS: usize = 4;

/// The most levels that static coding takes.
const MOST_LEVELS: usize = 1 << 10;

/// The largest number of steps on a grid of so many levels.
const REACH: f64 = 511.0;

/// At the finest step a share of `1 / TAIL` of the weights that are not zero, or [`FAR`] weights, are beyond [`FINEST`]
/// steps.
const TAIL: f64 = 64.0;
const FAR: f64 = 64.0;
const FINEST: f64 = 400.0;

/// Levels may begin at all distinct values where there are so few, or each occurs so often on average.
const FEW: usize = 64;
const REPEATED: usize = 4;

/// A step of this times the largest magnitude is finer than the significand of any type.
const EXACT: f64 = 1e-9;

/// A quantiser of one tensor: a codebook, and for each weight which of its values has the least Lagrangian cost.
///
/// Weight `w` goes to the value `v` with the least `(w - v)² + λ · bits(v)`: *entropy-constrained scalar quantisation*.
/// What `bits` are follows from how many weights go to each value, which the tensor's [`Profile`] tells.
#[derive(Clone, Debug, PartialEq)]
pub struct ScalarQuantizer {
    pub(super) codebook: Codebook,
    /// The values in use, ascending, and their indices in the codebook.
    pub(super) values: Vec<f32>,
    pub(super) indices: Vec<u16>,
    /// Where the intervals of the values but the first begin.
    pub(super) cuts: Vec<f64>,
    pub(super) bits: Vec<f64>,
    pub(super) lambda: f64,
    rate: f64,
    distortion: f64,
}

impl ScalarQuantizer {
    /// The quantiser of least cost for a tensor at a step, its values exact in the type in which the tensor will be
    /// restored.
    ///
    /// A step finer than 1024 levels can serve is taken as the finest one.
    ///
    /// # Panics
    /// If the step is not positive and finite.
    #[must_use]
    #[track_caller]
    pub fn new(profile: &Profile, step: f64, stored: Stored) -> Self {
        assert!(step > 0.0 && step.is_finite(), "a step must be positive and finite, not {step}");
        let step = step.max(finest_step(profile));
        let lambda = MULTIPLIER * step * step;
        let mut candidates = Vec::new();
        let starts = starting_levels(profile, step);
        candidates.extend(grid_step(profile, step, stored).and_then(|step| grid(profile, lambda, step, stored)));
        for stored in list_types(profile, step, stored) {
            candidates.push(list(profile, lambda, &starts, stored));
        }
        // Where most weights have a value of their own, the others begin as well, and sooner.
        let repeated = |points: &&[f32]| points.len() <= FEW || REPEATED * points.len() <= profile.len();
        if let Some(points) = profile.distinct().filter(repeated) {
            let points: Vec<f64> = points.iter().map(|&point| f64::from(point)).collect();
            candidates.push(list(profile, lambda, &points, stored));
        }
        let cost = |candidate: &Self| candidate.distortion + lambda * candidate.rate;
        candidates.into_iter().min_by(|a, b| cost(a).total_cmp(&cost(b))).expect("a list can always be had")
    }

    /// The codebook.
    #[must_use]
    pub fn codebook(&self) -> &Codebook {
        &self.codebook
    }

    /// Squared error that a bit is worth.
    #[must_use]
    pub fn lambda(&self) -> f64 {
        self.lambda
    }

    /// The values in use with the bits that each is taken to cost, ascending.
    pub fn levels(&self) -> impl Iterator<Item = (f32, f64)> {
        self.values.iter().copied().zip(self.bits.iter().copied())
    }

    /// Bits of the tensor in a file, estimated: indices, table and codebook.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// The squared error of all weights together, estimated.
    #[must_use]
    pub fn distortion(&self) -> f64 {
        self.distortion
    }

    fn of(partition: &Partition, codebook: Codebook, indices: Vec<u16>, lambda: f64) -> Self {
        let mut counts = vec![0.0; codebook.len()];
        for (&index, count) in indices.iter().zip(partition.counts()) {
            counts[usize::from(index)] = count;
        }
        Self {
            rate: table::stream_bits(&counts) + table::codebook_bits(&codebook),
            distortion: partition.squared_error(),
            codebook,
            values: partition.levels.iter().map(|&level| level as f32 + 0.0).collect(),
            indices,
            cuts: partition.cuts[1..partition.levels.len().max(1)].to_vec(),
            bits: partition.bits.clone(),
            lambda,
        }
    }
}

/// The types that the values of a list may have: half precision for single where its values are as good as any.
fn list_types(profile: &Profile, step: f64, stored: Stored) -> Vec<Stored> {
    let (low, high) = profile.range();
    let largest = low.abs().max(high.abs());
    match stored {
        Stored::F32 if largest > f16::MAX.to_f64() || step < f16::MIN_POSITIVE.to_f64() => vec![Stored::F32],
        Stored::F32 if largest > 2.0 * REACH * step => vec![Stored::F16, Stored::F32],
        Stored::F32 => vec![Stored::F16],
        other => vec![other],
    }
}

/// The finest step that 1024 levels serve. Few weights far away do not count, they can have levels of their own; so can
/// all values where there are few.
pub(super) fn finest_step(profile: &Profile) -> f64 {
    let (low, high) = profile.range();
    let step = match profile.distinct() {
        Some(_) => low.abs().max(high.abs()) * EXACT,
        None => profile.magnitude_exceeded_by(((profile.len() - profile.zeros()) as f64 / TAIL).max(FAR)) / FINEST,
    };
    step.max(f64::MIN_POSITIVE)
}

/// Multiples of the step as far as a grid reaches, and the means of the bins beyond.
fn starting_levels(profile: &Profile, step: f64) -> Vec<f64> {
    let (low, high) = profile.range();
    let [from, to] = [low, high].map(|end| (end / step).round().clamp(-REACH, REACH) as i64);
    let limit = (REACH + 0.5) * step;
    let mut levels: Vec<f64> = profile.means(f64::NEG_INFINITY, -limit).collect();
    levels.extend((from..=to).map(|k| k as f64 * step));
    levels.extend(profile.means(limit, f64::INFINITY));
    levels
}

/// The step of a grid all of whose values are exact, near to the given one; none if there is no such.
fn grid_step(profile: &Profile, step: f64, stored: Stored) -> Option<f64> {
    let (low, high) = profile.range();
    let most = (low.abs().max(high.abs()) / step).round().max(1.0);
    let significant = match stored {
        Stored::F32 => 11,
        // A multiple up to `most` has as many more significant bits as `most` has.
        Stored::F16 => 10 - most.log2().min(64.0) as i32,
        Stored::BF16 => 7 - most.log2().min(64.0) as i32,
    };
    if most > REACH || significant < 1 {
        return None;
    }
    let unit = (step.log2().floor() as i32 + 1 - significant).clamp(-1000, 1000);
    let rounded = (step / 2.0_f64.powi(unit)).round() * 2.0_f64.powi(unit);
    let half = f16::from_f64(rounded).to_f64();
    (half > 0.0 && half.is_finite() && (half / step - 1.0).abs() < 0.1).then_some(half)
}

/// The quantiser on a grid; none if one of its values is not exact.
fn grid(profile: &Profile, lambda: f64, step: f64, stored: Stored) -> Option<ScalarQuantizer> {
    let snap = |value: f64| (value / step).round() * step;
    let problem = Lagrangian { profile, lambda, level_bits: table::entry_bits(1), snap: &snap, most: MOST_LEVELS - 1 };
    let partition = Partition::optimized(&problem, &starting_levels(profile, step), ROUNDS);
    let steps: Vec<i32> = partition.levels.iter().map(|level| (level / step).round() as i32).collect();
    let reach = steps.iter().map(|k| k.unsigned_abs()).max().unwrap_or(0);
    if f64::from(reach) > REACH || partition.levels.iter().any(|&level| !stored.holds(level)) {
        return None;
    }
    // 2^(bits-1) - 1 is the largest multiple.
    let bits = (reach + 1).next_power_of_two().trailing_zeros().max(1) + 1;
    let half = (1_i32 << (bits - 1)) - 1;
    let indices = steps.iter().map(|k| (k + half) as u16).collect();
    let codebook = Codebook::Grid { step: step as f32, bits: bits as u8 };
    Some(ScalarQuantizer::of(&partition, codebook, indices, lambda))
}

/// The quantiser whose values are the means of their weights.
fn list(profile: &Profile, lambda: f64, levels: &[f64], stored: Stored) -> ScalarQuantizer {
    let snap = |value: f64| stored.nearest(value);
    let mut starts: Vec<f64> = levels.iter().map(|&level| snap(level)).collect();
    starts.dedup();
    if starts.is_empty() {
        starts.push(0.0);
    }
    let level_bits = table::entry_bits(1) + table::value_bits(stored);
    let problem = Lagrangian { profile, lambda, level_bits, snap: &snap, most: MOST_LEVELS };
    let mut partition = Partition::optimized(&problem, &starts, ROUNDS);
    if partition.levels.is_empty() {
        partition.levels.push(0.0);
    }
    let values = partition.levels.iter().map(|&level| level as f32).collect();
    let indices = (0..partition.levels.len()).map(|index| index as u16).collect();
    ScalarQuantizer::of(&partition, Codebook::Values(values), indices, lambda)
}
