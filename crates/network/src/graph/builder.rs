//! Building a graph node by node, with every shape checked on the way.

use mixpress_tensor::{Conv2d, Pool2d};

use super::{Graph, Node, Operator, ParameterKind, ParameterSpec};
use crate::Error;

/// Largest number of elements of one parameter.
const MAX_PARAMETER: usize = 1 << 31;
/// Largest number of elements of one value, for one sample.
const MAX_VALUE: usize = 1 << 26;
/// Largest number of elements of an unfolded image, one for each weight of a filter and place of the result.
const MAX_UNFOLDED: usize = 1 << 29;

/// Builds a [`Graph`]; each method appends a node and returns its position.
///
/// The layered [`Definition`](crate::Definition) is lowered through it, and importers of other formats may use it directly.
///
/// ```
/// # fn main() -> Result<(), mixpress_network::Error> {
/// let mut builder = mixpress_network::Graph::builder(&[4])?;
/// let hidden = builder.dense("fc1", builder.input(), 8, true)?;
/// let active = builder.relu("relu1", hidden)?;
/// builder.dense("fc2", active, 2, true)?;
/// assert_eq!(builder.finish()?.output_shape(), [2]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct GraphBuilder {
    nodes: Vec<Node>,
    parameters: Vec<ParameterSpec>,
}

impl GraphBuilder {
    pub(super) fn new(input: &[usize]) -> Result<Self, Error> {
        if !matches!(input.len(), 1 | 3) || input.contains(&0) {
            return Err(Error::Input { shape: input.to_vec() });
        }
        check_size("input", input, MAX_VALUE)?;
        let node = Node { name: "input".into(), operator: Operator::Input, inputs: Vec::new(), shape: input.to_vec() };
        Ok(Self { nodes: vec![node], parameters: Vec::new() })
    }

    /// The network's input.
    #[must_use]
    #[allow(clippy::unused_self)] // Reads as a question to the graph, like its sisters.
    pub fn input(&self) -> usize {
        0
    }

    /// Shape of a node's value, for one sample.
    ///
    /// # Panics
    ///
    /// When there is no such node.
    #[must_use]
    #[track_caller]
    pub fn shape(&self, node: usize) -> &[usize] {
        &self.nodes[node].shape
    }

    /// A dense layer of `units` outputs on `[features]`; its parameters are `name.weight` and `name.bias`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] on any other shape, [`Error::Setting`] without units, [`Error::TooLarge`].
    pub fn dense(&mut self, name: &str, input: usize, units: usize, bias: bool) -> Result<usize, Error> {
        let &[features] = self.shape(input) else {
            return Err(self.shape_error(name, input, "[features]; put a flatten layer before it"));
        };
        positive(name, "units", units)?;
        let weight = self.parameter(name, "weight", &[units, features], ParameterKind::Weight { fan_in: features })?;
        let bias = if bias { Some(self.parameter(name, "bias", &[units], ParameterKind::Bias)?) } else { None };
        self.append(name, Operator::Dense { weight, bias }, &[input])
    }

    /// A convolution with `channels` outputs on `[C, H, W]`; its parameters are `name.weight` and `name.bias`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] on any other shape, where the kernel does not fit, or where channels cannot be divided into groups;
    /// [`Error::Setting`] when a size is 0; [`Error::TooLarge`].
    pub fn conv2d(
        &mut self,
        name: &str,
        input: usize,
        channels: usize,
        kernel: [usize; 2],
        options: Conv2d,
        bias: bool,
    ) -> Result<usize, Error> {
        let &[in_channels, ..] = self.shape(input) else {
            return Err(self.shape_error(name, input, "[channels, height, width]"));
        };
        positive(name, "channels", channels)?;
        positive(name, "groups", options.groups)?;
        for ((kernel, stride), padding) in kernel.into_iter().zip(options.stride).zip(options.padding) {
            positive(name, "kernel", kernel)?;
            at_most(name, "kernel", kernel, MAX_VALUE)?;
            positive(name, "stride", stride)?;
            at_most(name, "padding", padding, MAX_VALUE)?;
        }
        if !in_channels.is_multiple_of(options.groups) || !channels.is_multiple_of(options.groups) {
            let expected = format!("input channels and {channels} outputs that {} groups divide", options.groups);
            return Err(self.shape_error(name, input, &expected));
        }
        let shape = [channels, in_channels / options.groups, kernel[0], kernel[1]];
        check_size(name, &shape, MAX_PARAMETER)?;
        let fan_in = shape[1..].iter().product();
        let weight = self.parameter(name, "weight", &shape, ParameterKind::Weight { fan_in })?;
        let bias = if bias { Some(self.parameter(name, "bias", &[channels], ParameterKind::Bias)?) } else { None };
        let node = self.append(name, Operator::Conv2d { weight, bias, options }, &[input])?;
        let places = self.shape(node)[1..].iter().product();
        check_size(name, &[fan_in, places], MAX_UNFOLDED)?;
        Ok(node)
    }

    /// Batch-norm over the channels of `[C]` or `[C, H, W]`; its parameters are `name.weight`, `name.bias`,
    /// `name.running_mean` and `name.running_var`.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] when `epsilon` is not positive or `momentum` is outside `[0, 1]`.
    pub fn batch_norm(&mut self, name: &str, input: usize, epsilon: f32, momentum: f32) -> Result<usize, Error> {
        if !(epsilon > 0.0 && epsilon.is_finite()) {
            return Err(setting(name, "epsilon", "a positive number", epsilon));
        }
        if !(0.0..=1.0).contains(&momentum) {
            return Err(setting(name, "momentum", "a number from 0 to 1", momentum));
        }
        let channels = [self.shape(input)[0]];
        let scale = self.parameter(name, "weight", &channels, ParameterKind::NormScale)?;
        let shift = self.parameter(name, "bias", &channels, ParameterKind::NormShift)?;
        let mean = self.parameter(name, "running_mean", &channels, ParameterKind::RunningMean)?;
        let variance = self.parameter(name, "running_var", &channels, ParameterKind::RunningVariance)?;
        self.append(name, Operator::BatchNorm { scale, shift, mean, variance, epsilon, momentum }, &[input])
    }

    /// Maximum of windows on `[C, H, W]`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] on any other shape or where no window fits.
    pub fn max_pool(&mut self, name: &str, input: usize, pool: Pool2d) -> Result<usize, Error> {
        self.append(name, Operator::MaxPool(pool), &[input])
    }

    /// Mean of windows on `[C, H, W]`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] on any other shape or where no window fits.
    pub fn average_pool(&mut self, name: &str, input: usize, pool: Pool2d) -> Result<usize, Error> {
        self.append(name, Operator::AveragePool(pool), &[input])
    }

    /// Mean over all positions, `[C, H, W]` to `[C]`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] on any other shape.
    pub fn global_average_pool(&mut self, name: &str, input: usize) -> Result<usize, Error> {
        self.append(name, Operator::GlobalAveragePool, &[input])
    }

    /// `max(x, 0)`.
    ///
    /// # Errors
    ///
    /// None today.
    pub fn relu(&mut self, name: &str, input: usize) -> Result<usize, Error> {
        self.append(name, Operator::Relu, &[input])
    }

    /// Hyperbolic tangent.
    ///
    /// # Errors
    ///
    /// None today.
    pub fn tanh(&mut self, name: &str, input: usize) -> Result<usize, Error> {
        self.append(name, Operator::Tanh, &[input])
    }

    /// `1 / (1 + e^-x)`.
    ///
    /// # Errors
    ///
    /// None today.
    pub fn sigmoid(&mut self, name: &str, input: usize) -> Result<usize, Error> {
        self.append(name, Operator::Sigmoid, &[input])
    }

    /// `[C, H, W]` to `[C · H · W]`; leaves `[features]` as they are.
    ///
    /// # Errors
    ///
    /// None today.
    pub fn flatten(&mut self, name: &str, input: usize) -> Result<usize, Error> {
        self.append(name, Operator::Flatten, &[input])
    }

    /// Zeroes elements at random while training.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] when `probability` is outside `[0, 1)`.
    pub fn dropout(&mut self, name: &str, input: usize, probability: f64) -> Result<usize, Error> {
        if !(0.0..1.0).contains(&probability) {
            return Err(setting(name, "probability", "a number from 0 to below 1", probability));
        }
        self.append(name, Operator::Dropout { probability }, &[input])
    }

    /// Sum of two values of the same shape.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] when their shapes differ.
    pub fn add(&mut self, name: &str, a: usize, b: usize) -> Result<usize, Error> {
        self.append(name, Operator::Add, &[a, b])
    }

    /// The graph; the node that was appended last is its output.
    ///
    /// # Errors
    ///
    /// [`Error::NoLayers`] when there is none but the input.
    pub fn finish(self) -> Result<Graph, Error> {
        if self.nodes.len() < 2 {
            return Err(Error::NoLayers { name: "of a graph".into() });
        }
        Ok(Graph { nodes: self.nodes, parameters: self.parameters })
    }

    /// A builder that takes over the given parameters instead of making new ones, for graphs derived from others.
    pub(crate) fn with_parameters(input: &[usize], parameters: Vec<ParameterSpec>) -> Result<Self, Error> {
        Ok(Self { parameters, ..Self::new(input)? })
    }

    /// Appends a node whose operator already names its parameters.
    pub(crate) fn append(&mut self, name: &str, operator: Operator, inputs: &[usize]) -> Result<usize, Error> {
        let shape = self.infer(name, &operator, inputs)?;
        check_size(name, &shape, MAX_VALUE)?;
        self.nodes.push(Node { name: name.to_owned(), operator, inputs: inputs.to_vec(), shape });
        Ok(self.nodes.len() - 1)
    }

    fn infer(&self, name: &str, operator: &Operator, inputs: &[usize]) -> Result<Vec<usize>, Error> {
        let input = inputs[0];
        let shape = self.shape(input);
        let windows = |windows: Option<[usize; 2]>, what: &str, size: [usize; 2]| match windows {
            Some([h, w]) => Ok([h, w]),
            None => Err(self.shape_error(name, input, &format!("an image that {what} of {size:?} fits on"))),
        };
        Ok(match operator {
            Operator::Select { features } => {
                debug_assert!(features.iter().all(|&f| f < shape[0]), "selected features exist");
                [&[features.len()], &shape[1..]].concat()
            }
            Operator::Dense { weight, .. } => {
                let weight = &self.parameters[*weight].shape;
                if shape != [weight[1]] {
                    return Err(self.shape_error(name, input, &format!("[{}]", weight[1])));
                }
                vec![weight[0]]
            }
            Operator::Conv2d { weight, options, .. } => {
                let (&[c, h, w], &[out, channels, kh, kw]) = (shape, &self.parameters[*weight].shape[..]) else {
                    return Err(self.shape_error(name, input, "[channels, height, width]"));
                };
                if c != channels * options.groups {
                    return Err(self.shape_error(name, input, &format!("{} channels", channels * options.groups)));
                }
                let [h, w] = windows(options.output([h, w], [kh, kw]), "a kernel", [kh, kw])?;
                vec![out, h, w]
            }
            Operator::MaxPool(pool) | Operator::AveragePool(pool) => {
                let &[c, h, w] = shape else {
                    return Err(self.shape_error(name, input, "[channels, height, width]"));
                };
                for d in 0..2 {
                    positive(name, "kernel", pool.kernel[d])?;
                    positive(name, "stride", pool.stride[d])?;
                    at_most(name, "kernel", pool.kernel[d], MAX_VALUE)?;
                    if pool.padding[d] > pool.kernel[d] / 2 {
                        return Err(setting(name, "padding", "at most half the kernel", pool.padding[d]));
                    }
                }
                let [h, w] = windows(pool.output([h, w]), "a window", pool.kernel)?;
                vec![c, h, w]
            }
            Operator::GlobalAveragePool => {
                let &[channels, ..] = shape else {
                    return Err(self.shape_error(name, input, "[channels, height, width]"));
                };
                if shape.len() != 3 {
                    return Err(self.shape_error(name, input, "[channels, height, width]"));
                }
                vec![channels]
            }
            Operator::Flatten => vec![shape.iter().product()],
            Operator::Input
            | Operator::BatchNorm { .. }
            | Operator::Relu
            | Operator::Tanh
            | Operator::Sigmoid
            | Operator::Dropout { .. } => shape.to_vec(),
            Operator::Add => {
                let other = self.shape(inputs[1]);
                if other != shape {
                    let expected = format!("both branches to end in the same shape, {other:?} as the shortcut has it");
                    return Err(self.shape_error(name, input, &expected));
                }
                shape.to_vec()
            }
        })
    }

    fn parameter(&mut self, layer: &str, part: &str, shape: &[usize], kind: ParameterKind) -> Result<usize, Error> {
        check_size(layer, shape, MAX_PARAMETER)?;
        let name = format!("{layer}.{part}");
        if self.parameters.iter().any(|p| p.name == name) {
            return Err(Error::DuplicateParameter { name });
        }
        self.parameters.push(ParameterSpec { name, shape: shape.to_vec(), kind });
        Ok(self.parameters.len() - 1)
    }

    fn shape_error(&self, layer: &str, input: usize, expected: &str) -> Error {
        Error::Shape { layer: layer.into(), expected: expected.into(), got: self.shape(input).to_vec() }
    }
}

fn check_size(layer: &str, shape: &[usize], limit: usize) -> Result<(), Error> {
    match shape.iter().try_fold(1_usize, |product, &d| product.checked_mul(d)) {
        Some(elements) if elements <= limit => Ok(()),
        _ => Err(Error::TooLarge { layer: layer.into(), shape: shape.to_vec(), limit }),
    }
}

fn setting(layer: &str, key: &'static str, expected: &'static str, got: impl std::fmt::Display) -> Error {
    Error::Setting { layer: layer.into(), key, expected, got: got.to_string() }
}

fn positive(layer: &str, key: &'static str, value: usize) -> Result<(), Error> {
    if value == 0 { Err(setting(layer, key, "a positive whole number", value)) } else { Ok(()) }
}

fn at_most(layer: &str, key: &'static str, value: usize, limit: usize) -> Result<(), Error> {
    if value > limit { Err(setting(layer, key, "at most 2^28", value)) } else { Ok(()) }
}
