//! A trellis-coded tensor of a file, what all of them share, and which of them share a section.

use super::{MAX_CLASSES, Model, Predictor, Trellis, TrellisMatrix};
use crate::{Error, tensor::elements};

/// A section ends with the tensor that brings its weights to this.
pub const SECTION_WEIGHTS: u64 = 1 << 26;

/// What all trellis-coded tensors of a file share.
///
/// A section has parameters of its own that suit its numbers; here is what they are looked for from, and what sections
/// have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrellisSettings {
    trellis: Trellis,
    lowest: i16,
    classes: u16,
}

impl TrellisSettings {
    /// Columns that follow `trellis`, and so many classes from the lowest one on, as [`classes`](super::classes) finds
    /// them.
    ///
    /// # Errors
    /// If there are no classes, more than [`MAX_CLASSES`], or the lowest one is none of -200 to 200.
    pub fn new(trellis: Trellis, lowest: i16, classes: u16) -> Result<Self, Error> {
        if !(1..=MAX_CLASSES as u16).contains(&classes) {
            let (what, rule) = ("the number of classes", "there are 1 to 40");
            return Err(Error::Malformed { what, value: classes.into(), rule });
        }
        let settings = Self { trellis, lowest: lowest.clamp(-200, 200), classes };
        let (what, rule) = ("the lowest class", "it is -200 to 200");
        let value = i64::from(lowest) as u64;
        if settings.lowest == lowest { Ok(settings) } else { Err(Error::Malformed { what, value, rule }) }
    }

    /// What columns follow.
    #[must_use]
    pub fn trellis(&self) -> Trellis {
        self.trellis
    }

    /// The model that numbers are chosen by, and near which that of each section is.
    #[must_use]
    pub fn model(&self) -> Model {
        Model::normal(self.lowest, self.classes)
    }
}

/// A named tensor of two axes or more, held as the numbers of a matrix.
///
/// Valid by construction as far as it can be alone; whether the columns follow the file's trellis, and whether its
/// partner is one, shows when it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct TrellisTensor {
    name: String,
    shape: Vec<usize>,
    matrix: TrellisMatrix,
}

/// The shape of a tensor as a matrix: its first axis, and the product of the others. Nothing for one that has fewer than
/// two axes, no entry, or more than can be counted.
pub(crate) fn matrix_shape(shape: &[usize]) -> Option<[usize; 2]> {
    let [rows, others @ ..] = shape else { return None };
    if others.is_empty() || elements(shape)? == 0 { None } else { Some([*rows, elements(others)?]) }
}

impl TrellisTensor {
    /// A tensor whose first axis is that of the matrix's rows, or of its columns if it is transposed; all other axes
    /// together are the other one.
    ///
    /// Each tensor has one form: a patch whose number leads to the same state as the one in its place becomes that
    /// number, and below other patches stand the smallest numbers that lead to the same states.
    ///
    /// # Errors
    /// If there are fewer than two axes or no entry, or the matrix is of another shape or has not a number an entry.
    pub fn new(
        name: impl Into<String>,
        shape: impl Into<Vec<usize>>,
        mut matrix: TrellisMatrix,
    ) -> Result<Self, Error> {
        let (name, shape) = (name.into(), shape.into());
        if matrix_shape(&shape) != Some(matrix.shape()) {
            return Err(Error::TrellisShape { name, shape, matrix: matrix.shape() });
        }
        let expected = elements(&shape).unwrap_or(usize::MAX);
        if matrix.numbers.len() != expected {
            return Err(Error::Shape { name, shape, expected, got: matrix.numbers.len() });
        }
        matrix.settle();
        Ok(Self { name, shape, matrix })
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

    /// Number of entries, which is not zero.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no tensor is empty")]
    pub fn len(&self) -> usize {
        self.matrix.numbers.len()
    }

    /// The numbers, and what they are numbers of. The partner of a predicted one is told as its number among the
    /// trellis-coded tensors of the section.
    #[must_use]
    pub fn matrix(&self) -> &TrellisMatrix {
        &self.matrix
    }

    /// The values, row by row; `partner` is the tensor that predicts this one.
    ///
    /// # Panics
    /// If another matrix predicts this one and there is no partner, or one of another shape; if a matrix has not a scale a row
    /// and a column, a patch beyond its end, or a row that is predicted from one that is not earlier.
    #[must_use]
    #[track_caller]
    pub fn values(&self, partner: Option<&Self>) -> Vec<f32> {
        let matrix = &self.matrix;
        let mut values = matrix.coded_values();
        if let Some(prediction) = &matrix.prediction
            && prediction.partner().is_some()
        {
            let Some(Self { matrix: other, .. }) = partner else { panic!("{} needs its partner", self.name) };
            let predicted = other.coded_values();
            let predictor = Predictor::new(&prediction.gains, matrix.scales(), other.scales());
            for (at, (value, &other)) in values.iter_mut().zip(&predicted).enumerate() {
                *value += predictor.predict(at / matrix.columns, at % matrix.columns, other);
            }
        }
        if !matrix.is_transposed {
            return values;
        }
        let [rows, columns] = matrix.shape();
        (0..rows * columns).map(|at| values[at % columns * rows + at / columns]).collect()
    }
}

/// Whether a section ends with each tensor of a file: `weights` are the entries of trellis-coded ones, and nothing for
/// the others. A tensor is predicted by one of its own section.
#[must_use]
pub fn section_ends(weights: impl IntoIterator<Item = Option<u64>>) -> Vec<bool> {
    let (mut ends, mut sum, mut last) = (Vec::new(), 0u64, None);
    for (number, weights) in weights.into_iter().enumerate() {
        sum = sum.saturating_add(weights.unwrap_or(0));
        last = if weights.is_some() { Some(number) } else { last };
        ends.push(weights.is_some() && sum >= SECTION_WEIGHTS);
        sum = if ends[number] { 0 } else { sum };
    }
    if let Some(last) = last {
        ends[last] = true;
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_ends_when_it_is_full_and_with_the_last_tensor() {
        let half = Some(SECTION_WEIGHTS / 2);
        assert_eq!(
            section_ends([None, half, None, half, Some(1), Some(1), None]),
            [false, false, false, true, false, true, false]
        );
        assert_eq!(
            section_ends([Some(SECTION_WEIGHTS - 1), Some(SECTION_WEIGHTS), Some(SECTION_WEIGHTS)]),
            [false, true, true]
        );
        assert_eq!(section_ends([None, None]), [false; 2]);
        assert_eq!(section_ends([Some(u64::MAX), Some(3), None]), [true, true, false]);
    }

    #[test]
    fn what_is_no_matrix_is_no_tensor() {
        assert_eq!(matrix_shape(&[3, 4, 5]), Some([3, 20]));
        assert_eq!(matrix_shape(&[1, 1]), Some([1, 1]));
        for shape in [&[][..], &[4], &[0, 4], &[4, 0], &[usize::MAX, 2], &[1, usize::MAX, 2]] {
            assert_eq!(matrix_shape(shape), None, "{shape:?}");
        }
    }
}
