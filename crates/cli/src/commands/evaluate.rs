//! `mixpress evaluate`: the test error of a file.

use std::borrow::Cow;

use anyhow::Context;
use mixpress::prelude::CompressedModel;
use mixpress::report::printable;
use serde::Serialize;

use super::inputs;
use crate::args::EvaluateArgs;
use crate::defaults::Defaults;
use crate::failure::Failure;
use crate::kinds::{Wanted, explained};
use crate::output;
use crate::threads::with_threads;

/// What `--json` prints.
#[derive(Serialize)]
struct Evaluation<'a> {
    file: Cow<'a, str>,
    network: &'a str,
    data: &'a str,
    /// Percent of the test items that are classified wrongly.
    error: f64,
    items: usize,
}

/// Runs the command.
pub(crate) fn evaluate(args: &EvaluateArgs, defaults: &Defaults) -> Result<(), Failure> {
    let file = args.file.display();
    let model = CompressedModel::open(&args.file)
        .map_err(|error| explained(error, &args.file, Wanted::Mxp, || format!("cannot evaluate {file}")))?;
    let data = inputs::data_for(args.data.as_deref(), args.label.as_deref(), &model, defaults)?.test;
    let error = with_threads(args.threads, || model.error_rate(&data))?
        .with_context(|| format!("cannot evaluate {file} on {}", data.name()))?;
    let network = model.definition().map_or("unnamed", |definition| &definition.name);
    let evaluation =
        Evaluation { file: args.file.to_string_lossy(), network, data: data.name(), error, items: data.len() };
    let text = if args.json {
        serde_json::to_string(&evaluation).context("cannot print as JSON")? + "\n"
    } else {
        format!(
            "{file}: {}, {error:.2} % of the {} test items of {} wrong\n",
            printable(network),
            evaluation.items,
            data.name()
        )
    };
    Ok(output::write(&text)?)
}
