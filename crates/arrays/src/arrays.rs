//! Named arrays: what a model is given, what it returns, and what data sets are made of.

use crate::Error;

/// The most axes of an array, which are those that numpy knows.
pub const MOST_AXES: usize = 64;

/// The entries of an array, in row-major order.
///
/// These are the kinds that a runtime computes with and people compare, and pixels. Half and double precision become
/// [`F32`](Self::F32), whole numbers of every other width and truth values [`I32`](Self::I32).
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Single precision.
    F32(Vec<f32>),
    /// Whole numbers.
    I32(Vec<i32>),
    /// Whole numbers of 8 bits without a sign.
    U8(Vec<u8>),
}

impl Values {
    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::I32(values) => values.len(),
            Self::U8(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their type, as `f32`, `i32` or `u8`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::F32(_) => "f32",
            Self::I32(_) => "i32",
            Self::U8(_) => "u8",
        }
    }

    /// No entries of the same type, with room for `capacity`.
    #[must_use]
    pub fn empty_alike(&self, capacity: usize) -> Self {
        match self {
            Self::F32(_) => Self::F32(Vec::with_capacity(capacity)),
            Self::I32(_) => Self::I32(Vec::with_capacity(capacity)),
            Self::U8(_) => Self::U8(Vec::with_capacity(capacity)),
        }
    }

    /// Appends entries of the same type; `false` where they are of another.
    pub fn append(&mut self, more: &Self) -> bool {
        match (self, more) {
            (Self::F32(values), Self::F32(more)) => values.extend_from_slice(more),
            (Self::I32(values), Self::I32(more)) => values.extend_from_slice(more),
            (Self::U8(values), Self::U8(more)) => values.extend_from_slice(more),
            _ => return false,
        }
        true
    }
}

impl From<Vec<f32>> for Values {
    fn from(values: Vec<f32>) -> Self {
        Self::F32(values)
    }
}

impl From<Vec<i32>> for Values {
    fn from(values: Vec<i32>) -> Self {
        Self::I32(values)
    }
}

impl From<Vec<u8>> for Values {
    fn from(values: Vec<u8>) -> Self {
        Self::U8(values)
    }
}

/// Entries and the lengths of the axes that they are arranged along.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    values: Values,
}

impl Array {
    /// An array of this shape, its entries in row-major order; an empty shape is a scalar's.
    ///
    /// # Errors
    /// [`Error::ShapeLength`] where the shape takes another number of entries; [`Error::Axes`] beyond 64 axes, which are
    /// more than numpy reads.
    pub fn new(shape: impl Into<Vec<usize>>, values: impl Into<Values>) -> Result<Self, Error> {
        let (shape, values) = (shape.into(), values.into());
        if shape.len() > MOST_AXES {
            return Err(Error::Axes { found: shape.len(), limit: MOST_AXES });
        }
        if entries(&shape) != Some(values.len()) {
            return Err(Error::ShapeLength { shape, found: values.len() });
        }
        Ok(Self { shape, values })
    }

    /// Lengths of its axes; none for a scalar.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its entries, in row-major order.
    #[must_use]
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// Its shape and its entries.
    #[must_use]
    pub fn into_parts(self) -> (Vec<usize>, Values) {
        (self.shape, self.values)
    }
}

/// Arrays with names, in an order: that of the file they came from, or of the model that returned them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Arrays {
    arrays: Vec<(String, Array)>,
}

impl Arrays {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an array at the end.
    ///
    /// # Errors
    /// [`Error::DuplicateName`] where one has this name already.
    pub fn insert(&mut self, name: impl Into<String>, array: Array) -> Result<(), Error> {
        let name = name.into();
        if self.get(&name).is_some() {
            return Err(Error::DuplicateName { name });
        }
        self.arrays.push((name, array));
        Ok(())
    }

    /// The array of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Array> {
        self.arrays.iter().find(|(other, _)| other == name).map(|(_, array)| array)
    }

    /// All arrays with their names, in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Array)> {
        self.arrays.iter().map(|(name, array)| (&name[..], array))
    }

    /// Number of arrays.
    #[must_use]
    pub fn len(&self) -> usize {
        self.arrays.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.arrays.is_empty()
    }
}

impl IntoIterator for Arrays {
    type Item = (String, Array);
    type IntoIter = std::vec::IntoIter<(String, Array)>;

    fn into_iter(self) -> Self::IntoIter {
        self.arrays.into_iter()
    }
}

/// Entries of a shape, where they can be counted.
pub(crate) fn entries(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |product, &length| product.checked_mul(length))
}

/// Where an entry stands in an array that has it, by its place in row-major order: an index for each axis.
///
/// # Panics
/// When an axis has the length zero.
#[must_use]
pub fn position(shape: &[usize], mut place: usize) -> Vec<usize> {
    let mut position = vec![0; shape.len()];
    for (index, &length) in position.iter_mut().zip(shape).rev() {
        *index = place % length;
        place /= length;
    }
    position
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_has_to_take_all_entries() {
        assert!(Array::new([2, 3], vec![0.0; 6]).is_ok());
        assert!(Array::new([], vec![1]).is_ok());
        assert!(Array::new([0, 5], Vec::<i32>::new()).is_ok());
        let error = Array::new([2, 3], vec![0.0; 5]).unwrap_err().to_string();
        assert!(error.contains("[2, 3]") && error.contains('5'), "{error}");
        // The product of these overflows; it must not come out as some small number.
        assert!(Array::new([usize::MAX, 2], Vec::<f32>::new()).is_err());
    }

    #[test]
    fn names_are_unique_and_keep_their_order() {
        let mut arrays = Arrays::new();
        for name in ["b", "a"] {
            arrays.insert(name, Array::new([1], vec![1]).unwrap()).unwrap();
        }
        assert!(matches!(
            arrays.insert("b", Array::new([], vec![0]).unwrap()),
            Err(Error::DuplicateName { name }) if name == "b"
        ));
        assert_eq!(arrays.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["b", "a"]);
    }

    #[test]
    fn places_have_positions() {
        assert_eq!(position(&[2, 3, 4], 23), [1, 2, 3]);
        assert_eq!(position(&[2, 3, 4], 4), [0, 1, 0]);
        assert_eq!(position(&[], 0), [0usize; 0]);
    }
}
