//! The prior in O(N + K B): value, gradient to the weights and statistics of the components from cells, not from weights.
//!
//! `ln p(u)` and everything that is wanted of it are functions of one scalar. The range of a layer's weights is divided into
//! cells. In each, the score is interpolated by a quintic through six Chebyshev nodes, so a weight's gradient costs a
//! table lookup and five multiplications. And each cell keeps the *moments* `Σ t^m`, `m = 0..5`, of the positions `t` in
//! `[-1, 1]` of its weights: any quintic summed over the weights is a function of those, so the statistics of every component
//! (`Σ r`, `Σ r z`, `Σ r z²`, `Σ ln p`) come from one pass over the cells' nodes after the pass over the weights.
//!
//! # How exact it is
//! Responsibilities are a softmax of parabolas. Let `D` be the most that the logarithms of two components, relative to each
//! other, can change from a cell's middle to its edge. The softmax is analytic up to a distance of about `π / D` cells'
//! halves, so the quintic's relative error falls like `(D / 2π)⁶` (Trefethen, *Approximation Theory and Approximation
//! Practice*, theorem 8.2); where a single component rules, the score is a line and the quintic has no error at all. Cells
//! are divided until `D` is at most [`LARGEST_CHANGE`]; where that would take too many cells, and outside of the grid,
//! weights are evaluated exactly. Components that stay below `e^-34` of the density in the whole cell do not count for `D`, however steep they are.

use std::ops::Range;

use rayon::prelude::*;

use crate::mixture::Term;
use crate::statistics::{Accumulator, Sums, sum_up};
use crate::{Mixture, Statistics};

/// `D` of the module's text: 0.25 makes for errors of about `4e-9` of the local size of a function.
const LARGEST_CHANGE: f64 = 0.25;

/// Nodes of a cell, and coefficients of a polynomial.
const ORDER: usize = 6;

/// Components this many nats below the density in a whole cell may change as they like.
const UNRESOLVED: f64 = 34.0;

/// Components this many nats below the density in a whole cell are left out of it: `e^-45` is `3e-20`.
const NEGLIGIBLE: f64 = 45.0;

/// The grid reaches this many standard deviations beyond the means; few weights are outside.
const REACH: f64 = 12.0;

/// Coarse cells, at most.
const COARSE: usize = 4096;

/// Parts of a coarse cell, at most.
const MOST_PARTS: usize = 1024;

/// Fine cells, at most: their tables stay in caches.
const MOST_CELLS: usize = 1 << 17;

/// Fewer weights than this are evaluated exactly: building a grid would cost more.
const FEWEST_WEIGHTS: usize = 2048;

/// Chunks in which weights are visited, at most: a fixed number whatever the number of threads, so that sums do not change.
const CHUNKS: usize = 16;

/// Weights in a chunk, at least.
const SMALLEST_CHUNK: usize = 1 << 15;

/// A mixture tabulated for the weights of a layer: value, gradients and statistics in O(N + K B) for B cells.
///
/// Gradients to weights and to the mixture's parameters agree with the exact ones of [`Mixture::add_gradient`] to 1e-4
/// relative, plus 1e-6 of the largest, for standard deviations down to 1e-4 of the range and proportions down to 1e-6: cells
/// are divided where components are narrow, and what would need too many cells is evaluated exactly.
#[derive(Clone, Debug)]
pub struct Grid<'a> {
    mixture: &'a Mixture,
    scale: f64,
    start: f64,
    width: f64,
    coarse: Vec<Coarse>,
    /// Positions of the components that matter in each coarse cell, cell after cell.
    active: Vec<u32>,
    /// Coefficients of the score's polynomial in each fine cell, from the constant term up.
    score: Vec<[f64; ORDER]>,
    basis: Basis,
}

/// A cell of the regular division.
#[derive(Clone, Copy, Debug)]
struct Coarse {
    /// Equal parts that the cell is divided into; 0 where weights are evaluated exactly.
    parts: u32,
    /// Position of the first part among all fine cells.
    first: u32,
    /// Range of its components in `Grid::active`.
    active: [u32; 2],
}

impl Mixture {
    /// A grid for the weights of a layer of scale `scale`.
    #[must_use]
    pub fn grid(&self, weights: &[f32], scale: f64) -> Grid<'_> {
        let (low, high) = extremes(weights);
        Grid::new(self, scale, f64::from(low) / scale, f64::from(high) / scale, weights.len())
    }
}

impl<'a> Grid<'a> {
    /// A grid for about `weights` weights whose `u = w / scale` are between `low` and `high`. Other weights are welcome, but
    /// slow.
    #[must_use]
    pub fn new(mixture: &'a Mixture, scale: f64, low: f64, high: f64, weights: usize) -> Self {
        let reach = |sign: f64| mixture.components().iter().map(move |c| sign * c.mean + REACH * c.std_dev);
        let start = low.max(-reach(-1.0).fold(f64::NEG_INFINITY, f64::max));
        let end = high.min(reach(1.0).fold(f64::NEG_INFINITY, f64::max));
        let cells = if end > start && weights >= FEWEST_WEIGHTS {
            (weights / 16).next_power_of_two().clamp(64, COARSE)
        } else {
            0
        };
        let width = if cells > 0 { (end - start) / cells as f64 } else { 1.0 };
        let (coarse, active, score) = (Vec::new(), Vec::new(), Vec::new());
        let mut grid = Self { mixture, scale, start, width, coarse, active, score, basis: Basis::new() };
        grid.divide(cells);
        grid.interpolate();
        grid
    }

    /// Number of fine cells.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.score.len()
    }

    /// Finds the components that matter in each coarse cell, and the number of parts it needs.
    fn divide(&mut self, cells: usize) {
        let wanted: Vec<(u32, Vec<u32>)> = (0..cells)
            .into_par_iter()
            .with_min_len(64)
            .map(|cell| {
                let left = self.start + cell as f64 * self.width;
                inspect(self.mixture.terms(), left, left + self.width)
            })
            .collect();
        let mut fine = 0;
        for (mut parts, components) in wanted {
            if fine + parts as usize > MOST_CELLS {
                parts = 0;
            }
            let first = self.active.len() as u32;
            if parts > 0 {
                self.active.extend(components);
            }
            self.coarse.push(Coarse { parts, first: fine as u32, active: [first, self.active.len() as u32] });
            fine += parts as usize;
        }
    }

    /// Computes the polynomial of the score in each fine cell.
    fn interpolate(&mut self) {
        let polynomials: Vec<Vec<[f64; ORDER]>> = (0..self.coarse.len())
            .into_par_iter()
            .with_min_len(64)
            .map(|cell| {
                let terms = self.terms_of(cell);
                (0..self.coarse[cell].parts)
                    .map(|part| self.basis.coefficients(self.nodes(cell, part).map(|u| score_of(&terms, u))))
                    .collect()
            })
            .collect();
        self.score = polynomials.concat();
    }

    /// The nodes of a part of a coarse cell.
    fn nodes(&self, cell: usize, part: u32) -> [f64; ORDER] {
        let half = 0.5 / f64::from(self.coarse[cell].parts);
        let middle = (f64::from(part) * 2.0 + 1.0) * half;
        self.basis.nodes.map(|node| self.start + (cell as f64 + middle + half * node) * self.width)
    }

    fn terms_of(&self, cell: usize) -> Vec<Term> {
        self.components_of(cell).iter().map(|&position| self.mixture.terms()[position as usize]).collect()
    }

    fn components_of(&self, cell: usize) -> &[u32] {
        let [first, last] = self.coarse[cell].active;
        &self.active[first as usize..last as usize]
    }

    /// As [`Mixture::statistics`].
    #[must_use]
    pub fn statistics(&self, weights: &[f32]) -> Statistics {
        let partial: Vec<Partial> =
            weights.par_chunks(chunk(weights.len())).map(|weights| self.visit(weights, |_, _| {})).collect();
        self.finish(partial)
    }

    /// As [`Mixture::add_gradient`].
    ///
    /// # Panics
    /// When `gradient` has another length than `weights`.
    #[track_caller]
    pub fn add_gradient(&self, weights: &[f32], factor: f32, gradient: &mut [f32]) -> Statistics {
        assert_eq!(weights.len(), gradient.len(), "one gradient a weight");
        let factor = -f64::from(factor) / self.scale;
        let chunk = chunk(weights.len());
        let partial: Vec<Partial> = (weights.par_chunks(chunk).zip(gradient.par_chunks_mut(chunk)))
            .map(|(weights, gradient)| {
                self.visit(weights, |position, score| {
                    gradient[position] = (f64::from(gradient[position]) + factor * score) as f32;
                })
            })
            .collect();
        self.finish(partial)
    }

    /// Visits weights in order: sorts them into cells, and hands out the position and the score of each.
    fn visit(&self, weights: &[f32], mut each: impl FnMut(usize, f64)) -> Partial<'a> {
        let mut partial =
            Partial { moments: vec![[0.0; ORDER]; self.score.len()], exact: Accumulator::new(self.mixture) };
        let (inverse_scale, inverse_width) = (self.scale.recip(), self.width.recip());
        for (position, &weight) in weights.iter().enumerate() {
            let u = f64::from(weight) * inverse_scale;
            let x = (u - self.start) * inverse_width;
            // The end of the range belongs to the last cell; NaN belongs to none.
            let cell = if x >= 0.0 && x <= self.coarse.len() as f64 { x as usize } else { usize::MAX };
            let score = match self.coarse.get(cell) {
                Some(&Coarse { parts, first, .. }) if parts > 0 => {
                    let y = (x - cell as f64) * f64::from(parts);
                    let part = (y as u32).min(parts - 1);
                    let t = 2.0 * (y - f64::from(part)) - 1.0;
                    let fine = (first + part) as usize;
                    let moments = &mut partial.moments[fine];
                    let (t2, t4) = (t * t, t * t * t * t);
                    for (moment, power) in moments.iter_mut().zip([1.0, t, t2, t2 * t, t4, t4 * t]) {
                        *moment += power;
                    }
                    let [c0, c1, c2, c3, c4, c5] = self.score[fine];
                    (c0 + c1 * t) + t2 * (c2 + c3 * t) + t4 * (c4 + c5 * t)
                }
                _ => partial.exact.visit(u),
            };
            each(position, score);
        }
        partial
    }

    /// Sums what the chunks saw, in their order, and evaluates the cells.
    fn finish(&self, partial: Vec<Partial>) -> Statistics {
        let mut total = Statistics::empty(self.mixture.len());
        let mut moments = vec![[0.0; ORDER]; self.score.len()];
        for chunk in partial {
            total.add(&chunk.exact.statistics);
            for (sums, chunk) in moments.iter_mut().zip(chunk.moments) {
                for (sum, moment) in sums.iter_mut().zip(chunk) {
                    *sum += moment;
                }
            }
        }
        // Blocks of cells, again a fixed number.
        let block = self.coarse.len().div_ceil(CHUNKS).max(1);
        let blocks: Vec<Statistics> = (0..self.coarse.len().div_ceil(block))
            .into_par_iter()
            .map(|at| self.evaluate(at * block..self.coarse.len().min((at + 1) * block), &moments))
            .collect();
        blocks.iter().fold(total, sum_up)
    }

    /// Statistics of the weights in some coarse cells, from their moments.
    fn evaluate(&self, cells: Range<usize>, moments: &[[f64; ORDER]]) -> Statistics {
        let mut total = Statistics::empty(self.mixture.len());
        let mut shares = Vec::new();
        for cell in cells {
            let terms = self.terms_of(cell);
            let mut sums = vec![Sums::default(); terms.len()];
            for part in 0..self.coarse[cell].parts {
                let moments = moments[(self.coarse[cell].first + part) as usize];
                if moments[0] > 0.0 {
                    total.weights += moments[0] as usize;
                    for (u, weight) in self.nodes(cell, part).into_iter().zip(self.basis.weights(moments)) {
                        total.log_likelihood += weight * add_node(&terms, u, weight, &mut shares, &mut sums);
                    }
                }
            }
            for (sums, &position) in sums.iter().zip(self.components_of(cell)) {
                let of = &mut total.components[position as usize];
                of.count += sums.count;
                of.first += sums.first;
                of.second += sums.second;
            }
        }
        total
    }
}

/// What a chunk of weights adds up to.
struct Partial<'a> {
    moments: Vec<[f64; ORDER]>,
    exact: Accumulator<'a>,
}

/// Weights in a chunk.
fn chunk(len: usize) -> usize {
    len.div_ceil(CHUNKS).max(SMALLEST_CHUNK)
}

/// Smallest and largest weight; NaN is neither.
fn extremes(weights: &[f32]) -> (f32, f32) {
    mixpress_parallel::map_reduce(
        weights.len(),
        |range| {
            // Eight lanes, which compilers keep in vector registers.
            let mut lanes = [(f32::INFINITY, f32::NEG_INFINITY); 8];
            for weights in weights[range].chunks(8) {
                for (lane, &weight) in lanes.iter_mut().zip(weights) {
                    *lane = (lane.0.min(weight), lane.1.max(weight));
                }
            }
            lanes.into_iter().fold((f32::INFINITY, f32::NEG_INFINITY), wider)
        },
        wider,
    )
    .unwrap_or((0.0, 0.0))
}

fn wider(left: (f32, f32), right: (f32, f32)) -> (f32, f32) {
    (left.0.min(right.0), left.1.max(right.1))
}

/// The parts that the cell from `left` to `right` needs (0: too many), and the positions of the components that matter there.
fn inspect(terms: &[Term], left: f64, right: f64) -> (u32, Vec<u32>) {
    // The density is nowhere in the cell below that of the component with the best worst case; parabolas open downwards,
    // so a component's worst case is at an end, and its best case at the point nearest to its mean.
    let floor = terms.iter().map(|term| term.log(left).min(term.log(right))).fold(f64::NEG_INFINITY, f64::max);
    let mut active = Vec::new();
    let mut slopes = [(f64::INFINITY, f64::NEG_INFINITY); 2];
    for (position, term) in terms.iter().enumerate() {
        let best = term.log(term.mean.clamp(left, right));
        if best >= floor - NEGLIGIBLE {
            active.push(position as u32);
        }
        if best >= floor - UNRESOLVED {
            for (slopes, end) in slopes.iter_mut().zip([left, right]) {
                let slope = -term.z(end) * term.inverse_std_dev;
                *slopes = (slopes.0.min(slope), slopes.1.max(slope));
            }
        }
    }
    // Differences of slopes are linear, so they are largest at an end.
    let steepest = slopes.iter().map(|(least, most)| most - least).fold(0.0, f64::max);
    let parts = (0.5 * (right - left) * steepest / LARGEST_CHANGE).ceil().max(1.0);
    (if parts <= MOST_PARTS as f64 { parts as u32 } else { 0 }, active)
}

/// The score of some terms at `u`.
fn score_of(terms: &[Term], u: f64) -> f64 {
    let peak = terms.iter().map(|term| term.log(u)).fold(f64::NEG_INFINITY, f64::max);
    let (mut sum, mut slope) = (0.0, 0.0);
    for term in terms {
        let share = (term.log(u) - peak).exp();
        sum += share;
        slope += share * term.z(u) * term.inverse_std_dev;
    }
    -slope / sum
}

/// Adds `weight` weights at `u` to the sums of the terms, and returns `ln p(u)`.
fn add_node(terms: &[Term], u: f64, weight: f64, shares: &mut Vec<f64>, sums: &mut [Sums]) -> f64 {
    shares.clear();
    shares.extend(terms.iter().map(|term| term.log(u)));
    let peak = shares.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for share in &mut *shares {
        *share = (*share - peak).exp();
        sum += *share;
    }
    for ((share, term), sums) in shares.iter().zip(terms).zip(sums) {
        let responsibility = weight * share / sum;
        let z = term.z(u);
        sums.count += responsibility;
        sums.first += responsibility * z;
        sums.second += responsibility * z * z;
    }
    peak + sum.ln()
}

/// Lagrange's basis polynomials of the Chebyshev nodes on `[-1, 1]`.
#[derive(Clone, Copy, Debug)]
struct Basis {
    /// `-cos((2 n + 1) π / (2 ORDER))`, ascending.
    nodes: [f64; ORDER],
    /// `lagrange[n][m]` is coefficient `m` of the polynomial that is 1 at node `n` and 0 at the others.
    lagrange: [[f64; ORDER]; ORDER],
}

impl Basis {
    fn new() -> Self {
        let nodes: [f64; ORDER] =
            std::array::from_fn(|n| -((2 * n + 1) as f64 * std::f64::consts::PI / (2 * ORDER) as f64).cos());
        let lagrange = std::array::from_fn(|n| {
            let mut polynomial = [0.0; ORDER];
            polynomial[0] = 1.0;
            for (other, &root) in nodes.iter().enumerate().filter(|&(other, _)| other != n) {
                // Times (t - root) / (node - root); the degree is at most `other + 1`.
                let factor = (nodes[n] - root).recip();
                for m in (0..ORDER.min(other + 2)).rev() {
                    let shifted = if m > 0 { polynomial[m - 1] } else { 0.0 };
                    polynomial[m] = factor * (shifted - root * polynomial[m]);
                }
            }
            polynomial
        });
        Self { nodes, lagrange }
    }

    /// Coefficients of the polynomial with the given values at the nodes.
    fn coefficients(&self, values: [f64; ORDER]) -> [f64; ORDER] {
        let mut coefficients = [0.0; ORDER];
        for (value, polynomial) in values.iter().zip(&self.lagrange) {
            for (coefficient, of_basis) in coefficients.iter_mut().zip(polynomial) {
                *coefficient += value * of_basis;
            }
        }
        coefficients
    }

    /// Weights of the nodes, so that a polynomial summed over a cell's weights is the weighted sum of its values at the nodes.
    fn weights(&self, moments: [f64; ORDER]) -> [f64; ORDER] {
        self.lagrange.map(|polynomial| polynomial.iter().zip(moments).map(|(of_basis, moment)| of_basis * moment).sum())
    }
}

#[cfg(test)]
mod tests;
