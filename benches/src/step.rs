//! Training steps of the zoo's networks: forward, backward and Adam on one batch, plain, under the classic prior, or on kept
//! weights alone.

use mixpress::mixture::{Mixture, Parameters as MixtureParameters, Range};
use mixpress::network::{Graph, Operator, Parameters, SparsePlan, zoo};
use mixpress::tensor::{Mode, Pool, Tape, Tensor};
use mixpress::train::{Adam, AdamConfig};

use crate::{fresh_weights, generator, thin_parameters};

/// Images a step.
pub const BATCH: usize = 128;

/// Components of the prior.
pub const COMPONENTS: usize = 17;

/// Networks whose steps are timed: their names in the zoo, and the shape of an image.
pub const NETWORKS: [(&str, &[usize]); 3] =
    [("lenet-300-100", &[1, 28, 28]), ("lenet-5-caffe", &[1, 28, 28]), ("resnet-20", &[3, 32, 32])];

/// One weight in so many is kept on sparse steps.
pub const KEPT_ONE_IN: u32 = 200;

const RATE: f32 = 1e-3;

/// How much the prior counts against the loss, a weight.
const STRENGTH: f32 = 1e-6;

/// A network that learns one batch by heart.
pub struct Learner {
    graph: Graph,
    parameters: Parameters,
    optimizers: Vec<Adam>,
    prior: Option<Prior>,
    plan: Option<SparsePlan>,
    pool: Pool,
    batch: Tensor,
    labels: Vec<u32>,
}

/// A mixture over all weights, whose means, precisions and mixing proportions learn along with them.
struct Prior {
    scale: f64,
    parameters: MixtureParameters,
    mixture: Mixture,
    min_std_dev: f64,
    optimizer: Adam,
}

impl Learner {
    /// A network of the zoo with fresh weights.
    ///
    /// # Panics
    /// If the zoo has no network of that name, or it does not take images of that shape.
    #[must_use]
    pub fn new(name: &str, image: &[usize]) -> Self {
        let graph = zoo::by_name(name).expect("a network of the zoo").lower(image).expect("it takes such images");
        let parameters = Parameters::he_normal(&graph, &mut generator());
        Self::with_parameters(graph, image, parameters)
    }

    /// The same network with its weights and a mixture of [`COMPONENTS`] Gaussians over them.
    ///
    /// # Panics
    /// As [`Learner::new`].
    #[must_use]
    pub fn under_prior(name: &str, image: &[usize]) -> Self {
        let mut learner = Self::new(name, image);
        learner.prior = Some(Prior::new());
        learner
    }

    /// A network of the zoo of whose weights one in [`KEPT_ONE_IN`] is left; steps follow those, or all if not `by_plan`.
    ///
    /// # Panics
    /// As [`Learner::new`].
    #[must_use]
    pub fn thin(name: &str, image: &[usize], by_plan: bool) -> Self {
        let graph = zoo::by_name(name).expect("a network of the zoo").lower(image).expect("it takes such images");
        let parameters = thin_parameters(&graph, KEPT_ONE_IN);
        let mut learner = Self::with_parameters(graph, image, parameters);
        if by_plan {
            let kept = |parameter: usize, at: usize| learner.parameters[parameter].data()[at] != 0.0;
            let plan = SparsePlan::new(&learner.graph, kept);
            learner.plan = Some(plan.expect("so few weights are worth a plan"));
        }
        learner
    }

    fn with_parameters(graph: Graph, image: &[usize], parameters: Parameters) -> Self {
        let features: usize = image.iter().product();
        let optimizers =
            parameters.tensors().iter().map(|tensor| Adam::new(AdamConfig::default(), tensor.len())).collect();
        Self {
            graph,
            parameters,
            optimizers,
            prior: None,
            plan: None,
            pool: Pool::new(),
            batch: Tensor::new(&[&[BATCH], image].concat(), fresh_weights(BATCH * features, 1.0)).expect("a batch"),
            labels: (0..BATCH as u32).map(|image| image % 10).collect(),
        }
    }

    /// One step.
    ///
    /// # Panics
    /// If a mixture cannot be learned, which a bench has no use for.
    pub fn step(&mut self) {
        let mut tape = Tape::new(&self.pool, Mode::Training);
        let input = tape.constant(&self.batch);
        let forward = self.graph.forward_with(self.plan.as_ref(), &self.parameters, &mut tape, input, &mut generator());
        let loss = tape.softmax_cross_entropy(forward.output, &self.labels);
        let mut gradients = tape.backward(loss);
        let mut statistics = None;
        for (index, adam) in self.optimizers.iter_mut().enumerate() {
            let Some(mut gradient) = gradients.take(forward.parameters[index]) else { continue };
            let weights = self.parameters[index].data_mut();
            let is_weight = self.graph.parameters()[index].kind.is_weight();
            if let Some(prior) = self.prior.as_ref().filter(|_| is_weight) {
                let of_layer = prior.mixture.grid(weights, prior.scale).add_gradient(weights, STRENGTH, &mut gradient);
                match &mut statistics {
                    Some(statistics) => mixpress::mixture::Statistics::add(statistics, &of_layer),
                    empty => *empty = Some(of_layer),
                }
            }
            match self.plan.as_ref().and_then(|plan| plan.pattern(index)) {
                Some(pattern) => adam.step_at(pattern.positions(), RATE, weights, &gradient),
                None => adam.step(RATE, weights, &gradient),
            }
        }
        if let Some((prior, statistics)) = self.prior.as_mut().zip(statistics) {
            prior.learn(&statistics);
        }
    }

    /// Floating-point operations that the products of a step need: forward, the gradient of the weights and, but for the
    /// first layer, of the inputs.
    #[must_use]
    pub fn flops(&self) -> f64 {
        let mut passes = 2.0;
        let mut flops = 0.0;
        for node in self.graph.nodes() {
            let Some((weight, _)) = node.operator.weight_and_bias() else { continue };
            let positions: usize = match node.operator {
                Operator::Conv2d { .. } => node.shape[1..].iter().product(),
                _ => 1,
            };
            flops += passes * 2.0 * (BATCH * positions * self.graph.parameters()[weight].len()) as f64;
            passes = 3.0;
        }
        flops
    }
}

impl Prior {
    fn new() -> Self {
        let range = Range::new(-1.0, 1.0).expect("a range around zero");
        let proportions = vec![1.0 / COMPONENTS as f64; COMPONENTS];
        let mixture = Mixture::equally_spaced(range, COMPONENTS, 0.25, &proportions).expect("a mixture");
        Self {
            scale: 0.1,
            parameters: MixtureParameters::from(&mixture),
            min_std_dev: 1e-4,
            optimizer: Adam::new(AdamConfig::default(), 3 * mixture.len()),
            mixture,
        }
    }

    fn learn(&mut self, statistics: &mixpress::mixture::Statistics) {
        let of = statistics.gradients(&self.mixture);
        let slopes = [of.means, of.log_precisions, of.logits].concat();
        let slopes: Vec<f32> = slopes.iter().map(|&slope| STRENGTH * slope as f32).collect();
        let mut steps = vec![0.0; slopes.len()];
        self.optimizer.step(1e-4, &mut steps, &slopes);
        let parameters = &mut self.parameters;
        let values = [&mut parameters.means, &mut parameters.log_precisions, &mut parameters.logits];
        for (value, step) in values.into_iter().flatten().zip(steps) {
            *value += f64::from(step);
        }
        self.parameters.project(self.min_std_dev).expect("finite parameters");
        self.mixture = self.parameters.to_mixture(self.min_std_dev).expect("a mixture");
    }
}

/// Floating-point operations a second of the product of two matrices of 1024 by 1024: what a step's products could reach.
pub struct Product {
    left: Tensor,
    right: Tensor,
    pool: Pool,
}

impl Default for Product {
    fn default() -> Self {
        let matrix = || Tensor::new(&[Self::SIDE, Self::SIDE], fresh_weights(Self::SIDE * Self::SIDE, 1.0));
        Self { left: matrix().expect("a matrix"), right: matrix().expect("a matrix"), pool: Pool::new() }
    }
}

impl Product {
    const SIDE: usize = 1024;

    /// Floating-point operations of a product.
    pub const FLOPS: f64 = 2.0 * (Self::SIDE * Self::SIDE * Self::SIDE) as f64;

    /// Computes it.
    pub fn run(&self) {
        let mut tape = Tape::new(&self.pool, Mode::Inference);
        let (left, right) = (tape.constant(&self.left), tape.constant(&self.right));
        tape.matmul(left, right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_learner_learns_its_batch_plain_thin_and_under_the_prior() {
        let (name, image) = NETWORKS[0];
        for mut learner in [
            Learner::new(name, image),
            Learner::under_prior(name, image),
            Learner::thin(name, image, false),
            Learner::thin(name, image, true),
        ] {
            let before = learner.parameters.clone();
            learner.step();
            learner.step();
            let changed = |index: usize| before[index].data() != learner.parameters[index].data();
            assert!((0..6).all(changed), "each parameter has learned");
        }
    }

    #[test]
    fn thin_steps_are_the_same_by_plan_or_not() {
        let (name, image) = NETWORKS[0];
        let [mut dense, mut sparse] = [false, true].map(|by_plan| Learner::thin(name, image, by_plan));
        let before = sparse.parameters[0].data().to_vec();
        dense.step();
        sparse.step();
        let moved = |(before, after): (&f32, &f32)| (before - after).abs() > 0.1 * RATE;
        assert!(before.iter().zip(sparse.parameters[0].data()).any(moved), "the kept weights have learned");
        for (dense, sparse) in dense.parameters.tensors().iter().zip(sparse.parameters.tensors()) {
            let pairs = dense.data().iter().zip(sparse.data());
            assert!(pairs.filter(|(_, sparse)| **sparse != 0.0).all(|(dense, sparse)| (dense - sparse).abs() < 1e-5));
        }
    }

    #[test]
    fn products_are_counted() {
        let learner = Learner::new("lenet-300-100", &[1, 28, 28]);
        let expected = 2.0 * 128.0 * (2.0 * 784.0 * 300.0 + 3.0 * (300.0 * 100.0 + 100.0 * 10.0));
        assert_eq!(learner.flops(), expected);
    }
}
