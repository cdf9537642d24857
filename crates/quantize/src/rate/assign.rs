//! A whole tensor through its quantiser, on all threads.

use mixpress_codebook::QuantizedTensor;
use rayon::prelude::*;

use super::lookup::Lookup;
use super::quantizer::ScalarQuantizer;
use super::table;
use crate::{Error, error::all_finite};

/// Weights that a thread takes at a time: a fixed number, so that sums do not depend on the number of threads.
const CHUNK: usize = 1 << 16;

/// A tensor as it was quantised.
#[derive(Clone, Debug, PartialEq)]
pub struct Coded {
    /// Its codebook and indices.
    pub tensor: QuantizedTensor,
    /// Bits that it takes in a file: the indices by their own counts, with table and codebook. The file may find a
    /// shorter way.
    pub rate: f64,
    /// The squared error of all weights together.
    pub distortion: f64,
}

impl ScalarQuantizer {
    /// Each weight to the value of least cost.
    ///
    /// # Errors
    /// [`Error::NotFinite`] naming the first weight that is NaN or infinite, or a shape that does not hold the weights.
    pub fn quantize(
        &self,
        name: impl Into<String>,
        shape: impl Into<Vec<usize>>,
        weights: &[f32],
    ) -> Result<Coded, Error> {
        all_finite(weights)?;
        let lookup = Lookup::new(&self.cuts);
        let mut indices = vec![0_u16; weights.len()];
        let parts: Vec<(f64, Vec<u32>)> = (indices.par_chunks_mut(CHUNK).zip(weights.par_chunks(CHUNK)))
            .map(|(indices, weights)| {
                let mut error = 0.0;
                let mut counts = vec![0_u32; self.values.len()];
                for (index, &weight) in indices.iter_mut().zip(weights) {
                    let level = lookup.find(weight);
                    let off = f64::from(weight) - f64::from(self.values[level]);
                    error += off * off;
                    counts[level] += 1;
                    *index = self.indices[level];
                }
                (error, counts)
            })
            .collect();
        let mut counts = vec![0.0; self.codebook.len()];
        for (level, &index) in self.indices.iter().enumerate() {
            counts[usize::from(index)] = parts.iter().map(|(_, counts)| f64::from(counts[level])).sum();
        }
        Ok(Coded {
            tensor: QuantizedTensor::new(name, shape, self.codebook.clone(), indices)?,
            rate: table::stream_bits(&counts) + table::codebook_bits(&self.codebook),
            distortion: parts.iter().map(|(error, _)| error).sum(),
        })
    }
}
