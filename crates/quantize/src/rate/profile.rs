//! What a quantiser must know of a tensor's weights: a histogram with moments, from which any step's rate and
//! distortion follow.
//!
//! The bits of a float, made to ascend with its value, are a key. Its upper half names a bin: sign, exponent and seven
//! bits of the significand, so that a bin is at most 1/128 of its values wide, whatever their scale and however long
//! the tails. In a bin keys are equally spaced values, and the sums of their lower halves and of these squared are
//! whole numbers, exact within a chunk of the weights; chunks are added in their order, so that the result does not
//! depend on how they were divided among threads. Between its ends a bin's weights are taken as spread evenly over the
//! interval that has their mean and variance; all equal, they are a point.

use std::collections::HashMap;

use rayon::prelude::*;

use super::moments::Moments;
use crate::{Error, error::all_finite};

/// Values that are told apart exactly where a tensor has no more: as many as static coding takes.
pub(super) const MOST_DISTINCT: usize = 1 << 10;

/// Weights of a chunk. Sums of their keys' lower halves, squared, stay below 2^52.
const CHUNK: usize = 1 << 20;

/// The least of all floats over the largest, or less.
const FLOATS: f64 = 1e-84;

/// Weights from which one can tell, as a rule, that there are many distinct ones.
const SAMPLE: usize = 4 * MOST_DISTINCT;

/// A compact description of a tensor's weights for rate and distortion at any step.
///
/// It takes one pass over the weights, and 65536 entries at most, as a rule some thousands.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    len: usize,
    zeros: usize,
    /// The supports of the bins that have weights, ascending and disjoint.
    bins: Vec<Support>,
    /// The moments of the weights from zero up to each bin; of those between it and zero, with a minus, below zero. So
    /// small weights lose no digits to large ones.
    before: Vec<Moments>,
    /// All values, ascending, where there are at most [`MOST_DISTINCT`].
    distinct: Option<Vec<f32>>,
}

/// The interval over which the weights of a bin are spread.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Support {
    low: f64,
    high: f64,
}

impl Profile {
    /// The profile of some weights.
    ///
    /// # Errors
    /// [`Error::NotFinite`] naming the first weight that is NaN or infinite.
    pub fn new(weights: &[f32]) -> Result<Self, Error> {
        let (bins, distinct) = match distinct(weights) {
            Some(points) => {
                all_finite(weights)?;
                let point = |&(value, count): &(f32, u64)| {
                    let low = f64::from(value);
                    (Support { low, high: low }, Moments::uniform(count as f64, low, low))
                };
                (points.iter().map(point).collect(), Some(points.iter().map(|point| point.0).collect()))
            }
            None => (histogram(weights)?, None),
        };
        let zeros = weights.par_chunks(CHUNK).map(|chunk| chunk.iter().filter(|&&w| w == 0.0).count()).sum();
        Ok(Self::of_bins(weights.len(), zeros, &bins, distinct))
    }

    fn of_bins(len: usize, zeros: usize, bins: &[(Support, Moments)], distinct: Option<Vec<f32>>) -> Self {
        let middle = bins.partition_point(|(support, _)| support.high < 0.0);
        let mut before = vec![Moments::default(); bins.len() + 1];
        for at in middle..bins.len() {
            before[at + 1] = before[at] + bins[at].1;
        }
        for at in (0..middle).rev() {
            before[at] = before[at + 1] - bins[at].1;
        }
        Self { len, zeros, bins: bins.iter().map(|bin| bin.0).collect(), before, distinct }
    }

    /// Number of weights.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no weights.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of weights that are exactly zero.
    #[must_use]
    pub fn zeros(&self) -> usize {
        self.zeros
    }

    /// The sum of the squared weights.
    #[must_use]
    pub fn sum_of_squares(&self) -> f64 {
        self.between(f64::NEG_INFINITY, f64::INFINITY).second
    }

    /// The least and the largest weight, to within the width of a bin; zeros where there are none.
    pub(super) fn range(&self) -> (f64, f64) {
        match (self.bins.first(), self.bins.last()) {
            (Some(first), Some(last)) => (first.low, last.high),
            _ => (0.0, 0.0),
        }
    }

    /// Number of different values, where there are at most 1024.
    #[must_use]
    pub fn values(&self) -> Option<usize> {
        self.distinct().map(<[f32]>::len)
    }

    /// All values, ascending, where there are at most [`MOST_DISTINCT`].
    pub(super) fn distinct(&self) -> Option<&[f32]> {
        self.distinct.as_deref()
    }

    /// The means of the bins that are wholly in `low..high`.
    pub(super) fn means(&self, low: f64, high: f64) -> impl Iterator<Item = f64> {
        let from = self.bins.partition_point(|bin| bin.low < low);
        let to = self.bins.partition_point(|bin| bin.high < high).max(from);
        self.bins[from..to].iter().map(|bin| 0.5 * (bin.low + bin.high))
    }

    /// A magnitude that at most `count` weights exceed, about.
    pub(super) fn magnitude_exceeded_by(&self, count: f64) -> f64 {
        let (low, high) = self.range();
        let mut outside = low.abs().max(high.abs());
        // Beside one number near the end of a float's range all others may be as small as floats are.
        let mut inside = outside * FLOATS;
        if self.exceeding(inside) <= count {
            return inside;
        }
        // Of magnitudes, not of their range: the scale of the weights is not known.
        while outside / inside > 1.01 {
            let middle = (inside * outside).sqrt();
            if self.exceeding(middle) > count {
                inside = middle;
            } else {
                outside = middle;
            }
        }
        outside
    }

    fn exceeding(&self, magnitude: f64) -> f64 {
        self.len as f64 - self.between(-magnitude, magnitude).count
    }

    /// The moments of the weights from `low` up to, and without, `high`.
    pub(super) fn between(&self, low: f64, high: f64) -> Moments {
        self.below(high) - self.below(low)
    }

    /// The moments of the weights below `limit`, less those of all below zero. Only differences have a meaning.
    pub(super) fn below(&self, limit: f64) -> Moments {
        let at = self.bins.partition_point(|bin| bin.high < limit);
        let before = self.before[at];
        match self.bins.get(at) {
            Some(bin) if bin.low < limit => {
                let all = self.before[at + 1].count - before.count;
                before + Moments::uniform(all * (limit - bin.low) / (bin.high - bin.low), bin.low, limit)
            }
            _ => before,
        }
    }
}

/// Values and how many weights have each, ascending, where there are at most [`MOST_DISTINCT`]. Both zeros are one.
fn distinct(weights: &[f32]) -> Option<Vec<(f32, u64)>> {
    let count = |weights: &[f32]| {
        let mut counts: HashMap<u32, u64> = HashMap::new();
        for &weight in weights {
            *counts.entry(key(weight)).or_default() += 1;
            if counts.len() > MOST_DISTINCT {
                return None;
            }
        }
        Some(counts)
    };
    count(&weights[..weights.len().min(SAMPLE)])?;
    let mut all: HashMap<u32, u64> = HashMap::new();
    for counts in weights.par_chunks(CHUNK).map(count).collect::<Option<Vec<_>>>()? {
        for (key, count) in counts {
            *all.entry(key).or_default() += count;
        }
    }
    let mut all: Vec<(u32, u64)> = all.into_iter().collect();
    all.sort_unstable();
    (all.len() <= MOST_DISTINCT).then(|| all.iter().map(|&(key, count)| (value(key), count)).collect())
}

/// What is in one bin: the number of its weights, the sum of the lower halves of their keys, and of these squared.
#[derive(Clone, Copy, Default)]
struct Sums {
    count: u64,
    first: u64,
    second: u64,
}

/// The bins that have weights, ascending.
fn histogram(weights: &[f32]) -> Result<Vec<(Support, Moments)>, Error> {
    let count = |weights: &[f32]| {
        let mut sums = vec![Sums::default(); 1 << 16];
        for &weight in weights {
            let key = key(weight);
            let offset = u64::from(key & 0xFFFF);
            let bin = &mut sums[(key >> 16) as usize];
            bin.count += 1;
            bin.first += offset;
            bin.second += offset * offset;
        }
        let filled = sums.iter().enumerate().filter(|(_, sums)| sums.count > 0);
        filled.map(|(bin, &sums)| (bin as u32, sums)).collect::<Vec<_>>()
    };
    let chunks: Vec<Vec<(u32, Sums)>> = weights.par_chunks(CHUNK).map(count).collect();
    let mut all = vec![[0.0_f64; 3]; 1 << 16];
    for &(bin, sums) in chunks.iter().flatten() {
        let all = &mut all[bin as usize];
        all[0] += sums.count as f64;
        all[1] += sums.first as f64;
        all[2] += sums.second as f64;
    }
    let infinite = [f32::NEG_INFINITY, f32::INFINITY].map(|limit| (key(limit) >> 16) as usize);
    if (0..all.len()).any(|bin| all[bin][0] > 0.0 && (bin <= infinite[0] || bin >= infinite[1])) {
        all_finite(weights)?;
    }
    let filled = all.iter().enumerate().filter(|(_, sums)| sums[0] > 0.0);
    Ok(filled.map(|(bin, sums)| of_bin((bin as u32) << 16, *sums)).collect())
}

/// The support and the moments of the weights whose keys begin as `first`, from the sums of the keys' lower halves.
fn of_bin(first: u32, [count, sum, squares]: [f64; 3]) -> (Support, Moments) {
    let ends = [first, first | 0xFFFF].map(|key| f64::from(value(key)));
    let spacing = (ends[1] - ends[0]) / f64::from(0xFFFF_u32);
    let offset = sum / count;
    let variance = squares / count - offset * offset;
    // Whole numbers differ by one: a smaller variance is rounding.
    let deviation = if variance * count > 0.25 { variance.max(0.0).sqrt() } else { 0.0 };
    let mean = ends[0] + spacing * offset;
    let reach = 3.0_f64.sqrt() * spacing * deviation;
    let support = Support { low: (mean - reach).max(ends[0]), high: (mean + reach).min(ends[1]) };
    let second = count * (mean * mean + (spacing * deviation).powi(2));
    (support, Moments { count, first: count * mean, second })
}

/// A number that ascends with the value. Both zeros have the same.
#[inline]
fn key(value: f32) -> u32 {
    let bits = (value + 0.0).to_bits();
    bits ^ ((bits.cast_signed() >> 31).cast_unsigned() | 1 << 31)
}

/// The value of a key.
fn value(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key ^ 1 << 31 } else { !key })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expected(weights: &[f32], low: f64, high: f64) -> Moments {
        let inside = weights.iter().map(|&w| f64::from(w)).filter(|&w| w >= low && w < high);
        inside.fold(Moments::default(), |sum, w| sum + Moments::uniform(1.0, w, w))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn few_values_are_told_exactly(
            weights in prop::collection::vec(-8_i8..8, 0..500), low in -9.0..9.0_f64, width in 0.0..9.0_f64,
        ) {
            let weights: Vec<f32> = weights.into_iter().map(|w| f32::from(w) * 0.5).collect();
            let profile = Profile::new(&weights).unwrap();
            prop_assert_eq!(profile.between(low, low + width), expected(&weights, low, low + width));
            prop_assert_eq!(profile.zeros(), weights.iter().filter(|&&w| w == 0.0).count());
            prop_assert_eq!(profile.distinct().map(<[f32]>::len), Some(profile.means(-9.0, 9.0).count()));
        }

        #[test]
        fn many_are_told_to_within_the_bins_at_the_ends(
            weights in prop::collection::vec(prop_oneof![-1.0..1.0_f32, -1e-3..1e-3_f32, -1e3..1e3_f32], 3000..5000),
            low in -1.5..1.5_f64, width in 0.0..2.0_f64,
        ) {
            let profile = Profile::new(&weights).unwrap();
            let (all, got) = (expected(&weights, -1e4, 1e4), profile.between(low, low + width));
            prop_assert!((profile.sum_of_squares() / all.second - 1.0).abs() < 1e-12);
            // Bins are 1/128 of their values wide at most.
            let near = |limit: f64| expected(&weights, limit - limit.abs() / 64.0, limit + limit.abs() / 64.0).count;
            let off = (got.count - expected(&weights, low, low + width).count).abs();
            prop_assert!(off <= near(low) + near(low + width) + 1e-9, "{} weights", off);
        }
    }

    #[test]
    fn few_weights_far_away_do_not_hide_where_the_others_are() {
        let weights: Vec<f32> = (1..=5000).map(|i| i as f32 * 1e-5).chain([1e9]).collect();
        let profile = Profile::new(&weights).unwrap();
        assert!(profile.distinct().is_none());
        assert!((profile.magnitude_exceeded_by(10.0) / 0.05 - 1.0).abs() < 0.02);
        assert!(profile.magnitude_exceeded_by(0.0) >= 1e9);
        assert!(profile.magnitude_exceeded_by(1e4) < 1e-6);
    }
}
