//! `mixpress decompress`: the model that a file was made of; of a network trained here, every tensor at full shape, in
//! f32, as a safetensors file.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use anyhow::Context;
use mixpress::compress::{Error, Format, Gathered, Opened, WriteOptions};
use mixpress::interchange;
use mixpress::prelude::{CancelToken, ModelFile};
use mixpress::report::printable;
use mixpress::train::{folder_of, write_whole};
use safetensors::{Dtype, View};

use crate::args::{DecompressArgs, Form};
use crate::failure::Failure;
use crate::interrupt::cancel_on_signal;
use crate::kinds::{Wanted, explained};
use crate::{files, output};

/// How the name of a sharded model's index ends.
const INDEX: &str = ".safetensors.index.json";

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
    let what = || format!("cannot decompress {}", args.file.display());
    let opened = Opened::open(&args.file).map_err(|error| explained(error, &args.file, Wanted::Mxp, what))?;
    let model = match opened {
        Opened::Model(model) => return restore(&model, args),
        Opened::Network(model) => model,
    };
    if args.form == Form::Gather {
        return Err(Failure::usage("--as gather is for ONNX models, not for a network trained here"));
    }
    if args.keep_shards {
        return Err(Failure::usage("--keep-shards is for models that were sharded, not for a network trained here"));
    }
    let out = output_file(args, "a safetensors file", ".safetensors")?;
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
    let bytes = safetensors::serialize(tensors, None).with_context(what)?;
    write_whole(&out, &bytes).map_err(|error| Failure::Failed(error.into()))?;
    Ok(output::write(&format!("{count} tensors, {} bytes, written to {}\n", bytes.len(), out.display()))?)
}

/// Writes another program's model.
fn restore(model: &ModelFile, args: &DecompressArgs) -> Result<(), Failure> {
    let format = model.skeleton().format();
    if args.form == Form::Gather && format != Format::Onnx {
        let file = args.file.display();
        let reason = format!(
            "--as gather is for ONNX models, as Gather is one of their operators; {file} holds a safetensors model"
        );
        return Err(Failure::usage(reason));
    }
    if args.keep_shards && format != Format::ShardedSafetensors {
        let file = args.file.display();
        return Err(Failure::usage(format!("--keep-shards is for models that were sharded; {file} holds none")));
    }
    let out = match format {
        Format::Onnx => output_file(args, "an ONNX model", ".onnx"),
        Format::ShardedSafetensors if args.keep_shards => output_file(args, "the index of shards", INDEX),
        Format::Safetensors | Format::ShardedSafetensors => output_file(args, "a safetensors model", ".safetensors"),
    }?;
    let overwrite = may_overwrite(model, args, &out)?;
    let options = WriteOptions { keep_shards: args.keep_shards, overwrite, ..WriteOptions::default() };
    let failed = |error| failure(error, args);
    let cancel = CancelToken::new();
    cancel_on_signal(cancel.clone(), None);
    let (paths, mut lines) = match args.form {
        Form::Plain => {
            let paths = model.restore_until(&out, &options, &cancel).map_err(failed)?;
            (paths, vec![format!("{} tensors", model.tensors().len())])
        }
        Form::Gather => {
            let written = model.restore_as_gather_until(&out, &options, &cancel).map_err(failed)?;
            let Gathered { paths, gathered, plain } = written;
            let mut lines = vec![format!("{gathered} tensors as codebook and indices")];
            lines.extend(plain.iter().map(|plain| format!("{} is plain: {}", printable(&plain.name), plain.why)));
            if model.states() > 0 {
                lines.push(
                    "trellis-coded weights have no codebooks: compress with --codebooks for a small model".into(),
                );
            }
            (paths, lines)
        }
    };
    lines.extend(paths.iter().map(|path| {
        let bytes = path.metadata().map_or(0, |metadata| metadata.len());
        format!("{bytes} bytes written to {}", printable(&path.to_string_lossy()))
    }));
    Ok(output::write(&(lines.join("\n") + "\n"))?)
}

/// Where the output goes: `what`, whose name ends with `ending`.
fn output_file(args: &DecompressArgs, what: &str, ending: &str) -> Result<PathBuf, Failure> {
    let out = args.out.clone().unwrap_or_else(|| {
        let mut name = args.file.file_stem().unwrap_or_default().to_owned();
        name.push(ending);
        name.into()
    });
    files::refuse_name(&out, what, ending)?;
    files::refuse_input(&out, &args.file)?;
    files::refuse_taken(&out, args.force || args.force_all)?;
    Ok(out)
}

/// Whether files may be replaced: the output may where that is asked for, those that the model has beside it only with all.
fn may_overwrite(model: &ModelFile, args: &DecompressArgs, out: &Path) -> Result<bool, Failure> {
    let skeleton = model.skeleton();
    let is_merged = skeleton.format() == Format::ShardedSafetensors && !args.keep_shards;
    let names = skeleton.file_names().skip(1).filter(|_| !is_merged);
    let beside: Vec<PathBuf> = names.map(|name| folder_of(out).join(name)).collect();
    beside.iter().try_for_each(|path| files::refuse_input(path, &args.file))?;
    let is_there = out.symlink_metadata().is_ok();
    // Where nothing is to be replaced, the writer itself refuses, and knows best which files it writes.
    if is_there
        && !args.force_all
        && let Some(path) = beside.iter().find(|path| path.symlink_metadata().is_ok())
    {
        return Err(taken(path));
    }
    Ok(is_there || args.force_all)
}

/// A file that the model has beside the output is there.
fn taken(path: &Path) -> Failure {
    let path = path.display();
    Failure::failed(format!(
        "{path} is there already, and the model has a file of that name; restore it into another folder, or replace all with --force-all"
    ))
}

/// What an error in writing a model means to the caller of the program.
fn failure(error: Error, args: &DecompressArgs) -> Failure {
    match error {
        Error::Interrupted { .. } => Failure::interrupted(),
        Error::Interchange(interchange::Error::Exists { path }) => taken(&path),
        error => {
            let what = format!("cannot decompress {}", args.file.display());
            Failure::Failed(anyhow::Error::from(error).context(what))
        }
    }
}
