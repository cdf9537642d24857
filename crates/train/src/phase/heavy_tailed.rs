//! The heavy-tailed prior during joint training: a ladder and Gaussians for each layer, refreshed from its weights.

use mixpress_mixture::{HeavyTailed, Mixture, PenaltyTable, PlaceContext, ReEstimate, ScoreTable, typical_large};

use super::covered::CoveredLayer;
use super::layer_mixture::LayerMixture;
use crate::Error;
use crate::checkpoint::Snapshot;
use crate::config::{JointConfig, PriorConfig};
use crate::draw::mixture_of;
use crate::trainee::Trainee;

/// Standard deviation of a component at the end of the phase, relative to its start.
const STD_DEV_AT_END: f64 = 0.4;

/// One prior a layer, tabulated.
pub(crate) struct HeavyTailedPrior {
    threshold: f32,
    /// Standard deviation of a component as a fraction of the spacing, at the start of the phase and at its end.
    std_dev: [f64; 2],
    layers: Vec<LayerPrior>,
}

struct LayerPrior {
    prior: HeavyTailed,
    context: PlaceContext,
    /// The largest magnitude that the table was built for.
    reach: f32,
    table: ScoreTable,
}

impl HeavyTailedPrior {
    /// The priors of all layers, fitted to their present weights.
    pub fn new(
        trainee: &Trainee,
        layers: &[CoveredLayer],
        mixtures: &[Mixture],
        scales: &[f64],
        (joint, config): (&JointConfig, &PriorConfig),
    ) -> Result<Self, Error> {
        let spacing = (config.range[1] - config.range[0]) / (config.components - 1) as f64;
        let std_dev = [config.std_dev, STD_DEV_AT_END * config.std_dev];
        let settings = ReEstimate { std_dev: config.std_dev, ..ReEstimate::default() };
        let each = layers.iter().zip(scales).enumerate().map(|(position, (layer, &scale))| {
            let mixture = &mixtures[mixture_of(position, mixtures.len())];
            let weights = trainee.parameters()[layer.parameter].data();
            let prior = HeavyTailed::fitted(mixture, scale, spacing, weights, &settings)?;
            LayerPrior::new(prior, weights, layer, joint.threshold as f32)
        });
        Ok(Self { threshold: joint.threshold as f32, std_dev, layers: each.collect::<Result<_, Error>>()? })
    }

    /// Goes on from a snapshot.
    pub fn restore(
        snapshot: &Snapshot,
        layers: &[CoveredLayer],
        (joint, config): (&JointConfig, &PriorConfig),
    ) -> Result<Self, Error> {
        let each = layers.iter().enumerate().map(|(position, layer)| {
            let name = key(position);
            let (prior, context, reach): (HeavyTailed, PlaceContext, f32) = snapshot.get_json(&name)?;
            if [context.rows().len(), context.cols().len(), context.block()] != [layer.rows, layer.columns, layer.block]
            {
                return Err(Error::CheckpointEntry { name, problem: "does not fit the shape of its layer".into() });
            }
            LayerPrior::tabulated(prior, context, reach)
        });
        let std_dev = [config.std_dev, STD_DEV_AT_END * config.std_dev];
        Ok(Self { threshold: joint.threshold as f32, std_dev, layers: each.collect::<Result<_, Error>>()? })
    }

    /// Writes what [`Self::restore`] reads.
    pub fn save(&self, snapshot: &mut Snapshot) {
        for (position, layer) in self.layers.iter().enumerate() {
            snapshot.put_json(key(position), &(&layer.prior, &layer.context, layer.reach));
        }
    }

    /// Adds the pull of the prior on each weight of a layer to its gradient, or on those that are `kept`.
    pub fn add_gradient(
        &self,
        layer: usize,
        kept: Option<&[usize]>,
        weights: &[f32],
        strength: f32,
        gradient: &mut [f32],
    ) {
        let LayerPrior { context, table, .. } = &self.layers[layer];
        match kept {
            None => table.add_gradient(weights, context, strength, gradient),
            Some(kept) => table.add_gradient_at(kept, weights, context, strength, gradient),
        }
    }

    /// Re-estimates every layer's components, ladder and context from its weights. `progress` of the phase is in [0, 1].
    pub fn refresh(&mut self, trainee: &Trainee, layers: &[CoveredLayer], progress: f64) -> Result<(), Error> {
        let [wide, narrow] = self.std_dev;
        let settings = ReEstimate { std_dev: wide + (narrow - wide) * progress, ..ReEstimate::default() };
        for (state, layer) in self.layers.iter_mut().zip(layers) {
            let weights = trainee.parameters()[layer.parameter].data();
            state.prior.re_estimate(weights, &settings)?;
            *state = LayerPrior::new(state.prior.clone(), weights, layer, self.threshold)?;
        }
        Ok(())
    }

    /// What the weights cost beyond as many zeros, in nats.
    pub fn beyond_zeros(&self, trainee: &Trainee, layers: &[CoveredLayer]) -> Result<f64, Error> {
        let each = self.layers.iter().zip(layers).map(|(state, layer)| {
            let weights = trainee.parameters()[layer.parameter].data();
            let reach = weights.iter().fold(0.0_f32, |reach, weight| reach.max(weight.abs()));
            Ok(PenaltyTable::build(&state.prior, reach)?.beyond_zeros(weights, &state.context))
        });
        each.sum()
    }

    /// The mixture of each layer.
    pub fn mixtures(&self) -> Vec<LayerMixture> {
        self.layers.iter().map(|layer| LayerMixture::heavy_tailed(&layer.prior, &layer.context)).collect()
    }

    /// Means of each layer's components in units of the weights, ascending.
    pub fn means(&self) -> Vec<Vec<f64>> {
        let of = |layer: &LayerPrior| layer.prior.means().iter().map(|mean| mean * layer.prior.scale()).collect();
        self.layers.iter().map(of).collect()
    }
}

impl LayerPrior {
    fn new(prior: HeavyTailed, weights: &[f32], layer: &CoveredLayer, threshold: f32) -> Result<Self, Error> {
        let large = typical_large(weights) as f32;
        let context = PlaceContext::from_weights(weights, [layer.rows, layer.columns, layer.block], threshold * large);
        let reach = weights.iter().fold(0.0_f32, |reach, weight| reach.max(weight.abs()));
        Self::tabulated(prior, context, reach)
    }

    fn tabulated(prior: HeavyTailed, context: PlaceContext, reach: f32) -> Result<Self, Error> {
        let table = ScoreTable::build(&prior, reach)?;
        Ok(Self { prior, context, reach, table })
    }
}

fn key(layer: usize) -> String {
    format!("heavy-tailed.{layer}")
}
