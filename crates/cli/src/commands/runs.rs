//! What needs a model to be run: sensitivities, output errors, predictions. Without the feature `rten`, only that it is missing.

use std::path::Path;
use std::time::Instant;

#[cfg(feature = "rten")]
use anyhow::Context;
#[cfg(feature = "rten")]
use mixpress::compress::Error;
#[cfg(feature = "rten")]
use mixpress::compress::runtime::{Array, Arrays, Values, is_model_thread};
use mixpress::compress::{Model, OutputOutcome, Sensitivities};
#[cfg(feature = "rten")]
use mixpress::compress::{Opened, compare_outputs_until};
#[cfg(feature = "rten")]
use mixpress::prelude::CancelToken;
use mixpress::prelude::{ModelCompressor, Overwrite};
#[cfg(feature = "rten")]
use mixpress::report::printable;
#[cfg(feature = "rten")]
use mixpress::tensor::Tensor;
#[cfg(feature = "rten")]
use mixpress::train::Draft;

use crate::args::{CompressArgs, PredictArgs};
use crate::failure::Failure;
use crate::files;
#[cfg(feature = "rten")]
use crate::interrupt::cancel_on_signal;
#[cfg(feature = "rten")]
use crate::threads::with_threads;

/// A compressor with the inputs and the sensitivities that are asked for, measured where no file has them.
pub(super) fn measured<'a>(
    compressor: ModelCompressor<'a>,
    args: &CompressArgs,
) -> Result<ModelCompressor<'a>, Failure> {
    let wanted = &args.wanted;
    let compressor = match &wanted.inputs {
        Some(path) => with_inputs(compressor, path)?,
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
    let measured = measure(&compressor)?;
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

/// What an error of a run means to the caller of the program.
#[cfg(feature = "rten")]
fn failure(error: Error) -> Failure {
    match error {
        Error::Interrupted { .. } => Failure::Interrupted(None),
        Error::Setting { .. } => Failure::Usage(error.into()),
        error => Failure::Failed(error.into()),
    }
}

#[cfg(feature = "rten")]
fn with_inputs<'a>(compressor: ModelCompressor<'a>, path: &Path) -> Result<ModelCompressor<'a>, Failure> {
    Ok(compressor.samples(arrays(path)?))
}

#[cfg(feature = "rten")]
fn measure(compressor: &ModelCompressor<'_>) -> Result<Sensitivities, Failure> {
    compressor.measure().map_err(failure)
}

/// How far the outputs of a file's model are from those of its source.
#[cfg(feature = "rten")]
pub(super) fn outputs(file: &Path, source: &Model, inputs: &Path) -> Result<Vec<OutputOutcome>, Failure> {
    let cancel = CancelToken::new();
    cancel_on_signal(cancel.clone(), None);
    compare_outputs_until(file, source, arrays(inputs)?, &cancel).map_err(failure)
}

/// Runs `mixpress predict`.
#[cfg(feature = "rten")]
pub(crate) fn predict(args: &PredictArgs) -> Result<(), Failure> {
    files::refuse_name(&args.out, "arrays", ".npz")?;
    for input in [&args.file, &args.inputs] {
        files::refuse_input(&args.out, input)?;
    }
    files::refuse_taken(&args.out, args.force)?;
    let what = || format!("cannot predict with {}", args.file.display());
    let mut draft = if args.force { Draft::replacing(&args.out) } else { Draft::new(&args.out) }.with_context(what)?;
    let (inputs, cancel) = (arrays(&args.inputs)?, CancelToken::new());
    cancel_on_signal(cancel.clone(), None);
    let outputs = with_threads(args.threads, || -> anyhow::Result<Arrays> {
        match Opened::open(&args.file)? {
            Opened::Model(model) => Ok(model.predict_until(inputs, &cancel)?),
            Opened::Network(network) => {
                let outputs = network.predict(&the_only(&inputs)?)?;
                let (shape, values) = (outputs.shape().to_vec(), outputs.data().to_vec());
                let mut out = Arrays::new();
                out.insert("output", Array::new(shape, values)?)?;
                Ok(out)
            }
        }
    })?;
    let outputs = match outputs {
        Err(error) if matches!(error.downcast_ref(), Some(Error::Interrupted { .. })) => {
            return Err(Failure::Interrupted(None));
        }
        outputs => outputs.with_context(what)?,
    };
    let written = outputs.write_npz(draft.file());
    written.with_context(|| format!("cannot write {}", args.out.display()))?;
    draft.put().with_context(what)?;
    for (name, array) in outputs.iter() {
        println!("{} {} {:?}", printable(name), array.values().type_name(), array.shape());
    }
    Ok(())
}

/// The inputs of a network that takes one.
#[cfg(feature = "rten")]
fn the_only(inputs: &Arrays) -> anyhow::Result<Tensor> {
    let mut all = inputs.iter();
    let (Some((name, array)), None) = (all.next(), all.next()) else {
        anyhow::bail!("the network takes one input, and the file has {} arrays", inputs.len());
    };
    let Values::F32(values) = array.values() else {
        anyhow::bail!("the network takes floats, and {name} is {}", array.values().type_name());
    };
    anyhow::ensure!(!values.is_empty(), "{name} has no samples");
    if let Some(position) = values.iter().position(|value| !value.is_finite()) {
        anyhow::bail!("{name} has {} at position {position}; the network takes finite numbers", values[position]);
    }
    Ok(Tensor::new(array.shape(), values.clone())?)
}

#[cfg(feature = "rten")]
fn arrays(path: &Path) -> Result<Arrays, Failure> {
    // An operator may panic on a model that it does not expect; the error that comes of it says so in one line.
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !is_model_thread() {
            usual(panic);
        }
    }));
    Ok(Arrays::read_npz(path).context("cannot take inputs")?)
}

#[cfg(not(feature = "rten"))]
fn missing() -> Failure {
    Failure::usage("this mixpress was built without a runtime for models; build it with the feature rten")
}

#[cfg(not(feature = "rten"))]
fn with_inputs<'a>(_: ModelCompressor<'a>, _: &Path) -> Result<ModelCompressor<'a>, Failure> {
    Err(missing())
}

#[cfg(not(feature = "rten"))]
fn measure(_: &ModelCompressor<'_>) -> Result<Sensitivities, Failure> {
    Err(missing())
}

#[cfg(not(feature = "rten"))]
pub(super) fn outputs(_: &Path, _: &Model, _: &Path) -> Result<Vec<OutputOutcome>, Failure> {
    Err(missing())
}

#[cfg(not(feature = "rten"))]
pub(crate) fn predict(_: &PredictArgs) -> Result<(), Failure> {
    Err(missing())
}
