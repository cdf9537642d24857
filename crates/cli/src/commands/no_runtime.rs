//! Stands for [`runtime`](super) where the feature `rten` is off: says that it is missing.

use std::path::Path;

use mixpress::compress::{Model, OutputOutcome, Sensitivities};
use mixpress::prelude::ModelCompressor;

use crate::args::PredictArgs;
use crate::failure::Failure;

fn missing() -> Failure {
    Failure::usage("this mixpress was built without a runtime for models; build it with the feature rten")
}

pub(super) fn with_inputs<'a>(_: ModelCompressor<'a>, _: &Path) -> Result<ModelCompressor<'a>, Failure> {
    Err(missing())
}

pub(super) fn measure(_: &ModelCompressor<'_>) -> Result<Sensitivities, Failure> {
    Err(missing())
}

pub(super) fn outputs(_: &Path, _: &Model, _: &Path) -> Result<Vec<OutputOutcome>, Failure> {
    Err(missing())
}

pub(crate) fn predict(_: &PredictArgs) -> Result<(), Failure> {
    Err(missing())
}
