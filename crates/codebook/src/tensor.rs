//! A tensor whose every entry is an index into a small codebook.

use crate::{AxisRef, Codebook, Error};

/// A named tensor held as a codebook and one index an entry, row by row (the last axis varies fastest).
///
/// Valid by construction: as many indices as the shape holds, every index names a codebook value, the codebook is
/// finite and strictly ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantizedTensor {
    name: String,
    shape: Vec<usize>,
    codebook: Codebook,
    indices: Vec<u16>,
    axes: Vec<Option<AxisRef>>,
}

impl QuantizedTensor {
    /// A tensor whose axes belong to no unit group.
    ///
    /// # Errors
    /// If the number of indices is not the shape's product, an index names no codebook value, or the codebook is
    /// empty, not finite or not strictly ascending (see [`QuantizedTensor::canonical`]).
    pub fn new(
        name: impl Into<String>,
        shape: impl Into<Vec<usize>>,
        codebook: Codebook,
        indices: Vec<u16>,
    ) -> Result<Self, Error> {
        let (name, shape) = (name.into(), shape.into());
        let expected = elements(&shape).unwrap_or(usize::MAX);
        if expected != indices.len() {
            return Err(Error::Shape { name, shape, expected, got: indices.len() });
        }
        let codebook = codebook.validated(&name)?;
        let levels = codebook.len();
        if let Some(position) = indices.iter().position(|&i| usize::from(i) >= levels) {
            return Err(Error::Index { name, position, index: indices[position], levels });
        }
        let axes = vec![None; shape.len()];
        Ok(Self { name, shape, codebook, indices, axes })
    }

    /// A tensor from a codebook in any order, with duplicates and unused values if need be: values are sorted, equal
    /// ones merged, unused ones dropped (zero stays when it was there), indices renamed to match.
    ///
    /// # Errors
    /// As [`QuantizedTensor::new`], the order of the values aside.
    pub fn canonical(
        name: impl Into<String>,
        shape: impl Into<Vec<usize>>,
        values: &[f32],
        mut indices: Vec<u16>,
    ) -> Result<Self, Error> {
        let name = name.into();
        let mut used = vec![false; values.len()];
        for (position, &index) in indices.iter().enumerate() {
            match used.get_mut(usize::from(index)) {
                Some(seen) => *seen = true,
                None => return Err(Error::Index { name, position, index, levels: values.len() }),
            }
        }
        if let Some(position) = values.iter().position(|v| !v.is_finite()) {
            return Err(Error::CodebookNotFinite { name, position, value: values[position] });
        }
        let mut sorted: Vec<f32> = (values.iter().zip(&used))
            .filter(|&(&v, &used)| used || v == 0.0)
            .map(|(&v, _)| if v == 0.0 { 0.0 } else { v })
            .collect();
        sorted.sort_by(f32::total_cmp);
        sorted.dedup();
        if sorted.is_empty() {
            sorted.extend(values.first());
        }
        let rename: Vec<u16> = values.iter().map(|&v| sorted.partition_point(|&s| s < v) as u16).collect();
        for index in &mut indices {
            *index = rename[usize::from(*index)];
        }
        Self::new(name, shape, Codebook::Values(sorted), indices)
    }

    /// A tensor from its values, the codebook being their distinct values.
    ///
    /// # Errors
    /// If a value is not finite, there are more than 65536 distinct ones, or the shape does not fit.
    pub fn from_values(name: impl Into<String>, shape: impl Into<Vec<usize>>, values: &[f32]) -> Result<Self, Error> {
        let name = name.into();
        if let Some(position) = values.iter().position(|v| !v.is_finite()) {
            return Err(Error::CodebookNotFinite { name, position, value: values[position] });
        }
        let mut book: Vec<f32> = values.iter().map(|&v| if v == 0.0 { 0.0 } else { v }).collect();
        book.sort_by(f32::total_cmp);
        book.dedup();
        if book.is_empty() {
            book.push(0.0);
        }
        if book.len() > crate::codebook::MAX_LEVELS {
            return Err(Error::CodebookSize { name, levels: book.len() });
        }
        let indices = values.iter().map(|&v| book.partition_point(|&b| b < v) as u16).collect();
        Self::new(name, shape, Codebook::Values(book), indices)
    }

    /// The same tensor, its axes referring to unit groups. Whether the groups fit is checked when a container is
    /// encoded.
    ///
    /// # Errors
    /// If there is not one reference (or `None`) an axis.
    pub fn with_axes(mut self, axes: impl Into<Vec<Option<AxisRef>>>) -> Result<Self, Error> {
        let axes = axes.into();
        if axes.len() != self.shape.len() {
            return Err(Error::AxisCount { name: self.name, expected: self.shape.len(), got: axes.len() });
        }
        self.axes = axes;
        Ok(self)
    }

    /// Name, as `fc1.weight`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Length of each axis.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values that the indices name.
    #[must_use]
    pub fn codebook(&self) -> &Codebook {
        &self.codebook
    }

    /// One index an entry, row by row.
    #[must_use]
    pub fn indices(&self) -> &[u16] {
        &self.indices
    }

    /// The unit group that each axis belongs to, if any.
    #[must_use]
    pub fn axes(&self) -> &[Option<AxisRef>] {
        &self.axes
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether the tensor has no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// The entries' values, row by row.
    #[must_use]
    pub fn values(&self) -> Vec<f32> {
        let book = self.codebook.to_values();
        self.indices.iter().map(|&i| book[usize::from(i)]).collect()
    }

    /// Bits that a plain index needs: `ceil(log2(codebook length))`.
    #[must_use]
    pub fn bit_width(&self) -> u32 {
        self.codebook.bit_width()
    }

    /// Number of entries that are not zero.
    #[must_use]
    pub fn nonzeros(&self) -> usize {
        match self.codebook.zero_index() {
            Some(zero) => nonzeros(&self.indices, zero),
            None => self.indices.len(),
        }
    }

    /// Number of codebook values that some entry has: a grid may have more than it uses.
    #[must_use]
    pub fn used_values(&self) -> usize {
        let mut used = vec![false; self.codebook.len()];
        mark_used(&self.indices, &mut used);
        used.into_iter().filter(|&used| used).count()
    }

    /// Share of the entries that are zero, 0 to 1; 0 for an empty tensor.
    #[must_use]
    pub fn sparsity(&self) -> f64 {
        if self.is_empty() { 0.0 } else { 1.0 - self.nonzeros() as f64 / self.len() as f64 }
    }
}

/// Number of indices that are not that of zero.
pub(crate) fn nonzeros(indices: &[u16], zero: u16) -> usize {
    indices.iter().filter(|&&index| index != zero).count()
}

/// Marks the codebook values that some index names.
pub(crate) fn mark_used(indices: &[u16], used: &mut [bool]) {
    for &index in indices {
        used[usize::from(index)] = true;
    }
}

/// Product of a shape, unless it overflows.
pub(crate) fn elements(shape: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn canonical_keeps_every_value(values in prop::collection::vec(-3i32..4, 1..9), picks in prop::collection::vec(0usize..1000, 0..40)) {
            let values: Vec<f32> = values.iter().map(|&v| v as f32 * 0.5).collect();
            let indices: Vec<u16> = picks.iter().map(|&p| (p % values.len()) as u16).collect();
            let expected: Vec<f32> = indices.iter().map(|&i| values[usize::from(i)]).collect();
            let tensor = QuantizedTensor::canonical("t", [indices.len()], &values, indices).unwrap();
            prop_assert_eq!(tensor.values(), expected.clone());
            let again = QuantizedTensor::from_values("t", [expected.len()], &expected).unwrap();
            prop_assert_eq!(again.values(), expected);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let book = || Codebook::Values(vec![0.0, 1.0]);
        assert!(matches!(
            QuantizedTensor::new("t", [2, 2], book(), vec![0; 3]),
            Err(Error::Shape { expected: 4, got: 3, .. })
        ));
        assert!(matches!(
            QuantizedTensor::new("t", [2], book(), vec![0, 2]),
            Err(Error::Index { position: 1, index: 2, levels: 2, .. })
        ));
        assert!(matches!(
            QuantizedTensor::new("t", [usize::MAX, 2], book(), vec![]),
            Err(Error::Shape { expected: usize::MAX, .. })
        ));
        let tensor = QuantizedTensor::new("t", [2], book(), vec![0, 1]).unwrap();
        assert_eq!((tensor.bit_width(), tensor.sparsity()), (1, 0.5));
        assert!(matches!(tensor.with_axes([]), Err(Error::AxisCount { expected: 1, got: 0, .. })));
    }
}
