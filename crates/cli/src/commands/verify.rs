//! `mixpress verify`: a file read whole, and compared with its source.

use anyhow::Context;
use mixpress::compress::{Model, ModelOutcome, verify as read_whole};
use mixpress::report;

use super::runs;
use crate::args::VerifyArgs;
use crate::failure::Failure;
use crate::output;
use crate::threads::with_threads;

/// Runs the command.
pub(crate) fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let what = || format!("cannot verify {}", args.file.display());
    let text = if let Some(source) = &args.against {
        let source = Model::open(source).with_context(|| format!("cannot read {}", source.display()))?;
        let mut outcome = ModelOutcome::of_file(&args.file, &source).with_context(what)?;
        if let Some(inputs) = &args.inputs {
            outcome.outputs = with_threads(args.threads, || runs::outputs(&args.file, &source, inputs))??;
        }
        if args.json { report::model_json(&outcome, Some(&args.file)) + "\n" } else { report::model_table(&outcome) }
    } else {
        let tensors = read_whole(&args.file, None).with_context(what)?;
        if args.json {
            serde_json::json!({ "file": args.file.to_string_lossy(), "tensors": tensors }).to_string() + "\n"
        } else {
            let table = report::tensors_table(&tensors);
            format!("{table}\nall checksums hold, all {} tensors decode\n", tensors.len())
        }
    };
    Ok(output::write(&text)?)
}
