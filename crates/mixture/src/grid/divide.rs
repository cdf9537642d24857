//! Where the cells are: which components matter in which stretch of the range, and how finely it has to be divided.

use std::f64::consts::PI;
use std::ops::Range;

use rayon::prelude::*;

use super::LARGEST_CHANGE;
use super::visit::{MOST_PARTS, entry, part_width};
use crate::Mixture;
use crate::lanes::exp;
use crate::mixture::Term;

/// Components this many nats below the density in a whole cell may change as they like.
pub(super) const UNRESOLVED: f64 = 26.0;

/// `D` of components far below the density, at most.
const LARGEST_FAINT_CHANGE: f64 = 0.16;

/// Components this many nats below the density in a whole stretch are left out of it: `e^-38` is `3e-17`.
const NEGLIGIBLE: f64 = 38.0;

/// The grid reaches this many standard deviations beyond the means; few weights are outside.
const REACH: f64 = 12.0;

/// Coarse cells, at most; one less is also allowed for each end.
const COARSE: usize = 1 << 13;

/// Coarse cells a standard deviation of the narrowest component, where that is not more than [`COARSE`].
const COARSE_PER_STD_DEV: f64 = 4.0;

/// Fine cells, at most: their tables stay in caches.
pub(super) const MOST_CELLS: usize = 1 << 17;

/// Coarse cells that share a list of components.
const BLOCK: usize = 8;

/// Children of a stretch of the range.
const FAN: usize = 8;

/// The terms of the components at some positions.
pub(super) fn terms_at(mixture: &Mixture, positions: &[u32]) -> Vec<Term> {
    positions.iter().map(|&position| mixture.terms()[position as usize]).collect()
}

/// Coarse cells of equal width, centred on multiples of a power of two in the units of the weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    step: f64,
    first: i32,
    len: usize,
    scale: f64,
}

impl Axis {
    /// Covers the `u` from `low` to `high`, but for what is far away from all components; `None` where that is nothing,
    /// or where the numbers are so large or so small that `f32` would not do.
    pub(super) fn new(mixture: &Mixture, scale: f64, low: f64, high: f64, weights: usize) -> Option<Self> {
        let reach = |sign: f64| {
            let ends = mixture.components().iter().map(|c| sign * c.mean + REACH * c.std_dev);
            ends.fold(f64::NEG_INFINITY, f64::max)
        };
        let low = low.max(-reach(-1.0)) * scale;
        let high = high.min(reach(1.0)) * scale;
        let narrowest = mixture.components().iter().map(|c| c.std_dev).fold(f64::INFINITY, f64::min) * scale;
        if !(low <= high && narrowest > 0.0) {
            return None;
        }
        let limit = (weights / 4).clamp(64, COARSE) as f64;
        let wanted = (narrowest / COARSE_PER_STD_DEV).min((high - low) / 64.0).max((high - low) / limit);
        // Numbers of cells below 2^20, so that `f32` places weights between them.
        let least = low.abs().max(high.abs()) / f64::from(1 << 20);
        let wanted = if high > low { wanted } else { narrowest };
        let log_step = wanted.max(least).log2().ceil();
        if !(-100.0..100.0).contains(&log_step) {
            return None;
        }
        let step = log_step.exp2();
        let (first, last) = ((low / step).round() as i32, (high / step).round() as i32);
        Some(Self { step, first, len: (last - first) as usize + 1, scale })
    }

    /// No cell at all.
    pub(super) fn empty() -> Self {
        Self { step: 1.0, first: 1, len: 0, scale: 1.0 }
    }

    pub(super) fn inverse_step(&self) -> f32 {
        self.step.recip() as f32
    }

    /// Number of the first cell.
    pub(super) fn first(&self) -> i32 {
        self.first
    }

    /// The `u` of a place that is counted in cells from the middle of the first.
    fn at(&self, cells: f64) -> f64 {
        (f64::from(self.first) + cells) * self.step / self.scale
    }
}

/// Neighbouring coarse cells that share a list of components.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// Positions of the components that matter here.
    pub(super) active: Vec<u32>,
    /// The first coarse cell, counted from the first of all.
    first: usize,
    /// Parts of each cell, an odd number; 0 where weights are evaluated exactly.
    parts: Vec<u32>,
    /// The first fine cell.
    first_fine: usize,
}

impl Block {
    /// Positions of its fine cells.
    pub(super) fn fine(&self) -> Range<usize> {
        let len: u32 = self.parts.iter().sum();
        self.first_fine..self.first_fine + len as usize
    }

    /// The entries of its coarse cells.
    pub(super) fn entries(&self) -> impl Iterator<Item = u32> {
        let mut fine = self.first_fine;
        self.parts.iter().map(move |&parts| {
            let first = fine;
            fine += parts as usize;
            if parts == 0 { 0 } else { entry(first + parts as usize / 2, parts) }
        })
    }

    /// Middles and widths of its fine cells, in units of `u`.
    pub(super) fn fine_cells(&self, axis: &Axis) -> impl Iterator<Item = (f64, f64)> {
        self.parts.iter().enumerate().flat_map(move |(cell, &parts)| {
            let cell = (self.first + cell) as f64;
            let width = part_width(parts);
            (0..parts).map(move |part| {
                (axis.at(cell + (f64::from(part) - f64::from(parts / 2)) * width), width * axis.step / axis.scale)
            })
        })
    }
}

/// Divides the axis.
pub(super) fn divide(terms: &[Term], axis: &Axis) -> Vec<Block> {
    let all: Vec<u32> = (0..terms.len() as u32).collect();
    let stretch = axis.len.div_ceil(64).next_multiple_of(BLOCK);
    let parts: Vec<Vec<Block>> = (0..axis.len.div_ceil(stretch))
        .into_par_iter()
        .with_min_len(8)
        .map(|at| {
            let mut blocks = Vec::new();
            descend(terms, axis, at * stretch..axis.len.min((at + 1) * stretch), &all, &mut blocks);
            blocks
        })
        .collect();
    let mut blocks: Vec<Block> = parts.into_iter().flatten().collect();
    let mut fine = 1;
    for block in &mut blocks {
        block.first_fine = fine;
        if block.fine().end > MOST_CELLS {
            block.parts.fill(0);
        }
        fine = block.fine().end;
    }
    blocks
}

/// Narrows the list of components down from stretches of the range to blocks.
fn descend(terms: &[Term], axis: &Axis, cells: Range<usize>, candidates: &[u32], blocks: &mut Vec<Block>) {
    let edge = |cell: usize| axis.at(cell as f64 - 0.5);
    let active = active(terms, candidates, edge(cells.start), edge(cells.end));
    if cells.len() > BLOCK {
        let part = cells.len().div_ceil(FAN).next_multiple_of(BLOCK);
        for start in cells.clone().step_by(part) {
            descend(terms, axis, start..cells.end.min(start + part), &active, blocks);
        }
    } else {
        let terms: Vec<Term> = active.iter().map(|&position| terms[position as usize]).collect();
        let parts = cells.clone().map(|cell| parts(&terms, edge(cell), edge(cell + 1))).collect();
        blocks.push(Block { active, first: cells.start, parts, first_fine: 0 });
    }
}

/// Those of the candidates that are not negligible between `left` and `right`.
pub(super) fn active(terms: &[Term], candidates: &[u32], left: f64, right: f64) -> Vec<u32> {
    let floor = floor(candidates.iter().map(|&position| &terms[position as usize]), left, right);
    let matters = |&position: &u32| best(&terms[position as usize], left, right) >= floor - NEGLIGIBLE;
    candidates.iter().copied().filter(matters).collect()
}

/// A bound under the logarithm of the density between `left` and `right`: that of the component with the best worst case.
/// Parabolas open downwards, so a component's worst case is at an end ...
pub(super) fn floor<'t>(terms: impl Iterator<Item = &'t Term>, left: f64, right: f64) -> f64 {
    terms.map(|term| worst(term, left, right)).fold(f64::NEG_INFINITY, f64::max)
}

pub(super) fn worst(term: &Term, left: f64, right: f64) -> f64 {
    term.log(left).min(term.log(right))
}

/// ... and its best case at the point nearest to its mean.
pub(super) fn best(term: &Term, left: f64, right: f64) -> f64 {
    term.log(term.mean.clamp(left, right))
}

/// The parts that the cell from `left` to `right` needs, an odd number; 0: too many.
///
/// Each component is compared with the one that rules the cell. The error that it makes is in proportion to its share and to
/// `D⁴`, so one that is `gap` nats down may have a `D` that is larger by `e^(gap / 4)`.
fn parts(terms: &[Term], left: f64, right: f64) -> u32 {
    let ruler = terms.iter().max_by(|a, b| worst(a, left, right).total_cmp(&worst(b, left, right)));
    let Some(ruler) = ruler else { return 0 };
    let floor = worst(ruler, left, right);
    let half = 0.5 * (right - left);
    let mut most = 1.0_f64;
    for term in terms {
        let gap = (floor - best(term, left, right)).max(0.0);
        if gap > UNRESOLVED {
            continue;
        }
        let allowed = (LARGEST_CHANGE * exp(0.25 * gap)).min(LARGEST_FAINT_CHANGE);
        let curvature = term.inverse_std_dev * term.inverse_std_dev;
        let of_ruler = ruler.inverse_std_dev * ruler.inverse_std_dev;
        // The difference of slopes is linear, so it is largest at an end.
        let slope = |u: f64| ((term.mean - u) * curvature - (ruler.mean - u) * of_ruler).abs();
        let steep = slope(left).max(slope(right)) * half;
        let curved = 0.5 * PI / allowed * (curvature - of_ruler).abs() * half * half;
        // The least number with `steep / parts + curved / parts² <= allowed`.
        most = most.max((steep + (steep * steep + 4.0 * allowed * curved).sqrt()) / (2.0 * allowed));
    }
    if most <= f64::from(MOST_PARTS) { most.ceil() as u32 | 1 } else { 0 }
}
