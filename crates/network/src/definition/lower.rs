//! From layers to the graph: names, the flattening before dense layers, residual branches.

use mixpress_tensor::{Conv2d, Pool2d};

use super::reading::is_name;
use super::{Definition, LayerSpec, MAX_DEPTH, MAX_LAYERS, Pool, Residual};
use crate::{Error, Graph, GraphBuilder};

impl Definition {
    /// The graph of this network for samples of shape `[channels, height, width]` or `[features]`.
    ///
    /// Layers without a name are numbered by kind in `PyTorch`'s habit, from 1: `fc1`, `conv1`, `bn1`. A dense layer
    /// flattens images by itself.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] where a layer cannot take what arrives, [`Error::Setting`] where one of its settings is out of
    /// range, [`Error::Name`] for a name that no file could hold, [`Error::DuplicateParameter`] where two layers have
    /// the same name, and errors on sizes that are too large.
    pub fn lower(&self, input: &[usize]) -> Result<Graph, Error> {
        if self.layers.is_empty() {
            return Err(Error::NoLayers { name: self.name.clone() });
        }
        self.check_names(&self.all_layers()?)?;
        let mut builder = Graph::builder(input)?;
        let start = builder.input();
        sequence(&mut builder, &self.layers, start, &Numbering::ByKind { prefix: String::new() })?;
        builder.finish()
    }

    /// Whether all names are such that every form of a definition can hold them.
    fn check_names(&self, layers: &[&LayerSpec]) -> Result<(), Error> {
        let names = layers.iter().filter_map(|layer| own_name(layer));
        match std::iter::once(self.name.as_str()).chain(names).find(|name| !is_name(name)) {
            None => Ok(()),
            Some(name) => Err(Error::Name { name: name.to_owned() }),
        }
    }

    /// All layers, those of blocks included, if they are not too many nor nested too deeply.
    pub(super) fn all_layers(&self) -> Result<Vec<&LayerSpec>, Error> {
        // Collected level by level, so that no depth can exhaust the stack.
        let (mut level, mut all) = (self.layers.iter().collect::<Vec<_>>(), Vec::new());
        for _ in 0..=MAX_DEPTH {
            let next = level.iter().flat_map(|layer| inner(layer)).collect();
            all.append(&mut level);
            if all.len() > MAX_LAYERS {
                return Err(Error::TooManyLayers { limit: MAX_LAYERS });
            }
            level = next;
            if level.is_empty() {
                return Ok(all);
            }
        }
        Err(Error::TooDeep { limit: MAX_DEPTH })
    }
}

fn inner(layer: &LayerSpec) -> impl Iterator<Item = &LayerSpec> {
    let (layers, shortcut) = match layer {
        LayerSpec::Residual(block) => (&block.layers[..], &block.shortcut[..]),
        _ => (&[][..], &[][..]),
    };
    layers.iter().chain(shortcut)
}

/// How layers without a name are called.
enum Numbering {
    /// `prefix` and `conv1`, `fc2`, ...: a number for each kind, from 1.
    ByKind { prefix: String },
    /// `prefix` and `0`, `1`, ...: the position, as in `PyTorch`'s sequences.
    ByPosition { prefix: String },
}

impl Numbering {
    fn name(&self, layers: &[LayerSpec], position: usize) -> String {
        let layer = &layers[position];
        match (self, own_name(layer)) {
            (Self::ByKind { prefix } | Self::ByPosition { prefix }, Some(own)) => format!("{prefix}{own}"),
            (Self::ByPosition { prefix }, None) => format!("{prefix}{position}"),
            (Self::ByKind { prefix }, None) => {
                let stem = stem(layer);
                let number = layers[..=position].iter().filter(|earlier| self::stem(earlier) == stem).count();
                format!("{prefix}{stem}{number}")
            }
        }
    }
}

/// The name that a layer was given.
fn own_name(layer: &LayerSpec) -> Option<&str> {
    match layer {
        LayerSpec::Dense(dense) => dense.name.as_deref(),
        LayerSpec::Conv(conv) => conv.name.as_deref(),
        LayerSpec::BatchNorm(norm) => norm.name.as_deref(),
        LayerSpec::Residual(block) => block.name.as_deref(),
        _ => None,
    }
}

fn stem(layer: &LayerSpec) -> &'static str {
    match layer {
        LayerSpec::Dense(_) => "fc",
        LayerSpec::Conv(_) => "conv",
        LayerSpec::MaxPool(_) | LayerSpec::AveragePool(_) | LayerSpec::GlobalAveragePool => "pool",
        LayerSpec::BatchNorm(_) => "bn",
        LayerSpec::Relu => "relu",
        LayerSpec::Tanh => "tanh",
        LayerSpec::Sigmoid => "sigmoid",
        LayerSpec::Flatten => "flatten",
        LayerSpec::Dropout(_) => "dropout",
        LayerSpec::Residual(_) => "block",
    }
}

fn sequence(
    builder: &mut GraphBuilder,
    layers: &[LayerSpec],
    input: usize,
    numbering: &Numbering,
) -> Result<usize, Error> {
    let mut x = input;
    for (position, layer) in layers.iter().enumerate() {
        let name = &numbering.name(layers, position);
        x = match layer {
            LayerSpec::Dense(dense) => {
                if builder.shape(x).len() > 1 {
                    x = builder.flatten(&format!("{name}.flatten"), x)?;
                }
                builder.dense(name, x, dense.units, dense.bias)?
            }
            LayerSpec::Conv(conv) => {
                let options = Conv2d { stride: conv.stride, padding: conv.padding, groups: conv.groups };
                builder.conv2d(name, x, conv.channels, conv.kernel, options, conv.bias)?
            }
            LayerSpec::MaxPool(pool) => builder.max_pool(name, x, windows(pool))?,
            LayerSpec::AveragePool(pool) => builder.average_pool(name, x, windows(pool))?,
            LayerSpec::GlobalAveragePool => builder.global_average_pool(name, x)?,
            LayerSpec::BatchNorm(norm) => builder.batch_norm(name, x, norm.epsilon, norm.momentum)?,
            LayerSpec::Relu => builder.relu(name, x)?,
            LayerSpec::Tanh => builder.tanh(name, x)?,
            LayerSpec::Sigmoid => builder.sigmoid(name, x)?,
            LayerSpec::Flatten => builder.flatten(name, x)?,
            LayerSpec::Dropout(dropout) => builder.dropout(name, x, dropout.probability)?,
            LayerSpec::Residual(block) => residual(builder, block, x, name)?,
        };
    }
    Ok(x)
}

fn residual(builder: &mut GraphBuilder, block: &Residual, input: usize, name: &str) -> Result<usize, Error> {
    if block.layers.is_empty() {
        return Err(Error::NoLayers { name: format!("of the block {name}") });
    }
    let inside = Numbering::ByKind { prefix: format!("{name}.") };
    let branch = sequence(builder, &block.layers, input, &inside)?;
    let beside = Numbering::ByPosition { prefix: format!("{name}.shortcut.") };
    let shortcut = sequence(builder, &block.shortcut, input, &beside)?;
    builder.add(name, branch, shortcut)
}

fn windows(pool: &Pool) -> Pool2d {
    Pool2d { kernel: pool.kernel, stride: pool.stride.unwrap_or(pool.kernel), padding: pool.padding }
}
