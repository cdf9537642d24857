//! `cargo xtask bench`: figures of this machine, measured side by side by the program of `mixpress-benches`.

use std::process::Command;

use anyhow::bail;
use clap::{Args, ValueEnum};

use crate::{python, rate, repository};

/// How much is measured, and beside what.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Fewer rounds: under a minute without PyTorch.
    #[arg(long)]
    quick: bool,
    /// Prints one JSON object on the last line instead of a table.
    #[arg(long)]
    json: bool,
    /// Bits a weight at signal-to-noise ratios, and how fast files are made and read, of real models: beside `NNCodec`,
    /// `zstd` and `ZipNN` where pip can install them (under target/). Takes some minutes.
    #[arg(long, conflicts_with_all = ["quick", "against"])]
    rate: bool,
    /// Times training steps beside another framework's, which is installed under target/ at the first call.
    #[arg(long, value_name = "FRAMEWORK")]
    against: Option<Framework>,
}

/// What training steps are compared with.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Framework {
    /// `PyTorch` on the CPU, eager and compiled (needs Python 3 with its module venv, and downloads up to some GB).
    Pytorch,
}

/// Builds the program and runs it.
pub fn run(args: &BenchArgs) -> anyhow::Result<()> {
    if args.rate {
        return rate::run(args.json);
    }
    let root = repository::root();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut program = Command::new(cargo);
    program.current_dir(&root).args(["run", "--quiet", "--release", "--package", "mixpress-benches", "--"]);
    program.args(args.quick.then_some("--quick")).args(args.json.then_some("--json"));
    if let Some(Framework::Pytorch) = args.against {
        let environment = root.join("target/pytorch");
        program.arg("--pytorch").arg(python::environment(&environment, "import torch", &[&["torch", "numpy"]])?);
    }
    let status = program.status()?;
    if !status.success() {
        bail!("the benches ended with {status}");
    }
    Ok(())
}
