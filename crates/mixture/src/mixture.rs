//! The Gaussian mixture, valid by construction.

use ndarray_rand::rand::Rng;
use serde::{Deserialize, Serialize};

use crate::component::SQRT_TAU;
use crate::range::MAX_COMPONENTS;
use crate::{Component, Error, Proportions, Range, error::positive};

/// A mixture of at least two Gaussians, sorted by mean, one of which has its mean at zero for ever.
///
/// The density is `p(u) = Σ_k π_k N(u | μ_k, σ_k²)`; `u = w / s` is a weight divided by its layer's scale. One mixture may
/// be shared by all layers, each with its own scale, or each layer may have its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Mixture {
    components: Vec<Component>,
    terms: Vec<Term>,
    zero: usize,
    zero_added: bool,
}

/// A component in the form in which densities use it: `ln (π N(u)) = log_height - ((u - mean) · inverse_std_dev)² / 2`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Term {
    pub(crate) mean: f64,
    pub(crate) inverse_std_dev: f64,
    pub(crate) log_height: f64,
}

impl Term {
    pub(crate) fn new(component: &Component) -> Self {
        Self {
            mean: component.mean,
            inverse_std_dev: component.std_dev.recip(),
            log_height: component.proportion.ln() - component.std_dev.ln() - SQRT_TAU.ln(),
        }
    }

    /// Distance from the mean in standard deviations.
    #[inline]
    pub(crate) fn z(&self, u: f64) -> f64 {
        (u - self.mean) * self.inverse_std_dev
    }

    #[inline]
    pub(crate) fn log(&self, u: f64) -> f64 {
        let z = self.z(u);
        self.log_height - 0.5 * z * z
    }
}

/// What of a mixture is written down.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    components: Vec<Component>,
    /// Position of the zero component: others may have come to lie at zero, too. Without it, the first at zero.
    #[serde(default)]
    zero: Option<usize>,
    #[serde(default)]
    zero_added: bool,
}

impl TryFrom<Stored> for Mixture {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self, Error> {
        let mixture = Self::new(stored.components)?;
        let zero = stored.zero.unwrap_or(mixture.zero);
        match mixture.components.get(zero) {
            Some(component) if component.mean == 0.0 => Ok(Self { zero, zero_added: stored.zero_added, ..mixture }),
            _ => Err(Error::NoZeroComponent { components: mixture.components.len() }),
        }
    }
}

impl From<Mixture> for Stored {
    fn from(mixture: Mixture) -> Self {
        Self { components: mixture.components, zero: Some(mixture.zero), zero_added: mixture.zero_added }
    }
}

impl Mixture {
    /// A mixture of the given components, in any order. Proportions that sum to one but for rounding are divided by their
    /// sum.
    ///
    /// The zero component is the first of mean exactly 0.
    ///
    /// # Errors
    /// Fewer than two components, none at zero, a mean that is not finite, a standard deviation or a proportion that is not
    /// positive and finite, or proportions that do not sum to one (within 1e-6).
    pub fn new(mut components: Vec<Component>) -> Result<Self, Error> {
        if components.len() < 2 {
            return Err(Error::TooFewComponents { got: components.len() });
        }
        if components.len() > MAX_COMPONENTS {
            return Err(Error::TooManyComponents { got: components.len(), limit: MAX_COMPONENTS });
        }
        for (position, component) in components.iter().enumerate() {
            component.validate(position)?;
        }
        let sum: f64 = components.iter().map(|component| component.proportion).sum();
        if (sum - 1.0).abs() > 1e-6 {
            return Err(Error::ProportionSum { sum });
        }
        components.sort_by(|a, b| a.mean.total_cmp(&b.mean));
        // `total_cmp` puts -0.0 before 0.0: both are zero.
        let zero = components.iter().position(|component| component.mean == 0.0);
        let zero = zero.ok_or(Error::NoZeroComponent { components: components.len() })?;
        components[zero].mean = 0.0;
        if (sum - 1.0).abs() > 1e-14 {
            for component in &mut components {
                component.proportion /= sum;
            }
        }
        let terms = components.iter().map(Term::new).collect();
        Ok(Self { components, terms, zero, zero_added: false })
    }

    /// The preset mixture of step 1: the means are [`Range::means`], every standard deviation is `std_dev_fraction` of the
    /// spacing, and `proportions` has one entry a mean.
    ///
    /// # Errors
    /// Too few components, a fraction that is not positive and finite, or proportions that do not fit the means.
    pub fn equally_spaced(range: Range, k: usize, std_dev_fraction: f64, proportions: &[f64]) -> Result<Self, Error> {
        let means = range.means(k)?;
        let fraction =
            positive("the standard deviation of a component, as a fraction of the spacing,", std_dev_fraction)?;
        if proportions.len() != means.len() {
            return Err(Error::ProportionCount { expected: means.len(), got: proportions.len() });
        }
        let std_dev = fraction * range.spacing(k);
        let components =
            means.iter().zip(proportions).map(|(&mean, &proportion)| Component { mean, std_dev, proportion }).collect();
        Ok(Self { zero_added: means.len() > k, ..Self::new(components)? })
    }

    /// [`Mixture::equally_spaced`] with its proportions drawn by `proportions` (step 2).
    ///
    /// # Errors
    /// As [`Mixture::equally_spaced`] and [`Proportions::draw`].
    pub fn preset(
        range: Range,
        k: usize,
        std_dev_fraction: f64,
        proportions: &Proportions,
        rng: &mut impl Rng,
    ) -> Result<Self, Error> {
        let proportions = proportions.draw(&range.means(k)?, rng)?;
        Self::equally_spaced(range, k, std_dev_fraction, &proportions)
    }

    /// The components, in ascending order of their means.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// The means, in ascending order.
    #[must_use]
    pub fn means(&self) -> Vec<f64> {
        self.components.iter().map(|component| component.mean).collect()
    }

    /// Number of components, the zero component included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.components.len()
    }

    /// Whether there is no component, which never happens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.components.is_empty()
    }

    /// Position of the zero component, the component of pruned weights.
    #[must_use]
    pub fn zero_index(&self) -> usize {
        self.zero
    }

    /// Whether the preset points missed zero, so that a component was added there.
    #[must_use]
    pub fn was_zero_added(&self) -> bool {
        self.zero_added
    }

    pub(crate) fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// The same mixture with other components, which keep the zero component's position `zero` and the order.
    pub(crate) fn with_components(&self, components: Vec<Component>, zero: usize) -> Self {
        debug_assert!(components[zero].mean == 0.0 && components.is_sorted_by(|a, b| a.mean <= b.mean));
        let terms = components.iter().map(Term::new).collect();
        Self { components, terms, zero, zero_added: self.zero_added }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(mean: f64, std_dev: f64, proportion: f64) -> Component {
        Component { mean, std_dev, proportion }
    }

    #[test]
    fn components_are_sorted_and_the_zero_component_is_found() {
        let mixture =
            Mixture::new(vec![component(2.0, 1.0, 0.2), component(-0.0, 0.1, 0.5), component(-1.0, 1.0, 0.3)]).unwrap();
        assert_eq!(mixture.means(), [-1.0, 0.0, 2.0]);
        assert_eq!(mixture.zero_index(), 1);
        assert_eq!(mixture.components()[1].mean.to_bits(), 0);
        assert!(!mixture.was_zero_added());
    }

    #[test]
    fn an_even_number_of_symmetric_points_gets_one_more_at_zero() {
        let range = Range::new(-1.0, 1.0).unwrap();
        let mixture = Mixture::equally_spaced(range, 4, 0.5, &[0.2; 5]).unwrap();
        assert_eq!((mixture.len(), mixture.zero_index(), mixture.was_zero_added()), (5, 2, true));
        assert!((mixture.components()[0].std_dev - 1.0 / 3.0).abs() < 1e-15);
        let written = serde_json::to_string(&mixture).unwrap();
        assert_eq!(serde_json::from_str::<Mixture>(&written).unwrap(), mixture);
    }

    #[test]
    fn the_zero_component_is_remembered_where_others_lie_at_zero() {
        let components = [component(0.0, 2.0, 0.25), component(0.0, 0.1, 0.5), component(1.0, 1.0, 0.25)];
        let mixture = Mixture::new(components.to_vec()).unwrap().with_components(components.to_vec(), 1);
        let written = serde_json::to_string(&mixture).unwrap();
        assert_eq!(serde_json::from_str::<Mixture>(&written).unwrap(), mixture);
        for other in ["\"zero\":2", "\"zero\":3"] {
            assert!(serde_json::from_str::<Mixture>(&written.replace("\"zero\":1", other)).is_err());
        }
    }

    #[test]
    fn bad_mixtures_are_refused_with_the_value_and_the_remedy() {
        let good = component(0.0, 1.0, 0.5);
        let cases = [
            (vec![good], "at least 2 components"),
            (vec![component(1.0, 1.0, 0.5), component(2.0, 1.0, 0.5)], "mean 0"),
            (vec![good, component(f64::NAN, 1.0, 0.5)], "NaN"),
            (vec![good, component(1.0, 0.0, 0.5)], "positive and finite, keep a floor"),
            (vec![good, component(1.0, -1.0, 0.5)], "-1"),
            (vec![good, component(1.0, f64::INFINITY, 0.5)], "inf"),
            (vec![good, component(1.0, 1.0, 0.0)], "proportion 0"),
            (vec![good, component(1.0, 1.0, f64::NAN)], "proportion NaN"),
            (vec![good, component(1.0, 1.0, 0.7)], "sum to 1.2"),
        ];
        for (components, part) in cases {
            let message = Mixture::new(components).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        let range = Range::new(-1.0, 1.0).unwrap();
        for fraction in [0.0, -1.0, f64::NAN] {
            assert!(matches!(Mixture::equally_spaced(range, 3, fraction, &[0.3; 3]), Err(Error::Setting { .. })));
        }
        assert_eq!(
            Mixture::equally_spaced(range, 4, 0.5, &[0.25; 4]),
            Err(Error::ProportionCount { expected: 5, got: 4 })
        );
    }
}
