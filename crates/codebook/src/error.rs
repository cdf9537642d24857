//! Everything that can be wrong with a tensor, a container or a file.

use thiserror::Error;

/// Why a tensor, a container or a file was refused.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The first bytes are not those of an `.mxp` file.
    #[error("not an .mxp file: it {}", beginning(.found))]
    NotMxp {
        /// The first bytes of what was given, at most three.
        found: Vec<u8>,
    },
    /// The file is of a version that this reader does not know.
    #[error("version {version} is newer than this reader, which knows versions up to {supported}; update mixpress")]
    NewerVersion {
        /// Version written in the file.
        version: u8,
        /// Newest version that this reader knows.
        supported: u8,
    },
    /// The file ends before a part of it does.
    #[error("the file is truncated: {part} needs {needed} bytes, {available} are left")]
    Truncated {
        /// The part that was being read.
        part: &'static str,
        /// Bytes that the part needs.
        needed: u64,
        /// Bytes that are there.
        available: u64,
    },
    /// Bytes follow the end of the last section.
    #[error("{count} bytes follow the end of the file's last section")]
    TrailingBytes {
        /// Number of bytes too many.
        count: u64,
    },
    /// The file cannot be read.
    #[error("the file cannot be read: {reason}")]
    Unreadable {
        /// What kind of failure it was.
        kind: std::io::ErrorKind,
        /// What the system said.
        reason: String,
    },
    /// The file, or what holds its sections until it is complete, cannot be written.
    #[error("the file cannot be written: {reason}")]
    Unwritable {
        /// What kind of failure it was.
        kind: std::io::ErrorKind,
        /// What the system said.
        reason: String,
    },
    /// The contents of a part are not those that were written.
    #[error("{part} is damaged: its checksum is {computed:08x}, the file says {stored:08x}")]
    Checksum {
        /// The part that was being checked.
        part: &'static str,
        /// CRC-32 in the file.
        stored: u32,
        /// CRC-32 of the bytes that are there.
        computed: u32,
    },
    /// The header is not a well-formed header.
    #[error("the header is malformed: {reason}")]
    Header {
        /// What the decoder of the header said.
        reason: String,
    },
    /// A section is of a kind that this reader does not know and may not skip.
    #[error("section {position} is of kind {kind}, which this reader does not know; update mixpress")]
    UnknownSection {
        /// Position of the section, from 0.
        position: usize,
        /// Its kind.
        kind: u8,
    },
    /// A section does not have the length that its contents take.
    #[error("{part} take {needed} bytes, their section has {found}")]
    SectionLength {
        /// What the section holds.
        part: &'static str,
        /// Bytes that the contents take.
        needed: u64,
        /// Bytes of the section.
        found: u64,
    },
    /// A block that Zstandard should read is none of its frames, or one of another length.
    #[error("a block of {length} bytes is not one frame of Zstandard that holds {needed} bytes")]
    Zstandard {
        /// Bytes of the block.
        length: u64,
        /// Bytes that it should hold.
        needed: u64,
    },
    /// A value of the file lies outside what the format allows.
    #[error("the file is malformed: {what} is {value}, {rule}")]
    Malformed {
        /// What the value is.
        what: &'static str,
        /// The value that was found.
        value: u64,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// The file asks for more than the limits allow.
    #[error("the file declares {claimed} {what}, the limit is {limit}; raise Limits if it can be trusted")]
    Limit {
        /// What is counted.
        what: &'static str,
        /// What the file declares.
        claimed: u64,
        /// The limit in force.
        limit: u64,
    },
    /// A tensor of the file asks for more than the limits allow.
    #[error("tensor {name} has {claimed} {what}, the limit is {limit}; raise Limits if the file can be trusted")]
    TensorLimit {
        /// Name of the tensor.
        name: String,
        /// What is counted.
        what: &'static str,
        /// What the file declares.
        claimed: u64,
        /// The limit in force.
        limit: u64,
    },
    /// There is no memory for a tensor.
    #[error("tensor {name} takes {bytes} bytes, which this machine does not have free")]
    Memory {
        /// Name of the tensor.
        name: String,
        /// Bytes that it takes.
        bytes: u64,
    },
    /// A file is not written because its readers would refuse it.
    #[error(
        "readers would refuse the file ({refusal}); ContainerWriter::with_limits writes it for those with other limits"
    )]
    ForNoReader {
        /// What a reader would say.
        refusal: Box<Error>,
    },
    /// A text of the file is not UTF-8.
    #[error("{what} is not UTF-8")]
    Utf8 {
        /// What the text is.
        what: &'static str,
    },
    /// The number of values is not the product of the shape.
    #[error("tensor {name}: shape {shape:?} holds {expected} values, {got} were given")]
    Shape {
        /// Name of the tensor.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Product of the shape (`usize::MAX` where it overflows).
        expected: usize,
        /// Number of values given.
        got: usize,
    },
    /// A codebook has no value, or more than an index can name.
    #[error("tensor {name}: a codebook has 1 to 65536 values, this one has {levels}")]
    CodebookSize {
        /// Name of the tensor.
        name: String,
        /// Number of values.
        levels: usize,
    },
    /// A codebook value is NaN or infinite.
    #[error("tensor {name}: codebook value {position} is {value}, it must be finite")]
    CodebookNotFinite {
        /// Name of the tensor.
        name: String,
        /// Position in the codebook.
        position: usize,
        /// The value.
        value: f32,
    },
    /// Codebook values do not ascend strictly.
    #[error(
        "tensor {name}: codebook value {position} ({after}) does not exceed the one before it ({before}); \
         QuantizedTensor::canonical sorts and merges"
    )]
    CodebookOrder {
        /// Name of the tensor.
        name: String,
        /// Position of the later value.
        position: usize,
        /// The earlier value.
        before: f32,
        /// The later value.
        after: f32,
    },
    /// A grid's step is not a positive, finite f16.
    #[error("tensor {name}: the step {step} of a grid must be positive, finite and exact in f16")]
    GridStep {
        /// Name of the tensor.
        name: String,
        /// The step.
        step: f32,
    },
    /// A grid's bit width is out of range.
    #[error("tensor {name}: a grid has 2 to 16 bits, not {bits}")]
    GridBits {
        /// Name of the tensor.
        name: String,
        /// The bit width.
        bits: u8,
    },
    /// An index names no codebook value.
    #[error("tensor {name}: index {index} at position {position}, but the codebook has {levels} values")]
    Index {
        /// Name of the tensor.
        name: String,
        /// Position in the tensor, row by row.
        position: usize,
        /// The index.
        index: u16,
        /// Number of codebook values.
        levels: usize,
    },
    /// Values are asked of a tensor that holds none as floats.
    #[error("tensor {name} holds no floats of at most 32 bits")]
    NotFloats {
        /// Name of the tensor.
        name: String,
    },
    /// Bytes are asked of a tensor that is quantised.
    #[error("tensor {name} is quantised, so it has no bytes of its own")]
    NotPlain {
        /// Name of the tensor.
        name: String,
    },
    /// Indices are asked of a tensor that has none.
    #[error("tensor {name} has no codebook, so it has no indices")]
    NotQuantized {
        /// Name of the tensor.
        name: String,
    },
    /// Indices are asked of a tensor that has none of that width.
    #[error("tensor {name}: indices of a codebook of at most {limit} values are wanted, it has {levels} values")]
    NotIndices {
        /// Name of the tensor.
        name: String,
        /// Number of codebook values.
        levels: usize,
        /// The most that the indices' type can tell apart.
        limit: usize,
    },
    /// A tensor has another number of axis references than axes.
    #[error("tensor {name}: {got} axis references for {expected} axes")]
    AxisCount {
        /// Name of the tensor.
        name: String,
        /// Number of axes.
        expected: usize,
        /// Number of references given.
        got: usize,
    },
    /// An axis refers to a group that is not there.
    #[error("tensor {name}: axis {axis} refers to group {group}, but there are {groups} groups")]
    AxisGroup {
        /// Name of the tensor.
        name: String,
        /// The axis.
        axis: usize,
        /// The group it refers to.
        group: usize,
        /// Number of groups.
        groups: usize,
    },
    /// An axis does not have the length of its group times the repetition.
    #[error(
        "tensor {name}: axis {axis} has length {length}, but group {group} has {units} units, each repeated {repeat} times"
    )]
    AxisLength {
        /// Name of the tensor.
        name: String,
        /// The axis.
        axis: usize,
        /// Its length.
        length: usize,
        /// The group it refers to.
        group: usize,
        /// Units of the group.
        units: usize,
        /// Positions a unit.
        repeat: usize,
    },
    /// A group's grid does not fit its number of units.
    #[error("group {group}: {units} units are not a whole number of {grid:?} grids")]
    GroupGrid {
        /// The group.
        group: usize,
        /// Its number of units.
        units: usize,
        /// The grid.
        grid: [usize; 2],
    },
    /// An outline has not one flag for each unit.
    #[error("groups of {units:?} units have {flags:?} flags that say which are live; each unit needs one")]
    LiveUnits {
        /// Units of each group.
        units: Vec<usize>,
        /// Flags of each group.
        flags: Vec<usize>,
    },
    /// A tensor is nonzero where the outline says that units are dead.
    #[error("tensor {name}: {entries} nonzero entries belong to units that the outline calls dead")]
    DeadUnits {
        /// Name of the tensor.
        name: String,
        /// Number of such entries.
        entries: usize,
    },
    /// A tensor is not the one that the outline announces next.
    #[error("tensor {name} was given, but {}", announced(.expected.as_deref()))]
    Unannounced {
        /// Name of the tensor.
        name: String,
        /// Name of the tensor that comes next, if one does.
        expected: Option<String>,
    },
    /// A file ends before all tensors of its outline were given.
    #[error("the outline announces {announced} tensors, {given} were given")]
    Unfinished {
        /// Tensors of the outline.
        announced: usize,
        /// Tensors that were given.
        given: usize,
    },
    /// Two tensors have one name.
    #[error("two tensors are called {name}")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// No trellis has so many states.
    #[error("a trellis has 4, 8, 16, 32, 64, 128 or 256 states, not {states}")]
    TrellisStates {
        /// The number asked for.
        states: u16,
    },
    /// A matrix cannot be written to a trellis-coded section.
    #[error("trellis-coded matrix {matrix}: {what}: {found}; {rule}")]
    TrellisMatrix {
        /// Number of the matrix.
        matrix: usize,
        /// What is wrong with it.
        what: &'static str,
        /// What was found.
        found: usize,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// A matrix is not the one that a trellis-coded tensor of such a shape is.
    #[error(
        "tensor {name} of shape {shape:?} cannot be the trellis-coded matrix of shape {matrix:?}: it has two axes or \
         more and some entry, and is a matrix of its first axis and the product of the others"
    )]
    TrellisShape {
        /// Name of the tensor.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// The shape of the matrix, not transposed.
        matrix: [usize; 2],
    },
    /// A trellis-coded tensor cannot be written.
    #[error("tensor {name} cannot be written: {cause}")]
    TrellisTensor {
        /// Name of the tensor.
        name: String,
        /// What is wrong with its matrix.
        cause: Box<Error>,
    },
    /// A file says what its trellis-coded tensors share, and has none, or the other way round.
    #[error("{count} tensors are trellis-coded, so the file {}", if *.count == 0 { "has no settings of a trellis" } else { "needs the settings of its trellis" })]
    TrellisSettings {
        /// Number of trellis-coded tensors.
        count: usize,
    },
    /// Something is larger than the format can hold.
    #[error("{what} is {value}, the format holds at most {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size.
        value: u64,
        /// The most that fits.
        limit: u64,
    },
}

/// What a file that is none begins with.
fn beginning(found: &[u8]) -> String {
    if found.is_empty() {
        "is empty".into()
    } else {
        format!("starts with {found:02x?} instead of the bytes of \"MXP\"")
    }
}

/// What an outline announces next.
fn announced(expected: Option<&str>) -> String {
    match expected {
        Some(name) => format!("the outline announces {name}, of another name, shape, type or axes"),
        None => "the outline announces no more tensors".into(),
    }
}
