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
    /// A file's name does not end as those of data sets do.
    #[error("{path} is no data set by its name: files end in .npz or .csv, other data sets are folders")]
    UnknownFile {
        /// The file.
        path: PathBuf,
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
    /// A file or a folder holds more than is taken into memory.
    #[error("{path} holds more than {limit} bytes of values")]
    TooLarge {
        /// The file or folder.
        path: PathBuf,
        /// The most that is taken.
        limit: u64,
    },
    /// A data set has more classes than a network is made for.
    #[error("{path} has more than {limit} classes: are its labels measurements?")]
    TooManyClasses {
        /// The file or folder.
        path: PathBuf,
        /// The most that are taken.
        limit: usize,
    },
    /// A data set without a test part is too small to have one split off.
    #[error("no test part can be split off {path}: none of its classes has two items")]
    NoTestPart {
        /// The file or folder.
        path: PathBuf,
    },
    /// A file of arrays cannot be used.
    #[error(transparent)]
    Npz(mixpress_arrays::Error),
    /// An array in a file cannot be used.
    #[error("{path}: {source}")]
    Array {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: mixpress_arrays::Error,
    },
    /// A file of arrays lacks one of a data set's.
    #[error("{path} lacks the array {array}; it has {}", some(.found))]
    MissingArray {
        /// The file.
        path: PathBuf,
        /// The array.
        array: &'static str,
        /// Arrays that it has.
        found: Vec<String>,
    },
    /// An array does not have the axes that it should.
    #[error("{path}: the array {array} has shape {shape:?}, but should be {expected}")]
    ArrayShape {
        /// The file.
        path: PathBuf,
        /// The array.
        array: &'static str,
        /// Its shape.
        shape: Vec<usize>,
        /// The shapes that will do.
        expected: &'static str,
    },
    /// Items are of a type that cannot be told to be pixels or values.
    #[error("{path}: the array {array} has the type {found}; save pixels from 0 to 255 as uint8, all else as float32")]
    ArrayType {
        /// The file.
        path: PathBuf,
        /// The array.
        array: &'static str,
        /// Its type.
        found: &'static str,
    },
    /// The test items of a file are of another type than those to train on.
    #[error("{path}: the array x has the type {train}, but x_test has {test}")]
    ArrayTypes {
        /// The file.
        path: PathBuf,
        /// Type of the training items.
        train: &'static str,
        /// Type of the test items.
        test: &'static str,
    },
    /// An array of items and its array of labels disagree.
    #[error("{path}: the array {items} has {item_count} items, but {labels} has {label_count} labels")]
    ArrayCounts {
        /// The file.
        path: PathBuf,
        /// The array of items.
        items: &'static str,
        /// Its number of items.
        item_count: usize,
        /// The array of labels.
        labels: &'static str,
        /// Its number of labels.
        label_count: usize,
    },
    /// A value in an array cannot be used.
    #[error("{path}: the array {array} has the value {value} at {position:?}, {problem}")]
    ArrayValue {
        /// The file.
        path: PathBuf,
        /// The array.
        array: &'static str,
        /// Where the value stands.
        position: Vec<usize>,
        /// The value.
        value: f32,
        /// Why it is refused.
        problem: String,
    },
    /// A class that no item has stands between others.
    #[error(
        "{path}: no label in the array y is {class}, but one is {largest}; number the classes from 0 without a gap"
    )]
    ClassGap {
        /// The file.
        path: PathBuf,
        /// The smallest class without items.
        class: usize,
        /// The largest class with items.
        largest: usize,
    },
    /// A table lacks the column of labels.
    #[error("{path} has no column {column:?}; its columns are {}", some(.found))]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Columns that it has.
        found: Vec<String>,
    },
    /// Two columns of a table are called as the one of labels.
    #[error("{path} has more than one column {column:?}")]
    DuplicateColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// A table has no column but the one of labels.
    #[error("{path} has no column beside {column:?}: there is nothing to tell the classes by")]
    NoFeatures {
        /// The file.
        path: PathBuf,
        /// The column of labels.
        column: String,
    },
    /// A row of a table has another number of cells than its header.
    #[error("{path}, line {line}: {found} cells, but the header has {expected}")]
    Ragged {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// Its cells.
        found: u64,
        /// Columns of the table.
        expected: u64,
    },
    /// A row of a table is not UTF-8.
    #[error("{path}, line {line}: not a text in UTF-8")]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
    },
    /// A cell of a table cannot be used.
    #[error("{path}, line {line}, column {column:?}: {value:?} {problem}")]
    Cell {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// The column.
        column: String,
        /// What stands there.
        value: String,
        /// Why it is refused.
        problem: &'static str,
    },
    /// An image cannot be read.
    #[error("{path} is not a readable PNG image: {problem}")]
    Image {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        problem: String,
    },
    /// An image is not of the same kind as the first one.
    #[error("{path} is {found}, but {first} is {expected}; images of a data set are all alike")]
    ImageForm {
        /// The file.
        path: PathBuf,
        /// Its size, channels and depth.
        found: String,
        /// The first image.
        first: PathBuf,
        /// Those of the first image.
        expected: String,
    },
    /// A folder that should hold the images of a class has none.
    #[error("{folder} has no .png images: each folder of a data set is a class")]
    NoImages {
        /// The folder.
        folder: PathBuf,
    },
    /// A class has test images alone.
    #[error("{folder} is a class of which there is nothing to train on: {train} has no such folder")]
    UnknownClass {
        /// The folder of its test images.
        folder: PathBuf,
        /// The folder of all training images.
        train: PathBuf,
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

/// A list of names, not longer than people read.
fn some(names: &[String]) -> String {
    const MOST: usize = 8;
    let shown: Vec<String> = names.iter().take(MOST).map(|name| format!("{name:?}")).collect();
    match names.len() {
        0 => "none".into(),
        count if count > MOST => format!("{} and {} more", shown.join(", "), count - MOST),
        _ => shown.join(", "),
    }
}
