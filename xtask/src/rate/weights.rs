//! Weights of a model cut out into a file of their own, so that its bytes are theirs.

use std::fs;
use std::path::Path;

use anyhow::Context;
use mixpress_cli::mixpress::compress::Model;
use safetensors::{Dtype, tensor::TensorView};

/// Writes the f32 tensors of a model that `takes` wants, by name and shape, as a safetensors model; gives the number of
/// their entries.
///
/// # Errors
/// If the model cannot be read or the file not be written.
pub fn cut_out(model: &Path, into: &Path, takes: impl Fn(&str, &[u64]) -> bool) -> anyhow::Result<u64> {
    let model = Model::open(model)?;
    let mut taken = Vec::new();
    for (number, tensor) in model.tensors().iter().enumerate() {
        if tensor.element().name() == "f32" && takes(tensor.name(), tensor.shape()) {
            let shape: Vec<usize> = tensor.shape().iter().map(|&length| length as usize).collect();
            taken.push((tensor.name().to_owned(), shape, model.payload(number)?));
        }
    }
    let entries = taken.iter().map(|(_, _, bytes)| bytes.len() as u64 / 4).sum();
    write(into, Dtype::F32, &taken)?;
    Ok(entries)
}

/// Writes tensors of one type, by name, shape and bytes, as a safetensors model.
///
/// # Errors
/// If a shape does not hold its bytes, or the file cannot be written.
pub fn write(into: &Path, dtype: Dtype, tensors: &[(String, Vec<usize>, Vec<u8>)]) -> anyhow::Result<()> {
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(dtype, shape.clone(), bytes)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    fs::write(into, safetensors::serialize(views, None)?).with_context(|| format!("cannot write {}", into.display()))
}
