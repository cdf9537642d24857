//! What the inputs and the file of sensitivities of `mixpress compress MODEL` come to.

use std::time::Instant;

use mixpress::compress::Sensitivities;
use mixpress::prelude::{ModelCompressor, Overwrite};

use super::runtime;
use crate::args::CompressArgs;
use crate::failure::Failure;
use crate::files;

/// A compressor with the inputs and the sensitivities that are asked for, measured where no file has them.
pub(super) fn measured<'a>(
    compressor: ModelCompressor<'a>,
    args: &CompressArgs,
) -> Result<ModelCompressor<'a>, Failure> {
    let wanted = &args.wanted;
    let compressor = match &wanted.inputs {
        Some(path) => runtime::with_inputs(compressor, path)?,
        None => compressor,
    };
    let kept = wanted.sensitivity.as_deref().filter(|path| path.exists());
    if let Some(path) = kept {
        let read = Sensitivities::read(path).map_err(|error| Failure::Failed(error.into()))?;
        return Ok(compressor.sensitivities(read));
    }
    if wanted.inputs.is_none() {
        let Some(path) = &wanted.sensitivity else { return Ok(compressor) };
        let path = path.display();
        return Err(Failure::usage(format!("{path} is not there; with --inputs it is made, by measuring")));
    }
    if wanted.lossless || wanted.distortion.is_some() {
        return Ok(compressor);
    }
    let kept = wanted.sensitivity.as_deref().filter(|_| !wanted.dry_run);
    if let Some(path) = kept {
        files::refuse_taken(path, false)?;
        files::refuse_name(path, "sensitivities", ".json")?;
    }
    let started = Instant::now();
    let measured = runtime::measure(&compressor)?;
    if !args.talk.quiet {
        let (count, seconds) = (measured.tensors.len(), started.elapsed().as_secs_f64());
        eprintln!("note: sensitivities of {count} tensors were measured in {seconds:.1} s");
    }
    // What no output noticed would serve no later run.
    if let Some(path) = kept.filter(|_| measured.tensors.iter().any(|tensor| tensor.sensitivity > 0.0)) {
        measured.write(path, Overwrite::Refuse).map_err(|error| Failure::Failed(error.into()))?;
    }
    Ok(compressor.sensitivities(measured))
}
