//! What all phases of a run share, and the one loop that drives each of them.

use std::convert::Infallible;

use mixpress_network::{Graph, Parameters, RunningStatistics, SparsePlan};
use mixpress_tensor::{Buffer, Gradients, Mode, Pool, Tape, Tensor, Var};

use crate::checkpoint::Snapshot;
use crate::config::ROUND;
use crate::distillation::SoftTargets;
use crate::metrics::{Evaluation, predict};
use crate::observer::{Measurement, Observer, PhaseName};
use crate::random::{Purpose, stream};
use crate::{BatchConfig, CancelToken, Dataset, Error, Feed};

/// The data, settings and watchers of a run.
pub struct Session<'a> {
    /// Samples to train on.
    pub train: &'a Dataset,
    /// Samples held out.
    pub validation: &'a Dataset,
    /// How batches are drawn.
    pub batch: BatchConfig,
    /// What is learned of the training samples instead of their labels alone.
    pub targets: Option<&'a SoftTargets>,
    /// Who is told of progress.
    pub observer: &'a dyn Observer,
    /// Who may stop the run.
    pub cancel: CancelToken,
    /// Who keeps checkpoints.
    pub keeper: &'a dyn Keeper,
    /// Buffers of past steps.
    pub pool: Pool,
}

/// Keeps snapshots of a running phase.
pub trait Keeper {
    /// A round ended: keep `snapshot()` if checkpoints are wanted.
    ///
    /// # Errors
    /// When it cannot be written.
    fn round_ended(&self, snapshot: &dyn Fn() -> Snapshot) -> Result<(), Error>;

    /// The run was cancelled: keep `snapshot()` so that it can go on later.
    ///
    /// # Errors
    /// When it cannot be written.
    fn interrupted(&self, snapshot: &dyn Fn() -> Snapshot) -> Result<(), Error>;
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeepNothing;

impl Keeper for KeepNothing {
    fn round_ended(&self, _: &dyn Fn() -> Snapshot) -> Result<(), Error> {
        Ok(())
    }

    fn interrupted(&self, _: &dyn Fn() -> Snapshot) -> Result<(), Error> {
        Ok(())
    }
}

/// One of the four training phases, as the loop sees it.
pub(crate) trait Phase {
    /// Which phase this is.
    const NAME: PhaseName;

    /// Optimiser steps of the whole phase.
    fn steps(&self) -> u64;

    /// The network that a step runs through: for the later phases, the quantised twin of what is learned.
    fn network(&self) -> (&Graph, &Parameters);

    /// What of that network runs on kept weights alone. Gradients of the others are zero.
    fn plan(&self) -> Option<&SparsePlan> {
        None
    }

    /// The parameters that learn: those of [`Phase::network`] or, where that is a quantised twin, what lies behind it.
    fn learned(&self) -> &Parameters {
        self.network().1
    }

    /// Learns from the gradients of step `step`.
    fn update(&mut self, step: u64, gradients: &mut StepGradients<'_>) -> Result<(), Error>;

    /// Takes over running statistics of batch-norm layers.
    fn observe(&mut self, step: u64, statistics: &[RunningStatistics]);

    /// Prunes, shrinks, whatever happens after `rounds` whole rounds.
    fn end_round(&mut self, rounds: u64) -> Result<(), Error>;

    /// Weights under the prior that are not zero.
    fn nonzero(&self) -> usize;

    /// Components in use, a layer.
    fn components(&self) -> Vec<usize>;

    /// What the weights under the prior cost beyond as many zeros, in nats, the strength left out; nothing where there
    /// is no prior.
    fn prior(&self) -> Result<Option<f64>, Error> {
        Ok(None)
    }

    /// Writes everything that the phase needs to go on.
    fn save(&self, snapshot: &mut Snapshot);
}

/// The gradients of one step, by the position of the parameter.
pub(crate) struct StepGradients<'a> {
    gradients: &'a mut Gradients,
    variables: &'a [Var],
}

impl StepGradients<'_> {
    /// The gradient of parameter `index`, row-major; `None` where the loss does not depend on it.
    pub fn take(&mut self, index: usize) -> Option<Buffer<f32>> {
        self.gradients.take(self.variables[index])
    }
}

/// What the outputs of a batch should be.
#[derive(Clone, Copy)]
enum Target<'a> {
    /// A class for each sample.
    Labels(&'a [u32]),
    /// A distribution over the classes for each sample, `[samples, classes]`.
    Distributions(&'a [f32]),
}

impl Session<'_> {
    /// Runs a phase from step `start` to its end.
    pub(crate) fn drive<P: Phase>(&self, phase: &mut P, start: u64) -> Result<(), Error> {
        self.drive_to(phase, start, phase.steps())
    }

    /// Runs a phase from step `start` until `steps` of its steps are done.
    pub(crate) fn drive_to<P: Phase>(&self, phase: &mut P, start: u64, steps: u64) -> Result<(), Error> {
        // Each phase has epochs of its own, so that its batches do not depend on the lengths of the phases before it.
        let before = (P::NAME as u64) << 32;
        self.observer.phase_started(P::NAME, start, steps);
        if let Some(soft) = self.targets {
            let shape = [self.train.len(), phase.network().0.output_len()];
            assert_eq!(soft.shape(), shape, "targets of other samples or classes than the training set's");
        }
        let entropy = self.targets.map_or(0.0, SoftTargets::entropy);
        let mut feed = Feed::new(self.train, self.batch);
        let mut inputs = Tensor::zeros(&item_shape(feed.size(), self.train));
        let (mut labels, mut targets) = (vec![0; feed.size()], Vec::new());
        // The mean loss of a round is for people only; after a resume its first round averages fewer steps.
        let (mut loss_sum, mut loss_steps) = (0.0, 0);
        let mut loss = 0.0;
        for step in start..steps {
            if self.cancel.must_stop() {
                check_finite(phase, step, loss)?;
                self.keeper.interrupted(&|| snapshot(phase, step))?;
                return Err(Error::Interrupted);
            }
            feed.fill(before + step, None, inputs.data_mut(), &mut labels);
            let target = if let Some(soft) = self.targets {
                soft.fill(feed.samples(before + step), &mut targets);
                Target::Distributions(&targets)
            } else {
                Target::Labels(&labels)
            };
            loss = self.step(phase, step, before, &inputs, target)?;
            loss_sum += f64::from(loss);
            loss_steps += 1;
            self.observer.stepped(P::NAME, step + 1);
            if (step + 1).is_multiple_of(ROUND) || step + 1 == steps {
                check_finite(phase, step, loss)?;
                phase.end_round((step + 1).div_ceil(ROUND))?;
                let validation = evaluate_with(phase.plan(), phase.network(), self.validation, &self.pool);
                self.observer.measured(&Measurement {
                    phase: P::NAME,
                    step: step + 1,
                    loss: loss_sum / f64::from(loss_steps) - entropy,
                    prior: phase.prior()?.map(|nats| nats / self.train.len() as f64),
                    validation_error: validation.error_percent(),
                    nonzero: phase.nonzero(),
                    components: phase.components(),
                });
                (loss_sum, loss_steps) = (0.0, 0);
                if step + 1 < steps {
                    self.keeper.round_ended(&|| snapshot(phase, step + 1))?;
                }
            }
        }
        self.observer.phase_finished(P::NAME);
        Ok(())
    }

    fn step<P: Phase>(
        &self,
        phase: &mut P,
        step: u64,
        before: u64,
        inputs: &Tensor,
        target: Target<'_>,
    ) -> Result<f32, Error> {
        let (graph, parameters) = phase.network();
        let mut tape = Tape::new(&self.pool, Mode::Training);
        let input = tape.constant(inputs);
        let mut rng = stream(self.batch.seed, Purpose::Dropout, 0, before + step);
        let forward = graph.forward_with(phase.plan(), parameters, &mut tape, input, &mut rng);
        let loss_variable = match target {
            Target::Labels(labels) => tape.softmax_cross_entropy(forward.output, labels),
            Target::Distributions(rows) => tape.softmax_cross_entropy_with(forward.output, rows),
        };
        let loss = tape.value(loss_variable)[0];
        if !loss.is_finite() {
            return Err(Error::Diverged { phase: P::NAME, round: step / ROUND + 1, loss });
        }
        let mut gradients = tape.backward(loss_variable);
        phase.observe(step, &forward.statistics);
        phase.update(step, &mut StepGradients { gradients: &mut gradients, variables: &forward.parameters })?;
        Ok(loss)
    }
}

/// Refuses parameters that are not finite before a checkpoint of them can replace a good one. `loss` is the last one read.
fn check_finite<P: Phase>(phase: &P, step: u64, loss: f32) -> Result<(), Error> {
    let mut values = phase.learned().tensors().iter().flat_map(Tensor::data);
    if values.all(|value| value.is_finite()) {
        return Ok(());
    }
    Err(Error::Diverged { phase: P::NAME, round: step / ROUND + 1, loss })
}

/// The state of a phase of which `step` steps are done.
pub(crate) fn snapshot<P: Phase>(phase: &P, step: u64) -> Snapshot {
    let mut snapshot = Snapshot::new();
    snapshot.put_text("phase", P::NAME.key());
    snapshot.put_u64("step", &[1], &[step]);
    phase.save(&mut snapshot);
    snapshot
}

fn item_shape(batch: usize, data: &Dataset) -> Vec<usize> {
    std::iter::once(batch).chain(data.item_shape().iter().copied()).collect()
}

/// Error rate of a network on a data set, percent.
///
/// # Panics
/// When the network's input is not shaped like an item, or the data have a class that no output stands for.
#[must_use]
pub fn error_rate(graph: &Graph, parameters: &Parameters, data: &Dataset, pool: &Pool) -> f64 {
    evaluate(graph, parameters, data, pool).error_percent()
}

/// What a network gets wrong on a data set, class by class.
///
/// # Panics
/// As [`error_rate`].
#[must_use]
pub fn evaluate(graph: &Graph, parameters: &Parameters, data: &Dataset, pool: &Pool) -> Evaluation {
    evaluate_with(None, (graph, parameters), data, pool)
}

/// Which samples of a data set a network gives another class than theirs, in order.
///
/// # Panics
/// As [`error_rate`].
#[must_use]
pub fn wrong_samples(graph: &Graph, parameters: &Parameters, data: &Dataset, pool: &Pool) -> Vec<bool> {
    let mut wrong = Vec::with_capacity(data.len());
    let Ok(()) = each_batch(None, (graph, parameters), data, pool, |logits, labels| {
        let rows = logits.chunks_exact(graph.output_len()).zip(labels);
        wrong.extend(rows.map(|(logits, &label)| predict(logits) != Some(label as usize)));
        Ok::<(), Infallible>(())
    });
    wrong
}

fn evaluate_with(plan: Option<&SparsePlan>, network: (&Graph, &Parameters), data: &Dataset, pool: &Pool) -> Evaluation {
    let mut evaluation = Evaluation::new(network.0.output_len());
    let Ok(()) = each_batch(plan, network, data, pool, |logits, labels| {
        evaluation.add(logits, labels);
        Ok::<(), Infallible>(())
    });
    evaluation
}

/// Runs a network on all of a data set, and tells the logits and labels of each batch, unless that fails.
pub(crate) fn each_batch<E>(
    plan: Option<&SparsePlan>,
    (graph, parameters): (&Graph, &Parameters),
    data: &Dataset,
    pool: &Pool,
    mut tell: impl FnMut(&[f32], &[u32]) -> Result<(), E>,
) -> Result<(), E> {
    let samples: Vec<usize> = (0..data.len()).collect();
    for chunk in samples.chunks(graph.samples_a_pass()) {
        let mut inputs = Tensor::zeros(&item_shape(chunk.len(), data));
        data.fill(chunk, None, inputs.data_mut());
        let labels: Vec<u32> = chunk.iter().map(|&sample| data.labels()[sample]).collect();
        let mut tape = Tape::new(pool, Mode::Inference);
        let input = tape.constant(&inputs);
        let output = graph.infer_with(plan, parameters, &mut tape, input);
        tell(tape.value(output), &labels)?;
    }
    Ok(())
}
