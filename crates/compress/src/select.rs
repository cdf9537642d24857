//! Target components, layer by layer (method, step 5; claims 4 and 5): those that enough weights are nearest to.

use mixpress_mixture::{counts, divide_wide, target_components};
use mixpress_train::{Levels, PriorConfig, Trainee};

/// The levels of each layer: the means of its target components, after components that are too wide were divided.
/// `means` has each layer's component means in units of the weights, ascending; `full_lens` its number of weights at
/// full shape.
///
/// No means, no levels: a resumed phase has levels of its own.
pub(crate) fn select(
    trainee: &Trainee,
    means: &[Vec<f64>],
    PriorConfig { threshold, spread, .. }: &PriorConfig,
    full_lens: &[usize],
) -> Vec<Levels> {
    let layers = trainee.covered();
    let each = layers.iter().zip(means).zip(full_lens).map(|((layer, means), &full_len)| {
        let weights = trainee.parameters()[layer.parameter].data();
        let means = divide_wide(means, weights, *spread, threshold.count(full_len));
        let counts = counts(&means, weights, 1.0);
        let zero = means.iter().position(|&mean| mean == 0.0).expect("one component's mean is zero for ever");
        let targets = target_components(&counts, zero, full_len, threshold);
        tracing::debug!(layer = layer.name, ?counts, ?targets, "target components");
        Levels::new(targets.iter().map(|&component| means[component] as f32).collect())
    });
    each.collect()
}
