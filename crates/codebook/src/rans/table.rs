//! The table of a stream: the frequencies of its indices, and what follows from them where indices are coded in pairs.

use super::{BLOCK, LANES, LONG, SCALE, SCALE_BITS, blocks, frequencies::frequencies, lanes};

/// The most levels whose indices are coded in pairs.
pub(crate) const PAIRED: usize = 16;
/// Pairs may take this much more than single indices: they are read twice as fast.
const WORTH: f64 = 1.002;

/// What writer and reader of a stream agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// How often each index occurs, in units of 2^-12.
    pub(crate) frequencies: Vec<u32>,
    /// Whether a symbol stands for two indices.
    pub(crate) is_paired: bool,
}

impl Table {
    /// The table for indices that occur so often. `None` without indices or with too many levels.
    pub(crate) fn new(counts: &[u64]) -> Option<Self> {
        let single = Self::single(counts)?;
        if single.frequencies.len() > PAIRED || counts.iter().sum::<u64>() < LONG as u64 {
            return Some(single);
        }
        let paired = Self { is_paired: true, ..single.clone() };
        let is_worth = paired.expected_len(counts) < WORTH * single.expected_len(counts);
        Some(if is_worth { paired } else { single })
    }

    /// [`Table::new`], where a symbol is to stand for one index.
    pub(crate) fn single(counts: &[u64]) -> Option<Self> {
        Some(Self { frequencies: frequencies(counts)?, is_paired: false })
    }

    /// The frequencies of symbols, in units of 2^-12. Those of the table have to sum to 2^12.
    pub(super) fn symbols(&self) -> Vec<u32> {
        if self.is_paired { pairs(&self.frequencies) } else { self.frequencies.clone() }
    }

    /// Bytes that a stream will take, to within one a lane or so; of pairs, if neighbours are independent.
    pub(crate) fn expected_len(&self, counts: &[u64]) -> f64 {
        let total = counts.iter().sum::<u64>();
        let bits = |count: f64, frequency: u32| count * (f64::from(SCALE_BITS) - f64::from(frequency).log2());
        let each = |(symbol, frequency): (usize, u32)| {
            let count = if self.is_paired {
                let of = |index: usize| counts.get(index).map_or(0.0, |&count| count as f64);
                0.5 * of(symbol % PAIRED) * of(symbol / PAIRED) / total as f64
            } else {
                counts[symbol] as f64
            };
            if count > 0.0 { bits(count, frequency) } else { 0.0 }
        };
        let bits: f64 = self.symbols().into_iter().enumerate().map(each).sum();
        let before = blocks(total as usize) - 1;
        let last = total as usize - before * BLOCK;
        // A lane's first state has 32 bits; the 16 above its lowest possible value hold symbols, half of them on average.
        bits / 8.0 + 3.0 * lanes(last) as f64 + before as f64 * (3.0 * LANES as f64 + 4.0)
    }
}

/// The symbol of two indices.
pub(super) fn pair(first: u16, second: u16) -> u16 {
    first + PAIRED as u16 * second
}

/// The frequencies of pairs whose indices are independent. Each pair that can occur has a slot; the other slots are
/// shared out in proportion to what its probability is worth above one.
fn pairs(frequencies: &[u32]) -> Vec<u32> {
    let of = |index: usize| u64::from(frequencies.get(index).copied().unwrap_or(0));
    let products: Vec<u64> = (0..PAIRED * PAIRED).map(|symbol| of(symbol % PAIRED) * of(symbol / PAIRED)).collect();
    let slot = SCALE as u64;
    let free = slot - products.iter().filter(|&&product| product > 0).count() as u64;
    let above = |product: u64| product.saturating_sub(slot);
    let all: u64 = products.iter().copied().map(above).sum();
    let mut sum = 0;
    let mut share = |product: u64| {
        // `all` is at most 2^24 and `free` below 2^12. There are slots above one for some pair: an average one has 16.
        let before = sum * free / all;
        sum += above(product);
        (sum * free / all - before) as u32
    };
    products.iter().map(|&product| u32::from(product > 0) + share(product)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pairs_fill_all_slots_about_as_independent_indices_do(counts in prop::collection::vec(0u64..1000, 1..=PAIRED)) {
            let Some(frequencies) = frequencies(&counts) else { return Ok(()) };
            let pairs = pairs(&frequencies);
            prop_assert_eq!(pairs.iter().sum::<u32>(), SCALE as u32);
            for (symbol, &f) in pairs.iter().enumerate() {
                let of = |index: usize| frequencies.get(index).copied().unwrap_or(0);
                let product = of(symbol % PAIRED) * of(symbol / PAIRED);
                prop_assert_eq!(f > 0, product > 0);
                // A slot for each pair takes at most 256 of 4096, and rounding up to one more.
                let exact = f64::from(product) / SCALE as f64;
                prop_assert!(f64::from(f) <= exact + 2.0, "{f} {exact}");
                prop_assert!(f64::from(f) >= exact * (1.0 - 257.0 / 4096.0) - 1.0, "{f} {exact}");
            }
        }
    }

    #[test]
    fn pairs_are_for_long_streams_of_levels_that_are_about_equally_likely() {
        let even = [70_000u64; PAIRED];
        assert!(Table::new(&even).unwrap().is_paired);
        assert!(!Table::new(&[100; PAIRED]).unwrap().is_paired);
        assert!(!Table::new(&[70_000; PAIRED + 1]).unwrap().is_paired);
        let mut sparse = [1000u64; PAIRED];
        sparse[7] = 1_000_000;
        assert!(!Table::new(&sparse).unwrap().is_paired);
        assert_eq!(Table::new(&[0, 0]), None);
    }

    #[test]
    fn one_index_alone_makes_one_pair() {
        let pairs = pairs(&[0, 4096]);
        assert_eq!((pairs[17], pairs.iter().sum::<u32>()), (4096, 4096));
    }
}
