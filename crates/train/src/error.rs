//! The one error of this crate: every way in which data, settings or a checkpoint can be wrong.

use std::io;
use std::path::PathBuf;

/// What went wrong, with the offending file or value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file or folder.
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
    /// A folder holds no data set of a known layout.
    #[error("no data set found in {folder}: looked for {looked_for}")]
    UnknownLayout {
        /// The folder.
        folder: PathBuf,
        /// The files that would have been recognised.
        looked_for: String,
    },
    /// Some files of a data set are there, this one is not.
    #[error("{folder} lacks {file}, the {role} of the data set")]
    MissingFile {
        /// The folder.
        folder: PathBuf,
        /// The name (and the accepted spellings) of the absent file.
        file: String,
        /// What the file holds.
        role: &'static str,
    },
    /// A data file ends early.
    #[error("{path} is truncated: {expected} bytes of {what} expected, at most {found} found")]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Which part of the file.
        what: &'static str,
        /// Bytes that part must have.
        expected: u64,
        /// Bytes that were there.
        found: u64,
    },
    /// A data file goes on after its declared end.
    #[error("{path} goes on after the {expected} bytes that its header declares")]
    TrailingBytes {
        /// The file.
        path: PathBuf,
        /// Bytes of header and data, uncompressed.
        expected: u64,
    },
    /// A data file does not begin as its kind does.
    #[error("{path} is not a file of {kind}: it begins with {found:#010x}, not {expected:#010x}")]
    WrongMagic {
        /// The file.
        path: PathBuf,
        /// What the file should hold.
        kind: &'static str,
        /// The magic number of that kind.
        expected: u32,
        /// The first four bytes.
        found: u32,
    },
    /// A header declares sizes that no data set has.
    #[error("{path} declares {dimensions:?}: {problem}")]
    Dimensions {
        /// The file.
        path: PathBuf,
        /// The declared sizes.
        dimensions: Vec<u32>,
        /// Why they are refused.
        problem: &'static str,
    },
    /// A compressed file is damaged.
    #[error("{path} is damaged: {source}")]
    Compression {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        source: io::Error,
    },
    /// A file of images and its file of labels disagree.
    #[error("{images} holds {image_count} images but {labels} holds {label_count} labels")]
    FileCounts {
        /// The file of images.
        images: PathBuf,
        /// Its number of images.
        image_count: usize,
        /// The file of labels.
        labels: PathBuf,
        /// Its number of labels.
        label_count: usize,
    },
    /// Training and test items differ in shape.
    #[error("training items have shape {train:?} but test items have shape {test:?}")]
    ItemShapes {
        /// Shape of a training item.
        train: Vec<usize>,
        /// Shape of a test item.
        test: Vec<usize>,
    },
    /// Items and labels differ in number.
    #[error("data set {name}: {values} values are not {labels} items (one a label) of {features} features")]
    Counts {
        /// Name of the data set.
        name: String,
        /// Values in all items together.
        values: usize,
        /// Number of labels.
        labels: usize,
        /// Features of an item.
        features: usize,
    },
    /// A data set without items, or items without features.
    #[error("data set {name} is empty")]
    Empty {
        /// Name of the data set.
        name: String,
    },
    /// A label is not below the number of classes.
    #[error("data set {name}: item {item} has label {label}, but there are {classes} classes (labels start at 0)")]
    Label {
        /// Name of the data set.
        name: String,
        /// Position of the item.
        item: usize,
        /// Its label.
        label: u32,
        /// Number of classes.
        classes: usize,
    },
    /// A feature is NaN or infinite.
    #[error("data set {name}: feature {feature} of item {item} is {value}")]
    NotFinite {
        /// Name of the data set.
        name: String,
        /// Position of the item.
        item: usize,
        /// Position of the feature in the item.
        feature: usize,
        /// The value.
        value: f32,
    },
    /// A data set too small, or a fraction too large, to hold samples out for validation.
    #[error("cannot hold one in {one_in} of {samples} samples out for validation: {remedy}")]
    Split {
        /// Samples in all.
        samples: usize,
        /// One sample in this many was to be held out.
        one_in: usize,
        /// What would work.
        remedy: &'static str,
    },
    /// An optimiser or a schedule was given a setting out of its range.
    #[error("{setting} is {value}, but must be {range}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// Its value.
        value: f64,
        /// The values that are allowed.
        range: &'static str,
    },
    /// A checkpoint file is damaged or is none.
    #[error("{path} is not a whole checkpoint: {problem}; delete it to start anew")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A checkpoint lacks an entry, or holds it in another form.
    #[error("the checkpoint's entry `{name}` {problem}: it was written by another version or for other settings")]
    CheckpointEntry {
        /// Name of the entry.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The mixture's settings are wrong, or its weights are not finite.
    #[error(transparent)]
    Mixture(#[from] mixpress_mixture::Error),
    /// The loss is no longer a number.
    #[error(
        "training diverged in round {round} of phase `{}` (last loss {loss}); use a lower learning_rate there{}",
        .phase.key(), if *.phase == crate::PhaseName::Plain { "" } else { " or a lower strength" }
    )]
    Diverged {
        /// The phase.
        phase: crate::PhaseName,
        /// The round in which it happened, counted from 1.
        round: u64,
        /// The loss.
        loss: f32,
    },
    /// The run was cancelled.
    #[error("the run was interrupted")]
    Interrupted,
}
