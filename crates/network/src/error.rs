//! What can be wrong with a definition, a graph, a set of parameters or a batch.

/// An error of this crate.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not TOML.
    #[error("line {line}: {message}")]
    Syntax {
        /// Line of the text, from 1.
        line: usize,
        /// What the TOML parser says.
        message: String,
    },
    /// A key that this table does not have.
    #[error("line {line}: unknown key `{key}`; known here: {known}")]
    UnknownKey {
        /// Line of the key, from 1.
        line: usize,
        /// The key.
        key: String,
        /// The keys that may stand there.
        known: String,
    },
    /// A key that must be there is not.
    #[error("line {line}: {table} needs the key `{key}`")]
    MissingKey {
        /// Line where the table starts, from 1.
        line: usize,
        /// What the table describes.
        table: String,
        /// The missing key.
        key: &'static str,
    },
    /// A layer of a kind that does not exist.
    #[error("line {line}: unknown layer kind `{kind}`; kinds: {known}")]
    UnknownKind {
        /// Line of the value, from 1.
        line: usize,
        /// The kind that was asked for.
        kind: String,
        /// The kinds that exist.
        known: String,
    },
    /// A value of the wrong type or out of range.
    #[error("line {line}: `{key}` must be {expected}, not {got}")]
    Value {
        /// Line of the value, from 1.
        line: usize,
        /// The key whose value it is.
        key: String,
        /// What may stand there.
        expected: &'static str,
        /// What stands there.
        got: String,
    },
    /// A setting of a layer is out of range.
    #[error("layer {layer}: `{key}` must be {expected}, not {got}")]
    Setting {
        /// Name of the layer.
        layer: String,
        /// The setting.
        key: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        got: String,
    },
    /// A layer cannot take the shape that arrives at it.
    #[error("layer {layer}: expected {expected}, got {got:?}")]
    Shape {
        /// Name of the layer.
        layer: String,
        /// What the layer takes.
        expected: String,
        /// The shape that arrives, without the batch dimension.
        got: Vec<usize>,
    },
    /// A network has no layers.
    #[error("network {name} has no layers; add at least one")]
    NoLayers {
        /// Name of the network.
        name: String,
    },
    /// Residual blocks are nested too deeply.
    #[error("residual blocks are nested more than {limit} deep")]
    TooDeep {
        /// The deepest nesting that is accepted.
        limit: usize,
    },
    /// A network has too many layers.
    #[error("a network may have {limit} layers at most")]
    TooManyLayers {
        /// The largest number of layers that is accepted.
        limit: usize,
    },
    /// Parameters or activations of a layer are too large to be meant.
    #[error("layer {layer}: shape {shape:?} has more than {limit} elements")]
    TooLarge {
        /// Name of the layer.
        layer: String,
        /// The shape.
        shape: Vec<usize>,
        /// The largest number of elements that is accepted.
        limit: usize,
    },
    /// The shape of the input is neither `[C, H, W]` nor `[features]`, or has a zero in it.
    #[error("the input's shape must be [channels, height, width] or [features], all positive, not {shape:?}")]
    Input {
        /// The shape that was given.
        shape: Vec<usize>,
    },
    /// A name of a network or a layer that files and parameter names could not hold.
    #[error("`{name}` cannot be a name; take 1 to 200 letters, digits or any of `-_.`")]
    Name {
        /// The name.
        name: String,
    },
    /// Two parameters have the same name.
    #[error("two parameters are called {name}; give the layers different names")]
    DuplicateParameter {
        /// The name.
        name: String,
    },
    /// A parameter of the graph was not given.
    #[error("parameter {name} of shape {shape:?} is missing")]
    MissingParameter {
        /// The name.
        name: String,
        /// The shape that the graph wants.
        shape: Vec<usize>,
    },
    /// A tensor was given that the graph does not have, or it was given twice.
    #[error("the network has no further parameter {name}")]
    UnknownParameter {
        /// The name.
        name: String,
    },
    /// A parameter has another shape than the graph wants.
    #[error("parameter {name}: expected shape {expected:?}, got {got:?}")]
    ParameterShape {
        /// The name.
        name: String,
        /// The shape that the graph wants.
        expected: Vec<usize>,
        /// The shape that was given.
        got: Vec<usize>,
    },
    /// The samples of a batch have another shape than the network's input.
    #[error("the network takes samples of shape {expected:?}; got a batch of shape {got:?}")]
    Batch {
        /// The network's input, without the batch dimension.
        expected: Vec<usize>,
        /// The batch, with the batch dimension.
        got: Vec<usize>,
    },
    /// A compact definition ends too early.
    #[error("the compact definition is truncated: byte {offset} is missing")]
    CompactTruncated {
        /// Position of the first missing byte.
        offset: usize,
    },
    /// A compact definition holds something that means nothing.
    #[error("the compact definition is damaged at byte {offset}: {what} {value}")]
    Compact {
        /// Position behind what was read.
        offset: usize,
        /// What it should have been.
        what: &'static str,
        /// What stands there.
        value: u64,
    },
    /// A number of the zoo that this version does not know.
    #[error("the definition is number {number} of the zoo, which this version does not know: a newer version may")]
    UnknownZooNumber {
        /// The number.
        number: u8,
    },
    /// A group of units that the graph does not have.
    #[error("unit group {group} does not exist: the graph has {groups}")]
    UnknownGroup {
        /// Position of the group.
        group: usize,
        /// Number of groups.
        groups: usize,
    },
    /// Units of a group that must stay in their order were to be permuted or removed.
    #[error("the units of group {group} are inputs or outputs, or tied to their order; they cannot be {change}")]
    FixedGroup {
        /// Position of the group.
        group: usize,
        /// What was to be done with them.
        change: &'static str,
    },
    /// Indices of units that are not a permutation, or not an ascending, nonempty selection.
    #[error("unit group {group} of {size} units: the indices are not {expected}")]
    UnitIndices {
        /// Position of the group.
        group: usize,
        /// Number of its units.
        size: usize,
        /// What the indices should be.
        expected: &'static str,
    },
}
