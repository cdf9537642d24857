//! The classic prior during joint training: a plain Gaussian mixture whose means, log-precisions and mixing proportions are
//! learned by gradient together with the weights (Ullrich et al. 2017, arXiv 1702.04008, section 3).
//!
//! Hyper-priors in pseudo-counts hold the standard deviations near their preset values (Gamma on the precisions) and
//! the zero component's proportion high (Beta), which is how pruning happens here.

use mixpress_mixture::{HyperPriors, Mixture, Parameters, Statistics};
use serde::{Deserialize, Serialize};

use super::covered::CoveredLayer;
use super::layer_mixture::LayerMixture;
use crate::Error;
use crate::checkpoint::Snapshot;
use crate::draw::mixture_of;
use crate::optim::{AdamConfig, AdamStep, adam_update};
use crate::trainee::Trainee;

/// Standard deviations stay above this fraction of their preset value: a density is unbounded as `σ` goes to 0.
const STD_DEV_FLOOR: f64 = 0.05;

/// Standard deviation that the hyper-prior expects, as a fraction of the preset one.
const EXPECTED_STD_DEV: f64 = 0.25;

/// Components closer than this many standard deviations have become one.
const MERGE: f64 = 0.5;

/// Where a snapshot keeps the state.
const KEY: &str = "classic";

/// Mixtures that learn: one a layer, or one that all layers share, each with its own scale.
pub(crate) struct ClassicPrior {
    mixtures: Vec<LearnedMixture>,
    /// Scale `s_l` of each layer.
    scales: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
struct LearnedMixture {
    parameters: Parameters,
    mixture: Mixture,
    hyper_priors: HyperPriors,
    min_std_dev: f64,
    /// Adam's moments of means, log-precisions and logits, one after the other.
    moments: Vec<[f32; 2]>,
    steps: u64,
    /// Sums over the layers in the present step.
    #[serde(skip)]
    statistics: Option<Statistics>,
    #[serde(skip)]
    strength: f32,
}

impl ClassicPrior {
    /// Begins with the preset mixtures.
    pub fn new(mixtures: &[Mixture], zero_proportion: f64, scales: Vec<f64>) -> Self {
        let learned = mixtures.iter().map(|mixture| {
            let preset = mixture.components()[mixture.zero_index()].std_dev;
            let hyper_priors = HyperPriors {
                precision_strength: 0.01,
                std_dev: EXPECTED_STD_DEV * preset,
                zero_std_dev: EXPECTED_STD_DEV * preset,
                zero_strength: 0.05,
                zero_proportion,
            };
            LearnedMixture {
                parameters: Parameters::from(mixture),
                mixture: mixture.clone(),
                hyper_priors,
                min_std_dev: STD_DEV_FLOOR * preset,
                moments: vec![[0.0; 2]; 3 * mixture.len()],
                steps: 0,
                statistics: None,
                strength: 0.0,
            }
        });
        Self { mixtures: learned.collect(), scales }
    }

    /// Goes on from a snapshot.
    pub fn restore(snapshot: &Snapshot, scales: Vec<f64>) -> Result<Self, Error> {
        let mixtures: Vec<LearnedMixture> = snapshot.get_json(KEY)?;
        let misfit = |problem: &str| Error::CheckpointEntry { name: KEY.into(), problem: problem.into() };
        if mixtures.len() != 1 && mixtures.len() != scales.len() {
            return Err(misfit("has neither one mixture nor one a layer"));
        }
        if !mixtures.iter().all(LearnedMixture::is_consistent) {
            return Err(misfit("has parameters or moments that do not fit their mixture"));
        }
        Ok(Self { mixtures, scales })
    }

    /// Writes what [`Self::restore`] reads.
    pub fn save(&self, snapshot: &mut Snapshot) {
        snapshot.put_json(KEY, &self.mixtures);
    }

    /// Adds the pull of the prior on each weight of a layer to its gradient, and remembers the layer's statistics.
    pub fn add_gradient(&mut self, layer: usize, weights: &[f32], strength: f32, gradient: &mut [f32]) {
        let of = mixture_of(layer, self.mixtures.len());
        let learned = &mut self.mixtures[of];
        let grid = learned.mixture.grid(weights, self.scales[layer]);
        let statistics = grid.add_gradient(weights, strength, gradient);
        learned.strength = strength;
        match &mut learned.statistics {
            Some(sum) => sum.add(&statistics),
            empty => *empty = Some(statistics),
        }
    }

    /// One step of every mixture from the statistics of this step.
    pub fn learn(&mut self, rate: f32) -> Result<(), Error> {
        self.mixtures.iter_mut().try_for_each(|learned| learned.learn(rate))
    }

    /// What the weights cost beyond as many zeros, in nats.
    pub fn beyond_zeros(&self, trainee: &Trainee, layers: &[CoveredLayer]) -> f64 {
        let each = layers.iter().zip(&self.scales).enumerate().map(|(position, (layer, &scale))| {
            let mixture = &self.mixtures[mixture_of(position, self.mixtures.len())].mixture;
            beyond_zeros(mixture, trainee.parameters()[layer.parameter].data(), scale)
        });
        each.sum()
    }

    /// The mixture of each layer.
    pub fn mixtures(&self) -> Vec<LayerMixture> {
        let of = |(layer, &scale): (usize, &f64)| {
            LayerMixture::plain(&self.mixtures[mixture_of(layer, self.mixtures.len())].mixture, scale)
        };
        self.scales.iter().enumerate().map(of).collect()
    }

    /// Means of each layer's components in units of the weights, ascending; components that have become one are merged.
    pub fn means(&self) -> Vec<Vec<f64>> {
        let of = |(layer, scale): (usize, &f64)| {
            let mut mixture = self.mixtures[mixture_of(layer, self.mixtures.len())].mixture.clone();
            let merged = mixture.merge(MERGE);
            tracing::debug!(layer, ?merged, "components that have become one");
            // A mean that was held back at its neighbour's place is the same value.
            let mut means: Vec<f64> = mixture.means().iter().map(|mean| mean * scale).collect();
            means.dedup();
            means
        };
        self.scales.iter().enumerate().map(of).collect()
    }
}

/// What weights of a layer of scale `scale` cost beyond as many zeros under a plain mixture, in nats.
pub(super) fn beyond_zeros(mixture: &Mixture, weights: &[f32], scale: f64) -> f64 {
    weights.len() as f64 * mixture.log_density(0.0) - mixture.grid(weights, scale).statistics(weights).log_likelihood
}

impl LearnedMixture {
    /// Whether parameters and moments are those of as many components as the mixture has.
    fn is_consistent(&self) -> bool {
        let Parameters { means, log_precisions, logits, .. } = &self.parameters;
        let each = [means, log_precisions, logits];
        each.iter().all(|values| values.len() == self.mixture.len())
            && self.parameters.zero_index() == self.mixture.zero_index()
            && self.moments.len() == 3 * self.mixture.len()
    }

    fn learn(&mut self, rate: f32) -> Result<(), Error> {
        let Some(statistics) = self.statistics.take() else { return Ok(()) };
        let mut gradients = statistics.gradients(&self.mixture);
        self.hyper_priors.add_to(&self.mixture, statistics.weights, &mut gradients);
        self.steps = self.steps.saturating_add(1);
        let step = AdamStep::new(&AdamConfig::default(), rate, self.steps);
        let values = [&mut self.parameters.means, &mut self.parameters.log_precisions, &mut self.parameters.logits];
        let slopes = [&gradients.means, &gradients.log_precisions, &gradients.logits];
        let pairs = values.into_iter().flatten().zip(slopes.into_iter().flatten());
        for ((value, slope), [m, v]) in pairs.zip(&mut self.moments) {
            let mut stepped = 0.0;
            adam_update(&step, &mut stepped, (f64::from(self.strength) * slope) as f32, m, v);
            *value += f64::from(stepped);
        }
        self.parameters.project(self.min_std_dev)?;
        self.mixture = self.parameters.to_mixture(self.min_std_dev)?;
        Ok(())
    }
}
