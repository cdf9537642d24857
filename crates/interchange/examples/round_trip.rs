//! Opens a model, lists its tensors, stores its skeleton, writes the model into a folder and compares the files.
//!
//! `cargo run -p mixpress-interchange --example round_trip -- MODEL FOLDER`; with `--negate` at the end it writes all
//! weights with other signs instead, for `tests/data/make.py --check`.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use mixpress_interchange::{BoxError, Limits, Model, Skeleton, SourceTensor, WriteOptions};

fn main() -> Result<(), BoxError> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(source), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("which model, and into which folder?".into());
    };
    let negate = arguments.next().is_some_and(|word| word == Path::new("--negate"));
    let model = Model::open(&source)?;
    for tensor in model.tensors() {
        println!(
            "{:>12} bytes  {:<8} {:?}  {}",
            tensor.bytes(),
            tensor.element(),
            tensor.shape(),
            tensor.names().join(" = ")
        );
    }
    let payloads: u64 = model.tensors().iter().map(SourceTensor::bytes).sum();
    let stored = model.skeleton().to_bytes();
    println!(
        "{:?}: {} bytes of files, {} tensors of {payloads} bytes, {} kept, a skeleton of {} bytes",
        model.format(),
        model.file_bytes(),
        model.tensors().len(),
        model.kept().len(),
        stored.len()
    );

    let skeleton = Skeleton::from_bytes(&stored, &Limits::default())?;
    let options = WriteOptions { keep_shards: true, overwrite: true, ..WriteOptions::default() };
    let target = folder.join(source.file_name().unwrap_or_default());
    fs::create_dir_all(&folder)?;
    if folder.canonicalize()? == source.canonicalize()?.parent().ok_or("a file lies in a folder")? {
        return Err("the folder is the model's own".into());
    }
    let mut payloads = |tensor: usize| {
        let element = model.tensors()[tensor].element();
        let mut payload = model.payload(tensor)?;
        if negate && element.is_compressible() {
            let width = element.bits() as usize / 8;
            payload.chunks_mut(width).for_each(|value| value[width - 1] ^= 0x80);
        }
        Ok(Cow::Owned(payload))
    };
    let written = skeleton.write(target, &mut payloads, &options)?;
    if negate {
        return Ok(());
    }
    for (source, written) in model.paths().zip(&written) {
        let same = fs::read(source)? == fs::read(written)?;
        println!("{}: {}", source.display(), if same { "the same" } else { "DIFFERENT" });
        if !same {
            return Err("a file came back changed".into());
        }
    }
    Ok(())
}
