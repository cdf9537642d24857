//! Drawing values, and whole layers, from a mixture (step 3 of the method, claim 3).

use ndarray_rand::rand::Rng;
use ndarray_rand::rand_distr::{Distribution, StandardNormal};

use crate::{Error, Mixture, error::positive};

impl Mixture {
    /// Draws a component by the mixing proportions, then a value from that component's Gaussian.
    pub fn sample(&self, rng: &mut impl Rng) -> f64 {
        let component = &self.components()[pick(self.components().iter().map(|component| component.proportion), rng)];
        let normal: f64 = StandardNormal.sample(rng);
        component.mean + component.std_dev * normal
    }

    /// Fills `values` with independent draws.
    pub fn samples(&self, rng: &mut impl Rng, values: &mut [f32]) {
        for value in values {
            *value = self.sample(rng) as f32;
        }
    }

    /// Fills a layer's weights with `scale · (u - E[u]) / sd(u)` for draws `u`, with the mixture's own
    /// [`Mixture::mean`] and [`Mixture::std_dev`]: whatever the mixture, the weights have mean 0 and standard deviation
    /// `scale`, which is He's for a network that is to be trained. Proportions that are drawn are lopsided, and a layer
    /// whose weights lean to one side drives every unit of the next to the same value: such a network does not train.
    ///
    /// # Errors
    /// [`Error::Setting`] when the scale is not positive and finite.
    pub fn draw_weights(&self, scale: f64, rng: &mut impl Rng, weights: &mut [f32]) -> Result<(), Error> {
        let (mean, factor) = (self.mean(), positive("the scale of a layer", scale)? / self.std_dev());
        for weight in weights {
            *weight = (factor * (self.sample(rng) - mean)) as f32;
        }
        Ok(())
    }
}

/// Draws a position by `proportions`, which sum to one.
pub(crate) fn pick(proportions: impl Iterator<Item = f64>, rng: &mut impl Rng) -> usize {
    let mut rest: f64 = rng.random();
    let mut last = 0;
    for (position, proportion) in proportions.enumerate() {
        rest -= proportion;
        last = position;
        if rest < 0.0 {
            break;
        }
    }
    last
}
