//! Random networks for the tests of this crate.

use mixpress_tensor::Tensor;
use ndarray_rand::rand::Rng;
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::{
    BatchNorm, Conv, Definition, Dense, Dropout, Graph, LayerSpec, Network, Operator, ParameterKind, Parameters, Pool,
    Residual,
};

/// A definition and the shape of its input.
pub type Case = (Definition, Vec<usize>);

/// Networks of all kinds of layers, small enough to run often.
pub fn networks() -> impl Strategy<Value = Case> {
    prop_oneof![dense_networks(), convolutional_networks(), residual_networks(), grouped_networks()]
}

fn activation() -> impl Strategy<Value = LayerSpec> {
    prop_oneof![3 => Just(LayerSpec::Relu), 1 => Just(LayerSpec::Tanh), 1 => Just(LayerSpec::Sigmoid)]
}

fn dense_networks() -> impl Strategy<Value = Case> {
    let input =
        prop_oneof![(1_usize..9).prop_map(|f| vec![f]), (1_usize..4, 1_usize..4).prop_map(|(h, w)| vec![1, h, w])];
    let hidden = (1_usize..8, activation(), any::<[bool; 4]>());
    (input, prop::collection::vec(hidden, 1..4)).prop_map(|(input, hidden)| {
        let mut definition = Definition::new("dense");
        for (units, activation, [bias, norm, block, dropout]) in hidden {
            definition.layers.push(Dense { name: None, units, bias }.into());
            if norm {
                definition.layers.push(BatchNorm::new().into());
            }
            definition.layers.push(activation.clone());
            if block {
                let inside = [Dense::new(units + 1).into(), activation, Dense::new(units).into()];
                definition.layers.push(Residual::new(inside).into());
            }
            if dropout {
                definition.layers.push(Dropout { probability: 0.25 }.into());
            }
        }
        (definition.with(Dense::new(3)), input)
    })
}

fn convolution() -> impl Strategy<Value = Vec<LayerSpec>> {
    let pooling = prop_oneof![
        Just(None),
        Just(Some(LayerSpec::MaxPool(Pool::new(2)))),
        Just(Some(LayerSpec::AveragePool(Pool::new(2)))),
        Just(Some(LayerSpec::MaxPool(Pool::new(3).stride(2).padding(1)))),
        Just(Some(LayerSpec::AveragePool(Pool::new(3).stride(2).padding(1)))),
    ];
    let sizes = (1_usize..5, 1_usize..4, 1_usize..3, 0_usize..2);
    (sizes, any::<[bool; 2]>(), activation(), pooling).prop_map(
        |((channels, kernel, stride, padding), [bias, norm], activation, pooling)| {
            let conv = Conv { bias, ..Conv::new(channels, kernel).stride(stride).padding(padding) };
            let norm = norm.then(|| BatchNorm::new().into());
            std::iter::once(conv.into()).chain(norm).chain([activation]).chain(pooling).collect()
        },
    )
}

fn convolutional_networks() -> impl Strategy<Value = Case> {
    let input = (1_usize..3, 9_usize..13, 9_usize..13).prop_map(|(c, h, w)| vec![c, h, w]);
    (input, prop::collection::vec(convolution(), 1..3), any::<bool>(), 1_usize..6)
        .prop_map(|(input, convolutions, global, hidden)| {
            let mut definition = Definition::new("convolutional");
            definition.layers.extend(convolutions.into_iter().flatten());
            if global {
                definition = definition.with(LayerSpec::GlobalAveragePool);
            } else {
                definition = definition.with(LayerSpec::Flatten);
            }
            (definition.with(Dense::new(hidden)).with(LayerSpec::Relu).with(Dense::new(2)), input)
        })
        .prop_filter("every window must fit", |(definition, input)| definition.lower(input).is_ok())
}

fn residual_networks() -> impl Strategy<Value = Case> {
    (2_usize..5, 2_usize..5, any::<[bool; 3]>(), 0_usize..2).prop_map(
        |(first, second, [pad, input_block, flatten], bias)| {
            let kernel = if pad { (3, 1) } else { (1, 0) };
            let conv = |channels: usize| Conv { bias: bias == 1, ..Conv::new(channels, kernel.0).padding(kernel.1) };
            let branch = |channels: usize| {
                [
                    conv(channels).into(),
                    BatchNorm::new().into(),
                    LayerSpec::Relu,
                    conv(channels).into(),
                    BatchNorm::new().into(),
                ]
            };
            let mut definition = Definition::new("residual");
            if input_block {
                // The input itself takes part in a sum, so that its channels must stay.
                definition = definition.with(Residual::new(branch(2)));
            }
            definition = definition.with(conv(first)).with(BatchNorm::new()).with(LayerSpec::Relu);
            definition = definition.with(Residual::new(branch(first))).with(LayerSpec::Relu);
            definition = definition.with(Residual::new(branch(first)));
            let projection = [Conv::new(second, 1).without_bias().into(), BatchNorm::new().into()];
            definition = definition.with(Residual::new(branch(second)).shortcut(projection)).with(LayerSpec::Relu);
            let last = if flatten { LayerSpec::Flatten } else { LayerSpec::GlobalAveragePool };
            (definition.with(last).with(Dense::new(3)), vec![2, 4, 4])
        },
    )
}

fn grouped_networks() -> impl Strategy<Value = Case> {
    (1_usize..4, any::<bool>()).prop_map(|(width, norm)| {
        let mut definition = Definition::new("grouped").with(Conv::new(2 * width, 3)).with(LayerSpec::Relu);
        definition = definition.with(Conv::new(4, 3).groups(2));
        if norm {
            definition = definition.with(BatchNorm::new());
        }
        (definition.with(Conv::new(3, 1)).with(LayerSpec::Relu).with(Dense::new(2)), vec![1, 6, 6])
    })
}

fn fill(values: &mut [f32], mut next: impl FnMut() -> f32) {
    for value in values {
        *value = next();
    }
}

pub fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Parameters many of which are zero: single weights, whole rows, whole columns, biases and shifts.
pub fn sparse_parameters(graph: &Graph, seed: u64) -> Parameters {
    let mut rng = rng(seed);
    let mut parameters = Parameters::he_normal(graph, &mut rng);
    let density = rng.random_range(0.2..1.0);
    for (spec, tensor) in graph.parameters().iter().zip(parameters.tensors_mut()) {
        match spec.kind {
            ParameterKind::Weight { .. } => {
                let (rows, columns) = (spec.shape[0], spec.shape[1]);
                let dead_rows: Vec<bool> = (0..rows).map(|_| rng.random_bool(0.3)).collect();
                let dead_columns: Vec<bool> = (0..columns).map(|_| rng.random_bool(0.3)).collect();
                let taps = spec.len() / (rows * columns);
                for (index, weight) in tensor.data_mut().iter_mut().enumerate() {
                    let (row, column) = (index / (columns * taps), index / taps % columns);
                    if dead_rows[row] || dead_columns[column] || !rng.random_bool(density) {
                        *weight = 0.0;
                    }
                }
            }
            ParameterKind::RunningVariance => fill(tensor.data_mut(), || rng.random_range(0.3..2.0)),
            _ => fill(tensor.data_mut(), || if rng.random_bool(0.4) { 0.0 } else { rng.random_range(-1.0..1.0) }),
        }
    }
    parameters
}

/// Adds noise to every parameter, as training would.
pub fn disturb(graph: &Graph, parameters: &mut Parameters, seed: u64) {
    let mut rng = rng(seed);
    for (spec, tensor) in graph.parameters().iter().zip(parameters.tensors_mut()) {
        let lowest = if spec.kind == ParameterKind::RunningVariance { 0.0 } else { -0.3 };
        tensor.data_mut().iter_mut().for_each(|value| *value += rng.random_range(lowest..0.3));
    }
}

pub fn batch(graph: &Graph, samples: usize, seed: u64) -> Tensor {
    let mut rng = rng(seed);
    let shape = [&[samples], graph.input_shape()].concat();
    let data = (0..shape.iter().product()).map(|_| rng.random_range(-1.0_f32..1.0)).collect();
    Tensor::new(&shape, data).unwrap()
}

pub fn predict(graph: &Graph, parameters: &Parameters, batch: &Tensor) -> Vec<f32> {
    Network::new(graph.clone(), parameters.clone()).unwrap().predict(batch).unwrap().into_data()
}

/// Whether two outputs agree to 1e-5 of their size.
#[track_caller]
pub fn assert_same(actual: &[f32], expected: &[f32]) {
    let size = expected.iter().fold(1.0_f32, |size, value| size.max(value.abs()));
    mixpress_testing::assert_close(actual, expected, 0.0, 1e-5 * f64::from(size));
}

/// The widths of all dense and convolutional layers.
pub fn widths(graph: &Graph) -> Vec<usize> {
    let weights = graph.nodes().iter().filter_map(|node| node.operator.weight_and_bias());
    weights.map(|(weight, _)| graph.parameters()[weight].shape[0]).collect()
}

/// How often an operator occurs.
pub fn count(graph: &Graph, is: impl Fn(&Operator) -> bool) -> usize {
    graph.nodes().iter().filter(|node| is(&node.operator)).count()
}
