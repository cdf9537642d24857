//! The hot cell: one wide cell around zero, where most weights are.
//!
//! Networks under this prior have most of their weights in the zero component. Around its mean the score is nearly a
//! line; what bends it are the tails of the neighbours. So one polynomial holds for all of a wide cell, and the moments
//! of its weights for all statistics. Each of [`DEGREES`] gets the widest cell that is exact enough, and the one that
//! promises the least work is taken: a higher degree costs all weights a little, a narrow cell sends more of them to
//! the grid.
//!
//! # How exact it is
//! Interpolation at Chebyshev's nodes is within a small factor of the best polynomial of its degree, and as
//! responsibilities are analytic, its error is spread over the cell like the Chebyshev polynomial of the next degree
//! (Trefethen, *Approximation Theory and Approximation Practice*, chapters 8 and 15). So it is seen at points between
//! the nodes: at [`CHECKS`] times as many points as the highest degree has nodes, the score and each component's
//! responsibility times 1, `z` and `z²` must be as near to their exact values as [`RELATIVE`] and [`ABSOLUTE`] say, a
//! tenth of what [`Grid`](super::Grid) promises. That no component is so narrow that it could hide between the points
//! is seen to first: logarithms of two components, relative to each other, change by no more than [`LARGEST_CHANGE`]
//! from the middle to an end. Components that are fainter than `e^-26` everywhere in the cell are not asked.
//!
//! Rounding of the moments is harmless: an error in `Σ t^m` counts as much as coefficient `m` of a responsibility's
//! polynomial, and high coefficients of such smooth functions are small.

use std::f64::consts::PI;

use super::divide::{UNRESOLVED, active, best, terms_at, worst};
use super::nodes::{Basis, NodeSums, shares};
use super::sweep::{DEGREES, Hot, HotMoments, LARGEST_DEGREE};
use crate::lanes::LANES;
use crate::mixture::Term;
use crate::{Mixture, Statistics};

const _: () = assert!(LARGEST_DEGREE + 1 == LANES, "nodes fill the lanes");

/// Points at which the polynomials are checked, a node of the highest degree.
const CHECKS: usize = 3;

/// Errors allowed, relative to a function's own value ...
const RELATIVE: f64 = 1e-5;

/// ... and to the largest: the score's in the cell, and 1 for responsibilities.
const ABSOLUTE: f64 = 1e-7;

/// The most by which logarithms of components may change relative to each other, from the middle of the cell to an end.
const LARGEST_CHANGE: f64 = 24.0;

/// Half the widths that are tried, in standard deviations of the zero component.
const HALVES: [f64; 13] = [4.0, 3.5, 3.0, 2.7, 2.5, 2.3, 2.1, 1.9, 1.7, 1.5, 1.3, 1.0, 0.75];

/// What a degree costs each weight, and what it costs that a weight is not in the cell, in proportion.
const COST_OF_DEGREE: f64 = 1.0;
const COST_OF_COLD: f64 = 100.0;

/// Under the mixture, the cell must take at least this share of the weights to be worth while.
const SMALLEST_SHARE: f64 = 0.4;

/// The hot cell of a mixture.
#[derive(Clone, Debug)]
pub(super) struct HotCell {
    /// Chebyshev's nodes on `[-1, 1]`, as many as the degree needs.
    basis: Basis<LANES>,
    /// Half its width, in units of `u`.
    half: f64,
    /// Positions of the components that matter in it.
    active: Vec<u32>,
    pub(super) hot: Hot,
}

impl HotCell {
    /// The cell that promises the least work, where there is one that is worth while.
    pub(super) fn choose(mixture: &Mixture, scale: f64) -> Option<Self> {
        let mut best: Option<(f64, Self)> = None;
        for degree in DEGREES {
            if let Some((share, cell)) = Self::widest(mixture, scale, degree) {
                let cost = degree as f64 * COST_OF_DEGREE + (1.0 - share) * COST_OF_COLD;
                if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                    best = Some((cost, cell));
                }
            }
        }
        best.map(|(_, cell)| cell)
    }

    /// The widest cell that is exact enough with polynomials of some degree, and the share of weights that it takes.
    fn widest(mixture: &Mixture, scale: f64, degree: usize) -> Option<(f64, Self)> {
        let zero = mixture.components()[mixture.zero_index()];
        let nodes = std::array::from_fn(|n| {
            if n <= degree { -libm::cos(PI * (n as f64 + 0.5) / (degree + 1) as f64) } else { 0.0 }
        });
        let basis = Basis::new(nodes, degree + 1);
        let mut candidates: Vec<u32> = (0..mixture.len() as u32).collect();
        for half in HALVES {
            let half = half * zero.std_dev;
            let share: f64 =
                mixture.components().iter().map(|c| c.proportion * (c.normal_cdf(half) - c.normal_cdf(-half))).sum();
            if share < SMALLEST_SHARE {
                break;
            }
            let inverse = (half * scale).recip() as f32;
            if !inverse.is_normal() {
                continue;
            }
            candidates = active(mixture.terms(), &candidates, -half, half);
            if let Some(score) = polynomial(&terms_at(mixture, &candidates), half, &basis) {
                return Some((share, Self { basis, half, active: candidates, hot: Hot { inverse, degree, score } }));
            }
        }
        None
    }

    /// Adds the statistics of the weights with these moments.
    pub(super) fn add_statistics(&self, mixture: &Mixture, moments: &HotMoments, total: &mut Statistics) {
        if moments.count() == 0 {
            return;
        }
        let terms = terms_at(mixture, &self.active);
        let mut sums = NodeSums::new(terms.len());
        sums.add(&terms, &self.basis.nodes.map(|node| node * self.half), &self.basis.weights(moments.values()));
        total.weights += moments.count();
        sums.add_to(&self.active, total);
    }
}

/// The score's polynomial in `[-half, half]`, if it and those of the responsibilities are exact enough there.
fn polynomial(terms: &[Term], half: f64, basis: &Basis<LANES>) -> Option<[f32; LANES]> {
    let ruler = terms.iter().max_by(|a, b| worst(a, -half, half).total_cmp(&worst(b, -half, half)))?;
    let floor = worst(ruler, -half, half);
    let seen: Vec<usize> = (0..terms.len()).filter(|&at| floor - best(&terms[at], -half, half) < UNRESOLVED).collect();
    let slope = |term: &Term, u: f64| (term.mean - u) * term.inverse_std_dev * term.inverse_std_dev;
    let change = |term: &Term| {
        [-half, half].map(|u| (slope(term, u) - slope(ruler, u)).abs()).into_iter().fold(0.0, f64::max) * half
    };
    if seen.iter().any(|&at| change(&terms[at]) > LARGEST_CHANGE) {
        return None;
    }
    let at_nodes = shares(terms, &basis.nodes.map(|node| node * half));
    let score = basis.coefficients(&at_nodes.score).map(|coefficient| coefficient as f32);
    let largest = at_nodes.score.iter().fold(0.0_f64, |largest, score| largest.max(score.abs()));
    for check in 0..CHECKS {
        // As dense towards the ends as the nodes.
        let points: [f64; LANES] = std::array::from_fn(|n| {
            -libm::cos(PI * ((n as f64) + (check as f64 + 0.5) / CHECKS as f64) / LANES as f64)
        });
        let exact = shares(terms, &points.map(|point| point * half));
        for (&point, exact) in points.iter().zip(exact.score) {
            let t = point as f32;
            let got = score.iter().rev().fold(0.0, |sum, coefficient| sum * t + coefficient);
            if !is_near(got.into(), exact, largest) {
                return None;
            }
        }
        for &at in &seen {
            let term = &terms[at];
            for power in 0..3 {
                let function = |u: f64, share: f64| share * term.z(u).powi(power);
                let nodes = std::array::from_fn(|n| function(basis.nodes[n] * half, at_nodes.shares[at][n]));
                let polynomial = basis.coefficients(&nodes);
                for (n, &point) in points.iter().enumerate() {
                    let exact = function(point * half, exact.shares[at][n]);
                    let got = polynomial.iter().rev().fold(0.0, |sum, coefficient| sum * point + coefficient);
                    if !is_near(got, exact, 1.0) {
                        return None;
                    }
                }
            }
        }
    }
    Some(score)
}

/// Whether the error is allowed; false for NaN.
fn is_near(got: f64, exact: f64, largest: f64) -> bool {
    (got - exact).abs() <= RELATIVE * exact.abs() + ABSOLUTE * largest
}
