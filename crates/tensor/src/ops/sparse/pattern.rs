//! Where the weights of a layer that are kept stand: compressed sparse rows, one row an output unit.

use crate::{Element, Tensor};

/// The positions of a weight's kept elements, row by row; the others are zero and stay so.
///
/// A pattern says nothing of values: a kept weight may well be zero at the moment. It is made when the zeros change, not in
/// each step.
///
/// ```
/// use mixpress_tensor::{SparsePattern, Tensor};
///
/// let weight = Tensor::new(&[2, 3], vec![0.0_f32, 1.5, 0.0, -2.0, 0.0, 0.5])?;
/// let pattern = SparsePattern::of_nonzeros(&weight);
/// assert_eq!(pattern.positions(), [1, 3, 5]);
/// # Ok::<(), mixpress_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SparsePattern {
    shape: Vec<usize>,
    /// Row-major positions, ascending.
    positions: Vec<usize>,
    /// What each of them looks at.
    taps: Vec<Tap>,
    /// Where the taps of each row begin, and where the last one's end.
    starts: Vec<usize>,
}

/// The part of the input that one weight looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tap {
    /// Input unit, or channel of its group.
    pub channel: usize,
    /// Row and column of the kernel; 0 in a dense layer.
    pub offset: [usize; 2],
}

impl SparsePattern {
    /// The elements of a weight of shape `[out, in]` or `[out, in / groups, height, width]` whose row-major position
    /// `is_kept` picks.
    ///
    /// # Panics
    ///
    /// When the shape has another rank.
    #[must_use]
    #[track_caller]
    pub fn new(shape: &[usize], is_kept: impl Fn(usize) -> bool) -> Self {
        let (&[rows, _] | &[rows, _, _, _]) = shape else { panic!("sparse weights of shape {shape:?}") };
        let kernel = if let &[_, _, height, width] = shape { [height, width] } else { [1; 2] };
        let row_len: usize = shape[1..].iter().product();
        let (mut positions, mut starts) = (Vec::new(), vec![0]);
        for row in 0..rows {
            positions.extend((row * row_len..(row + 1) * row_len).filter(|&position| is_kept(position)));
            starts.push(positions.len());
        }
        let tap = |position: &usize| {
            let in_row = position % row_len;
            let (channel, in_kernel) = (in_row / (kernel[0] * kernel[1]), in_row % (kernel[0] * kernel[1]));
            Tap { channel, offset: [in_kernel / kernel[1], in_kernel % kernel[1]] }
        };
        let taps = positions.iter().map(tap).collect();
        Self { shape: shape.to_vec(), positions, taps, starts }
    }

    /// The elements of a weight that are not zero.
    ///
    /// # Panics
    ///
    /// As [`SparsePattern::new`].
    #[must_use]
    #[track_caller]
    pub fn of_nonzeros<T: Element>(weight: &Tensor<T>) -> Self {
        let values = weight.data();
        Self::new(weight.shape(), |position| values[position] != T::zero())
    }

    /// The shape of the weight.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Row-major positions of the kept elements, ascending.
    #[must_use]
    pub fn positions(&self) -> &[usize] {
        &self.positions
    }

    /// Number of kept elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// Output units.
    pub(super) fn rows(&self) -> usize {
        self.shape[0]
    }

    /// Where an output unit's taps stand among all, and the taps.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it is compiled into vectorised loops")]
    pub(super) fn row(&self, row: usize) -> (usize, &[Tap]) {
        let (start, end) = (self.starts[row], self.starts[row + 1]);
        (start, &self.taps[start..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taps_are_where_the_weights_are() {
        let pattern = SparsePattern::new(&[2, 3, 2, 4], |position| position % 7 == 3);
        for row in 0..2 {
            let (start, taps) = pattern.row(row);
            for (tap, &position) in taps.iter().zip(&pattern.positions()[start..]) {
                let [y, x] = tap.offset;
                assert_eq!(((row * 3 + tap.channel) * 2 + y) * 4 + x, position);
            }
        }
        assert_eq!(pattern.row(0).1.len() + pattern.row(1).1.len(), pattern.len());
        assert_eq!(pattern.positions(), [3, 10, 17, 24, 31, 38, 45]);
    }

    #[test]
    fn nothing_kept_is_a_pattern_too() {
        let pattern = SparsePattern::of_nonzeros(&Tensor::<f32>::zeros(&[3, 0]));
        assert!(pattern.is_empty() && pattern.row(2).1.is_empty());
    }

    #[test]
    #[should_panic(expected = "sparse weights of shape [3]")]
    fn a_vector_has_no_pattern() {
        let _ = SparsePattern::new(&[3], |_| true);
    }
}
