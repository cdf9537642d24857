//! Loops over plain slices that the operators share.
//!
//! Work is split by sizes alone, never by the number of threads, and small work never leaves its thread.

pub(crate) mod elementwise;
pub(crate) mod product;
pub(crate) mod reduce;

use rayon::prelude::*;

/// From this many elements on, elementwise work is worth a second thread.
pub(crate) const PARALLEL_ELEMENTS: usize = 1 << 15;

/// From this many multiplications on, a product or convolution is worth a second thread.
pub(crate) const PARALLEL_PRODUCTS: usize = 1 << 20;

/// Calls `body` with each chunk of `chunk` elements and its index, on several threads if `parallel` says so.
pub(crate) fn for_each_chunk<T: Send>(
    data: &mut [T],
    chunk: usize,
    parallel: bool,
    body: impl Fn(usize, &mut [T]) + Sync + Send,
) {
    if chunk == 0 || data.is_empty() {
        return;
    }
    if parallel && data.len() > chunk {
        data.par_chunks_mut(chunk).enumerate().for_each(|(index, chunk)| body(index, chunk));
    } else {
        data.chunks_mut(chunk).enumerate().for_each(|(index, chunk)| body(index, chunk));
    }
}

/// How many items each task takes: at most sixteen tasks, so that partial results stay few, fixed by `items` alone.
pub(crate) fn items_a_task(items: usize) -> usize {
    items.div_ceil(16).max(1)
}
