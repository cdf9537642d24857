//! An `.npz` file with items and their classes, as arrays of numpy.

use std::path::Path;

use mixpress_arrays::{Array, Arrays, Error as ArrayError, Limits, Values, position};

use super::classes::MOST_CLASSES;
use super::{DataSource, Dataset, MAX_BYTES, Pixels, name_of, test_part};
use crate::Error;

/// The arrays of a data set: items and labels to train on, and to test on.
const NAMES: [&str; 4] = ["x", "y", "x_test", "y_test"];
const ITEMS: &str = "[n, features], [n, height, width] or [n, channels, height, width]";
const LABELS: &str = "[n], a class for each item";

/// Reads a file.
pub(super) fn open(path: &Path) -> Result<DataSource, Error> {
    let mut found = Vec::new();
    let arrays = Arrays::read_npz_where(path, Limits { max_bytes: MAX_BYTES }, |name| {
        found.push(name.to_owned());
        NAMES.contains(&name)
    });
    let mut named = [const { None }; NAMES.len()];
    for (name, array) in arrays.map_err(|source| refused(path, source))? {
        if let Some(place) = NAMES.iter().position(|&wanted| wanted == name) {
            named[place] = Some(array);
        }
    }
    let [x, y, x_test, y_test] = named;
    let missing = |array| Error::MissingArray { path: path.into(), array, found: found.clone() };
    let (x, y) = (x.ok_or_else(|| missing("x"))?, y.ok_or_else(|| missing("y"))?);
    let test = match (x_test, y_test) {
        (None, None) => None,
        (Some(x), Some(y)) => Some((x, y)),
        (Some(_), None) => return Err(missing("y_test")),
        (None, Some(_)) => return Err(missing("x_test")),
    };
    let labels = labels(path, "y", &y, MOST_CLASSES)?;
    let classes = classes(path, &labels)?;
    let kind = x.values().type_name();
    let train = dataset(path, ["x", "y"], x, labels, classes)?;
    let Some((x, y)) = test else { return test_part::split_off(&train, path) };
    if x.values().type_name() != kind {
        return Err(Error::ArrayTypes { path: path.into(), train: kind, test: x.values().type_name() });
    }
    let labels = self::labels(path, "y_test", &y, classes)?;
    DataSource::new(train, dataset(path, ["x_test", "y_test"], x, labels, classes)?)
}

/// An error of a whole file names it already, one of an array does not.
fn refused(path: &Path, source: ArrayError) -> Error {
    match source {
        ArrayError::Read { path, source } => Error::Read { path, source },
        ArrayError::Archive { .. } | ArrayError::Limit { .. } => Error::Npz(source),
        source => Error::Array { path: path.into(), source },
    }
}

/// The class of each item, all below `limit`.
fn labels(path: &Path, array: &'static str, labels: &Array, limit: usize) -> Result<Vec<u32>, Error> {
    if labels.shape().len() != 1 {
        return Err(Error::ArrayShape { path: path.into(), array, shape: labels.shape().into(), expected: LABELS });
    }
    let class = |(item, value): (usize, f64)| {
        if value.fract() == 0.0 && value >= 0.0 && value < limit as f64 {
            return Ok(value as u32);
        }
        let problem = format!("but classes are whole numbers from 0 to {}", limit - 1);
        Err(Error::ArrayValue { path: path.into(), array, position: vec![item], value: value as f32, problem })
    };
    match labels.values() {
        Values::U8(values) => values.iter().map(|&value| f64::from(value)).enumerate().map(class).collect(),
        Values::I32(values) => values.iter().map(|&value| f64::from(value)).enumerate().map(class).collect(),
        Values::F32(values) => values.iter().map(|&value| f64::from(value)).enumerate().map(class).collect(),
    }
}

/// The number of classes, none of which is without items.
fn classes(path: &Path, labels: &[u32]) -> Result<usize, Error> {
    let Some(&largest) = labels.iter().max() else { return Err(Error::Empty { name: path.display().to_string() }) };
    let largest = largest as usize;
    let mut is_used = vec![false; largest + 1];
    for &label in labels {
        is_used[label as usize] = true;
    }
    match is_used.iter().position(|used| !used) {
        Some(class) => Err(Error::ClassGap { path: path.into(), class, largest }),
        None => Ok(largest + 1),
    }
}

fn dataset(
    path: &Path,
    [items, label_name]: [&'static str; 2],
    array: Array,
    labels: Vec<u32>,
    classes: usize,
) -> Result<Dataset, Error> {
    let (shape, values) = array.into_parts();
    let item_shape = match shape[..] {
        [_, features] => vec![features],
        [_, height, width] => vec![1, height, width],
        [_, channels, height, width] => vec![channels, height, width],
        _ => return Err(Error::ArrayShape { path: path.into(), array: items, shape, expected: ITEMS }),
    };
    if shape[0] != labels.len() {
        let (item_count, label_count) = (shape[0], labels.len());
        return Err(Error::ArrayCounts { path: path.into(), items, item_count, labels: label_name, label_count });
    }
    let pixels = match values {
        Values::U8(values) => Pixels::Bytes { values, divisor: 255 },
        Values::F32(values) => {
            if let Some(place) = values.iter().position(|value| !value.is_finite()) {
                let (position, value, problem) = (position(&shape, place), values[place], "which is not finite".into());
                return Err(Error::ArrayValue { path: path.into(), array: items, position, value, problem });
            }
            Pixels::Floats(values)
        }
        Values::I32(_) => return Err(Error::ArrayType { path: path.into(), array: items, found: "i32" }),
    };
    Dataset::new(name_of(path), pixels, item_shape, labels, classes)
}
