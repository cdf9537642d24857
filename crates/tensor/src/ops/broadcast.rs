//! Broadcasting in `NumPy`'s sense: shapes are aligned at their last dimension, and a dimension of 1 is repeated.

use crate::{Buffer, Element, Pool};

/// The common shape of two operands.
#[track_caller]
pub(super) fn broadcast_shape(a: &[usize], b: &[usize]) -> Vec<usize> {
    let rank = a.len().max(b.len());
    let dimension = |shape: &[usize], i: usize| (i + shape.len()).checked_sub(rank).map_or(1, |i| shape[i]);
    (0..rank)
        .map(|i| match (dimension(a, i), dimension(b, i)) {
            (a, b) if a == b => a,
            (1, other) | (other, 1) => other,
            _ => panic!("shapes {a:?} and {b:?} cannot be broadcast together"),
        })
        .collect()
}

/// Distances between neighbours along each dimension of a contiguous tensor.
pub(super) fn row_major_strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i];
    }
    strides
}

/// Strides with which an operand is read when it is broadcast to `to`: 0 where it is repeated.
fn broadcast_strides(shape: &[usize], to: &[usize]) -> Vec<usize> {
    let mut strides = vec![0; to.len() - shape.len()];
    strides.extend(row_major_strides(shape).iter().zip(shape).map(|(&stride, &d)| if d == 1 { 0 } else { stride }));
    strides
}

/// Walks through a contiguous tensor of the given shape in runs along its last dimensions, beside operands with strides of
/// their own: `body(offset, operands' offsets, operands' steps within the run, length of the run)`.
pub(super) fn walk<const N: usize>(
    shape: &[usize],
    strides: [&[usize]; N],
    mut body: impl FnMut(usize, [usize; N], [usize; N], usize),
) {
    let len: usize = shape.iter().product();
    if len == 0 {
        return;
    }
    // The innermost dimensions are merged as far as every operand walks through them with one stride.
    let mut outer = shape.len().saturating_sub(1);
    let mut run = shape.last().copied().unwrap_or(1);
    let steps = strides.map(|s| s.last().copied().unwrap_or(0));
    while outer > 0 && strides.iter().zip(steps).all(|(s, step)| s[outer - 1] == step * run) {
        outer -= 1;
        run *= shape[outer];
    }
    let mut index = vec![0_usize; outer];
    let mut offsets = [0_usize; N];
    for start in (0..len).step_by(run) {
        body(start, offsets, steps, run);
        for d in (0..outer).rev() {
            index[d] += 1;
            for (offset, strides) in offsets.iter_mut().zip(strides) {
                *offset += strides[d];
            }
            if index[d] < shape[d] {
                break;
            }
            index[d] = 0;
            for (offset, strides) in offsets.iter_mut().zip(strides) {
                *offset -= strides[d] * shape[d];
            }
        }
    }
}

/// `f(a, b)` with both operands broadcast to `shape`.
pub(super) fn combine<T: Element>(
    pool: &Pool<T>,
    shape: &[usize],
    (a, a_shape): (&[T], &[usize]),
    (b, b_shape): (&[T], &[usize]),
    f: impl Fn(T, T) -> T,
) -> Buffer<T> {
    let mut y = pool.take(shape.iter().product());
    let strides = (broadcast_strides(a_shape, shape), broadcast_strides(b_shape, shape));
    walk(shape, [&strides.0, &strides.1], |to, [i, j], [p, q], len| {
        let y = &mut y[to..][..len];
        match (p, q) {
            (1, 1) => y.iter_mut().zip(&a[i..]).zip(&b[j..]).for_each(|((y, &a), &b)| *y = f(a, b)),
            (1, 0) => y.iter_mut().zip(&a[i..]).for_each(|(y, &a)| *y = f(a, b[j])),
            (0, 1) => y.iter_mut().zip(&b[j..]).for_each(|(y, &b)| *y = f(a[i], b)),
            _ => y.iter_mut().enumerate().for_each(|(n, y)| *y = f(a[i + n * p], b[j + n * q])),
        }
    });
    y
}

/// Sums a gradient of shape `from` over the dimensions along which an operand of shape `to` was repeated.
pub(super) fn reduce_to<T: Element>(pool: &Pool<T>, gradient: &[T], from: &[usize], to: &[usize]) -> Buffer<T> {
    let mut sum = pool.filled(to.iter().product(), T::zero());
    let strides = broadcast_strides(to, from);
    walk(from, [&strides], |at, [j], [step], len| {
        let gradient = &gradient[at..][..len];
        match step {
            0 => sum[j] += crate::kernels::reduce::sum_by(gradient, |g| g),
            _ => gradient.iter().enumerate().for_each(|(n, &g)| sum[j + n * step] += g),
        }
    });
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_aligned_at_the_end() {
        assert_eq!(broadcast_shape(&[2, 1, 3], &[4, 1]), [2, 4, 3]);
        assert_eq!(broadcast_shape(&[], &[4, 1]), [4, 1]);
        assert_eq!(broadcast_shape(&[1], &[0]), [0]);
    }

    #[test]
    #[should_panic(expected = "[2, 3] and [2]")]
    fn shapes_that_do_not_fit_are_named() {
        broadcast_shape(&[2, 3], &[2]);
    }

    #[test]
    fn a_contiguous_walk_is_one_run() {
        let mut runs = Vec::new();
        walk(&[2, 3, 4], [&[12, 4, 1], &[0, 0, 0]], |at, offsets, steps, len| runs.push((at, offsets, steps, len)));
        assert_eq!(runs, [(0, [0, 0], [1, 0], 24)]);
    }
}
