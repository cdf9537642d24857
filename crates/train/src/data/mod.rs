//! Labelled data sets in memory, and the layouts of files that they are read from.
//!
//! Pixels stay bytes until a batch asks for them: MNIST is 47 MB instead of 188. A byte becomes `value / divisor`
//! (255 for images, 16 for the UCI digits), and nothing else is done to an input: no mean is taken off, no variance
//! scaled.

mod augment;
mod batches;
mod cifar;
mod classes;
mod csv;
mod digits;
mod idx;
mod npz;
mod png;
mod split;
mod test_part;

use std::path::Path;

pub use augment::{Augmentation, Shifts};
pub use batches::{BatchConfig, Batches, Feed};
pub use digits::digits;
pub use split::Split;

use crate::Error;

/// The most bytes that the values of a file or a folder may take in memory.
const MAX_BYTES: u64 = 1 << 32;
/// The largest image side, in pixels.
const MAX_SIDE: u32 = 1 << 12;
/// No deflate stream expands further (a match of 258 bytes takes at least two bits).
const MAX_EXPANSION: u64 = 1032;

/// The values of all items, row by row.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// Bytes that stand for `value / divisor`.
    Bytes {
        /// One byte a feature, items one after the other.
        values: Vec<u8>,
        /// The byte that becomes 1.0.
        divisor: u8,
    },
    /// Values used as they are.
    Floats(Vec<f32>),
}

impl Pixels {
    fn len(&self) -> usize {
        match self {
            Self::Bytes { values, .. } => values.len(),
            Self::Floats(values) => values.len(),
        }
    }
}

/// Items of one shape, each with the number of its class.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    name: String,
    pixels: Pixels,
    item_shape: Vec<usize>,
    labels: Vec<u32>,
    classes: usize,
}

/// A data set in its two parts. The test part is for the last reading only; validation samples come from the training
/// part (see [`Split`]).
#[derive(Clone, Debug, PartialEq)]
pub struct DataSource {
    /// Samples to train on and to choose by.
    pub train: Dataset,
    /// Samples for the final error.
    pub test: Dataset,
}

impl Dataset {
    /// A data set of `labels.len()` items of `item_shape`, channels first (`[1, 28, 28]`, `[3, 32, 32]`, `[64]`).
    ///
    /// ```
    /// use mixpress_train::{Dataset, Pixels};
    ///
    /// let pixels = Pixels::Bytes { values: vec![0, 255, 51, 0], divisor: 255 };
    /// let data = Dataset::new("tiny", pixels, vec![1, 1, 2], vec![0, 1], 2)?;
    /// let mut inputs = [0.0; 4];
    /// data.fill(&[1, 0], None, &mut inputs);
    /// assert_eq!(inputs, [0.2, 0.0, 0.0, 1.0]);
    /// # Ok::<(), mixpress_train::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Empty`] without items or features, [`Error::Counts`] when the number of values is not items × features,
    /// [`Error::Label`] for a label that is no class, [`Error::NotFinite`] for a value that is NaN or infinite, and
    /// [`Error::Setting`] for a divisor of 0.
    pub fn new(
        name: impl Into<String>,
        pixels: Pixels,
        item_shape: Vec<usize>,
        labels: Vec<u32>,
        classes: usize,
    ) -> Result<Self, Error> {
        let name = name.into();
        let features = item_shape.iter().try_fold(1_usize, |product, &side| product.checked_mul(side)).unwrap_or(0);
        if labels.is_empty() || features == 0 {
            return Err(Error::Empty { name });
        }
        if labels.len().checked_mul(features) != Some(pixels.len()) {
            return Err(Error::Counts { name, values: pixels.len(), labels: labels.len(), features });
        }
        if let Some(item) = labels.iter().position(|&label| label as usize >= classes) {
            return Err(Error::Label { name, item, label: labels[item], classes });
        }
        match &pixels {
            Pixels::Bytes { divisor: 0, .. } => {
                return Err(Error::Setting { setting: "the divisor of the pixels", value: 0.0, range: "1 to 255" });
            }
            Pixels::Bytes { .. } => {}
            Pixels::Floats(values) => {
                if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                    let (item, feature) = (at / features, at % features);
                    return Err(Error::NotFinite { name, item, feature, value: values[at] });
                }
            }
        }
        Ok(Self { name, pixels, item_shape, labels, classes })
    }

    /// What the data set is called, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of items, at least 1.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Shape of an item, channels first.
    #[must_use]
    pub fn item_shape(&self) -> &[usize] {
        &self.item_shape
    }

    /// Values of an item: the product of its shape.
    #[must_use]
    pub fn features(&self) -> usize {
        self.pixels.len() / self.labels.len()
    }

    /// The class of each item.
    #[must_use]
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Number of classes; labels are below it.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The stored values of all items.
    #[must_use]
    pub fn pixels(&self) -> &Pixels {
        &self.pixels
    }

    /// CRC-32 of all stored values and labels, little-endian, by which a data set is told from others of its shape.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        match &self.pixels {
            Pixels::Bytes { values, .. } => hasher.update(values),
            Pixels::Floats(values) => values.iter().for_each(|value| hasher.update(&value.to_le_bytes())),
        }
        self.labels.iter().for_each(|label| hasher.update(&label.to_le_bytes()));
        hasher.finalize()
    }

    /// The data set of the given items, in the given order.
    ///
    /// # Errors
    /// [`Error::Empty`] when `items` is.
    ///
    /// # Panics
    /// When an index is not below [`Self::len`].
    #[track_caller]
    pub fn subset(&self, items: &[usize]) -> Result<Self, Error> {
        if items.is_empty() {
            return Err(Error::Empty { name: self.name.clone() });
        }
        let pixels = match &self.pixels {
            Pixels::Bytes { values, divisor } => {
                Pixels::Bytes { values: gather(values, self.features(), items), divisor: *divisor }
            }
            Pixels::Floats(values) => Pixels::Floats(gather(values, self.features(), items)),
        };
        let labels = items.iter().map(|&item| self.labels[item]).collect();
        Ok(Self { name: self.name.clone(), pixels, item_shape: self.item_shape.clone(), labels, classes: self.classes })
    }

    /// Writes the given items as network inputs, in order: `output` is `[items, features]`, or `[items, keep.len()]` when
    /// only the features in `keep` are wanted.
    ///
    /// # Panics
    /// When `output` has another length, or an index is out of bounds.
    #[track_caller]
    pub fn fill(&self, items: &[usize], keep: Option<&[usize]>, output: &mut [f32]) {
        self.fill_shifted(items, None, keep, output);
    }

    /// [`Self::fill`] with a shift for each item of the data set.
    #[track_caller]
    fn fill_shifted(&self, items: &[usize], shifts: Option<&Shifts>, keep: Option<&[usize]>, output: &mut [f32]) {
        let width = keep.map_or(self.features(), <[usize]>::len);
        assert_eq!(
            output.len(),
            items.len() * width,
            "{} items of {width} features do not fill the output",
            items.len()
        );
        let mut whole = vec![0.0; if keep.is_some() { self.features() } else { 0 }];
        for (&item, row) in items.iter().zip(output.chunks_exact_mut(width.max(1))) {
            if let Some(keep) = keep {
                self.fill_item(item, shifts, &mut whole);
                for (value, &feature) in row.iter_mut().zip(keep) {
                    *value = whole[feature];
                }
            } else {
                self.fill_item(item, shifts, row);
            }
        }
    }

    fn fill_item(&self, item: usize, shifts: Option<&Shifts>, output: &mut [f32]) {
        let range = item * output.len()..(item + 1) * output.len();
        let shift = shifts.map_or([0, 0], |shifts| shifts.of(item));
        match &self.pixels {
            Pixels::Bytes { values, divisor } => {
                let divisor = f32::from(*divisor);
                augment::shift(&values[range], &self.item_shape, shift, output, |byte| f32::from(byte) / divisor);
            }
            Pixels::Floats(values) => augment::shift(&values[range], &self.item_shape, shift, output, |value| value),
        }
    }
}

fn gather<T: Copy>(values: &[T], features: usize, items: &[usize]) -> Vec<T> {
    let mut gathered = Vec::with_capacity(items.len() * features);
    for &item in items {
        gathered.extend_from_slice(&values[item * features..(item + 1) * features]);
    }
    gathered
}

impl DataSource {
    /// Both parts of a data set, which must have the same item shape and number of classes.
    ///
    /// # Errors
    /// [`Error::ItemShapes`] when the shapes differ; [`Error::Label`] when the test part has a class that the training
    /// part does not know.
    pub fn new(train: Dataset, test: Dataset) -> Result<Self, Error> {
        if train.item_shape != test.item_shape {
            return Err(Error::ItemShapes { train: train.item_shape, test: test.item_shape });
        }
        let Dataset { name, pixels, item_shape, labels, .. } = test;
        let test = Dataset::new(name, pixels, item_shape, labels, train.classes)?;
        Ok(Self { train, test })
    }
}

/// Reads a data set of any known kind, by what is found at the path:
///
/// - the four IDX files of MNIST and its relatives in a folder, plain or gzip;
/// - the binary files of CIFAR-10 in a folder;
/// - PNG images in a folder, `train/CLASS/*.png` and `test/CLASS/*.png`, or `CLASS/*.png`. All are of one size, number of
///   channels (grey, RGB, either with alpha) and depth; other files are left alone;
/// - an `.npz` file with the arrays `x`, items first, and `y`, their classes from 0 without a gap; and, if it has them,
///   `x_test` and `y_test`. An item has one axis, or is `[height, width]` or `[channels, height, width]`;
/// - a `.csv` file, as [`open_csv`] reads it, with a column `label`.
///
/// Pixels of 8 bits, `uint8` arrays among them, are scaled to 0 to 1, and so are those of 16 bits; floats stay as they are.
/// Classes with names are numbered in the order of their names: as whole numbers where all are, otherwise as text.
///
/// Where there is no test part, one in ten items of each class is taken for it, at least one of each class with two or more:
/// always the same, whatever the seed of a run.
///
/// # Errors
/// [`Error::UnknownLayout`] naming what was looked for; [`Error::UnknownFile`] for a file of another ending; otherwise the
/// reason why a file cannot be used, with its name and the place in it.
pub fn open(path: &Path) -> Result<DataSource, Error> {
    let metadata = std::fs::metadata(path).map_err(|source| Error::Read { path: path.into(), source })?;
    if metadata.is_dir() {
        return open_folder(path);
    }
    let ends_in = |ending| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending));
    if ends_in("npz") {
        npz::open(path)
    } else if ends_in("csv") {
        open_csv(path, "label")
    } else {
        Err(Error::UnknownFile { path: path.into() })
    }
}

/// Reads a table: a header, a column of classes called `label`, and numbers in all other columns, which are the items'
/// features in the order of the file, used as they are.
///
/// Labels are whole numbers or texts. See [`open`] for how classes are numbered and a test part is made.
///
/// # Errors
/// The reason why the file cannot be used, with line, column and value.
pub fn open_csv(path: &Path, label: &str) -> Result<DataSource, Error> {
    csv::open(path, label, MAX_BYTES)
}

fn open_folder(folder: &Path) -> Result<DataSource, Error> {
    // An unreadable folder is told from one that holds something else.
    std::fs::read_dir(folder).map_err(|source| Error::Read { path: folder.into(), source })?;
    if idx::is_here(folder) {
        idx::open(folder)
    } else if cifar::is_here(folder) {
        cifar::open(folder)
    } else if png::is_here(folder)? {
        png::open(folder, MAX_BYTES)
    } else {
        let looked_for =
            format!("{} (IDX), {} (CIFAR-10), {} (PNG)", idx::LOOKED_FOR, cifar::LOOKED_FOR, png::LOOKED_FOR);
        Err(Error::UnknownLayout { folder: folder.into(), looked_for })
    }
}

/// What a data set is called: the name of its file without the ending, or of its folder.
fn name_of(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.into());
    let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
    name.map_or_else(|| "data".into(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests;
