//! A network as a list of layers, the form that people write: in Rust, in TOML, or as a few bytes.

mod compact;
mod layer;
mod lower;
mod reading;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use self::layer::{BatchNorm, Conv, Dense, Dropout, LayerSpec, Pool, Residual};

/// How deeply residual blocks may be nested.
pub(crate) const MAX_DEPTH: usize = 8;
/// How many layers a definition may have, those of blocks included.
pub(crate) const MAX_LAYERS: usize = 4096;

/// A network as a list of layers. Input shapes come with the data: see [`Definition::lower`].
///
/// ```
/// use mixpress_network::{Conv, Definition, Dense, LayerSpec, Pool};
///
/// # fn main() -> Result<(), mixpress_network::Error> {
/// let definition = Definition::new("small")
///     .with(Conv::new(8, 3))
///     .with(LayerSpec::Relu)
///     .with(LayerSpec::MaxPool(Pool::new(2)))
///     .with(Dense::new(10));
/// let graph = definition.lower(&[1, 28, 28])?;
/// assert_eq!(graph.parameters()[2].name, "fc1.weight");
/// assert_eq!(graph.parameters()[2].shape, [10, 8 * 13 * 13]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// What the network is called.
    pub name: String,
    /// The layers, from input to output; `[[layer]]` in TOML.
    #[serde(rename = "layer")]
    pub layers: Vec<LayerSpec>,
}

impl Definition {
    /// A definition without layers.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), layers: Vec::new() }
    }

    /// Appends a layer.
    #[must_use]
    pub fn with(mut self, layer: impl Into<LayerSpec>) -> Self {
        self.layers.push(layer.into());
        self
    }

    /// The definition as TOML that [`Definition::from_toml`] reads back to the same value.
    #[must_use]
    #[allow(clippy::missing_panics_doc, reason = "it cannot")]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("every field of a definition has a TOML form")
    }
}
