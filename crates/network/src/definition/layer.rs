//! The layers that a definition may have, with their settings.

use serde::{Deserialize, Serialize};

/// `PyTorch`'s default for batch-norm's epsilon.
pub const DEFAULT_EPSILON: f32 = 1e-5;
/// `PyTorch`'s default for the weight of the newest batch in the running statistics.
pub const DEFAULT_MOMENTUM: f32 = 0.1;

/// One layer of a [`Definition`](crate::Definition).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LayerSpec {
    /// `x · Wᵀ + b`; images are flattened first.
    Dense(Dense),
    /// Convolution.
    Conv(Conv),
    /// Maximum of windows.
    MaxPool(Pool),
    /// Mean of windows.
    AveragePool(Pool),
    /// Mean over all positions.
    GlobalAveragePool,
    /// Batch normalisation.
    BatchNorm(BatchNorm),
    /// `max(x, 0)`.
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// Images to rows of features.
    Flatten,
    /// Zeroes elements at random while training.
    Dropout(Dropout),
    /// Layers whose result is added to their input.
    Residual(Residual),
}

/// A dense layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dense {
    /// Name before its parameters' names; by default `fc1`, `fc2`, ... in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number of outputs.
    pub units: usize,
    /// Whether outputs have a bias; true by default.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub bias: bool,
}

impl Dense {
    /// A dense layer with a bias.
    #[must_use]
    pub fn new(units: usize) -> Self {
        Self { name: None, units, bias: true }
    }

    /// Names the layer.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Takes the bias away.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Self { bias: false, ..self }
    }
}

/// A convolution. In TOML, `kernel`, `stride` and `padding` are one number or `[height, width]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conv {
    /// Name before its parameters' names; by default `conv1`, `conv2`, ... in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number of output channels.
    pub channels: usize,
    /// Height and width of the kernel.
    #[serde(with = "extent")]
    pub kernel: [usize; 2],
    /// Distance between neighbouring windows; 1 by default.
    #[serde(with = "extent", default = "ones", skip_serializing_if = "is_ones")]
    pub stride: [usize; 2],
    /// Zeros added on each side; 0 by default.
    #[serde(with = "extent", default, skip_serializing_if = "is_zeros")]
    pub padding: [usize; 2],
    /// Groups of channels that do not see each other; 1 by default.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub groups: usize,
    /// Whether channels have a bias; true by default.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub bias: bool,
}

impl Conv {
    /// A convolution with a square kernel and a bias, stride 1, no padding.
    #[must_use]
    pub fn new(channels: usize, kernel: usize) -> Self {
        let kernel = [kernel; 2];
        Self { name: None, channels, kernel, stride: [1; 2], padding: [0; 2], groups: 1, bias: true }
    }

    /// Names the layer.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Sets the stride in both directions.
    #[must_use]
    pub fn stride(self, stride: usize) -> Self {
        Self { stride: [stride; 2], ..self }
    }

    /// Sets the padding on all sides.
    #[must_use]
    pub fn padding(self, padding: usize) -> Self {
        Self { padding: [padding; 2], ..self }
    }

    /// Divides the channels into groups.
    #[must_use]
    pub fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// Takes the bias away.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Self { bias: false, ..self }
    }
}

/// Windows of a pooling layer. In TOML, `kernel`, `stride` and `padding` are one number or `[height, width]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Height and width of the window.
    #[serde(with = "extent")]
    pub kernel: [usize; 2],
    /// Distance between neighbouring windows; by default the kernel's size.
    #[serde(with = "optional_extent", default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<[usize; 2]>,
    /// Rows and columns added on each side; 0 by default, at most half the kernel.
    #[serde(with = "extent", default, skip_serializing_if = "is_zeros")]
    pub padding: [usize; 2],
}

impl Pool {
    /// Square windows side by side.
    #[must_use]
    pub fn new(kernel: usize) -> Self {
        Self { kernel: [kernel; 2], stride: None, padding: [0; 2] }
    }

    /// Sets the stride in both directions.
    #[must_use]
    pub fn stride(self, stride: usize) -> Self {
        Self { stride: Some([stride; 2]), ..self }
    }

    /// Sets the padding on all sides.
    #[must_use]
    pub fn padding(self, padding: usize) -> Self {
        Self { padding: [padding; 2], ..self }
    }
}

/// Batch normalisation over channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchNorm {
    /// Name before its parameters' names; by default `bn1`, `bn2`, ... in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Added to variances under the root; 1e-5 by default.
    #[serde(default = "epsilon", skip_serializing_if = "is_epsilon")]
    pub epsilon: f32,
    /// Weight of the newest batch in the running statistics; 0.1 by default, as `PyTorch` has it.
    #[serde(default = "momentum", skip_serializing_if = "is_momentum")]
    pub momentum: f32,
}

impl BatchNorm {
    /// Batch-norm with the usual constants.
    #[must_use]
    pub fn new() -> Self {
        Self { name: None, epsilon: DEFAULT_EPSILON, momentum: DEFAULT_MOMENTUM }
    }

    /// Names the layer.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }
}

impl Default for BatchNorm {
    fn default() -> Self {
        Self::new()
    }
}

/// Dropout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// Probability that an element is zeroed, in `[0, 1)`.
    pub probability: f64,
}

/// Layers whose result is added to their input, or to what the shortcut makes of it (He et al. 2015, arXiv 1512.03385).
///
/// Names inside start with the block's name and a dot, and are numbered afresh: `layer1.0.conv1.weight`. The layers of the
/// shortcut are numbered from 0 as in `PyTorch`'s sequences: `layer2.0.shortcut.0.weight`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Residual {
    /// Name before the names inside; by default `block1`, `block2`, ... in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The layers of the branch; `[[layer.layer]]` in TOML.
    #[serde(rename = "layer")]
    pub layers: Vec<LayerSpec>,
    /// The layers of the shortcut; none, by default, is the identity. `[[layer.shortcut]]` in TOML.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shortcut: Vec<LayerSpec>,
}

impl Residual {
    /// A block with an identity shortcut.
    #[must_use]
    pub fn new(layers: impl IntoIterator<Item = LayerSpec>) -> Self {
        Self { name: None, layers: layers.into_iter().collect(), shortcut: Vec::new() }
    }

    /// Names the block.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Sets the layers of the shortcut.
    #[must_use]
    pub fn shortcut(self, layers: impl IntoIterator<Item = LayerSpec>) -> Self {
        Self { shortcut: layers.into_iter().collect(), ..self }
    }
}

macro_rules! into_layer {
    ($($kind:ident),*) => {$(
        impl From<$kind> for LayerSpec {
            fn from(layer: $kind) -> Self {
                Self::$kind(layer)
            }
        }
    )*};
}

into_layer!(Dense, Conv, BatchNorm, Dropout, Residual);

// What serde asks for as paths to functions, by reference.
fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_yes(value: &bool) -> bool {
    *value
}

fn one() -> usize {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_one(value: &usize) -> bool {
    *value == 1
}

fn ones() -> [usize; 2] {
    [1; 2]
}

fn is_ones(value: &[usize; 2]) -> bool {
    *value == [1; 2]
}

fn is_zeros(value: &[usize; 2]) -> bool {
    *value == [0; 2]
}

fn epsilon() -> f32 {
    DEFAULT_EPSILON
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_epsilon(value: &f32) -> bool {
    *value == DEFAULT_EPSILON
}

fn momentum() -> f32 {
    DEFAULT_MOMENTUM
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_momentum(value: &f32) -> bool {
    *value == DEFAULT_MOMENTUM
}

/// Height and width, written as one number where they are equal.
mod extent {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    pub enum Extent {
        Square(usize),
        Pair([usize; 2]),
    }

    impl From<Extent> for [usize; 2] {
        fn from(extent: Extent) -> Self {
            match extent {
                Extent::Square(size) => [size; 2],
                Extent::Pair(pair) => pair,
            }
        }
    }

    pub fn serialize<S: Serializer>(extent: &[usize; 2], serializer: S) -> Result<S::Ok, S::Error> {
        if extent[0] == extent[1] { extent[0].serialize(serializer) } else { extent.serialize(serializer) }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[usize; 2], D::Error> {
        Extent::deserialize(deserializer).map(Into::into)
    }
}

mod optional_extent {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::extent::{self, Extent};

    #[allow(clippy::ref_option, reason = "serde asks for this signature")]
    pub fn serialize<S: Serializer>(extent: &Option<[usize; 2]>, serializer: S) -> Result<S::Ok, S::Error> {
        match extent {
            Some(extent) => extent::serialize(extent, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[usize; 2]>, D::Error> {
        Ok(Option::<Extent>::deserialize(deserializer)?.map(Into::into))
    }
}
