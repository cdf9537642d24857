//! The model to train (method, steps 1 to 3; claims 1 to 3): components, proportions, and weights drawn from them.
//!
//! For each covered layer in turn, as many times as it has weights: draw a component by the mixing proportions, then
//! `u` from that component's Gaussian; the weight is `s_l (u - mean(p)) / sd(p)`, so that the layer starts with mean 0
//! and He's variance.

use mixpress_mixture::{Mixture, Range};
use mixpress_network::{Graph, ParameterKind, Parameters};

use crate::config::{Coverage, PriorConfig};
use crate::random::{Purpose, stream};
use crate::{CoveredLayer, Error, covered_layers};

/// The mixture that each layer's weights are drawn from: one a layer, or a single one that all share.
///
/// # Errors
/// When the mixture's settings are out of their range: fewer than two components, a range that is empty or without 0, a
/// standard deviation or a concentration that is not positive.
pub fn initial_mixtures(graph: &Graph, config: &PriorConfig, seed: u64) -> Result<Vec<Mixture>, Error> {
    let layers = if config.shared { 1 } else { covered_layers(graph, config.covers).len() };
    let range = Range::new(config.range[0], config.range[1])?;
    (0..layers as u64)
        .map(|layer| {
            let mut rng = stream(seed, Purpose::Proportions, layer, 0);
            let mixture = Mixture::preset(range, config.components, config.std_dev, &config.proportions, &mut rng)?;
            if layer == 0 && mixture.was_zero_added() {
                tracing::warn!("no preset mean is 0: a component at 0 was added, {} in all", mixture.len());
            }
            Ok(mixture)
        })
        .collect()
}

/// Draws the weights of every layer from its mixture; all other parameters keep their initial values.
///
/// # Errors
/// When a scale is not positive and finite.
pub fn draw_weights(
    graph: &Graph,
    parameters: &mut Parameters,
    mixtures: &[Mixture],
    covers: Coverage,
    seed: u64,
) -> Result<(), Error> {
    let scales = initial_scales(graph, covers);
    for (position, (layer, scale)) in covered_layers(graph, covers).iter().zip(scales).enumerate() {
        if !graph.parameters()[layer.parameter].kind.is_weight() {
            continue;
        }
        let mut rng = stream(seed, Purpose::Init, position as u64, 0);
        let weights = parameters[layer.parameter].data_mut();
        mixtures[mixture_of(position, mixtures.len())].draw_weights(scale, &mut rng, weights)?;
    }
    Ok(())
}

/// Which of `mixtures` mixtures belongs to a layer: there is one a layer, or one that all share.
pub(crate) fn mixture_of(layer: usize, mixtures: usize) -> usize {
    layer.min(mixtures - 1)
}

/// The scale `s_l` of each covered layer: He's standard deviation `sqrt(2 / fan-in)` (He et al. 2015, arXiv 1502.01852,
/// equation 10), with the fan-in of the full network. Biases have the scale of the weights that they stand beside, norms 1.
#[must_use]
pub fn initial_scales(graph: &Graph, covers: Coverage) -> Vec<f64> {
    let specs = graph.parameters();
    let mut of_weights = 1.0;
    let scale = |layer: CoveredLayer| {
        let spec = &specs[layer.parameter];
        of_weights = spec.he_deviation().unwrap_or(of_weights);
        if spec.kind.is_weight() || spec.kind == ParameterKind::Bias { of_weights } else { 1.0 }
    };
    covered_layers(graph, covers).into_iter().map(scale).collect()
}
