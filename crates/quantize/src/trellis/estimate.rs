//! What a matrix would take and err by at any step, before it is quantised.

use std::{borrow::Cow, collections::BTreeMap};

use mixpress_codebook::trellis::Basis;

use super::{bases::parts, profile::TrellisProfile};

/// Bins of scales in a factor of two.
const FINENESS: f32 = 8.0;

/// Bits that a scale takes in the head of a section beyond the entropy of scales in quarters.
const SCALE_BITS: f64 = 0.5;

/// The logarithm to base 2 of the standard deviation over the step from which on numbers are too large for tables, and
/// the share of such weights that is too large for a matrix.
pub(super) const VAST: f64 = 6.25;
const MOST_VAST: f64 = 1e-2;
/// And where those are along a few directions, which is known before.
pub(super) const MOST_VAST_TURNED: f64 = 6e-2;
/// Bits that such a weight takes more, for a number of its own.
pub(super) const VAST_BITS: f64 = 20.0;
/// Steps from which a number has no place at all.
const LARGEST: f64 = (1 << 30) as f64;

/// The logarithm of the standard deviation over the step where the table begins, and its rows to a factor of two.
const FIRST: f64 = -1.0;
const ROWS: f64 = 4.0;
/// Bits a normal weight and its squared error in squared steps, by 64 states; from the example `trellis_table` of this crate.
/// Before the first row nearly all numbers are zero, from the last one on bits go with the logarithm.
const NORMAL: [[f64; 2]; 17] = [
    [0.0025, 0.2498],
    [0.0131, 0.3544],
    [0.0556, 0.5004],
    [0.3293, 0.5671],
    [0.7205, 0.5030],
    [1.1988, 0.2940],
    [1.4659, 0.2828],
    [1.7270, 0.2770],
    [1.9991, 0.2687],
    [2.2631, 0.2634],
    [2.5177, 0.2608],
    [2.7814, 0.2574],
    [3.0307, 0.2550],
    [3.2904, 0.2541],
    [3.5377, 0.2528],
    [3.7907, 0.2515],
    [4.0453, 0.2508],
];
/// By how much bits grow faster than the logarithm beyond the table, because the model's tables are cut off.
const BEYOND: f64 = 4.5e-3;
/// Bits from which on weights that are not normal take as many fewer as their entropy is lower.
const HIGH_RATE: f64 = 2.0;

/// What is known of a matrix's rate and distortion: how many weights have which scale. What a step takes is the sum
/// of some hundreds of terms at most.
#[derive(Clone, Debug, PartialEq)]
pub struct TrellisEstimate {
    /// Along the directions that rows are likely to have, if they have some, and along columns.
    scales: Vec<Scales>,
    /// Bits that a weight takes fewer than a normal one.
    saved: f64,
    /// The squared error of such a trellis over that of 64 states.
    error: f64,
    weights: f64,
    largest: f64,
}

/// How many weights have which scale.
#[derive(Clone, Debug, PartialEq)]
struct Scales {
    /// Logarithms to base 2 of standard deviations, and the numbers of weights that have them.
    counts: Vec<(f64, f64)>,
    head_bits: f64,
    /// The share of weights that may be too large for tables.
    most_vast: f64,
}

impl TrellisEstimate {
    /// Of a matrix that is quantised by a trellis of so many states.
    #[must_use]
    pub fn new(profile: &TrellisProfile, states: u16) -> Self {
        let bins = |logs: &[f32]| {
            let mut counts: BTreeMap<i32, f64> = BTreeMap::new();
            for &log in logs.iter().filter(|log| log.is_finite()) {
                *counts.entry((FINENESS * log).round() as i32).or_default() += 1.0;
            }
            counts
        };
        let of = |likely: &[Basis]| {
            let mut scales: BTreeMap<i32, f64> = BTreeMap::new();
            let mut head_bits = SCALE_BITS * profile.rows as f64 + entropy(&bins(&profile.row_logs));
            let starts: Vec<usize> = likely.iter().map(|basis| basis.first_row).collect();
            for (number, (start, end)) in parts(&starts, profile.rows).enumerate() {
                // Directions have scales in quarters.
                let along: Cow<'_, [f32]> = match number.checked_sub(1) {
                    None => Cow::Borrowed(&profile.column_logs),
                    Some(number) => likely[number].scales.iter().map(|&scale| f32::from(scale) / 4.0).collect(),
                };
                let (rows, columns) = (bins(&profile.row_logs[start..end]), bins(&along));
                for (row, rows) in &rows {
                    for (column, columns) in &columns {
                        *scales.entry(row + column).or_default() += rows * columns;
                    }
                }
                head_bits += SCALE_BITS * profile.columns as f64 + entropy(&columns);
            }
            let log = |(bin, count): (i32, f64)| (f64::from(bin) / f64::from(FINENESS), count);
            let most_vast = if likely.is_empty() { MOST_VAST } else { MOST_VAST_TURNED };
            Scales { counts: scales.into_iter().map(log).collect(), head_bits, most_vast }
        };
        let mut scales = vec![of(&[])];
        if !profile.likely.is_empty() {
            scales.insert(0, of(&profile.likely));
        }
        Self {
            scales,
            saved: profile.saved,
            error: error_of_states(states),
            weights: profile.len() as f64,
            largest: f64::from(profile.reach()),
        }
    }

    /// The step of the trellis at which its squared error is that of single weights at such a step, and a bit is worth
    /// as much, both at high rate: `step² / 12`.
    #[must_use]
    pub fn step(&self, of_single_weights: f64) -> f64 {
        of_single_weights / (12.0 * NORMAL[NORMAL.len() - 1][1] * self.error).sqrt()
    }

    /// Bits and squared error of all weights at a step of the trellis; nothing for a step that is too fine.
    #[must_use]
    pub fn at(&self, step: f64) -> Option<(f64, f64)> {
        let log_step = step.log2();
        let is_step = step > f64::from(f32::MIN_POSITIVE) && step < f64::from(f32::MAX);
        if !is_step || self.largest / step > LARGEST {
            return None;
        }
        let of = |scales: &Scales| {
            let (mut rate, mut distortion, mut vast) = (scales.head_bits, 0.0, 0.0);
            for (log, count) in &scales.counts {
                let (mut bits, error) = of_normal(log - log_step);
                if log - log_step > VAST {
                    vast += count;
                    bits += VAST_BITS;
                }
                rate += count * (bits - self.saved * (bits / HIGH_RATE).min(1.0)).max(0.0);
                // Where all numbers are zero the error is the weights', whatever the trellis.
                let of_states = 1.0 + (self.error - 1.0) * bits.min(1.0);
                distortion += count * error * of_states;
            }
            (vast <= scales.most_vast * self.weights).then_some((rate, distortion * step * step))
        };
        // A writer chooses likewise.
        self.scales.iter().filter_map(of).min_by(|a, b| a.0.total_cmp(&b.0))
    }
}

/// Bits that tell scales in quarters, which are two of these bins.
fn entropy(bins: &BTreeMap<i32, f64>) -> f64 {
    let mut quarters: BTreeMap<i32, f64> = BTreeMap::new();
    for (bin, count) in bins {
        *quarters.entry(bin.div_euclid(2)).or_default() += count;
    }
    let total: f64 = quarters.values().sum();
    quarters.values().map(|count| count * (total / count).log2()).sum()
}

/// Bits and squared error, in squared steps, of normal weights of such a logarithm to base 2 of their standard deviation
/// in steps.
fn of_normal(log: f64) -> (f64, f64) {
    let place = (log - FIRST) * ROWS;
    if place <= 0.0 {
        return (NORMAL[0][0], (2.0 * log).exp2());
    }
    let last = NORMAL.len() - 1;
    if place >= last as f64 {
        let above = (place - last as f64) / ROWS;
        return (NORMAL[last][0] + above * (1.0 + BEYOND), NORMAL[last][1]);
    }
    let (row, part) = (place as usize, place.fract());
    let between = |column: usize| NORMAL[row][column] * (1.0 - part) + NORMAL[row + 1][column] * part;
    (between(0), between(1))
}

/// The squared error of a trellis over that of one with 64 states; bits are the same.
fn error_of_states(states: u16) -> f64 {
    match states {
        0..=4 => 1.061,
        5..=8 => 1.040,
        9..=16 => 1.0245,
        17..=32 => 1.012,
        33..=64 => 1.0,
        65..=128 => 0.991,
        _ => 0.982,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{TrellisPlan, tests::Draw};
    use super::*;

    /// What a matrix takes and errs by is what was estimated, to within such shares.
    fn holds(shape: [usize; 2], weights: &[f32], states: u16, step: f64, [of_bits, of_error]: [f64; 2]) {
        let profile = TrellisProfile::new(shape, weights).unwrap();
        let (rate, distortion) = TrellisEstimate::new(&profile, states).at(step).unwrap();
        let plan = TrellisPlan::without_pairs(vec![profile]);
        let coded = plan.quantize(|_| weights, &[step as f32], states).unwrap();
        let bits = 8.0 * coded.encode().unwrap().len() as f64;
        let told = format!("{states} states at {step}: {rate} {bits} bits, {distortion} {}", coded.distortion);
        assert!((rate / bits - 1.0).abs() < of_bits, "{told}");
        assert!((distortion / coded.distortion - 1.0).abs() < of_error, "{told}");
    }

    #[test]
    fn normal_weights_take_and_err_as_estimated() {
        let mut draw = Draw(23);
        for (shape, spread) in [([512, 128], 0.0), ([300, 500], 0.7)] {
            let weights = draw.matrix(shape, spread);
            for (states, step) in [(4, 0.1), (8, 0.15), (16, 0.3), (64, 0.25)] {
                holds(shape, &weights, states, step, [0.03, 0.03]);
            }
            // About two bits a weight, and about one.
            holds(shape, &weights, 8, 0.6, [0.05, 0.05]);
            holds(shape, &weights, 8, 1.1, [0.2, 0.1]);
        }
    }

    #[test]
    fn weights_with_long_tails_take_fewer_bits_than_normal_ones() {
        let mut draw = Draw(29);
        // Laplace's distribution: 0.10 bits fewer at the same variance.
        let mut laplace = || -> f32 {
            let unit = draw.unit();
            -(1.0 - unit.abs()).max(1e-7).ln() * unit.signum()
        };
        let weights: Vec<f32> = (0..300 * 200).map(|_| laplace()).collect();
        for step in [0.08, 0.3] {
            holds([300, 200], &weights, 8, step, [0.03, 0.03]);
        }
        let saved = TrellisProfile::new([300, 200], &weights).unwrap().saved;
        assert!((saved - 0.104).abs() < 0.03, "{saved}");
    }

    #[test]
    fn a_step_is_that_of_equal_error() {
        let weights = Draw(31).matrix([400, 100], 0.3);
        let profile = TrellisProfile::new([400, 100], &weights).unwrap();
        for states in [4, 64, 256] {
            let estimate = TrellisEstimate::new(&profile, states);
            let (_, distortion) = estimate.at(estimate.step(0.05)).unwrap();
            assert!((distortion * 12.0 / 0.05_f64.powi(2) / 4e4 - 1.0).abs() < 0.01, "{states}");
        }
    }

    #[test]
    fn steps_that_are_too_fine_are_refused() {
        let of = |weights: &[f32]| TrellisEstimate::new(&TrellisProfile::new([2, 2], weights).unwrap(), 64);
        let ones = of(&[1.0, -1.0, 1.0, 1.0]);
        assert!(ones.at(0.1).is_some());
        for step in [1e-3, 0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(ones.at(step), None, "{step}");
        }
        let zeros = of(&[0.0; 4]);
        assert_eq!(zeros.at(1e-3), Some((2.0, 0.0)));
    }
}
