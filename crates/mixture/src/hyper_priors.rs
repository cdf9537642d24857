//! Hyper-priors: what is believed of precisions and of the share of zeros before any weight is seen (step 4).
//!
//! Both are written as *pseudo-weights*, weights that were never there, in numbers proportional to the real ones, so that
//! they mean the same in a layer of a thousand and in one of ten million:
//!
//! - a Gamma prior on each precision `λ`, as if `m` weights had been seen around the component's mean with standard
//!   deviation `σ₀`: `(m/2) (λ σ₀² - ln λ)`, which is smallest at `λ = 1/σ₀²`;
//! - a Beta prior on the zero component's proportion `π₀`, as if of `m` weights a share `q` had been zero:
//!   `-m (q ln π₀ + (1-q) ln (1-π₀))`, smallest at `π₀ = q`. It is how strongly pruning is asked for.
//!
//! (Nowlan and Hinton 1992 and Ullrich et al. 2017, arXiv 1702.04008, section 4, state the same densities by shape and
//! rate.)

use serde::{Deserialize, Serialize};

use crate::{Error, Gradients, Mixture, error::positive};

/// Gamma priors on the precisions and a Beta prior on the zero component's proportion.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HyperPriors {
    /// Pseudo-weights of each component's precision, as a fraction of the number of weights; 0 leaves precisions free.
    pub precision_strength: f64,
    /// Expected standard deviation of a nonzero component.
    pub std_dev: f64,
    /// Expected standard deviation of the zero component.
    pub zero_std_dev: f64,
    /// Pseudo-weights of the zero component's proportion, as a fraction of the number of weights; 0 leaves it free.
    pub zero_strength: f64,
    /// Expected proportion of the zero component, inside (0, 1).
    pub zero_proportion: f64,
}

impl HyperPriors {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] naming the first that is out of its range.
    pub fn validate(&self) -> Result<(), Error> {
        for (setting, value) in [
            ("the strength of the prior on precisions", self.precision_strength),
            ("the strength of the prior on the zero proportion", self.zero_strength),
        ] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Error::Setting { setting, value, rule: "at least 0 and finite" });
            }
        }
        positive("the expected standard deviation", self.std_dev)?;
        positive("the expected standard deviation of the zero component", self.zero_std_dev)?;
        if !(self.zero_proportion > 0.0 && self.zero_proportion < 1.0) {
            let rule = "above 0 and below 1";
            let setting = "the expected proportion of the zero component";
            return Err(Error::Setting { setting, value: self.zero_proportion, rule });
        }
        Ok(())
    }

    /// Negative logarithm of the hyper-priors of `mixture`, up to a constant, where the layers that share it have `weights`
    /// weights.
    #[must_use]
    pub fn value(&self, mixture: &Mixture, weights: usize) -> f64 {
        let zero = mixture.zero_index();
        let precisions: f64 = mixture
            .components()
            .iter()
            .enumerate()
            .map(|(position, component)| {
                let expected = self.expected_std_dev(position == zero) / component.std_dev;
                expected * expected + 2.0 * component.std_dev.ln()
            })
            .sum();
        let (proportion, others) = zero_and_others(mixture);
        let zeros = self.zero_proportion * proportion.ln() + (1.0 - self.zero_proportion) * others.ln();
        let weights = weights as f64;
        0.5 * weights * self.precision_strength * precisions - weights * self.zero_strength * zeros
    }

    /// Adds the value and the gradient of the hyper-priors of `mixture` to `gradients`.
    ///
    /// # Panics
    /// When `gradients` has another number of components.
    #[track_caller]
    pub fn add_to(&self, mixture: &Mixture, weights: usize, gradients: &mut Gradients) {
        assert_eq!(gradients.logits.len(), mixture.len(), "gradients of this mixture");
        gradients.value += self.value(mixture, weights);
        let zero = mixture.zero_index();
        let pseudo = 0.5 * weights as f64 * self.precision_strength;
        for (position, component) in mixture.components().iter().enumerate() {
            let expected = self.expected_std_dev(position == zero) / component.std_dev;
            gradients.log_precisions[position] += pseudo * (expected * expected - 1.0);
        }
        let pseudo = weights as f64 * self.zero_strength;
        let (proportion, others) = zero_and_others(mixture);
        let excess = pseudo * (proportion - self.zero_proportion);
        for (position, component) in mixture.components().iter().enumerate() {
            gradients.logits[position] +=
                if position == zero { excess } else { -excess * component.proportion / others };
        }
    }

    fn expected_std_dev(&self, is_zero: bool) -> f64 {
        if is_zero { self.zero_std_dev } else { self.std_dev }
    }
}

/// Proportion of the zero component, and of all others together (which `1 - π₀` would give less exactly).
fn zero_and_others(mixture: &Mixture) -> (f64, f64) {
    let zero = mixture.zero_index();
    let others = mixture.components().iter().enumerate().filter(|&(position, _)| position != zero);
    (mixture.components()[zero].proportion, others.map(|(_, component)| component.proportion).sum())
}
