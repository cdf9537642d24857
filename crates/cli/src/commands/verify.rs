//! `mixpress verify`: a file read whole, and compared with its source.

use mixpress::compress::{Error, Model, ModelOutcome, verify as read_whole};
use mixpress::report;

use super::runtime;
use crate::args::VerifyArgs;
use crate::failure::Failure;
use crate::kinds::{Wanted, explained};
use crate::output;
use crate::threads::with_threads;

/// Runs the command.
pub(crate) fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let what = || format!("cannot verify {}", args.file.display());
    let failed = |error: Error| explained(error, &args.file, Wanted::Mxp, what);
    let text = if let Some(path) = &args.against {
        let unread = || format!("cannot read {}", path.display());
        let source = Model::open(path).map_err(|error| explained(error, path, Wanted::Model, unread))?;
        let mut outcome = ModelOutcome::of_file(&args.file, &source).map_err(failed)?;
        if let Some(inputs) = &args.inputs {
            outcome.outputs = with_threads(args.threads, || runtime::outputs(&args.file, &source, inputs))??;
        }
        output::write(&if args.json {
            report::model_json(&outcome, Some(&args.file)) + "\n"
        } else {
            format!("{}\n{}", report::model_table(&outcome), report::verdict(&outcome))
        })?;
        return if report::is_hardly_the_source(&outcome) { Err(Failure::Told) } else { Ok(()) };
    } else {
        let tensors = read_whole(&args.file, None).map_err(failed)?;
        if args.json {
            serde_json::json!({ "file": args.file.to_string_lossy(), "tensors": tensors }).to_string() + "\n"
        } else {
            let table = report::tensors_table(&tensors);
            format!("{table}\nall checksums hold, all {} tensors decode\n", tensors.len())
        }
    };
    Ok(output::write(&text)?)
}
