//! The general form of a network: nodes in SSA order, each an operator with inputs and parameters.

mod builder;
mod parameter;

use mixpress_tensor::{Conv2d, Pool2d};

pub use self::builder::GraphBuilder;
pub use self::parameter::{ParameterKind, ParameterSpec};

/// Elements of all values of an inference pass together.
const ELEMENTS_A_PASS: usize = 1 << 27;

/// More samples than this gain no speed.
const MOST_SAMPLES_A_PASS: usize = 500;

/// What a node computes. Parameters are named by their position in [`Graph::parameters`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Operator {
    /// The network's input; node 0 and no other.
    Input,
    /// Keeps the listed features (of `[F]`) or channels (of `[C, H, W]`), in the order of the list.
    Select {
        /// Ascending positions along the first dimension.
        features: Vec<usize>,
    },
    /// `x · Wᵀ + b`.
    Dense {
        /// `[out, in]`.
        weight: usize,
        /// `[out]`.
        bias: Option<usize>,
    },
    /// Cross-correlation with a kernel, plus a bias for each channel.
    Conv2d {
        /// `[out, in / groups, height, width]`.
        weight: usize,
        /// `[out]`.
        bias: Option<usize>,
        /// Stride, padding and groups.
        options: Conv2d,
    },
    /// Maximum of windows.
    MaxPool(Pool2d),
    /// Mean of windows; padding counts as zeros.
    AveragePool(Pool2d),
    /// Mean over all positions: `[C, H, W]` to `[C]`.
    GlobalAveragePool,
    /// `gamma · (x - mean) / sqrt(variance + epsilon) + beta`, a channel each (Ioffe & Szegedy 2015, arXiv 1502.03167).
    BatchNorm {
        /// Gamma, `[channels]`.
        scale: usize,
        /// Beta, `[channels]`.
        shift: usize,
        /// Running mean, `[channels]`.
        mean: usize,
        /// Running variance, `[channels]`.
        variance: usize,
        /// Added to variances under the root.
        epsilon: f32,
        /// Weight of the newest batch in the running statistics.
        momentum: f32,
    },
    /// `max(x, 0)`.
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `[C, H, W]` to `[C · H · W]`.
    Flatten,
    /// Zeroes elements at random while training (Srivastava et al. 2014).
    Dropout {
        /// Probability that an element is zeroed, in `[0, 1)`.
        probability: f64,
    },
    /// Sum of two values of the same shape.
    Add,
}

impl Operator {
    /// Positions of the parameters that the operator uses.
    #[must_use]
    pub fn parameters(&self) -> Vec<usize> {
        match *self {
            Self::Dense { weight, bias } | Self::Conv2d { weight, bias, .. } => {
                std::iter::once(weight).chain(bias).collect()
            }
            Self::BatchNorm { scale, shift, mean, variance, .. } => vec![scale, shift, mean, variance],
            _ => Vec::new(),
        }
    }

    /// The weight matrix or kernel, and the bias, of a dense or convolutional operator.
    #[must_use]
    pub fn weight_and_bias(&self) -> Option<(usize, Option<usize>)> {
        match *self {
            Self::Dense { weight, bias } | Self::Conv2d { weight, bias, .. } => Some((weight, bias)),
            _ => None,
        }
    }
}

/// One operator in a graph, and at the same time the value that it computes.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Name of the layer that the node came from.
    pub name: String,
    /// What it computes.
    pub operator: Operator,
    /// Positions of the nodes whose values it takes; all before this one.
    pub inputs: Vec<usize>,
    /// Shape of its value for one sample, without the batch dimension.
    pub shape: Vec<usize>,
}

/// A network as operators on values, without numbers: those are in [`Parameters`](crate::Parameters).
///
/// Node 0 is the input, the last node's value is the network's output. Shapes were checked when it was built.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    nodes: Vec<Node>,
    parameters: Vec<ParameterSpec>,
}

impl Graph {
    /// Starts a graph whose samples have shape `[channels, height, width]` or `[features]`.
    ///
    /// # Errors
    ///
    /// [`Error::Input`](crate::Error::Input) when the shape is neither.
    pub fn builder(input: &[usize]) -> Result<GraphBuilder, crate::Error> {
        GraphBuilder::new(input)
    }

    /// The nodes, each after its inputs.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The parameters, in the order in which the nodes use them.
    #[must_use]
    pub fn parameters(&self) -> &[ParameterSpec] {
        &self.parameters
    }

    /// Shape of one input sample.
    #[must_use]
    pub fn input_shape(&self) -> &[usize] {
        &self.nodes[0].shape
    }

    /// Shape of the output for one sample.
    #[must_use]
    pub fn output_shape(&self) -> &[usize] {
        &self.nodes[self.nodes.len() - 1].shape
    }

    /// Number of outputs for one sample.
    #[must_use]
    pub fn output_len(&self) -> usize {
        self.output_shape().iter().product()
    }

    /// Number of elements of all learned parameters.
    #[must_use]
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().filter(|p| p.kind.is_learned()).map(ParameterSpec::len).sum()
    }

    /// Multiply-adds that one sample takes in dense layers and convolutions, all weights counted.
    #[must_use]
    pub fn multiply_adds(&self) -> u64 {
        let of = |node: &Node| {
            let (weight, _) = node.operator.weight_and_bias()?;
            let positions: usize = node.shape.iter().skip(1).product();
            Some((self.parameters[weight].len() * positions) as u64)
        };
        self.nodes.iter().filter_map(of).sum()
    }

    /// Samples that one inference pass should take at most, so that the values of all nodes together stay in bounded memory
    /// (half a gigabyte, unless a single sample needs more).
    #[must_use]
    pub fn samples_a_pass(&self) -> usize {
        let elements: usize = self.nodes.iter().map(|node| node.shape.iter().product::<usize>()).sum();
        (ELEMENTS_A_PASS / elements.max(1)).clamp(1, MOST_SAMPLES_A_PASS)
    }

    /// Position of the parameter of that name.
    #[must_use]
    pub fn parameter_index(&self, name: &str) -> Option<usize> {
        self.parameters.iter().position(|p| p.name == name)
    }
}
