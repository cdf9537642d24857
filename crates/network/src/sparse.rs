//! Which parts of a graph run on kept weights alone, once most weights are gone for good.
//!
//! A part is a chain of nodes that read each other and nothing else: dense layers, convolutions, max-pooling, `ReLU`,
//! flattening. Whether it runs sparse is decided by counts alone, never by a clock, so that a run takes the same path
//! wherever and however often it is resumed: a chain pays when its products, each weighed by what it costs beside a product
//! of a dense kernel, and the values that must be brought into the lanes of vector registers and back, are fewer than the
//! products of the dense layers.

use std::ops::Range;
use std::sync::Arc;

use mixpress_tensor::{SparseLayer, SparsePattern, Var};

use crate::{Graph, Node, Operator};

/// Time of a product with a kept weight of a dense layer, in products of a dense layer that keeps all.
const LINEAR_COST: f64 = 8.0;

/// The same of a convolution.
const CONVOLUTION_COST: f64 = 4.0;

/// Time of a value that enters a chain or leaves it, in the same unit.
const VALUE_COST: f64 = 10.0;

/// The chains of a graph that run on kept weights alone, and which weights those are.
#[derive(Clone, Debug)]
pub struct SparsePlan {
    /// Ranges of nodes, ascending.
    chains: Vec<Range<usize>>,
    /// One a parameter; `None` where it is no weight of a chain.
    patterns: Vec<Option<Arc<SparsePattern>>>,
}

impl SparsePlan {
    /// The plan for weights of which `is_kept(parameter, position)` says whether they are kept: the others are zero and stay
    /// so. `None` when nothing is gained.
    #[must_use]
    pub fn new(graph: &Graph, is_kept: impl Fn(usize, usize) -> bool) -> Option<Self> {
        Self::of_chains(graph, &is_kept, |chain| pays(graph, chain, &is_kept))
    }

    fn of_chains(
        graph: &Graph,
        is_kept: impl Fn(usize, usize) -> bool,
        is_chosen: impl Fn(&Range<usize>) -> bool,
    ) -> Option<Self> {
        let chains: Vec<_> = chains(graph).into_iter().filter(is_chosen).collect();
        let mut patterns = vec![None; graph.parameters().len()];
        for node in chains.iter().flat_map(|chain| &graph.nodes()[chain.clone()]) {
            if let Some((weight, _)) = node.operator.weight_and_bias() {
                let shape = &graph.parameters()[weight].shape;
                patterns[weight] = Some(Arc::new(SparsePattern::new(shape, |position| is_kept(weight, position))));
            }
        }
        (!chains.is_empty()).then_some(Self { chains, patterns })
    }

    /// The kept weights of a parameter, where it belongs to a chain.
    #[must_use]
    pub fn pattern(&self, parameter: usize) -> Option<&SparsePattern> {
        self.patterns[parameter].as_deref()
    }

    /// The chain that begins with a node.
    pub(crate) fn chain_from(&self, node: usize) -> Option<Range<usize>> {
        self.chains.iter().find(|chain| chain.start == node).cloned()
    }

    /// The layer that a node of a chain is.
    pub(crate) fn layer(&self, node: &Node, variables: &[Var]) -> SparseLayer {
        let pattern =
            |weight: usize| Arc::clone(self.patterns[weight].as_ref().expect("a chain's weights have patterns"));
        match node.operator {
            Operator::Dense { weight, bias } => SparseLayer::Linear {
                weight: variables[weight],
                bias: bias.map(|bias| variables[bias]),
                pattern: pattern(weight),
            },
            Operator::Conv2d { weight, bias, options } => SparseLayer::Conv2d {
                weight: variables[weight],
                bias: bias.map(|bias| variables[bias]),
                pattern: pattern(weight),
                options,
            },
            Operator::MaxPool(pool) => SparseLayer::MaxPool(pool),
            Operator::Relu => SparseLayer::Relu,
            Operator::Flatten => SparseLayer::Flatten,
            ref other => unreachable!("{other:?} is in no chain"),
        }
    }
}

/// Whether a chain is faster on kept weights alone.
fn pays(graph: &Graph, chain: &Range<usize>, is_kept: impl Fn(usize, usize) -> bool) -> bool {
    let len = |node: usize| graph.nodes()[node].shape.iter().product::<usize>();
    let mut balance = -VALUE_COST * (len(chain.start - 1) + len(chain.end - 1)) as f64;
    for node in &graph.nodes()[chain.clone()] {
        let Some((weight, _)) = node.operator.weight_and_bias() else { continue };
        let len = graph.parameters()[weight].len();
        let kept = (0..len).filter(|&position| is_kept(weight, position)).count();
        let (positions, cost) = match node.operator {
            Operator::Conv2d { .. } => (node.shape[1..].iter().product::<usize>(), CONVOLUTION_COST),
            _ => (1, LINEAR_COST),
        };
        balance += positions as f64 * (len as f64 - cost * kept as f64);
    }
    balance > 0.0
}

/// The longest chains of a graph that begin with a weight, as ranges of nodes.
fn chains(graph: &Graph) -> Vec<Range<usize>> {
    let nodes = graph.nodes();
    let mut readers = vec![0_usize; nodes.len()];
    nodes.iter().flat_map(|node| &node.inputs).for_each(|&input| readers[input] += 1);
    let is_chained = |node: &Node| {
        let layer = matches!(
            node.operator,
            Operator::Dense { .. }
                | Operator::Conv2d { .. }
                | Operator::MaxPool(_)
                | Operator::Relu
                | Operator::Flatten
        );
        layer && !node.shape.contains(&0)
    };
    let mut chains = Vec::new();
    let mut at = 1;
    while at < nodes.len() {
        let is_first = nodes[at].operator.weight_and_bias().is_some() && nodes[at].inputs == [at - 1];
        if !is_first || !is_chained(&nodes[at]) || nodes[at - 1].shape.contains(&0) {
            at += 1;
            continue;
        }
        let mut end = at + 1;
        while end < nodes.len() && is_chained(&nodes[end]) && nodes[end].inputs == [end - 1] && readers[end - 1] == 1 {
            end += 1;
        }
        chains.push(at..end);
        at = end;
    }
    chains
}

#[cfg(test)]
mod tests {
    use mixpress_tensor::{Mode, Pool, Tape, Tensor};
    use mixpress_testing::assert_close;
    use mixpress_testing::strategies::cases;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{assert_same, batch, networks, rng};
    use crate::{Parameters, zoo};

    /// Output and gradients of `Σ c_i · output_i`.
    fn run(graph: &Graph, parameters: &Parameters, plan: Option<&SparsePlan>, input: &Tensor) -> Vec<Vec<f32>> {
        let pool = Pool::new();
        let mut tape = Tape::new(&pool, Mode::Training);
        let x = tape.constant(input);
        let forward = graph.forward_with(plan, parameters, &mut tape, x, &mut rng(1));
        let mut results = vec![tape.value(forward.output).to_vec()];
        let labels = vec![0; input.shape()[0]];
        let loss = tape.softmax_cross_entropy(forward.output, &labels);
        let mut gradients = tape.backward(loss);
        let variables = forward.parameters.into_iter();
        results.extend(variables.map(|variable| gradients.take(variable).map_or_else(Vec::new, |g| g.to_vec())));
        results
    }

    /// Keeps one weight in `every`.
    fn thin(graph: &Graph, parameters: &mut Parameters, every: usize) {
        for (index, spec) in graph.parameters().iter().enumerate().filter(|(_, spec)| spec.kind.is_weight()) {
            let values = parameters[index].data_mut().iter_mut().enumerate();
            values.filter(|(at, _)| at * 7 % every != spec.len() % every).for_each(|(_, value)| *value = 0.0);
        }
    }

    proptest! {
        #![proptest_config(cases(96))]
        #[test]
        fn a_planned_pass_is_the_dense_pass((definition, item) in networks(), every in 1_usize..6, seed: u64) {
            let graph = definition.lower(&item).unwrap();
            if graph.nodes().iter().any(|node| matches!(node.operator, Operator::BatchNorm { .. })) {
                // It magnifies the last bits of a channel that is nearly constant.
                return Ok(());
            }
            let mut parameters = Parameters::he_normal(&graph, &mut rng(seed));
            thin(&graph, &mut parameters, every);
            let kept = |parameter: usize, at: usize| parameters[parameter].data()[at] != 0.0;
            let plan = SparsePlan::of_chains(&graph, kept, |_| true).unwrap();
            let input = batch(&graph, 19, seed);
            let [sparse, dense] = [Some(&plan), None].map(|plan| run(&graph, &parameters, plan, &input));
            assert_same(&sparse[0], &dense[0]);
            for (index, (sparse, dense)) in sparse[1..].iter().zip(&dense[1..]).enumerate() {
                let mut expected = dense.clone();
                if plan.pattern(index).is_some() {
                    let values = expected.iter_mut().zip(parameters[index].data());
                    values.filter(|(_, weight)| **weight == 0.0).for_each(|(gradient, _)| *gradient = 0.0);
                }
                let size = expected.iter().fold(1.0_f32, |size, value| size.max(value.abs()));
                assert_close(sparse, &expected, 0.0, 1e-4 * f64::from(size));
            }
        }
    }

    #[test]
    fn whole_networks_stay_dense_and_thin_ones_do_not() {
        for (definition, item) in [(zoo::lenet_300_100(), vec![784]), (zoo::lenet_5_caffe(), vec![1, 28, 28])] {
            let graph = definition.lower(&item).unwrap();
            assert!(SparsePlan::new(&graph, |_, _| true).is_none());
            let plan = SparsePlan::new(&graph, |_, position| position % 200 == 0).unwrap();
            assert_eq!(plan.chain_from(1), Some(1..graph.nodes().len()));
            let weights = graph.parameters().iter().enumerate().filter(|(_, spec)| spec.kind.is_weight());
            for (index, spec) in weights {
                assert_eq!(plan.pattern(index).unwrap().len(), spec.len().div_ceil(200));
            }
        }
    }

    #[test]
    fn values_that_others_read_are_not_inside_a_chain() {
        let graph = zoo::resnet_20().lower(&[3, 32, 32]).unwrap();
        for chain in chains(&graph) {
            for node in chain.start + 1..chain.end {
                let readers = graph.nodes().iter().filter(|other| other.inputs.contains(&(node - 1))).count();
                assert_eq!((readers, &graph.nodes()[node].inputs[..]), (1, &[node - 1][..]));
            }
        }
    }
}
