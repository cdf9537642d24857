//! Phase D (method, step 8): the compressed network learns on, with tied weights.
//!
//! Assignments stay as they are. The zero entry of a codebook stays exactly 0; every other entry learns from the sum of
//! the gradients of the weights that share it, divided by their number. Biases learn freely until halfway, when they
//! are rounded to a symmetric grid and frozen, and norms to half precision; the codebooks go on and make up for it. At
//! the end codebook entries and the running statistics of batch-norms, which follow the codebooks until then, are
//! rounded to their stored type.

use half::f16;
use mixpress_network::{Graph, ParameterKind, Parameters, RunningStatistics, SparsePlan};

use super::covered::CoveredLayer;
use super::falling;
use super::levels::Levels;
use crate::Error;
use crate::checkpoint::Snapshot;
use crate::config::{ROUND, TiedConfig};
use crate::observer::PhaseName;
use crate::optim::{Adam, AdamConfig};
use crate::session::{Phase, StepGradients};
use crate::trainee::Trainee;

/// Bits of the mantissa of a bias grid's step, at least: a file holds steps of so few in a byte less.
const STEP_BITS: u8 = 4;

pub(crate) struct TiedPhase {
    config: TiedConfig,
    /// Holds the weights at their codebook's values.
    trainee: Trainee,
    layers: Vec<TiedLayer>,
}

struct TiedLayer {
    covered: CoveredLayer,
    codebook: Vec<f32>,
    zero: usize,
    /// One codebook entry a weight.
    indices: Vec<u16>,
    adam: Adam,
}

impl TiedPhase {
    /// Quantises each layer to its levels (method, step 6) and begins.
    ///
    /// # Errors
    /// [`Error::Setting`] for a layer of more than 65,536 levels.
    pub fn new(mut trainee: Trainee, levels: &[Levels], config: TiedConfig) -> Result<Self, Error> {
        for (layer, levels) in trainee.covered().iter().zip(levels) {
            for weight in trainee.parameters_mut()[layer.parameter].data_mut() {
                *weight = levels.quantize(*weight);
            }
        }
        trainee.shrink();
        trainee.forget_moments();
        let layers = trainee.covered().into_iter().zip(levels).map(|(covered, levels)| {
            let codebook = levels.values().to_vec();
            let too_many =
                Error::Setting { setting: "levels of a layer", value: codebook.len() as f64, range: "at most 65536" };
            u16::try_from(codebook.len() - 1).map_err(|_| too_many)?;
            let weights = trainee.parameters()[covered.parameter].data();
            let indices = weights.iter().map(|&weight| levels.nearest(weight) as u16).collect();
            let adam = Adam::new(AdamConfig::default(), codebook.len());
            Ok(TiedLayer { covered, codebook, zero: levels.zero(), indices, adam })
        });
        let layers = layers.collect::<Result<_, Error>>()?;
        Ok(Self::planned(config, trainee, layers))
    }

    /// Goes on from a snapshot.
    pub fn restore(trainee: Trainee, snapshot: &Snapshot, config: TiedConfig) -> Result<Self, Error> {
        let mut layers = Vec::new();
        for (index, covered) in trainee.covered().into_iter().enumerate() {
            let codebook = snapshot.get_f32(&format!("tied.{index}.codebook"))?.to_vec();
            let indices = snapshot.get_u16(&format!("tied.{index}.indices"))?.to_vec();
            let fits = indices.len() == covered.len() && indices.iter().all(|&at| usize::from(at) < codebook.len());
            let zero = codebook.iter().position(|&value| value == 0.0);
            let (true, Some(zero)) = (fits, zero) else {
                return Err(Error::CheckpointEntry {
                    name: format!("tied.{index}.indices"),
                    problem: "does not fit its layer and codebook".into(),
                });
            };
            let adam = crate::trainee::restore_adam(snapshot, &format!("tied.{index}"), codebook.len())?;
            layers.push(TiedLayer { covered, codebook, zero, indices, adam });
        }
        Ok(Self::planned(config, trainee, layers))
    }

    /// A weight is kept if its index is not that of zero, for the whole phase: another entry may pass through 0.
    fn planned(config: TiedConfig, mut trainee: Trainee, layers: Vec<TiedLayer>) -> Self {
        trainee.plan_kept(|parameter, at| {
            let layer = layers.binary_search_by_key(&parameter, |layer| layer.covered.parameter);
            layer.map_or(true, |layer| usize::from(layers[layer].indices[at]) != layers[layer].zero)
        });
        Self { config, trainee, layers }
    }

    /// The network with every covered weight at a value of its layer's codebook, and the codebooks, rounded to their
    /// stored type.
    pub fn finish(mut self) -> (Trainee, Vec<Vec<f32>>) {
        for value in self.layers.iter_mut().flat_map(|layer| &mut layer.codebook) {
            *value = round_mantissa(*value, self.config.level_bits);
        }
        self.expand();
        self.round_plain(|kind| !kind.is_learned());
        (self.trainee, self.layers.into_iter().map(|layer| layer.codebook).collect())
    }

    /// Writes each weight's codebook entry into the network.
    fn expand(&mut self) {
        for layer in &self.layers {
            layer.expand(None, self.trainee.parameters_mut()[layer.covered.parameter].data_mut());
        }
    }

    /// Rounds the parameters without a codebook that are of the kinds wanted to their stored type: biases to their
    /// grid, norms and statistics to half precision where they are within its range.
    fn round_plain(&mut self, is_wanted: impl Fn(ParameterKind) -> bool) {
        let kinds: Vec<_> = self.trainee.graph().parameters().iter().map(|spec| spec.kind).collect();
        for (index, kind) in kinds.into_iter().enumerate() {
            if self.trainee.covers().includes(kind) || !is_wanted(kind) {
                continue;
            }
            let values = self.trainee.parameters_mut()[index].data_mut();
            match kind {
                ParameterKind::Bias => round_to_grid(values, self.config.bias_bits),
                _ => round_to_half(values),
            }
        }
    }

    fn is_frozen(&self, step: u64) -> bool {
        step >= self.steps().div_ceil(2)
    }
}

impl TiedLayer {
    /// Writes each weight's codebook entry; where most are zero for good, the entries of those that are `kept`.
    fn expand(&self, kept: Option<&[usize]>, weights: &mut [f32]) {
        if let Some(kept) = kept {
            for &at in kept {
                weights[at] = self.codebook[usize::from(self.indices[at])];
            }
            return;
        }
        for (weight, &index) in weights.iter_mut().zip(&self.indices) {
            *weight = self.codebook[usize::from(index)];
        }
    }

    /// One step of the codebook from the gradient of the weights; `kept` are those that are not zero for good.
    fn learn(&mut self, kept: Option<&[usize]>, rate: f32, gradient: &[f32]) {
        let mut sums = vec![(0.0_f64, 0_usize); self.codebook.len()];
        let mut tally = |at: usize| {
            let (sum, count) = &mut sums[usize::from(self.indices[at])];
            *sum += f64::from(gradient[at]);
            *count += 1;
        };
        match kept {
            Some(kept) => kept.iter().copied().for_each(&mut tally),
            None => (0..gradient.len()).for_each(&mut tally),
        }
        sums[self.zero] = (0.0, 0);
        let means: Vec<f32> = sums.into_iter().map(|(sum, count)| (sum / count.max(1) as f64) as f32).collect();
        self.adam.step(rate, &mut self.codebook, &means);
    }
}

impl Phase for TiedPhase {
    const NAME: PhaseName = PhaseName::Tied;

    fn steps(&self) -> u64 {
        self.config.rounds * ROUND
    }

    fn network(&self) -> (&Graph, &Parameters) {
        (self.trainee.graph(), self.trainee.parameters())
    }

    fn plan(&self) -> Option<&SparsePlan> {
        self.trainee.plan()
    }

    fn update(&mut self, step: u64, gradients: &mut StepGradients<'_>) -> Result<(), Error> {
        let rate = falling(self.config.learning_rate, 0.0).at(step, self.steps());
        let frozen = self.is_frozen(step);
        let mut covered = self.layers.iter_mut().peekable();
        for index in 0..self.trainee.parameters().len() {
            let layer = covered.next_if(|layer| layer.covered.parameter == index);
            let Some(gradient) = gradients.take(index) else { continue };
            match layer {
                Some(layer) => {
                    let (kept, weights) = self.trainee.kept_and_weights_mut(index);
                    layer.learn(kept, rate, &gradient);
                    layer.expand(kept, weights);
                }
                None if !frozen => self.trainee.learn(index, rate, &gradient),
                None => {}
            }
        }
        if !self.is_frozen(step) && self.is_frozen(step + 1) {
            self.round_plain(ParameterKind::is_learned);
        }
        Ok(())
    }

    fn observe(&mut self, _: u64, statistics: &[RunningStatistics]) {
        self.trainee.observe(statistics);
    }

    fn end_round(&mut self, _: u64) -> Result<(), Error> {
        Ok(())
    }

    fn nonzero(&self) -> usize {
        let zeros = |layer: &TiedLayer| layer.indices.iter().filter(|&&index| usize::from(index) != layer.zero).count();
        self.layers.iter().map(zeros).sum()
    }

    fn components(&self) -> Vec<usize> {
        self.layers.iter().map(|layer| layer.codebook.len()).collect()
    }

    fn save(&self, snapshot: &mut Snapshot) {
        self.trainee.save(snapshot);
        for (index, layer) in self.layers.iter().enumerate() {
            snapshot.put_f32(format!("tied.{index}.codebook"), &[layer.codebook.len()], &layer.codebook);
            snapshot.put_u16(format!("tied.{index}.indices"), &[layer.indices.len()], &layer.indices);
            crate::trainee::save_adam(snapshot, &format!("tied.{index}"), &layer.adam);
        }
    }
}

/// Rounds values to half precision, unless one of them is too large for it: then all stay as they are.
fn round_to_half(values: &mut [f32]) {
    let half = |value: f32| f16::from_f32(value).to_f32();
    if values.iter().all(|&value| half(value).is_finite()) {
        for value in values {
            *value = half(*value);
        }
    }
}

/// The half-precision number nearest to `value` whose mantissa has no more than `bits` bits.
fn round_mantissa(value: f32, bits: u8) -> f32 {
    let dropped = 10 - u32::from(bits.min(10));
    let half = f16::from_f32(value).to_bits();
    // Adding half a unit of the last kept place carries into the exponent where that is right.
    let rounded = (half + ((1_u16 << dropped) >> 1)) >> dropped << dropped;
    let rounded = f16::from_bits(rounded);
    if rounded.is_finite() { rounded.to_f32() } else { f16::from_bits(half).to_f32() }
}

/// The smallest half-precision number of at most `bits` bits of mantissa that is not below `value`.
fn ceil_mantissa(value: f32, bits: u8) -> f32 {
    let rounded = round_mantissa(value, bits);
    if rounded >= value {
        return rounded;
    }
    f16::from_bits(f16::from_f32(rounded).to_bits() + (1 << (10 - bits))).to_f32()
}

/// Rounds to `q · s` with `q` in `-(2^(bits-1) - 1) ..= 2^(bits-1) - 1`; `s` is the smallest half-precision number of
/// few bits with which the grid reaches the largest value. Values so small that `s` would not be a normal number become
/// zero.
fn round_to_grid(values: &mut [f32], bits: u8) {
    let most = f32::from((1_u16 << (bits - 1)) - 1);
    let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    if largest / most < f16::MIN_POSITIVE.to_f32() {
        values.fill(0.0);
        return;
    }
    // With fewer bits than the grid's the step could exceed what makes the largest value the grid's last.
    let step = ceil_mantissa(largest / most, bits.max(STEP_BITS)).min(f16::MAX.to_f32());
    for value in values {
        *value = (*value / step).round().clamp(-most, most) * step;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rounded_values_lie_on_the_grid(mut values in prop::collection::vec(-3.0_f32..3.0, 1..40), bits in 2_u8..9) {
            let before = values.clone();
            round_to_grid(&mut values, bits);
            let most = f32::from((1_u16 << (bits - 1)) - 1);
            let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            let step = largest / most;
            prop_assert_eq!(f16::from_f32(step).to_f32(), step);
            for (value, before) in values.iter().zip(before) {
                let steps = if step > 0.0 { (value / step).round() * step } else { 0.0 };
                prop_assert_eq!(steps, *value);
                prop_assert!((value - before).abs() <= (0.5 * step).max(most * f16::MIN_POSITIVE.to_f32()) * 1.001);
            }
            let again = values.clone();
            round_to_grid(&mut values, bits);
            prop_assert_eq!(values, again);
        }
    }

    proptest! {
        #[test]
        fn short_mantissas_are_near_and_stay(value in -100.0_f32..100.0, bits in 1_u8..=10) {
            let rounded = round_mantissa(value, bits);
            prop_assert!((rounded - value).abs() <= value.abs() * 0.5_f32.powi(i32::from(bits)) + 1e-6);
            prop_assert_eq!(round_mantissa(rounded, bits), rounded);
            let above = ceil_mantissa(value.abs(), bits);
            prop_assert!(above >= value.abs() && above <= value.abs() * (1.0 + 0.5_f32.powi(i32::from(bits) - 1)) + 1e-6);
            prop_assert_eq!(round_mantissa(above, bits), above);
        }
    }

    #[test]
    fn what_half_precision_cannot_hold_is_not_rounded() {
        let mut values = [0.1, 70_000.0];
        round_to_half(&mut values);
        assert_eq!(values, [0.1, 70_000.0]);
        round_to_half(&mut values[..1]);
        assert_eq!(values[0], f16::from_f32(0.1).to_f32());
    }

    #[test]
    fn zeros_stay() {
        let mut zeros = [0.0; 4];
        round_to_grid(&mut zeros, 4);
        assert_eq!(zeros, [0.0; 4]);
    }
}
