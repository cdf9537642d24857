//! `mixpress decompress`: the model that a file was made of; of a network trained here, every tensor at full shape, in f32, as a
//! safetensors file.

use std::borrow::Cow;
use std::path::PathBuf;

use anyhow::Context;
use mixpress::compress::{Format, Gathered, Opened, WriteOptions};
use mixpress::prelude::{CancelToken, ModelFile};
use mixpress::train::write_whole;
use safetensors::{Dtype, View};

use crate::args::{DecompressArgs, Form};
use crate::failure::Failure;
use crate::interrupt::cancel_on_signal;
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
    let file = args.file.display();
    let model = match Opened::open(&args.file).with_context(|| format!("cannot decompress {file}"))? {
        Opened::Model(model) => return restore(&model, args),
        Opened::Network(model) => model,
    };
    if args.form == Form::Gather {
        return Err(Failure::usage("--as gather is for ONNX models, not for a network trained here"));
    }
    if args.keep_shards {
        return Err(Failure::usage("--keep-shards is for models that were sharded, not for a network trained here"));
    }
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from(args.file.file_name().unwrap_or_default()).with_extension("safetensors"));
    files::refuse_input(&out, &args.file)?;
    files::refuse_taken(&out, args.force)?;
    let tensors: Vec<(String, Full)> = model
        .tensors()
        .map(|(name, shape, values)| {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (name.to_owned(), Full { shape: shape.to_vec(), bytes })
        })
        .collect();
    let count = tensors.len();
    // From here on a signal waits: what is written is written whole, and leaves no part of a file.
    cancel_on_signal(CancelToken::new(), None);
    let bytes = safetensors::serialize(tensors, None).with_context(|| format!("cannot decompress {file}"))?;
    write_whole(&out, &bytes).map_err(|error| Failure::Failed(error.into()))?;
    Ok(output::write(&format!("{count} tensors, {} bytes, written to {}\n", bytes.len(), out.display()))?)
}

/// Writes another program's model.
fn restore(model: &ModelFile, args: &DecompressArgs) -> Result<(), Failure> {
    let extension = if model.skeleton().format() == Format::Onnx { "onnx" } else { "safetensors" };
    let named = || PathBuf::from(args.file.file_name().unwrap_or_default()).with_extension(extension);
    let out = args.out.clone().unwrap_or_else(named);
    files::refuse_input(&out, &args.file)?;
    files::refuse_taken(&out, args.force)?;
    let options = WriteOptions { keep_shards: args.keep_shards, overwrite: args.force, ..WriteOptions::default() };
    let what = || format!("cannot decompress {}", args.file.display());
    let cancel = CancelToken::new();
    cancel_on_signal(cancel.clone(), None);
    let (paths, mut lines) = match args.form {
        Form::Plain => {
            let written = model.restore_until(&out, &options, &cancel);
            if written.is_err() && cancel.is_cancelled() {
                return Err(Failure::Interrupted(None));
            }
            let paths = written.with_context(what)?;
            (paths, vec![format!("{} tensors", model.tensors().len())])
        }
        Form::Gather => {
            let Gathered { paths, gathered, plain } = model.restore_as_gather(&out, &options).with_context(what)?;
            let mut lines = vec![format!("{gathered} tensors as codebook and indices")];
            lines.extend(plain.iter().map(|plain| format!("{} is plain: {}", plain.name, plain.why)));
            (paths, lines)
        }
    };
    lines.extend(paths.iter().map(|path| {
        let bytes = path.metadata().map_or(0, |metadata| metadata.len());
        format!("{bytes} bytes written to {}", path.display())
    }));
    Ok(output::write(&(lines.join("\n") + "\n"))?)
}
