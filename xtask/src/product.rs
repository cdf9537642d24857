//! The commands of the program `mixpress` with this repository's defaults: MNIST, and outputs under `target/mixpress`.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use mixpress_cli::{Command, Defaults};

use crate::repository;

/// Runs the command.
pub fn run(command: &Command) -> ExitCode {
    mixpress_cli::execute(command, &defaults())
}

fn defaults() -> Defaults {
    let root = repository::root();
    let folder = root.join("target/mixpress");
    // A path below the folder that the user stands in reads better in messages.
    let here = env::current_dir().unwrap_or_default();
    let folder = folder.strip_prefix(&here).map_or(folder.clone(), PathBuf::from);
    let images = Some(root.join("xtask/data/mnist"));
    let program = "cargo xtask";
    Defaults { program, network: "lenet-300-100", images, folder, replace: true, report: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_images_are_in_the_repository() {
        let images = defaults().images.expect("a folder");
        assert!(images.join("train-images-idx3-ubyte.gz").is_file(), "{}", images.display());
    }
}
