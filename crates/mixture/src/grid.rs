//! The prior in O(N + K B): value, gradient to the weights and statistics of the components from cells, not from weights.
//!
//! `ln p(u)` and everything that is wanted of it are functions of one scalar. The range of a layer's weights is divided into
//! cells. In each, the score is interpolated by a cubic through four Gauss-Legendre nodes, so a weight's gradient costs a
//! table lookup and three multiplications. And each cell keeps the *moments* `Σ t^m`, `m = 0..3`, of the positions `t` in
//! `[-1/2, 1/2]` of its weights: any cubic summed over the weights is a function of those, so the statistics of every
//! component (`Σ r`, `Σ r z`, `Σ r z²`, `Σ ln p`) come from one pass over the cells' nodes after the pass over the weights.
//!
//! Where zero's component takes most weights, one wide cell around zero, with a polynomial of a higher degree, stands
//! before the others ([`hot`]): its weights need no table. Only those that are not in it come to the cells.
//!
//! # How exact it is
//! Responsibilities are a softmax of parabolas. Let `D` be the most that the logarithms of two components, relative to
//! each other, can change from a cell's middle to its edge. The softmax is analytic up to a distance of about `π / D`
//! cells' halves (`D` takes in the curvature of the difference on the way there), so the cubic's relative error falls
//! like `(D / 2π)⁴` (Trefethen, *Approximation Theory and Approximation Practice*, theorem 8.2); where a single
//! component rules, the score is a line and the cubic has no error at all. Cells are divided until `D` is at most
//! [`LARGEST_CHANGE`]; where that would take too many cells, and outside of the grid, weights are evaluated exactly.
//! Components that stay below `e^-26` of the density in the whole cell do not count for `D`, however steep they are:
//! none is that faint at its own mean, unless its proportion is far below 1e-6.
//!
//! # What it costs
//! Cells stand in two levels: coarse ones of equal width, each in a number of equal parts ([`visit`] has the pass over
//! the weights). Where two components meet, `D` allows a fixed number of cells however narrow they are, so `B` is a few
//! hundred cells a component at most; which components matter where is found top down ([`divide`]), so that a cell is only
//! asked for its neighbours' exponentials ([`nodes`]).

mod divide;
mod hot;
mod nodes;
mod sweep;
mod visit;

use std::sync::{Mutex, PoisonError};

use mixpress_simd::vectorized;
use rayon::prelude::*;

use self::divide::{Axis, Block, divide, terms_at};
use self::hot::HotCell;
use self::nodes::{Basis, CELLS, NodeSums, ORDER, scores};
use self::sweep::{HotMoments, SWEEP};
use self::visit::{Cell, Filled, Layout, Moments};
use crate::lanes::{LANES, Lanes};
use crate::statistics::{Accumulator, sum_up};
use crate::{Mixture, Statistics};

/// `D` of the module's text. What decides it are small gradients beside a steep change of the score: errors there count
/// against the largest gradient.
const LARGEST_CHANGE: f64 = 0.1;

/// Fewer weights than this are evaluated exactly: building a grid would cost more.
const FEWEST_WEIGHTS: usize = 2048;

/// Fewer weights than this get no hot cell: choosing one would cost more than it saves.
const FEWEST_FOR_HOT_CELL: usize = 1 << 20;

/// Chunks in which weights are visited, at most: a fixed number whatever the number of threads, so that sums over those that
/// are evaluated exactly do not change.
const CHUNKS: usize = 64;

/// Weights in a chunk, at least.
const SMALLEST_CHUNK: usize = 1 << 13;

/// Groups of blocks of cells that are summed on their own, again a fixed number.
const GROUPS: usize = 32;

/// Layers of more weights are sampled to find the range of their grid.
const SAMPLED: usize = 1 << 20;

/// A mixture tabulated for the weights of a layer: value, gradients and statistics in O(N + K B) for B cells.
///
/// Gradients to weights and to the mixture's parameters agree with the exact ones of [`Mixture::add_gradient`] to 1e-4
/// relative, plus 1e-6 of the largest, for standard deviations down to 1e-4 of the range and proportions down to 1e-6: cells
/// are divided where components are narrow, and what would need too many cells is evaluated exactly.
#[derive(Clone, Debug)]
pub struct Grid<'a> {
    mixture: &'a Mixture,
    scale: f64,
    basis: Basis<ORDER>,
    axis: Axis,
    blocks: Vec<Block>,
    /// Entries of the coarse cells, with one at either end for what is outside.
    table: Vec<u32>,
    /// The score in each fine cell; cell 0 is for weights that are evaluated exactly.
    cells: Vec<Cell>,
    /// The cell that takes most weights before they come to the others.
    hot: Option<HotCell>,
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
        let axis = if weights >= FEWEST_WEIGHTS { Axis::new(mixture, scale, low, high, weights) } else { None };
        let (axis, blocks) = match axis {
            Some(axis) => (axis, divide(mixture.terms(), &axis)),
            None => (Axis::empty(), Vec::new()),
        };
        let is_hot_worth_it = !blocks.is_empty() && weights >= FEWEST_FOR_HOT_CELL;
        let hot = if is_hot_worth_it { HotCell::choose(mixture, scale) } else { None };
        let mut table = vec![0];
        table.extend(blocks.iter().flat_map(Block::entries));
        table.push(0);
        let fine = blocks.last().map_or(1, |block| block.fine().end);
        let cells = vec![Cell::default(); fine];
        let mut grid = Self { mixture, scale, basis: Basis::of_cell(), axis, blocks, table, cells, hot };
        grid.interpolate();
        grid
    }

    /// Number of fine cells.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.cells.len() - 1
    }

    /// Computes the polynomial of the score in each fine cell.
    fn interpolate(&mut self) {
        let mut cells = std::mem::take(&mut self.cells);
        let mut rest = &mut cells[1..];
        let mut parts = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            let (cells, others) = rest.split_at_mut(block.fine().len());
            parts.push((block, cells));
            rest = others;
        }
        parts.into_par_iter().with_min_len(8).for_each(|(block, cells)| {
            let terms = terms_at(self.mixture, &block.active);
            let mut batch = Batch::new(&self.basis);
            let mut filled = 0;
            let flush = |batch: &mut Batch, cells: &mut [Cell]| {
                let scores = scores(&terms, &batch.nodes);
                for (cell, values) in cells.iter_mut().zip(scores.as_chunks().0) {
                    *cell = Cell::new(self.basis.coefficients(values));
                }
                batch.len = 0;
            };
            for (middle, width) in block.fine_cells(&self.axis) {
                batch.push(middle, width, [0.0; ORDER]);
                if batch.len == CELLS {
                    flush(&mut batch, &mut cells[filled..]);
                    filled += CELLS;
                }
            }
            if batch.len > 0 {
                let last = filled + batch.len;
                flush(&mut batch, &mut cells[filled..last]);
            }
        });
        self.cells = cells;
    }

    fn layout(&self) -> Layout<'_> {
        Layout {
            inverse_step: self.axis.inverse_step(),
            first: self.axis.first() - 1,
            table: &self.table,
            hot: self.hot.as_ref().map(|cell| &cell.hot),
        }
    }

    /// As [`Mixture::statistics`].
    #[must_use]
    pub fn statistics(&self, weights: &[f32]) -> Statistics {
        let visit = |weights: &[f32], visitor: &mut Visitor| {
            // Gradients are computed and thrown away: who only wants statistics is not in a hurry.
            let mut nowhere = [0.0; 1024];
            for weights in weights.chunks(nowhere.len()) {
                visitor.visit(weights, 0.0, &mut nowhere[..weights.len()]);
            }
        };
        self.collect(weights.par_chunks(chunk(weights.len())), visit)
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
        let chunks = weights.par_chunks(chunk).zip(gradient.par_chunks_mut(chunk));
        self.collect(chunks, |(weights, gradient), visitor| visitor.visit(weights, factor, gradient))
    }

    /// Lets visitors visit the chunks, and sums up what they saw.
    fn collect<C: Send>(
        &self,
        chunks: impl IndexedParallelIterator<Item = C>,
        visit: impl Fn(C, &mut Visitor) + Sync,
    ) -> Statistics {
        let idle = Mutex::new(Vec::new());
        let exact: Vec<Option<Statistics>> = chunks
            .map(|chunk| {
                let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let filled = taken.unwrap_or_else(|| self.empty());
                let mut visitor = Visitor { grid: self, filled, exact: None };
                visit(chunk, &mut visitor);
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(visitor.filled);
                visitor.exact.map(|exact| exact.statistics)
            })
            .collect();
        let total = exact.iter().flatten().fold(Statistics::empty(self.mixture.len()), sum_up);
        self.finish(total, &idle.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Cells in which no weight has been yet.
    fn empty(&self) -> Filled {
        Filled { cells: self.cells.clone(), hot: HotMoments::default() }
    }

    /// Adds the statistics of all cells to `total`: the sum of `filled`, one copy of the cells for each thread that
    /// visited weights.
    fn finish(&self, total: Statistics, filled: &[Filled]) -> Statistics {
        let of_groups: Vec<Statistics> = self
            .blocks
            .par_chunks(self.blocks.len().div_ceil(GROUPS).max(1))
            .map(|blocks| self.evaluate(blocks, filled))
            .collect();
        let mut total = of_groups.iter().fold(total, sum_up);
        if let Some(cell) = &self.hot {
            let mut moments = HotMoments::default();
            for filled in filled {
                moments.add(&filled.hot);
            }
            cell.add_statistics(self.mixture, &moments, &mut total);
        }
        total
    }

    /// Statistics of the weights in some blocks of cells, from their moments.
    fn evaluate(&self, blocks: &[Block], filled: &[Filled]) -> Statistics {
        let mut total = Statistics::empty(self.mixture.len());
        for block in blocks {
            let terms = terms_at(self.mixture, &block.active);
            let mut sums = NodeSums::new(terms.len());
            let mut batch = Batch::new(&self.basis);
            for (fine, (middle, width)) in block.fine().zip(block.fine_cells(&self.axis)) {
                let mut of_cell = Moments::default();
                for filled in filled {
                    of_cell.add(&filled.cells[fine]);
                }
                if of_cell.count() == 0 {
                    continue;
                }
                total.weights += of_cell.count();
                batch.push(middle, width, self.basis.weights(of_cell.values()));
                if batch.len == CELLS {
                    sums.add(&terms, &batch.nodes, &batch.weights);
                    batch.len = 0;
                }
            }
            if batch.len > 0 {
                batch.weights[batch.len * ORDER..].fill(0.0);
                sums.add(&terms, &batch.nodes, &batch.weights);
            }
            sums.add_to(&block.active, &mut total);
        }
        total
    }
}

/// Weights in a chunk.
fn chunk(len: usize) -> usize {
    len.div_ceil(CHUNKS).max(SMALLEST_CHUNK).next_multiple_of(SWEEP)
}

/// What a thread collects of the weights of a chunk. Its cells go on to the next chunk, sums over weights that are evaluated
/// exactly do not, because their order matters.
struct Visitor<'g> {
    grid: &'g Grid<'g>,
    filled: Filled,
    exact: Option<Accumulator<'g>>,
}

impl Visitor<'_> {
    fn visit(&mut self, weights: &[f32], factor: f64, gradient: &mut [f32]) {
        let Self { grid, filled, exact } = self;
        grid.layout().add_gradient(weights, factor as f32, gradient, filled, |weight, gradient| {
            let exact = exact.get_or_insert_with(|| Accumulator::new(grid.mixture));
            let score = exact.visit(f64::from(weight) / grid.scale);
            *gradient = (f64::from(*gradient) + factor * score) as f32;
        });
    }
}

/// Nodes of a few cells, to be evaluated together; what is not filled repeats older nodes.
struct Batch {
    offsets: [f64; ORDER],
    nodes: Lanes,
    weights: Lanes,
    len: usize,
}

impl Batch {
    fn new(basis: &Basis<ORDER>) -> Self {
        Self { offsets: basis.nodes, nodes: [0.0; LANES], weights: [0.0; LANES], len: 0 }
    }

    fn push(&mut self, middle: f64, width: f64, weights: [f64; ORDER]) {
        let at = self.len * ORDER;
        for (node, offset) in self.nodes[at..at + ORDER].iter_mut().zip(self.offsets) {
            *node = middle + offset * width;
        }
        self.weights[at..at + ORDER].copy_from_slice(&weights);
        self.len += 1;
    }
}

/// Smallest and largest weight, NaN being neither. Of a large layer, those of one weight in 64, and a margin: the few
/// that are outside are evaluated exactly.
fn extremes(weights: &[f32]) -> (f32, f32) {
    const RUN: usize = 32;
    // No multiple of the widths that layers have.
    let stride = if weights.len() > SAMPLED { 2039 } else { RUN };
    let none = [(f32::INFINITY, f32::NEG_INFINITY); 8];
    let lanes = mixpress_parallel::map_reduce(
        weights.len().div_ceil(stride),
        |runs| {
            let mut lanes = none;
            vectorized(
                #[inline(always)]
                || {
                    for run in weights[runs.start * stride..weights.len().min(runs.end * stride)].chunks(stride) {
                        for weights in run[..run.len().min(RUN)].chunks(8) {
                            for (lane, &weight) in lanes.iter_mut().zip(weights) {
                                lane.0 = if weight < lane.0 { weight } else { lane.0 };
                                lane.1 = if weight > lane.1 { weight } else { lane.1 };
                            }
                        }
                    }
                },
            );
            lanes
        },
        |left, right| std::array::from_fn(|lane| wider(left[lane], right[lane])),
    );
    let (low, high) = lanes.unwrap_or([(0.0, 0.0); 8]).into_iter().fold(none[0], wider);
    let margin = if stride > RUN { 0.125 * (high - low) } else { 0.0 };
    (low - margin, high + margin)
}

fn wider(left: (f32, f32), right: (f32, f32)) -> (f32, f32) {
    (left.0.min(right.0), left.1.max(right.1))
}

#[cfg(test)]
mod tests;
