//! `mixpress inspect`: what a file holds.

use anyhow::Context;
use mixpress::prelude::Outcome;
use mixpress::report;

use crate::args::InspectArgs;
use crate::failure::Failure;
use crate::output;

/// Runs the command.
pub(crate) fn inspect(args: &InspectArgs) -> Result<(), Failure> {
    let outcome = Outcome::of_path(&args.file).with_context(|| format!("cannot inspect {}", args.file.display()))?;
    let text = if args.json { report::json(&outcome, Some(&args.file)) + "\n" } else { report::inspection(&outcome) };
    Ok(output::write(&text)?)
}
