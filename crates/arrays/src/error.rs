//! Everything that can be wrong with arrays or a file of them.

use std::io;
use std::path::PathBuf;

/// Why a file was refused, or an array could not be made.
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
    /// A file of arrays is no zip, or a damaged one.
    #[error("{path} is not a readable .npz file: {reason}; numpy.savez writes one")]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file has no arrays.
    #[error("{path} has no arrays: no entry's name ends in .npy; numpy.savez(path, name=array) writes such files")]
    NoArrays {
        /// The file.
        path: PathBuf,
    },
    /// A file of arrays is larger than the limit allows.
    #[error("{path} has more than {limit} bytes of arrays; raise Limits if it can be trusted")]
    Limit {
        /// The file.
        path: PathBuf,
        /// The limit in force.
        limit: u64,
    },
    /// Two arrays have one name.
    #[error("two arrays are called {name:?}")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// An array is not written as the format asks for.
    #[error("array {name:?} is malformed: {reason}")]
    Npy {
        /// The array.
        name: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// An array has entries of a type that is not read.
    #[error(
        "array {name:?} has the dtype {dtype}; possible are float16, float32, float64, whole numbers of 8 to 64 bits \
         and bool"
    )]
    Dtype {
        /// The array.
        name: String,
        /// Its type, as the file says it.
        dtype: String,
    },
    /// The entries of an array take another number of bytes than its shape says.
    #[error("array {name:?}: {found} bytes follow its header, which is not what shape {shape:?} of {dtype} takes")]
    ArrayLength {
        /// The array.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Its type, as the file says it.
        dtype: String,
        /// Bytes that are there.
        found: usize,
    },
    /// A value does not fit into the type that it is read as.
    #[error("array {name:?}: the value {value} at {position:?} is out of the range of {range}")]
    Range {
        /// The array.
        name: String,
        /// Where the value stands.
        position: Vec<usize>,
        /// The value.
        value: String,
        /// The type whose range it is.
        range: &'static str,
    },
    /// A shape takes another number of entries than there are.
    #[error("shape {shape:?} does not take {found} entries")]
    ShapeLength {
        /// The shape.
        shape: Vec<usize>,
        /// Entries that are there.
        found: usize,
    },
    /// An array has more axes than can be written.
    #[error("an array has {found} axes, {limit} are possible")]
    Axes {
        /// Its axes.
        found: usize,
        /// The most that are possible.
        limit: usize,
    },
}
