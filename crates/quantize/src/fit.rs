//! Codebooks fitted to weights that were given: optimal on a histogram, then on finer and finer parts of it where
//! levels meet.
//!
//! Where there are few distinct weights (up to [`CELLS`]), they are clustered optimally as they are. Many are first
//! counted in about [`BINS`] bins, which are narrow where weights are dense, each with its exact sums; bins are joined
//! to at most [`CELLS`] cells by the same rule (the cube root of the density, as the levels of a fine optimal quantiser
//! are distributed: Panter and Dite 1951); the cells are clustered by dynamic programming. What is lost is that cells
//! are not divided. The same programme wins it back in windows around the cuts: first on the bins, then on parts of the
//! bins in which levels meet, for which the weights are counted once more, and again while a cut moves out of the bins
//! that were divided.
//!
//! How far from the best possible the result is at most, is known: the optimum on the cells' means, less the spread
//! within cells, bounds every codebook's error from below (see [`Fit::lower_bound`]).

mod bins;

use std::collections::HashMap;
use std::ops::Range;

use rayon::prelude::*;

use self::bins::{Bins, Parts, key};
use crate::Error;
use crate::error::{all_finite, all_importances};
use crate::optimal::{Cell, Prefix, cluster, clusters, settle, settle_within};
use crate::stored::MOST_LEVELS;

/// Bins of the histogram, about.
pub const BINS: usize = 1 << 16;

/// Cells that are clustered by dynamic programming, at most.
pub const CELLS: usize = 4096;

/// Bins that a cut may move at a time.
const REACH: usize = 16;

/// Times that cuts may move on the bins.
const MOVES: usize = 32;

/// Bins that are divided on either side of a cut.
const NEAR: usize = 2;

/// A bin is divided into 2 to this power, or less where that would make more than [`MOST_PARTS`].
const PART_BITS: u32 = 6;

/// Parts of bins, at most: about what fits a level-2 cache, as the histogram does.
const MOST_PARTS: usize = 1 << 16;

/// Times that bins are divided.
const ROUNDS: usize = 3;

/// Chunks in which weights are visited, at most: a fixed number, so that sums do not depend on the number of threads.
const CHUNKS: usize = 8;

/// Weights in a chunk, at least.
const SMALLEST_CHUNK: usize = 1 << 18;

/// A codebook fitted to weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The levels, ascending; fewer than were asked for where there are fewer distinct weights, or more levels than the
    /// histogram tells apart.
    pub levels: Vec<f32>,
    /// `Σ importance · (weight - nearest level)²`.
    pub squared_error: f64,
    /// No codebook with as many levels has a smaller squared error.
    ///
    /// By the triangle inequality: replacing each weight by its cell's mean moves the root of any codebook's error by
    /// at most the root of the spread within cells. What sums may have lost to rounding is taken off.
    pub lower_bound: f64,
}

/// Fits `levels` levels to the weights, all of the same importance.
///
/// # Errors
/// No weights, weights that are not finite, or a number of levels outside 1..=65536.
pub fn fit_codebook(weights: &[f32], levels: usize) -> Result<Fit, Error> {
    fit(Weights { values: weights, importances: None }, levels)
}

/// Fits `levels` levels to weights of different importance (the diagonal of a Hessian, for example).
///
/// # Errors
/// As [`fit_codebook`]; not one importance a weight, or importances that are negative, not finite, or all zero.
pub fn fit_weighted_codebook(weights: &[f32], importances: &[f32], levels: usize) -> Result<Fit, Error> {
    if importances.len() != weights.len() {
        return Err(Error::ImportanceCount { expected: weights.len(), got: importances.len() });
    }
    all_importances(importances)?;
    fit(Weights { values: weights, importances: Some(importances) }, levels)
}

fn fit(weights: Weights, levels: usize) -> Result<Fit, Error> {
    if !(1..=MOST_LEVELS).contains(&levels) {
        return Err(Error::Levels { levels });
    }
    all_finite(weights.values)?;
    match distinct(weights) {
        Some(cells) if cells.is_empty() => Err(Error::Nothing),
        Some(cells) => {
            let best = cluster(&cells, levels);
            let levels = to_levels(&clusters(&cells, &best.cuts));
            let squared_error: f64 = cells.iter().map(|cell| distance(cell, &levels)).sum();
            Ok(Fit { squared_error, levels, lower_bound: (best.error - best.rounding).max(0.0).min(squared_error) })
        }
        None => fit_many(weights, levels),
    }
}

fn fit_many(weights: Weights, levels: usize) -> Result<Fit, Error> {
    let bins = Bins::new(weights).ok_or(Error::Nothing)?;
    let histogram = bins.histogram(weights);
    let filled: Vec<usize> = (0..bins.len()).filter(|&bin| histogram[bin].importance > 0.0).collect();
    let fine: Vec<Cell> = filled.iter().map(|&bin| histogram[bin]).collect();
    let widths = filled.iter().map(|&bin| bins.bin(bin).width());
    let starts = join(&fine, widths, CELLS.max(levels));
    let cells = clusters(&fine, &starts[1..]);
    let best = cluster(&cells, levels);
    let lower_bound = ((best.error - best.rounding).max(0.0).sqrt() - scatter(&cells).sqrt()).max(0.0).powi(2);

    let cuts: Vec<usize> = best.cuts.iter().map(|&cut| starts[cut]).collect();
    let cuts = settle(&fine, &cuts, REACH, MOVES);
    let levels = to_levels(&divide(weights, &bins, &filled, &fine, cuts));
    let squared_error = bins.error(weights, &histogram, &levels);
    Ok(Fit { levels, squared_error, lower_bound: lower_bound.min(squared_error) })
}

/// The clusters when cuts may fall inside of bins.
fn divide(weights: Weights, bins: &Bins, filled: &[usize], fine: &[Cell], mut cuts: Vec<usize>) -> Vec<Cell> {
    let mut found = clusters(fine, &cuts);
    for _ in 0..ROUNDS {
        let near = |cut: usize| cut.saturating_sub(NEAR)..(cut + NEAR).min(filled.len());
        let mut marked = vec![false; bins.len()];
        cuts.iter().flat_map(|&cut| near(cut)).for_each(|at| marked[filled[at]] = true);
        let count = marked.iter().filter(|&&is_marked| is_marked).count();
        let bits = (MOST_PARTS / count.max(1)).max(1).ilog2().min(PART_BITS);
        let parts = Parts::new(bins, &marked, bits);
        let counted = parts.histogram(weights);

        // The filled bins in order, with the filled parts of those that are divided in their place.
        let mut cells = Vec::with_capacity(fine.len() + counted.len());
        let mut places = Vec::with_capacity(fine.len() + 1);
        for (&bin, cell) in filled.iter().zip(fine) {
            places.push(cells.len());
            let of_bin = parts.of(bin);
            if of_bin.is_empty() {
                cells.push(*cell);
            } else {
                cells.extend(counted[of_bin].iter().filter(|part| part.importance > 0.0));
            }
        }
        places.push(cells.len());
        let windows: Vec<_> = cuts.iter().map(|&cut| places[near(cut).start]..places[near(cut).end] + 1).collect();
        let moved = settle_within(&Prefix::new(&cells), &windows);
        let next = clusters(&cells, &moved);
        // Where cuts crowd in a bin, they may have been pushed out of reach of where they were.
        if scatter(&next) > scatter(&found) {
            break;
        }
        found = next;

        let is_at_end = |(cut, window): (&usize, &Range<usize>)| {
            (*cut == window.start && *cut > 1) || (*cut + 1 == window.end && *cut + 1 < cells.len())
        };
        if !moved.iter().zip(&windows).any(is_at_end) {
            break;
        }
        // On to the bin that each cut is in; those of two cuts in one bin must differ.
        let mut least = 1;
        for (at, cut) in moved.iter().enumerate() {
            let bin = places.partition_point(|&place| place <= *cut) - 1;
            cuts[at] = bin.clamp(least, filled.len() - (moved.len() - at));
            least = cuts[at] + 1;
        }
    }
    found
}

/// Weights and, where they differ, their importances.
#[derive(Clone, Copy)]
struct Weights<'a> {
    values: &'a [f32],
    importances: Option<&'a [f32]>,
}

impl Weights<'_> {
    /// Visits each weight of positive importance.
    #[inline]
    fn for_each(self, mut visit: impl FnMut(f32, f64)) {
        match self.importances {
            None => self.values.iter().for_each(|&value| visit(value, 1.0)),
            Some(importances) => self.values.iter().zip(importances).for_each(|(&value, &importance)| {
                if importance > 0.0 {
                    visit(value, f64::from(importance));
                }
            }),
        }
    }

    fn part(self, range: Range<usize>) -> Self {
        Self { values: &self.values[range.clone()], importances: self.importances.map(|all| &all[range]) }
    }

    /// Equal parts, a number of them that depends on the number of weights alone.
    fn chunks(self) -> Vec<Self> {
        let size = self.values.len().div_ceil(CHUNKS).max(SMALLEST_CHUNK);
        let part = |at: usize| self.part(at * size..self.values.len().min((at + 1) * size));
        (0..self.values.len().div_ceil(size)).map(part).collect()
    }
}

/// A cell for each distinct weight, if there are few.
fn distinct(weights: Weights) -> Option<Vec<Cell>> {
    let count = |weights: Weights| {
        let mut importances: HashMap<u32, f64> = HashMap::new();
        for start in (0..weights.values.len()).step_by(CELLS) {
            let part = weights.part(start..weights.values.len().min(start + CELLS));
            part.for_each(|value, importance| *importances.entry(key(value)).or_default() += importance);
            if importances.len() > CELLS {
                return None;
            }
        }
        Some(importances)
    };
    // Chunks far into many weights tell the same as the first: they are looked at only if that one has few.
    let chunks = weights.chunks();
    let Some((first, others)) = chunks.split_first() else { return Some(Vec::new()) };
    let mut all = count(*first)?;
    for counted in others.par_iter().map(|chunk| count(*chunk)).collect::<Option<Vec<_>>>()? {
        for (key, importance) in counted {
            *all.entry(key).or_default() += importance;
        }
    }
    let mut all: Vec<(u32, f64)> = all.into_iter().collect();
    all.sort_unstable_by_key(|&(key, _)| key);
    (all.len() <= CELLS).then(|| all.iter().map(|&(key, importance)| Cell::of(bins::value(key), importance)).collect())
}

impl Bins {
    /// The squared error of levels. Only weights in bins where two levels meet are looked at one by one.
    fn error(&self, weights: Weights, histogram: &[Cell], levels: &[f32]) -> f64 {
        let limits: Vec<f64> = levels.windows(2).map(|pair| 0.5 * (f64::from(pair[0]) + f64::from(pair[1]))).collect();
        let nearest = |value: f64| limits.partition_point(|&limit| limit < value);
        let mut is_mixed = vec![false; self.len()];
        let mut error = 0.0;
        for (at, cell) in histogram.iter().enumerate().filter(|(_, cell)| cell.importance > 0.0) {
            let (low, high) = self.bin(at).ends();
            let level = nearest(low);
            if level == nearest(high) {
                error += cell.error(f64::from(levels[level]));
            } else {
                is_mixed[at] = true;
            }
        }
        let look = |weights: Weights| {
            let mut error = 0.0;
            weights.for_each(|value, importance| {
                if is_mixed[self.at(value)] {
                    let value = f64::from(value);
                    let off = value - f64::from(levels[nearest(value)]);
                    error += importance * off * off;
                }
            });
            error
        };
        let looked: Vec<f64> = weights.chunks().into_par_iter().map(look).collect();
        error + looked.iter().sum::<f64>()
    }
}

/// Joins neighbouring cells of the given widths to at most `most` of about equal shares of
/// `Σ (importance · width²)^(1/3)`, and returns the first of each.
fn join(cells: &[Cell], widths: impl Iterator<Item = f64>, most: usize) -> Vec<usize> {
    if cells.len() <= most {
        return (0..cells.len()).collect();
    }
    let shares: Vec<f64> =
        cells.iter().zip(widths).map(|(cell, width)| (cell.importance * width * width).cbrt()).collect();
    let shares = share_out(&shares, &vec![1.0; shares.len()], most as f64);
    let mut starts = Vec::with_capacity(most);
    let (mut seen, mut current) = (0.0, usize::MAX);
    for (at, share) in shares.iter().enumerate() {
        let joined = ((seen + 0.5 * share) as usize).min(most - 1);
        seen += share;
        if joined != current {
            starts.push(at);
        }
        current = joined;
    }
    starts
}

/// Shares `total` out in proportion to the wishes, but none more than its limit: what that leaves goes to the others.
fn share_out(wishes: &[f64], limits: &[f64], total: f64) -> Vec<f64> {
    let mut scale = 0.0;
    let mut limited = usize::MAX;
    loop {
        let (mut left, mut wanted, mut count) = (total, 0.0, 0);
        for (&wish, &limit) in wishes.iter().zip(limits) {
            if wish * scale >= limit {
                left -= limit;
                count += 1;
            } else {
                wanted += wish;
            }
        }
        // The scale grows, and so does the number of those at their limits.
        if count == limited || wanted <= 0.0 || left <= 0.0 {
            break;
        }
        (scale, limited) = (left / wanted, count);
    }
    wishes.iter().zip(limits).map(|(&wish, &limit)| (wish * scale).min(limit)).collect()
}

/// The squared error of each cell's mean as its level.
fn scatter(cells: &[Cell]) -> f64 {
    cells.iter().map(|cell| cell.scatter).sum()
}

fn to_levels(clusters: &[Cell]) -> Vec<f32> {
    let mut levels: Vec<f32> = clusters.iter().map(|cluster| cluster.mean as f32).collect();
    levels.dedup();
    levels
}

/// The squared error of a cell of one distinct value with the level nearest to it.
fn distance(cell: &Cell, levels: &[f32]) -> f64 {
    let off = levels.iter().map(|&level| (cell.mean - f64::from(level)).abs()).fold(f64::INFINITY, f64::min);
    cell.importance * off * off
}

#[cfg(test)]
mod tests;
