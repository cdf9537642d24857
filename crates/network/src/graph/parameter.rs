//! What a graph says about its parameters: name, shape, and what each is for.

/// What a parameter is for; this decides how it is drawn at first and how it is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParameterKind {
    /// Weight matrix `[out, in]` or kernel `[out, in / groups, height, width]`.
    Weight {
        /// Number of inputs that one output reads. A shrunk graph keeps the number of the full one, so that scales
        /// derived from it stay the same.
        fan_in: usize,
    },
    /// Added to the output of a dense or convolutional layer.
    Bias,
    /// Batch-norm's factor, gamma.
    NormScale,
    /// Batch-norm's summand, beta.
    NormShift,
    /// Batch-norm's running mean: measured, not learned by gradient.
    RunningMean,
    /// Batch-norm's running variance: measured, not learned by gradient.
    RunningVariance,
}

impl ParameterKind {
    /// Whether the parameter is learned by gradient.
    #[must_use]
    pub fn is_learned(self) -> bool {
        !matches!(self, Self::RunningMean | Self::RunningVariance)
    }

    /// Whether it is a weight matrix or kernel, which the prior covers by default.
    #[must_use]
    pub fn is_weight(self) -> bool {
        matches!(self, Self::Weight { .. })
    }

    /// The value that such parameters have before training, unless they are drawn at random.
    #[must_use]
    pub fn neutral(self) -> f32 {
        match self {
            Self::NormScale | Self::RunningVariance => 1.0,
            Self::Weight { .. } | Self::Bias | Self::NormShift | Self::RunningMean => 0.0,
        }
    }
}

/// One parameter of a graph.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ParameterSpec {
    /// `PyTorch`'s name, such as `layer1.0.conv1.weight`.
    pub name: String,
    /// `PyTorch`'s layout: `[out, in]` for a matrix, `[out, in / groups, height, width]` for a kernel, `[channels]` else.
    pub shape: Vec<usize>,
    /// What it is for.
    pub kind: ParameterKind,
}

impl ParameterSpec {
    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no elements; never so in a graph that was built.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Standard deviation of He's initialisation, `sqrt(2 / fan-in)` (He et al. 2015, arXiv 1502.01852, eq. 10), for a
    /// weight; `None` for everything else.
    #[must_use]
    pub fn he_deviation(&self) -> Option<f64> {
        match self.kind {
            ParameterKind::Weight { fan_in } => Some((2.0 / fan_in as f64).sqrt()),
            _ => None,
        }
    }
}
