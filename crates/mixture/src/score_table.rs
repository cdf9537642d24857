//! The heavy-tailed prior tabulated, so that its gradient costs one lookup a weight.
//!
//! The prior of a weight depends on its value and on the log-odds `z` of its place. Both are rounded: `z` to 27 classes from
//! -9 to 4 in steps of 0.5, the value to the nearest of 4096 bins that cover the layer's present weights. Values outside take
//! the entry of the last bin: the force of a power law changes slowly there, and the next table covers them.
//!
//! Tables are rebuilt every hundred steps, so building is cheap: a Gaussian of the mixture is exponentiated once a bin, not
//! once a class, because classes differ in heights only.

use mixpress_parallel::BLOCK;
use mixpress_simd::vectorized;
use rayon::prelude::*;

use crate::context::{PlaceContext, exponent};
use crate::{Error, HeavyTailed, Mixture};

/// Bins of a row; bin [`ZERO_BIN`] is the value 0.
pub const BINS: usize = 4096;

/// The bin of the value 0. Bins are the values `(bin - ZERO_BIN) · step`.
pub const ZERO_BIN: usize = BINS / 2;

/// Classes of `z`.
pub const CLASSES: usize = 27;

/// Log-odds of class 0.
const LOWEST_Z: f32 = -9.0;

/// Distance of neighbouring classes.
const CLASS_STEP: f32 = 0.5;

/// Classes rounded up to whole vector registers; the lanes beyond [`CLASSES`] repeat the last class.
const LANES: usize = 28;

/// The table covers this multiple of the largest weight, since weights move until it is rebuilt.
const MARGIN: f64 = 1.25;

/// Weights whose places in the table are found together, in vector registers, before they are looked up.
const GROUP: usize = 64;

/// Magnitudes that one task tabulates.
const COLUMNS: usize = 64;

/// The class of places of log-odds `z`.
#[must_use]
#[inline]
pub fn class(z: f32) -> usize {
    nearest_index((z - LOWEST_Z) / CLASS_STEP, (CLASSES - 1) as f32) as usize
}

/// The integer nearest to `x` among `0..=last`, which is below [`BINS`]; a tie goes to the even one.
///
/// From 2^23 on, neighbouring floats are 1 apart, so that adding it rounds, and leaves the integer in the lowest bits: it
/// is much cheaper than a conversion that has to care for numbers that are too large.
#[inline]
fn nearest_index(x: f32, last: f32) -> u32 {
    const ROUNDER: f32 = 8_388_608.0;
    (x.clamp(0.0, last) + ROUNDER).to_bits() & (BINS as u32 - 1)
}

/// The log-odds that stand for a class.
#[must_use]
pub fn class_center(class: usize) -> f32 {
    LOWEST_Z + CLASS_STEP * class as f32
}

/// The penalty's derivative `r'(w) = -d/dw ln p(w | z)` in units of the raw weight `w`, for every class and bin.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreTable {
    table: Table,
}

/// The penalty `r(w) = -ln p(w / scale | z)` in nats, for every class and bin: for reports.
#[derive(Clone, Debug, PartialEq)]
pub struct PenaltyTable {
    table: Table,
}

/// Rows of [`BINS`] values, one row a class or a single row for all.
#[derive(Clone, Debug, PartialEq)]
struct Table {
    values: Vec<f32>,
    inverse_step: f32,
}

impl ScoreTable {
    /// Tabulates `prior` for weights of magnitude up to `max_abs`, and a margin.
    ///
    /// # Errors
    /// [`Error::Setting`] when `max_abs` is not finite: the training has diverged.
    pub fn build(prior: &HeavyTailed, max_abs: f32) -> Result<Self, Error> {
        let mut table = Table::new(CLASSES, half_range(max_abs, prior.ladder().epsilon() * prior.scale())?);
        let scale = prior.scale();
        Heights::new(prior).for_each_bin(&mut table, |sums, lane| (sums.slope[lane] / sums.sum[lane] / scale) as f32);
        Ok(Self { table })
    }

    /// Tabulates a plain mixture of a layer of scale `scale`: a single class, whatever the place.
    ///
    /// Bins are `max_abs / 1638` apart; a component whose standard deviation is not several bins is not resolved, use
    /// [`Grid`](crate::Grid) there.
    ///
    /// # Errors
    /// [`Error::Setting`] when `max_abs` is not finite or `scale` is not positive and finite.
    pub fn of_mixture(mixture: &Mixture, scale: f64, max_abs: f32) -> Result<Self, Error> {
        crate::error::positive("the scale of a layer", scale)?;
        let smallest = mixture.components().iter().map(|component| component.std_dev).fold(f64::INFINITY, f64::min);
        let mut table = Table::new(1, half_range(max_abs, smallest * scale)?);
        let step = f64::from(table.inverse_step).recip();
        for (bin, value) in table.values.iter_mut().enumerate() {
            *value = (-mixture.score(value_of(bin, step) / scale) / scale) as f32;
        }
        Ok(Self { table })
    }

    /// The row of places of log-odds `z`, for [`ScoreTable::lookup`] and [`ScoreTable::row_of_class`].
    #[must_use]
    #[inline]
    pub fn class(&self, z: f32) -> usize {
        self.table.class(z)
    }

    /// Number of rows: [`CLASSES`], or 1.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.table.values.len() / BINS
    }

    /// `r'(w)` for a weight of value `w` at a place of class `class`.
    ///
    /// # Panics
    /// When there is no such class.
    #[must_use]
    #[inline]
    #[track_caller]
    pub fn lookup(&self, class: usize, w: f32) -> f32 {
        self.row_of_class(class)[self.bin(w)]
    }

    /// The [`BINS`] values of a class, to be indexed by [`ScoreTable::bin`].
    ///
    /// # Panics
    /// When there is no such class.
    #[must_use]
    #[inline]
    #[track_caller]
    pub fn row_of_class(&self, class: usize) -> &[f32; BINS] {
        self.table.row(class)
    }

    /// The bin nearest to `w`, below [`BINS`]; a weight that is not a number gets some bin.
    #[must_use]
    #[inline]
    pub fn bin(&self, w: f32) -> usize {
        self.table.bin(w)
    }

    /// Bins a unit of weight: `bin(w) = round(clamp(w * inverse_step + ZERO_BIN, 0, BINS - 1))`.
    #[must_use]
    #[inline]
    pub fn inverse_step(&self) -> f32 {
        self.table.inverse_step
    }

    /// Adds `factor · r'(w)` of each weight to its entry of `gradient`; `context` gives the class of each place.
    ///
    /// # Panics
    /// When `weights`, `gradient` and `context` do not have the same number of entries.
    #[track_caller]
    pub fn add_gradient(&self, weights: &[f32], context: &PlaceContext, factor: f32, gradient: &mut [f32]) {
        assert_eq!(weights.len(), gradient.len(), "one gradient a weight");
        let row_len = context.cols().len() * context.block();
        assert_eq!(weights.len(), context.rows().len() * row_len, "one weight a place of the context");
        if weights.is_empty() {
            return;
        }
        let rows = BLOCK.div_ceil(row_len);
        let parts = weights.par_chunks(rows * row_len).zip(gradient.par_chunks_mut(rows * row_len));
        parts.zip(context.rows().par_chunks(rows)).for_each(|((weights, gradient), rows)| {
            let each = weights.chunks_exact(row_len).zip(gradient.chunks_exact_mut(row_len)).zip(rows);
            for ((weights, gradient), &row) in each {
                self.table.add_row(weights, row, context, factor, gradient);
            }
        });
    }

    /// As [`ScoreTable::add_gradient`], for the weights at the given positions only.
    ///
    /// # Panics
    /// When `weights`, `gradient` and `context` do not have the same number of entries, or a position is out of bounds.
    #[track_caller]
    pub fn add_gradient_at(
        &self,
        positions: &[usize],
        weights: &[f32],
        context: &PlaceContext,
        factor: f32,
        gradient: &mut [f32],
    ) {
        assert_eq!(weights.len(), gradient.len(), "one gradient a weight");
        let row_len = context.cols().len() * context.block();
        assert_eq!(weights.len(), context.rows().len() * row_len, "one weight a place of the context");
        for &position in positions {
            let (row, in_row) = (position / row_len, position % row_len);
            let class = self.class(context.z(row, in_row / context.block()));
            gradient[position] += factor * self.lookup(class, weights[position]);
        }
    }
}

impl PenaltyTable {
    /// Tabulates the penalty of `prior` for weights of magnitude up to `max_abs`, and a margin.
    ///
    /// # Errors
    /// [`Error::Setting`] when `max_abs` is not finite.
    pub fn build(prior: &HeavyTailed, max_abs: f32) -> Result<Self, Error> {
        let mut table = Table::new(CLASSES, half_range(max_abs, prior.ladder().epsilon() * prior.scale())?);
        let heights = Heights::new(prior);
        heights.for_each_bin(&mut table, |sums, lane| {
            (heights.log_integral[lane] - sums.peak - sums.sum[lane].ln()) as f32
        });
        Ok(Self { table })
    }

    /// The row of places of log-odds `z`.
    #[must_use]
    #[inline]
    pub fn class(&self, z: f32) -> usize {
        self.table.class(z)
    }

    /// `r(w)` for a weight of value `w` at a place of class `class`.
    ///
    /// # Panics
    /// When there is no such class.
    #[must_use]
    #[inline]
    #[track_caller]
    pub fn lookup(&self, class: usize, w: f32) -> f32 {
        self.table.row(class)[self.table.bin(w)]
    }

    /// The penalty of a whole layer, in nats.
    ///
    /// # Panics
    /// When `weights` and `context` do not have the same number of entries.
    #[must_use]
    #[track_caller]
    pub fn total(&self, weights: &[f32], context: &PlaceContext) -> f64 {
        let mut total = 0.0;
        self.table.for_each_place(weights, context, |_, row, bin| total += f64::from(row[bin]));
        total
    }

    /// What a whole layer costs beyond one of zeros, `Σ r(w) - r(0)` in nats: 0 for a weight that is pruned, so that it
    /// does not matter whether pruned weights are still there.
    ///
    /// # Panics
    /// When `weights` and `context` do not have the same number of entries.
    #[must_use]
    #[track_caller]
    pub fn beyond_zeros(&self, weights: &[f32], context: &PlaceContext) -> f64 {
        let mut total = 0.0;
        self.table.for_each_place(weights, context, |_, row, bin| total += f64::from(row[bin] - row[ZERO_BIN]));
        total
    }
}

impl Table {
    fn new(classes: usize, half_range: f64) -> Self {
        // The positive side is the shorter one.
        let inverse_step = ((BINS - 1 - ZERO_BIN) as f64 / half_range) as f32;
        Self { values: vec![0.0; classes * BINS], inverse_step }
    }

    #[inline]
    fn class(&self, z: f32) -> usize {
        if self.values.len() == BINS { 0 } else { class(z) }
    }

    #[inline]
    #[track_caller]
    fn row(&self, class: usize) -> &[f32; BINS] {
        self.values.as_chunks().0.get(class).expect("a class of this table")
    }

    #[inline]
    fn bin(&self, w: f32) -> usize {
        nearest_index(w * self.inverse_step + ZERO_BIN as f32, (BINS - 1) as f32) as usize
    }

    /// Adds `factor` times the entry of each weight of a row of the weight matrix to its entry of `gradient`; `row` is the
    /// row's part of the log-odds.
    fn add_row(&self, weights: &[f32], row: f32, context: &PlaceContext, factor: f32, gradient: &mut [f32]) {
        let (block, cap) = (context.block(), context.cap());
        let mut places = [0_u32; GROUP];
        let last_class = (self.values.len() / BINS - 1) as f32;
        let in_group = (GROUP / block).max(1);
        let each = weights.chunks(in_group * block).zip(gradient.chunks_mut(in_group * block));
        for ((weights, gradient), cols) in each.zip(context.cols().chunks(in_group)) {
            if block == 1 {
                for ((place, &weight), col) in places.iter_mut().zip(weights).zip(cols) {
                    let class = nearest_index(((row + col).min(cap) - LOWEST_Z) / CLASS_STEP, last_class);
                    let bin = nearest_index(weight * self.inverse_step + ZERO_BIN as f32, (BINS - 1) as f32);
                    *place = class * BINS as u32 + bin;
                }
                for (gradient, &place) in gradient.iter_mut().zip(&places) {
                    *gradient += factor * self.values[place as usize];
                }
            } else {
                let blocks = weights.chunks_exact(block).zip(gradient.chunks_exact_mut(block));
                for ((weights, gradient), col) in blocks.zip(cols) {
                    let values = self.row(self.class((row + col).min(cap)));
                    for (&weight, gradient) in weights.iter().zip(gradient) {
                        *gradient += factor * values[self.bin(weight)];
                    }
                }
            }
        }
    }

    #[track_caller]
    fn for_each_place(
        &self,
        weights: &[f32],
        context: &PlaceContext,
        mut visit: impl FnMut(usize, &[f32; BINS], usize),
    ) {
        let (cols, block) = (context.cols().len(), context.block());
        assert_eq!(weights.len(), context.rows().len() * cols * block, "one weight a place of the context");
        for row in 0..context.rows().len() {
            for col in 0..cols {
                let scores = self.row(self.class(context.z(row, col)));
                let first = (row * cols + col) * block;
                for (at, &weight) in weights[first..first + block].iter().enumerate() {
                    visit(first + at, scores, self.bin(weight));
                }
            }
        }
    }
}

/// Half the range that a table covers: all weights and a margin, and in any case several of the narrowest `width`.
fn half_range(max_abs: f32, width: f64) -> Result<f64, Error> {
    if !max_abs.is_finite() {
        let rule = "finite: the training has diverged, lower the learning rate";
        return Err(Error::Setting { setting: "the largest weight", value: f64::from(max_abs), rule });
    }
    Ok((MARGIN * f64::from(max_abs.abs())).max(8.0 * width))
}

fn value_of(bin: usize, step: f64) -> f64 {
    (bin as f64 - ZERO_BIN as f64) * step
}

/// One number a class.
type Lanes = [f64; LANES];

/// The heights of rungs and Gaussians in every class, the ladder's lowest rung being 1.
struct Heights<'a> {
    prior: &'a HeavyTailed,
    rungs: Vec<Lanes>,
    gaussians: Vec<Lanes>,
    /// Logarithm of the integral of the density in these units.
    log_integral: Lanes,
}

/// The density at one bin in every class, as `e^peak · sum`, and `slope / sum = -d/du ln p`.
struct Sums {
    peak: f64,
    sum: Lanes,
    slope: Lanes,
}

impl<'a> Heights<'a> {
    fn new(prior: &'a HeavyTailed) -> Self {
        let ladder = prior.ladder();
        let mut rungs = vec![[0.0; LANES]; ladder.rungs()];
        let mut gaussians = vec![[0.0; LANES]; prior.nonzero_components().len()];
        let mut log_integral = [0.0; LANES];
        for lane in 0..LANES {
            let g = exponent(f64::from(class_center(lane.min(CLASSES - 1))));
            for (rung, heights) in rungs.iter_mut().enumerate() {
                heights[lane] = ladder.log_height(rung, g).exp();
            }
            let of_ladder = ladder.log_integral(g);
            for (heights, log) in gaussians.iter_mut().zip(prior.log_peaks(g)) {
                heights[lane] = (log + of_ladder).exp();
            }
            log_integral[lane] = of_ladder + prior.total(g).ln();
        }
        Self { prior, rungs, gaussians, log_integral }
    }

    /// Fills a table of [`CLASSES`] rows with `value` of each bin's sums.
    fn for_each_bin(&self, table: &mut Table, value: impl Fn(&Sums, usize) -> f32 + Sync) {
        let step = f64::from(table.inverse_step).recip();
        // Both signs of a magnitude, in all classes, stand side by side at first: a column of the table is 16 KiB apart from
        // row to row, which caches do not like.
        let mut columns = vec![[[0.0_f32; LANES]; 2]; ZERO_BIN + 1];
        columns.par_chunks_mut(COLUMNS).enumerate().for_each(|(chunk, columns)| {
            vectorized(
                #[inline(always)]
                || {
                    for (at, signs) in columns.iter_mut().enumerate() {
                        let u = (chunk * COLUMNS + at) as f64 * step / self.prior.scale();
                        let (peak, of_ladder) = self.ladder_at(u);
                        // The ladder is symmetric: both signs share its sums.
                        for (column, sign) in signs.iter_mut().zip([1.0, -1.0]) {
                            let sums = self.with_gaussians(sign * u, sign, peak, &of_ladder);
                            for (class, entry) in column.iter_mut().enumerate() {
                                *entry = value(&sums, class);
                            }
                        }
                    }
                },
            );
        });
        for (class, row) in table.values.chunks_exact_mut(BINS).enumerate() {
            let (negative, positive) = row.split_at_mut(ZERO_BIN);
            for (entry, column) in positive.iter_mut().zip(&columns) {
                *entry = column[0][class];
            }
            for (entry, column) in negative.iter_mut().rev().zip(&columns[1..]) {
                *entry = column[1][class];
            }
        }
    }

    /// Sums over the rungs for `u >= 0`, relative to the widest rung's exponential, whose logarithm comes first.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
    fn ladder_at(&self, u: f64) -> (f64, [Lanes; 2]) {
        let ladder = self.prior.ladder();
        let log = |rung: usize| {
            let z = u / ladder.std_dev(rung);
            -0.5 * z * z
        };
        let peak = log(ladder.rungs() - 1);
        let (mut sum, mut slope) = ([0.0; LANES], [0.0; LANES]);
        for (rung, heights) in self.rungs.iter().enumerate() {
            let share = (log(rung) - peak).exp();
            let force = share * (u / ladder.std_dev(rung)) / ladder.std_dev(rung);
            accumulate(&mut sum, heights, share);
            accumulate(&mut slope, heights, force);
        }
        (peak, [sum, slope])
    }

    /// Adds the Gaussians at `u` to the ladder's sums, the slope of which has the sign `sign`.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
    fn with_gaussians(&self, u: f64, sign: f64, ladder_peak: f64, [sum, slope]: &[Lanes; 2]) -> Sums {
        let components = self.prior.nonzero_components();
        let log = |position: usize| {
            let z = (u - components[position].mean) / components[position].std_dev;
            -0.5 * z * z
        };
        // A Gaussian wider than the widest rung may tower over the ladder far out: the largest exponential is taken out.
        let peak = (0..components.len()).map(log).filter(|&log| log > ladder_peak).fold(ladder_peak, f64::max);
        let shrink = (ladder_peak - peak).exp();
        let mut sums = Sums { peak, sum: sum.map(|sum| sum * shrink), slope: slope.map(|slope| slope * shrink * sign) };
        for (position, heights) in self.gaussians.iter().enumerate() {
            let share = (log(position) - peak).exp();
            if share > 0.0 {
                let Sums { sum, slope, .. } = &mut sums;
                let precision = components[position].precision();
                accumulate(sum, heights, share);
                accumulate(slope, heights, share * (u - components[position].mean) * precision);
            }
        }
        sums
    }
}

/// `sums += heights · factor`, in every class.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
fn accumulate(sums: &mut Lanes, heights: &Lanes, factor: f64) {
    for (sum, height) in sums.iter_mut().zip(heights) {
        *sum += height * factor;
    }
}

#[cfg(test)]
mod tests;
