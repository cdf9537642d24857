//! Units whose value is the same for every input: those without nonzero inputs, followed through the graph in inference
//! form.

use crate::units::Units;
use crate::{Graph, Node, Operator, Parameters};

/// For each node, the value of each unit of its first dimension where that is the same for all inputs and all positions.
pub(super) fn constants(graph: &Graph, parameters: &Parameters, table: &Units) -> Vec<Vec<Option<f64>>> {
    let mut constants: Vec<Vec<Option<f64>>> = Vec::with_capacity(graph.nodes().len());
    for (position, node) in graph.nodes().iter().enumerate() {
        let values = match table.values()[position] {
            None => Vec::new(),
            Some(axis) => {
                let size = table.groups()[axis.group].size;
                let mut values = of_node(node, parameters, &constants, size, axis.repeat);
                for value in &mut values {
                    *value = value.filter(|value| value.is_finite());
                }
                values
            }
        };
        constants.push(values);
    }
    constants
}

fn of_node(
    node: &Node,
    parameters: &Parameters,
    constants: &[Vec<Option<f64>>],
    size: usize,
    repeat: usize,
) -> Vec<Option<f64>> {
    let map = |change: &dyn Fn(usize, f64) -> Option<f64>| {
        let input = &constants[node.inputs[0]];
        input.iter().enumerate().map(|(unit, value)| value.and_then(|value| change(unit, value))).collect()
    };
    match node.operator {
        Operator::Input | Operator::Select { .. } => vec![None; size],
        Operator::Dense { weight, bias } | Operator::Conv2d { weight, bias, .. } => {
            let rows = parameters[weight].data().chunks_exact(parameters[weight].len() / size);
            let value = |unit: usize| bias.map_or(0.0, |bias| f64::from(parameters[bias].data()[unit]));
            rows.enumerate().map(|(unit, row)| row.iter().all(|&w| w == 0.0).then(|| value(unit))).collect()
        }
        Operator::BatchNorm { scale, shift, mean, variance, epsilon, .. } => {
            if repeat > 1 {
                // The positions of a unit have constants of their own.
                return vec![None; size];
            }
            map(&|unit, value| {
                let of = |parameter: usize| f64::from(parameters[parameter].data()[unit]);
                Some((value - of(mean)) * of(scale) / (of(variance) + f64::from(epsilon)).sqrt() + of(shift))
            })
        }
        // Padding counts as zeros, so that windows at the border have another mean than the rest.
        Operator::AveragePool(pool) => map(&|_, value| (value == 0.0 || pool.padding == [0; 2]).then_some(value)),
        Operator::Relu => map(&|_, value| Some(value.max(0.0))),
        Operator::Tanh => map(&|_, value| Some(value.tanh())),
        Operator::Sigmoid => map(&|_, value| Some(1.0 / (1.0 + (-value).exp()))),
        Operator::MaxPool(_) | Operator::GlobalAveragePool | Operator::Flatten | Operator::Dropout { .. } => {
            map(&|_, value| Some(value))
        }
        Operator::Add => {
            let (a, b) = (&constants[node.inputs[0]], &constants[node.inputs[1]]);
            if a.len() != b.len() {
                return vec![None; size];
            }
            a.iter().zip(b).map(|(a, b)| a.zip(*b).map(|(a, b)| a + b)).collect()
        }
    }
}
