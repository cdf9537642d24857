//! The histogram's bins: narrow where weights are dense, and as quickly found as equal ones.
//!
//! The bits of a float, made to ascend with its value, are a key. Its upper half names a *block*: sign, exponent and
//! seven bits of the significand, so that keys in a block are equally spaced values. A block is divided into a power of
//! two of equal bins, and a weight's bin is found by one look at its block and a shift, in whole numbers: a weight is
//! in its bin exactly. A first pass over the weights weighs the blocks, and a block of importance `m` and width `w`
//! gets bins in proportion to `(m w²)^(1/3)`, which makes the spread within bins least (Panter and Dite 1951), whatever
//! the scale and however long the tails.
//!
//! Bins of interest can be [divided](Parts) further by one more pass.

use rayon::prelude::*;

use super::{BINS, Weights, share_out};
use crate::optimal::Cell;

/// Bins for each weight of a block, at most.
const MOST_EACH: f64 = 4.0;

/// Bits of a key that tell values in a block apart.
const BLOCK_BITS: u32 = 16;

/// A number that ascends with the value. Both zeros have the same.
#[inline]
pub(super) fn key(value: f32) -> u32 {
    let bits = (value + 0.0).to_bits();
    bits ^ ((bits.cast_signed() >> 31).cast_unsigned() | 1 << 31)
}

/// The value of a key.
pub(super) fn value(key: u32) -> f64 {
    f64::from(f32::from_bits(if key >> 31 == 1 { key ^ 1 << 31 } else { !key }))
}

/// The distance of values in the block of a key.
fn spacing(key: u32) -> f64 {
    let start = key >> BLOCK_BITS << BLOCK_BITS;
    value(start + 1) - value(start)
}

/// The keys from `first` on that are the same but for `shift` bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bin {
    first: u32,
    shift: u32,
}

impl Bin {
    pub(super) fn width(self) -> f64 {
        f64::from(1_u32 << self.shift) * spacing(self.first)
    }

    /// The least and the largest value.
    pub(super) fn ends(self) -> (f64, f64) {
        (value(self.first), value(self.first + ((1 << self.shift) - 1)))
    }

    fn cell(self, sums: &Sums) -> Cell {
        if sums.importance <= 0.0 {
            return Cell::default();
        }
        let (spacing, mean) = (spacing(self.first), sums.first / sums.importance);
        let scatter = (sums.second - sums.first * mean).max(0.0);
        Cell {
            importance: sums.importance,
            mean: value(self.first) + spacing * mean,
            scatter: scatter * spacing * spacing,
        }
    }
}

/// Sums of importances, and of them times the first and second powers of the key's offset in its bin: these are small
/// whole numbers, so that little or nothing is rounded however narrow the bin is and however far from zero.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    importance: f64,
    first: f64,
    second: f64,
}

impl Sums {
    #[inline]
    fn count(&mut self, offset: u32, importance: f64) {
        let offset = f64::from(offset);
        self.importance += importance;
        self.first += importance * offset;
        self.second += importance * offset * offset;
    }
}

/// The bins of a block.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    /// Its first bin.
    first: u32,
    shift: u32,
}

/// A division of the line into bins.
pub(super) struct Bins {
    blocks: Vec<Block>,
    bins: Vec<Bin>,
}

impl Bins {
    /// About [`BINS`] bins, at most one more for each block that has weights; nothing if all importances are zero.
    pub(super) fn new(weights: Weights) -> Option<Self> {
        let loads = weigh(weights);
        let wish = |(block, load): (usize, &Load)| {
            let width = f64::from(1_u32 << BLOCK_BITS) * spacing((block as u32) << BLOCK_BITS);
            if load.importance > 0.0 { (load.importance * width * width).cbrt() } else { 0.0 }
        };
        let wishes: Vec<f64> = loads.iter().enumerate().map(wish).collect();
        // Else a few outliers, in blocks far wider than all others, would take all the bins.
        let limit = |load: &Load| (MOST_EACH * load.count).min(f64::from(1_u32 << BLOCK_BITS));
        let limits: Vec<f64> = loads.iter().map(limit).collect();
        let shares = share_out(&wishes, &limits, BINS as f64);
        let mut blocks = vec![Block::default(); shares.len()];
        let mut bins = Vec::with_capacity(2 * BINS);
        for (at, block) in blocks.iter_mut().enumerate().filter(|&(at, _)| loads[at].count > 0.0) {
            let shift = BLOCK_BITS - (shares[at] as u32).max(1).ilog2().min(BLOCK_BITS);
            *block = Block { first: bins.len() as u32, shift };
            let start = (at as u32) << BLOCK_BITS;
            bins.extend((0..1 << (BLOCK_BITS - shift)).map(|bin: u32| Bin { first: start + (bin << shift), shift }));
        }
        (!bins.is_empty()).then_some(Self { blocks, bins })
    }

    pub(super) fn len(&self) -> usize {
        self.bins.len()
    }

    pub(super) fn bin(&self, at: usize) -> Bin {
        self.bins[at]
    }

    /// The bin of a key, and the key's offset in it.
    #[inline]
    fn of(&self, key: u32) -> (usize, u32) {
        let block = self.blocks[(key >> BLOCK_BITS) as usize];
        let inside = key & ((1 << BLOCK_BITS) - 1);
        ((block.first + (inside >> block.shift)) as usize, inside & ((1 << block.shift) - 1))
    }

    /// The bin of a weight that has an importance.
    #[inline]
    pub(super) fn at(&self, value: f32) -> usize {
        self.of(key(value)).0
    }

    /// What is in each bin.
    pub(super) fn histogram(&self, weights: Weights) -> Vec<Cell> {
        let count = |weights: Weights| {
            let mut sums = vec![Sums::default(); self.len()];
            weights.for_each(|value, importance| {
                let (bin, offset) = self.of(key(value));
                sums[bin].count(offset, importance);
            });
            sums
        };
        let sums = in_order(weights, count);
        self.bins.iter().zip(&sums).map(|(bin, sums)| bin.cell(sums)).collect()
    }
}

/// What is in a block.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    importance: f64,
    /// The number of weights.
    count: f64,
}

/// What is in each block.
fn weigh(weights: Weights) -> Vec<Load> {
    let count = |weights: Weights| {
        let mut loads = vec![Load::default(); 1 << (32 - BLOCK_BITS)];
        weights.for_each(|value, importance| {
            let load = &mut loads[(key(value) >> BLOCK_BITS) as usize];
            load.importance += importance;
            load.count += 1.0;
        });
        loads
    };
    in_order(weights, count)
}

/// Some bins divided into equal parts.
pub(super) struct Parts<'a> {
    bins: &'a Bins,
    /// The first part of each bin, [`WHOLE`] if it is not divided.
    first: Vec<u32>,
    divided: Vec<Bin>,
}

/// Marks a bin that is not divided.
const WHOLE: u32 = u32::MAX;

impl<'a> Parts<'a> {
    /// Divides the bins that are marked, each into 2 to the power of `bits` or as many as it has values.
    pub(super) fn new(bins: &'a Bins, marked: &[bool], bits: u32) -> Self {
        let (mut first, mut divided) = (vec![WHOLE; bins.len()], Vec::new());
        for (at, bin) in bins.bins.iter().enumerate().filter(|&(at, bin)| marked[at] && bin.shift > 0) {
            first[at] = divided.len() as u32;
            let bits = bits.min(bin.shift);
            let shift = bin.shift - bits;
            divided.extend((0..1 << bits).map(|part: u32| Bin { first: bin.first + (part << shift), shift }));
        }
        Self { bins, first, divided }
    }

    /// What is in each part.
    pub(super) fn histogram(&self, weights: Weights) -> Vec<Cell> {
        let count = |weights: Weights| {
            let mut sums = vec![Sums::default(); self.divided.len()];
            weights.for_each(|value, importance| {
                let (bin, offset) = self.bins.of(key(value));
                let first = self.first[bin];
                if first != WHOLE {
                    // The parts of a bin are equal.
                    let shift = self.divided[first as usize].shift;
                    sums[(first + (offset >> shift)) as usize].count(offset & ((1 << shift) - 1), importance);
                }
            });
            sums
        };
        let sums = in_order(weights, count);
        self.divided.iter().zip(&sums).map(|(part, sums)| part.cell(sums)).collect()
    }

    /// The parts of a bin, nothing if it is whole.
    pub(super) fn of(&self, bin: usize) -> std::ops::Range<usize> {
        if self.first[bin] == WHOLE {
            return 0..0;
        }
        let first = self.first[bin] as usize;
        first..first + (1 << (self.bins.bins[bin].shift - self.divided[first].shift))
    }
}

/// Sums of what is counted in each chunk of weights, in the order of the chunks.
fn in_order<T: AddTo + Send>(weights: Weights, count: impl Fn(Weights) -> Vec<T> + Send + Sync) -> Vec<T> {
    let parts: Vec<Vec<T>> = weights.chunks().into_par_iter().map(count).collect();
    let mut parts = parts.into_iter();
    let mut total = parts.next().unwrap_or_default();
    for part in parts {
        total.iter_mut().zip(&part).for_each(|(sum, counted)| sum.add(counted));
    }
    total
}

trait AddTo {
    fn add(&mut self, other: &Self);
}

impl AddTo for Load {
    fn add(&mut self, other: &Self) {
        self.importance += other.importance;
        self.count += other.count;
    }
}

impl AddTo for Sums {
    fn add(&mut self, other: &Self) {
        self.importance += other.importance;
        self.first += other.first;
        self.second += other.second;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_ascend_with_values_and_lead_back_to_them(a: f32, b: f32) {
            prop_assume!(a.is_finite() && b.is_finite());
            prop_assert_eq!(a.partial_cmp(&b), Some(key(a).cmp(&key(b))));
            prop_assert_eq!(value(key(a)), f64::from(a));
        }

        #[test]
        fn bins_and_parts_hold_the_weights_that_fall_into_them(
            values in prop::collection::vec((any::<f32>(), 0.0..2.0_f32), 1..60),
            bits in 0_u32..7,
        ) {
            // Some of any size, some alike.
            let (values, importances): (Vec<f32>, Vec<f32>) = values
                .into_iter()
                .filter(|(value, _)| value.is_finite())
                .enumerate()
                .map(|(at, (value, importance))| (if at % 2 == 0 { value } else { 1.0 + importance * 1e-6 }, importance))
                .unzip();
            let weights = Weights { values: &values, importances: Some(&importances) };
            let Some(bins) = Bins::new(weights) else { return Ok(()) };
            let histogram = bins.histogram(weights);
            let marked: Vec<bool> = (0..bins.len()).map(|bin| bin % 3 != 1).collect();
            let parts = Parts::new(&bins, &marked, bits);
            let counted = parts.histogram(weights);
            weights.for_each(|value, _| {
                let (low, high) = bins.bin(bins.at(value)).ends();
                assert!(low <= f64::from(value) && f64::from(value) <= high);
            });
            for at in 0..bins.len() {
                let (low, high) = bins.bin(at).ends();
                if at > 0 {
                    prop_assert!(bins.bin(at - 1).ends().1.total_cmp(&low).is_lt());
                }
                let mut expected = Cell::default();
                weights.for_each(|value, importance| {
                    // The order in which -0 is less than 0: they end two bins.
                    let value = f64::from(value) + 0.0;
                    if value.total_cmp(&low).is_ge() && value.total_cmp(&high).is_le() {
                        expected.add(&Cell::of(value, importance));
                    }
                });
                let inside = Cell::joined(&counted[parts.of(at)]);
                for got in if parts.of(at).is_empty() { vec![histogram[at]] } else { vec![histogram[at], inside] } {
                    prop_assert!((got.importance - expected.importance).abs() <= 1e-12 * expected.importance);
                    prop_assert!((got.mean - expected.mean).abs() <= 1e-12 * expected.mean.abs());
                    let tolerance = 1e-9 * got.importance * bins.bin(at).width().powi(2);
                    prop_assert!((got.scatter - expected.scatter).abs() <= tolerance, "{got:?} instead of {expected:?}");
                }
            }
        }
    }

    #[test]
    fn bins_are_narrow_where_weights_are_dense() {
        let values: Vec<f32> = (0_u16..40_000).map(|at| if at == 0 { 1e30 } else { f32::from(at) / 4e4 }).collect();
        let bins = Bins::new(Weights { values: &values, importances: None }).unwrap();
        assert!(bins.len() <= 2 * BINS);
        let narrow = Bins::new(Weights { values: &values[1..], importances: None }).unwrap();
        assert!(narrow.bin(narrow.at(0.7)).width() < 1e-4);
        assert_eq!(narrow.bin(narrow.at(0.2)).width(), narrow.bin(narrow.at(0.22)).width());
    }
}
