//! The layers under the prior: weight matrices and kernels, seen as rows × columns × block.

use mixpress_network::Graph;

use crate::config::Coverage;

/// What the prior covers: a weight matrix `[out, in]` or kernel `[out, in, height, width]`, or, where it covers everything,
/// the biases or a norm parameter of a layer, as a single column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoveredLayer {
    /// Position of the weights among the parameters of the graph.
    pub parameter: usize,
    /// Parameter name, such as `fc1.weight`.
    pub name: String,
    /// Output units.
    pub rows: usize,
    /// Input units (of a group, where a convolution has groups).
    pub columns: usize,
    /// Weights between an output and an input: 1, or height × width of a kernel.
    pub block: usize,
}

impl CoveredLayer {
    /// Number of weights.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows * self.columns * self.block
    }

    /// Whether nothing is left of the layer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The covered layers of a graph, in the order of its parameters.
#[must_use]
pub fn covered_layers(graph: &Graph, covers: Coverage) -> Vec<CoveredLayer> {
    let parameters = graph.parameters().iter().enumerate().filter(|(_, spec)| covers.includes(spec.kind));
    parameters
        .map(|(parameter, spec)| CoveredLayer {
            parameter,
            name: spec.name.clone(),
            rows: spec.shape[0],
            columns: spec.shape.get(1).copied().unwrap_or(1),
            block: spec.shape.iter().skip(2).product(),
        })
        .collect()
}
