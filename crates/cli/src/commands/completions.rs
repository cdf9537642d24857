//! `mixpress completions`: a completion script for a shell.

use clap::CommandFactory;

use crate::args::{Cli, CompletionArgs};
use crate::failure::Failure;
use crate::output;

/// Prints the script.
pub(crate) fn completions(args: &CompletionArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "mixpress", &mut script);
    Ok(output::write(&String::from_utf8_lossy(&script))?)
}
