//! Parallel maps and reductions whose result does not depend on the number of threads.
//!
//! Floating-point addition is not associative, so a sum whose grouping follows the thread count changes in its last bits
//! from machine to machine. Here the grouping follows the *data*: work is cut into blocks of a fixed length, blocks run on
//! whatever threads rayon has, and partial results are folded in the order of the blocks.
//!
//! ```
//! let weights = vec![0.1_f32; 100_000];
//! let sum = mixpress_parallel::sum(weights.len(), |range| weights[range].iter().map(|&w| f64::from(w)).sum());
//! assert!((sum - 10_000.0).abs() < 1e-3);
//! ```
#![forbid(unsafe_code)]

use std::ops::Range;

use rayon::prelude::*;

/// Elements in one block of work: small enough for level-2 caches, large enough to outweigh a task's overhead.
pub const BLOCK: usize = 1 << 14;

/// Maps each block of `0..len` with `map`, in parallel, and folds the results from left to right with `fold`.
///
/// Returns `None` when `len` is 0. The same input gives the same bytes for any number of threads.
pub fn map_reduce<R, M, F>(len: usize, map: M, fold: F) -> Option<R>
where
    R: Send,
    M: Fn(Range<usize>) -> R + Sync,
    F: FnMut(R, R) -> R,
{
    if len <= BLOCK {
        return (len > 0).then(|| map(0..len));
    }
    let partial: Vec<R> = (0..len.div_ceil(BLOCK)).into_par_iter().map(|block| map(block_range(block, len))).collect();
    partial.into_iter().reduce(fold)
}

/// Sums `map` over the blocks of `0..len`, in parallel and in a fixed order.
pub fn sum<M>(len: usize, map: M) -> f64
where
    M: Fn(Range<usize>) -> f64 + Sync,
{
    map_reduce(len, map, |a, b| a + b).unwrap_or(0.0)
}

fn block_range(block: usize, len: usize) -> Range<usize> {
    let start = block * BLOCK;
    start..len.min(start + BLOCK)
}

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_reduce_gives_none() {
        assert_eq!(map_reduce(0, |range| range.len(), |a, b| a + b), None);
        assert_eq!(sum(0, |_| 1.0), 0.0);
    }

    #[test]
    fn every_element_is_visited_once_and_in_order() {
        let len = 5 * BLOCK + 7;
        let visited = map_reduce(len, Iterator::collect::<Vec<_>>, |mut a, b| {
            a.extend(b);
            a
        });
        assert_eq!(visited, Some((0..len).collect()));
    }

    #[test]
    fn the_sum_is_the_same_for_any_number_of_threads() {
        let values: Vec<f64> =
            (0..3 * BLOCK + 11).map(|i| (i as f64 * 0.7).sin() * 1e3_f64.powi((i % 7) as i32 - 3)).collect();
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a small pool");
            pool.install(|| sum(values.len(), |range| values[range].iter().sum()))
        };
        let reference = on(1);
        for threads in 2..5 {
            assert_eq!(on(threads).to_bits(), reference.to_bits());
        }
    }
}
