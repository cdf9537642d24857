//! The heavy-tailed prior: one mixture of K components a layer, whose zero component is a [`Ladder`].
//!
//! The nonzero components are Gaussians as in the plain [`Mixture`], but nothing is learned by gradient: every hundred
//! steps or so, [`HeavyTailed::re_estimate`] takes each component's count, mean and variance from the weights nearest to it
//! (hard expectation-maximisation), and moves the ladder to the layer's present size of weights.
//!
//! How much the Gaussians attract is a setting of its own, the *pull*: while a network is still dense, Gaussians of full
//! weight trap weights in wells before it is known which of them are needed. A Gaussian's weight is therefore set relative
//! to the ladder *at its own mean*, so that it means the same at every place whatever the exponent `G` is there:
//!
//! ```text
//! p(u | G) = [ L(u | G) + Σ_k ω_k(G) N(u | μ_k, σ_k²) ] / [ 1 + Σ_k ω_k(G) ]
//! ω_k(G) = ρ/(1-ρ) · π_k / max_j π_j · L(μ_k | G) / N(0 | 0, σ_k²)
//! ```
//!
//! with `L` the ladder and `ρ` the pull: the Gaussian with the most weights takes the share `ρ` of the density at its mean.

use ndarray_rand::rand::Rng;
use ndarray_rand::rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::assignment::nearest;
use crate::component::SQRT_TAU;
use crate::density::LogDensity;
use crate::sampling::pick;
use crate::{Component, Error, Ladder, Mixture, error::positive};

/// Share of the density at its mean that the largest nonzero component has by default: hardly any pull.
pub const DEFAULT_PULL: f64 = 1e-4;

/// The typical large weight `M = sqrt(Σ w⁴ / Σ w²)` of a layer, in the unit of the weights.
///
/// It is the root mean square of the weights that carry the layer's energy: dust hardly moves it. 0 when all are 0, NaN
/// when one is not finite.
#[must_use]
pub fn typical_large(weights: &[f32]) -> f64 {
    let moments = mixpress_parallel::map_reduce(
        weights.len(),
        |range| {
            weights[range].iter().fold((0.0, 0.0), |(second, fourth), &weight| {
                let square = f64::from(weight) * f64::from(weight);
                (second + square, fourth + square * square)
            })
        },
        |left, right| (left.0 + right.0, left.1 + right.1),
    );
    match moments {
        None | Some((0.0, _)) => 0.0,
        Some((second, fourth)) => (fourth / second).sqrt(),
    }
}

/// How components are re-estimated from the weights nearest to them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReEstimate {
    /// Standard deviation of the ladder's lowest rung, as a fraction of the typical large weight.
    pub epsilon: f64,
    /// No nonzero mean is smaller in magnitude than this fraction of the typical large weight.
    pub mean_floor: f64,
    /// Weights that a component's old mean counts for.
    pub mean_pseudo_count: f64,
    /// Weights that [`ReEstimate::std_dev`] counts for, as a fraction of the average count of a nonzero component.
    pub variance_pseudo_share: f64,
    /// Expected standard deviation of a component, as a fraction of the spacing of the preset means.
    pub std_dev: f64,
    /// No standard deviation is smaller than this fraction of the spacing.
    pub std_dev_floor: f64,
}

impl Default for ReEstimate {
    fn default() -> Self {
        Self {
            epsilon: 0.03,
            mean_floor: 0.5,
            mean_pseudo_count: 2.0,
            variance_pseudo_share: 0.25,
            std_dev: 0.5,
            std_dev_floor: 0.1,
        }
    }
}

impl ReEstimate {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] naming the first that is not positive and finite.
    pub fn validate(&self) -> Result<(), Error> {
        positive("epsilon, as a fraction of the typical large weight,", self.epsilon)?;
        positive("the floor under means, as a fraction of the typical large weight,", self.mean_floor)?;
        positive("the pseudo-count on the mean", self.mean_pseudo_count)?;
        positive("the pseudo-count on the variance, as a share of the average count,", self.variance_pseudo_share)?;
        positive("the standard deviation, as a fraction of the spacing,", self.std_dev)?;
        positive("the floor under standard deviations, as a fraction of the spacing,", self.std_dev_floor)?;
        Ok(())
    }
}

/// A ladder at zero and Gaussians elsewhere: the prior of one layer, on `u = w / scale`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct HeavyTailed {
    ladder: Ladder,
    nonzero: Vec<Component>,
    zero: usize,
    zero_proportion: f64,
    scale: f64,
    spacing: f64,
    pull: f64,
}

/// What of a heavy-tailed mixture is written down.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    ladder: Ladder,
    nonzero: Vec<Component>,
    zero_proportion: f64,
    scale: f64,
    spacing: f64,
    pull: f64,
}

impl TryFrom<Stored> for HeavyTailed {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self, Error> {
        let Stored { ladder, nonzero, zero_proportion, scale, spacing, pull } = stored;
        let mut components = nonzero;
        components.push(Component { mean: 0.0, std_dev: ladder.epsilon(), proportion: zero_proportion });
        let mixture = Mixture::new(components)?;
        Self::new(&mixture, ladder, scale, spacing)?.with_pull(pull)
    }
}

impl From<HeavyTailed> for Stored {
    fn from(prior: HeavyTailed) -> Self {
        let HeavyTailed { ladder, nonzero, zero_proportion, scale, spacing, pull, .. } = prior;
        Self { ladder, nonzero, zero_proportion, scale, spacing, pull }
    }
}

impl HeavyTailed {
    /// The prior of a layer of scale `scale` whose components are those of `mixture`, with `ladder` in the zero component's
    /// place and [`DEFAULT_PULL`]. `spacing` is the distance of the preset means; it is the unit of standard deviations.
    ///
    /// # Errors
    /// [`Error::Setting`] when `scale` or `spacing` are not positive and finite.
    pub fn new(mixture: &Mixture, ladder: Ladder, scale: f64, spacing: f64) -> Result<Self, Error> {
        positive("the scale of a layer", scale)?;
        positive("the spacing of the preset means", spacing)?;
        let zero = mixture.zero_index();
        let mut nonzero = mixture.components().to_vec();
        let zero_proportion = nonzero.remove(zero).proportion;
        Ok(Self { ladder, nonzero, zero, zero_proportion, scale, spacing, pull: DEFAULT_PULL })
    }

    /// The prior of a layer of scale `scale` with the components of `mixture`, fitted to the layer's present weights.
    ///
    /// # Errors
    /// [`Error::Setting`] when `scale`, `spacing` or a setting are not positive and finite.
    pub fn fitted(
        mixture: &Mixture,
        scale: f64,
        spacing: f64,
        weights: &[f32],
        settings: &ReEstimate,
    ) -> Result<Self, Error> {
        let mut prior = Self::new(mixture, Ladder::new(settings.epsilon * spacing)?, scale, spacing)?;
        prior.re_estimate(weights, settings)?;
        Ok(prior)
    }

    /// The same prior with another pull: the share of the density at its mean that the largest Gaussian has.
    ///
    /// # Errors
    /// [`Error::Setting`] unless `0 <= pull < 1`.
    pub fn with_pull(mut self, pull: f64) -> Result<Self, Error> {
        if !(0.0..1.0).contains(&pull) {
            let rule = "at least 0 and below 1";
            return Err(Error::Setting { setting: "the pull of the nonzero components", value: pull, rule });
        }
        self.pull = pull;
        Ok(self)
    }

    /// The zero component.
    #[must_use]
    pub fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    /// The nonzero components, in ascending order of their means.
    #[must_use]
    pub fn nonzero_components(&self) -> &[Component] {
        &self.nonzero
    }

    /// Mixing proportion of the zero component.
    #[must_use]
    pub fn zero_proportion(&self) -> f64 {
        self.zero_proportion
    }

    /// Position of the zero component among all.
    #[must_use]
    pub fn zero_index(&self) -> usize {
        self.zero
    }

    /// All means in ascending order, the zero component's included.
    #[must_use]
    pub fn means(&self) -> Vec<f64> {
        let mut means: Vec<f64> = self.nonzero.iter().map(|component| component.mean).collect();
        means.insert(self.zero, 0.0);
        means
    }

    /// Scale of the layer: `u = w / scale`.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Share of the density at its mean that the largest Gaussian has.
    #[must_use]
    pub fn pull(&self) -> f64 {
        self.pull
    }

    /// Counts the layer's weights by nearest mean, zero component included.
    #[must_use]
    pub fn counts(&self, weights: &[f32]) -> Vec<usize> {
        crate::counts(&self.means(), weights, self.scale)
    }

    /// Logarithm of `ω_k(G) / N(0 | 0, σ_k²)⁻¹`, that is of the peak height of each Gaussian, where the ladder's
    /// integral is 1.
    pub(crate) fn log_peaks(&self, g: f64) -> impl Iterator<Item = f64> + Clone {
        let largest = self.nonzero.iter().map(|component| component.proportion).fold(0.0, f64::max);
        let share = (self.pull / (1.0 - self.pull) / largest).ln();
        self.nonzero
            .iter()
            .map(move |component| share + component.proportion.ln() + self.ladder.log_density(component.mean, g))
    }

    /// The Gaussians' shares `ω_k(G)`, relative to 1 for the ladder.
    fn relative_shares(&self, g: f64) -> impl Iterator<Item = f64> + Clone {
        self.log_peaks(g).zip(&self.nonzero).map(|(peak, component)| peak.exp() * component.std_dev * SQRT_TAU)
    }

    /// `1 + Σ_k ω_k(G)`.
    pub(crate) fn total(&self, g: f64) -> f64 {
        1.0 + self.relative_shares(g).sum::<f64>()
    }

    /// `ln p(u)` at a place of exponent `g`.
    #[must_use]
    pub fn log_density(&self, u: f64, g: f64) -> f64 {
        self.evaluate(u, g).value
    }

    /// `d/du ln p(u)` at a place of exponent `g`.
    #[must_use]
    pub fn score(&self, u: f64, g: f64) -> f64 {
        self.evaluate(u, g).score
    }

    /// `ln p(u)` and the score together.
    #[must_use]
    pub fn evaluate(&self, u: f64, g: f64) -> LogDensity {
        let ladder = self.ladder.evaluate(u, g);
        let terms = || {
            self.log_peaks(g).zip(&self.nonzero).map(|(peak, component)| {
                let z = (u - component.mean) / component.std_dev;
                (peak - 0.5 * z * z, z / component.std_dev)
            })
        };
        let peak = terms().map(|(log, _)| log).fold(ladder.value, f64::max);
        let share = (ladder.value - peak).exp();
        let (mut sum, mut slope) = (share, -share * ladder.score);
        for (log, z) in terms() {
            let share = (log - peak).exp();
            sum += share;
            slope += share * z;
        }
        LogDensity { value: peak + sum.ln() - self.total(g).ln(), score: -slope / sum }
    }

    /// The distribution function at a place of exponent `g`.
    #[must_use]
    pub fn cdf(&self, u: f64, g: f64) -> f64 {
        let gaussians: f64 =
            self.relative_shares(g).zip(&self.nonzero).map(|(share, component)| share * component.normal_cdf(u)).sum();
        (self.ladder.cdf(u, g) + gaussians) / self.total(g)
    }

    /// `Σ_k π_k p_k(u)` at a place of exponent `g`: the density of all components by their mixing proportions, that of
    /// the weights, whatever the pull is.
    #[must_use]
    pub fn proportional_density(&self, u: f64, g: f64) -> f64 {
        let gaussians = self.nonzero.iter().map(|component| component.proportion * component.log_normal(u).exp());
        self.zero_proportion * self.ladder.log_density(u, g).exp() + gaussians.sum::<f64>()
    }

    /// A draw at a place of exponent `g`.
    pub fn sample(&self, g: f64, rng: &mut impl Rng) -> f64 {
        let total = self.total(g);
        let shares = std::iter::once(1.0).chain(self.relative_shares(g)).map(|share| share / total);
        match pick(shares, rng) {
            0 => self.ladder.sample(g, rng),
            component => {
                let component = &self.nonzero[component - 1];
                let normal: f64 = StandardNormal.sample(rng);
                component.mean + component.std_dev * normal
            }
        }
    }

    /// Takes counts, means and variances from the layer's weights (hard expectation-maximisation), and moves the ladder.
    ///
    /// With `M` the [typical large weight](typical_large): the ladder starts at `epsilon · M`; each nonzero component
    /// gets the mean and the variance of the weights nearest to it, with pseudo-counts for the old mean and the
    /// expected standard deviation, floors under `|mean|` (its sign stays) and the standard deviation; proportions are
    /// counts plus one. The innermost component of a side that no weight is near comes in to `M`. A layer without any
    /// nonzero weight keeps its prior.
    ///
    /// # Errors
    /// [`Error::Setting`] when a setting is not positive and finite, or the weights are not finite.
    pub fn re_estimate(&mut self, weights: &[f32], settings: &ReEstimate) -> Result<(), Error> {
        settings.validate()?;
        let large = typical_large(weights) / self.scale;
        if large == 0.0 {
            return Ok(());
        }
        self.ladder = self.ladder.at(settings.epsilon * positive("the typical large weight", large)?)?;
        let nearby = self.nearby(weights);
        let average = nearby.iter().map(|moments| moments.count).sum::<f64>() / self.nonzero.len() as f64;
        let expected = settings.std_dev * self.spacing;
        let pseudo = settings.variance_pseudo_share * average;
        let all = weights.len() as f64 + self.nonzero.len() as f64 + 1.0;
        for (component, moments) in self.nonzero.iter_mut().zip(&nearby) {
            let Moments { count, sum, squares } = *moments;
            // Moments are taken about the old mean, so the new one is `shift` away from it.
            let shift = sum / (count + settings.mean_pseudo_count);
            let about_new = (squares - 2.0 * shift * sum + count * shift * shift).max(0.0);
            let variance = if count + pseudo > 0.0 {
                (about_new + pseudo * expected * expected) / (count + pseudo)
            } else {
                expected * expected
            };
            component.std_dev = variance.sqrt().max(settings.std_dev_floor * self.spacing);
            let mean = component.mean + shift;
            component.mean = mean.abs().max(settings.mean_floor * large).copysign(component.mean);
            component.proportion = (count + 1.0) / all;
        }
        self.zero_proportion = 1.0 - self.nonzero.iter().map(|component| component.proportion).sum::<f64>();
        self.fetch_idle(&nearby, large);
        Ok(())
    }

    /// Moves the innermost component of a side in to the typical large weight where it is farther out and no weight is
    /// nearest to it: else a layer whose weights are small for its scale (as before a batch-norm) would lose all of
    /// them to zero.
    fn fetch_idle(&mut self, nearby: &[Moments], large: f64) {
        let innermost = [self.zero.checked_sub(1), Some(self.zero)];
        for position in innermost.into_iter().flatten() {
            if let Some(component) = self.nonzero.get_mut(position)
                && nearby[position].count == 0.0
            {
                component.mean = component.mean.abs().min(large).copysign(component.mean);
            }
        }
    }

    /// Moments of the weights nearest to each nonzero component, about its present mean.
    fn nearby(&self, weights: &[f32]) -> Vec<Moments> {
        let means = self.means();
        let empty = || vec![Moments::default(); self.nonzero.len()];
        let collect = |range: std::ops::Range<usize>| {
            let mut moments = empty();
            for &weight in &weights[range] {
                let u = f64::from(weight) / self.scale;
                let position = nearest(&means, u);
                if position != self.zero {
                    let about = u - means[position];
                    let of = &mut moments[position - usize::from(position > self.zero)];
                    of.count += 1.0;
                    of.sum += about;
                    of.squares += about * about;
                }
            }
            moments
        };
        let add = |mut left: Vec<Moments>, right: Vec<Moments>| {
            for (left, right) in left.iter_mut().zip(right) {
                left.count += right.count;
                left.sum += right.sum;
                left.squares += right.squares;
            }
            left
        };
        mixpress_parallel::map_reduce(weights.len(), collect, add).unwrap_or_else(empty)
    }
}

/// Count, sum and sum of squares of some weights about a mean.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: f64,
    sum: f64,
    squares: f64,
}

#[cfg(test)]
mod tests;
