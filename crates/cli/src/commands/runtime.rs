//! What needs a model to be run: sensitivities, output errors, and `mixpress predict`.

use std::path::Path;

use anyhow::Context;
use mixpress::compress::runtime::{Array, Arrays, Values, is_model_thread};
use mixpress::compress::{Error, Model, Opened, OutputOutcome, Sensitivities, compare_outputs_until};
use mixpress::prelude::{CancelToken, ModelCompressor};
use mixpress::report::printable;
use mixpress::tensor::Tensor;
use mixpress::train::Draft;

use crate::args::PredictArgs;
use crate::failure::Failure;
use crate::interrupt::cancel_on_signal;
use crate::threads::with_threads;
use crate::{files, output};

/// What an error of a run means to the caller of the program.
fn failure(error: Error) -> Failure {
    match error {
        Error::Interrupted { .. } => Failure::interrupted(),
        Error::Setting { .. } => Failure::Usage(error.into()),
        error => Failure::Failed(error.into()),
    }
}

/// A compressor with the inputs of a file.
pub(super) fn with_inputs<'a>(compressor: ModelCompressor<'a>, path: &Path) -> Result<ModelCompressor<'a>, Failure> {
    Ok(compressor.samples(arrays(path)?))
}

/// The sensitivities of a model's tensors.
pub(super) fn measure(compressor: &ModelCompressor<'_>) -> Result<Sensitivities, Failure> {
    compressor.measure().map_err(failure)
}

/// How far the outputs of a file's model are from those of its source.
pub(super) fn outputs(file: &Path, source: &Model, inputs: &Path) -> Result<Vec<OutputOutcome>, Failure> {
    let cancel = CancelToken::new();
    cancel_on_signal(cancel.clone(), None);
    compare_outputs_until(file, source, arrays(inputs)?, &cancel).map_err(failure)
}

/// Runs `mixpress predict`.
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
            return Err(Failure::interrupted());
        }
        outputs => outputs.with_context(what)?,
    };
    let written = outputs.write_npz(draft.file());
    written.with_context(|| format!("cannot write {}", args.out.display()))?;
    draft.put().with_context(what)?;
    let told = |(name, array): (&str, &Array)| {
        format!("{} {} {:?}\n", printable(name), array.values().type_name(), array.shape())
    };
    Ok(output::write(&outputs.iter().map(told).collect::<String>())?)
}

/// The inputs of a network that takes one.
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

/// The arrays of a file, for a model that is going to be run.
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
