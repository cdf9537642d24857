//! What the grid asks of the mixture at the nodes of its cells, many nodes at once.

use mixpress_simd::vectorized;

use crate::Statistics;
use crate::lanes::{LANES, Lanes, exp, ln, sum};
use crate::mixture::Term;

/// Nodes of a cell, and coefficients of a polynomial.
pub(super) const ORDER: usize = 4;

/// Cells whose nodes fill the lanes.
pub(super) const CELLS: usize = LANES / ORDER;

/// Lagrange's basis polynomials of `N` nodes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Basis<const N: usize> {
    /// The nodes, ascending.
    pub(super) nodes: [f64; N],
    /// `lagrange[n][m]` is coefficient `m` of the polynomial that is 1 at node `n` and 0 at the others.
    lagrange: [[f64; N]; N],
}

impl Basis<ORDER> {
    /// Gauss and Legendre's nodes on `[-1/2, 1/2]`, an interval that is as wide as a cell.
    ///
    /// What a cubic through these nodes misses of a function is orthogonal to all cubics, so it cancels in the sum over
    /// weights that are spread smoothly in a cell.
    pub(super) fn of_cell() -> Self {
        // (3/7 ± 2/7 √(6/5)), the squares of the roots (Abramowitz and Stegun, 25.4.30).
        let [inner, outer] = [-1.0, 1.0].map(|sign: f64| 0.5 * (3.0 / 7.0 + sign * 2.0 / 7.0 * 1.2_f64.sqrt()).sqrt());
        Self::new([-outer, -inner, inner, outer], ORDER)
    }
}

impl<const N: usize> Basis<N> {
    /// Polynomials of the first `len` nodes; those of the others are zero.
    pub(super) fn new(nodes: [f64; N], len: usize) -> Self {
        let lagrange = std::array::from_fn(|n| {
            let mut polynomial = [0.0; N];
            polynomial[0] = f64::from(u8::from(n < len));
            for (other, &root) in nodes[..len].iter().enumerate().filter(|&(other, _)| other != n) {
                // Times (t - root) / (node - root); the degree is at most `other + 1`.
                let factor = (nodes[n] - root).recip();
                for m in (0..N.min(other + 2)).rev() {
                    let shifted = if m > 0 { polynomial[m - 1] } else { 0.0 };
                    polynomial[m] = factor * (shifted - root * polynomial[m]);
                }
            }
            polynomial
        });
        Self { nodes, lagrange }
    }

    /// Coefficients of the polynomial with the given values at the nodes.
    pub(super) fn coefficients(&self, values: &[f64; N]) -> [f64; N] {
        let mut coefficients = [0.0; N];
        for (value, polynomial) in values.iter().zip(&self.lagrange) {
            for (coefficient, of_basis) in coefficients.iter_mut().zip(polynomial) {
                *coefficient += value * of_basis;
            }
        }
        coefficients
    }

    /// Weights of the nodes, so that a polynomial summed over a cell's weights is the weighted sum of its values at the
    /// nodes.
    pub(super) fn weights(&self, moments: [f64; N]) -> [f64; N] {
        self.lagrange.map(|polynomial| polynomial.iter().zip(moments).map(|(of_basis, moment)| of_basis * moment).sum())
    }
}

/// The scores of some terms at the values `u`.
pub(super) fn scores(terms: &[Term], u: &Lanes) -> Lanes {
    vectorized(
        #[inline(always)]
        || {
            let peak = peaks(terms, u);
            let (mut sum, mut slope) = ([0.0; LANES], [0.0; LANES]);
            for term in terms {
                for lane in 0..LANES {
                    let z = (u[lane] - term.mean) * term.inverse_std_dev;
                    let share = exp(term.log_height - 0.5 * z * z - peak[lane]);
                    sum[lane] += share;
                    slope[lane] += share * z * term.inverse_std_dev;
                }
            }
            for lane in 0..LANES {
                slope[lane] = -slope[lane] / sum[lane];
            }
            slope
        },
    )
}

/// Scores at some values, and each term's responsibilities.
pub(super) struct Shares {
    pub(super) score: Lanes,
    pub(super) shares: Vec<Lanes>,
}

/// The score and the responsibilities of some terms at the values `u`.
pub(super) fn shares(terms: &[Term], u: &Lanes) -> Shares {
    let score = scores(terms, u);
    let mut shares = vec![[0.0; LANES]; terms.len()];
    vectorized(
        #[inline(always)]
        || {
            let [_, total] = densities(terms, u, &mut shares);
            for shares in &mut shares {
                for lane in 0..LANES {
                    shares[lane] /= total[lane];
                }
            }
        },
    );
    Shares { score, shares }
}

/// Sums over nodes, one entry a term, and of the logarithm of the density.
pub(super) struct NodeSums {
    terms: Vec<[Lanes; 3]>,
    log_likelihood: Lanes,
    shares: Vec<Lanes>,
}

impl NodeSums {
    pub(super) fn new(terms: usize) -> Self {
        let zero = [0.0; LANES];
        Self { terms: vec![[zero; 3]; terms], log_likelihood: zero, shares: vec![zero; terms] }
    }

    /// Adds `weights` weights at the values `u`.
    pub(super) fn add(&mut self, terms: &[Term], u: &Lanes, weights: &Lanes) {
        let Self { terms: sums, log_likelihood, shares } = self;
        vectorized(
            #[inline(always)]
            || {
                let [peak, total] = densities(terms, u, shares);
                let mut factor = [0.0; LANES];
                for lane in 0..LANES {
                    factor[lane] = weights[lane] / total[lane];
                    log_likelihood[lane] += weights[lane] * (peak[lane] + ln(total[lane]));
                }
                for ((term, shares), [count, first, second]) in terms.iter().zip(&*shares).zip(sums) {
                    for lane in 0..LANES {
                        let z = (u[lane] - term.mean) * term.inverse_std_dev;
                        let responsibility = shares[lane] * factor[lane];
                        count[lane] += responsibility;
                        first[lane] += responsibility * z;
                        second[lane] += responsibility * z * z;
                    }
                }
            },
        );
    }

    /// Adds the sums to those of all components, the terms being those at `positions`.
    pub(super) fn add_to(&self, positions: &[u32], total: &mut Statistics) {
        total.log_likelihood += sum(&self.log_likelihood);
        for ([count, first, second], &position) in self.terms.iter().zip(positions) {
            let of = &mut total.components[position as usize];
            of.count += sum(count);
            of.first += sum(first);
            of.second += sum(second);
        }
    }
}

/// The terms' densities beside the largest of them at each value, which is `shares`; the logarithm of that largest, and
/// the sum of the shares.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
fn densities(terms: &[Term], u: &Lanes, shares: &mut [Lanes]) -> [Lanes; 2] {
    let peak = peaks(terms, u);
    let mut total = [0.0; LANES];
    for (term, shares) in terms.iter().zip(shares) {
        for lane in 0..LANES {
            let z = (u[lane] - term.mean) * term.inverse_std_dev;
            shares[lane] = exp(term.log_height - 0.5 * z * z - peak[lane]);
            total[lane] += shares[lane];
        }
    }
    [peak, total]
}

/// The largest of the terms' logarithms at each value.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
fn peaks(terms: &[Term], u: &Lanes) -> Lanes {
    let mut peak = [f64::NEG_INFINITY; LANES];
    for term in terms {
        for lane in 0..LANES {
            let z = (u[lane] - term.mean) * term.inverse_std_dev;
            let log = term.log_height - 0.5 * z * z;
            peak[lane] = if log > peak[lane] { log } else { peak[lane] };
        }
    }
    peak
}
