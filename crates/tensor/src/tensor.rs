//! A dense, contiguous, row-major tensor that owns its elements.

use ndarray::{ArrayD, ArrayViewD, IxDyn};

use crate::{Element, Error};

/// A dense tensor: a shape and its elements in row-major order (the last dimension runs fastest).
///
/// The empty shape `[]` is a scalar and holds one element. [`Default`] is the empty tensor of shape `[0]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<T = f32> {
    shape: Vec<usize>,
    data: Vec<T>,
}

impl<T> Default for Tensor<T> {
    fn default() -> Self {
        Self { shape: vec![0], data: Vec::new() }
    }
}

impl<T: Element> Tensor<T> {
    /// A tensor of the given shape that takes over `data`, which is in row-major order.
    ///
    /// # Errors
    ///
    /// [`Error::ElementCount`] when `data` has another length than the product of `shape`, [`Error::TooLarge`] when that
    /// product overflows.
    pub fn new(shape: &[usize], data: Vec<T>) -> Result<Self, Error> {
        check(shape, data.len())?;
        Ok(Self { shape: shape.to_vec(), data })
    }

    /// A tensor of zeros.
    ///
    /// # Panics
    ///
    /// When the product of `shape` overflows.
    #[must_use]
    pub fn zeros(shape: &[usize]) -> Self {
        Self::full(shape, T::zero())
    }

    /// A tensor whose elements all are `value`.
    ///
    /// # Panics
    ///
    /// When the product of `shape` overflows.
    #[must_use]
    #[track_caller]
    pub fn full(shape: &[usize], value: T) -> Self {
        let Some(len) = element_count(shape) else { panic!("shape {shape:?} overflows") };
        Self { shape: shape.to_vec(), data: vec![value; len] }
    }

    /// A scalar: shape `[]`, one element.
    #[must_use]
    pub fn scalar(value: T) -> Self {
        Self { shape: Vec::new(), data: vec![value] }
    }

    /// The dimensions, outermost first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The elements in row-major order.
    #[must_use]
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// The elements in row-major order, to be changed in place.
    #[must_use]
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// Gives up the shape and returns the elements in row-major order.
    #[must_use]
    pub fn into_data(self) -> Vec<T> {
        self.data
    }

    /// The tensor as an `ndarray` view.
    #[must_use]
    #[allow(clippy::missing_panics_doc)] // It cannot.
    pub fn view(&self) -> ArrayViewD<'_, T> {
        ArrayViewD::from_shape(IxDyn(&self.shape), &self.data).expect("a tensor's shape always holds its elements")
    }

    /// The same elements under another shape; nothing is copied.
    ///
    /// # Errors
    ///
    /// As [`Tensor::new`].
    pub fn reshape(self, shape: &[usize]) -> Result<Self, Error> {
        Self::new(shape, self.data)
    }
}

impl<T: Element> From<ArrayD<T>> for Tensor<T> {
    /// Takes over an array; copies only when it is not contiguous in row-major order.
    fn from(array: ArrayD<T>) -> Self {
        let shape = array.shape().to_vec();
        let data = if array.is_standard_layout() {
            let (data, offset) = array.into_raw_vec_and_offset();
            let len = shape.iter().product::<usize>();
            match offset {
                None | Some(0) if data.len() == len => data,
                _ => data[offset.unwrap_or(0)..][..len].to_vec(),
            }
        } else {
            array.iter().copied().collect()
        };
        Self { shape, data }
    }
}

/// The product of the dimensions, unless it overflows.
fn element_count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |product, &dimension| product.checked_mul(dimension))
}

fn check(shape: &[usize], got: usize) -> Result<(), Error> {
    match element_count(shape) {
        Some(expected) if expected == got => Ok(()),
        Some(expected) => Err(Error::ElementCount { shape: shape.to_vec(), expected, got }),
        None => Err(Error::TooLarge { shape: shape.to_vec() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array;

    #[test]
    fn a_shape_must_hold_its_elements() {
        assert_eq!(
            Tensor::new(&[2, 3], vec![0.0_f32; 5]),
            Err(Error::ElementCount { shape: vec![2, 3], expected: 6, got: 5 })
        );
        let huge = [usize::MAX, 2];
        assert_eq!(Tensor::<f32>::new(&huge, vec![]), Err(Error::TooLarge { shape: huge.to_vec() }));
        assert!(Tensor::new(&[0, 3], Vec::<f32>::new()).is_ok());
        assert_eq!(Tensor::scalar(2.0_f32).shape(), &[] as &[usize]);
        assert!(Tensor::<f32>::default().is_empty());
    }

    #[test]
    fn arrays_of_any_layout_come_in_row_major() {
        let array = Array::from_shape_vec((2, 3), vec![1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap().into_dyn();
        assert_eq!(Tensor::from(array.clone()).data(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let transposed = Tensor::from(array.clone().reversed_axes());
        assert_eq!((transposed.shape(), transposed.data()), (&[3, 2][..], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0][..]));
        let sliced = array.slice_move(ndarray::s![1.., ..]).into_dyn();
        assert_eq!(Tensor::from(sliced).data(), [4.0, 5.0, 6.0]);
    }

    #[test]
    fn a_view_indexes_as_the_shape_says() {
        let tensor = Tensor::new(&[2, 3], vec![1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        assert_eq!(tensor.view()[[1, 2]], 6.0);
        assert_eq!(tensor.reshape(&[3, 2]).unwrap().view()[[1, 1]], 4.0);
    }
}
