//! Everything that can be wrong with a model, a stored skeleton or a place to write to.

use std::io;
use std::path::PathBuf;

use crate::Element;

/// What a source of payloads may fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a model was refused, or could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder, a device or a pipe stands where a file is needed.
    #[error("{path} is not a regular file")]
    NotAFile {
        /// The place.
        path: PathBuf,
    },
    /// The contents are of no format that is known here.
    #[error(
        "{path} is neither a safetensors file, nor the index of a sharded safetensors model, nor an ONNX model: \
         it {}",
        beginning(.found)
    )]
    Unrecognised {
        /// The file.
        path: PathBuf,
        /// Its first bytes, at most sixteen.
        found: Vec<u8>,
    },
    /// A model or a stored skeleton asks for more than the limits allow.
    #[error("the model has {claimed} {what}, the limit is {limit}; raise Limits if it can be trusted")]
    Limit {
        /// What is counted.
        what: &'static str,
        /// How many there are, at least.
        claimed: u64,
        /// The limit in force.
        limit: u64,
    },

    /// The header of a safetensors file is longer than the file.
    #[error("{path} is truncated: its header is said to have {length} bytes, {available} are left")]
    HeaderBeyondFile {
        /// The file.
        path: PathBuf,
        /// Length of the header, as the file says it.
        length: u64,
        /// Bytes after the length.
        available: u64,
    },
    /// The header of a safetensors file is longer than the format allows.
    #[error("{path}: its header is said to have {length} bytes, the format allows {limit}")]
    HeaderOverLimit {
        /// The file.
        path: PathBuf,
        /// Length of the header, as the file says it.
        length: u64,
        /// The most that the format allows.
        limit: u64,
    },
    /// The header of a safetensors file, or an index, is not the JSON that the format asks for.
    #[error("{path}: its JSON is malformed: {reason}")]
    Json {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// A header or an index has a name twice.
    #[error("{path}: the name {name:?} stands there twice")]
    DuplicateName {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// A value of `__metadata__` is not a text.
    #[error("{path}: the value of {key:?} in __metadata__ is not a text; the format allows nothing else")]
    Metadata {
        /// The file.
        path: PathBuf,
        /// The key, or `__metadata__` itself where that is no object.
        key: String,
    },
    /// A dtype is not one of safetensors 0.8.
    #[error("{path}: tensor {tensor:?} has the dtype {dtype:?}, which safetensors does not have")]
    UnknownDtype {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its dtype.
        dtype: String,
    },
    /// The end of a tensor lies before its beginning.
    #[error("{path}: tensor {tensor:?} is said to begin at {begin} and to end at {end}")]
    Offsets {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Where it begins, from the end of the header.
        begin: u64,
        /// Where it ends.
        end: u64,
    },
    /// A tensor ends after its file.
    #[error("{path}: tensor {tensor:?} ends at byte {end} of the data, there are {available}; the file is truncated")]
    BeyondFile {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Where it ends.
        end: u64,
        /// Bytes of data in the file.
        available: u64,
    },
    /// Two tensors share bytes where the format forbids it.
    #[error(
        "{path}: tensor {tensor:?} begins at byte {begin} of the data, within tensor {other:?}, which ends at {end}"
    )]
    Overlap {
        /// The file.
        path: PathBuf,
        /// The later tensor.
        tensor: String,
        /// Where it begins.
        begin: u64,
        /// The earlier tensor.
        other: String,
        /// Where that one ends.
        end: u64,
    },
    /// Bytes belong to no tensor where the format forbids it.
    #[error("{path}: {count} bytes of the data before tensor {tensor:?} belong to no tensor; safetensors has no gaps")]
    Gap {
        /// The file.
        path: PathBuf,
        /// The tensor after the gap.
        tensor: String,
        /// Bytes of the gap.
        count: u64,
    },
    /// Bytes follow the last tensor.
    #[error("{path}: {count} bytes follow the last tensor; safetensors ends with it")]
    TrailingBytes {
        /// The file.
        path: PathBuf,
        /// Number of bytes.
        count: u64,
    },
    /// A tensor of a sharded model is not in the file that the index names.
    #[error("{path} says that tensor {tensor:?} is in {shard:?}, which does not have it")]
    NotInShard {
        /// The index.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The file.
        shard: String,
    },

    /// A shape has more entries than 64 bits can count.
    #[error("tensor {tensor:?}: shape {shape:?} of {element} has more bits than 64 bits can count")]
    ShapeOverflow {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<u64>,
        /// Its type.
        element: Element,
    },
    /// A tensor ends within a byte where the format forbids it.
    #[error("tensor {tensor:?}: shape {shape:?} of {element} is not a whole number of bytes")]
    PartialByte {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<u64>,
        /// Its type.
        element: Element,
    },
    /// A tensor has another number of bytes than its shape takes.
    #[error("tensor {tensor:?}: shape {shape:?} of {element} takes {expected} bytes, it has {found}")]
    TensorLength {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<u64>,
        /// Its type.
        element: Element,
        /// Bytes that the shape takes.
        expected: u64,
        /// Bytes of the tensor.
        found: u64,
    },

    /// The wire format of an ONNX file is malformed.
    #[error("{path}: byte {offset}: {rule}")]
    Wire {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// The rule that is broken there.
        rule: &'static str,
    },
    /// Graphs are nested deeper than the limit allows.
    #[error(
        "{path}: byte {offset}: graphs are nested more than {limit} deep; raise Limits if the model can be trusted"
    )]
    Depth {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// The limit in force.
        limit: u32,
    },
    /// A dimension of an ONNX tensor is negative.
    #[error("tensor {tensor:?}: dimension {axis} is {value}")]
    Dimension {
        /// The tensor.
        tensor: String,
        /// The axis.
        axis: usize,
        /// Its length.
        value: i64,
    },
    /// An entry of a tensor's `external_data` is missing, or is not what it must be.
    #[error("tensor {tensor:?}: {key:?} of its external data is {value:?}, {rule}")]
    ExternalData {
        /// The tensor.
        tensor: String,
        /// Key of the entry.
        key: &'static str,
        /// Its value.
        value: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// A file that a model names is not where a model's files may be.
    #[error("{tensor:?} lies in {location:?}, but {rule}")]
    Location {
        /// The tensor, or the first one that lies there.
        tensor: String,
        /// What the model says.
        location: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// A file that a model names is not there.
    #[error("{tensor:?} lies in {path}, which is not there")]
    MissingFile {
        /// The tensor, or the first one that lies there.
        tensor: String,
        /// The file.
        path: PathBuf,
    },

    /// A stored skeleton is of a version that this reader does not know.
    #[error("the skeleton is of version {version}, this reader knows {supported}; update mixpress")]
    NewerVersion {
        /// Version of the skeleton.
        version: u8,
        /// Newest version that this reader knows.
        supported: u8,
    },
    /// A value of a stored skeleton is not one that a writer writes.
    #[error("the skeleton is malformed: {what} is {value}, {rule}")]
    Malformed {
        /// What the value is.
        what: &'static str,
        /// The value.
        value: u64,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// A stored skeleton cannot be decompressed.
    #[error("the skeleton cannot be decompressed: {reason}")]
    Compressed {
        /// What the decoder said.
        reason: String,
    },
    /// A stored skeleton ends before a part of it does.
    #[error("the skeleton is truncated within {what}")]
    Truncated {
        /// The part that was being read.
        what: &'static str,
    },

    /// Whoever gives the payloads could not give this one.
    #[error("tensor {tensor:?}: {source}")]
    Payload {
        /// The tensor.
        tensor: String,
        /// What it said.
        source: BoxError,
    },
    /// A payload has another length than its tensor.
    #[error("tensor {tensor:?} has {expected} bytes, its payload was given as {found}")]
    PayloadLength {
        /// The tensor.
        tensor: String,
        /// Bytes of the tensor.
        expected: u64,
        /// Bytes that were given.
        found: u64,
    },
    /// Only ONNX models have operators that look values up.
    #[error("Gather is an operator of ONNX, and this is a safetensors model; write it plain")]
    GatherFormat,
    /// The versions that an ONNX model is written in do not have what stands for weights.
    #[error(
        "the model cannot have Gather in place of weights: {what} {}, it has to be {needed} at least: {rule}",
        .found.map_or_else(|| "is not told".to_owned(), |found| format!("is {found}"))
    )]
    GatherVersion {
        /// Which version.
        what: &'static str,
        /// The one that the model says.
        found: Option<u64>,
        /// The oldest one that will do.
        needed: u64,
        /// Why.
        rule: &'static str,
    },
    /// A codebook is empty, too long, or cut off within a value.
    #[error("tensor {tensor:?}: a codebook of {element} has 1 to 256 whole values, it was given as {found} bytes")]
    CodebookLength {
        /// The tensor.
        tensor: String,
        /// Its type.
        element: Element,
        /// Bytes that were given.
        found: u64,
    },
    /// A file stands where one would be written.
    #[error("{path} is there already; WriteOptions::overwrite replaces it")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Two files of a model would be written to one place.
    #[error("the model would write two files to {path}; give it another name")]
    SamePlace {
        /// The place.
        path: PathBuf,
    },
    /// A file beside a model would be written through a link, which may lead anywhere.
    #[error("the model's file {name:?} would be written through the link {link}; remove the link, or write elsewhere")]
    LinkInTheWay {
        /// The file, as the model names it.
        name: String,
        /// The link.
        link: PathBuf,
    },
    /// A model of several files was to be written into one writer.
    #[error("the model has {count} files and cannot be written as one")]
    SeveralFiles {
        /// Number of files.
        count: usize,
    },
    /// A part of an ONNX model cannot be moved out of it, and without moving it the file is too long for protobuf.
    #[error("the ONNX file would have {length} bytes without its large tensors, {limit} are allowed")]
    OnnxTooLong {
        /// Bytes that are left.
        length: u64,
        /// The most that are allowed.
        limit: u64,
    },
}

/// How a file that is nothing known begins.
fn beginning(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "is empty".to_owned();
    }
    let shown: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("begins with {} ({:?})", shown.join(" "), String::from_utf8_lossy(bytes))
}
