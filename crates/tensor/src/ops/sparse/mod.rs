//! A chain of layers whose weights are mostly zero: what it costs follows the weights that are kept.
//!
//! Images lie in the lanes of vector registers, sixteen side by side ([`lanes`]), so that one kept weight is one number that
//! meets the same place of all of them; no index is ever gathered. Turning images into that form and back costs as much as
//! a small layer. So a whole chain of layers is one operator: each block of sixteen images goes through all layers on one
//! thread, out of the nearest caches, and again on the way back. Blocks are the unit of parallel work. Each sums its own
//! gradients of the weights, and blocks are added in order, so that the number of threads changes nothing.
//!
//! The time is `O(kept weights · positions · images)`, plus one pass over the values between the layers; a filter without
//! kept weights is a constant. The gradient of a weight has zeros where it is not kept.
//!
//! Elsen et al. 2020 (arXiv 1911.09723) lay sparse convolutions out in the same way for inference.

mod chain;
mod conv2d;
mod lanes;
mod linear;
mod pattern;
mod pool;

use std::sync::Arc;

use rayon::prelude::*;

use self::chain::Chain;
use self::lanes::{LANES, cells, cells_mut, gather, scatter};
pub use self::pattern::SparsePattern;
use crate::kernels::for_each_chunk;
use crate::ops::window::Pool2d;
use crate::tape::{Backward, Operator};
use crate::{Buffer, Conv2d, Element, Tape, Var};
use mixpress_simd::vectorized_narrow;

/// One layer of a chain; see [`Tape::sparse_chain`].
#[derive(Clone, Debug)]
pub enum SparseLayer {
    /// As [`Tape::linear`], over all features of the value before it.
    Linear {
        /// `[O, I]`.
        weight: Var,
        /// `[O]`.
        bias: Option<Var>,
        /// Which weights are kept.
        pattern: Arc<SparsePattern>,
    },
    /// As [`Tape::conv2d`].
    Conv2d {
        /// `[O, C / groups, kh, kw]`.
        weight: Var,
        /// `[O]`.
        bias: Option<Var>,
        /// Which weights are kept.
        pattern: Arc<SparsePattern>,
        /// Stride, padding and groups.
        options: Conv2d,
    },
    /// As [`Tape::max_pool2d`].
    MaxPool(Pool2d),
    /// As [`Tape::relu`].
    Relu,
    /// As [`Tape::flatten`].
    Flatten,
}

struct SparseChain<T> {
    x: Var,
    chain: Chain,
    /// The kept weights of all layers, one after the other.
    values: Buffer<T>,
    /// What the layers left behind, block by block.
    records: Buffer<T>,
}

impl<T: Element> Tape<'_, T> {
    /// Runs `x` of shape `[N, ...]` through layers of which only the weights in their patterns are looked at: the
    /// others count as zeros, whatever they are, and have a gradient of zero.
    ///
    /// The value is that of the layers' own operators one after the other, but for the order of summation.
    ///
    /// # Panics
    ///
    /// When the shape of a value does not fit its layer, a pattern its weight, or a sample has no elements.
    #[track_caller]
    pub fn sparse_chain(&mut self, x: Var, layers: &[SparseLayer]) -> Var {
        let chain = Chain::new(self, x, layers);
        let mut values = self.buffer(chain.values_len());
        chain.gather_values(&mut values, |weight| self.value(weight));
        let images = self.shape(x)[0];
        let mut y = self.buffer(images * chain.output_len());
        let inputs = chain.inputs();
        let differentiated = inputs.iter().chain([&x]).any(|&input| self.differentiated(input));
        let records = self.buffer(if differentiated { images.div_ceil(LANES) * chain.record_len() * LANES } else { 0 });
        let records = self.run_chain(&chain, x, &values, &mut y, records);
        let mut shape = vec![images];
        shape.extend_from_slice(chain.output_shape());
        let every: Vec<Var> = inputs.into_iter().chain([x]).collect();
        self.record(&shape, y, &every, SparseChain { x, chain, values, records })
    }

    /// Runs all blocks forwards; `records` is empty where nobody needs them later.
    fn run_chain(&self, chain: &Chain, x: Var, values: &[T], y: &mut [T], mut records: Buffer<T>) -> Buffer<T> {
        let x = self.value(x);
        let (input_len, output_len, record_len) = (chain.input_len(), chain.output_len(), chain.record_len() * LANES);
        let run = |block: usize, record: &mut [T], y: &mut [T]| {
            let record = cells_mut(record);
            vectorized_narrow(
                #[inline(always)]
                || gather(part(x, block, LANES * input_len), &mut record[..input_len]),
            );
            let mut plane = self.buffer(chain.plane_len() * LANES);
            chain.forward(|var| self.value(var), values, record, cells_mut(&mut plane));
            vectorized_narrow(
                #[inline(always)]
                || scatter(&record[chain.output()], y),
            );
        };
        let images = y.len() / output_len;
        let parallel = chain.is_parallel(images);
        if records.is_empty() {
            for_each_chunk(y, LANES * output_len, parallel, |block, y| run(block, &mut self.buffer(record_len), y));
        } else if parallel {
            let blocks = records.par_chunks_mut(record_len).zip(y.par_chunks_mut(LANES * output_len));
            blocks.enumerate().for_each(|(block, (record, y))| run(block, record, y));
        } else {
            let blocks = records.chunks_mut(record_len).zip(y.chunks_mut(LANES * output_len));
            blocks.enumerate().for_each(|(block, (record, y))| run(block, record, y));
        }
        records
    }
}

impl<T: Element> Operator<T> for SparseChain<T> {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, gradient: Buffer<T>) {
        let Self { x, chain, values, records } = *self;
        let images = context.shape(x)[0];
        let (input_len, output_len) = (chain.input_len(), chain.output_len());
        let (record_len, sums_len) = (chain.record_len() * LANES, chain.sums_len());
        let needs = chain.needs(context, x);
        // The sums of a block, and after them what its input needs.
        let dx_len = if needs.input { input_len * LANES } else { 0 };
        let mut blocks = context.buffer(images.div_ceil(LANES) * (sums_len + dx_len));
        let shared: &Backward<'_, '_, T> = context;
        for_each_chunk(&mut blocks, sums_len + dx_len, chain.is_parallel(images), |block, result| {
            let (sums, dx) = result.split_at_mut(sums_len);
            let record = &records[block * record_len..][..record_len];
            let mut scratch = shared.buffer((2 * chain.widest() + chain.plane_len()) * LANES);
            let (dy, rest) = cells_mut(&mut scratch).split_at_mut(chain.widest());
            let (spare, plane) = rest.split_at_mut(chain.widest());
            vectorized_narrow(
                #[inline(always)]
                || gather(part(&gradient, block, LANES * output_len), &mut dy[..output_len]),
            );
            let first = chain.backward(&needs, &values, cells(record), sums, [dy, spare], plane);
            if needs.input {
                dx.copy_from_slice(first[..input_len].as_flattened());
            }
        });
        let mut sums = context.buffer(sums_len);
        sums.fill(T::zero());
        for block in blocks.chunks_exact((sums_len + dx_len).max(1)) {
            sums.iter_mut().zip(block).for_each(|(sum, &term)| *sum += term);
        }
        chain.add_gradients(context, &needs, &sums);
        if needs.input {
            let mut dx = context.buffer(images * input_len);
            for_each_chunk(&mut dx, LANES * input_len, chain.is_parallel(images), |block, dx| {
                let from = &blocks[block * (sums_len + dx_len) + sums_len..][..dx_len];
                vectorized_narrow(
                    #[inline(always)]
                    || scatter(cells(from), dx),
                );
            });
            context.add(x, dx);
        }
    }
}

/// Part number `index` of a slice that is cut into parts of `len`; the last one may be shorter.
fn part<T>(slice: &[T], index: usize, len: usize) -> &[T] {
    &slice[index * len..slice.len().min((index + 1) * len)]
}

#[cfg(test)]
mod tests;
