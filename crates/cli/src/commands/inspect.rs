//! `mixpress inspect`: what a file holds.

use mixpress::compress::Description;
use mixpress::report;

use crate::args::InspectArgs;
use crate::failure::Failure;
use crate::kinds::{Wanted, explained};
use crate::output;

/// Runs the command.
pub(crate) fn inspect(args: &InspectArgs) -> Result<(), Failure> {
    let described = Description::of_path(&args.file);
    let what = || format!("cannot inspect {}", args.file.display());
    let described = described.map_err(|error| explained(error, &args.file, Wanted::Mxp, what))?;
    let text = match &described {
        Description::Network(outcome) if args.json => report::json(outcome, Some(&args.file)) + "\n",
        Description::Network(outcome) => report::inspection(outcome),
        Description::Model(outcome) if args.json => report::model_json(outcome, Some(&args.file)) + "\n",
        Description::Model(outcome) => report::model_table(outcome),
    };
    Ok(output::write(&text)?)
}
