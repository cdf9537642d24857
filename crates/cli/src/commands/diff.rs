//! `mixpress diff`: how two models differ.

use mixpress::compress::compare;
use mixpress::report;

use crate::args::DiffArgs;
use crate::failure::Failure;
use crate::kinds::{Wanted, mistaken};
use crate::output;

/// Runs the command.
pub(crate) fn diff(args: &DiffArgs) -> Result<(), Failure> {
    let what = || format!("cannot compare {} and {}", args.first.display(), args.second.display());
    let differences = compare(&args.first, &args.second).map_err(|error| {
        let told = [&args.first, &args.second].into_iter().find_map(|path| mistaken(path, Wanted::Either));
        told.map_or_else(|| anyhow::Error::from(error).context(what()), anyhow::Error::msg)
    })?;
    let text = if args.json {
        serde_json::json!({ "differences": differences }).to_string() + "\n"
    } else {
        report::differences_table(&differences)
    };
    output::write(&text)?;
    if args.exit_code && !differences.is_empty() { Err(Failure::Told) } else { Ok(()) }
}
