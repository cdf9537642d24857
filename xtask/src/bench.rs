//! `cargo xtask bench`: figures of this machine, measured side by side by the program of `mixpress-benches`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use crate::repository;

/// How much is measured, and beside what.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Fewer rounds: under a minute without PyTorch.
    #[arg(long)]
    quick: bool,
    /// Prints one JSON object on the last line instead of a table.
    #[arg(long)]
    json: bool,
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
    let root = repository::root();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut program = Command::new(cargo);
    program.current_dir(&root).args(["run", "--quiet", "--release", "--package", "mixpress-benches", "--"]);
    program.args(args.quick.then_some("--quick")).args(args.json.then_some("--json"));
    if let Some(Framework::Pytorch) = args.against {
        program.arg("--pytorch").arg(pytorch(&root)?);
    }
    let status = program.status()?;
    if !status.success() {
        bail!("the benches ended with {status}");
    }
    Ok(())
}

/// The Python of a virtual environment that has `PyTorch`, made where it is missing.
fn pytorch(root: &Path) -> anyhow::Result<PathBuf> {
    let environment = root.join("target/pytorch");
    let python = environment.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if !has_torch(&python) {
        let chosen = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
        eprintln!("installing PyTorch into {}; it is large, and kept for the next time", environment.display());
        check(Command::new(chosen).args(["-m", "venv"]).arg(&environment), "make a virtual environment")?;
        check(Command::new(&python).args(["-m", "pip", "install", "--quiet", "torch", "numpy"]), "install PyTorch")?;
    }
    Ok(python)
}

fn has_torch(python: &Path) -> bool {
    python.exists() && Command::new(python).args(["-c", "import torch"]).status().is_ok_and(|status| status.success())
}

fn check(command: &mut Command, purpose: &str) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?} to {purpose}"))?;
    if !status.success() {
        bail!("could not {purpose}: {command:?} ended with {status}");
    }
    Ok(())
}
