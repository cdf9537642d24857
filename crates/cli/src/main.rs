//! The program `mixpress`; everything it does is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    mixpress_cli::run(std::env::args_os())
}
