//! `mixpress decompress`: every tensor at full shape, in f32, as a safetensors file.

use std::borrow::Cow;
use std::path::PathBuf;

use anyhow::Context;
use mixpress::prelude::CompressedModel;
use mixpress::train::write_whole;
use safetensors::{Dtype, View};

use crate::args::DecompressArgs;
use crate::failure::Failure;
use crate::{files, output};

/// A tensor as the safetensors file has it: little-endian f32 in row-major order.
struct Full {
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for Full {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// Runs the command.
pub(crate) fn decompress(args: &DecompressArgs) -> Result<(), Failure> {
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from(args.file.file_name().unwrap_or_default()).with_extension("safetensors"));
    files::refuse_input(&out, &args.file)?;
    files::refuse_taken(&out, args.force)?;
    let file = args.file.display();
    let model = CompressedModel::open(&args.file).with_context(|| format!("cannot decompress {file}"))?;
    let tensors: Vec<(String, Full)> = model
        .tensors()
        .map(|(name, shape, values)| {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (name.to_owned(), Full { shape: shape.to_vec(), bytes })
        })
        .collect();
    let count = tensors.len();
    let bytes = safetensors::serialize(tensors, None).with_context(|| format!("cannot decompress {file}"))?;
    write_whole(&out, &bytes).map_err(|error| Failure::Failed(error.into()))?;
    Ok(output::write(&format!("{count} tensors, {} bytes, written to {}\n", bytes.len(), out.display()))?)
}
