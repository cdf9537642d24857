//! The mixture of one layer as it was at the end of joint training, for whoever looks at it: components and density in
//! units of the weights, whichever family the prior is of.

use mixpress_mixture::{CLASSES, Component, HeavyTailed, Mixture, PlaceContext, class, class_center, exponent};

/// A layer's mixture.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerMixture {
    kind: Kind,
    scale: f64,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// With the share of places that have each exponent of the ladder.
    HeavyTailed(HeavyTailed, Vec<(f64, f64)>),
    Plain(Mixture),
}

impl LayerMixture {
    /// Of a heavy-tailed prior, whose density depends on the place: it is averaged over the places of the layer.
    pub(super) fn heavy_tailed(prior: &HeavyTailed, context: &PlaceContext) -> Self {
        let mut places = [0_usize; CLASSES];
        for row in 0..context.rows().len() {
            for col in 0..context.cols().len() {
                places[class(context.z(row, col))] += 1;
            }
        }
        let all = places.iter().sum::<usize>().max(1) as f64;
        let exponents = (0..CLASSES).filter(|&class| places[class] > 0);
        let exponents = exponents.map(|class| (exponent(f64::from(class_center(class))), places[class] as f64 / all));
        Self { kind: Kind::HeavyTailed(prior.clone(), exponents.collect()), scale: prior.scale() }
    }

    /// Of a plain mixture, for a layer of this scale.
    pub(super) fn plain(mixture: &Mixture, scale: f64) -> Self {
        Self { kind: Kind::Plain(mixture.clone()), scale }
    }

    /// The components in ascending order of their means, in units of the weights. Where the zero component is a ladder,
    /// its standard deviation is that of the lowest rung.
    #[must_use]
    pub fn components(&self) -> Vec<Component> {
        let in_weights = |Component { mean, std_dev, proportion }: Component| Component {
            mean: mean * self.scale,
            std_dev: std_dev * self.scale,
            proportion,
        };
        let mut components = match &self.kind {
            Kind::Plain(mixture) => mixture.components().to_vec(),
            Kind::HeavyTailed(prior, _) => prior.nonzero_components().to_vec(),
        };
        if let Kind::HeavyTailed(prior, _) = &self.kind {
            let std_dev = prior.ladder().epsilon();
            components
                .insert(prior.zero_index(), Component { mean: 0.0, std_dev, proportion: prior.zero_proportion() });
        }
        components.into_iter().map(in_weights).collect()
    }

    /// The density `Σ_k π_k p_k(w)` of the components by their mixing proportions, a unit of weight.
    #[must_use]
    pub fn density(&self, weight: f64) -> f64 {
        let u = weight / self.scale;
        let density = match &self.kind {
            Kind::Plain(mixture) => mixture.log_density(u).exp(),
            Kind::HeavyTailed(prior, exponents) => {
                exponents.iter().map(|&(exponent, share)| share * prior.proportional_density(u, exponent)).sum()
            }
        };
        density / self.scale
    }
}

#[cfg(test)]
mod tests {
    use mixpress_mixture::{Ladder, Range};

    use super::*;

    fn mixture() -> Mixture {
        Mixture::equally_spaced(Range::new(-4.0, 4.0).unwrap(), 5, 0.2, &[0.05, 0.1, 0.7, 0.1, 0.05]).unwrap()
    }

    /// The integral of the density between the weights -20 and 20.
    fn integral(mixture: &LayerMixture) -> f64 {
        let h = 1e-3;
        let at = |i: i32| f64::from(i) * h;
        (-8000..=8000).map(|i| mixture.density(at(i).sinh() / 74.0) * at(i).cosh() / 74.0 * h).sum()
    }

    #[test]
    fn densities_are_those_of_weights() {
        let plain = LayerMixture::plain(&mixture(), 0.5);
        assert!((integral(&plain) - 1.0).abs() < 1e-6, "{}", integral(&plain));
        let prior = HeavyTailed::new(&mixture(), Ladder::new(0.1).unwrap(), 0.5, 2.0).unwrap();
        let weights: Vec<f32> = (0..120).map(|i| if i % 7 == 0 { 1.0 } else { 0.0 }).collect();
        let context = PlaceContext::from_weights(&weights, [10, 12, 1], 0.5);
        let ladder = LayerMixture::heavy_tailed(&prior, &context);
        assert!((integral(&ladder) - 1.0).abs() < 1e-3, "{}", integral(&ladder));
        assert!(ladder.density(1.0) > ladder.density(0.5), "a component's mean is 1");
    }

    #[test]
    fn components_are_in_units_of_the_weights() {
        let prior = HeavyTailed::new(&mixture(), Ladder::new(0.1).unwrap(), 0.5, 2.0).unwrap();
        let context = PlaceContext::from_weights(&[0.0; 4], [2, 2, 1], 0.5);
        let (ladder, plain) = (LayerMixture::heavy_tailed(&prior, &context), LayerMixture::plain(&mixture(), 0.5));
        let means = |mixture: &LayerMixture| mixture.components().iter().map(|one| one.mean).collect::<Vec<_>>();
        assert_eq!(means(&ladder), [-2.0, -1.0, 0.0, 1.0, 2.0]);
        assert_eq!(means(&plain), means(&ladder));
        assert_eq!(ladder.components()[2].std_dev, 0.05);
        assert_eq!(ladder.components()[0], plain.components()[0]);
    }
}
