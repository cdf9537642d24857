//! `mixpress inspect`: what a file holds.

use std::fs;

use anyhow::Context;
use mixpress::prelude::Outcome;
use mixpress::report;

use crate::args::InspectArgs;
use crate::failure::Failure;
use crate::output;

/// Runs the command.
pub(crate) fn inspect(args: &InspectArgs) -> Result<(), Failure> {
    let what = || format!("cannot inspect {}", args.file.display());
    let bytes = fs::read(&args.file).with_context(what)?;
    let outcome = Outcome::of_bytes(&bytes).with_context(what)?;
    let text = if args.json { report::json(&outcome, Some(&args.file)) + "\n" } else { report::inspection(&outcome) };
    Ok(output::write(&text)?)
}
