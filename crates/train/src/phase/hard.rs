//! Phase C: hard assignment with a straight-through gradient, still under the joint objective.
//!
//! The forward pass sees each weight at the level (the mean of a target component) nearest to its latent value; the
//! gradient goes straight to the latent (Bengio et al. 2013, arXiv 1308.3432), together with the pull of the mixture of
//! the target components, whose common standard deviation narrows as the phase goes on. Assignments may move. Every so
//! often each level moves to the mean of its latents, and a level whose count falls to the threshold is dropped.
//!
//! Two things keep the codebook from collapsing towards zero, where it would let thousands of pruned weights back in:
//! weights that were pruned before stay exactly zero, and no level's magnitude falls below a fraction of its layer's
//! smallest at the start.

use mixpress_mixture::{Component, CountThreshold, Mixture, ScoreTable, root_mean_square, target_components};
use mixpress_network::{Graph, ParameterKind, Parameters, RunningStatistics, SparsePlan};

use super::classic::beyond_zeros;
use super::covered::CoveredLayer;
use super::falling;
use super::levels::Levels;
use super::pull::pull_biases;
use crate::Error;
use crate::checkpoint::Snapshot;
use crate::config::{HardConfig, ROUND};
use crate::observer::PhaseName;
use crate::session::{Phase, StepGradients};
use crate::trainee::Trainee;

/// Settings of the phase, together with what it takes over from the joint phase.
#[derive(Clone, Debug, PartialEq)]
pub struct HardSettings {
    /// The phase's own settings.
    pub config: HardConfig,
    /// `τ / n`: the prior's strength for a mean task loss.
    pub strength: f32,
    /// The pull of biases to zero, for a mean task loss.
    pub bias_strength: f32,
    /// The count that a level must exceed to stay.
    pub threshold: CountThreshold,
    /// Weights of each layer at full shape, which fractions in the threshold refer to.
    pub full_lens: Vec<usize>,
}

pub(crate) struct HardPhase {
    settings: HardSettings,
    /// The latent weights, and everything else that learns.
    trainee: Trainee,
    /// What the forward pass sees: each covered weight at its level.
    twin: Parameters,
    layers: Vec<HardLayer>,
}

struct HardLayer {
    covered: CoveredLayer,
    levels: Levels,
    /// No level's magnitude falls below this.
    floor: f32,
    /// The target components over `w / scale`, as of the last refresh.
    prior: Option<Prior>,
}

struct Prior {
    mixture: Mixture,
    scale: f64,
    reach: f32,
    table: ScoreTable,
}

impl Prior {
    fn new(mixture: Mixture, scale: f64, reach: f32) -> Result<Self, Error> {
        let table = ScoreTable::of_mixture(&mixture, scale, reach)?;
        Ok(Self { mixture, scale, reach, table })
    }

    /// Adds the pull on each latent to its gradient, or on those that are `kept`.
    fn add_gradient(&self, kept: Option<&[usize]>, latents: &[f32], strength: f32, gradient: &mut [f32]) {
        let row = self.table.row_of_class(0);
        if let Some(kept) = kept {
            for &at in kept {
                gradient[at] += strength * row[self.table.bin(latents[at])];
            }
            return;
        }
        for (gradient, &latent) in gradient.iter_mut().zip(latents) {
            *gradient += strength * row[self.table.bin(latent)];
        }
    }
}

impl HardPhase {
    /// Begins with the weights of the joint phase and the levels that were selected for each layer.
    pub fn new(mut trainee: Trainee, levels: Vec<Levels>, settings: HardSettings) -> Result<Self, Error> {
        trainee.forget_moments();
        trainee.plan_unpruned();
        let layers = trainee.covered().into_iter().zip(levels).map(|(covered, levels)| {
            // A layer of the zero level alone has no smallest magnitude to keep.
            let smallest = Some(levels.smallest_magnitude()).filter(|magnitude| magnitude.is_finite());
            let floor = settings.config.level_floor as f32 * smallest.unwrap_or(0.0);
            HardLayer { covered, levels, floor, prior: None }
        });
        let mut phase = Self { layers: layers.collect(), twin: trainee.parameters().clone(), trainee, settings };
        phase.refresh(0)?;
        phase.requantize();
        Ok(phase)
    }

    /// Goes on from a snapshot.
    pub fn restore(mut trainee: Trainee, snapshot: &Snapshot, settings: HardSettings) -> Result<Self, Error> {
        trainee.plan_unpruned();
        let mut layers = Vec::new();
        for (index, covered) in trainee.covered().into_iter().enumerate() {
            let levels = Levels::new(snapshot.get_f32(&format!("hard.{index}.levels"))?.to_vec());
            let (floor, prior): (f32, Option<(Mixture, f64, f32)>) =
                snapshot.get_json(&format!("hard.{index}.prior"))?;
            let prior = prior.map(|(mixture, scale, reach)| Prior::new(mixture, scale, reach)).transpose()?;
            layers.push(HardLayer { covered, levels, floor, prior });
        }
        let mut phase = Self { layers, twin: trainee.parameters().clone(), trainee, settings };
        phase.requantize();
        Ok(phase)
    }

    /// The trained latents, and the levels that each layer has in the end.
    pub fn finish(self) -> (Trainee, Vec<Levels>) {
        (self.trainee, self.layers.into_iter().map(|layer| layer.levels).collect())
    }

    /// Moves each level to the mean of its latents, drops those that have become rare, and narrows the prior.
    fn refresh(&mut self, step: u64) -> Result<(), Error> {
        let progress = step as f64 / self.steps() as f64;
        let [wide, narrow] = self.settings.config.std_dev;
        let fraction = wide + (narrow - wide) * progress;
        for (layer, &full_len) in self.layers.iter_mut().zip(&self.settings.full_lens) {
            let latents = self.trainee.parameters()[layer.covered.parameter].data();
            layer.refresh(latents, fraction, &self.settings.threshold, full_len)?;
        }
        Ok(())
    }

    fn requantize(&mut self) {
        for layer in &self.layers {
            let latents = self.trainee.parameters()[layer.covered.parameter].data();
            let kept = self.trainee.kept(layer.covered.parameter);
            layer.quantize(kept, latents, self.twin[layer.covered.parameter].data_mut());
        }
    }
}

impl HardLayer {
    /// Writes each latent's level to `seen`; where most are pruned for good, the levels of those that are `kept`.
    fn quantize(&self, kept: Option<&[usize]>, latents: &[f32], seen: &mut [f32]) {
        if let Some(kept) = kept {
            for &at in kept {
                seen[at] = self.levels.quantize(latents[at]);
            }
            return;
        }
        for (seen, &latent) in seen.iter_mut().zip(latents) {
            *seen = self.levels.quantize(latent);
        }
    }

    fn refresh(
        &mut self,
        latents: &[f32],
        fraction: f64,
        threshold: &CountThreshold,
        full_len: usize,
    ) -> Result<(), Error> {
        let tallies = self.levels.tally(latents);
        let zero = self.levels.zero();
        let counts: Vec<usize> = tallies.iter().map(|tally| tally.count).collect();
        let kept = target_components(&counts, zero, full_len, threshold);
        let moved = kept.iter().filter(|&&position| position != zero).map(|&position| {
            let value = self.levels.values()[position];
            let mean =
                if counts[position] == 0 { value } else { (tallies[position].sum / counts[position] as f64) as f32 };
            mean.abs().max(self.floor).copysign(value)
        });
        self.levels = Levels::new(moved.collect());
        let Some(scale) = root_mean_square(latents) else {
            self.prior = None;
            return Ok(());
        };
        // Counts after the move: a dropped level's weights went elsewhere.
        let counts = self.levels.tally(latents);
        let std_dev = fraction * f64::from(self.levels.smallest_magnitude()) / scale;
        let all = (latents.len() + counts.len()) as f64;
        let components = self.levels.values().iter().zip(&counts).map(|(&value, tally)| Component {
            mean: f64::from(value) / scale,
            std_dev,
            proportion: (tally.count as f64 + 1.0) / all,
        });
        let reach = latents.iter().fold(0.0_f32, |reach, latent| reach.max(latent.abs()));
        self.prior = match Mixture::new(components.collect()) {
            Ok(mixture) => Some(Prior::new(mixture, scale, reach)?),
            // A layer whose weights are all zero has one level and needs no prior.
            Err(_) if self.levels.values().len() < 2 => None,
            Err(error) => return Err(error.into()),
        };
        Ok(())
    }
}

impl Phase for HardPhase {
    const NAME: PhaseName = PhaseName::Hard;

    fn steps(&self) -> u64 {
        self.settings.config.rounds * ROUND
    }

    fn network(&self) -> (&Graph, &Parameters) {
        (self.trainee.graph(), &self.twin)
    }

    fn plan(&self) -> Option<&SparsePlan> {
        self.trainee.plan()
    }

    fn learned(&self) -> &Parameters {
        self.trainee.parameters()
    }

    fn update(&mut self, step: u64, gradients: &mut StepGradients<'_>) -> Result<(), Error> {
        let config = &self.settings.config;
        let rate = falling(config.learning_rate, config.learning_rate * config.floor).at(step, self.steps());
        let mut covered = self.layers.iter().peekable();
        for index in 0..self.trainee.parameters().len() {
            let layer = covered.next_if(|layer| layer.covered.parameter == index);
            let Some(mut gradient) = gradients.take(index) else { continue };
            let latents = self.trainee.parameters()[index].data();
            if let Some(layer) = layer {
                if let Some(prior) = &layer.prior {
                    prior.add_gradient(self.trainee.kept(index), latents, self.settings.strength, &mut gradient);
                }
                self.trainee.learn_unpruned(index, rate, &mut gradient);
                let latents = self.trainee.parameters()[index].data();
                layer.quantize(self.trainee.kept(index), latents, self.twin[index].data_mut());
            } else {
                if self.trainee.graph().parameters()[index].kind == ParameterKind::Bias {
                    pull_biases(latents, self.settings.bias_strength, &mut gradient);
                }
                self.trainee.learn(index, rate, &gradient);
                self.twin[index].data_mut().copy_from_slice(self.trainee.parameters()[index].data());
            }
        }
        if (step + 1).is_multiple_of(self.settings.config.refresh) {
            self.refresh(step + 1)?;
            self.requantize();
        }
        Ok(())
    }

    fn observe(&mut self, _: u64, statistics: &[RunningStatistics]) {
        self.trainee.observe(statistics);
        for index in statistics.iter().flat_map(|layer| [layer.mean, layer.variance]) {
            self.twin[index].data_mut().copy_from_slice(self.trainee.parameters()[index].data());
        }
    }

    fn end_round(&mut self, _: u64) -> Result<(), Error> {
        Ok(())
    }

    fn nonzero(&self) -> usize {
        let seen = self.layers.iter().map(|layer| self.twin[layer.covered.parameter].data());
        seen.map(|values| values.iter().filter(|&&value| value != 0.0).count()).sum()
    }

    fn components(&self) -> Vec<usize> {
        self.layers.iter().map(|layer| layer.levels.values().len()).collect()
    }

    fn prior(&self) -> Result<Option<f64>, Error> {
        let each = self.layers.iter().filter_map(|layer| {
            let prior = layer.prior.as_ref()?;
            let latents = self.trainee.parameters()[layer.covered.parameter].data();
            Some(beyond_zeros(&prior.mixture, latents, prior.scale))
        });
        Ok(Some(each.sum()))
    }

    fn save(&self, snapshot: &mut Snapshot) {
        self.trainee.save(snapshot);
        for (index, layer) in self.layers.iter().enumerate() {
            let values = layer.levels.values();
            snapshot.put_f32(format!("hard.{index}.levels"), &[values.len()], values);
            let prior = layer.prior.as_ref().map(|prior| (&prior.mixture, prior.scale, prior.reach));
            snapshot.put_json(format!("hard.{index}.prior"), &(layer.floor, prior));
        }
    }
}
