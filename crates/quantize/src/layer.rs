//! A layer's target components, codebook and quantised tensor (steps 5 and 6 of the method; claims 4 to 6).

use mixpress_codebook::{Codebook, QuantizedTensor};
use mixpress_mixture::{CountThreshold, counts, target_components};

use crate::{Error, Stored, assign::quantize_to, error::all_finite};

/// The components that a layer's weights were trained with: their means, ascending, in units of the layer's scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Components<'a> {
    means: &'a [f64],
    zero: usize,
    scale: f64,
}

impl<'a> Components<'a> {
    /// The components of a layer of scale `scale` (1 where means are in the unit of the weights).
    ///
    /// # Errors
    /// Means that are not finite, do not ascend or have no zero among them, or a scale that is not positive and finite.
    pub fn new(means: &'a [f64], scale: f64) -> Result<Self, Error> {
        if !(scale > 0.0 && scale.is_finite()) {
            return Err(Error::Scale { scale });
        }
        let misplaced =
            |position: usize| !means[position].is_finite() || position > 0 && means[position] < means[position - 1];
        if let Some(position) = (0..means.len()).find(|&position| misplaced(position)) {
            return Err(Error::Mean { position, value: means[position] });
        }
        let zero = means.iter().position(|&mean| mean == 0.0);
        let zero = zero.ok_or(Error::NoZeroComponent { components: means.len() })?;
        Ok(Self { means, zero, scale })
    }

    /// Number of components.
    #[must_use]
    pub fn len(&self) -> usize {
        self.means.len()
    }

    /// Whether there is no component, which never happens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.means.is_empty()
    }

    /// Position of the zero component.
    #[must_use]
    pub fn zero_index(&self) -> usize {
        self.zero
    }

    /// The codebook of some target components: `scale · mean` of each, as it will be read back. Its bit width is what the
    /// layer's number of target components makes it: nobody sets it.
    ///
    /// # Errors
    /// A target that is no component, or targets without the zero component.
    pub fn codebook(&self, targets: &[usize], stored: Stored) -> Result<Codebook, Error> {
        if !targets.contains(&self.zero) {
            return Err(Error::NoZeroComponent { components: targets.len() });
        }
        let level = |&target: &usize| match self.means.get(target) {
            Some(mean) => Ok((mean * self.scale) as f32),
            None => Err(Error::Target { target, components: self.len() }),
        };
        stored.codebook(&targets.iter().map(level).collect::<Result<Vec<_>, _>>()?)
    }

    /// Finds the target components of a layer and quantises its weights: those of dropped components go to the nearest that
    /// was kept.
    ///
    /// # Errors
    /// Weights that are not finite, a shape that does not hold them, or a codebook value beyond its stored type.
    pub fn quantize(
        &self,
        name: impl Into<String>,
        shape: impl Into<Vec<usize>>,
        weights: &[f32],
        threshold: &CountThreshold,
        stored: Stored,
    ) -> Result<QuantizedLayer, Error> {
        threshold.validate()?;
        all_finite(weights)?;
        let counts = counts(self.means, weights, self.scale);
        let targets = if self.len() > 1 {
            target_components(&counts, self.zero, weights.len(), threshold)
        } else {
            vec![self.zero]
        };
        let codebook = self.codebook(&targets, stored)?;
        let tensor = quantize_to(name, shape, weights, codebook)?;
        Ok(QuantizedLayer { tensor, counts, targets })
    }
}

/// A quantised layer and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedLayer {
    /// The tensor.
    pub tensor: QuantizedTensor,
    /// Weights nearest to each component, before any was dropped.
    pub counts: Vec<usize>,
    /// Positions of the target components, ascending.
    pub targets: Vec<usize>,
}

#[cfg(test)]
mod tests {
    use mixpress_mixture::nearest;
    use proptest::prelude::*;

    use super::*;

    const MEANS: [f64; 5] = [-8.0, -4.0, 0.0, 4.0, 8.0];

    #[test]
    fn dropped_components_give_their_weights_to_the_nearest_kept() {
        let components = Components::new(&MEANS, 0.1).unwrap();
        let weights = [0.0, 0.01, 0.4, 0.41, 0.39, -0.42, -0.8, 0.79, 0.81, 0.8];
        let threshold = CountThreshold { absolute: 2, fraction: 0.0 };
        let layer = components.quantize("fc.weight", [2, 5], &weights, &threshold, Stored::F32).unwrap();
        assert_eq!(layer.counts, [1, 1, 2, 3, 3]);
        assert_eq!(layer.targets, [2, 3, 4]);
        assert_eq!(layer.tensor.values(), [0.0, 0.0, 0.4, 0.4, 0.4, 0.0, 0.0, 0.8, 0.8, 0.8]);
        assert_eq!((layer.tensor.bit_width(), layer.tensor.nonzeros()), (2, 6));
    }

    #[test]
    fn bad_components_are_named() {
        assert_eq!(Components::new(&[0.0, 1.0], 0.0), Err(Error::Scale { scale: 0.0 }));
        assert_eq!(Components::new(&[1.0, 0.0], 1.0), Err(Error::Mean { position: 1, value: 0.0 }));
        assert!(matches!(Components::new(&[0.0, f64::NAN], 1.0), Err(Error::Mean { position: 1, .. })));
        assert_eq!(Components::new(&[1.0, 2.0], 1.0), Err(Error::NoZeroComponent { components: 2 }));
        let components = Components::new(&MEANS, 1.0).unwrap();
        assert_eq!(components.codebook(&[2, 9], Stored::F16), Err(Error::Target { target: 9, components: 5 }));
        assert_eq!(components.codebook(&[1], Stored::F16), Err(Error::NoZeroComponent { components: 1 }));
        let threshold = CountThreshold { absolute: 0, fraction: 2.0 };
        assert!(matches!(components.quantize("t", [1], &[0.0], &threshold, Stored::F16), Err(Error::Mixture(_))));
    }

    proptest! {
        #[test]
        fn every_weight_has_a_level_of_its_layer(
            weights in prop::collection::vec(-1.0..1.0_f32, 1..300),
            scale in 0.02..0.2_f64,
            absolute in 0_usize..60,
        ) {
            let components = Components::new(&MEANS, scale).unwrap();
            let threshold = CountThreshold { absolute, fraction: 0.01 };
            let layer = components.quantize("t", [weights.len()], &weights, &threshold, Stored::F16).unwrap();
            let levels = layer.tensor.codebook().to_values();
            prop_assert_eq!(levels.len(), layer.targets.len());
            prop_assert!(levels.contains(&0.0) && levels.len() >= 2);
            let kept: Vec<f64> = levels.iter().map(|&level| f64::from(level)).collect();
            let values = layer.tensor.values();
            for (&weight, &value) in weights.iter().zip(&values) {
                prop_assert_eq!(f64::from(value), kept[nearest(&kept, f64::from(weight))]);
            }
            let again = components.quantize("t", [weights.len()], &values, &CountThreshold { absolute: 0, fraction: 0.0 }, Stored::F16);
            prop_assert_eq!(again.unwrap().tensor.values(), values);
        }
    }
}
