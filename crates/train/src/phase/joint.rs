//! Phase B (method, step 4): weights and mixture are learned together under a rising strength of the prior.
//!
//! The objective of a step is `E(w) + (τ / n) Σ_j r(w_j)` with `r = -log p`; its whole gradient goes through Adam. The
//! strength `τ` rises linearly and stays. From some point on, weights below a slowly rising threshold are pruned *for good*
//! at the end of each round (a weight that is exactly zero stays so), since dust under the final threshold would carry
//! function that is lost when it is cut off at the end; and units that have lost all inputs or all outputs are removed
//! physically, which is what makes the later rounds cheap.

use mixpress_mixture::{Mixture, typical_large};
use mixpress_network::{Graph, ParameterKind, Parameters, RunningStatistics, SparsePlan};

use super::classic::ClassicPrior;
use super::covered::CoveredLayer;
use super::falling;
use super::heavy_tailed::HeavyTailedPrior;
use super::layer_mixture::LayerMixture;
use super::pull::pull_biases;
use crate::Error;
use crate::checkpoint::Snapshot;
use crate::config::{JointConfig, PriorConfig, PriorKind, ROUND};
use crate::observer::PhaseName;
use crate::session::{Phase, StepGradients};
use crate::trainee::Trainee;

/// Fraction of the phase after which the rising threshold of the pruning has reached its final value.
const PRUNED_BY: f64 = 0.9;

/// Proportion of the zero component that the classic prior's Beta hyper-prior expects.
const ZERO_PROPORTION: f64 = 0.99;

/// Settings of the phase, and the size of the training set that makes strengths comparable.
#[derive(Clone, Debug, PartialEq)]
pub struct JointSettings {
    /// The phase's own settings.
    pub config: JointConfig,
    /// The mixture's settings.
    pub prior: PriorConfig,
    /// Training samples `n`.
    pub samples: usize,
    /// Scale `s_l` of each layer.
    pub scales: Vec<f64>,
    /// Whether some layer is a convolution.
    pub has_convolutions: bool,
}

impl JointSettings {
    /// `τ / n` at the end of the phase.
    #[must_use]
    pub fn final_strength(&self) -> f32 {
        (self.tau() * self.config.rise.gain() / self.samples as f64) as f32
    }

    /// `τ / n` at a step: it rises linearly to that of the recipe, and geometrically in the stages that follow.
    #[must_use]
    pub fn strength(&self, step: u64) -> f32 {
        let (stage, step, steps) = self.stage_of(step);
        let ramp = self.config.ramp * steps as f64;
        let risen = if ramp > 0.0 { (step as f64 / ramp).min(1.0) } else { 1.0 };
        let factor = match stage {
            0 => risen,
            stage => self.config.rise.risen_by(stage, risen),
        };
        (self.tau() * factor / self.samples as f64) as f32
    }

    fn tau(&self) -> f64 {
        self.config.strength_for(self.samples, self.has_convolutions)
    }

    /// The learning rate at a step: a half-cosine, anew in each stage.
    fn rate(&self, step: u64) -> f32 {
        let JointConfig { learning_rate, floor, rise, .. } = &self.config;
        let (stage, step, steps) = self.stage_of(step);
        let from = if stage == 0 { *learning_rate } else { rise.learning_rate };
        falling(from, learning_rate * floor).at(step, steps)
    }

    /// Which stage a step is of (0 is what comes before them), how many of its steps are done, and how many it has.
    fn stage_of(&self, step: u64) -> (u64, u64, u64) {
        let (before, each) = (self.config.rounds * ROUND, self.config.rise.rounds * ROUND);
        match step.checked_sub(before) {
            None => (0, step, before),
            Some(later) => (1 + later / each, later % each, each),
        }
    }

    /// Steps until the end of a stage.
    pub(super) fn steps_to(&self, stage: u64) -> u64 {
        (self.config.rounds + stage * self.config.rise.rounds) * ROUND
    }
}

/// The prior over all covered layers, whichever family it is of.
pub(crate) enum Prior {
    HeavyTailed(HeavyTailedPrior),
    Classic(ClassicPrior),
}

impl Prior {
    /// Adds the pull on each weight of a layer to its gradient; where most are pruned for good, on those that are `kept`.
    fn add_gradient(
        &mut self,
        layer: usize,
        kept: Option<&[usize]>,
        weights: &[f32],
        strength: f32,
        gradient: &mut [f32],
    ) {
        match self {
            Self::HeavyTailed(prior) => prior.add_gradient(layer, kept, weights, strength, gradient),
            // It learns from pruned weights, too.
            Self::Classic(prior) => prior.add_gradient(layer, weights, strength, gradient),
        }
    }

    /// What the weights cost beyond as many zeros, in nats.
    fn beyond_zeros(&self, trainee: &Trainee, layers: &[CoveredLayer]) -> Result<f64, Error> {
        match self {
            Self::HeavyTailed(prior) => prior.beyond_zeros(trainee, layers),
            Self::Classic(prior) => Ok(prior.beyond_zeros(trainee, layers)),
        }
    }

    fn mixtures(&self) -> Vec<LayerMixture> {
        match self {
            Self::HeavyTailed(prior) => prior.mixtures(),
            Self::Classic(prior) => prior.mixtures(),
        }
    }

    fn means(&self) -> Vec<Vec<f64>> {
        match self {
            Self::HeavyTailed(prior) => prior.means(),
            Self::Classic(prior) => prior.means(),
        }
    }
}

pub(crate) struct JointPhase {
    settings: JointSettings,
    trainee: Trainee,
    layers: Vec<CoveredLayer>,
    prior: Prior,
}

/// What the joint phase hands to the selection of target components: for each layer, the means of all its components,
/// ascending, in units of the weights.
pub struct JointOutcome {
    /// The trained network.
    pub trainee: Trainee,
    /// Means of each layer's components, ascending, zero among them.
    pub means: Vec<Vec<f64>>,
    /// Each layer's mixture, to look at.
    pub mixtures: Vec<LayerMixture>,
}

impl JointOutcome {
    /// What the phase would return if it ended where the snapshot was taken of it, with the network as it was then.
    ///
    /// # Errors
    /// [`Error::CheckpointEntry`] when the snapshot is of another run.
    pub fn at(snapshot: &Snapshot, trainee: Trainee, settings: JointSettings) -> Result<Self, Error> {
        Ok(JointPhase::restore(trainee, snapshot, settings)?.finish())
    }
}

impl JointPhase {
    /// Begins with the float network and the mixtures that its weights were drawn from: one a layer, or one for all.
    pub fn new(mut trainee: Trainee, mixtures: &[Mixture], settings: JointSettings) -> Result<Self, Error> {
        trainee.forget_moments();
        trainee.plan_unpruned();
        let layers = trainee.covered();
        let prior = match settings.prior.kind {
            PriorKind::HeavyTailed => {
                let config = (&settings.config, &settings.prior);
                Prior::HeavyTailed(HeavyTailedPrior::new(&trainee, &layers, mixtures, &settings.scales, config)?)
            }
            PriorKind::Classic => Prior::Classic(ClassicPrior::new(mixtures, ZERO_PROPORTION, settings.scales.clone())),
        };
        Ok(Self { settings, trainee, layers, prior })
    }

    /// Goes on from a snapshot.
    pub fn restore(mut trainee: Trainee, snapshot: &Snapshot, settings: JointSettings) -> Result<Self, Error> {
        trainee.plan_unpruned();
        let layers = trainee.covered();
        let prior = match settings.prior.kind {
            PriorKind::HeavyTailed => {
                Prior::HeavyTailed(HeavyTailedPrior::restore(snapshot, &layers, (&settings.config, &settings.prior))?)
            }
            PriorKind::Classic => Prior::Classic(ClassicPrior::restore(snapshot, settings.scales.clone())?),
        };
        Ok(Self { settings, trainee, layers, prior })
    }

    /// The trained network and the means of its components. Under the heavy-tailed prior, weights below the threshold are
    /// pruned; the classic prior prunes by its zero component, when target components have been selected.
    pub fn finish(mut self) -> JointOutcome {
        let (means, mixtures) = (self.prior.means(), self.prior.mixtures());
        if matches!(self.prior, Prior::HeavyTailed(_)) {
            self.prune(1.0);
            self.trainee.shrink();
        }
        JointOutcome { trainee: self.trainee, means, mixtures }
    }

    /// Zeroes weights below `fraction` of the threshold for good.
    fn prune(&mut self, fraction: f64) {
        for layer in &self.layers {
            let large = typical_large(self.trainee.parameters()[layer.parameter].data());
            let threshold = fraction * self.settings.config.threshold * large;
            self.trainee.prune(layer.parameter, threshold as f32);
        }
    }
}

impl Phase for JointPhase {
    const NAME: PhaseName = PhaseName::Joint;

    fn steps(&self) -> u64 {
        self.settings.config.all_rounds() * ROUND
    }

    fn network(&self) -> (&Graph, &Parameters) {
        (self.trainee.graph(), self.trainee.parameters())
    }

    fn plan(&self) -> Option<&SparsePlan> {
        self.trainee.plan()
    }

    fn update(&mut self, step: u64, gradients: &mut StepGradients<'_>) -> Result<(), Error> {
        let config = &self.settings.config;
        let (rate, strength) = (self.settings.rate(step), self.settings.strength(step));
        let mut covered = self.layers.iter().enumerate().peekable();
        for index in 0..self.trainee.parameters().len() {
            let layer = covered.next_if(|(_, layer)| layer.parameter == index);
            let Some(mut gradient) = gradients.take(index) else { continue };
            let values = self.trainee.parameters()[index].data();
            if let Some((position, _)) = layer {
                let kept = self.trainee.kept(index);
                self.prior.add_gradient(position, kept, values, strength, &mut gradient);
                self.trainee.learn_unpruned(index, rate, &mut gradient);
            } else {
                if self.trainee.graph().parameters()[index].kind == ParameterKind::Bias {
                    pull_biases(values, strength * config.bias_strength as f32, &mut gradient);
                }
                self.trainee.learn(index, rate, &gradient);
            }
        }
        match &mut self.prior {
            Prior::HeavyTailed(prior) if (step + 1).is_multiple_of(config.refresh) => {
                let done = (step + 1) as f64 / self.settings.steps_to(0) as f64;
                prior.refresh(&self.trainee, &self.layers, done.min(1.0))?;
            }
            Prior::HeavyTailed(_) => {}
            Prior::Classic(prior) => prior.learn(rate)?,
        }
        Ok(())
    }

    fn observe(&mut self, _: u64, statistics: &[RunningStatistics]) {
        self.trainee.observe(statistics);
    }

    fn end_round(&mut self, rounds: u64) -> Result<(), Error> {
        let done = (rounds as f64 / self.settings.config.rounds as f64).min(1.0);
        if matches!(self.prior, Prior::Classic(_)) {
            return Ok(());
        }
        let from = self.settings.config.prune_from;
        if done > from {
            // Where pruning begins later than that, it begins with the final threshold.
            self.prune(((done - from) / (PRUNED_BY - from).max(0.0)).min(1.0));
        }
        if done > self.settings.config.shrink_from && self.trainee.shrink() {
            self.layers = self.trainee.covered();
            if let Prior::HeavyTailed(prior) = &mut self.prior {
                prior.refresh(&self.trainee, &self.layers, done)?;
            }
        }
        self.trainee.plan_unpruned();
        Ok(())
    }

    fn nonzero(&self) -> usize {
        self.layers.iter().map(|layer| self.trainee.nonzero(layer.parameter)).sum()
    }

    fn components(&self) -> Vec<usize> {
        self.prior.means().iter().map(Vec::len).collect()
    }

    fn prior(&self) -> Result<Option<f64>, Error> {
        self.prior.beyond_zeros(&self.trainee, &self.layers).map(Some)
    }

    fn save(&self, snapshot: &mut Snapshot) {
        self.trainee.save(snapshot);
        match &self.prior {
            Prior::HeavyTailed(prior) => prior.save(snapshot),
            Prior::Classic(prior) => prior.save(snapshot),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RiseConfig;

    #[test]
    fn the_strength_rises_from_stage_to_stage_and_less_in_the_last() {
        let rise = RiseConfig { stages: 3, rounds: 2, factor: 2.0, last_step: 0.25, ..RiseConfig::default() };
        let config = JointConfig { rounds: 4, strength: 0.5, ramp: 0.5, rise, ..JointConfig::default() };
        let settings = JointSettings {
            config,
            prior: PriorConfig::default(),
            samples: 50_000,
            scales: Vec::new(),
            has_convolutions: false,
        };
        // In units of the strength before any stage: at the start of each stage, halfway up its ramp, and at its end.
        let strength = |rounds: f64| settings.strength((rounds * ROUND as f64) as u64) * 50_000.0 / 0.5;
        for (rounds, expected) in [
            (0.0, 0.0),
            (1.0, 0.5),
            (2.0, 1.0),
            (4.0, 1.0),
            (4.5, 2_f32.sqrt()),
            (5.0, 2.0),
            (6.0, 2.0),
            (7.5, 4.0),
            (8.0, 4.0),
            (8.5, 4.0 * 2_f32.powf(0.125)),
            (9.5, 4.0 * 2_f32.powf(0.25)),
        ] {
            assert!(
                (strength(rounds) / expected - 1.0).abs() < 1e-2 || expected == 0.0,
                "{rounds}: {}",
                strength(rounds)
            );
        }
        assert_eq!(settings.strength(settings.steps_to(3) - 1), settings.final_strength());
    }
}
