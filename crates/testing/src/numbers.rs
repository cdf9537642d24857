//! Reproducible numbers from a seed, without a generator that changes between versions of a package.

/// `len` numbers uniform in `[-1, 1)`; the same for the same seed, for ever.
///
/// The generator is `SplitMix64` (Steele, Lea & Flood 2014).
#[must_use]
pub fn uniform(len: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    (0..len).map(|_| (split_mix(&mut state) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0).collect()
}

/// `len` numbers in random order of which no two are closer than 0.1, and none is closer to zero than 0.025: inputs on which
/// maxima and kinks at zero can be differentiated by finite differences.
#[must_use]
pub fn distinct(len: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut numbers: Vec<f64> = (0..len).map(|i| (i as f64 - (len / 2) as f64) * 0.1 + 0.025).collect();
    for i in (1..len).rev() {
        numbers.swap(i, (split_mix(&mut state) % (i as u64 + 1)) as usize);
    }
    numbers
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spread_evenly() {
        let numbers = uniform(10_000, 3);
        assert!(numbers.iter().all(|x| (-1.0..1.0).contains(x)));
        let mean = numbers.iter().sum::<f64>() / 1e4;
        let variance = numbers.iter().map(|x| x * x).sum::<f64>() / 1e4;
        assert!(mean.abs() < 0.03 && (variance - 1.0 / 3.0).abs() < 0.02);
        assert_eq!(uniform(3, 7), uniform(4, 7)[..3]);
        assert_ne!(uniform(3, 7), uniform(3, 8));
    }

    #[test]
    fn distinct_numbers_keep_their_distance() {
        let mut numbers = distinct(101, 5);
        assert_ne!(numbers, distinct(101, 6));
        numbers.sort_by(f64::total_cmp);
        assert!(numbers.windows(2).all(|pair| pair[1] - pair[0] > 0.0999));
        assert!(numbers.iter().all(|x| x.abs() > 0.0249));
    }
}
