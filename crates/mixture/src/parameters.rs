//! The unconstrained parameters by which an optimiser learns a mixture (step 4 of the method).

use serde::{Deserialize, Serialize};

use crate::proportions::normalise;
use crate::statistics::keep_order;
use crate::{Component, Error, Mixture, error::positive};

/// Means, log-precisions and logits of the mixing proportions of a mixture, free to take any finite value.
///
/// An optimiser moves them against [`Gradients`](crate::Gradients), [`Parameters::project`] puts back what it must not
/// move, and [`Parameters::to_mixture`] makes a mixture of them whose components are in the same order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Means, ascending.
    pub means: Vec<f64>,
    /// Logarithms of the precisions `1 / σ²`.
    pub log_precisions: Vec<f64>,
    /// Logits of the mixing proportions, `π = softmax(logits)`; logarithms of the proportions at first.
    pub logits: Vec<f64>,
    zero: usize,
}

impl From<&Mixture> for Parameters {
    fn from(mixture: &Mixture) -> Self {
        let of = |map: fn(&Component) -> f64| mixture.components().iter().map(map).collect();
        Self {
            means: mixture.means(),
            log_precisions: of(|component| -2.0 * component.std_dev.ln()),
            logits: of(|component| component.proportion.ln()),
            zero: mixture.zero_index(),
        }
    }
}

impl Parameters {
    /// Position of the zero component.
    #[must_use]
    pub fn zero_index(&self) -> usize {
        self.zero
    }

    /// Puts the zero component back to zero, keeps means in order and on their side of zero, standard deviations above
    /// `min_std_dev` (a density is unbounded as a component narrows on one weight), and the largest logit at 0.
    ///
    /// Means that would cross stay together; [`Mixture::merge`] makes one component of them.
    ///
    /// # Errors
    /// [`Error::Setting`] when a parameter is not finite, or `min_std_dev` not positive and finite.
    pub fn project(&mut self, min_std_dev: f64) -> Result<(), Error> {
        for parameters in [&self.means, &self.log_precisions, &self.logits] {
            if let Some(&value) = parameters.iter().find(|value| !value.is_finite()) {
                let rule = "finite: the training has diverged, lower the learning rate";
                return Err(Error::Setting { setting: "a parameter of the mixture", value, rule });
            }
        }
        let most = -2.0 * positive("the floor under standard deviations", min_std_dev)?.ln();
        if let Some(mean) = self.means.get_mut(self.zero) {
            *mean = 0.0;
            keep_order(&mut self.means, self.zero, |mean| mean);
        }
        for log_precision in &mut self.log_precisions {
            *log_precision = log_precision.min(most);
        }
        let largest = self.logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for logit in &mut self.logits {
            *logit -= largest;
        }
        Ok(())
    }

    /// The mixture of these parameters, projected first; proportions are not below
    /// [`SMALLEST_PROPORTION`](crate::SMALLEST_PROPORTION).
    ///
    /// # Errors
    /// A parameter that is not finite, numbers of parameters that differ, or a bad `min_std_dev`.
    pub fn to_mixture(&self, min_std_dev: f64) -> Result<Mixture, Error> {
        let mut projected = self.clone();
        projected.project(min_std_dev)?;
        let Self { means, log_precisions, logits, zero } = projected;
        for parameters in [&log_precisions, &logits] {
            if parameters.len() != means.len() {
                return Err(Error::ProportionCount { expected: means.len(), got: parameters.len() });
            }
        }
        let mut proportions: Vec<f64> = logits.iter().map(|logit| logit.exp()).collect();
        normalise(&mut proportions);
        let components: Vec<Component> = (means.iter().zip(&log_precisions).zip(&proportions))
            .map(|((&mean, log_precision), &proportion)| Component {
                mean,
                std_dev: (-0.5 * log_precision).exp().max(min_std_dev),
                proportion,
            })
            .collect();
        // Checks every value; its zero component may be another of mean 0, the order is the same.
        let mixture = Mixture::new(components.clone())?;
        if zero < components.len() && components[zero].mean == 0.0 {
            Ok(mixture.with_components(mixture.components().to_vec(), zero))
        } else {
            Err(Error::NoZeroComponent { components: components.len() })
        }
    }
}
