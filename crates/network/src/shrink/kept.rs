//! Which positions along each axis of a tensor are kept: gathers what is kept, and scatters it back.

use mixpress_tensor::Tensor;

/// The kept positions along each axis of one tensor.
///
/// Everything that goes with a parameter element by element (optimiser moments, masks, assignments) is carried through a
/// removal of units by [`KeptAxes::gather_slice`], and back to full shape by [`KeptAxes::scatter_slice`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAxes {
    full: Vec<usize>,
    /// `None` where all positions are kept.
    kept: Vec<Option<Vec<usize>>>,
}

impl KeptAxes {
    pub(crate) fn new(full: &[usize], kept: Vec<Option<Vec<usize>>>) -> Self {
        debug_assert_eq!(full.len(), kept.len(), "a list for each axis");
        Self { full: full.to_vec(), kept }
    }

    /// Shape of the full tensor.
    #[must_use]
    pub fn full_shape(&self) -> &[usize] {
        &self.full
    }

    /// Shape of what is kept.
    #[must_use]
    pub fn shape(&self) -> Vec<usize> {
        self.full.iter().zip(&self.kept).map(|(&full, kept)| kept.as_ref().map_or(full, Vec::len)).collect()
    }

    /// Whether everything is kept.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.kept.iter().all(Option::is_none)
    }

    /// The kept positions along an axis; `None` where all are kept.
    ///
    /// # Panics
    ///
    /// When there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn axis(&self, axis: usize) -> Option<&[usize]> {
        self.kept[axis].as_deref()
    }

    /// What is kept of a tensor of the full shape.
    ///
    /// # Panics
    ///
    /// When the tensor has another shape.
    #[must_use]
    #[track_caller]
    pub fn gather(&self, tensor: &Tensor) -> Tensor {
        assert_eq!(tensor.shape(), self.full, "gather from shape {:?}, expected {:?}", tensor.shape(), self.full);
        Tensor::new(&self.shape(), self.gather_slice(tensor.data())).expect("as many elements as positions")
    }

    /// A tensor of the full shape that is zero but for what was kept.
    ///
    /// # Panics
    ///
    /// When the tensor has not the kept shape.
    #[must_use]
    #[track_caller]
    pub fn scatter(&self, tensor: &Tensor) -> Tensor {
        let shape = self.shape();
        assert_eq!(tensor.shape(), shape, "scatter of shape {:?}, expected {shape:?}", tensor.shape());
        Tensor::new(&self.full, self.scatter_slice(tensor.data(), 0.0)).expect("the full number of elements")
    }

    /// What is kept of row-major elements of the full shape.
    ///
    /// # Panics
    ///
    /// When there are fewer elements than that.
    #[must_use]
    #[track_caller]
    pub fn gather_slice<T: Copy>(&self, elements: &[T]) -> Vec<T> {
        if self.is_whole() {
            return elements.to_vec();
        }
        self.offsets().into_iter().map(|offset| elements[offset]).collect()
    }

    /// Row-major elements of the full shape that are `fill` but for what was kept.
    ///
    /// # Panics
    ///
    /// When there are fewer elements than are kept.
    #[must_use]
    #[track_caller]
    pub fn scatter_slice<T: Copy>(&self, elements: &[T], fill: T) -> Vec<T> {
        if self.is_whole() {
            return elements.to_vec();
        }
        let mut full = vec![fill; self.full.iter().product()];
        let offsets = self.offsets();
        assert_eq!(elements.len(), offsets.len(), "{} elements for {} kept positions", elements.len(), offsets.len());
        for (offset, &element) in offsets.into_iter().zip(elements) {
            full[offset] = element;
        }
        full
    }

    /// The full tensor's offset of each kept element, in row-major order.
    fn offsets(&self) -> Vec<usize> {
        let mut offsets = vec![0];
        for (&full, kept) in self.full.iter().zip(&self.kept) {
            offsets = match kept {
                None => offsets.iter().flat_map(|offset| (0..full).map(move |i| offset * full + i)).collect(),
                Some(kept) => offsets.iter().flat_map(|offset| kept.iter().map(move |i| offset * full + i)).collect(),
            };
        }
        offsets
    }
}
