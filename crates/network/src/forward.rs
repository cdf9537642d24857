//! Running a graph on a tape.

use mixpress_tensor::{BatchNorm, BatchStatistics, Tape, Tensor, Var};
use ndarray_rand::rand::{Rng, RngCore};

use crate::{Graph, Node, Operator, Parameters, SparsePlan};

/// What a forward pass left on the tape.
#[derive(Clone, Debug)]
pub struct Forward {
    /// The network's output, `[N, outputs]`.
    pub output: Var,
    /// One variable for each parameter of the graph, in its order; those that are not learned are constants.
    pub parameters: Vec<Var>,
    /// Statistics of this batch, one for each batch-norm layer; empty in inference.
    pub statistics: Vec<RunningStatistics>,
}

/// Statistics of one batch for one batch-norm layer, and where they go.
///
/// After each training step the trainer calls [`RunningStatistics::update`] for each of them; the running statistics are
/// what inference normalises with.
#[derive(Clone, Debug, PartialEq)]
pub struct RunningStatistics {
    /// Position of the running mean among the parameters.
    pub mean: usize,
    /// Position of the running variance among the parameters.
    pub variance: usize,
    /// Weight of this batch.
    pub momentum: f32,
    /// Mean and unbiased variance of this batch.
    pub batch: BatchStatistics<f32>,
}

impl RunningStatistics {
    /// `running = (1 - momentum) · running + momentum · batch`, `PyTorch`'s convention.
    ///
    /// # Panics
    ///
    /// When `parameters` are those of another graph.
    #[track_caller]
    pub fn update(&self, parameters: &mut Parameters) {
        for (index, batch) in [(self.mean, &self.batch.mean), (self.variance, &self.batch.variance)] {
            let running = parameters[index].data_mut();
            assert_eq!(running.len(), batch.len(), "running statistics of other lengths than the batch's");
            for (running, &new) in running.iter_mut().zip(batch) {
                *running = (1.0 - self.momentum) * *running + self.momentum * new;
            }
        }
    }
}

impl Graph {
    /// Runs the graph with these parameters, which are differentiated, on a batch `[N, ...]`.
    ///
    /// The parameters need not be those that are learned: a trainer may pass their quantised twins. Whether batch-norm and
    /// dropout learn is the tape's mode; the generator is drawn from by dropout alone.
    ///
    /// # Panics
    ///
    /// When samples have another shape than [`Graph::input_shape`], or `parameters` are those of another graph.
    #[track_caller]
    pub fn forward<'p, R: Rng + ?Sized>(
        &self,
        parameters: &'p Parameters,
        tape: &mut Tape<'p>,
        input: Var,
        rng: &mut R,
    ) -> Forward {
        self.forward_with(None, parameters, tape, input, rng)
    }

    /// As [`Graph::forward`], but the chains of a plan run on kept weights alone: the others count as zeros, and their
    /// gradients are zero.
    ///
    /// # Panics
    ///
    /// As [`Graph::forward`], or when the plan is that of another graph.
    #[track_caller]
    pub fn forward_with<'p, R: Rng + ?Sized>(
        &self,
        plan: Option<&SparsePlan>,
        parameters: &'p Parameters,
        tape: &mut Tape<'p>,
        input: Var,
        rng: &mut R,
    ) -> Forward {
        let specs = self.parameters().iter().zip(parameters.tensors());
        let variables = specs
            .map(|(spec, tensor)| if spec.kind.is_learned() { tape.parameter(tensor) } else { tape.constant(tensor) })
            .collect();
        self.run(plan, parameters, variables, tape, input, rng)
    }

    /// As [`Graph::forward`], but nothing is differentiated and the output alone is returned. For a tape in inference mode,
    /// where no operator draws at random.
    ///
    /// # Panics
    ///
    /// As [`Graph::forward`].
    #[track_caller]
    pub fn infer<'p>(&self, parameters: &'p Parameters, tape: &mut Tape<'p>, input: Var) -> Var {
        self.infer_with(None, parameters, tape, input)
    }

    /// As [`Graph::infer`], but the chains of a plan run on kept weights alone.
    ///
    /// # Panics
    ///
    /// As [`Graph::forward_with`].
    #[track_caller]
    pub fn infer_with<'p>(
        &self,
        plan: Option<&SparsePlan>,
        parameters: &'p Parameters,
        tape: &mut Tape<'p>,
        input: Var,
    ) -> Var {
        let variables = parameters.tensors().iter().map(|tensor| tape.constant(tensor)).collect();
        self.run(plan, parameters, variables, tape, input, &mut NoRng).output
    }

    #[track_caller]
    fn run<'p, R: Rng + ?Sized>(
        &self,
        plan: Option<&SparsePlan>,
        parameters: &'p Parameters,
        variables: Vec<Var>,
        tape: &mut Tape<'p>,
        input: Var,
        rng: &mut R,
    ) -> Forward {
        let (expected, got) = (self.input_shape(), tape.shape(input));
        assert_eq!(got.get(1..), Some(expected), "a batch of shape {got:?} on a network that takes {expected:?}");
        assert_eq!(variables.len(), self.parameters().len(), "parameters of another graph");
        let mut values: Vec<Var> = Vec::with_capacity(self.nodes().len());
        let mut statistics = Vec::new();
        while let Some(node) = self.nodes().get(values.len()) {
            if let Some((plan, chain)) = plan.and_then(|plan| Some((plan, plan.chain_from(values.len())?))) {
                let nodes = &self.nodes()[chain];
                let layers: Vec<_> = nodes.iter().map(|node| plan.layer(node, &variables)).collect();
                let value = tape.sparse_chain(values[node.inputs[0]], &layers);
                // Nobody but the chain reads the values inside it.
                values.extend(nodes.iter().map(|_| value));
                continue;
            }
            let value = if node.operator == Operator::Input {
                input
            } else {
                apply(node, parameters, &variables, tape, &values, &mut statistics, rng)
            };
            values.push(value);
        }
        let output = *values.last().expect("a graph has at least its input");
        Forward { output, parameters: variables, statistics }
    }
}

fn apply<'p, R: Rng + ?Sized>(
    node: &Node,
    parameters: &'p Parameters,
    variables: &[Var],
    tape: &mut Tape<'p>,
    values: &[Var],
    statistics: &mut Vec<RunningStatistics>,
    rng: &mut R,
) -> Var {
    let x = values[node.inputs[0]];
    match node.operator {
        Operator::Input => x,
        Operator::Select { ref features } => select(tape, x, features),
        Operator::Dense { weight, bias } => tape.linear(x, variables[weight], bias.map(|b| variables[b])),
        Operator::Conv2d { weight, bias, options } => {
            tape.conv2d(x, variables[weight], bias.map(|b| variables[b]), options)
        }
        Operator::MaxPool(pool) => tape.max_pool2d(x, pool),
        Operator::AveragePool(pool) => tape.average_pool2d(x, pool),
        Operator::GlobalAveragePool => tape.global_average_pool(x),
        Operator::BatchNorm { scale, shift, mean, variance, epsilon, momentum } => {
            let norm = BatchNorm { mean: parameters[mean].data(), variance: parameters[variance].data(), epsilon };
            let (value, batch) = tape.batch_norm(x, variables[scale], variables[shift], norm);
            statistics.extend(batch.map(|batch| RunningStatistics { mean, variance, momentum, batch }));
            value
        }
        Operator::Relu => tape.relu(x),
        Operator::Tanh => tape.tanh(x),
        Operator::Sigmoid => tape.sigmoid(x),
        Operator::Flatten => tape.flatten(x),
        Operator::Dropout { probability } => tape.dropout(x, probability, rng),
        Operator::Add => tape.add(x, values[node.inputs[1]]),
    }
}

/// Gathers features of the input. It is never differentiated, so that no way back is needed.
fn select(tape: &mut Tape<'_>, x: Var, features: &[usize]) -> Var {
    let shape = tape.shape(x);
    let mut selected = shape.to_vec();
    selected[1] = features.len();
    let plane: usize = shape[2..].iter().product();
    let sample = shape[1] * plane;
    let mut data = Vec::with_capacity(selected.iter().product());
    for sample in tape.value(x).chunks_exact(sample) {
        for &feature in features {
            data.extend_from_slice(&sample[feature * plane..][..plane]);
        }
    }
    tape.input(Tensor::new(&selected, data).expect("as many planes as selected"))
}

/// Stands where inference asks for a generator that it never draws from: dropout is the identity then.
struct NoRng;

impl RngCore for NoRng {
    fn next_u32(&mut self) -> u32 {
        0
    }

    fn next_u64(&mut self) -> u64 {
        0
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}
