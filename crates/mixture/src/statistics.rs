//! What the components need to know of a layer's weights: a few sums a component.
//!
//! The gradient of the negative log-likelihood to means, precisions and proportions, and a step of
//! expectation-maximisation, are functions of the same three sums a component, whoever computed them: the exact loop over
//! the weights in [`Mixture::add_gradient`], or a [`Grid`](crate::Grid).

use mixpress_parallel::{BLOCK, map_reduce};
use rayon::prelude::*;

use crate::{Component, Mixture};

/// Sums over weights of one component's responsibility `r`, with `z = (u - μ) / σ`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    /// `Σ r`: the weights that the component accounts for.
    pub count: f64,
    /// `Σ r z`.
    pub first: f64,
    /// `Σ r z²`.
    pub second: f64,
}

/// Sums over some weights under a mixture; those of several layers that share the mixture are added up.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// Number of weights.
    pub weights: usize,
    /// `Σ ln p(u)` over the weights, in nats.
    pub log_likelihood: f64,
    /// One entry a component.
    pub components: Vec<Sums>,
}

/// The negative log-likelihood of some weights, and its gradient to the mixture's unconstrained parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// The value, in nats.
    pub value: f64,
    /// To the means; that of the zero component is 0, for it never moves.
    pub means: Vec<f64>,
    /// To the logarithms of the precisions `1 / σ²`.
    pub log_precisions: Vec<f64>,
    /// To the logits of the mixing proportions, `π = softmax(logits)`.
    pub logits: Vec<f64>,
}

impl Statistics {
    /// The sums over no weights.
    #[must_use]
    pub fn empty(components: usize) -> Self {
        Self { weights: 0, log_likelihood: 0.0, components: vec![Sums::default(); components] }
    }

    /// Adds the sums over other weights under the same mixture.
    ///
    /// # Panics
    /// When the numbers of components differ.
    #[track_caller]
    pub fn add(&mut self, other: &Self) {
        assert_eq!(self.components.len(), other.components.len(), "statistics of one mixture");
        self.weights += other.weights;
        self.log_likelihood += other.log_likelihood;
        for (sums, other) in self.components.iter_mut().zip(&other.components) {
            sums.count += other.count;
            sums.first += other.first;
            sums.second += other.second;
        }
    }

    /// The gradient of `-Σ ln p(u)` under `mixture`, whose statistics these are.
    ///
    /// With the sums `n = Σ r`, `a = Σ r z`, `b = Σ r z²` of a component and `N` weights:
    /// `-a / σ` to the mean, `(b - n) / 2` to the log-precision, `N π - n` to the logit.
    ///
    /// # Panics
    /// When the numbers of components differ.
    #[must_use]
    #[track_caller]
    pub fn gradients(&self, mixture: &Mixture) -> Gradients {
        assert_eq!(self.components.len(), mixture.len(), "statistics of this mixture");
        let pairs = || self.components.iter().zip(mixture.components());
        let mut means: Vec<f64> = pairs().map(|(sums, component)| -sums.first / component.std_dev).collect();
        means[mixture.zero_index()] = 0.0;
        Gradients {
            value: -self.log_likelihood,
            means,
            log_precisions: pairs().map(|(sums, _)| 0.5 * (sums.second - sums.count)).collect(),
            logits: pairs().map(|(sums, component)| self.weights as f64 * component.proportion - sums.count).collect(),
        }
    }

    /// One step of expectation-maximisation from `mixture`, whose statistics these are: the likelihood never falls.
    ///
    /// Means do not cross each other or zero, standard deviations stay above `min_std_dev`, components without weights keep
    /// their mean and width.
    ///
    /// # Panics
    /// When the numbers of components differ, or `min_std_dev` is not positive and finite.
    #[must_use]
    #[track_caller]
    pub fn maximised(&self, mixture: &Mixture, min_std_dev: f64) -> Mixture {
        assert_eq!(self.components.len(), mixture.len(), "statistics of this mixture");
        assert!(min_std_dev > 0.0 && min_std_dev.is_finite(), "a floor of {min_std_dev} under standard deviations");
        let zero = mixture.zero_index();
        let mut components: Vec<Component> = mixture.components().to_vec();
        let mut proportions: Vec<f64> = self.components.iter().map(|sums| sums.count.max(0.0)).collect();
        if self.weights == 0 {
            return mixture.clone();
        }
        crate::proportions::normalise(&mut proportions);
        for (position, (component, sums)) in components.iter_mut().zip(&self.components).enumerate() {
            component.proportion = proportions[position];
            if sums.count > 1e-9 {
                let shift = if position == zero { 0.0 } else { sums.first / sums.count };
                // E (z - shift)², which is E z² - shift² for a free mean and E z² for the zero component.
                let variance = (sums.second - 2.0 * shift * sums.first) / sums.count + shift * shift;
                component.mean += component.std_dev * shift;
                component.std_dev *= variance.max(0.0).sqrt();
            }
            component.std_dev = component.std_dev.max(min_std_dev);
        }
        keep_order(&mut components, zero, |component| &mut component.mean);
        mixture.with_components(components, zero)
    }
}

/// Keeps means in order and on their side of zero: from zero outwards, none is nearer to zero than the one before it.
pub(crate) fn keep_order<T>(items: &mut [T], zero: usize, mean: impl Fn(&mut T) -> &mut f64) {
    let mut bound = 0.0_f64;
    for item in &mut items[zero + 1..] {
        let mean = mean(item);
        // Adding 0 makes -0 of nothing: it would be sorted before 0.
        bound = mean.max(bound) + 0.0;
        *mean = bound;
    }
    bound = 0.0;
    for item in items[..zero].iter_mut().rev() {
        let mean = mean(item);
        bound = mean.min(bound) + 0.0;
        *mean = bound;
    }
}

impl Mixture {
    /// `-Σ ln p(w / scale)` over a layer's weights, in nats: the exact sum, at a cost of one exponential a weight and
    /// component.
    #[must_use]
    pub fn negative_log_likelihood(&self, weights: &[f32], scale: f64) -> f64 {
        -mixpress_parallel::sum(weights.len(), |range| {
            weights[range].iter().map(|&weight| self.log_density(f64::from(weight) / scale)).sum()
        })
    }

    /// The exact statistics of a layer's weights.
    #[must_use]
    pub fn statistics(&self, weights: &[f32], scale: f64) -> Statistics {
        let block = |range: std::ops::Range<usize>| {
            let mut accumulator = Accumulator::new(self);
            for &weight in &weights[range] {
                accumulator.visit(f64::from(weight) / scale);
            }
            accumulator.statistics
        };
        map_reduce(weights.len(), block, |left, right| sum_up(left, &right))
            .unwrap_or_else(|| Statistics::empty(self.len()))
    }

    /// Adds `factor · d/dw [-ln p(w / scale)]` of each weight to its entry of `gradient`, and returns the statistics of the
    /// weights; exact, the reference that a [`Grid`](crate::Grid) is measured against.
    ///
    /// # Panics
    /// When `gradient` has another length than `weights`.
    #[track_caller]
    pub fn add_gradient(&self, weights: &[f32], scale: f64, factor: f32, gradient: &mut [f32]) -> Statistics {
        assert_eq!(weights.len(), gradient.len(), "one gradient a weight");
        let factor = -f64::from(factor) / scale;
        let partial: Vec<Statistics> = (weights.par_chunks(BLOCK).zip(gradient.par_chunks_mut(BLOCK)))
            .map(|(weights, gradient)| {
                let mut accumulator = Accumulator::new(self);
                for (&weight, gradient) in weights.iter().zip(gradient) {
                    let score = accumulator.visit(f64::from(weight) / scale);
                    *gradient = (f64::from(*gradient) + factor * score) as f32;
                }
                accumulator.statistics
            })
            .collect();
        partial.iter().fold(Statistics::empty(self.len()), sum_up)
    }
}

pub(crate) fn sum_up(mut left: Statistics, right: &Statistics) -> Statistics {
    left.add(right);
    left
}

/// Adds up exact statistics, weight by weight.
pub(crate) struct Accumulator<'a> {
    mixture: &'a Mixture,
    shares: Vec<f64>,
    pub(crate) statistics: Statistics,
}

impl<'a> Accumulator<'a> {
    pub(crate) fn new(mixture: &'a Mixture) -> Self {
        Self { mixture, shares: vec![0.0; mixture.len()], statistics: Statistics::empty(mixture.len()) }
    }

    /// Adds a weight of value `u`, and returns the score there.
    pub(crate) fn visit(&mut self, u: f64) -> f64 {
        let peak = self.mixture.peak(u);
        let mut sum = 0.0;
        for (share, term) in self.shares.iter_mut().zip(self.mixture.terms()) {
            *share = (term.log(u) - peak).exp();
            sum += *share;
        }
        let mut slope = 0.0;
        for ((share, term), sums) in self.shares.iter().zip(self.mixture.terms()).zip(&mut self.statistics.components) {
            let responsibility = share / sum;
            let z = term.z(u);
            sums.count += responsibility;
            sums.first += responsibility * z;
            sums.second += responsibility * z * z;
            slope += responsibility * z * term.inverse_std_dev;
        }
        self.statistics.weights += 1;
        self.statistics.log_likelihood += peak + sum.ln();
        -slope
    }
}

#[cfg(test)]
mod tests;
