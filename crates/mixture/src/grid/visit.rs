//! The pass over the weights: each is sorted into its cell, leaves its moments there, and gets its score.
//!
//! Where there is a hot cell it takes its weights first, a sweep at a time ([`sweep`](super::sweep)); the others wait
//! until they fill a group, and go the way of all weights from there.
//!
//! Weights go in groups through steps that either are arithmetic on whole vector registers or nothing but loads and stores
//! at computed places. Widths of cells are powers of two, so that the position of a weight in its cell is computed without
//! any rounding, in `f32`: with the weight divided by the width, subtract the nearest integer.
//!
//! Moments are sums of *integers*: positions and their powers, rounded to 2^-23 and less. Sums of integers do not depend on
//! the order, so each thread adds to moments of its own, in whatever order it meets the weights.

use mixpress_simd::vectorized;

use super::nodes::ORDER;
use super::sweep::{Hot, HotMoments, SWEEP};

/// Weights that are worked on together: so many that what is stored piece by piece has left the store queue before it is
/// read as whole registers.
const GROUP: usize = 128;

/// Adding this to an `f32` below 2^22 rounds it to the nearest integer, and leaves that in the lowest bits.
const ROUNDER: f32 = 12_582_912.0;

/// Bits of an entry of the table of coarse cells that hold a fine cell; above them stands the number of parts.
const CELL_BITS: u32 = 19;

/// Parts of a coarse cell, at most.
pub(super) const MOST_PARTS: u32 = (1 << (32 - CELL_BITS)) - 1;

/// Times this, numbers of parts are what positions in a coarse cell are multiplied by: the upper edge of a coarse cell stays
/// in its last part.
const SHY: f32 = 1.0 - f32::EPSILON;

/// Powers of a position in `[-1/2, 1/2]` times these fill the integers that [`ROUNDER`] takes, up to ±2^22.
const STEPS: [f32; ORDER - 1] = [8_388_608.0, 16_777_216.0, 33_554_432.0];

/// A fine cell: coefficients of the score's cubic, from the constant term up, in the position in `[-1/2, 1/2]`, and what
/// weights have left there.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(16))]
pub(super) struct Cell {
    pub(super) cubic: [f32; ORDER],
    /// Number of weights, and sums of their positions' powers, as bits of rounded `f32`.
    sums: [u64; ORDER],
}

impl Cell {
    pub(super) fn new(cubic: [f64; ORDER]) -> Self {
        Self { cubic: cubic.map(|coefficient| coefficient as f32), sums: [0; ORDER] }
    }
}

/// `Σ t^m` for `m = 0..4` over the weights in a cell, in units of their rounding.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments([u64; ORDER]);

impl Moments {
    pub(super) fn add(&mut self, cell: &Cell) {
        for (moment, sum) in self.0.iter_mut().zip(cell.sums) {
            *moment += sum;
        }
    }

    pub(super) fn count(&self) -> usize {
        self.0[0] as usize
    }

    pub(super) fn values(&self) -> [f64; ORDER] {
        let [count, rest @ ..] = self.0;
        let bias = count * u64::from(ROUNDER.to_bits());
        let [first, second, third] =
            std::array::from_fn(|m| rest[m].wrapping_sub(bias) as i64 as f64 / f64::from(STEPS[m]));
        [count as f64, first, second, third]
    }
}

/// An entry of the table of coarse cells: the fine cell in the middle of the coarse one, which has an odd number of `parts`.
pub(super) fn entry(middle: usize, parts: u32) -> u32 {
    debug_assert!(middle < 1 << CELL_BITS && parts <= MOST_PARTS);
    middle as u32 | parts << CELL_BITS
}

/// Width of a fine cell as a fraction of the coarse cell's, which is divided into `parts`.
pub(super) fn part_width(parts: u32) -> f64 {
    f64::from(parts as f32 * SHY).recip()
}

/// Where weights go: coarse cells of equal width, each divided into fine cells. Cell 0 takes the weights that are to be
/// evaluated exactly, entry 0 leads there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout<'a> {
    /// Coarse cells a unit of weight, a power of two.
    pub(super) inverse_step: f32,
    /// The coarse cell `first + i` has entry `i`; weights beyond either end take the entry there.
    pub(super) first: i32,
    pub(super) table: &'a [u32],
    /// The cell that takes most weights.
    pub(super) hot: Option<&'a Hot>,
}

/// Buffers of a group.
struct Group {
    entries: [u32; GROUP],
    positions: [f32; GROUP],
    cells: [u32; GROUP],
    powers: [[u32; ORDER]; GROUP],
    cubics: [[f32; ORDER]; GROUP],
}

/// What weights leave behind.
#[derive(Clone, Debug)]
pub(super) struct Filled {
    pub(super) cells: Vec<Cell>,
    pub(super) hot: HotMoments,
}

impl Layout<'_> {
    /// Adds `factor` times the score of each weight to its entry of `gradient`, and the weights to the fine
    /// cells. Those that no fine cell takes are handed to `exact` with their entry.
    pub(super) fn add_gradient(
        &self,
        weights: &[f32],
        factor: f32,
        gradient: &mut [f32],
        filled: &mut Filled,
        mut exact: impl FnMut(f32, &mut f32),
    ) {
        assert_eq!(weights.len(), gradient.len(), "one gradient a weight");
        let mut group = Group {
            entries: [0; GROUP],
            positions: [0.0; GROUP],
            cells: [0; GROUP],
            powers: [[0; ORDER]; GROUP],
            cubics: [[0.0; ORDER]; GROUP],
        };
        vectorized(
            #[inline(always)]
            || {
                let degree = self.hot.map_or(0, |hot| hot.degree);
                let rest = match degree {
                    0 => 0,
                    3 => self.sweep::<3>(&mut group, weights, factor, gradient, filled, &mut exact),
                    7 => self.sweep::<7>(&mut group, weights, factor, gradient, filled, &mut exact),
                    11 => self.sweep::<11>(&mut group, weights, factor, gradient, filled, &mut exact),
                    _ => self.sweep::<15>(&mut group, weights, factor, gradient, filled, &mut exact),
                };
                let cells = &mut filled.cells;
                let (whole, few) = weights[rest..].as_chunks::<GROUP>();
                let (whole_gradient, few_gradient) = gradient[rest..].as_chunks_mut::<GROUP>();
                for (weights, gradient) in whole.iter().zip(whole_gradient) {
                    self.visit(&mut group, weights, factor, gradient, cells, &mut exact);
                }
                self.visit(&mut group, few, factor, few_gradient, cells, &mut exact);
            },
        );
    }

    /// Lets the hot cell, of degree `D`, sweep over the weights, and visits those that are not in it. Returns how many
    /// weights that were: only whole sweeps.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
    fn sweep<const D: usize>(
        &self,
        group: &mut Group,
        weights: &[f32],
        factor: f32,
        gradient: &mut [f32],
        filled: &mut Filled,
        exact: &mut impl FnMut(f32, &mut f32),
    ) -> usize {
        let Some(hot) = self.hot else { return 0 };
        let mut cold = [0; GROUP + SWEEP + 8];
        let mut waiting = 0;
        let mut rest = 0;
        let mut cold_weights = [0.0; GROUP];
        while rest + SWEEP <= weights.len() {
            let some = weights[rest..].first_chunk().expect("a whole sweep");
            let of_some = gradient[rest..].first_chunk_mut().expect("a whole sweep");
            let into = cold[waiting..].first_chunk_mut().expect("room for a sweep");
            waiting += hot.sweep::<D>(some, factor, of_some, &mut filled.hot, rest as u32, into);
            rest += SWEEP;
            let last = rest + SWEEP > weights.len();
            let mut done = 0;
            while waiting - done >= GROUP || (last && waiting > done) {
                // The first that wait come first, so that the order of weights is kept.
                let cold = &cold[done..waiting.min(done + GROUP)];
                let len = cold.len();
                for (weight, &position) in cold_weights.iter_mut().zip(cold) {
                    *weight = weights[position as usize];
                }
                let mut cold_gradient = [0.0; GROUP];
                let cold_gradient = &mut cold_gradient[..len];
                self.visit(group, &cold_weights[..len], factor, cold_gradient, &mut filled.cells, exact);
                for (&added, &position) in cold_gradient.iter().zip(cold) {
                    gradient[position as usize] += added;
                }
                done += len;
            }
            cold.copy_within(done..waiting, 0);
            waiting -= done;
        }
        rest
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
    fn visit(
        &self,
        group: &mut Group,
        weights: &[f32],
        factor: f32,
        gradient: &mut [f32],
        fine: &mut [Cell],
        exact: &mut impl FnMut(f32, &mut f32),
    ) {
        let len = weights.len();
        let entries = &mut group.entries[..len];
        let positions = &mut group.positions[..len];
        let cells = &mut group.cells[..len];
        let powers = &mut group.powers[..len];
        let cubics = &mut group.cubics[..len];
        let gradient = &mut gradient[..len];

        let (low, high) = (self.first as f32, (self.first + self.table.len() as i32 - 1) as f32);
        let offset = ROUNDER.to_bits().wrapping_add(self.first as u32);
        for i in 0..len {
            let x = weights[i] * self.inverse_step;
            // Comparisons that are false for NaN, which ends at the lower end.
            let x = if x > low { x } else { low };
            let x = if x < high { x } else { high };
            let rounded = x + ROUNDER;
            positions[i] = x - (rounded - ROUNDER);
            entries[i] = rounded.to_bits().wrapping_sub(offset);
        }
        for entry in &mut *entries {
            *entry = self.table[*entry as usize];
        }
        let mut lowest = u32::MAX;
        for i in 0..len {
            let x = positions[i] * ((entries[i] >> CELL_BITS) as i32 as f32 * SHY);
            let rounded = x + ROUNDER;
            let t = x - (rounded - ROUNDER);
            let part = rounded.to_bits().wrapping_sub(ROUNDER.to_bits());
            let cell = (entries[i] & ((1 << CELL_BITS) - 1)).wrapping_add(part);
            positions[i] = t;
            cells[i] = cell;
            lowest = lowest.min(cell);
        }
        for i in 0..len {
            let t = positions[i];
            let t2 = t * t;
            powers[i] = [
                1,
                (t * STEPS[0] + ROUNDER).to_bits(),
                (t2 * STEPS[1] + ROUNDER).to_bits(),
                (t2 * t * STEPS[2] + ROUNDER).to_bits(),
            ];
        }
        for i in 0..len {
            let Cell { cubic, sums } = &mut fine[cells[i] as usize];
            cubics[i] = *cubic;
            for (sum, power) in sums.iter_mut().zip(powers[i]) {
                *sum += u64::from(power);
            }
        }
        for i in 0..len {
            let t = positions[i];
            let [c0, c1, c2, c3] = cubics[i];
            gradient[i] += factor * (c0 + t * (c1 + t * (c2 + t * c3)));
        }
        if lowest == 0 {
            for i in (0..len).filter(|&i| cells[i] == 0) {
                exact(weights[i], &mut gradient[i]);
            }
        }
    }
}
