//! `mixpress inspect`: what a file holds.

use crate::args::InspectArgs;
use crate::failure::Failure;

/// Runs the command.
pub(crate) fn inspect(args: &InspectArgs) -> Result<(), Failure> {
    Err(Failure::failed(format!("inspect {} {}", args.file.display(), args.json)))
}
