//! Dense matrix products: a safe, bounds-checked door to the `gemm` crate.

use gemm::Parallelism;

use crate::Element;
use crate::kernels::PARALLEL_PRODUCTS;

/// `gemm` blocks the inner dimension differently for different vector units; blocks of our own, no longer than the shortest
/// of theirs, make the order of summation the same on all of them.
const INNER_BLOCK: usize = 512;

/// A matrix in a slice, with the distance between neighbours along each dimension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a, T> {
    data: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, T: Element> Matrix<'a, T> {
    /// A contiguous row-major matrix.
    #[track_caller]
    pub fn new(data: &'a [T], rows: usize, columns: usize) -> Self {
        assert_eq!(data.len(), rows * columns, "a {rows}x{columns} matrix cannot hold {} elements", data.len());
        Self { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The same elements with rows and columns exchanged.
    pub fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }
}

/// What happens to the old contents of a product's destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Onto {
    /// They are ignored.
    Overwrite,
    /// The product is added to them.
    Add,
}

/// Whether a product may use more than the calling thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threads {
    /// Only the calling thread.
    One,
    /// All threads of the current rayon pool where the product is large enough to pay for it.
    Any,
}

/// `dst = lhs · rhs` or `dst += lhs · rhs`; `dst` is contiguous and row-major. The same bytes for any number of threads.
#[track_caller]
pub(crate) fn product<T: Element>(dst: &mut [T], onto: Onto, lhs: Matrix<'_, T>, rhs: Matrix<'_, T>, threads: Threads) {
    let (m, k, n) = (lhs.rows, lhs.columns, rhs.columns);
    assert_eq!(k, rhs.rows, "product of a {m}x{k} and a {}x{n} matrix", rhs.rows);
    assert_eq!(dst.len(), m * n, "a {m}x{n} product into {} elements", dst.len());
    if m * n == 0 {
        return;
    }
    if k == 0 {
        if onto == Onto::Overwrite {
            dst.fill(T::zero());
        }
        return;
    }
    let parallelism = if threads == Threads::Any && m * n * k >= PARALLEL_PRODUCTS {
        Parallelism::Rayon(0)
    } else {
        Parallelism::None
    };
    let mut start = 0;
    while start < k {
        let inner = INNER_BLOCK.min(k - start);
        let accumulate = onto == Onto::Add || start > 0;
        #[allow(unsafe_code)] // The only unsafe call of this crate.
        // SAFETY: `Matrix` is only made over slices that hold all its elements at its strides, `dst` holds m x n
        // elements (checked above) and is exclusively borrowed; the offsets stay inside because start < k, and T is f32 or
        // f64, the types that gemm handles here.
        unsafe {
            gemm::gemm(
                m,
                n,
                inner,
                dst.as_mut_ptr(),
                1,
                n as isize,
                accumulate,
                lhs.data.as_ptr().add(start * lhs.column_stride),
                lhs.column_stride as isize,
                lhs.row_stride as isize,
                rhs.data.as_ptr().add(start * rhs.row_stride),
                rhs.column_stride as isize,
                rhs.row_stride as isize,
                T::one(),
                T::one(),
                false,
                false,
                false,
                parallelism,
            );
        }
        start += inner;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers(len: usize, seed: u64) -> Vec<f64> {
        (0..len)
            .map(|i| ((i as u64).wrapping_mul(2_654_435_761).wrapping_add(seed) % 1999) as f64 / 999.0 - 1.0)
            .collect()
    }

    fn naive(a: &[f64], b: &[f64], (m, k, n): (usize, usize, usize)) -> Vec<f64> {
        let mut c = vec![0.0; m * n];
        for i in 0..m {
            for j in 0..n {
                c[i * n + j] = (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum();
            }
        }
        c
    }

    fn transpose(a: &[f64], rows: usize, columns: usize) -> Vec<f64> {
        (0..rows * columns).map(|i| a[(i % rows) * columns + i / rows]).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]
        #[test]
        fn every_layout_gives_the_naive_product(m in 0_usize..20, k in 0_usize..20, n in 0_usize..20, long: bool, seed: u64) {
            let k = if long { k + 500 } else { k };
            let (a, b) = (numbers(m * k, seed), numbers(k * n, !seed));
            let expected = naive(&a, &b, (m, k, n));
            let (at, bt) = (transpose(&a, m, k), transpose(&b, k, n));
            for lhs in [Matrix::new(&a, m, k), Matrix::new(&at, k, m).transposed()] {
                for rhs in [Matrix::new(&b, k, n), Matrix::new(&bt, n, k).transposed()] {
                    let mut c = vec![f64::NAN; m * n];
                    product(&mut c, Onto::Overwrite, lhs, rhs, Threads::Any);
                    let mut twice = c.clone();
                    product(&mut twice, Onto::Add, lhs, rhs, Threads::One);
                    for ((c, twice), expected) in c.iter().zip(&twice).zip(&expected) {
                        prop_assert!((c - expected).abs() < 1e-10 && (twice - 2.0 * expected).abs() < 1e-10);
                    }
                }
            }
        }
    }
}
