//! `mixpress diff`: how two models differ.

use anyhow::Context;
use mixpress::compress::compare;
use mixpress::report;

use crate::args::DiffArgs;
use crate::failure::Failure;
use crate::output;

/// Runs the command.
pub(crate) fn diff(args: &DiffArgs) -> Result<(), Failure> {
    let what = || format!("cannot compare {} and {}", args.first.display(), args.second.display());
    let differences = compare(&args.first, &args.second).with_context(what)?;
    let text = if args.json {
        serde_json::json!({ "differences": differences }).to_string() + "\n"
    } else {
        report::differences_table(&differences)
    };
    Ok(output::write(&text)?)
}
