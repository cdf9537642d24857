//! Codebooks fitted to weights that were given: optimal on a histogram, then refined on the weights themselves.
//!
//! Few weights (up to [`CELLS`] distinct ones among 16,384) are clustered optimally as they are. Many are first counted in [`BINS`] equal
//! bins, each with its exact sums; bins are joined to at most [`CELLS`] cells, more of them where there are more weights
//! (the cube root of the density, as the levels of a fine optimal quantiser are distributed: Panter and Dite 1951); the cells
//! are clustered by dynamic programming. What is lost is that cells are not divided, and a few rounds of Lloyd's
//! algorithm on the weights, which look only at weights in bins where two levels meet, win most of it back.
//!
//! How far from the best possible the result is at most, is known: the optimum on the cells' means, less the spread within cells,
//! bounds every codebook's error from below (see [`Fit::lower_bound`]).

use rayon::prelude::*;

use crate::Error;
use crate::error::all_finite;
use crate::optimal::{Cell, cluster};
use crate::stored::MOST_LEVELS;

/// Equal bins of the histogram.
pub const BINS: usize = 1 << 16;

/// Cells that are clustered by dynamic programming, at most.
pub const CELLS: usize = 4096;

/// Weights that are sorted one by one, at most.
const MOST_SORTED: usize = 1 << 14;

/// Rounds of refinement on the weights.
const ROUNDS: usize = 4;

/// Chunks in which weights are visited, at most: a fixed number, so that sums do not depend on the number of threads.
const CHUNKS: usize = 8;

/// Weights in a chunk, at least.
const SMALLEST_CHUNK: usize = 1 << 18;

/// A codebook fitted to weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The levels, ascending; fewer than were asked for where there are fewer distinct weights.
    pub levels: Vec<f32>,
    /// `Σ importance · (weight - nearest level)²`.
    pub squared_error: f64,
    /// No codebook with as many levels has a smaller squared error.
    ///
    /// By the triangle inequality: replacing each weight by its cell's mean moves the root of any codebook's error by
    /// at most the root of the spread within cells.
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
    if let Some(position) = importances.iter().position(|value| !(value.is_finite() && *value >= 0.0)) {
        return Err(Error::Importance { position, value: importances[position] });
    }
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
            let levels = to_levels(&best.levels);
            let squared_error: f64 = cells.iter().map(|cell| distance(cell, &levels)).sum();
            Ok(Fit { squared_error, levels, lower_bound: best.error.min(squared_error) })
        }
        None => fit_many(weights, levels),
    }
}

fn fit_many(weights: Weights, levels: usize) -> Result<Fit, Error> {
    let bins = Bins::new(weights).ok_or(Error::Nothing)?;
    let histogram = bins.histogram(weights);
    let cells = join(&histogram, CELLS.max(levels));
    if cells.is_empty() {
        return Err(Error::Nothing);
    }
    let best = cluster(&cells, levels);
    let within: f64 = cells.iter().map(Cell::error).sum();
    let lower_bound = ((best.error - within).max(0.0).sqrt() - within.sqrt()).max(0.0).powi(2);

    let mut levels = to_levels(&best.levels);
    let mut clusters = bins.assign(weights, &histogram, &levels);
    let mut squared_error = total_error(&clusters, &levels);
    for _ in 0..ROUNDS {
        let moved = to_levels(&means(&clusters, &levels));
        let next = bins.assign(weights, &histogram, &moved);
        let error = total_error(&next, &moved);
        // Rounding to f32 may undo a tiny gain: what is not better is not kept.
        if error >= squared_error {
            break;
        }
        (levels, clusters, squared_error) = (moved, next, error);
    }
    Ok(Fit { levels, squared_error, lower_bound: lower_bound.min(squared_error) })
}

/// Weights and, where they differ, their importances.
#[derive(Clone, Copy)]
struct Weights<'a> {
    values: &'a [f32],
    importances: Option<&'a [f32]>,
}

impl<'a> Weights<'a> {
    fn iter(self) -> impl Iterator<Item = (f64, f64)> + use<'a> {
        let importance = move |position: usize| self.importances.map_or(1.0, |all| f64::from(all[position]));
        self.values.iter().enumerate().map(move |(position, &value)| (f64::from(value), importance(position)))
    }

    /// Equal parts, a number of them that depends on the number of weights alone.
    fn chunks(self) -> Vec<Self> {
        let size = self.values.len().div_ceil(CHUNKS).max(SMALLEST_CHUNK);
        let part = |at: usize| {
            let range = at * size..self.values.len().min((at + 1) * size);
            Self { values: &self.values[range.clone()], importances: self.importances.map(|all| &all[range]) }
        };
        (0..self.values.len().div_ceil(size)).map(part).collect()
    }
}

/// A cell for each distinct weight, if there are few.
fn distinct(weights: Weights) -> Option<Vec<Cell>> {
    if weights.values.len() > MOST_SORTED {
        return None;
    }
    let mut all: Vec<(f64, f64)> = weights.iter().filter(|&(_, importance)| importance > 0.0).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut cells: Vec<Cell> = Vec::new();
    let mut last = None;
    for (value, importance) in all {
        let cell = Cell::of(value, importance);
        match cells.last_mut() {
            Some(of_last) if last == Some(value) => of_last.add(&cell),
            _ => cells.push(cell),
        }
        last = Some(value);
    }
    (cells.len() <= CELLS).then_some(cells)
}

/// The division of the weights' range into equal bins.
struct Bins {
    start: f64,
    width: f64,
    inverse_width: f64,
}

impl Bins {
    fn new(weights: Weights) -> Option<Self> {
        let (low, high) = mixpress_parallel::map_reduce(
            weights.values.len(),
            |range| {
                weights.values[range]
                    .iter()
                    .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &value| (low.min(value), high.max(value)))
            },
            |left, right| (left.0.min(right.0), left.1.max(right.1)),
        )?;
        let width = (f64::from(high) - f64::from(low)) / BINS as f64;
        Some(Self { start: f64::from(low), width, inverse_width: if width > 0.0 { width.recip() } else { 0.0 } })
    }

    #[inline]
    fn of(&self, value: f64) -> usize {
        (((value - self.start) * self.inverse_width) as usize).min(BINS - 1)
    }

    /// The sums of each bin.
    fn histogram(&self, weights: Weights) -> Vec<Cell> {
        let count = |weights: Weights| {
            let mut cells = vec![Cell::default(); BINS];
            for (value, importance) in weights.iter() {
                cells[self.of(value)].add(&Cell::of(value, importance));
            }
            cells
        };
        sum_in_order(weights.chunks().into_par_iter().map(count).collect(), BINS)
    }

    /// Sums of the weights nearest to each level. Only weights in bins where two levels meet are looked at one by one.
    fn assign(&self, weights: Weights, histogram: &[Cell], levels: &[f32]) -> Vec<Cell> {
        let limits: Vec<f64> = levels.windows(2).map(|pair| 0.5 * (f64::from(pair[0]) + f64::from(pair[1]))).collect();
        let nearest = |value: f64| limits.partition_point(|&limit| limit < value);
        let mut clusters = vec![Cell::default(); levels.len()];
        let mut is_mixed = vec![false; BINS];
        for (bin, cell) in histogram.iter().enumerate() {
            // A weight may have been rounded into the bin from a little outside of it.
            let edge = |bins: f64| self.start + bins * self.width;
            let (low, high) = (nearest(edge(bin as f64 - 1e-6)), nearest(edge(bin as f64 + 1.0 + 1e-6)));
            if low == high {
                clusters[low].add(cell);
            } else {
                is_mixed[bin] = true;
            }
        }
        let look = |weights: Weights| {
            let mut clusters = vec![Cell::default(); levels.len()];
            for (value, importance) in weights.iter() {
                if is_mixed[self.of(value)] {
                    clusters[nearest(value)].add(&Cell::of(value, importance));
                }
            }
            clusters
        };
        let looked = sum_in_order(weights.chunks().into_par_iter().map(look).collect(), levels.len());
        for (cluster, looked) in clusters.iter_mut().zip(&looked) {
            cluster.add(looked);
        }
        clusters
    }
}

fn sum_in_order(parts: Vec<Vec<Cell>>, len: usize) -> Vec<Cell> {
    let mut total = vec![Cell::default(); len];
    for part in parts {
        for (sum, cell) in total.iter_mut().zip(&part) {
            sum.add(cell);
        }
    }
    total
}

/// Joins neighbouring bins to at most `most` cells of about equal shares of `Σ importance^(1/3)`; empty bins vanish.
fn join(histogram: &[Cell], most: usize) -> Vec<Cell> {
    let share = |cell: &Cell| cell.importance.cbrt();
    let filled: Vec<&Cell> = histogram.iter().filter(|cell| cell.importance > 0.0).collect();
    if filled.len() <= most {
        return filled.into_iter().copied().collect();
    }
    let step = filled.iter().map(|cell| share(cell)).sum::<f64>() / most as f64;
    let mut cells: Vec<Cell> = Vec::with_capacity(most);
    let (mut seen, mut current) = (0.0, usize::MAX);
    for cell in filled {
        let middle = seen + 0.5 * share(cell);
        seen += share(cell);
        let at = ((middle / step) as usize).min(most - 1);
        match cells.last_mut() {
            Some(last) if at == current => last.add(cell),
            _ => cells.push(*cell),
        }
        current = at;
    }
    cells
}

fn to_levels(levels: &[f64]) -> Vec<f32> {
    let mut levels: Vec<f32> = levels.iter().map(|&level| level as f32).collect();
    levels.dedup();
    levels
}

/// The means of the clusters; an empty one keeps its level.
fn means(clusters: &[Cell], levels: &[f32]) -> Vec<f64> {
    let mean = |(cluster, &level): (&Cell, &f32)| {
        if cluster.importance > 0.0 { cluster.mean() } else { f64::from(level) }
    };
    clusters.iter().zip(levels).map(mean).collect()
}

/// The squared error of clusters with the given levels.
fn total_error(clusters: &[Cell], levels: &[f32]) -> f64 {
    let error = |(cluster, &level): (&Cell, &f32)| {
        let off = if cluster.importance > 0.0 { cluster.mean() - f64::from(level) } else { 0.0 };
        cluster.error() + cluster.importance * off * off
    };
    clusters.iter().zip(levels).map(error).sum()
}

/// The squared error of a cell of one distinct value with the level nearest to it.
fn distance(cell: &Cell, levels: &[f32]) -> f64 {
    let value = cell.mean();
    let off = levels.iter().map(|&level| (value - f64::from(level)).abs()).fold(f64::INFINITY, f64::min);
    cell.importance * off * off
}

#[cfg(test)]
mod tests;
