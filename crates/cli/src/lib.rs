//! The program `mixpress`: its arguments, what it prints, and how it ends.
//!
//! [`run`] is the whole program as a function; [`execute`] is the part after the arguments were read, for a program that
//! offers the same commands with other [`Defaults`].
//!
//! Three rules hold everywhere:
//!
//! - *Standard output carries the result and nothing else*: a table for people, or, with `--json`, one line with one JSON
//!   object instead of the table. Progress, notes and errors go to standard error; bars are drawn only when that is a
//!   terminal.
//! - *The exit code tells what happened*: 0 done, 1 failed, 2 wrong usage (arguments, a recipe or a network definition
//!   that cannot be understood), 130 interrupted.
//! - *An output is written whole or not at all*, and replaces nothing unless `--force` says so.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod defaults;
mod failure;
mod files;
mod interrupt;
mod kinds;
mod logging;
mod output;
mod progress;
mod repeat;
mod threads;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

/// The facade that the commands are made of, for a program that adds commands of its own.
pub use mixpress;

pub use args::{
    Cli, Command, CompletionArgs, CompressArgs, DecompressArgs, DiffArgs, ErrorKind, EvaluateArgs, InspectArgs,
    PredictArgs, ReportArgs, Talk, VerifyArgs, WantedArgs,
};
pub use defaults::Defaults;

/// Runs the program with the given arguments, the first of which is its own name.
///
/// ```
/// use std::process::ExitCode;
///
/// assert_eq!(mixpress_cli::run(["mixpress", "compress", "--print-recipe"]), ExitCode::SUCCESS);
/// assert_eq!(mixpress_cli::run(["mixpress", "compress", "--resume"]), ExitCode::from(2));
/// ```
pub fn run<I, A>(args: I) -> ExitCode
where
    I: IntoIterator<Item = A>,
    A: Into<OsString> + Clone,
{
    match Cli::try_parse_from(args) {
        Ok(cli) => execute(&cli.command, &Defaults::default()),
        Err(error) => failure::usage(&error),
    }
}

/// Runs one command, with `defaults` for what it leaves open.
#[must_use]
pub fn execute(command: &Command, defaults: &Defaults) -> ExitCode {
    let result = match command {
        Command::Compress(args) => commands::compress(args, defaults),
        Command::Evaluate(args) => commands::evaluate(args, defaults),
        Command::Inspect(args) => commands::inspect(args),
        Command::Predict(args) => commands::predict(args),
        Command::Verify(args) => commands::verify(args),
        Command::Diff(args) => commands::diff(args),
        Command::Report(args) => commands::report(args, defaults),
        Command::Decompress(args) => commands::decompress(args),
        Command::Completions(args) => commands::completions(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
